"""Checkpoints of a run: the whole state that its continuation depends on, written atomically.

A run folder holds ``checkpoint-<update>-<validations>/`` (``state.json``, ``trained.safetensors``,
``optimiser.safetensors``), the newest only, and ``best.safetensors``. No pickle.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from crosslate.config import differences
from crosslate.errors import CrosslateError, TrainingError
from crosslate.files import atomic_file, atomic_folder, read_json, write_json

MAY_CHANGE = frozenset(
    {"max_epochs", "max_updates", "patience", "checkpoint_every_seconds", "shard_frozen", "tensorboard"}
)
"""Settings that a resumed run may change: they say how far it goes, how often it is saved and the like.

Where the schedule ends at a limit, changing the limit changes the schedule; ``schedule_updates`` then
differs in the resolved settings and the change is refused.
"""

BEST = "best.safetensors"
_NAME = re.compile(r"checkpoint-(\d{8,})(?:-(\d+))?")
_TORN = re.compile(r"\.(checkpoint-\d|best\.safetensors\.|encoder-states-).*\.(tmp|old)")


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
    """Writes a checkpoint and removes older ones; one of the same update and validations is left as it is.

    Args:
        described: settings and identity of the run, compared when it is resumed.

    Raises:
        TrainingError: it could not be written (a full disk); the previous checkpoint is untouched.
    """
    target = folder / f"checkpoint-{state.updates:08d}-{len(state.history)}"
    if not target.exists():
        with _writing(target), atomic_folder(target) as temporary:
            save_file(_plain(trained), temporary / "trained.safetensors")
            save_file(_optimiser_tensors(trained, optimiser), temporary / "optimiser.safetensors")
            write_json(temporary / "state.json", {"state": asdict(state), "run": described})
    for old in _checkpoints(folder):
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
        TrainingError: the run was started with other settings or data (the names that differ are listed),
            or the checkpoint is damaged.
    """
    found = _checkpoints(folder)
    if not found:
        return None
    newest = found[-1]
    try:
        saved = read_json(newest / "state.json")
        if changed := _changes(saved["run"], described):
            raise TrainingError(_refusal(folder, changed))
        state = RunState(**saved["state"])
        _copy_into(trained, newest / "trained.safetensors")
        _restore_optimiser(trained, optimiser, load_file(newest / "optimiser.safetensors"))
    except TrainingError:
        raise
    except (CrosslateError, SafetensorError, OSError, KeyError, TypeError, RuntimeError) as error:
        raise TrainingError(
            f"cannot go on from {newest}: {type(error).__name__}: {error}; "
            f"remove {folder} to start again, or give another output folder"
        ) from error
    return state


def save_best(folder: Path, trained: Mapping[str, torch.Tensor]) -> None:
    """Writes the trained tensors with the best score so far.

    Raises:
        TrainingError: they could not be written (a full disk); what was there is untouched.
    """
    with _writing(folder / BEST), atomic_file(folder / BEST) as temporary:
        save_file(_plain(trained), temporary)


def load_best(folder: Path, trained: Mapping[str, torch.nn.Parameter]) -> None:
    """Copies the tensors with the best score into the parameters.

    Raises:
        TrainingError: their file is missing or damaged.
    """
    try:
        _copy_into(trained, folder / BEST)
    except (SafetensorError, OSError, KeyError, RuntimeError) as error:
        raise TrainingError(
            f"cannot read the best state {folder / BEST}: {error}; remove {folder} to train again"
        ) from error


def remove_checkpoints(folder: Path) -> None:
    """Removes the resumable state of a finished run; nothing that we did not write is touched."""
    for old in _checkpoints(folder):
        shutil.rmtree(old, ignore_errors=True)
    for path in (folder / BEST, *folder.glob("encoder-states-*.bin")):
        path.unlink(missing_ok=True)
    remove_torn(folder)


def remove_torn(folder: Path) -> None:
    """Removes what a killed run left half-written."""
    for path in folder.iterdir() if folder.is_dir() else ():
        if _TORN.fullmatch(path.name):
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)


def _checkpoints(folder: Path) -> list[Path]:
    """All complete checkpoints, the newest last."""
    found = [(match, path) for path in folder.glob("checkpoint-*") if (match := _NAME.fullmatch(path.name))]
    # Two of one update differ in their validations; an early version did not name these.
    found.sort(key=lambda each: (int(each[0][1]), int(each[0][2] or -1)))
    return [path for _, path in found]


def _changes(saved: dict[str, Any], described: dict[str, Any]) -> list[str]:
    now = json.loads(json.dumps(described))  # tuples become lists, as in the file
    allowed = tuple(f"settings.{name}: " for name in MAY_CHANGE)
    return [line for line in differences(saved, now) if not line.startswith(allowed)]


def _refusal(folder: Path, changed: list[str]) -> str:
    listed = "".join(f"\n  - {line}" for line in changed)
    if any(line.startswith("settings.schedule_updates: ") for line in changed):
        listed += "\n  (the learning rate falls to 0 at schedule_updates; by default the run's limit)"
    return (
        f"{folder} holds a run that was started differently:{listed}\n"
        f"Give what it was started with, or another output folder, or remove {folder} to start again."
    )


@contextmanager
def _writing(target: Path) -> Iterator[None]:
    """A full disk is reported with what to do. The library for tensors has an error of its own for it."""
    try:
        yield
    except (OSError, SafetensorError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
        raise TrainingError(
            f"cannot write {target}: {reason}; the checkpoint before it is intact: "
            "free some space and run the same command again to go on"
        ) from error


def _plain(tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name: tensor.detach().contiguous() for name, tensor in tensors.items()}


def _copy_into(trained: Mapping[str, torch.nn.Parameter], path: Path) -> None:
    tensors = load_file(path)
    with torch.no_grad():
        for name, parameter in trained.items():
            parameter.copy_(tensors[name])


def _optimiser_tensors(
    trained: Mapping[str, torch.Tensor], optimiser: torch.optim.Optimizer
) -> dict[str, torch.Tensor]:
    return {
        f"{key}|{name}": torch.as_tensor(value).detach().contiguous()
        for name, parameter in trained.items()
        for key, value in optimiser.state.get(parameter, {}).items()
    }


def _restore_optimiser(
    trained: Mapping[str, torch.nn.Parameter],
    optimiser: torch.optim.Optimizer,
    tensors: dict[str, torch.Tensor],
) -> None:
    is_fused = bool(optimiser.defaults.get("fused"))
    for key_and_name, value in tensors.items():
        key, name = key_and_name.split("|", 1)
        parameter = trained[name]
        # A fused optimiser counts its steps on the parameter's device, any other on the CPU.
        is_on_cpu = key == "step" and not is_fused
        optimiser.state[parameter][key] = value if is_on_cpu else value.to(parameter.device)
