"""Interrupted and continued is the same as never interrupted: bit by bit on CPU, whatever interrupted it."""

from __future__ import annotations

import errno
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

import toy_corpora
from crosslate.errors import EXIT_INTERRUPTED, Interrupted, TrainingError
from crosslate.models.parent import Parent
from crosslate.packs.pack import Pack
from crosslate.training import checkpoints
from crosslate.training.progress import Progress
from toy_training import toy_settings, train_toy

TESTS = Path(__file__).parent.parent


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def start(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, *arguments], env=os.environ | {"OMP_NUM_THREADS": "1"}, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def wait_until(condition: Any, process: subprocess.Popen[str], seconds: float = 300) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end, "nothing happened"
        time.sleep(0.005)


class At(Progress):
    """Calls something at an update."""

    def __init__(self, at: int, action: Any) -> None:
        self.at, self.action = at, action

    def update(self, updates: int, values: dict[str, float]) -> None:
        if updates == self.at:
            self.action()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("at", [1, 5, 13, 20])
def test_a_signal(tmp_path: Path, number: signal.Signals, at: int):
    reference = train_toy(tmp_path / "reference")
    record = train_toy.record
    with pytest.raises(Interrupted) as caught:
        train_toy(tmp_path / "run", progress=At(at, lambda: os.kill(os.getpid(), number)))
    assert caught.value.exit_code == EXIT_INTERRUPTED == 130
    assert f"stopped by {number.name} after {at} updates" in str(caught.value)
    assert f"saved in {tmp_path / 'run'}: run the same command again" in str(caught.value)
    tensors = train_toy(tmp_path / "run")
    assert all(torch.equal(tensors[name], reference[name]) for name in reference)
    for key in ("updates", "epochs", "tokens", "best_updates"):
        assert train_toy.record[key] == record[key]
    assert [each["score"] for each in train_toy.record["validations"]] == [
        each["score"] for each in record["validations"]
    ]


@pytest.mark.parametrize("at", [0, 7, 20])
def test_a_signal_during_a_validation(tmp_path: Path, at: int):
    """Also during the last one, so that a job of several trainings does not go on to the next."""
    reference = train_toy(tmp_path / "reference", toy_settings(validate_every_updates=7))

    class DuringValidation(Progress):
        def event(self, kind: str, values: dict[str, Any]) -> None:
            if kind == "validation" and values["updates"] >= at:
                os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(Interrupted):
        train_toy(tmp_path / "run", toy_settings(validate_every_updates=7), progress=DuringValidation())
    tensors = train_toy(tmp_path / "run", toy_settings(validate_every_updates=7))
    assert all(torch.equal(tensors[name], reference[name]) for name in reference)


def test_a_kill_at_any_moment(tmp_path: Path):
    settings = {"max_epochs": 30, "checkpoint_every_seconds": 0.001, "validate_every_updates": 3}
    reference = train_toy(tmp_path / "reference", toy_settings(**settings))
    run = tmp_path / "run"
    checkpoint, chooser = run / "checkpoint.safetensors", random.Random()
    for sitting in range(2):
        arguments = [f"{name}={value}" for name, value in settings.items()]
        process = start(str(TESTS / "toy_training.py"), str(run), *arguments)
        before = checkpoint.stat().st_mtime_ns if sitting else 0
        wait_until(lambda: checkpoint.exists() and checkpoint.stat().st_mtime_ns > before, process)  # noqa: B023
        time.sleep(chooser.uniform(0.0, 0.3) * sitting)
        process.kill()
        process.communicate()
    tensors = train_toy(run, toy_settings(**settings))
    assert all(torch.equal(tensors[name], reference[name]) for name in reference)
    names = {path.name for path in run.iterdir()}
    assert names == {"log.jsonl", "best.safetensors", "checkpoint.safetensors"}


def test_a_full_disk_at_any_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    settings = toy_settings(max_epochs=3, validate_every_updates=4)
    reference = train_toy(tmp_path / "reference", settings)
    save_file = checkpoints.save_file
    num_failures = 0
    for failing in range(1, 99):  # the n-th file of a sitting
        left = iter(range(failing - 1, -1, -1))

        def save(tensors: Any, path: Path, metadata: Any) -> None:
            if next(left) == 0:  # noqa: B023
                path.write_bytes(b"half")
                raise OSError(errno.ENOSPC, "No space left on device")
            save_file(tensors, path, metadata)

        with monkeypatch.context() as patched:
            patched.setattr(checkpoints, "save_file", save)
            try:
                train_toy(tmp_path / "run", settings)
                break
            except TrainingError as error:
                assert "No space left on device" in str(error) and "same command again" in str(error)
                num_failures += 1
    assert num_failures >= 3
    tensors = train_toy(tmp_path / "run", settings)
    assert all(torch.equal(tensors[name], reference[name]) for name in reference)


@pytest.fixture(scope="module")
def parent_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("parents") / "fr-en"
    toy_corpora.parent().save(folder)
    return folder


def adapted(parent_folder: Path, out: Path, progress: Progress | None = None) -> Pack:
    return toy_corpora.adapted(Parent.load(parent_folder), out, training={"max_epochs": 4}, progress=progress)


def test_the_pack_is_the_same_to_the_byte(parent_folder: Path, tmp_path: Path):
    adapted(parent_folder, tmp_path / "reference")
    with pytest.raises(Interrupted):
        adapted(parent_folder, tmp_path / "pack", At(3, lambda: os.kill(os.getpid(), signal.SIGTERM)))
    assert not (tmp_path / "pack").exists()
    adapted(parent_folder, tmp_path / "pack")
    for name in ("weights.safetensors", "source.spm"):
        one, other = ((tmp_path / folder / name).read_bytes() for folder in ("reference", "pack"))
        assert one == other


def test_the_command_line_stops_with_130_and_says_how_to_go_on(parent_folder: Path, tmp_path: Path):
    train = toy_corpora.write(toy_corpora.corpus("de", "en"), tmp_path)
    valid = toy_corpora.write(toy_corpora.corpus("de", "en", 12, seed=1), tmp_path, "valid")
    out = tmp_path / "de-en"
    process = start(
        "-m", "crosslate", "adapt", "--parent", str(parent_folder), "--new-source", "de", "--out", str(out),
        "--train", *map(str, train), "--valid", *map(str, valid), "--vocab-size", "80", "--epochs", "100000",
        "--patience", "0",
    )  # fmt: skip
    wait_until((out.with_name("de-en.run") / "best.safetensors").exists, process)
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=300)
    assert process.returncode == 130, errors
    assert "stopped by SIGINT after" in errors and "run the same command again to go on" in errors
    assert "Traceback" not in errors and output == ""
    assert (out.with_name("de-en.run") / "checkpoint.safetensors").exists()
