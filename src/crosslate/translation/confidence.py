"""Confidence of translations, for every sentence and word, from the model's own probabilities.

A translation is forced through the model that made it, in one pass over its pieces. So it does not matter
which engine or search made it, and all engines give the same numbers.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import cache
from typing import Any

from crosslate.engines.decoding import Engine, valid_unicode
from crosslate.languages.letter_case import in_sentence_case
from crosslate.languages.sentence_ends import paired_sentences
from crosslate.languages.words import word_spans
from crosslate.packs.manifest import Calibration, Curve
from crosslate.text.placeholders import placeholders
from crosslate.text.vocabularies import Vocabulary

UNCALIBRATED = 0.5
"""Without a calibration, what has a lower probability is doubtful."""

# Characters; the time to compare two texts grows with their cube. Longer ones are aligned in proportion.
_MOST_ALIGNED = 400


@dataclass(frozen=True)
class WordConfidence:
    """How sure the model is of a word of a translation.

    Attributes:
        start: of the word in the translation, in characters.
        end: likewise, after its last character.
        probability: the lowest of its pieces' probabilities, 0-1: a word is as sure as its least sure piece.
            Their product would make long words doubtful because they have more pieces, and their mean would
            hide a wrong ending.
        likelihood: that a reference has the word, 0-1; None without a calibration.
        is_doubtful: whether the model is less sure than of nine tenths of the words of validation text.
    """

    start: int
    end: int
    probability: float
    likelihood: float | None
    is_doubtful: bool

    def as_values(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "start": self.start, "end": self.end, "probability": round(self.probability, 4),
            "likelihood": _rounded(self.likelihood, 4), "doubtful": self.is_doubtful,
        }  # fmt: skip


@dataclass(frozen=True)
class Confidence:
    """How sure the model is of a translation.

    Attributes:
        probability: the geometric mean of its pieces' probabilities, the end of sentence included, 0-1.
        expected_chrf: the mean chrF of translations of this probability on validation text, 0-100; None
            without a calibration.
        is_doubtful: whether the model is less sure than of nine tenths of the validation text.
        words: those with letters or digits. What was not translated (URLs, variables) is left out.
    """

    probability: float
    expected_chrf: float | None
    is_doubtful: bool
    words: tuple[WordConfidence, ...]

    @property
    def score(self) -> float:
        """The expected chrF, or without a calibration the probability."""
        return self.probability if self.expected_chrf is None else self.expected_chrf

    def as_values(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "probability": round(self.probability, 4), "expected_chrf": _rounded(self.expected_chrf, 1),
            "doubtful": self.is_doubtful, "words": [each.as_values() for each in self.words],
        }  # fmt: skip


def confidences(
    engine: Engine,
    pairs: Sequence[tuple[str, str]],
    languages: tuple[str, str],
    calibration: Calibration | None = None,
) -> list[Confidence | None]:
    """The confidence of each translation; None where nothing was translated, or what was is too long.

    The model reads what it read to translate: without URLs, variables and the like, and capitals throughout
    as small letters. A text that is too long for it is read sentence by sentence, if the translation has as
    many sentences.

    Args:
        pairs: sources (names of files, for a model that reads these) and their translations.
        languages: of the sources and of the translations.
        calibration: of the model.
    """
    readers = _Reader(engine.source, languages[0]), _Reader(engine.target, languages[1])
    parts = [[_Part(*pair, (0, len(pair[1])))] if _is_translated(engine, *pair) else [] for pair in pairs]
    scored = _scored(engine, [part for each in parts for part in each], readers)
    again = [index for index, each in enumerate(parts) if each and not scored[each[0]]]
    if engine.source.is_text and again:
        for index in again:
            source, translation = pairs[index]
            parts[index] = [
                _Part(source[slice(*one)], translation[slice(*other)], other)
                for one, other in paired_sentences(source, translation, languages)
            ]
        scored |= _scored(engine, [part for index in again for part in parts[index]], readers)
    return [
        _confidence(translation, [scored[part] for part in each], calibration)
        for (_, translation), each in zip(pairs, parts, strict=True)
    ]


@dataclass(frozen=True)
class _Part:
    """A text, its translation, and where that is in the whole translation."""

    source: str
    translation: str
    span: tuple[int, int]


@dataclass(frozen=True)
class _Scored:
    """What a pass tells of a part.

    Attributes:
        log_probabilities: of its pieces, the end of sentence last.
        lowest: the lowest log-probability of a piece with a character, by the character's place in the whole
            translation.
    """

    log_probabilities: Sequence[float]
    lowest: dict[int, float]


class _Reader:
    """Reads texts of one side as translating does."""

    def __init__(self, vocabulary: Vocabulary, language: str) -> None:
        self.vocabulary, self._language = vocabulary, language
        self._num_tokens = cache(lambda word: len(vocabulary.encode(word)))

    def shown(self, text: str) -> str:
        """``text`` with spaces in place of what is not translated."""
        for start, end in placeholders(text, self._language):
            text = text[:start] + " " * (end - start) + text[end:]
        return text

    def read(self, text: str) -> str:
        """What the model reads of a text."""
        if not self.vocabulary.is_text:
            return text
        words = " ".join(self.shown(valid_unicode(text)).split())
        return in_sentence_case(words, self._language, self._num_tokens)

    def ids(self, text: str) -> list[int]:
        """Ids of a text without its frame."""
        frame, ids = self.vocabulary.frame, self.vocabulary.encode(self.read(text))
        return ids[len(frame.before) : len(ids) - len(frame.after)]


def _is_translated(engine: Engine, source: str, translation: str) -> bool:
    has_words = not engine.source.is_text or any(map(str.isalnum, source))
    return has_words and bool(translation.strip())


def _scored(
    engine: Engine, parts: Sequence[_Part], readers: tuple[_Reader, _Reader]
) -> dict[_Part, _Scored | None]:
    """What one pass tells of each part; None for one that is too long."""
    distinct = list(dict.fromkeys(parts))
    source, target = readers
    pairs = [(source.read(part.source), target.ids(part.translation)) for part in distinct]
    scored: dict[_Part, _Scored | None] = {}
    for part, (_, ids), found in zip(distinct, pairs, engine.log_probabilities(pairs), strict=True):
        scored[part] = None
        if found:
            lowest: dict[int, float] = {}
            for places, value in zip(_places(target, ids, part), found):
                for place in places:
                    lowest[place] = min(value, lowest.get(place, 0.0))
            scored[part] = _Scored(found, lowest)
    return scored


def _places(target: _Reader, ids: Sequence[int], part: _Part) -> list[list[int]]:
    """The characters of the whole translation that each piece writes."""
    spelt, spans = _spelt(target.vocabulary, ids)
    first = part.span[0]
    shown = [
        (character, first + place)
        for place, character in enumerate(target.shown(part.translation))
        if not character.isspace()
    ]
    if len(spelt) == len(shown):
        places = [[place] for _, place in shown]
    else:  # the model knows some characters by another spelling, or not at all
        one, other = [each.casefold() for each in spelt], [each.casefold() for each, _ in shown]
        places = [[shown[index][1] for index in found] for found in _aligned(one, other)]
    return [[place for index in range(*span) for place in places[index]] for span in spans]


def _aligned(one: Sequence[str], other: Sequence[str]) -> list[range]:
    """The characters of one spelling of a text that each character of another one stands for."""
    shortest = min(len(one), len(other))
    first = next((index for index in range(shortest) if one[index] != other[index]), shortest)
    rest = range(shortest - first)
    last = next((index for index in rest if one[-1 - index] != other[-1 - index]), len(rest))
    middle = one[first : len(one) - last], other[first : len(other) - last]
    found = [range(index, index + 1) for index in range(first)]
    if max(map(len, middle)) > _MOST_ALIGNED:
        scale = len(middle[1]) / max(1, len(middle[0]))
        starts = [first + int(index * scale) for index in range(len(middle[0]) + 1)]
        found += map(range, starts, starts[1:])
    else:
        for kind, start, end, begin, stop in SequenceMatcher(None, *middle, autojunk=False).get_opcodes():
            for index in range(end - start):
                place = first + begin + index
                found.append(
                    range(place, place + 1) if kind == "equal" else range(first + begin, first + stop)
                )
    return found + [range(len(other) + index, len(other) + index + 1) for index in range(-last, 0)]


def _spelt(vocabulary: Vocabulary, ids: Sequence[int]) -> tuple[str, list[tuple[int, int]]]:
    """The text of pieces without spaces, and where each of them is in it.

    A piece that ends inside a character (a byte) has that character, and one that is a space the next one.
    """
    text = "".join(vocabulary.decode(ids).split())
    spans = []
    start = 0
    for number in range(1, len(ids) + 1):
        beginning = "".join(vocabulary.decode(ids[:number]).split())
        end = start
        while end < min(len(beginning), len(text)) and beginning[end] == text[end]:
            end += 1
        spans.append((start, min(max(end, start + 1), len(text))))
        start = end
    return text, spans


def _confidence(
    translation: str, parts: Sequence[_Scored | None], calibration: Calibration | None
) -> Confidence | None:
    known = [part for part in parts if part is not None]
    if not parts or len(known) < len(parts):
        return None
    values = [value for part in known for value in part.log_probabilities]
    lowest = {place: value for part in known for place, value in part.lowest.items()}
    probability = math.exp(sum(values) / len(values))
    of_sentence = of_words = None
    if calibration is not None:
        of_sentence, of_words = calibration.sentence, calibration.word
    words = []
    for start, end in word_spans(translation):
        found = [lowest[place] for place in range(start, end) if place in lowest]
        if found and any(map(str.isalnum, translation[start:end])):
            of_word = math.exp(min(found))
            expected, is_doubtful = _judged(of_word, of_words)
            words.append(WordConfidence(start, end, of_word, expected, is_doubtful))
    expected, is_doubtful = _judged(probability, of_sentence)
    return Confidence(probability, None if expected is None else 100 * expected, is_doubtful, tuple(words))


def _judged(probability: float, curve: Curve | None) -> tuple[float | None, bool]:
    if curve is None:
        return None, probability < UNCALIBRATED
    return curve.expected(probability), probability < curve.doubtful


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)
