"""Real and synthetic pairs: the ratio, what each epoch uses, and a loop that resumes on them."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch

from crosslate.errors import Interrupted
from crosslate.training.batches import plan_batches
from crosslate.training.mixed_pairs import MixedPairs
from toy_training import At, ToyPairs, interrupt, toy_settings, train_toy


def mixed(real: int = 6, synthetic: int = 8, share: float = 0.4, seed: int = 1) -> MixedPairs:
    pairs = ToyPairs.random(real, seed=1), ToyPairs.random(synthetic, seed=2, longest=40)
    return MixedPairs(*pairs, share, seed)


@pytest.mark.parametrize(
    ("real", "synthetic", "share", "drawn"),
    [(6, 8, 0.4, 4), (6, 8, 0.5, 6), (6, 8, 0.9, 8), (100, 8, 0.001, 1), (30, 200, 0.8, 120)],
)
def test_an_epoch_has_the_share_of_synthetic_pairs_that_is_asked_for(real, synthetic, share, drawn):
    pairs = mixed(real, synthetic, share)
    assert (len(pairs), pairs.num_drawn) == (real + synthetic, drawn)
    for epoch in range(3):
        rows = pairs.rows(epoch)
        assert sorted(row for row in rows if row < real) == list(range(real))
        assert sum(row >= real for row in rows) == drawn and len(rows) == real + drawn


def test_every_synthetic_pair_is_used_before_one_is_used_again():
    pairs = mixed(real=6, synthetic=10, share=0.4)  # four an epoch: 10 epochs are four passes
    seen: Counter[int] = Counter()
    for epoch in range(10):
        seen.update(pairs.rows(epoch)[6:].tolist())
        assert max(seen.values()) - min(seen[row] for row in range(6, 16)) <= 1
    assert set(seen.values()) == {4}
    orders = [np.concatenate([pairs.rows(epoch)[6:] for epoch in range(5 * at, 5 * at + 5)]) for at in (0, 1)]
    assert orders[0].tolist() != orders[1].tolist()


def test_what_an_epoch_uses_depends_on_seed_and_epoch_only():
    assert mixed().rows(3).tolist() == mixed().rows(3).tolist()
    assert mixed().rows(3).tolist() != mixed(seed=2).rows(3).tolist()
    assert mixed().rows(3).tolist() != mixed().rows(4).tolist()


def test_ids_and_lengths_are_those_of_both():
    real, synthetic = ToyPairs.random(3, seed=1), ToyPairs.random(2, seed=2)
    pairs = MixedPairs(real, synthetic, 0.5, 1)
    for index, (one, row) in enumerate([(real, 0), (real, 1), (real, 2), (synthetic, 0), (synthetic, 1)]):
        assert pairs.source_ids(index).tolist() == one.source_ids(row).tolist()
        assert pairs.target_ids(index).tolist() == one.target_ids(row).tolist()
        lengths = pairs.source_lengths[index], pairs.target_lengths[index]
        assert lengths == (len(one.source_ids(row)), len(one.target_ids(row)))


def test_mixed_pairs_can_be_mixed_with_others():
    inner = mixed(real=6, synthetic=8, share=0.4)  # ten an epoch
    pairs = MixedPairs(inner, ToyPairs.random(30, seed=3), 0.5, 1)
    assert (len(pairs), pairs.num_drawn) == (44, 10)
    for epoch in range(3):
        rows = pairs.rows(epoch).tolist()
        assert rows[:10] == inner.rows(epoch).tolist() and all(14 <= row < 44 for row in rows[10:])


def test_batches_hold_the_chosen_pairs_and_no_others():
    pairs = mixed(60, 80)
    lengths = pairs.source_lengths, pairs.target_lengths
    for epoch in (0, 1):
        planned = plan_batches(*lengths, 256, 1, epoch, pairs.rows(epoch))
        used = sorted(index for batch in planned for index in batch.indices)
        assert used == sorted(pairs.rows(epoch).tolist())


def test_the_loop_ends_at_its_limit_and_resumes_to_the_same_tensors(tmp_path: Path):
    pairs, settings = mixed(30, 300, 0.7), toy_settings(max_epochs=4, schedule="linear")
    whole = train_toy(tmp_path / "whole", settings, pairs=pairs)
    record = train_toy.record  # type: ignore[attr-defined]
    counts = [len(plan_batches(pairs.source_lengths, pairs.target_lengths, 256, 1, each, pairs.rows(each)))
              for each in range(4)]  # fmt: skip
    assert counts == [17, 19, 15, 16]
    assert record["updates"] == sum(counts) == record["settings"]["schedule_updates"]
    with pytest.raises(Interrupted):
        train_toy(tmp_path / "cut", settings, pairs=pairs, progress=At(counts[0] + 2, interrupt))
    again = train_toy(tmp_path / "cut", settings, pairs=mixed(30, 300, 0.7))
    assert all(torch.equal(whole[name], again[name]) for name in whole)
