"""What is frozen, spread over two processes: the same updates, half of the memory, the parent as it was."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import sharded_run
import toy_corpora
from crosslate.errors import TrainingError
from crosslate.packs.compose import apply_packs
from crosslate.packs.pack import Pack
from two_processes import run_by_two

PROGRAM = Path(sharded_run.__file__)


def run_two(folder: Path, *options: str) -> Pack:
    run_by_two(PROGRAM, str(folder), *options)
    return Pack.load(folder)


def measured(pack: Pack) -> tuple[float, float]:
    entry = pack.manifest.training["validations"][0]
    return entry["fc1"], entry["k_proj"]


@pytest.mark.parametrize("options", [pytest.param((), marks=pytest.mark.full), ("bf16", "checkpointed")])
def test_sharding_changes_no_update(tmp_path: Path, options: tuple[str, ...]):
    whole = run_two(tmp_path / "whole", *options)
    sharded = run_two(tmp_path / "sharded", "shard", *options)
    # fc1 is 48 x 32 and frozen, k_proj 32 x 32 and trained.
    assert measured(whole) == (48 * 32, 32 * 32) and measured(sharded) == (48 * 32 / 2, 32 * 32)
    assert sharded.manifest.training["updates"] == whole.manifest.training["updates"] == 9
    scores = [[v["score"] for v in each.manifest.training["validations"]] for each in (whole, sharded)]
    assert scores[0] == scores[1]
    assert whole.tensors.keys() == sharded.tensors.keys()
    for name, tensor in whole.tensors.items():
        torch.testing.assert_close(sharded.tensors[name], tensor, rtol=1e-4, atol=1e-6)
    parent = toy_corpora.parent()
    assert sharded.manifest.parent.fingerprint == parent.fingerprint()
    assert apply_packs(parent, [sharded]).source_language == "de"


def test_one_process_has_nobody_to_share_with(tmp_path: Path):
    with pytest.raises(TrainingError, match="there is one; start several with accelerate launch"):
        toy_corpora.adapted(toy_corpora.parent(), tmp_path / "pack", training={"shard_frozen": True})
