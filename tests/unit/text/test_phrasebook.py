"""The phrasebook as a corpus: sizes, splits, determinism and the gold dictionary."""

from __future__ import annotations

from itertools import permutations

import pytest

from crosslate.errors import CorpusError, UsageError
from crosslate.text.phrasebook import Phrasebook

LANGUAGES = ("en", "fr", "de", "es")


@pytest.fixture(scope="module")
def book() -> Phrasebook:
    return Phrasebook(seed=3)


def sides(book: Phrasebook, part: str) -> dict[str, list[tuple[str, ...]]]:
    """Training, validation and test sentences by language."""
    found = {}
    for source, target in (("en", "fr"), ("de", "es")):
        corpora = book.corpora(source, target, train=4000, valid=150, test=250, part=part)  # type: ignore[arg-type]
        found[source] = [tuple(corpus.source) for corpus in corpora]
        found[target] = [tuple(corpus.target) for corpus in corpora]
    return found


def test_sizes_and_labels_are_what_was_asked_for(book: Phrasebook) -> None:
    train, valid, test = book.corpora("de", "en", train=100, valid=20, test=30, part="child")
    assert (len(train), len(valid), len(test)) == (100, 20, 30)
    assert (train.source_language, train.target_language) == ("de", "en")
    assert "seed 3" in train.origin and "child" in train.origin and "test" in test.origin


def test_no_sentence_is_in_two_parts_in_any_language(book: Phrasebook) -> None:
    parent, child = sides(book, "parent"), sides(book, "child")
    for language in LANGUAGES:
        parts = [*parent[language], child[language][0]]
        sentences = [sentence for part in parts for sentence in part]
        assert len(sentences) == 4000 + 150 + 250 + 4000
        assert len(set(sentences)) == len(sentences)
        assert parent[language][1:] == child[language][1:]  # validation and test are shared


def test_pairs_share_their_lines(book: Phrasebook) -> None:
    german_english = book.corpora("de", "en", train=50, valid=10, test=20)
    german_spanish = book.corpora("de", "es", train=50, valid=10, test=20)
    french_spanish = book.corpora("fr", "es", train=50, valid=10, test=20)
    for first, second, third in zip(german_english, german_spanish, french_spanish):
        assert first.source == second.source
        assert second.target == third.target


def test_more_training_sentences_only_add_some(book: Phrasebook) -> None:
    few, _, few_tests = book.corpora("fr", "en", train=40, valid=5, test=10, part="parent")
    many, _, many_tests = book.corpora("fr", "en", train=400, valid=5, test=20, part="parent")
    assert tuple(many.source)[:40] == few.source
    assert tuple(many_tests.target)[:10] == few_tests.target


def test_the_sentences_of_a_seed_never_change() -> None:
    hashes = {
        seed: Phrasebook(seed).corpora("de", "es", train=200, valid=5, test=5)[0].content_hash
        for seed in (1, 5)
    }
    assert hashes == {
        1: "7e92bb392f4bf6de41690f77a96018c293da84fe850c0c0765749c449a086cc5",
        5: "c28f4baa451dd0feee1674de7aa03889acd40bd4351779e1fd09c480359d483d",
    }


@pytest.mark.parametrize(
    ("source", "target", "word", "translations"),
    [
        ("de", "fr", "Hund", {"chien"}),
        ("de", "fr", "Hunde", {"chiens"}),
        ("de", "fr", "Hunden", {"chiens"}),
        ("en", "de", "dogs", {"Hunde", "Hunden"}),
        ("fr", "en", "yeux", None),
        ("es", "de", "ratones", {"Mäuse", "Mäusen"}),
        ("fr", "es", "journaux", {"periódicos"}),
        ("en", "fr", "mice", {"souris"}),
        ("en", "es", "red", {"rojo", "roja", "rojos", "rojas"}),
        ("fr", "en", "belles", {"beautiful"}),
        ("es", "fr", "vieja", {"vieux", "vieil", "vieille"}),
        ("de", "en", "besser", {"better"}),
        ("de", "es", "gelesen", {"leí", "leíste", "leyó", "leímos", "leyeron"}),
        ("es", "de", "leyó", {"gelesen"}),
        ("fr", "en", "lit", {"reads", "reading"}),
        ("de", "en", "aufmacht", {"opens", "opening"}),
        ("de", "fr", "macht", None),
        ("es", "en", "duermen", {"sleep", "sleeping"}),
        ("fr", "de", "achètera", {"kaufen"}),
        ("de", "en", "München", None),
        ("fr", "es", "Londres", {"Londres"}),
        ("de", "en", "Wien", {"Vienna"}),
        ("en", "de", "twenty-three", {"dreiundzwanzig"}),
        ("en", "es", "yesterday", {"ayer"}),
        ("en", "es", "often", None),
        ("de", "en", "weiß", {"white", "know", "knows"}),
        ("de", "en", "mag", None),
    ],
)
def test_dictionary_entries(
    book: Phrasebook, source: str, target: str, word: str, translations: set[str] | None
) -> None:
    assert book.dictionary(source, target).get(word) == translations


def test_dictionaries_hold_single_words_and_are_symmetric(book: Phrasebook) -> None:
    for source, target in permutations(LANGUAGES, 2):
        forwards, backwards = book.dictionary(source, target), book.dictionary(target, source)
        for word, translations in forwards.items():
            assert translations
            assert " " not in word
            assert all(word in backwards[translation] for translation in translations)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("de", "xx"), "does not speak 'xx'"),
        (("de", "de"), "both 'de'"),
    ],
)
def test_languages_are_checked(book: Phrasebook, arguments: tuple[str, str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        book.corpora(*arguments)
    with pytest.raises(UsageError, match=message):
        book.dictionary(*arguments)


def test_parts_and_sizes_are_checked(book: Phrasebook) -> None:
    with pytest.raises(UsageError, match="'cousin'"):
        book.corpora("de", "en", part="cousin")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="-1 valid"):
        book.corpora("de", "en", valid=-1)
    with pytest.raises(
        CorpusError, match="28,001 parent sentences were requested and the phrasebook has 28,000"
    ):
        book.corpora("de", "en", train=28_001, part="parent")
