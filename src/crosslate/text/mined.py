"""Rules for mined text, in which many pairs are no translations.

What is usual is learnt from the corpus itself, so the rules suit any two languages: which ratio of lengths,
and which words translate each other.
"""

from __future__ import annotations

import math
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np
import regex

from crosslate.languages.identification import is_other_language, label_of
from crosslate.languages.scripts import known_scripts_of, share_in_scripts
from crosslate.languages.words import words_and_bigrams
from crosslate.text.corpora import SizedCorpus
from crosslate.text.word_alignment import Links, link_words

Pair = tuple[str, str]

_SAMPLE_PAIRS = 100_000
_SAMPLE_CELLS = 8_000_000  # pairs of words of one sentence pair; bounds memory and time
_SCORED_PAIRS = 20_000  # of the sample, for the threshold
_LANGUAGE_SAMPLE = 1_000
# Low, since a name in Latin letters has as many letters as several words of Chinese.
_LEAST_SHARE_IN_SCRIPT = 0.25
_MOST_DEVIATIONS = 4.5  # median ones, from the median
_LEAST_WORDS = 4  # fewer known words on a side say little
_LEAST_OCCURRENCES = 2
_FLOOR = 0.05  # for a word without any translation in the pair, whose logarithm would be infinite
_LEAST_JUDGED = 500  # of fewer pairs, it is not learnt what is usual
_MOST_LOST = 0.003  # of the translations, by the alignment
_NOT_ESSENTIAL = regex.compile(r"[^\p{L}\p{M}\p{N}]+")
_DIGITS = regex.compile(r"\p{Nd}+")


def essence(text: str) -> str:
    """A text without case, punctuation and spaces, each number as 0; equal for near-duplicates."""
    return _DIGITS.sub("0", _NOT_ESSENTIAL.sub("", unicodedata.normalize("NFKC", text).casefold()))


@dataclass(frozen=True)
class MinedText:
    """What is usual in a corpus, and which pairs are not.

    Everything is learnt from a sample of pairs in even distances, so memory is bounded.
    """

    scripts: tuple[frozenset[str] | None, frozenset[str] | None]
    """Of each side; None where text is not judged by script."""
    labels: tuple[str | None, str | None]
    """Of each side's language in the identifier; None where text is not judged by language."""
    lengths: Lengths
    alignment: Alignment

    @classmethod
    def learn(cls, corpus: SizedCorpus) -> MinedText:
        """Learns what is usual in a corpus.

        A side of which most texts would be dropped is not judged by script or language: then the language
        has another script or is unlike what the identifier knows.
        """
        step = max(1, math.ceil(len(corpus) / _SAMPLE_PAIRS))
        sample = list(islice(corpus, 0, None, step))
        some = sample[:: max(1, math.ceil(len(sample) / _LANGUAGE_SAMPLE))]
        scripts, labels = [], []
        for side, language in enumerate(corpus.languages):
            texts = [pair[side] for pair in some]
            known, label = known_scripts_of(language), label_of(language)
            scripts.append(None if known is None or _mostly(texts, _script_rule(known)) else known)
            labels.append(None if label is None or _mostly(texts, _language_rule(label)) else label)
        thinner = math.ceil(max(1, sum(map(_num_cells, sample)) / _SAMPLE_CELLS))
        alignment = Alignment.learn(sample[::thinner], step * thinner)
        return cls((scripts[0], scripts[1]), (labels[0], labels[1]), Lengths.learn(sample), alignment)

    def broken_rule(self, row: int, pair: Pair) -> str | None:
        """The first rule that drops a pair.

        Args:
            row: of the pair in the corpus, from 0.
        """
        if any(known and _script_rule(known)(text) for known, text in zip(self.scripts, pair)):
            return "script"
        if any(label and _language_rule(label)(text) for label, text in zip(self.labels, pair)):
            return "language"
        if self.lengths.is_unusual(pair):
            return "length"
        return "alignment" if self.alignment.is_unlikely(row, pair) else None


def _script_rule(scripts: frozenset[str]) -> Callable[[str], bool]:
    def is_in_other_script(text: str) -> bool:
        share = share_in_scripts(text, scripts)
        return share is not None and share < _LEAST_SHARE_IN_SCRIPT

    return is_in_other_script


def _language_rule(label: str) -> Callable[[str], bool]:
    return lambda text: is_other_language(text, label)


def _mostly(texts: Sequence[str], rule: Callable[[str], bool]) -> bool:
    return sum(map(rule, texts)) > len(texts) / 2


@dataclass(frozen=True)
class Lengths:
    """The usual ratio of lengths in characters.

    The logarithm of the ratio varies less in longer pairs, as one over the square root of their length.
    """

    median: float
    limit: float

    @classmethod
    def learn(cls, pairs: Sequence[Pair]) -> Lengths:
        """From the median and the median deviation, which noise in few of the pairs hardly moves."""
        if len(pairs) < _LEAST_JUDGED:
            return cls(0.0, math.inf)
        ratios = np.array([_log_ratio(pair) for pair in pairs])
        weights = np.array([_weight(pair) for pair in pairs])
        median = float(np.median(ratios))
        deviation = float(np.median(np.abs(ratios - median) * weights))
        return cls(median, _MOST_DEVIATIONS * deviation if deviation else math.inf)

    def is_unusual(self, pair: Pair) -> bool:
        """Whether one side is far longer or shorter than usual for the other."""
        return abs(_log_ratio(pair) - self.median) * _weight(pair) > self.limit


def _log_ratio(pair: Pair) -> float:
    return math.log1p(len(pair[1])) - math.log1p(len(pair[0]))


def _weight(pair: Pair) -> float:
    return math.sqrt(len(pair[0]) + len(pair[1]))


@dataclass(frozen=True)
class Alignment:
    """Which words translate each other in a corpus, and below which score a pair is no translation.

    The score of a pair is the mean, over its words on both sides, of the logarithm of how many times as often
    as by chance the word goes with the best word of the other side. A pair's own occurrences do not count.
    """

    links: Links
    counts: tuple[Counter[str], Counter[str]]
    """How often each word of a side occurs in the sample."""
    size: float
    """How many words a side of the sample has, as the geometric mean."""
    step: int
    """Rows of the corpus from one pair of the sample to the next."""
    threshold: float = -math.inf

    @classmethod
    def learn(cls, sample: Sequence[Pair], step: int) -> Alignment:
        """Links the words of a sample and finds the threshold.

        Scores of the sample's sources with targets of other pairs show how pairs score that are no
        translations, so the threshold depends neither on the languages nor on the share of noise.
        """
        counts: tuple[Counter[str], Counter[str]] = (Counter(), Counter())
        for pair in map(_words, sample):
            for side in (0, 1):
                counts[side].update(pair[side])
        size = math.sqrt(counts[0].total() * counts[1].total())
        found = cls(link_words(map(_words, sample)), counts, size, step)
        scored = sample[:: math.ceil(max(1, len(sample) / _SCORED_PAIRS))]
        half = len(scored) // 2
        others = [*scored[half:], *scored[:half]]
        unrelated = _judged(
            found.score((one[0], other[1]), is_own=False) for one, other in zip(scored, others)
        )
        scores = _judged(found.score(pair, is_own=True) for pair in scored)
        return replace(found, threshold=_threshold(scores, unrelated))

    def is_unlikely(self, row: int, pair: Pair) -> bool:
        """Whether the words of a pair translate each other no better than those of unrelated sentences."""
        if self.threshold == -math.inf:
            return False
        score = self.score(pair, is_own=row % self.step == 0)
        return score is not None and score <= self.threshold

    def score(self, pair: Pair, *, is_own: bool) -> float | None:
        """The score of a pair; None where too few of its words are known.

        Args:
            is_own: the pair is in the sample, and the links come from it, too.
        """
        own = [Counter(words) for words in _words(pair)]
        known = []
        for words, counts in zip(own, self.counts):
            left = {word: counts[word] - (count if is_own else 0) for word, count in words.items()}
            known.append({word: count for word, count in left.items() if count >= _LEAST_OCCURRENCES})
        if min(map(len, known)) < _LEAST_WORDS:
            return None
        best = [dict.fromkeys(each, 0.0) for each in known]
        for word, count in known[0].items():
            for other, links in self.links.get(word, {}).items():
                if other in known[1]:
                    if is_own:
                        links = max(0.0, links - min(own[0][word], own[1][other]))
                    strength = links * self.size / (count * known[1][other])
                    best[0][word] = max(best[0][word], strength)
                    best[1][other] = max(best[1][other], strength)
        strengths = [*best[0].values(), *best[1].values()]
        return math.fsum(math.log(_FLOOR + each) for each in strengths) / len(strengths)


def _words(pair: Pair) -> tuple[list[str], list[str]]:
    return words_and_bigrams(pair[0].lower()), words_and_bigrams(pair[1].lower())


def _num_cells(pair: Pair) -> int:
    source, target = _words(pair)
    return len(source) * len(target)


def _judged(scores: Iterable[float | None]) -> np.ndarray:
    return np.array(sorted(score for score in scores if score is not None))


def _threshold(scores: np.ndarray, unrelated: np.ndarray) -> float:
    """The highest score up to which at most 0.3 % of the translations score; minus infinity for few pairs.

    The scores are a mixture of those of unrelated sentences and of translations. The share of the former is
    at most the smallest ratio of both distributions, since few translations score low.

    Args:
        scores: (pairs,) of the corpus, ascending.
        unrelated: (pairs,) of sentences that belong to different pairs, ascending.
    """
    if min(len(scores), len(unrelated)) < _LEAST_JUDGED:
        return -math.inf
    grid = np.quantile(unrelated, np.arange(0.1, 0.995, 0.01))
    noise = np.searchsorted(unrelated, grid, "right") / len(unrelated)
    all_pairs = np.searchsorted(scores, grid, "right") / len(scores)
    share = float((all_pairs / noise).min())
    if share >= 1:
        return -math.inf
    lost = (all_pairs - share * noise) / (1 - share)
    below = np.flatnonzero(lost <= _MOST_LOST)
    return float(grid[below[-1]]) if len(below) else -math.inf
