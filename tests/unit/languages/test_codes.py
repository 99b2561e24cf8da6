"""Codes of languages."""

import pytest

from crosslate.languages.codes import match_language, normalised, public_code, public_name, resolve_code


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
