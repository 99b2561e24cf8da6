"""How families write languages: the code for what a user calls a language, and the prefix of a task."""

from types import SimpleNamespace

import pytest

from crosslate.errors import ParentError
from crosslate.models.vocabularies.conventions import (
    CONVENTIONS,
    Conventions,
    describe_language,
    find_code,
    task_prefix,
)

PIECES = {
    "MBartTokenizer": ["<s>", "▁de", "de_DE", "en_XX", "pt_XX", "<mask>"],
    "NllbTokenizer": ["▁fra", "fra_Latn", "zho_Hans", "zho_Hant", "arb_Arab", "ary_Arab", "swh_Latn"],
    "M2M100Tokenizer": ["__de__", "__ast__", "madeupword0000", "__"],
    "PLBartTokenizer": ["__java__", "__en_XX__", "__python__"],
    "MarianTokenizer": [">>fra<<", ">>pt_BR<<", ">>pt<<", "▁>>"],
}


CODES = {
    "MBartTokenizer": {"de": "de_DE", "de_DE": "de_DE", "de-DE": "de_DE", "pt-BR": "pt_XX"},
    "NllbTokenizer": {
        "fr": "fra_Latn", "fra": "fra_Latn", "fra-Latn": "fra_Latn", "zh-Hant": "zho_Hant", "ar": "arb_Arab",
        "sw": "swh_Latn",
    },
    "M2M100Tokenizer": {"de": "__de__", "ast": "__ast__"},
    "PLBartTokenizer": {
        "java": "__java__", "art-java": "__java__", "en": "__en_XX__", "__python__": "__python__",
    },
    "MarianTokenizer": {"fr": ">>fra<<", "pt": ">>pt<<", "pt-BR": ">>pt_BR<<"},
}  # fmt: skip


@pytest.mark.parametrize("family", CODES)
def test_the_code_of_a_language(family):
    found = {each: find_code(CONVENTIONS[family], PIECES[family], each) for each in CODES[family]}
    assert found == CODES[family]


def test_no_code_where_no_piece_is_one():
    assert find_code(Conventions(), ["fra_Latn"], "fr") is None
    assert find_code(CONVENTIONS["MarianTokenizer"], ["▁a", "</s>"], "fr") is None


@pytest.mark.parametrize(
    ("language", "message"),
    [
        ("it", "no code for 'it'; give one of its own: ar"),
        ("zh", "several codes for 'zh'; give one of its own: zho_Hans, zho_Hant$"),
        ("zh-Latn", "no code for 'zh-Latn'"),
    ],
)
def test_what_is_no_single_language_is_refused(language, message):
    with pytest.raises(ParentError, match=message):
        find_code(CONVENTIONS["NllbTokenizer"], PIECES["NllbTokenizer"], language)


def test_what_a_parent_calls_a_language():
    described = {
        "fr": "fr", "fra_Latn": "fra-Latn", "java": "art-java", "__python__": "art-python", "art-java": "art-java",
    }  # fmt: skip
    assert {language: describe_language(language) for language in described} == described


class TestTaskPrefix:
    CONFIG = SimpleNamespace(
        task_specific_params={
            "summarization": {"prefix": "summarize: "},
            "translation_en_to_de": {"prefix": "translate English to German: "},
            "translation_en_to_ro": {"prefix": "translate English to Romanian: "},
        }
    )

    def test_the_prefix_of_the_pair(self):
        assert task_prefix(self.CONFIG, "en", "ro") == "translate English to Romanian: "
        assert task_prefix(self.CONFIG, "eng", "deu") == "translate English to German: "

    @pytest.mark.parametrize("tasks", [None, {"summarization": {"prefix": "summarize: "}}])
    def test_none_where_no_translation_is_listed(self, tasks):
        assert task_prefix(SimpleNamespace(task_specific_params=tasks), "en", "fr") == ""
        assert task_prefix(SimpleNamespace(), "en", "fr") == ""

    def test_another_pair_is_refused(self):
        with pytest.raises(
            ParentError, match="translates en to de, en to ro, not de to en; name one of these"
        ):
            task_prefix(self.CONFIG, "de", "en")
