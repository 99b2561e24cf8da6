"""How well confidence tells good translations from bad ones: its correlation with chrF, its calibration."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy
from numpy.typing import ArrayLike, NDArray

from crosslate.evaluation.scores import sentence_chrf
from crosslate.languages.words import word_spans
from crosslate.packs.manifest import Calibration, Curve, log_odds

Numbers = NDArray[numpy.float64]
FEWEST_SENTENCES = 50
"""With fewer, a calibration would say more about these sentences than about the model."""
DOUBTFUL_SHARE = 0.1
"""Share of the sentences, and of the words, whose confidence is so low that they are doubtful."""
_MOST_STEPS, _CONVERGED = 100, 1e-9


@dataclass(frozen=True)
class Correlation:
    """How confidence goes with the chrF of sentences.

    Attributes:
        spearman: of ranks, -1 to 1.
        pearson: of the expected chrF, or of the probability without a calibration, -1 to 1.
        sentences: that have both.
    """

    spearman: float
    pearson: float
    sentences: int

    @classmethod
    def of(
        cls, confidence: Sequence[float | None], translations: Sequence[str], references: Sequence[str]
    ) -> Correlation:
        """The correlation on a test set.

        Args:
            confidence: the higher, the surer; None leaves a sentence out.
        """
        rows = zip(confidence, translations, references, strict=True)
        known = [(each, one, other) for each, one, other in rows if each is not None and other.strip()]
        if not known:
            return cls(0.0, 0.0, 0)
        values, ours, theirs = zip(*known)
        chrf = sentence_chrf(ours, theirs)
        return cls(spearman(values, chrf), pearson(values, chrf), len(known))


def pearson(one: ArrayLike, other: ArrayLike) -> float:
    """Correlation of two series of numbers, -1 to 1; 0 if one of them is constant."""
    first, second = (numpy.asarray(each, dtype=numpy.float64) for each in (one, other))
    first, second = first - first.mean(), second - second.mean()
    scale = float(numpy.sqrt((first**2).sum() * (second**2).sum()))
    return float((first * second).sum()) / scale if scale else 0.0


def spearman(one: ArrayLike, other: ArrayLike) -> float:
    """Rank correlation of two series of numbers, -1 to 1; equal numbers share the mean of their ranks."""
    return pearson(_ranks(one), _ranks(other))


def _ranks(values: ArrayLike) -> Numbers:
    _, places, counts = numpy.unique(numpy.asarray(values), return_inverse=True, return_counts=True)
    last = numpy.cumsum(counts)
    mean: Numbers = (last - (counts - 1) / 2)[places.reshape(-1)]
    return mean


def fit_logistic(values: ArrayLike, shares: ArrayLike) -> tuple[float, float]:
    """Intercept and slope of the logistic function that fits shares best by cross-entropy.

    The slope is at least 0, so a higher value never gets a lower share. Shares are moved a little from 0 and
    1, as if two more were seen, so that the fit exists for any data.

    Args:
        values: ``(n,)``, finite.
        shares: ``(n,)``, 0-1: outcomes, or shares that stand for them.

    Source: Platt 1999, "Probabilistic Outputs for Support Vector Machines", section 2.2, with shares (Papke &
    Wooldridge 1996).
    """
    given = numpy.asarray(values, dtype=numpy.float64)
    wanted = (numpy.asarray(shares, dtype=numpy.float64) * len(given) + 1) / (len(given) + 2)
    mean, deviation = float(given.mean()), float(given.std())
    intercept, slope = float(numpy.log(wanted.mean() / (1 - wanted.mean()))), 0.0
    # The correlation has the sign of the best slope; equal numbers differ by rounding.
    if deviation > _CONVERGED * max(1.0, abs(mean)) and pearson(given, wanted) > 0:
        scaled = (given - mean) / deviation
        intercept, slope = _newton(numpy.stack([numpy.ones_like(scaled), scaled], axis=1), wanted, intercept)
        slope /= deviation
    return intercept - slope * mean, slope


def _newton(design: Numbers, wanted: Numbers, intercept: float) -> tuple[float, float]:
    """Newton's method on the cross-entropy, which is convex; a step that does not lower it is halved."""

    def loss(weights: Numbers) -> float:
        return float((numpy.logaddexp(0, design @ weights) - wanted * (design @ weights)).sum())

    weights = numpy.array([intercept, 0.0])
    for _ in range(_MOST_STEPS):
        shares = 1 / (1 + numpy.exp(-design @ weights))
        gradient = design.T @ (shares - wanted)
        curvature = (design * (shares * (1 - shares))[:, None]).T @ design + _CONVERGED * numpy.eye(2)
        step = numpy.linalg.solve(curvature, gradient)
        while loss(weights - step) > loss(weights) and abs(step).max() > _CONVERGED:
            step = step / 2
        weights = weights - step
        if abs(step).max() <= _CONVERGED:
            break
    return float(weights[0]), float(weights[1])


def calibrate(
    probabilities: Sequence[float],
    words: Sequence[Sequence[tuple[str, float]]],
    translations: Sequence[str],
    references: Sequence[str],
) -> Calibration | None:
    """What confidence is worth on a text; None for fewer sentences than :data:`FEWEST_SENTENCES`.

    Args:
        probabilities: of the translations.
        words: of each translation, with their probabilities.
    """
    pairs = zip(words, references, strict=True)
    known = list(chain.from_iterable(_in_reference(each, reference) for each, reference in pairs))
    if len(probabilities) < FEWEST_SENTENCES or not known:
        return None
    from sacrebleu.metrics import CHRF

    chrf = sentence_chrf(translations, references)
    scorer = CHRF()
    scorer.corpus_score([""], [[""]])  # the signature names the number of references
    return Calibration(
        sentence=_curve(probabilities, [each / 100 for each in chrf]), word=_curve(*zip(*known)),
        sentences=len(probabilities), spearman=round(spearman(probabilities, chrf), 4),
        signature=str(scorer.get_signature()),
    )  # fmt: skip


def _curve(probabilities: Sequence[float], shares: Sequence[float]) -> Curve:
    intercept, slope = fit_logistic(list(map(log_odds, probabilities)), shares)
    doubtful = float(numpy.quantile(probabilities, DOUBTFUL_SHARE))
    return Curve(intercept=round(intercept, 4), slope=round(slope, 4), doubtful=round(doubtful, 4))


def _in_reference(words: Sequence[tuple[str, float]], reference: str) -> Iterator[tuple[float, bool]]:
    """The probability of each word, and whether the reference has it, as often as it has it."""
    left = Counter(reference[start:end] for start, end in word_spans(reference))
    for word, probability in words:
        yield probability, left[word] > 0
        left[word] -= 1
