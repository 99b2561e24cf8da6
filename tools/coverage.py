"""How often intervals of a difference contain the true one, by the number of seeds, for docs/scores.md.

Run ``python -m tools.coverage``; takes seconds. Two systems are alike on average. All seeds see the same
sentences, whose mean has an error, and each training adds a normal deviation of its own to every sentence.
"""

from __future__ import annotations

import logging

import numpy

from crosslate.evaluation.significance import Run, paired_bootstrap

log = logging.getLogger(__name__)

NUM_TRIALS, NUM_RESAMPLES, NUM_SENTENCES = 300, 2_000, 50
ERROR_OF_MEAN, DEVIATIONS = 0.07, (0.07, 0.3)
_LEAST_P = 2 / (NUM_RESAMPLES + 1)


def coverage(num_seeds: int, deviation: float) -> tuple[int, int]:
    """Per cent of trials whose interval contains 0, and whose p-value is the least possible."""
    random, none = numpy.random.default_rng(7), numpy.zeros((NUM_SENTENCES, 1))
    num_covered = num_least = 0
    for _ in range(NUM_TRIALS):
        sentences = random.normal(size=none.shape) * ERROR_OF_MEAN * NUM_SENTENCES**0.5
        runs = [Run(sentences + random.normal() * deviation, none) for _ in range(num_seeds)]
        found = paired_bootstrap(runs, lambda sums: sums[:, 0] / NUM_SENTENCES, NUM_RESAMPLES)
        num_covered += found.interval[0] <= 0 <= found.interval[1]
        num_least += found.p_value <= _LEAST_P
    return round(100 * num_covered / NUM_TRIALS), round(100 * num_least / NUM_TRIALS)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    log.info("seeds: contained and least p at deviation %g, then at %g, in per cent", *DEVIATIONS)
    for number in (1, 2, 3, 5):
        log.info("%d: %s, %s", number, *(coverage(number, each) for each in DEVIATIONS))
