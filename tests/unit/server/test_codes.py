import pytest

from crosslate.languages.codes import public_code, public_name
from crosslate.server.codes import normalised, resolve_code


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("de", "de"), ("zh", "zh-Hans"), ("zt", "zh-Hant"), ("pb", "pt-BR"), ("pt_BR", "pt-BR"), ("kab", "kab"),
        ("fra_Latn", "fr"), ("zho_Hant", "zh-Hant"), ("zho-Hans", "zh-Hans"), ("srp_Cyrl", "sr"), ("kab_Latn", "kab"),
    ],
)  # fmt: skip
def test_public_code(code, expected):
    assert public_code(code) == expected


def test_names():
    assert public_name("de") == "German"
    assert public_name("zh-Hant") == "Chinese (traditional)"


SERVED = ["de", "en", "he", "no", "pt-BR", "zh-Hans", "zh-Hant"]


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("de", "de"), ("DE", "de"), ("en-US", "en"), ("en_GB", "en"), (" de ", "de"),
        ("zh", "zh-Hans"), ("ZH", "zh-Hans"), ("zt", "zh-Hant"), ("zh-Hant", "zh-Hant"), ("zh_hans", "zh-Hans"),
        ("zh-TW", "zh-Hant"), ("zh-CN", "zh-Hans"), ("zh-Hant-HK", "zh-Hant"),
        ("pb", "pt-BR"), ("pt", "pt-BR"), ("pt_BR", "pt-BR"), ("nb", "no"), ("iw", "he"),
        ("zz", None), ("", None), ("auto", None), ("d", None), ("deu", None),
    ],
)  # fmt: skip
def test_resolve(code, expected):
    assert resolve_code(code, SERVED) == expected


def test_one_script_of_chinese_never_stands_for_the_other():
    assert resolve_code("zt", ["zh-Hans"]) is None
    assert resolve_code("zh-Hans", ["zh-Hant"]) is None


def test_portuguese_without_brazil():
    assert resolve_code("pb", ["pt"]) == "pt"
    assert resolve_code("pt", ["pt", "pt-BR"]) == "pt"


def test_normalised():
    assert normalised("ZZ_Top") == "zz-top"
