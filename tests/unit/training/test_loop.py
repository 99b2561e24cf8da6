"""The loop on a toy: when it validates, stops and saves, what it refuses, what it leaves alone."""

from __future__ import annotations

import json
import math
import signal
from itertools import combinations
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from crosslate.errors import TrainingError
from crosslate.training.batches import BatchIds
from crosslate.training.loop import Validation, train
from crosslate.training.optimiser import Trainee
from crosslate.training.progress import Progress
from toy_training import ToyPairs, toy_settings, toy_trainee, toy_validate, train_toy


def equal(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def kept(folder: Path) -> dict[str, dict[str, torch.Tensor]]:
    """What a run's checkpoint holds: by kind and name."""
    found: dict[str, dict[str, torch.Tensor]] = {}
    for each, tensor in load_file(folder / "checkpoint.safetensors").items():
        kind, name = each.split("|")
        found.setdefault(kind, {})[name] = tensor
    return found


class Scores:
    """A validation with given scores; it remembers the tensors of each call."""

    def __init__(self, trainee: Trainee, scores: list[float]) -> None:
        self.trainee, self.scores = trainee, iter(scores)
        self.seen: list[dict[str, torch.Tensor]] = []

    def __call__(self) -> Validation:
        assert not self.trainee.model.training and not torch.is_grad_enabled()
        self.seen.append({name: each.detach().clone() for name, each in self.trainee.trained.items()})
        return Validation("given", next(self.scores))


def run_with_scores(
    folder: Path, scores: list[float], **changes: Any
) -> tuple[dict[str, Any], Scores, Trainee]:
    trainee = toy_trainee()
    validate = Scores(trainee, scores)
    record = train(trainee, ToyPairs.random(), toy_settings(**changes), validate, folder)
    return record, validate, trainee


def test_the_toy_is_learnt_and_the_record_says_how(tmp_path: Path):
    before = toy_validate(toy_trainee()).score
    train_toy(tmp_path, toy_settings(max_epochs=10))
    record = train_toy.record
    pairs = ToyPairs.random()
    assert record["validations"][-1]["score"] > before + 0.2
    assert (record["updates"], record["epochs"], record["best_updates"]) == (50, 10, 50)
    assert record["tokens"] == 10 * int(pairs.source_lengths.sum() + pairs.target_lengths.sum())
    assert record["finished"] == "reached the limit of epochs"
    assert (record["precision"], record["processes"]) == ("fp32", 1)
    assert record["settings"]["max_epochs"] == 10
    assert record["versions"]["torch"] == torch.__version__


def test_the_state_with_the_best_score_is_the_result(tmp_path: Path):
    record, validate, trainee = run_with_scores(tmp_path, [1.0, 3.0, 2.0, 3.0])
    assert (record["best_updates"], record["updates"]) == (10, 20)
    assert equal(dict(trainee.trained), validate.seen[1])
    assert not equal(validate.seen[1], validate.seen[3])
    # A score that is no number is never the best.
    assert run_with_scores(tmp_path / "nan", [1.0, math.nan, 0.5, 2.0])[0]["best_updates"] == 20


def test_patience_counts_validations_without_a_better_score(tmp_path: Path):
    record, validate, _ = run_with_scores(tmp_path, [1.0, 2.0, 1.0, 2.0, 9.0], max_epochs=9, patience=2)
    assert len(validate.seen) == 4
    assert record["finished"] == "stopped, no better score in 2 validations"


@pytest.mark.parametrize(
    ("changes", "updates_at_validation"),
    [
        ({"max_epochs": 2}, [5, 10]),
        ({"max_epochs": 2, "validate_every_updates": 4}, [4, 8, 10]),
        ({"max_epochs": 2, "validate_every_updates": 10}, [10]),
        ({"max_epochs": 2, "validate_every_updates": 4, "validate_every_epoch": True}, [4, 5, 8, 10]),
        ({"max_epochs": 0, "max_updates": 7}, [5, 7]),
        ({"max_epochs": 2, "max_updates": 5}, [5]),
        ({"max_epochs": 2, "accumulate_batches": 2}, [3, 6]),
        ({"max_epochs": 0, "max_updates": 4, "accumulate_batches": 2}, [3, 4]),
        ({"max_epochs": 2, "accumulate_batches": 100}, [1, 2]),
        ({"max_epochs": 2, "min_epoch_updates": 5}, [5, 10]),
        ({"max_epochs": 2, "min_epoch_updates": 6}, [10, 20]),
        ({"max_epochs": 2, "min_epoch_updates": 12, "max_updates": 20}, [15, 20]),
        ({"max_epochs": 1, "min_epoch_updates": 10, "validate_every_updates": 4}, [4, 8, 10]),
    ],
)
def test_validations_come_after_these_updates(
    tmp_path: Path, changes: dict[str, Any], updates_at_validation: list[int]
):
    record, _, _ = run_with_scores(tmp_path, [float(number) for number in range(20)], **changes)
    assert [entry["updates"] for entry in record["validations"]] == updates_at_validation
    assert record["updates"] == updates_at_validation[-1]


def test_an_epoch_of_several_passes_counts_as_one(tmp_path: Path):
    scores = [1.0, 2.0, 1.0, 1.0, 9.0]
    changes = {"max_epochs": 9, "min_epoch_updates": 10, "patience": 2, "schedule": "cosine"}
    record, _, _ = run_with_scores(tmp_path, scores, **changes)
    assert [entry["epoch"] for entry in record["validations"]] == [1, 2, 3, 4]
    assert (record["epochs"], record["updates"]) == (4, 40)
    assert record["settings"]["schedule_updates"] == 90


def test_a_validation_is_announced_before_it_runs(tmp_path: Path):
    shown: list[str] = []

    class Shown(Progress):
        def validating(self) -> None:
            shown.append("announced")

    def validate() -> Validation:
        shown.append("runs")
        return Validation("given", 1.0)

    train(toy_trainee(), ToyPairs.random(), toy_settings(max_epochs=2), validate, tmp_path, progress=Shown())
    assert shown == ["announced", "runs"] * 2


def test_without_validation_the_last_state_is_the_result(tmp_path: Path):
    trainee = toy_trainee()
    tensors = train_toy(tmp_path, trainee=trainee, validate=None)
    assert train_toy.record["validations"] == []
    assert equal(tensors, kept(tmp_path)["value"])
    assert not (tmp_path / "best.safetensors").exists()


def test_accumulated_batches_make_the_update_of_one_large_batch(tmp_path: Path):
    results = []
    for batch_tokens in (128, 10_000):
        trainee = toy_trainee()
        trainee.model.dropout.p = 0.0  # type: ignore[union-attr]
        changes = {
            "max_epochs": 3,
            "accumulate_batches": 1_000,
            "batch_tokens": batch_tokens,
            "clip_norm": 0.0,
        }
        results.append(train_toy(tmp_path / str(batch_tokens), toy_settings(**changes), trainee=trainee))
        assert train_toy.record["updates"] == 3
    for name, tensor in results[0].items():
        torch.testing.assert_close(tensor, results[1][name], rtol=1e-5, atol=1e-6)


def first_gradients(folder: Path, **changes: Any) -> dict[str, torch.Tensor]:
    """The gradients of the first update, from the optimiser's first moments."""
    train_toy(folder, toy_settings(max_epochs=0, max_updates=1, adam_beta1=0.5, **changes))
    return {name: 2 * value for name, value in kept(folder)["exp_avg"].items()}


def test_gradients_are_scaled_down_to_the_norm_and_never_up(tmp_path: Path):
    free = first_gradients(tmp_path / "free", clip_norm=0.0)
    norm = torch.cat([each.flatten() for each in free.values()]).norm()
    clipped = first_gradients(tmp_path / "clipped", clip_norm=float(norm) / 4)
    assert equal(first_gradients(tmp_path / "above", clip_norm=float(norm) * 4), free)
    for name, gradient in free.items():
        torch.testing.assert_close(clipped[name], gradient / 4, rtol=1e-4, atol=1e-7)


def test_only_what_is_trained_moves_and_has_optimiser_state(tmp_path: Path):
    trainee = toy_trainee()
    before = {name: each.detach().clone() for name, each in trainee.model.named_parameters()}
    train_toy(tmp_path, toy_settings(weight_decay=0.5), trainee=trainee)
    for name, each in trainee.model.named_parameters():
        assert torch.equal(each, before[name]) == (name == "body")
    assert trainee.model.body.grad is None
    assert {name for each in kept(tmp_path).values() for name in each} == {"source", "target", "output"}


def test_a_decay_draws_to_the_first_values(tmp_path: Path):
    """At the first of four updates of warm-up the rate is 0.0025, so that 400 undoes a step and 200 half of it."""
    first = {name: each.detach().clone() for name, each in toy_trainee().trained.items()}
    free, half, none = (
        train_toy(tmp_path / str(decay), toy_settings(max_epochs=0, max_updates=1, l2_sp=decay))
        for decay in (0.0, 200.0, 400.0)
    )
    assert equal(none, first) and not equal(free, first)
    for name, start in first.items():
        torch.testing.assert_close(half[name], (free[name] + start) / 2)


def test_groups_learn_at_their_own_rates(tmp_path: Path):
    start = toy_trainee().trained
    settings = toy_settings(max_epochs=0, max_updates=1, warmup_updates=0, clip_norm=0.0)
    moved = {}
    changed = {"fresh": {"fresh_learning_rate": 0.5}, "own": {"learning_rates": {"tgt": 0.25}}}
    for name, changes in changed.items():
        tensors = train_toy(tmp_path / name, toy_settings(**vars(settings) | changes))
        moved[name] = [(tensors[each] - start[each]).abs().max().item() for each in ("source", "output")]
    # The first step of Adam moves by the learning rate, whatever the gradient.
    assert moved["fresh"] == pytest.approx([0.5, 0.01], rel=1e-3)
    assert moved["own"] == pytest.approx([0.01, 0.25], rel=1e-3)


def test_nothing_to_train_and_nothing_to_train_on_are_refused(tmp_path: Path):
    trainee = toy_trainee()
    nothing = Trainee(trainee.model, {}, frozenset(), BatchIds(2, 2, 2))
    with pytest.raises(TrainingError, match="freezes every tensor"):
        train(nothing, ToyPairs.random(), toy_settings(), None, tmp_path)
    with pytest.raises(TrainingError, match="no pairs"):
        train(trainee, ToyPairs([]), toy_settings(), None, tmp_path)


@pytest.mark.parametrize("name", ["loss", "norm of the gradient"])
def test_what_is_not_finite_stops_before_anything_is_spoilt(tmp_path: Path, name: str):
    trainee = toy_trainee()
    before = trainee.model.source.detach().clone()
    if name == "loss":
        with torch.no_grad():
            trainee.model.body[0, 0] = math.inf  # type: ignore[index]
    else:
        trainee.model.source.register_hook(lambda gradient: gradient * math.nan)
    with pytest.raises(TrainingError, match=rf"the {name} is nan at update 1; use lower .*new folder"):
        train_toy(tmp_path, trainee=trainee)
    assert torch.equal(trainee.model.source, before)
    assert not (tmp_path / "checkpoint.safetensors").exists()


def test_a_validation_that_fails_loses_nothing(tmp_path: Path):
    reference = train_toy(tmp_path / "reference")
    handler = signal.getsignal(signal.SIGINT)

    shown = Mock(Progress)
    for failing in (1, 2):  # which validation of a sitting fails
        trainee = toy_trainee()
        calls = iter(range(1, 9))

        def validate() -> Validation:
            if next(calls) == failing:  # noqa: B023
                raise RuntimeError("the engine broke")
            return toy_validate(trainee)  # noqa: B023

        with pytest.raises(RuntimeError, match="the engine broke"):
            train_toy(tmp_path / "run", trainee=trainee, validate=validate, progress=shown)
        shown.close.assert_called()
        assert signal.getsignal(signal.SIGINT) is handler
    assert equal(train_toy(tmp_path / "run"), reference)


def test_a_longer_run_goes_on_as_if_it_had_been_asked_for_at_once(tmp_path: Path):
    reference = train_toy(tmp_path / "long", toy_settings(max_epochs=5))
    train_toy(tmp_path / "run", toy_settings(max_epochs=3))
    assert equal(train_toy(tmp_path / "run", toy_settings(max_epochs=5, patience=9)), reference)
    assert train_toy.record["updates"] == 25
    # Finished, it is taken up without another update.
    record = train_toy.record
    assert equal(train_toy(tmp_path / "run", toy_settings(max_epochs=5)), reference)
    assert train_toy.record == record | {"settings": record["settings"] | {"patience": 0}}


LINEAR = {"max_epochs": 1, "schedule": "linear"}


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        ({}, {"batch_tokens": 128}, r"settings\.batch_tokens: 256 before, 128 now"),
        ({}, {"learning_rates": {"src": 1.0}}, r"settings\.learning_rates\.src: None before, 1\.0 now"),
        ({}, {"parent": "cc"}, r"identity\.parent: 'bb' before, 'cc' now"),
        (LINEAR, {"max_epochs": 2}, r"schedule_updates: 5 before, 10 now\n.*falls to 0"),
        (LINEAR | {"schedule_updates": 20}, {"max_epochs": 2}, ""),
    ],
)
def test_a_run_goes_on_with_other_limits_alone(
    tmp_path: Path, first: dict[str, Any], second: dict[str, Any], message: str
):
    def run(parent: str = "bb", **changes: Any) -> None:
        identity = {"corpus": "aa", "size": (1, 2), "parent": parent}
        train_toy(tmp_path, toy_settings(**changes), identity=identity)

    run(**first)
    if not message:
        run(**first | second)
        return
    with pytest.raises(TrainingError, match=message) as caught:
        run(**first | second)
    # One difference, and what to do.
    assert str(caught.value).count(" before, ") == 1 and "another output folder" in str(caught.value)


def test_a_launchers_environment_does_not_change_the_numbers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    reference = train_toy(tmp_path / "plain")
    monkeypatch.setenv("ACCELERATE_GRADIENT_ACCUMULATION_STEPS", "8")
    assert equal(train_toy(tmp_path / "launched"), reference)


def test_the_log_holds_start_validations_and_end(tmp_path: Path):
    heard = Mock(Progress)
    train_toy(tmp_path, toy_settings(max_epochs=2), title="toy", progress=heard)
    told = [each[0] for name, each, _ in heard.method_calls if name in ("start", "event")]
    assert told == ["toy", "started", "validation", "validation", "finished"]
    heard.start.assert_called_once_with("toy", 10, 0)
    train_toy(tmp_path, toy_settings(max_epochs=3))
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [(line["event"], line["updates"]) for line in lines] == [
        ("started", 0), ("validation", 5), ("validation", 10), ("finished", 10),
        ("resumed", 10), ("validation", 15), ("finished", 15),
    ]  # fmt: skip
    assert lines[1]["metric"] == "negative loss" and lines[1]["is_best"] is True


def test_bf16_learns_as_well(tmp_path: Path):
    scores = {}
    for precision in ("fp32", "bf16"):
        train_toy(tmp_path / precision, toy_settings(precision=precision))
        assert train_toy.record["precision"] == precision
        scores[precision] = train_toy.record["validations"][-1]["score"]
    assert scores["bf16"] != scores["fp32"]
    assert scores["bf16"] == pytest.approx(scores["fp32"], abs=0.01)


def test_dropout_differs_between_updates_and_seeds_but_not_between_runs(tmp_path: Path):
    masks: list[np.ndarray] = []

    def trained(name: str, seed: int) -> list[np.ndarray]:
        masks.clear()
        trainee = toy_trainee()
        trainee.model.dropout.register_forward_hook(  # type: ignore[union-attr]
            lambda module, inputs, output: masks.append((output == 0).numpy()) if module.training else None
        )
        train_toy(tmp_path / name, toy_settings(max_epochs=1, seed=seed), trainee=trainee, validate=None)
        return list(masks)

    first, again, other = trained("first", 1), trained("again", 1), trained("other", 2)
    assert all(np.array_equal(*pair) for pair in zip(first, again, strict=True))
    same_shape = [pair for pair in combinations(first, 2) if pair[0].shape == pair[1].shape]
    assert same_shape and not any(np.array_equal(*pair) for pair in same_shape)
    assert not np.array_equal(first[0][:8, :8], other[0][:8, :8])


class TestHalfPrecision:
    """fp16 with loss scaling, as on cards without bf16; here on a CPU."""

    def test_it_learns_as_in_fp32(self, tmp_path):
        losses = {}
        for precision in ("fp32", "fp16"):
            trainee = toy_trainee()
            record = train(
                trainee, ToyPairs.random(), toy_settings(precision=precision), lambda: toy_validate(trainee),  # noqa: B023
                tmp_path / precision,
            )  # fmt: skip
            assert record["precision"] == precision
            losses[precision] = [each["score"] for each in record["validations"]]
        assert losses["fp16"] == pytest.approx(losses["fp32"], rel=0.05)

    def test_an_overflow_leaves_the_step_out_and_halves_the_scale(self, tmp_path, monkeypatch):
        scales = []
        update = torch.amp.GradScaler.update

        def noted(scaler):
            update(scaler)
            scales.append(scaler.get_scale())

        monkeypatch.setattr(torch.amp.GradScaler, "update", noted)
        trainee = toy_trainee()
        before = {name: each.detach().clone() for name, each in trainee.trained.items()}
        # At this scale every gradient of a toy overflows.
        monkeypatch.setattr("crosslate.training.loop.torch.amp.GradScaler", _scaler_from(2.0**40))
        train(
            trainee,
            ToyPairs.random(),
            toy_settings(precision="fp16", max_updates=1, max_epochs=0),
            None,
            tmp_path,
        )
        assert scales == [2.0**39]
        assert equal(before, {name: each.detach() for name, each in trainee.trained.items()})
        state = json.loads(_metadata(tmp_path / "checkpoint.safetensors")["state"])
        assert state["loss_scaling"]["scale"] == 2.0**39

    def test_gradients_that_overflow_at_any_scale_end_the_run(self, tmp_path, monkeypatch):
        monkeypatch.setattr("crosslate.training.loop._LEAST_SCALE", 2.0**60)
        with pytest.raises(TrainingError, match="or fp32 precision"):
            train(toy_trainee(), ToyPairs.random(), toy_settings(precision="fp16"), None, tmp_path)


def _scaler_from(scale: float) -> Any:
    kind = torch.amp.GradScaler
    return lambda device, enabled: kind(device, init_scale=scale, enabled=enabled)


def _metadata(path: Path) -> dict[str, str]:
    with safe_open(path, "pt") as file:
        return file.metadata()
