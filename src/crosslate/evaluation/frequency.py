"""Lexicon induction by frequency: words seen often in training against words seen rarely."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from crosslate.errors import UsageError
from crosslate.evaluation.lexicon import LexiconExample

_WORD = re.compile(r"\w+", re.UNICODE)


@dataclass(frozen=True)
class FrequencyBand:
    """Words of similar frequency.

    Attributes:
        most: occurrences of its most frequent word in the training text.
        least: of its least frequent one.
        num_words: words tested.
        precision_at_1: percent (0-100) of them with a translation nearest; likewise the others.
    """

    most: int
    least: int
    num_words: int
    precision_at_1: float
    precision_at_5: float
    precision_at_10: float


def count_words(lines: Iterable[str]) -> Counter[str]:
    """How often each word occurs, in lower case; digits and letters make words."""
    counts: Counter[str] = Counter()
    for line in lines:
        counts.update(_WORD.findall(line.lower()))
    return counts


def frequency_bands(
    examples: Sequence[LexiconExample], counts: Mapping[str, int], num_bands: int = 4
) -> list[FrequencyBand]:
    """Splits tested words into bands of (nearly) equal size, the most frequent words first.

    Args:
        examples: all tested words.
        counts: occurrences by word in lower case; a word that is not there has none.
        num_bands: how many bands; fewer where there are fewer words.

    Raises:
        UsageError: fewer than one band.
    """
    if num_bands < 1:
        raise UsageError(f"{num_bands} frequency bands asked for, expected at least 1")
    ranked = sorted(
        ((counts.get(each.word.lower(), 0), each) for each in examples), key=lambda pair: -pair[0]
    )
    bands = []
    for band in range(min(num_bands, len(ranked))):
        share = min(num_bands, len(ranked))
        inside = ranked[band * len(ranked) // share : (band + 1) * len(ranked) // share]
        ranks = [example.rank for _, example in inside]
        bands.append(
            FrequencyBand(
                inside[0][0], inside[-1][0], len(inside), *(_precision(ranks, k) for k in (1, 5, 10))
            )
        )
    return bands


def _precision(ranks: Sequence[int | None], limit: int) -> float:
    return 100 * sum(rank is not None and rank <= limit for rank in ranks) / len(ranks)
