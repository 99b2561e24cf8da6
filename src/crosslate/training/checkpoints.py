"""Checkpoints, written atomically: ``checkpoint.safetensors`` and ``best.safetensors`` in a run folder.

Counters and settings are in the metadata of the checkpoint; pickle is not used.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file

from crosslate.config import differences
from crosslate.errors import TrainingError
from crosslate.files import atomic_file

MAY_CHANGE = frozenset(
    {
        "max_epochs",
        "min_epoch_updates",
        "max_updates",
        "patience",
        "checkpoint_every_seconds",
        "shard_frozen",
        "trackers",
    }
)
"""Settings that a resumed run may change, such as its limits and how often it is saved.

If the schedule ends at a limit, changing the limit changes the schedule; the resolved ``schedule_updates``
then differs and the change is refused.
"""

CHECKPOINT = "checkpoint.safetensors"
BEST = "best.safetensors"
TORN = (f"{CHECKPOINT}.*", f"{BEST}.*", "encoder-states-*")
"""Files that a killed run may leave half-written; see :func:`remove_torn`."""

_VALUE = "value"
_AVERAGE = "average"


@dataclass
class RunState:
    """Progress of a run.

    Attributes:
        epoch: 0-based current pass over the pairs.
        batches_done: batches of this pass already used, over all processes.
        updates: optimiser steps made.
        seconds: time spent training, including earlier sessions.
        tokens: source and target tokens seen.
        best_score: best validation score; None before the first validation.
        best_updates: update of the best score.
        validations_since_best: validations without a better score.
        finished: why the run ended; "" while it is running.
        history: one entry per validation.
        loss_scaling: state of the loss scaler in fp16; empty in other precisions.
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
    loss_scaling: dict[str, Any] = field(default_factory=dict)


def save_checkpoint(
    folder: Path,
    state: RunState,
    trained: Mapping[str, torch.Tensor],
    optimiser: torch.optim.Optimizer,
    described: dict[str, Any],
    averages: Mapping[str, torch.Tensor],
) -> None:
    """Writes the checkpoint and replaces the previous one.

    Args:
        averages: moving averages of trained tensors; empty without averaging.
        described: settings and identity of the run, compared when it is resumed.

    Raises:
        TrainingError: it could not be written (a full disk); the previous checkpoint is intact.
    """
    tensors = {f"{_VALUE}|{name}": tensor for name, tensor in trained.items()}
    for name, parameter in trained.items():
        for key, value in optimiser.state.get(parameter, {}).items():
            tensors[f"{key}|{name}"] = torch.as_tensor(value)
    tensors |= {f"{_AVERAGE}|{name}": tensor for name, tensor in averages.items()}
    _write(folder / CHECKPOINT, tensors, {"state": json.dumps(asdict(state)), "run": json.dumps(described)})


def load_checkpoint(
    folder: Path,
    trained: Mapping[str, torch.nn.Parameter],
    optimiser: torch.optim.Optimizer,
    described: dict[str, Any],
    averages: Mapping[str, torch.Tensor],
) -> RunState | None:
    """Restores the checkpoint into parameters, optimiser and averages; returns None without a checkpoint.

    Raises:
        TrainingError: the run was started with other settings or data (the message lists the differences),
            or the checkpoint is damaged.
    """
    path = folder / CHECKPOINT
    if not path.is_file():
        return None
    try:
        with safe_open(path, "pt") as file:
            saved = {name: json.loads(text) for name, text in file.metadata().items()}
            if changed := _changes(saved["run"], described):
                raise TrainingError(_refusal(folder, changed))
            state = RunState(**saved["state"])
            for key_and_name in file.keys():  # noqa: SIM118
                key, name = key_and_name.split("|", 1)
                value = file.get_tensor(key_and_name)
                if key == _AVERAGE:
                    averages[name].copy_(value)
                else:
                    _restore(key, trained[name], optimiser, value)
    except TrainingError:
        raise
    except (SafetensorError, OSError, ValueError, KeyError, TypeError, RuntimeError) as error:
        raise TrainingError(
            f"cannot resume from {path}: {type(error).__name__}: {error}; "
            f"remove {folder} to start again, or give another output folder"
        ) from error
    return state


def save_best(folder: Path, trained: Mapping[str, torch.Tensor]) -> None:
    """Writes the trained tensors with the best score so far.

    Raises:
        TrainingError: they could not be written (a full disk); the previous file is intact.
    """
    _write(folder / BEST, trained, None)


def load_best(folder: Path, trained: Mapping[str, torch.nn.Parameter]) -> None:
    """Copies the tensors with the best score into the parameters.

    Raises:
        TrainingError: the file is missing or damaged.
    """
    try:
        tensors = load_file(folder / BEST)
        with torch.no_grad():
            for name, parameter in trained.items():
                parameter.copy_(tensors[name])
    except (SafetensorError, OSError, KeyError, RuntimeError) as error:
        raise TrainingError(
            f"cannot read the best state {folder / BEST}: {error}; remove {folder} to train again"
        ) from error


def remove_checkpoints(folder: Path) -> None:
    """Removes the resumable state of a finished run, and nothing that we did not write."""
    for path in (folder / CHECKPOINT, folder / BEST, *folder.glob("encoder-states-*.bin")):
        path.unlink(missing_ok=True)


def remove_torn(folder: Path, *names: str) -> None:
    """Removes what a killed run left half-written.

    Args:
        names: glob patterns of files and folders.
    """
    for path in (path for name in names for end in ("tmp", "old") for path in folder.glob(f".{name}.{end}")):
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


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
        f"Use the original settings or another output folder, or remove {folder} to start again."
    )


def _write(path: Path, tensors: Mapping[str, torch.Tensor], metadata: dict[str, str] | None) -> None:
    plain = {name: tensor.detach().contiguous() for name, tensor in tensors.items()}
    try:
        with atomic_file(path) as temporary:
            save_file(plain, temporary, metadata)
    except (OSError, SafetensorError) as error:  # safetensors raises its own error for full disks
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
        raise TrainingError(
            f"cannot write {path}: {reason}; the previous checkpoint is intact: "
            "free some space and run the same command again to resume"
        ) from error


def _restore(
    key: str, parameter: torch.nn.Parameter, optimiser: torch.optim.Optimizer, value: torch.Tensor
) -> None:
    """Restores a parameter's value or a part of its optimiser state."""
    if key == _VALUE:
        with torch.no_grad():
            parameter.copy_(value)
    else:
        # A fused optimiser counts its steps on the parameter's device, any other on the CPU.
        is_on_cpu = key == "step" and not optimiser.defaults.get("fused")
        optimiser.state[parameter][key] = value if is_on_cpu else value.to(parameter.device)
