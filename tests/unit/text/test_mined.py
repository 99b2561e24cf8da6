"""Rules for mined text: what each drops, what it must leave, and that it learns from the corpus itself."""

import math
import random
import sys
from collections import Counter
from pathlib import Path

import pytest

import toy_corpora
from crosslate.errors import MissingExtra
from crosslate.languages import identification
from crosslate.languages.words import words_in
from crosslate.text import mined
from crosslate.text.cleaning import CleaningSettings, clean
from crosslate.text.corpora import ParallelCorpus, StoredPairs, TextFiles
from crosslate.text.mined import Alignment, Lengths, MinedText, essence
from crosslate.text.phrasebook import Phrasebook

MINED = CleaningSettings(mined=True)
SCRAMBLED = range(0, 400, 4)


def cleaned(pairs, source="de", target="en", settings=MINED):
    return clean(ParallelCorpus(*zip(*pairs), source, target), settings, Path("unused"))


def is_kept(source, target, *languages):
    return len(cleaned([(source, target)], *languages)[0]) == 1


@pytest.fixture(scope="module")
def book():
    """Different pairs of at least four words a side."""
    text = Phrasebook(1).corpora("de", "en", train=3_000, valid=1, test=1)[0]
    return [pair for pair in text if min(len(side.split()) for side in pair) > 4][:1_500]


@pytest.fixture(scope="module")
def noisy(book):
    """The same pairs, of which a hundred have each other's targets."""
    targets = [book[row][1] for row in SCRAMBLED]
    found = list(book)
    for row, other in zip(SCRAMBLED, targets[7:] + targets[:7]):
        found[row] = found[row][0], other
    return found


def test_nothing_more_is_dropped_or_counted_or_saved_unless_asked():
    kept, report = cleaned([("Hallo!", "hallo"), ("Собака спит.", "Hi")], settings=CleaningSettings())
    assert len(kept) == 2 and list(report.rules)[-1] == "duplicate"
    assert "mined" not in CleaningSettings().to_values() and MINED.to_values()["mined"] is True
    assert len(cleaned([("Hallo!", "hallo")], settings=CleaningSettings(enabled=False, mined=True))[0]) == 1


def test_each_rule_counts_what_it_drops_with_its_first_example():
    pairs = [
        ("Der Hund schläft seit gestern in dem großen Haus.", "The dog has slept in the big house since yesterday."),
        ("Guten Morgen!", "guten  morgen"),
        ("", "lost"),
        ("der hund schläft seit gestern in dem großen Haus", "The dog has slept in the big house since yesterday!"),
        ("Die Katze sieht den Hund nicht.", "Кошка не видит собаку."),
        ("Le chien dort dans la grande maison depuis hier.", "The dog has been sleeping in the large house for a day."),
        ("Er kommt aus Frankreich.", "He comes from France."),
    ]  # fmt: skip
    pairs += [
        (f"Der {word}hund bellt im Garten.", f"The {word} dog barks in the garden.") for word in "abcde"
    ]
    kept, report = cleaned(pairs)
    assert list(kept) == [pairs[0], *pairs[6:]]
    lines = {name: count.example.line for name, count in report.rules.items() if count.dropped}
    assert lines == {"empty": 3, "near-copy": 2, "near-duplicate": 4, "script": 5, "language": 6}
    assert (report.total, report.kept) == (12, 7)
    assert sum(count.dropped for count in report.rules.values()) == 5


def test_what_makes_near_duplicates():
    assert essence("On 3 May, at 12:30!") == essence("on 17 may at  1:2") == "on0mayat0"
    assert essence("ＡＢＣ 。") == "abc" and essence("¡?") == ""
    assert essence("कि") != essence("का") and essence("ja") != essence("jä")
    assert is_kept("?!", "...") and len(cleaned([("?!", "..."), ("!?", "…")])[0]) == 2
    assert len(cleaned([("ab", "cd"), ("a", "bcd")])[0]) == 2


@pytest.mark.parametrize(
    ("source", "target", "languages"),
    [
        ("Собака спит.", "The dog sleeps.", ("zzz", "en")),  # an unknown language may have any script
        ("我买了 iPhone 15 Pro", "I bought an iPhone 15 Pro.", ("zh", "en")),
        ("12:30", "13:31", ("ru", "en")),
        ("Tom!", "Tom?!", ("ru", "zzz")),
    ],
)
def test_scripts_that_may_be_right_are_left(source, target, languages):
    usual = MinedText((None, None), (None, None), Lengths(0, math.inf), Alignment({}, ({}, {}), 1, 1))
    rules = map(mined.known_scripts_of, languages)
    one = mined.replace(usual, scripts=tuple(rules))
    assert one.broken_rule(0, (source, target)) == ("script" if source == "Tom!" else None)


def test_a_side_that_is_mostly_otherwise_is_not_judged():
    """Russian is not expected in Latin letters, but this text is."""
    pairs = [(f"Sobaka {word} spit v dome.", f"The dog {word} sleeps in the house.") for word in "abcdefgh"]
    usual = MinedText.learn(ParallelCorpus(*zip(*pairs), "ru", "en"))
    assert usual.scripts == (None, {"Latn"}) and usual.labels == (None, "en")
    assert len(cleaned(pairs, "ru", "en")[0]) == 8


def test_languages_that_the_identifier_does_not_know_are_not_judged():
    assert identification.label_of("deu_Latn") == "de" and identification.label_of("zh-Hant") == "zh"
    assert identification.label_of("qaa") is None and identification.label_of("eo-Cyrl") is None


def test_names_and_exclamations_tell_no_language():
    assert not identification.is_other_language("Nguyễn Łódź Reykjavík", "en")
    assert identification.is_other_language("Où est la gare ?", "en")
    assert identification.is_other_language("这只狗在大房子里睡觉。", "ja")
    assert not identification.is_other_language("Where is the station?", "en")


def test_lengths_are_compared_with_the_usual_ratio():
    choice = random.Random(1)
    pairs = [
        ("x" * length, "y" * int(3 * length + choice.gauss(0, 2) * length**0.5)) for length in range(9, 609)
    ]
    lengths = Lengths.learn(pairs)
    assert sum(map(lengths.is_unusual, pairs)) < 6
    assert lengths.is_unusual(("x" * 50, "y" * 50)) and lengths.is_unusual(("x" * 50, "y" * 500))
    assert not Lengths.learn(pairs[:400]).is_unusual(("x" * 50, "y" * 50))  # too few to learn from


def test_pairs_with_each_others_targets_are_found(noisy):
    usual = MinedText.learn(ParallelCorpus(*zip(*noisy), "de", "en"))
    dropped = {row for row, pair in enumerate(noisy) if usual.alignment.is_unlikely(row, pair)}
    assert len(dropped & {*SCRAMBLED}) > 85  # of 100; measured: 99
    assert len(dropped - {*SCRAMBLED}) < 15  # measured: 0


def test_good_text_is_left(book):
    usual = MinedText.learn(ParallelCorpus(*zip(*book), "de", "en"))
    assert sum(usual.alignment.is_unlikely(row, pair) for row, pair in enumerate(book)) < 15


def test_a_pair_gives_no_evidence_for_itself():
    pairs = [("a b c d", "w x y z")] * 3 + [("p q r s", "k l m n")] * 2
    alignment = Alignment.learn(pairs, 1)
    assert alignment.score(pairs[3], is_own=True) is None  # known from one other pair only
    own, other = (alignment.score(pairs[0], is_own=is_own) for is_own in (True, False))
    assert own > 0 and other > 0
    assert alignment.score(("a b c d", "k l m n"), is_own=False) == pytest.approx(math.log(0.05))


def test_few_pairs_are_not_judged_by_words(noisy):
    usual = MinedText.learn(ParallelCorpus(*zip(*noisy[:400]), "de", "en"))
    assert usual.alignment.threshold == -math.inf


def test_scripts_without_spaces_are_aligned_by_characters(noisy):
    """Each word in two Chinese characters of 60."""
    numbers: dict[str, int] = {}
    written = [
        "".join(
            chr(0x4E00 + digit)
            for word in words_in(other.lower())
            for digit in divmod(numbers.setdefault(word, len(numbers)), 60)
        )
        for _, other in noisy
    ]
    pairs = [(one, other) for (one, _), other in zip(noisy, written)]
    usual = MinedText.learn(ParallelCorpus(*zip(*pairs), "de", "zh"))
    dropped = {row for row, pair in enumerate(pairs) if usual.alignment.is_unlikely(row, pair)}
    assert len(dropped & {*SCRAMBLED}) > 70
    assert len(dropped - {*SCRAMBLED}) < 45


def test_files_are_cleaned_as_memory_and_a_sample_is_enough(noisy, tmp_path, monkeypatch):
    monkeypatch.setattr(mined, "_SAMPLE_PAIRS", 800)
    lines = random.Random(1).sample(noisy, len(noisy))
    corpus = ParallelCorpus(*zip(*lines), "de", "en", "toy")
    expected, report = clean(corpus, MINED, tmp_path / "unused")
    kept, streamed = clean(
        TextFiles(toy_corpora.write(corpus, tmp_path, "train"), "de", "en"), MINED, tmp_path / "run"
    )
    assert isinstance(kept, StoredPairs) and list(kept) == list(expected)
    assert streamed.as_values() == report.as_values() and report.rules["alignment"].dropped > 30
    assert len(kept) == report.kept == 1_500 - sum(count.dropped for count in report.rules.values())
    dropped = Counter(lines) - Counter(kept)
    assert all(
        (count.example.source, count.example.target) == lines[count.example.line - 1]
        for count in report.rules.values()
        if count.example
    )
    assert dropped.total() == 1_500 - len(kept)


def test_a_missing_package_is_named_before_anything_is_read(monkeypatch, tmp_path):
    identification.identifier.cache_clear()
    monkeypatch.setitem(sys.modules, "py3langid.langid", None)
    with pytest.raises(MissingExtra, match=r"crosslate\[mined\]"):
        clean(TextFiles([tmp_path / "missing.de", tmp_path / "missing.en"], "de", "en"), MINED, tmp_path)
