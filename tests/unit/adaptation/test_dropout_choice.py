"""Dropout follows what the parent bears: all of its own, less, or none; a ruinous value is named."""

from __future__ import annotations

import copy
import logging
from pathlib import Path
from typing import Any

import pytest
import torch

import toy_corpora
from crosslate.adaptation.dropout_choice import LIMIT_NATS, choose_dropout
from crosslate.models.parent import Parent
from crosslate.models.strategies import parse_strategy
from crosslate.training.devices import dropout_of, set_dropout
from crosslate.training.settings import TrainingSettings

LINES = ["the small house", "", "a red dog runs", "where is the old man"]
STRATEGY = parse_strategy("src+xattn")


@pytest.fixture
def brittle(parent: Parent) -> Parent:
    """A parent whose sharp predictions depend on every unit."""
    model = copy.deepcopy(parent.model)
    with torch.no_grad():
        model.model.decoder.layers[-1].final_layer_norm.weight.fill_(40.0)
    languages = parent.source_language, parent.target_language
    return Parent(model, parent.source, parent.target, *languages, name="brittle")


def chosen(parent: Parent, strategy: Any = STRATEGY, **settings: Any):
    return choose_dropout(parent, strategy, LINES, TrainingSettings(**settings))


def test_a_parent_keeps_its_own_dropout_if_it_bears_it(parent: Parent):
    assert dropout_of(parent.model)[0] == 0.1
    settings, record = chosen(parent)
    assert settings.dropout is None
    assert record["dropout"]["chosen"] == record["dropout"]["parent"] == 0.1
    assert 0 < record["dropout"]["nats_per_token"]["0.1"] <= LIMIT_NATS


def test_a_brittle_parent_gets_less(brittle: Parent, caplog: pytest.LogCaptureFixture):
    before = brittle.fingerprint()
    with caplog.at_level(logging.INFO):
        settings, record = chosen(brittle)
    tried = record["dropout"]["nats_per_token"]
    assert settings.dropout == record["dropout"]["chosen"] < 0.1 and settings.attention_dropout is not None
    assert tried["0.1"] > LIMIT_NATS >= tried[str(settings.dropout)]
    assert list(tried.values()) == sorted(tried.values(), reverse=True)
    assert (
        f"dropout: {settings.dropout or 'none'}, which is all that the parent bears: 0.1 would move its predictions by"
        in caplog.text
    )
    assert brittle.fingerprint() == before and dropout_of(brittle.model)[0] == 0.1


def test_a_parent_that_records_no_dropout_gets_what_it_bears(parent: Parent):
    model = copy.deepcopy(parent.model)
    set_dropout(model, 0.0, 0.0)
    languages = parent.source_language, parent.target_language
    silent = Parent(model, parent.source, parent.target, *languages, name="silent")
    settings, record = chosen(silent)
    assert settings.dropout == record["dropout"]["chosen"] == 0.1 and record["dropout"]["parent"] == 0.0


def test_a_given_value_is_kept_and_a_ruinous_one_is_named(brittle: Parent, caplog: pytest.LogCaptureFixture):
    settings, record = chosen(brittle, dropout=0.3)
    assert settings.dropout == 0.3 and record["dropout"]["given"] == 0.3
    assert "dropout 0.3 moves the parent's predictions by" in caplog.text


def test_nothing_is_measured_where_dropout_has_nothing_to_ruin(brittle: Parent):
    assert chosen(brittle, dropout=0.0)[1] == {}
    assert chosen(brittle, parse_strategy("scratch"))[1] == {}
    assert choose_dropout(brittle, STRATEGY, ["", " "], TrainingSettings())[1] == {}


def test_the_choice_is_recorded_in_the_pack(brittle: Parent, tmp_path: Path):
    pack = toy_corpora.adapted(brittle, tmp_path / "de-en", training={"max_epochs": 1, "dropout": "auto"})
    record = pack.manifest.training
    assert record["settings"]["dropout"] == record["dropout"]["chosen"] < 0.1
