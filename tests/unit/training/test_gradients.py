"""Halves of a batch have the whole one's gradients, in any order of time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import torch
from accelerate import Accelerator

import families
from crosslate.training.batches import Batch
from crosslate.training.cpu import cheaper_on_cpu
from crosslate.training.gradients import Gradients, HalvedGradients, PlainGradients
from crosslate.training.loss import TranslationLoss
from toy_training import toy_batch


@contextmanager
def both(family: str, **changes: float) -> Iterator[tuple[torch.nn.Module, Gradients, Gradients]]:
    model = families.build(family, **changes).train()
    objective = TranslationLoss(model, 0.1)
    accelerator = Accelerator(cpu=True)
    trained = [each for each in model.parameters() if each.requires_grad]
    with cheaper_on_cpu(model, is_bf16=False):
        yield (
            model,
            PlainGradients(accelerator, objective, is_bf16=False),
            HalvedGradients(objective, trained, 2, is_bf16=False),
        )


def gradients(model: torch.nn.Module, compute: Gradients, batch: Batch, seed: int = 5) -> list[torch.Tensor]:
    model.zero_grad(set_to_none=True)
    loss = compute(batch, seed, 0.25, True)
    return [loss, *(each.grad.clone() for each in model.parameters() if each.grad is not None)]


@pytest.mark.parametrize("rows", [1, 5, 8])
def test_without_dropout_both_ways_agree(rows: int):
    quiet = {"dropout": 0.0, "attention_dropout": 0.0, "activation_dropout": 0.0}
    with both("marian-separate", **quiet) as (model, plain, halved):
        batch = toy_batch(*range(min(rows, 6)), rows=rows)
        for one, other in zip(gradients(model, plain, batch), gradients(model, halved, batch), strict=True):
            torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)


def test_gradients_of_several_batches_add_up():
    quiet = {"dropout": 0.0, "attention_dropout": 0.0}
    with both("marian-separate", **quiet) as (model, _, halved):
        first, second = toy_batch(*range(5), rows=8), toy_batch(*range(5, 10), rows=8)
        alone = [gradients(model, halved, batch) for batch in (first, second)]
        model.zero_grad(set_to_none=True)
        halved(first, 5, 0.25, False)
        halved(second, 5, 0.25, True)
        together = [each.grad for each in model.parameters() if each.grad is not None]
        for one, other, both_grads in zip(alone[0][1:], alone[1][1:], together, strict=True):
            torch.testing.assert_close(one + other, both_grads, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("family", ["marian-separate", "m2m100", "t5", "nllb-moe"])
def test_every_time_gives_the_same_bits(family: str):
    with both(family) as (model, _, halved):
        batch = toy_batch(*range(7), rows=8)
        first = gradients(model, halved, batch)
        for _ in range(4):
            again = gradients(model, halved, batch)
            assert all(torch.equal(*pair) for pair in zip(first, again, strict=True))
        other = gradients(model, halved, batch, seed=6)
        assert not torch.equal(first[0], other[0])


def test_halves_have_masks_of_their_own():
    with both("marian-separate", dropout=0.5) as (_, _, halved):
        twice = toy_batch(3, 3, rows=2)
        losses = [halved(twice.rows(at, at + 1), 5 + at, 1.0, True) for at in (0, 1)]
        assert losses[0] != losses[1]
        torch.testing.assert_close(halved(twice, 5, 1.0, True), losses[0] + losses[1])


def test_a_fault_in_a_thread_is_raised():
    with both("marian-separate") as (_, _, halved):
        batch = toy_batch(0, 1)
        batch.source[-1, 0] = 10_000
        with pytest.raises(IndexError):
            halved(batch, 5, 1.0, True)
