"""Codes of languages."""

import pytest

from crosslate.languages.codes import match_language, public_code, public_name


@pytest.mark.parametrize(
    ("wanted", "available", "found"),
    [
        ("de", ["en", "de"], "de"),
        ("de", ["de-DE", "DE"], "DE"),
        ("de", ["en", "de_AT"], "de_AT"),
        ("de-at", ["de", "de-CH"], "de"),
        ("de-AT", ["DE-at-1996", "de"], "DE-at-1996"),
        ("pt-BR", ["pt-PT"], None),
        ("de", ["deu", "d", "", "en-de"], None),
        ("zh-Hans", ["zh-Hans-CN"], "zh-Hans-CN"),
    ],
)
def test_match_language(wanted, available, found):
    assert match_language(wanted, available) == found


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
