"""Confidence of sentences and words: pieces find their characters in every script, and lines their numbers."""

from __future__ import annotations

import math
import time
from pathlib import Path

import pytest

import families
import parents
import tiny_models
from crosslate.engines.conversion import export_ctranslate2
from crosslate.engines.ctranslate2 import CTranslate2Engine
from crosslate.engines.pytorch import TorchEngine
from crosslate.errors import UsageError
from crosslate.languages.words import word_spans
from crosslate.models.parent import Parent
from crosslate.packs.manifest import Calibration, Curve
from crosslate.packs.pack import Pack
from crosslate.text.segmenters import JsonSegmenter
from crosslate.text.vocabularies import SpecialIds, Vocabulary
from crosslate.text.vocabulary_training import train_vocabulary
from crosslate.translation.confidence import _aligned, confidences
from crosslate.translation.translator import Translator
from every_script import LINES, SAMPLES

CALIBRATION = Calibration(
    sentence=Curve(intercept=-1.0, slope=0.8, doubtful=0.4), word=Curve(intercept=0.2, slope=0.3, doubtful=0.2),
    sentences=60, spearman=0.4, signature="nrefs:1",
)  # fmt: skip


class Sure:
    """An engine that finds each piece as likely as it is told, and remembers what it read."""

    name = "sure"

    def __init__(self, vocabulary, probability=lambda piece: 0.9, longest=1000):
        self.source = self.target = vocabulary
        self._probability, self._longest = probability, longest
        self.read = []

    def log_probabilities(self, pairs):
        self.read += pairs
        pieces = self.target.pieces
        return [
            [*(math.log(self._probability(pieces[index])) for index in ids), 0.0]
            if len(self.source.encode(text)) <= self._longest
            else []
            for text, ids in pairs
        ]


@pytest.fixture(scope="module")
def every_script():
    return train_vocabulary(LINES, 3000)


def of(engine, source, translation, languages=("de", "en"), calibration=None):
    (found,) = confidences(engine, [(source, translation)], languages, calibration)
    return found


def words(found, translation):
    return [(translation[each.start : each.end], round(each.probability, 3)) for each in found.words]


def test_a_word_is_as_sure_as_its_least_sure_piece():
    vocabulary = tiny_models.vocabulary("en")
    translation = "dog sees bog."
    pieces = vocabulary.encode_pieces(translation)
    chances = {piece: 0.5 + index / 100 for index, piece in enumerate(dict.fromkeys(pieces))}
    found = of(Sure(vocabulary, chances.get), "Hund", translation)
    spelt, expected = "", []
    for word in translation.removesuffix(".").split():
        end = len(spelt) + len(word)
        of_word = []
        while len(spelt) < end and pieces:
            spelt += pieces[0].replace("▁", "")
            of_word.append(chances[pieces.pop(0)])
        expected.append((word, round(min(of_word), 3)))
    assert words(found, translation) == expected
    values = [chances[piece] for piece in vocabulary.encode_pieces(translation)]
    assert found.probability == pytest.approx(math.exp(sum(map(math.log, values)) / (len(values) + 1)))
    assert found.expected_chrf is None and {each.likelihood for each in found.words} == {None}


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: f"{sample.language}-{sample.script}")
def test_every_word_of_every_script_has_a_probability(sample, every_script):
    lines = [*sample.sentences, sample.paragraph]
    engine = Sure(every_script)
    for line, found in zip(
        lines, confidences(engine, [(line, line) for line in lines], (sample.language,) * 2)
    ):
        spans = [span for span in word_spans(line) if any(map(str.isalnum, line[slice(*span)]))]
        assert [(each.start, each.end) for each in found.words] == spans
        assert {round(each.probability, 6) for each in found.words} == {0.9}


def test_a_character_of_several_bytes_gets_the_least_sure_of_them():
    import tokenizers

    tokenizer = tokenizers.ByteLevelBPETokenizer()
    tokenizer.train_from_iterator(["ab"], vocab_size=260, special_tokens=["</s>", "<unk>", "<pad>"])
    segmenter = JsonSegmenter(tokenizer.to_str().encode())
    vocabulary = Vocabulary(segmenter, special=SpecialIds(eos=0, unk=1, pad=2))
    text = "a 猫狗 b"
    pieces = vocabulary.encode_pieces(text)
    assert len(pieces) == 10  # bytes
    last_of_cat = pieces.index(vocabulary.encode_pieces("猫")[-1])
    chances = iter([0.2 if index == last_of_cat else 0.9 for index in range(len(pieces))])
    found = of(Sure(vocabulary, lambda _: next(chances)), "x", text)
    assert words(found, text) == [("a", 0.9), ("猫", 0.2), ("狗", 0.9), ("b", 0.9)]


def test_what_the_model_does_not_know_has_the_probability_of_unknown():
    vocabulary = tiny_models.vocabulary("en")
    unknown = vocabulary.pieces[vocabulary.special.unk]
    engine = Sure(vocabulary, lambda piece: 0.1 if piece == unknown else 0.9)
    translation = "dog 猫狗 sees"
    assert words(of(engine, "Hund", translation), translation) == [
        ("dog", 0.9), ("猫", 0.1), ("狗", 0.1), ("sees", 0.9)
    ]  # fmt: skip


def test_what_is_not_translated_is_not_read_and_has_no_probability():
    engine = Sure(tiny_models.vocabulary("en"))
    translation = "dog https://a.example/b?c=1 sees {name} cat."
    found = of(engine, "Hund {name} sieht https://a.example/b?c=1 Katze.", translation)
    assert [word for word, _ in words(found, translation)] == ["dog", "sees", "cat"]
    ((source, ids),) = engine.read
    assert (source, engine.target.decode(ids)) == ("Hund sieht Katze.", "dog sees cat.")


def test_capitals_are_read_as_small_letters():
    engine = Sure(tiny_models.vocabulary("en"))
    translation = "DOG SEES CAT."
    assert [word for word, _ in words(of(engine, "HUND SIEHT KATZE.", translation), translation)] == [
        "DOG", "SEES", "CAT"
    ]  # fmt: skip
    # The toy vocabulary has no capital at the beginning.
    assert engine.target.decode(engine.read[0][1]).endswith("og sees cat.")


def test_as_many_as_pairs_whatever_they_hold():
    engine = Sure(tiny_models.vocabulary("en"))
    pairs = [
        ("", ""),
        ("  ", "  "),
        ("Hund", ""),
        ("---", "---"),
        ("Hund\u2028\ud800", "dog"),
        ("Hund", "dog"),
    ] * 2
    found = confidences(engine, pairs, ("de", "en"))
    assert [each is not None for each in found] == [False, False, False, False, True, True] * 2
    assert len(engine.read) == 2  # the same pair once
    assert confidences(engine, [], ("de", "en")) == []


def test_a_text_that_is_too_long_goes_by_its_sentences():
    engine = Sure(tiny_models.vocabulary("en"), longest=12)
    source, translation = "Dog sees a cat. Cat eats one. Big dog.", "Dog sees cat. Cat eats. Dog."
    assert len(engine.source.encode(source)) > 12
    found = of(engine, source, translation)
    assert [word for word, _ in words(found, translation)] == ["Dog", "sees", "cat", "Cat", "eats", "Dog"]
    pieces = sum(len(ids) for _, ids in engine.read[1:])
    assert len(engine.read) == 4
    assert found.probability == pytest.approx(0.9 ** (pieces / (pieces + 3)))
    # As many sentences are needed, and each must fit.
    assert of(engine, source, "Dog sees. Cat eats.") is None
    assert of(engine, "dog " * 60, "dog") is None


def test_a_calibration_says_what_numbers_are_worth():
    vocabulary = tiny_models.vocabulary("en")
    chances = {"▁cat": 0.1}
    engine = Sure(vocabulary, lambda piece: chances.get(piece, 0.3))
    found = of(engine, "Hund", "dog cat", calibration=CALIBRATION)
    assert found.expected_chrf == pytest.approx(100 * CALIBRATION.sentence.expected(found.probability))
    assert found.is_doubtful and found.score == found.expected_chrf
    assert [each.is_doubtful for each in found.words] == [False, True]
    assert found.words[1].likelihood == pytest.approx(CALIBRATION.word.expected(found.words[1].probability))
    values = found.as_values()
    assert values["words"][1] == {
        "start": 4, "end": 7, "probability": 0.1, "likelihood": round(found.words[1].likelihood, 4), "doubtful": True
    }  # fmt: skip


@pytest.fixture(scope="module")
def pack(tiny):
    return Pack.load(tiny / "packs/de-en")


def test_all_engines_say_the_same(tiny, pack, tmp_path: Path):
    pack.manifest = pack.manifest.changed(calibration=CALIBRATION)
    parent = Parent.load(tiny / "parents/fr-en")
    texts = ["Hund sieht Katze.", "", "HAUS", "{x} Kind isst", "Mann", "Hund " * 40]
    translations = ["dog sees cat.", "", "HOUSE", "{x} child eats", "猫", "dog"]
    ways = [Translator(parent, pack, engine=name) for name in ("pytorch", "ctranslate2", "onnx")]
    one, *others = (way.confidences(texts, translations) for way in ways)
    assert [each is not None for each in one] == [True, False, True, True, True, False]
    for other in others:
        for ours, theirs in zip(one, other, strict=True):
            if ours is None or theirs is None:
                assert ours is theirs
                continue
            assert theirs.probability == pytest.approx(ours.probability, abs=1e-4)
            assert theirs.expected_chrf == pytest.approx(ours.expected_chrf, abs=1e-2)
            for word, same in zip(ours.words, theirs.words, strict=True):
                assert (word.start, word.end) == (same.start, same.end)
                assert same.probability == pytest.approx(word.probability, abs=1e-4)


def test_a_composition_has_no_calibration_and_says_so(tiny, pack):
    pack.manifest = pack.manifest.changed(calibration=CALIBRATION)
    parent = Parent.load(tiny / "parents/fr-en")
    spanish = Pack.load(tiny / "packs/fr-es")
    (found,) = Translator(parent, pack, spanish, engine="pytorch").confidences(["Hund"], ["perro"])
    assert found.expected_chrf is None
    with pytest.raises(UsageError, match="1 translations for 2 texts, expected one for each"):
        Translator(parent, engine="pytorch").confidences(["a", "b"], ["a"])


@pytest.mark.parametrize("name", ["m2m100", "mbart"])
def test_a_language_code_is_no_part_of_a_sentence(name, tmp_path: Path):
    """It is forced as the first piece, or starts the decoder."""
    parent = parents.parent(name)
    export_ctranslate2(parent, tmp_path / "model")
    translation = "the dog sees"
    one, other = (
        of(engine, "der Hund", translation)
        for engine in (TorchEngine(parent), CTranslate2Engine(tmp_path / "model"))
    )
    assert [word for word, _ in words(one, translation)] == ["the", "dog", "sees"]
    assert other.probability == pytest.approx(one.probability, abs=1e-4)


@pytest.fixture(autouse=True)
def one_thread():
    with families.one_thread():
        yield


@pytest.mark.parametrize(
    ("one", "other", "found"),
    [
        ("abc", "abXc", [[0], [1], [3]]),
        ("abXc", "abc", [[0], [1], [], [2]]),
        ("aXYc", "aéc", [[0], [1], [1], [2]]),
        ("abc", "", [[], [], []]),
    ],
)
def test_characters_of_two_spellings(one, other, found):
    assert [list(each) for each in _aligned(one, other)] == found


def test_repetitive_texts_are_aligned_in_little_time():
    started = time.process_time()
    found = _aligned("b" + "a" * 3000, "b" + ("a" * 9 + "x") * 300 + "c")
    assert [list(each) for each in found[:2]] == [[0], [1]] and len(found) == 3001
    assert time.process_time() - started < 2
