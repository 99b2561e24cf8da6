"""Paired bootstrap of two systems, pooled over seeds, parents and test sets; correction for many comparisons.

Scores of resamples come from summed statistics of sentences (or words), so nothing is scored twice.

Source: Koehn 2004 (paired bootstrap); Davison & Hinkley 1997, section 3.8 (several levels); Holm 1979.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy

NUM_SAMPLES = 10_000
SEED = 12345
_BLOCK = 500  # resamples drawn at once: 8 MB of counts with a thousand sentences

ScoreSums = Callable[["numpy.ndarray"], "numpy.ndarray"]
"""Scores ``(n,)`` of summed statistics ``(n, statistics)``."""


@dataclass(frozen=True)
class Difference:
    """The difference of two systems.

    Attributes:
        first: score of the first system; with several runs the mean over seeds, parents and test sets.
        interval: 95 % bootstrap interval of ``first - second``.
        p_value: two-sided, 0-1: twice the share of resamples beyond 0, counting one more; below 0.05 where
            10,000 resamples have an interval without 0, up to a tie.
    """

    first: float
    second: float
    interval: tuple[float, float]
    p_value: float

    @property
    def value(self) -> float:
        return self.first - self.second


@dataclass(frozen=True)
class Run:
    """Two systems on one test set, made with the same seed.

    Attributes:
        first: statistics of each sentence or word ``(units, statistics)``.
        second: the same units by the other system.
        test: runs with the same one have the same units; differences are averaged over tests.
        parent: runs with the same one differ in their seed only, and come in the same order in every test.
        group: tests with the same one share a system, so their seeds are drawn together; None: its own.
    """

    first: numpy.ndarray
    second: numpy.ndarray
    test: Any = ""
    parent: Any = ""
    group: Any = None


def paired_bootstrap(runs: Sequence[Run], score: ScoreSums, num_samples: int = NUM_SAMPLES) -> Difference:
    """Compares two systems on the same sentences.

    Every resample draws sentences, the same for all runs of a test; of several parents or seeds of a parent
    it draws these too. Their draws are spread by ``sqrt(n / (n - 1))``, since n of them vary less in
    resamples than in the population. Tests are not drawn: the result holds for those at hand. Tests of equal
    length draw the same rows, as parallel tests must, whose rows are translations of the same sentences.

    Args:
        num_samples: at least 1.
    """
    import numpy

    # Parents are drawn alike for every test, since its runs share them.
    generators = {
        "seeds": numpy.random.default_rng([SEED, 1]),
        "parents": numpy.random.default_rng([SEED, 2]),
    }
    parents = list(dict.fromkeys(run.parent for run in runs))
    weights = dict(zip(parents, _weights(generators["parents"], len(parents), num_samples).T))
    tests = list(dict.fromkeys(run.test for run in runs))
    drawn, values = numpy.zeros(num_samples), numpy.zeros(2)
    of_seeds: dict[Any, numpy.ndarray] = {}
    for test in tests:
        own = [run for run in runs if run.test == test]
        of_parents = {run.parent: [each for each in own if each.parent == run.parent] for run in own}
        total = sum(weights[parent] for parent in of_parents)
        statistics = [each for run in own for each in (run.first, run.second)]
        scores = iter(resampled_scores(statistics, score, num_samples))
        actual = iter([float(score(each.sum(axis=0, keepdims=True))[0]) for each in statistics])
        for parent, seeds in of_parents.items():
            # A test without some of the parents has the others in their proportions.
            share = weights[parent] / total if len(of_parents) < len(parents) else weights[parent]
            group = ("test", test) if seeds[0].group is None else ("group", seeds[0].group)
            key = (group, parent, len(seeds))
            if key not in of_seeds:
                of_seeds[key] = _weights(generators["seeds"], len(seeds), num_samples)
            for weight in of_seeds[key].T:
                drawn += share * weight * (next(scores) - next(scores)) / len(tests)
                pair = numpy.array([next(actual), next(actual)])
                values += pair / len(seeds) / len(of_parents) / len(tests)
    drawn = drawn.round(9)  # what cancels out is 0 and lies on both sides
    tail = min(numpy.count_nonzero(drawn <= 0), numpy.count_nonzero(drawn >= 0))
    p_value = min(1.0, 2 * (1 + int(tail)) / (num_samples + 1))
    return Difference(float(values[0]), float(values[1]), interval(drawn), p_value)


def _weights(generator: numpy.random.Generator, count: int, num_samples: int) -> numpy.ndarray:
    """Shares of each of some seeds or parents in resamples ``(samples, count)``; they sum up to 1."""
    import numpy

    if count == 1:
        return numpy.ones((num_samples, 1))
    even = 1 / count
    drawn = generator.multinomial(count, [even] * count, size=num_samples) / count
    return even + numpy.sqrt(count / (count - 1)) * (drawn - even)


def resampled_scores(
    statistics: Sequence[numpy.ndarray], score: ScoreSums, num_samples: int = NUM_SAMPLES
) -> Iterator[numpy.ndarray]:
    """Scores of each system on the same resamples of its sentences ``(samples,)``.

    Args:
        statistics: of each system, per sentence: ``(units, statistics)``, all of one shape.
    """
    import numpy

    generator = numpy.random.default_rng(SEED)
    num_units, width = statistics[0].shape
    table = numpy.concatenate(statistics, axis=1).astype(numpy.float64)
    sums = numpy.empty((num_samples, table.shape[1]))
    for start in range(0, num_samples, _BLOCK):
        size = min(_BLOCK, num_samples - start)
        drawn = (
            generator.integers(num_units, size=(size, num_units)) + num_units * numpy.arange(size)[:, None]
        )
        counts = numpy.bincount(drawn.ravel(), minlength=size * num_units).reshape(size, num_units)
        sums[start : start + size] = counts.astype(numpy.float64) @ table
    for index in range(len(statistics)):
        yield score(sums[:, index * width : (index + 1) * width])


def interval(scores: numpy.ndarray) -> tuple[float, float]:
    """The 95 % interval of resampled values: their percentiles."""
    import numpy

    low, high = numpy.percentile(scores, (2.5, 97.5))
    return float(low), float(high)


def holm(p_values: Sequence[float]) -> list[float]:
    """P-values of a family of comparisons, corrected for their number (Holm 1979), in the same order."""
    order = sorted(range(len(p_values)), key=lambda index: p_values[index])
    found, largest = [1.0] * len(p_values), 0.0
    for rank, index in enumerate(order):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[index]))
        found[index] = largest
    return found
