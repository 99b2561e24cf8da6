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
from safetensors.torch import load_file

import families
import toy_corpora
from crosslate.errors import EXIT_INTERRUPTED, Interrupted, TrainingError
from crosslate.training import checkpoints
from crosslate.training.progress import Progress
from toy_training import At, interrupt, toy_settings, train_toy

TESTS = Path(__file__).parent.parent


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    with families.one_thread():
        yield


def assert_equal(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> None:
    assert one.keys() == other.keys()
    assert all(torch.equal(one[name], other[name]) for name in one)


def start(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, *arguments], env=os.environ | {"OMP_NUM_THREADS": "1"}, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("at", "number"), [(1, signal.SIGINT), (5, signal.SIGINT), (13, signal.SIGTERM), (20, signal.SIGINT)]
)
def test_a_signal(tmp_path: Path, number: signal.Signals, at: int):
    reference = train_toy(tmp_path / "reference")
    record = train_toy.record
    with pytest.raises(Interrupted) as caught:
        train_toy(tmp_path / "run", progress=At(at, lambda: interrupt(number)))
    assert caught.value.exit_code == EXIT_INTERRUPTED == 130
    assert f"stopped by {number.name} after {at} updates" in str(caught.value)
    assert f"saved in {tmp_path / 'run'}: run the same command again" in str(caught.value)
    assert_equal(train_toy(tmp_path / "run"), reference)
    for key in ("updates", "epochs", "tokens", "best_updates"):
        assert train_toy.record[key] == record[key]
    scores = [[each["score"] for each in found["validations"]] for found in (train_toy.record, record)]
    assert scores[0] == scores[1]


@pytest.mark.parametrize("at", [2, 5, 13])
def test_a_signal_with_averaged_weights(tmp_path: Path, at: int):
    settings = toy_settings(ema_decay=0.9, min_epoch_updates=7)
    reference = train_toy(tmp_path / "reference", settings)
    with pytest.raises(Interrupted):
        train_toy(tmp_path / "run", settings, progress=At(at, interrupt))
    assert_equal(train_toy(tmp_path / "run", settings), reference)
    # Also what the run would go on from.
    saved = [load_file(tmp_path / name / "checkpoint.safetensors") for name in ("reference", "run")]
    assert "average|source" in saved[0]
    assert_equal(*saved)


@pytest.mark.parametrize("at", [0, 20])
def test_a_signal_during_a_validation(tmp_path: Path, at: int):
    """Also during the last one, so that a job of several trainings does not go on to the next."""
    settings = toy_settings(validate_every_updates=7)
    reference = train_toy(tmp_path / "reference", settings)

    class DuringValidation(Progress):
        def event(self, kind: str, values: dict[str, Any]) -> None:
            if kind == "validation" and values["updates"] >= at:
                interrupt()

    with pytest.raises(Interrupted):
        train_toy(tmp_path / "run", settings, progress=DuringValidation())
    assert_equal(train_toy(tmp_path / "run", settings), reference)


def test_a_kill_at_any_moment(tmp_path: Path):
    settings = {"max_epochs": 30, "checkpoint_every_seconds": 0.001, "validate_every_updates": 3}
    reference = train_toy(tmp_path / "reference", toy_settings(**settings))
    run = tmp_path / "run"
    checkpoint, chooser = run / "checkpoint.safetensors", random.Random()
    for sitting in range(2):
        arguments = [f"{name}={value}" for name, value in settings.items()]
        process = start(str(TESTS / "toy_training.py"), str(run), *arguments)
        before = checkpoint.stat().st_mtime_ns if sitting else 0
        while process.poll() is None and (not checkpoint.exists() or checkpoint.stat().st_mtime_ns == before):
            time.sleep(0.005)
        time.sleep(chooser.uniform(0.0, 0.3) * sitting)
        assert process.poll() in (None, 0), process.communicate()  # on a busy machine it may have ended
        process.kill()
        process.communicate()
    assert_equal(train_toy(run, toy_settings(**settings)), reference)
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
    assert_equal(train_toy(tmp_path / "run", settings), reference)


def test_the_command_line_stops_with_130_and_says_how_to_go_on(tiny: Path, tmp_path: Path):
    train = toy_corpora.write(toy_corpora.corpus("de", "en"), tmp_path)
    valid = toy_corpora.write(toy_corpora.corpus("de", "en", 12, seed=1), tmp_path, "valid")
    out = tmp_path / "de-en"
    process = start(
        "-m", "crosslate", "adapt", "--parent", str(tiny / "parents/fr-en"), "--new-source", "de", "--out", str(out),
        "--train", *map(str, train), "--valid", *map(str, valid), "--vocab-size", "80", "--epochs", "100000",
        "--patience", "0",
    )  # fmt: skip
    while not (out.with_name("de-en.run") / "best.safetensors").exists():
        assert process.poll() is None, process.communicate()
        time.sleep(0.005)
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=300)
    assert process.returncode == 130, errors
    assert "stopped by SIGINT after" in errors and "run the same command again to resume" in errors
    assert "Traceback" not in errors and output == ""
    assert (out.with_name("de-en.run") / "checkpoint.safetensors").exists()
