"""Checkpoints: complete or not there, the newest only, nothing foreign touched, differences named."""

from __future__ import annotations

import errno
import json
from pathlib import Path

import pytest
import torch
from safetensors import SafetensorError
from torch import nn

from crosslate.errors import TrainingError
from crosslate.training import checkpoints
from crosslate.training.checkpoints import (
    RunState,
    load_best,
    load_checkpoint,
    remove_checkpoints,
    remove_torn,
    save_best,
    save_checkpoint,
)

DESCRIBED = {
    "settings": {"max_epochs": 3, "patience": 4, "batch_tokens": 64, "schedule_updates": 0},
    "identity": {"corpus": "aa", "size": (1, 2)},
}


def trained(value: float = 1.0) -> dict[str, nn.Parameter]:
    return {"a.weight": nn.Parameter(torch.full((2, 3), value)), "b": nn.Parameter(torch.full((4,), -value))}


def stepped(named: dict[str, nn.Parameter], steps: int = 1) -> torch.optim.Optimizer:
    optimiser = torch.optim.AdamW(named.values(), lr=0.1)
    for _ in range(steps):
        sum(each.pow(2).sum() for each in named.values()).backward()  # type: ignore[union-attr]
        optimiser.step()
        optimiser.zero_grad()
    return optimiser


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_what_was_saved_is_restored_and_the_next_step_is_the_same(tmp_path: Path):
    first = trained()
    optimiser = stepped(first, 3)
    state = RunState(
        epoch=1, batches_done=2, updates=3, best_score=0.5, history=[{"updates": 2, "score": 0.5}]
    )
    save_checkpoint(tmp_path, state, first, optimiser, DESCRIBED)
    second = trained(9.0)
    other = stepped(second, 0)
    assert load_checkpoint(tmp_path, second, other, DESCRIBED) == state
    for named, used in ((first, optimiser), (second, other)):
        sum(each.pow(3).sum() for each in named.values()).backward()  # type: ignore[union-attr]
        used.step()
    for name in first:
        assert torch.equal(first[name], second[name])


def test_the_newest_alone_is_kept_and_foreign_files_stay(tmp_path: Path):
    named = trained()
    optimiser = stepped(named)
    foreign = {"checkpoint-mine", "checkpoint-0000000", "notes.txt"}
    for name in foreign:
        (tmp_path / name).mkdir()
    (tmp_path / "checkpoint-00000001").mkdir()  # as an early version named them
    for updates, validations in ((2, 0), (2, 1), (10, 1)):
        save_checkpoint(tmp_path, RunState(updates=updates, history=[{}] * validations), named, optimiser, {})
        assert set(names(tmp_path)) - foreign == {f"checkpoint-{updates:08d}-{validations}"}
    save_best(tmp_path, named)
    remove_checkpoints(tmp_path)
    assert set(names(tmp_path)) == foreign


@pytest.mark.parametrize(
    ("older", "newer"),
    [
        ("checkpoint-00000009-0", "checkpoint-00000010-0"),
        ("checkpoint-00000009-9", "checkpoint-00000009-10"),
        ("checkpoint-00000009", "checkpoint-00000009-0"),
        ("checkpoint-99999999-0", "checkpoint-100000000-0"),
    ],
)
def test_the_newest_of_two_is_taken(tmp_path: Path, older: str, newer: str):
    named = trained()
    optimiser = stepped(named)
    for epoch, name in enumerate((older, newer)):
        save_checkpoint(tmp_path / "one", RunState(epoch=epoch), named, optimiser, {})
        (tmp_path / "one" / "checkpoint-00000000-0").rename(tmp_path / name)
    state = load_checkpoint(tmp_path, named, optimiser, {})
    assert state is not None and state.epoch == 1


def test_nothing_saved_is_a_new_run(tmp_path: Path):
    named = trained()
    assert load_checkpoint(tmp_path, named, stepped(named, 0), DESCRIBED) is None


def test_limits_may_change_and_everything_else_is_named_with_both_values(tmp_path: Path):
    named = trained()
    optimiser = stepped(named)
    save_checkpoint(tmp_path, RunState(updates=1), named, optimiser, DESCRIBED)
    settings = DESCRIBED["settings"]
    allowed = DESCRIBED | {"settings": settings | {"max_epochs": 9, "patience": 0}}
    assert load_checkpoint(tmp_path, named, optimiser, allowed) is not None
    changed = {
        "settings": settings | {"batch_tokens": 128},
        "identity": {"corpus": "bb", "size": (1, 2), "max_epochs": 1},
    }
    with pytest.raises(TrainingError) as caught:
        load_checkpoint(tmp_path, named, optimiser, changed)
    message = str(caught.value)
    assert "settings.batch_tokens: 64 before, 128 now" in message
    assert "identity.corpus: 'aa' before, 'bb' now" in message
    assert "identity.max_epochs: None before, 1 now" in message
    assert "size" not in message and "another output folder" in message


def test_a_schedule_that_ends_elsewhere_is_explained(tmp_path: Path):
    named = trained()
    optimiser = stepped(named)
    save_checkpoint(tmp_path, RunState(updates=1), named, optimiser, {"settings": {"schedule_updates": 10}})
    with pytest.raises(TrainingError, match=r"schedule_updates: 10 before, 20 now\n.*falls to 0"):
        load_checkpoint(tmp_path, named, optimiser, {"settings": {"schedule_updates": 20}})


@pytest.mark.parametrize("name", ["state.json", "trained.safetensors", "optimiser.safetensors"])
@pytest.mark.parametrize("damage", ["cut", "missing"])
def test_a_damaged_checkpoint_is_an_error_with_what_to_do(tmp_path: Path, name: str, damage: str):
    named = trained()
    optimiser = stepped(named)
    save_checkpoint(tmp_path, RunState(updates=1), named, optimiser, DESCRIBED)
    path = tmp_path / "checkpoint-00000001-0" / name
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:-9])
    else:
        path.unlink()
    with pytest.raises(TrainingError, match=r"cannot go on from .*checkpoint-00000001-0.*remove"):
        load_checkpoint(tmp_path, named, optimiser, DESCRIBED)


def test_a_state_of_another_version_is_an_error(tmp_path: Path):
    named = trained()
    optimiser = stepped(named)
    save_checkpoint(tmp_path, RunState(updates=1), named, optimiser, DESCRIBED)
    path = tmp_path / "checkpoint-00000001-0" / "state.json"
    saved = json.loads(path.read_text())
    saved["state"]["mood"] = "good"
    path.write_text(json.dumps(saved))
    with pytest.raises(TrainingError, match="mood"):
        load_checkpoint(tmp_path, named, optimiser, DESCRIBED)


@pytest.mark.parametrize(
    "error", [OSError(errno.ENOSPC, "No space left on device"), SafetensorError("no space (os error 28)")]
)
def test_a_full_disk_leaves_what_was_there(tmp_path: Path, error: Exception, monkeypatch: pytest.MonkeyPatch):
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(checkpoints, "save_file", fail)
    named = trained()
    optimiser = stepped(named)
    (tmp_path / "checkpoint-00000001-0").mkdir()
    (tmp_path / "best.safetensors").write_bytes(b"before")
    for save in (
        lambda: save_checkpoint(tmp_path, RunState(updates=2), named, optimiser, {}),
        lambda: save_best(tmp_path, named),
    ):
        with pytest.raises(TrainingError, match=r"(?i)no space.*intact.*same command again"):
            save()
    assert names(tmp_path) == ["best.safetensors", "checkpoint-00000001-0"]
    assert (tmp_path / "best.safetensors").read_bytes() == b"before"


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
    assert names(tmp_path) == []


def test_what_a_killed_save_left_is_ignored_and_removed(tmp_path: Path):
    named = trained()
    optimiser = stepped(named)
    save_checkpoint(tmp_path, RunState(updates=1), named, optimiser, DESCRIBED)
    save_best(tmp_path, named)
    torn = [".checkpoint-00000002-0.k3j2.tmp", ".checkpoint-00000001-0.abcd.old"]
    for name in torn:
        (tmp_path / name).mkdir()
        (tmp_path / name / "trained.safetensors").write_bytes(b"half")
    (tmp_path / ".best.safetensors.x_1.tmp").write_bytes(b"half")
    foreign = [".checkpoint-mine.tmp", ".hidden.tmp", "x.tmp"]
    for name in foreign:
        (tmp_path / name).write_bytes(b"")
    state = load_checkpoint(tmp_path, named, optimiser, DESCRIBED)
    assert state is not None and state.updates == 1
    remove_torn(tmp_path)
    assert names(tmp_path) == sorted([*foreign, "best.safetensors", "checkpoint-00000001-0"])
    remove_torn(tmp_path / "not there")


def test_the_best_state_comes_back(tmp_path: Path):
    named = trained(3.0)
    save_best(tmp_path, named)
    other = trained(5.0)
    load_best(tmp_path, other)
    assert all(torch.equal(named[name], other[name]) for name in named)
    (tmp_path / "best.safetensors").unlink()
    with pytest.raises(TrainingError, match=r"cannot read the best state .*remove"):
        load_best(tmp_path, other)
