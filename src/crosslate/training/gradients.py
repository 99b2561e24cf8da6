"""Gradients of a batch: computed at once, or on CPU by two threads with half of the rows each."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from typing import Any

import torch
from accelerate import Accelerator
from torch import nn

from crosslate.training.batches import Batch
from crosslate.training.cpu import SeededRandom

Gradients = Callable[[Batch, int, float, bool], torch.Tensor]
"""Adds a batch's gradients to the parameters and returns its loss, a scalar.

Arguments: the batch, a seed for all its random numbers, the factor on the loss, and whether it is the last
batch of an update on this process.
"""


class PlainGradients:
    """Forward and backward pass of the whole batch.

    Args:
        accelerator: sums gradients over processes at the last batch of an update.
        objective: loss of a batch, as the accelerator has prepared it.
        is_checkpointed: whether layers are computed again in the backward pass, which must find the same
            masks: only PyTorch's own generator is put back for that.
        scaler: multiplies losses in fp16, where small gradients would become zero; None computes without.
    """

    def __init__(
        self,
        accelerator: Accelerator,
        objective: nn.Module,
        *,
        is_bf16: bool,
        is_checkpointed: bool = False,
        scaler: torch.amp.GradScaler | None = None,
    ) -> None:
        self.accelerator, self.objective = accelerator, objective
        self.scaler = scaler or torch.amp.GradScaler(accelerator.device.type, enabled=False)
        self.dtype = torch.float16 if self.scaler.is_enabled() else torch.bfloat16 if is_bf16 else None
        self.has_own_masks = accelerator.device.type == "cpu" and not is_checkpointed

    def __call__(self, batch: Batch, seed: int, factor: float, is_last: bool) -> torch.Tensor:
        losses = []
        parts = batch.parts()
        for number, part in enumerate(parts):
            torch.manual_seed(seed + number)
            is_synced = is_last and number == len(parts) - 1
            with nullcontext() if is_synced else self.accelerator.no_sync(self.objective):
                with SeededRandom(seed + number) if self.has_own_masks else nullcontext():
                    loss = _loss(self.objective, part, self.dtype)
                self.accelerator.backward(self.scaler.scale(loss * factor))
            losses.append(loss.detach())
        return losses[0] if len(losses) == 1 else torch.stack(losses).sum()


class HalvedGradients:
    """Two threads, each with half of a batch's rows and half of the cores; or with parts of a large batch.

    Much of a small model's time goes to work between matrix products that does not use a second core
    (measured in docs/performance.md). Sums have a fixed order and each half has its own random masks, so the
    result does not depend on timing.

    Args:
        objective: loss of a batch.
        parameters: parameters to compute gradients for.
        num_threads: cores to use, 2 or more.
    """

    def __init__(
        self, objective: nn.Module, parameters: Iterable[nn.Parameter], num_threads: int, *, is_bf16: bool
    ) -> None:
        self.objective, self.parameters = objective, list(parameters)
        self.dtype = torch.bfloat16 if is_bf16 else None
        # The number of threads within an operation is a property of the thread that calls it.
        self._pool = ThreadPoolExecutor(2, "gradients", torch.set_num_threads, (num_threads // 2,))

    def __call__(self, batch: Batch, seed: int, factor: float, is_last: bool) -> torch.Tensor:
        parts = batch.parts()
        middle = len(batch.labels) // 2
        if len(parts) == 1 and middle:
            parts = [batch.rows(0, middle), batch.rows(middle, len(batch.labels))]
        seeds = range(seed, seed + len(parts))
        results = list(self._pool.map(self._part, parts, seeds, [factor] * len(parts)))
        for _, gradients in results:
            for parameter, gradient in zip(self.parameters, gradients, strict=True):
                if parameter.grad is None:
                    parameter.grad = gradient
                elif gradient is not None:
                    parameter.grad += gradient
        return torch.stack([loss for loss, _ in results]).sum()

    def _part(self, batch: Batch, seed: int, factor: float) -> tuple[torch.Tensor, tuple[Any, ...]]:
        with SeededRandom(seed):
            loss = _loss(self.objective, batch, self.dtype)
        return loss.detach(), torch.autograd.grad(loss * factor, self.parameters, allow_unused=True)


def _loss(objective: nn.Module, batch: Batch, dtype: torch.dtype | None) -> torch.Tensor:
    with torch.autocast(batch.labels.device.type, dtype or torch.bfloat16, enabled=dtype is not None):
        return objective(batch)
