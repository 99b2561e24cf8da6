import pytest

from crosslate.languages.codes import public_code, public_name


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
