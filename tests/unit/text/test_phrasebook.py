"""The phrasebook as a corpus: sizes, splits, seeds and the gold dictionary."""

from __future__ import annotations

from itertools import permutations

import pytest

from crosslate.errors import CorpusError, UsageError
from crosslate.text.phrasebook import LANGUAGES, Phrasebook

BOOK = Phrasebook(seed=3)


def test_no_sentence_is_in_two_parts_in_any_language() -> None:
    parent, child = (
        [BOOK.corpora(*pair, train=4000, valid=150, test=250, part=part) for pair in (("en", "fr"), ("de", "es"))]
        for part in ("parent", "child")
    )  # fmt: skip
    for of_parent, of_child in zip(parent, child):
        assert of_parent[1:] == of_child[1:]  # validation and test are shared
        for side in ("source", "target"):
            sentences = [line for corpus in (*of_parent, of_child[0]) for line in corpus.lines(side)]
            assert len(set(sentences)) == len(sentences) == 4000 + 150 + 250 + 4000
    assert (parent[1][0].languages, parent[1][0].origin) == (("de", "es"), "phrasebook seed 3, parent")


def test_pairs_share_their_lines_and_more_sentences_only_add_some() -> None:
    pairs = (("de", "en"), ("de", "es"), ("fr", "es"))
    few = [BOOK.corpora(*pair, train=50, valid=10, test=20) for pair in pairs]
    for first, second, third in zip(*few):
        assert first.source == second.source
        assert second.target == third.target
    for one, other in zip(few[0], BOOK.corpora("de", "en", train=400, valid=20, test=200)):
        assert other.source[: len(one)] == one.source


@pytest.mark.parametrize(
    ("seed", "expected"),
    [
        (1, "7e92bb392f4bf6de41690f77a96018c293da84fe850c0c0765749c449a086cc5"),
        (5, "c28f4baa451dd0feee1674de7aa03889acd40bd4351779e1fd09c480359d483d"),
    ],
)
def test_the_sentences_of_a_seed_never_change(seed: int, expected: str) -> None:
    assert Phrasebook(seed).corpora("de", "es", train=200, valid=5, test=5)[0].content_hash == expected


@pytest.mark.parametrize(
    ("source", "target", "word", "translations"),
    [
        ("de", "fr", "Hunden", {"chiens"}),
        ("en", "de", "dogs", {"Hunde", "Hunden"}),
        ("fr", "en", "yeux", None),
        ("en", "es", "red", {"rojo", "roja", "rojos", "rojas"}),
        ("es", "fr", "vieja", {"vieux", "vieil", "vieille"}),
        ("de", "en", "besser", {"better"}),
        ("de", "es", "gelesen", {"leí", "leíste", "leyó", "leímos", "leyeron"}),
        ("de", "en", "aufmacht", {"opens", "opening"}),
        ("de", "fr", "macht", None),
        ("de", "en", "Wien", {"Vienna"}),
        ("en", "de", "twenty-three", {"dreiundzwanzig"}),
        ("en", "es", "often", None),
        ("de", "en", "weiß", {"white", "know", "knows"}),
    ],
)
def test_dictionary_entries(source: str, target: str, word: str, translations: set[str] | None) -> None:
    assert BOOK.dictionary(source, target).get(word) == translations


def test_dictionaries_hold_single_words_and_are_symmetric() -> None:
    for source, target in permutations(LANGUAGES, 2):
        forwards, backwards = BOOK.dictionary(source, target), BOOK.dictionary(target, source)
        assert len(forwards) > 700
        for word, translations in forwards.items():
            assert translations and " " not in word
            assert all(word in backwards[translation] for translation in translations)


@pytest.mark.parametrize(
    ("kind", "target", "options", "message"),
    [
        (UsageError, "xx", {}, "does not speak 'xx'"),
        (UsageError, "de", {}, "both 'de'"),
        (UsageError, "en", {"part": "cousin"}, "'cousin'"),
        (UsageError, "en", {"valid": -1}, "-1 valid"),
        (CorpusError, "en", {"train": 28_001, "part": "parent"}, "28,001 parent sentences .* has 28,000"),
    ],
)
def test_what_it_does_not_have_is_refused(kind, target, options, message) -> None:
    with pytest.raises(kind, match=message):
        BOOK.corpora("de", target, **options)
    if not options:
        with pytest.raises(kind, match=message):
            BOOK.dictionary("de", target)
