"""Real and synthetic pairs at a ratio, for the training loop."""

from __future__ import annotations

import numpy as np

from crosslate.training.batches import Integers, PairIds

_STREAM = 1  # keeps these random numbers apart from those of the batches


class MixedPairs:
    """Real pairs followed by synthetic ones; an epoch uses every real pair and some of the synthetic ones.

    Synthetic pairs are taken in turn from a shuffled order that depends on the seed: all of them are used
    before one is used again.

    Args:
        share: of synthetic pairs in an epoch, between 0 and 1. With fewer synthetic pairs than that takes,
            every epoch uses each of them once.
        seed: of the order.

    Attributes:
        num_drawn: synthetic pairs of an epoch.
    """

    def __init__(self, real: PairIds, synthetic: PairIds, share: float, seed: int) -> None:
        self._real, self._synthetic, self._seed = real, synthetic, seed
        wanted = max(1, round(len(real) * share / (1 - share)))
        self.num_drawn = min(wanted, len(synthetic))
        self.source_lengths = np.concatenate([real.source_lengths, synthetic.source_lengths])
        self.target_lengths = np.concatenate([real.target_lengths, synthetic.target_lengths])

    def __len__(self) -> int:
        return len(self._real) + len(self._synthetic)

    def source_ids(self, index: int) -> Integers:
        """Ids of a source sentence, the real ones first: ``(src_len,)``."""
        real = len(self._real)
        return self._real.source_ids(index) if index < real else self._synthetic.source_ids(index - real)

    def target_ids(self, index: int) -> Integers:
        """Ids of a target sentence: ``(tgt_len,)``."""
        real = len(self._real)
        return self._real.target_ids(index) if index < real else self._synthetic.target_ids(index - real)

    def rows(self, epoch: int) -> Integers:
        """All real pairs and an epoch's synthetic ones: ``(real + num_drawn,)`` int64."""
        count, drawn = len(self._synthetic), self.num_drawn
        start = epoch * drawn
        passes = range(start // count, (start + drawn - 1) // count + 1)
        order = np.concatenate(
            [np.random.default_rng([self._seed, each, _STREAM]).permutation(count) for each in passes]
        )
        first = start - passes[0] * count
        return np.concatenate([np.arange(len(self._real)), len(self._real) + order[first : first + drawn]])
