"""Codes of languages."""

import pytest

from crosslate.languages.codes import match_language


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
