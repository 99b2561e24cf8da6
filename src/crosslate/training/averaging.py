"""Exponential moving average of the trained weights."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch.optim.swa_utils import get_ema_multi_avg_fn


class AveragedWeights:
    """The average of the trained tensors over the updates, beside them: a = d a + (1 - d) w at every update.

    The decay d of the t-th update (from 1) is min(decay, (1 + t) / (10 + t)), so that the initial values do
    not dominate a short run. While the second is smaller, the mean age of what is averaged is t / 10 updates.

    Args:
        trained: parameters by name; the average starts at their values.
        decay: in (0, 1).

    Attributes:
        tensors: the averages by name, of the parameters' shapes, types and devices.

    Source: Polyak & Juditsky 1992; the warm-up is that of TensorFlow's ExponentialMovingAverage.
    """

    def __init__(self, trained: Mapping[str, torch.Tensor], decay: float) -> None:
        self.decay = decay
        self.tensors = {name: each.detach().clone() for name, each in trained.items()}
        self._averages, self._weights = list(self.tensors.values()), list(trained.values())

    def update(self, updates: int) -> None:
        """Moves the averages towards the weights.

        Args:
            updates: optimiser steps made, the last one included.
        """
        decay = min(self.decay, (1 + updates) / (10 + updates))
        get_ema_multi_avg_fn(decay)(self._averages, self._weights, updates)

    @torch.no_grad()
    def swap(self) -> None:
        """Exchanges weights and averages, in place; a second call restores both, to the bit."""
        for average, weight in zip(self._averages, self._weights, strict=True):
            held = weight.clone()
            weight.copy_(average)
            average.copy_(held)

    @contextmanager
    def swapped(self) -> Iterator[None]:
        """Inside, the parameters hold the averages."""
        self.swap()
        try:
            yield
        finally:
            self.swap()
