"""Codes of languages."""

import pytest

from crosslate.errors import UsageError
from crosslate.languages.codes import (
    is_same_language,
    language_code,
    language_pair,
    match_language,
    match_pair,
    names_columns,
    normalised,
    public_code,
    public_name,
    resolve_code,
)


@pytest.mark.parametrize(
    ("wanted", "available", "found"),
    [
        ("de", ["en", "de"], "de"),
        ("de", ["de-DE", "DE"], "DE"),
        ("de", ["en", "de_AT"], "de_AT"),
        ("de-at", ["de", "de-CH"], "de"),
        ("de-AT", ["DE-at-1996", "de"], "DE-at-1996"),
        ("pt-BR", ["pt-PT"], None),
        ("de", ["d", "", "en-de", "den", "de-facto text"], None),
        ("de", ["en", "deu"], "deu"),
        ("de", ["eng", "GER"], "GER"),
        ("deu", ["eng_Latn", "deu_Latn"], "deu_Latn"),
        ("deu-Latn", ["en_XX", "de_DE"], "de_DE"),
        ("fr-CA", ["fra_Latn"], "fra_Latn"),
        ("sr-Latn", ["srp_Cyrl"], None),
        ("it", ["English", "Italian"], "Italian"),
        ("en-US", ["German", "English (US)"], "English (US)"),
        ("ha", ["sentence_yor_Latn", "sentence_hau_Latn"], "sentence_hau_Latn"),
        ("is", ["it is", "so is it"], None),
        ("zh-CN", ["zho_Hant", "zho_Hans"], "zho_Hans"),
        ("zh", ["zh-TW", "zh-CN"], "zh-CN"),
        ("zh-Hant", ["zh-CN"], None),
        ("he", ["iw"], "iw"),
        ("bo", ["bod_Tibt"], "bod_Tibt"),
        ("ast", ["ast_Latn"], "ast_Latn"),
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


@pytest.mark.parametrize(
    ("languages", "available", "found"),
    [
        (("de", "en"), ["eng", "deu"], ("deu", "eng")),
        (("zh-Hans", "zh-Hant"), ["zh-TW", "zh-CN"], ("zh-CN", "zh-TW")),
        (("pt-PT", "pt-BR"), ["pt-BR", "pt"], ("pt", "pt-BR")),
        (("zh-Hans", "zh-Hant"), ["zh", "en"], ("zh", None)),  # one text is not both sides
        (("de-AT", "de"), ["de", "en"], (None, "de")),
        (("de", "fr"), ["eng", "deu"], ("deu", None)),
    ],
)
def test_match_pair(languages, available, found):
    assert match_pair(languages, available) == found


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["eng", "deu"], True), (["French", "english"], True), (["en", "tpi"], True), (["src", "trg"], True),
        (["Source", "Target", "score"], True), (["ace_Arab", "zzj_Hani"], True), (["id", "fr_FR", "es_ES"], True),
        (["no", "nein"], False), (["Hello", "Hallo"], False), (["It is so.", "Es ist so."], False),
        (["German", "Deutsch"], False), (["en", "en"], True), (["", ""], False), (["English", "a text"], False),
    ],
)  # fmt: skip
def test_names_of_columns_are_no_pair(names, expected):
    assert names_columns(names, ("de", "en")) is expected


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("de", "de"), ("DE", "de"), ("deu", "deu"), ("deu_Latn", "deu-Latn"), ("German", "de"), (" german ", "de"),
        ("PT-BR", "pt-BR"), ("Haitian Creole", "ht"), ("Chinese (simplified)", "zh-Hans"), ("tpi", "tpi"),
    ],
)  # fmt: skip
def test_language_code(code, expected):
    assert language_code(code) == expected


@pytest.mark.parametrize("code", ["Klingon", "ROMANCE", "ZLE", "", "d", "de en"])
def test_what_is_no_language_is_refused(code):
    with pytest.raises(UsageError, match="is not a language code; expected one like 'de'"):
        language_code(code)


@pytest.mark.parametrize(
    ("pair", "expected"),
    [
        ("fr-en", ("fr", "en")), ("fra_Latn-eng_Latn", ("fra-Latn", "eng-Latn")), ("French-English", ("fr", "en")),
        ("DE-EN", ("de", "en")), ("de-DE-en-US", ("de-DE", "en-US")), ("pt-BR-en", ("pt-BR", "en")),
        ("en-zh-Hant", ("en", "zh-Hant")), ("es-419-fr-CA", ("es-419", "fr-CA")),
    ],
)  # fmt: skip
def test_language_pair(pair, expected):
    assert language_pair(pair) == expected


@pytest.mark.parametrize("pair", ["fr", "en-de-at", "a-b", ""])
def test_what_is_no_pair_or_can_be_read_as_several_is_refused(pair):
    with pytest.raises(UsageError):
        language_pair(pair)


@pytest.mark.parametrize(
    ("one", "other"), [("ger", "deu_Latn"), ("fre", "FR"), ("nb", "nob_Latn"), ("fil", "tgl"), ("iw", "heb")]
)
def test_is_same_language(one, other):
    assert is_same_language(one, other)
    assert not is_same_language(one, "en") and not is_same_language("twi_Latn", "aka_Latn")


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
        ("zz", None), ("", None), ("auto", None), ("d", None),
        ("deu", "de"), ("GER", "de"), ("deu_Latn", "de"), ("zho_Hant", "zh-Hant"), ("cmn", "zh-Hans"),
        ("nob", "no"), ("por-BR", "pt-BR"), ("fra", None), ("deu-é", "de"), ("kab", None),
        ("German", "de"), ("chinese (traditional)", "zh-Hant"), ("French", None), ("Germ", None),
        ("ger-AT", "de"), ("eng_Latn", "en"), ("hebrew", "he"), ("xyz", None),
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
        ("deu", ["de", "deu"], "deu"),
        ("kab", ["kab"], "kab"),
    ],
)
def test_resolve_among_few(code, served, expected):
    assert resolve_code(code, served) == expected


def test_normalised():
    assert normalised("ZZ_Top") == "zz-top"
