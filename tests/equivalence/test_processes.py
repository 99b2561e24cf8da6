"""Two processes learn what one learns with the same batches; one of them writes."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from toy_training import toy_settings, train_toy
from two_processes import run_by_two

TESTS = Path(__file__).parent.parent


@pytest.mark.parametrize("ema_decay", [0.0, 0.9])
def test_two_processes_make_the_updates_of_one(tmp_path: Path, ema_decay: float):
    torch.set_num_threads(1)
    # The fifth batch of an epoch has no partner, so that one process takes an empty one.
    expected = train_toy(
        tmp_path / "one", toy_settings(accumulate_batches=2, dropout=0.0, ema_decay=ema_decay)
    )
    record = train_toy.record
    run_by_two(TESTS / "toy_training.py", str(tmp_path / "two"), "dropout=0.0", f"ema_decay={ema_decay}")
    tensors = load_file(tmp_path / "two" / "best.safetensors")
    assert (tmp_path / "two" / "log.jsonl").read_text().count('"event": "started"') == 1
    assert sorted(path.name for path in (tmp_path / "two").iterdir()) == [
        "best.safetensors", "checkpoint.safetensors", "log.jsonl",
    ]  # fmt: skip
    assert record["best_updates"] == 12
    for name, tensor in expected.items():
        torch.testing.assert_close(tensors[name], tensor, rtol=1e-4, atol=1e-5)
