"""The phrasebook as a corpus: sizes, splits, determinism, variety and the gold dictionary."""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter
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


def test_a_seed_gives_the_same_book_in_another_process_and_another_seed_another() -> None:
    program = (
        "from crosslate.text.phrasebook import Phrasebook;"
        "print(Phrasebook(seed=5).corpora('de', 'es', train=200, valid=5, test=5)[0].content_hash)"
    )
    hashes = {
        subprocess.run(
            [sys.executable, "-c", program], env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path)},
            capture_output=True, text=True, check=True,
        ).stdout.strip()
        for seed in ("1", "2")
    }  # fmt: skip
    assert hashes == {Phrasebook(seed=5).corpora("de", "es", train=200, valid=5, test=5)[0].content_hash}
    assert Phrasebook(seed=6).corpora("de", "es", train=200, valid=5, test=5)[0].content_hash not in hashes


def test_every_lexeme_is_frequent_enough_to_be_learnt(book: Phrasebook) -> None:
    train, _, _ = book.corpora("en", "de", train=8000, valid=0, test=0)
    text = Counter(word for sentence in train.source for word in re.findall(r"[\w'-]+", sentence.lower()))
    for words in (
        "dog dogs", "mouse mice", "cherry cherries", "child children child's", "london", "vienna", "paul paul's", "eva eva's",
        "expensive", "better good", "dangerous", "bought buy buying buys", "danced dance dancing dances",
        "twelve", "fifteen", "thirty-four", "yesterday", "rarely", "without", "wednesday", "winter",
    ):  # fmt: skip
        assert sum(text[word] for word in words.split()) >= 20, words
    lengths = [sentence.count(" ") + 1 for sentence in train.source]
    assert 6.5 < sum(lengths) / len(lengths) < 9
    assert max(lengths) <= 14


def test_lexemes(book: Phrasebook) -> None:
    lexemes = book.lexemes()
    assert len(set(lexemes)) == len(lexemes) == book.num_lexemes >= 300
    assert {"noun:dog", "verb:open", "adjective:red", "word:yesterday", "numeral:12", "name:Anna"} <= set(
        lexemes
    )


def test_word_by_word_translation_does_not_solve_it(book: Phrasebook) -> None:
    _, _, test = book.corpora("de", "en", train=0, valid=0, test=300)
    gold = book.dictionary("de", "en")
    same_length = sum(len(source.split()) == len(target.split()) for source, target in test)
    assert same_length < 0.6 * len(test)
    assert all(source != target for source, target in test)
    assert len(gold) > 900


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


def test_the_dictionary_knows_most_words_of_the_corpus(book: Phrasebook) -> None:
    train, _, _ = book.corpora("de", "en", train=1000, valid=0, test=0)
    nouns = Counter(
        word
        for sentence in train.source
        for word in re.findall(r"\w+", sentence)[1:]
        if word[0].isupper() and not word.endswith("s")
    )
    known = sum(count for word, count in nouns.items() if word in book.dictionary("de", "en"))
    assert known / nouns.total() > 0.97


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


def test_parts_and_sizes_are_checked(book: Phrasebook, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="'cousin'"):
        book.corpora("de", "en", part="cousin")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="-1 valid"):
        book.corpora("de", "en", valid=-1)
    monkeypatch.setattr("crosslate.text.phrasebook.book.MAX_SENTENCES", 500)
    with pytest.raises(CorpusError, match="at most 500"):
        Phrasebook(seed=99).corpora("de", "en", train=2000)
