import pytest

from crosslate.languages.aliases import normalised, resolve_code

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


@pytest.mark.parametrize(
    ("code", "served", "expected"),
    [
        ("zt", ["zh-Hans"], None),  # one script of Chinese never stands for the other
        ("zh-Hans", ["zh-Hant"], None),
        ("pb", ["pt"], "pt"),
        ("pt", ["pt", "pt-BR"], "pt"),
    ],
)
def test_resolve_among_few(code, served, expected):
    assert resolve_code(code, served) == expected


def test_normalised():
    assert normalised("ZZ_Top") == "zz-top"
