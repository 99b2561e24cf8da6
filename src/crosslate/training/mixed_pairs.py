"""Pairs of two kinds at a ratio, for the training loop: real and synthetic ones, new and earlier ones."""

from __future__ import annotations

import numpy as np

from crosslate.training.batches import Integers, PairIds, SampledPairs

_STREAM = 1  # keeps these random numbers apart from those of the batches


class MixedPairs:
    """Main pairs followed by others; an epoch uses its main pairs and some of the others.

    The others are taken in turn from a shuffled order that depends on the seed: all of them are used before
    one is used again.

    Args:
        main: all are used in every epoch, or if they are mixed themselves, those that their epoch uses.
        share: of other pairs in an epoch, between 0 and 1. With fewer of them than that takes, every epoch
            uses each of them once.
        seed: of the order.

    Attributes:
        num_drawn: other pairs of an epoch.
    """

    def __init__(self, main: PairIds, others: PairIds, share: float, seed: int) -> None:
        self._main, self._others, self._seed = main, others, seed
        wanted = max(1, round(len(self._main_rows(0)) * share / (1 - share)))
        self.num_drawn = min(wanted, len(others))
        self.source_lengths = np.concatenate([main.source_lengths, others.source_lengths])
        self.target_lengths = np.concatenate([main.target_lengths, others.target_lengths])

    def __len__(self) -> int:
        return len(self._main) + len(self._others)

    def source_ids(self, index: int) -> Integers:
        """Ids of a source sentence, the main ones first: ``(src_len,)``."""
        main = len(self._main)
        return self._main.source_ids(index) if index < main else self._others.source_ids(index - main)

    def target_ids(self, index: int) -> Integers:
        """Ids of a target sentence: ``(tgt_len,)``."""
        main = len(self._main)
        return self._main.target_ids(index) if index < main else self._others.target_ids(index - main)

    def _main_rows(self, epoch: int) -> Integers:
        return self._main.rows(epoch) if isinstance(self._main, SampledPairs) else np.arange(len(self._main))

    def rows(self, epoch: int) -> Integers:
        """An epoch's main pairs and its others: ``(main + num_drawn,)`` int64."""
        count, drawn = len(self._others), self.num_drawn
        start = epoch * drawn
        passes = range(start // count, (start + drawn - 1) // count + 1)
        order = np.concatenate(
            [np.random.default_rng([self._seed, each, _STREAM]).permutation(count) for each in passes]
        )
        first = start - passes[0] * count
        return np.concatenate([self._main_rows(epoch), len(self._main) + order[first : first + drawn]])
