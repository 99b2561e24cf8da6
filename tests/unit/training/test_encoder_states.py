"""A frozen encoder runs once: the states are those it gives in every batch, and interruptions lose none."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import families
from crosslate.errors import Interrupted, TrainingError
from crosslate.training.batches import BatchIds, PlannedBatch
from crosslate.training.encoder_states import EncoderStates, compute_states, states_path, states_size
from crosslate.training.loop import train
from crosslate.training.loss import TranslationLoss
from crosslate.training.optimiser import Trainee
from toy_training import ToyPairs, toy_batch, toy_settings

CPU = torch.device("cpu")


def compute(model: Any, pairs: ToyPairs, path: Path, **more: Any) -> None:
    values = {"dtype": torch.float32, "source_pad": 0, "batch_tokens": 64, "device": CPU}
    compute_states(model.get_encoder(), pairs, path, **(values | more))


@pytest.mark.parametrize("family", families.text_names())
def test_every_family_has_the_same_loss_from_kept_states(family: str, tmp_path: Path):
    model, pairs = families.build(family), ToyPairs.random(12)
    compute(model, pairs, tmp_path / "states")
    states = EncoderStates(tmp_path / "states", pairs, torch.float32)
    batch = toy_batch(7, 2, 11, length=16, pairs=pairs)
    gathered = replace(batch, states=states.gather(PlannedBatch((7, 2, 11), 4, 16, 16)))
    with torch.no_grad():
        plain, kept = (TranslationLoss(model, 0.1)(each) for each in (batch, gathered))
    torch.testing.assert_close(kept, plain, rtol=1e-5, atol=1e-5)


def test_states_lie_where_their_tokens_are(tmp_path: Path):
    class Doubling(torch.nn.Module):
        def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> tuple[torch.Tensor]:
            return (torch.stack([input_ids.float(), -2.0 * input_ids], dim=-1),)

    pairs = ToyPairs([np.array([5, 6, 0]), np.array([7, 0])])
    for dtype in (torch.float32, torch.bfloat16):
        path = tmp_path / str(dtype)
        compute_states(Doubling(), pairs, path, dtype=dtype, source_pad=0, batch_tokens=64, device=CPU)
        assert path.stat().st_size == 5 * 2 * dtype.itemsize
        assert states_size(Doubling(), pairs, dtype, CPU) == path.stat().st_size
        gathered = EncoderStates(path, pairs, dtype).gather(PlannedBatch((1, 0), 3, 4, 4))
        assert gathered.dtype == dtype
        assert gathered[..., 0].tolist() == [[7, 0, 0, 0], [5, 6, 0, 0], [0] * 4]
        assert gathered[..., 1].tolist() == [[-14, 0, 0, 0], [-10, -12, 0, 0], [0] * 4]


def test_other_data_another_model_or_precision_is_another_file(tmp_path: Path):
    pairs, others = ToyPairs.random(), ToyPairs.random(seed=1)
    one, two = {"parent": "one"}, {"parent": "two"}
    kinds = [(pairs, torch.float32, one), (pairs, torch.bfloat16, one), (pairs, torch.float32, two),
             (others, torch.float32, one)]  # fmt: skip
    assert len({states_path(tmp_path, *each) for each in kinds}) == 4


def test_a_stop_or_a_full_disk_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    model, pairs = families.build("marian-separate"), ToyPairs.random(12)

    def stop() -> None:
        raise Interrupted("stopped")

    with pytest.raises(Interrupted):
        compute(model, pairs, tmp_path / "states", check_stop=stop)
    (tmp_path / "taken").write_text("mine")
    with pytest.raises(TrainingError, match=r"encoder's states.*(exists|Not a directory).*encoder_cache=off"):
        compute(model, pairs, tmp_path / "taken" / "states")
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]


def decoder_trainee() -> Trainee:
    model = families.build("marian-separate")
    for each in model.parameters():
        each.requires_grad_(False)
    trained = {name: each for name, each in model.named_parameters() if "encoder_attn" in name}
    for each in trained.values():
        each.requires_grad_(True)
    return Trainee(model, {"xattn": trained}, frozenset(), BatchIds(0, 0, 2))


def run(folder: Path, **changes: Any) -> tuple[Trainee, int]:
    """Trains cross-attention alone; how often the encoder ran on the way."""
    trainee, calls = decoder_trainee(), []
    trainee.model.get_encoder().register_forward_hook(lambda *arguments: calls.append(1))
    train(trainee, ToyPairs.random(), toy_settings(dropout=0.0, **changes), None, folder)
    return trainee, len(calls)


@pytest.mark.parametrize(("precision", "tolerance"), [("fp32", 1e-3), ("bf16", 0.1)])
def test_training_runs_a_frozen_encoder_once_and_learns_the_same(
    tmp_path: Path, precision: str, tolerance: float
):
    cached, once = run(tmp_path / "cached", precision=precision)
    computed, often = run(tmp_path / "computed", precision=precision, encoder_cache="off")
    num_batches = 5
    assert once <= num_batches + 2 < often
    for name, each in cached.trained.items():
        torch.testing.assert_close(each, computed.trained[name], rtol=tolerance, atol=tolerance / 2)


@pytest.mark.parametrize("name", ["embed_tokens.weight", "layers.1.fc1.bias"])
def test_an_encoder_with_something_trained_in_it_is_run(name: str):
    trainee = decoder_trainee()
    assert trainee.frozen_encoder is trainee.model.get_encoder()
    trainee.model.get_encoder().get_parameter(name).requires_grad_(True)
    assert trainee.frozen_encoder is None
