"""The dial: what each effort sets, and that given options win."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest

from crosslate.errors import SettingsError
from crosslate.training.effort import EFFORTS, Effort, strategy_of
from crosslate.training.settings import TrainingChanges, TrainingSettings


def test_every_effort_resolves_to_what_its_table_says():
    assert tuple(EFFORTS) == get_args(Effort)
    for effort, values in EFFORTS.items():
        settings = TrainingChanges(effort=effort).resolved()
        values = {name: value for name, value in values.items() if name != "strategy"}
        assert settings == TrainingSettings(**values)
        assert settings.summary.startswith(f"at most {settings.max_epochs} epochs of at least ")


def test_the_page_has_the_same_values():
    page = (Path(__file__).parents[3] / "docs" / "strategies.md").read_text(encoding="utf-8")
    efforts = [TrainingChanges(effort=each).resolved() for each in get_args(Effort)]
    for name in {name for values in EFFORTS.values() for name in values if name != "strategy"}:
        values = " | ".join(
            f"{getattr(each, name):g}" if name != "schedule" else each.schedule for each in efforts
        )
        assert f"(`{name}`) | {values} |" in page


def test_efforts_take_longer_from_one_to_the_next():
    fast, default, best = (TrainingChanges(effort=each).resolved() for each in get_args(Effort))
    assert fast.max_epochs < default.max_epochs < best.max_epochs
    for each in (fast, default, best):  # a run on a few pairs gets beyond its warm-up
        assert each.max_epochs * each.min_epoch_updates > each.warmup_updates


def test_strategies():
    sides = ["source", "target"]
    assert [str(strategy_of("fast", each)) for each in (sides[:1], sides[1:], sides)] == [
        "src+xattn", "tgt+xattn", "src+tgt+xattn",
    ]  # fmt: skip
    for effort in ("default", "best"):
        assert str(strategy_of(effort, sides[1:])) == "tgt+xattn+low-rank(enc,dec;rank=32)"


def test_what_is_given_wins():
    settings = TrainingChanges(effort="best", schedule="linear", patience=0, ema_decay=0.0).resolved()
    assert (settings.schedule, settings.patience, settings.ema_decay) == ("linear", 0, 0.0)
    assert (settings.max_epochs, settings.min_epoch_updates) == (30, 100)
    # A given number of epochs is one of passes over the text.
    settings = TrainingChanges(effort="best", max_epochs=3).resolved()
    assert (settings.max_epochs, settings.min_epoch_updates) == (3, 0)
    settings = TrainingChanges(effort="best", max_epochs=3, min_epoch_updates=7).resolved()
    assert (settings.max_epochs, settings.min_epoch_updates) == (3, 7)


def test_what_is_refused():
    with pytest.raises(SettingsError, match=r"effort is 'bset', expected .*; did you mean 'best'"):
        TrainingChanges.from_values({"effort": "bset"})
    with pytest.raises(SettingsError, match="the preset paper has settings of its own"):
        TrainingChanges(preset="paper", effort="fast")


def test_the_summary_names_limits_and_averaging():
    settings = TrainingSettings(max_epochs=0, max_updates=2_000, schedule="cosine", ema_decay=0.99)
    assert settings.summary == (
        "at most 2,000 updates, cosine schedule after 500 updates of warm-up, patience 4, moving average 0.99"
    )
    settings = TrainingSettings(max_epochs=3, max_updates=20, patience=0)
    assert settings.summary == (
        "at most 3 epochs and 20 updates, inverse_sqrt schedule after 500 updates of warm-up, patience off, "
        "no averaging"
    )
