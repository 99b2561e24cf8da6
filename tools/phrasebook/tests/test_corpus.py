"""The generated sentences and dictionary: variety, and that the package ships what the grammar says."""

from __future__ import annotations

import bz2
import re
from collections import Counter
from itertools import islice

import pytest
from tools.phrasebook.__main__ import DATA, NUM_SENTENCES, SEED, write
from tools.phrasebook.corpus import sentences
from tools.phrasebook.dictionary import rows
from tools.phrasebook.lexicon import LANGUAGES, lexeme_keys


@pytest.fixture(scope="module")
def sample() -> list[tuple[str, ...]]:
    return list(islice(sentences(3), 6_000))


def test_no_sentence_occurs_twice_in_any_language(sample: list[tuple[str, ...]]) -> None:
    assert [len(set(column)) for column in zip(*sample)] == [6_000] * 4


def test_another_seed_gives_other_sentences(sample: list[tuple[str, ...]]) -> None:
    assert list(islice(sentences(3), 100)) == sample[:100] != list(islice(sentences(4), 100))


def test_every_lexeme_is_frequent_enough_to_be_learnt(sample: list[tuple[str, ...]]) -> None:
    english = [line[0] for line in sample]
    text = Counter(word for sentence in english for word in re.findall(r"[\w'-]+", sentence.lower()))
    for words in (
        "dog dogs", "mouse mice", "cherry cherries", "child children child's", "london", "vienna", "paul paul's", "eva eva's",
        "expensive", "better good", "dangerous", "bought buy buying buys", "danced dance dancing dances",
        "twelve", "fifteen", "thirty-four", "yesterday", "rarely", "without", "wednesday", "winter",
    ):  # fmt: skip
        assert sum(text[word] for word in words.split()) >= 15, words
    lengths = [sentence.count(" ") + 1 for sentence in english]
    assert 6.5 < sum(lengths) / len(lengths) < 9
    assert max(lengths) <= 14


def test_word_by_word_translation_does_not_solve_it(sample: list[tuple[str, ...]]) -> None:
    same_length = sum(len(english.split()) == len(german.split()) for english, _, german, _ in sample)
    assert same_length < 0.6 * len(sample)
    assert all(english != german for english, _, german, _ in sample)


def test_the_dictionary_knows_most_words_of_the_corpus(sample: list[tuple[str, ...]]) -> None:
    known = {word for row in rows() for word in row[2].split("|")}
    nouns = Counter(
        word
        for _, _, german, _ in sample
        for word in re.findall(r"\w+", german)[1:]
        if word[0].isupper() and not word.endswith("s")
    )
    assert sum(count for word, count in nouns.items() if word in known) / nouns.total() > 0.97


def test_lexemes() -> None:
    lexemes = lexeme_keys()
    assert len(set(lexemes)) == len(lexemes) >= 300
    assert {"noun:dog", "verb:open", "adjective:red", "word:yesterday", "numeral:12", "name:Anna"} <= {
        *lexemes
    }


def lines(path) -> list[str]:
    return bz2.decompress(path.read_bytes()).decode("utf-8").splitlines()


def test_the_package_ships_what_the_grammar_says(tmp_path) -> None:
    write(tmp_path, 300)
    assert lines(tmp_path / "dictionary.tsv.bz2") == lines(DATA / "dictionary.tsv.bz2")
    for language in LANGUAGES:
        assert lines(tmp_path / f"{language}.txt.bz2") == lines(DATA / f"{language}.txt.bz2")[:300]


@pytest.mark.full
def test_the_package_ships_every_sentence() -> None:
    shipped = zip(*(lines(DATA / f"{language}.txt.bz2") for language in LANGUAGES))
    assert list(shipped) == list(islice(sentences(SEED), NUM_SENTENCES))
