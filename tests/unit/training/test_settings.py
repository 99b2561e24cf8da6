"""Training settings: what is refused, and the presets."""

from __future__ import annotations

import pytest

from crosslate.errors import SettingsError
from crosslate.models.strategies import parse_strategy
from crosslate.training.optimiser import learning_rate_factor
from crosslate.training.settings import TrainingChanges, TrainingSettings

INFINITE = float("inf")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"max_epochs": 0}, "max_epochs and max_updates are both 0"),
        ({"batch_tokens": 0}, "batch_tokens is 0, expected 1 or more"),
        ({"weight_decay": float("nan")}, "weight_decay is nan"),
        ({"weight_decay": INFINITE}, "weight_decay is inf, expected a finite number"),
        ({"learning_rates": {"src": INFINITE}}, "learning_rates.src is inf, expected a finite number"),
        ({"seed": 2**63}, "seed is 9223372036854775808, expected at most 9223372036854775807"),
        ({"fresh_learning_rate": 0.0}, "fresh_learning_rate is 0.0, expected above 0"),
        ({"label_smoothing": 1.0}, "label_smoothing is 1.0, expected below 1"),
        ({"dropout": -0.1}, "dropout is -0.1"),
        ({"dropout": "much"}, "dropout is 'much', expected a number"),
        ({"learning_rates": {"xatn": 1e-3}}, "did you mean 'xattn'"),
        ({"schedule": "cosin"}, "schedule is 'cosin', expected .*; did you mean 'cosine'"),
        ({"batch_tokens": 0, "seed": -1}, "(?s)2 faults.*batch_tokens.*seed"),
    ],
)
def test_a_value_out_of_range_is_named(changes: dict[str, object], message: str):
    with pytest.raises(SettingsError, match=message):
        TrainingSettings(**changes)  # type: ignore[arg-type]


def test_dropout_is_a_number_or_auto():
    # The command line gives numbers as text.
    read = [TrainingSettings.from_values({"dropout": value}).dropout for value in ("auto", "0.2", 0.2)]
    assert read == [None, 0.2, 0.2]


def test_the_learning_rate_of_a_group():
    settings = TrainingSettings(
        fresh_learning_rate=3.0, pretrained_learning_rate=2.0, learning_rates={"enc": 1.0}
    )
    assert settings.learning_rate("src", is_fresh=True) == 3.0
    assert settings.learning_rate("xattn", is_fresh=False) == 2.0
    assert settings.learning_rate("enc", is_fresh=True) == 1.0


@pytest.mark.parametrize(
    ("strategy", "rate", "schedule", "warmup", "end"),
    [
        ("src", 3e-4, "inverse_sqrt", 4000, 0),
        ("src+xattn", 3e-5, "linear", 2500, 1_000_000),
        ("src+randxattn", 3e-5, "linear", 2500, 1_000_000),
        # mBART's embeddings start from pretrained values.
        ("embed", 3e-5, "linear", 2500, 1_000_000),
        ("scratch", 5e-4, "inverse_sqrt", 4000, 0),
        # A parent.
        (None, 5e-4, "inverse_sqrt", 4000, 0),
    ],
)
def test_the_paper_preset_depends_on_what_is_trained(
    strategy: str | None, rate: float, schedule: str, warmup: int, end: int
):
    found = TrainingChanges(preset="paper").resolved(strategy and parse_strategy(strategy))
    assert found.fresh_learning_rate == found.pretrained_learning_rate == rate
    assert (found.schedule, found.warmup_updates, found.schedule_updates) == (schedule, warmup, end)
    assert (found.max_updates, found.max_epochs, found.accumulate_batches) == (150_000, 0, 8)
    assert (found.validate_every_updates, found.validate_every_epoch, found.patience) == (500, True, 25)
    assert found.precision == "fp32" and found.full_softmax and found.encoder_cache == "off"


def test_the_paper_s_linear_decay_keeps_most_of_the_rate_to_the_end():
    paper = TrainingChanges(preset="paper").resolved(parse_strategy("src+xattn"))
    left = learning_rate_factor(paper, 150_000, total_updates=paper.schedule_updates)
    assert left == pytest.approx(1 - 147_500 / 997_500)


def test_what_a_method_adds_has_a_rate_of_its_own_beside_those_that_are_given():
    low_rank = parse_strategy("src+xattn+low-rank(enc,dec;rank=32)")
    changes = TrainingChanges(fresh_learning_rate=5e-3, learning_rates={"xattn": 2e-3})
    assert changes.resolved(low_rank).learning_rates == {"xattn": 2e-3, "added": 1e-3}
    assert changes.resolved(parse_strategy("src+xattn")).learning_rates == {"xattn": 2e-3}
    given = TrainingChanges(learning_rates={"added": 2e-3})
    assert given.resolved(low_rank).learning_rate("added", is_fresh=True) == 2e-3


def test_changes_win_over_the_preset_and_are_checked_with_it():
    assert TrainingChanges(max_epochs=7).resolved() == TrainingSettings(max_epochs=7)
    fresh = TrainingChanges(max_epochs=15).resolved(parse_strategy("src+xattn"))
    assert fresh == TrainingSettings(fresh_learning_rate=3e-3)
    assert TrainingChanges(preset="paper", max_epochs=0).resolved().max_updates == 150_000
    with pytest.raises(SettingsError, match="max_epochs and max_updates are both 0"):
        TrainingChanges(max_epochs=0).resolved()
    with pytest.raises(SettingsError, match="did you mean 'patience'"):
        TrainingChanges.from_values({"patence": 7})
    with pytest.raises(SettingsError, match="did you mean 'paper'"):
        TrainingChanges.from_values({"preset": "papr"})


def test_settings_survive_the_way_through_plain_values():
    settings = TrainingSettings(learning_rates={"xattn": 1e-4}, dropout=None, schedule="linear")
    assert TrainingSettings.from_values(settings.to_values()) == settings
    assert "trackers" not in settings.to_values()
    logged = settings.changed(trackers=["wandb", "mlflow"])
    assert TrainingSettings.from_values(logged.to_values()) == logged
