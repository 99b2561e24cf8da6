"""Checkpoints of a run: the whole state that its continuation depends on, written atomically.

A run folder holds ``checkpoint-<update>/`` (``state.json``, ``trained.safetensors``,
``optimiser.safetensors``), the newest only, and ``best.safetensors``. No pickle.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from crosslate.errors import TrainingError
from crosslate.files import atomic_file, atomic_folder, read_json, write_json
from crosslate.settings import differences

MAY_CHANGE = frozenset({"max_epochs", "max_updates", "patience", "checkpoint_every_seconds"})
"""Settings that a resumed run may change: they only say how far it goes or how often it is saved.

Where the schedule ends at a limit, changing the limit changes the schedule; ``schedule_updates`` then
differs in the resolved settings and the change is refused.
"""

_PREFIX = "checkpoint-"


@dataclass
class RunState:
    """Where a run is.

    Attributes:
        epoch: 0-based epoch under way.
        batches_done: batches of this epoch already used, over all processes.
        updates: optimiser steps made.
        seconds: time spent training, over all sittings.
        tokens: source and target tokens seen.
        best_score: best validation score; None before the first validation.
        best_updates: update of the best score.
        validations_since_best: validations without a better score.
        finished: why the run ended; "" while it goes on.
        history: one entry per validation.
    """

    epoch: int = 0
    batches_done: int = 0
    updates: int = 0
    seconds: float = 0.0
    tokens: int = 0
    best_score: float | None = None
    best_updates: int = 0
    validations_since_best: int = 0
    finished: str = ""
    history: list[dict[str, Any]] = field(default_factory=list)


def save_checkpoint(
    folder: Path,
    state: RunState,
    trained: Mapping[str, torch.Tensor],
    optimiser: torch.optim.Optimizer,
    described: dict[str, Any],
) -> None:
    """Writes a checkpoint and removes older ones.

    Args:
        described: settings and identity of the run, compared when it is resumed.

    Raises:
        TrainingError: it could not be written (a full disk); the previous checkpoint is untouched.
    """
    target = folder / f"{_PREFIX}{state.updates:08d}"
    try:
        with atomic_folder(target, replace=True) as temporary:
            save_file({name: tensor.detach().contiguous() for name, tensor in trained.items()},
                      temporary / "trained.safetensors")  # fmt: skip
            save_file(_optimiser_tensors(trained, optimiser), temporary / "optimiser.safetensors")
            write_json(temporary / "state.json", {"state": asdict(state), "run": described})
    except OSError as error:
        raise TrainingError(
            f"cannot write the checkpoint {target}: {error.strerror or error}; the one before is intact: "
            "free some space and run the same command again"
        ) from error
    for old in folder.glob(f"{_PREFIX}*"):
        if old != target:
            shutil.rmtree(old, ignore_errors=True)


def load_checkpoint(
    folder: Path,
    trained: Mapping[str, torch.nn.Parameter],
    optimiser: torch.optim.Optimizer,
    described: dict[str, Any],
) -> RunState | None:
    """Restores the newest checkpoint into parameters and optimiser; None where there is none.

    Raises:
        TrainingError: the run was started with other settings or data; the names that differ are listed.
    """
    found = sorted(folder.glob(f"{_PREFIX}*"))
    if not found:
        return None
    saved = read_json(found[-1] / "state.json")
    changed = [
        line
        for line in differences(saved["run"], described)
        if line.split(":")[0].rsplit(".", 1)[-1] not in MAY_CHANGE
    ]
    if changed:
        listed = "".join(f"\n  - {line}" for line in changed)
        raise TrainingError(
            f"{folder} holds a run that was started differently:{listed}\n"
            "Give the settings it was started with, or another output folder."
        )
    tensors = load_file(found[-1] / "trained.safetensors")
    with torch.no_grad():
        for name, parameter in trained.items():
            parameter.copy_(tensors[name])
    _restore_optimiser(trained, optimiser, load_file(found[-1] / "optimiser.safetensors"))
    return RunState(**saved["state"])


def save_best(folder: Path, trained: Mapping[str, torch.Tensor]) -> None:
    """Writes the trained tensors with the best score so far."""
    try:
        with atomic_file(folder / "best.safetensors") as temporary:
            save_file({name: tensor.detach().contiguous() for name, tensor in trained.items()}, temporary)
    except OSError as error:
        raise TrainingError(f"cannot write {folder / 'best.safetensors'}: {error.strerror or error}") from error


def load_best(folder: Path, trained: Mapping[str, torch.nn.Parameter]) -> None:
    """Copies the tensors with the best score into the parameters."""
    tensors = load_file(folder / "best.safetensors")
    with torch.no_grad():
        for name, parameter in trained.items():
            parameter.copy_(tensors[name])


def remove_checkpoints(folder: Path) -> None:
    """Removes the resumable state of a finished run; nothing that we did not write is touched."""
    for old in folder.glob(f"{_PREFIX}*"):
        shutil.rmtree(old, ignore_errors=True)
    (folder / "best.safetensors").unlink(missing_ok=True)


def _optimiser_tensors(
    trained: Mapping[str, torch.Tensor], optimiser: torch.optim.Optimizer
) -> dict[str, torch.Tensor]:
    tensors = {}
    for name, parameter in trained.items():
        for key, value in optimiser.state.get(parameter, {}).items():
            tensors[f"{key}|{name}"] = torch.as_tensor(value).detach().contiguous()
    return tensors


def _restore_optimiser(
    trained: Mapping[str, torch.nn.Parameter],
    optimiser: torch.optim.Optimizer,
    tensors: dict[str, torch.Tensor],
) -> None:
    for key_and_name, value in tensors.items():
        key, name = key_and_name.split("|", 1)
        parameter = trained[name]
        # "step" lives where the optimiser put it; moments live with their parameter.
        optimiser.state[parameter][key] = value if key == "step" else value.to(parameter.device)
