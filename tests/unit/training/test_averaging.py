"""Moving averages: values by hand, and what of a run uses them."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

import families
from crosslate.training.averaging import AveragedWeights
from crosslate.training.loop import Validation, train
from toy_training import ToyPairs, toy_settings, toy_trainee, train_toy


@pytest.fixture(autouse=True)
def one_thread():
    with families.one_thread():
        yield


def test_the_average_is_what_one_computes_by_hand():
    weight = torch.nn.Parameter(torch.tensor([11.0]))
    average = AveragedWeights({"a": weight}, decay=0.25)
    with torch.no_grad():
        weight.fill_(22.0)
    average.update(1)  # decays: 2/11, below 0.25
    assert average.tensors["a"].item() == pytest.approx(11 * 2 / 11 + 22 * 9 / 11)  # 20
    with torch.no_grad():
        weight.fill_(40.0)
    average.update(2)  # 3/12, equal to 0.25
    assert average.tensors["a"].item() == pytest.approx(35.0)
    average.update(1_000)  # 0.25, below 1001/1010
    assert average.tensors["a"].item() == pytest.approx(38.75)
    assert weight.item() == 40.0 and weight.requires_grad and not average.tensors["a"].requires_grad


def test_weights_and_averages_change_places_and_come_back_to_the_bit():
    weights = {"a": torch.nn.Parameter(torch.randn(3, 2)), "b": torch.nn.Parameter(torch.randn(4))}
    average = AveragedWeights(weights, decay=0.9)
    with torch.no_grad():
        for each in weights.values():
            each.mul_(1.1)
    average.update(1)
    before = {name: each.detach().clone() for name, each in weights.items()}
    averages = {name: each.clone() for name, each in average.tensors.items()}
    with pytest.raises(KeyboardInterrupt), average.swapped():
        assert all(torch.equal(weights[name], averages[name]) for name in weights)
        raise KeyboardInterrupt
    assert all(torch.equal(weights[name], before[name]) for name in weights)
    assert all(torch.equal(average.tensors[name], averages[name]) for name in weights)


def test_averages_are_validated_and_returned_and_change_no_update(tmp_path: Path):
    settings = toy_settings(max_epochs=2)
    plain = train_toy(tmp_path / "plain", settings, validate=None)
    trainee, seen = toy_trainee(), []

    def validate() -> Validation:
        seen.append({name: each.detach().clone() for name, each in trainee.trained.items()})
        return Validation("given", float(len(seen)))

    train(trainee, ToyPairs.random(), settings.changed(ema_decay=0.9), validate, tmp_path / "run")
    saved = load_file(tmp_path / "run" / "checkpoint.safetensors")
    for name, each in trainee.trained.items():
        assert torch.equal(saved[f"value|{name}"], plain[name])  # training goes on from the weights
        assert torch.equal(saved[f"average|{name}"], seen[-1][name])
        assert torch.equal(each, seen[-1][name])
        assert not torch.equal(each, plain[name])
    assert {name.split("|")[1] for name in saved} == set(trainee.trained)  # none for what is frozen


def test_without_validation_the_last_average_is_the_result(tmp_path: Path):
    settings = toy_settings(max_epochs=1, ema_decay=0.9)
    result = train_toy(tmp_path, settings, validate=None)
    saved = load_file(tmp_path / "checkpoint.safetensors")
    assert all(torch.equal(saved[f"average|{name}"], each) for name, each in result.items())
    again = train_toy(tmp_path, settings, validate=None)  # a finished run that is taken up
    assert all(torch.equal(again[name], each) for name, each in result.items())


def test_settings_without_averaging_do_not_mention_it():
    assert "ema_decay" not in toy_settings().to_values()
    assert toy_settings(ema_decay=0.9).to_values()["ema_decay"] == 0.9
