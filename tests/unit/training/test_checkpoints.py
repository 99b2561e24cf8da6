"""Checkpoints: complete or not there, nothing foreign touched, differences named."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import nn

from crosslate.errors import TrainingError
from crosslate.training.checkpoints import RunState, load_best, load_checkpoint, save_best, save_checkpoint

DESCRIBED = {"settings": {"max_epochs": 3}, "identity": {"size": (1, 2)}}


def trained(value: float = 1.0) -> dict[str, nn.Parameter]:
    return {"a.weight": nn.Parameter(torch.full((2, 3), value)), "b": nn.Parameter(torch.full((4,), -value))}


def stepped(named: dict[str, nn.Parameter], steps: int = 1) -> torch.optim.Optimizer:
    optimiser = torch.optim.AdamW(named.values(), lr=0.1)
    for _ in range(steps):
        sum(each.pow(2).sum() for each in named.values()).backward()  # type: ignore[union-attr]
        optimiser.step()
        optimiser.zero_grad()
    return optimiser


def saved(
    folder: Path, described: object = DESCRIBED
) -> tuple[dict[str, nn.Parameter], torch.optim.Optimizer]:
    """What a checkpoint of update 1 was saved from."""
    named = trained()
    optimiser = stepped(named)
    save_checkpoint(folder, RunState(updates=1), named, optimiser, described, {})  # type: ignore[arg-type]
    return named, optimiser


def test_what_was_saved_is_restored_and_the_next_step_is_the_same(tmp_path: Path):
    first, second = trained(), trained(9.0)
    optimiser, other = stepped(first, 3), stepped(second, 0)
    assert load_checkpoint(tmp_path, second, other, DESCRIBED, {}) is None
    state = RunState(
        epoch=1, batches_done=2, updates=3, best_score=0.5, history=[{"updates": 2, "score": 0.5}]
    )
    save_checkpoint(tmp_path, state, first, optimiser, DESCRIBED, {})
    assert load_checkpoint(tmp_path, second, other, DESCRIBED, {}) == state
    for named, used in ((first, optimiser), (second, other)):
        sum(each.pow(3).sum() for each in named.values()).backward()  # type: ignore[union-attr]
        used.step()
    for name in first:
        assert torch.equal(first[name], second[name])


@pytest.mark.parametrize("damage", ["cut", "tensor", "state"])
def test_a_damaged_checkpoint_is_an_error_with_what_to_do(tmp_path: Path, damage: str):
    named = trained()
    run = named, stepped(named)
    save_checkpoint(tmp_path, RunState(updates=1), *run, DESCRIBED, {})
    path = tmp_path / "checkpoint.safetensors"
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:-9])
    else:
        tensors = load_file(path)
        with safe_open(path, "pt") as file:
            metadata = file.metadata()
        if damage == "tensor":
            tensors["value|b"] = tensors["value|b"][:2].clone()
        else:  # of another version
            metadata["state"] = json.dumps(json.loads(metadata["state"]) | {"mood": "good"})
        save_file(tensors, path, metadata)
    with pytest.raises(TrainingError, match=r"cannot resume from .*checkpoint\.safetensors.*remove"):
        load_checkpoint(tmp_path, *run, DESCRIBED, {})


def test_a_file_that_may_not_grow_is_reported_as_a_full_disk(tmp_path: Path):
    resource = pytest.importorskip("resource")
    named = {"big": nn.Parameter(torch.zeros(50_000))}
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, before[1]))
    try:
        with pytest.raises(TrainingError, match=r"cannot write .*best\.safetensors"):
            save_best(tmp_path, named)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert list(tmp_path.iterdir()) == []


def test_the_best_state_comes_back(tmp_path: Path):
    named, other = trained(3.0), trained(5.0)
    save_best(tmp_path, named)
    load_best(tmp_path, other)
    assert all(torch.equal(named[name], other[name]) for name in named)
    (tmp_path / "best.safetensors").unlink()
    with pytest.raises(TrainingError, match=r"cannot read the best state .*remove"):
        load_best(tmp_path, other)
