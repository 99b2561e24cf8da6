"""Batches: every pair once, few shapes, tensors as stated by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from crosslate.errors import TrainingError
from crosslate.training.batches import (
    IGNORED,
    BatchIds,
    PlannedBatch,
    collate,
    longest_unpadded,
    plan_batches,
    shard,
)
from toy_training import ToyPairs


def lengths(count: int, seed: int = 0, longest: int = 200) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    source = np.clip(random.lognormal(2.8, 0.7, count), 1, longest).astype(np.int32)
    target = np.clip(source * random.lognormal(0, 0.3, count), 1, longest).astype(np.int32)
    return source, target


def test_every_pair_is_in_exactly_one_batch_that_holds_it():
    source, target = lengths(5_000, longest=60)
    batches = plan_batches(source, target, 2_048, seed=3, epoch=1)
    assert sorted(index for batch in batches for index in batch.indices) == list(range(5_000))
    positions = sum(batch.rows * (batch.src_len + batch.tgt_len) for batch in batches)
    assert (source.sum() + target.sum()) / positions > 0.75  # most positions hold tokens
    for batch in batches:
        rows = list(batch.indices)
        assert 0 < len(rows) <= batch.rows
        assert source[rows].max() <= batch.src_len
        assert target[rows].max() <= batch.tgt_len
        assert batch.rows * (batch.src_len + batch.tgt_len) <= 2_048


def test_shapes_are_few_fixed_and_on_the_grid():
    source, target = lengths(50_000)
    batches = [
        batch for epoch in range(3) for batch in plan_batches(source, target, 4_096, seed=1, epoch=epoch)
    ]
    shapes = {(batch.rows, batch.src_len, batch.tgt_len) for batch in batches}
    assert len(shapes) <= 120 < len(batches) / 10
    assert len({shape[1:] for shape in shapes}) == len(shapes), "a shape has one number of rows"
    for rows, *sides in shapes:
        assert rows % 8 == 0 or rows < 8
        for side in sides:
            assert side % (4 if side <= 32 else 8 if side <= 64 else 16 if side <= 128 else 32) == 0


def test_the_order_depends_on_seed_and_epoch_only_and_epochs_are_equally_long():
    source, target = lengths(2_000)
    first = plan_batches(source, target, 1_024, seed=1, epoch=0)
    assert first == plan_batches(source, target, 1_024, seed=1, epoch=0)
    others = [plan_batches(source, target, 1_024, seed=1, epoch=epoch) for epoch in range(1, 4)]
    others.append(plan_batches(source, target, 1_024, seed=2, epoch=0))
    for other in others:
        assert other != first
        assert len(other) == len(first)


def test_a_pair_that_fits_in_no_batch_is_refused_with_the_number_that_would_do():
    with pytest.raises(TrainingError, match=r"batches of 43 tokens.*longest pair \(44 tokens.*at least 44"):
        plan_batches(np.array([3, 17]), np.array([2, 23]), 43, seed=1, epoch=0)
    assert len(plan_batches(np.array([3, 17]), np.array([2, 23]), 44, seed=1, epoch=0)) == 2
    assert plan_batches(np.array([8]), np.array([64]), 72, seed=1, epoch=0) == [PlannedBatch((0,), 1, 8, 64)]
    assert plan_batches(np.zeros(0, int), np.zeros(0, int), 64, seed=1, epoch=0) == []


def test_tensors_by_hand():
    pairs = ToyPairs([np.array([5, 6, 0]), np.array([7, 0])], [np.array([8, 0]), np.array([9, 3, 4, 0])])
    batch = collate(pairs, PlannedBatch((1, 0), 3, 4, 5), BatchIds(1, 2, 11))
    x = IGNORED
    assert batch.source.tolist() == [[7, 0, 1, 1], [5, 6, 0, 1], [1, 1, 1, 1]]
    assert batch.source_mask.tolist() == [[1, 1, 0, 0], [1, 1, 1, 0], [1, 0, 0, 0]]
    assert batch.decoder_input.tolist() == [[11, 9, 3, 4, 2], [11, 8, 2, 2, 2], [11, 2, 2, 2, 2]]
    assert batch.labels.tolist() == [[9, 3, 4, 0, x], [8, 0, x, x, x], [x] * 5]
    assert (batch.num_labels, batch.num_tokens) == (6, 11)
    tensors = (batch.source, batch.source_mask, batch.decoder_input, batch.labels)
    assert {tensor.dtype for tensor in tensors} == {torch.int64}


@pytest.mark.parametrize(("num_batches", "num_processes"), [(6, 2), (7, 2), (5, 4), (1, 3)])
def test_processes_share_the_batches_and_take_equally_many(num_batches: int, num_processes: int):
    batches = [PlannedBatch((index,), 8, 8 * (index + 1), 8) for index in range(num_batches)]
    shares = [list(shard(batches, process, num_processes)) for process in range(num_processes)]
    assert len({len(share) for share in shares}) == 1
    assert sorted(index for share in shares for batch in share for index in batch.indices) == list(
        range(num_batches)
    )
    for round_of_batches in zip(*shares, strict=True):
        empty = [batch for batch in round_of_batches if not batch.indices]
        assert all((batch.src_len, batch.rows) == (round_of_batches[0].src_len, 8) for batch in empty)


def test_the_longest_sentence_that_fits_when_padded():
    assert [longest_unpadded(positions) for positions in (3, 7, 31, 63, 64, 100, 130, 512, 1000)] == [
        0, 4, 28, 56, 64, 96, 128, 512, 992,
    ]  # fmt: skip
    for limit in (20, 70, 130, 300):
        longest = longest_unpadded(limit)
        [batch] = plan_batches(np.array([longest]), np.array([1]), 1_024, seed=1, epoch=0)
        assert batch.src_len <= limit
