"""Training a parent: what is saved, and what is not overwritten."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

import tiny_models
import toy_corpora
from crosslate.adaptation.parents import train_parent
from crosslate.adaptation.settings import OutputSettings
from crosslate.errors import InputError
from crosslate.files import read_json
from crosslate.models.parent import Parent


def trained(out: Path, **options: Any) -> Parent:
    settings = toy_corpora.settings(**options.pop("settings", {}))
    return train_parent(
        toy_corpora.corpus("fr", "en"), toy_corpora.corpus("fr", "en", 12, seed=1), data=toy_corpora.DATA,
        size=tiny_models.SIZE, training=settings, output=OutputSettings(folder=out, **options),
    )  # fmt: skip


def test_a_parent_comes_out_that_loads_as_it_is(tmp_path: Path):
    parent = trained(tmp_path / "fr-en", settings={"dropout": 0.25})
    loaded = Parent.load(tmp_path / "fr-en")
    assert loaded.fingerprint() == parent.fingerprint()
    assert (loaded.source_language, loaded.target_language) == ("fr", "en")
    assert loaded.source.pieces == parent.source.pieces
    assert loaded.model.config.dropout == 0.25
    for each in (parent, loaded):
        assert not each.model.training and not any(tensor.requires_grad for tensor in each.model.parameters())
    record = read_json(tmp_path / "fr-en" / "crosslate.json")
    assert (record["training"]["updates"], record["data"]["train"]["pairs"]) == (3, 60)
    assert [path.name for path in (tmp_path / "fr-en.run").iterdir()] == ["log.jsonl"]


def test_everything_learns_but_the_positions(tmp_path: Path):
    untrained = trained(
        tmp_path / "one", settings={"max_epochs": 0, "max_updates": 1, "warmup_updates": 10**9}
    )
    parent = trained(tmp_path / "three")
    before = dict(untrained.model.named_parameters())
    kept = {name for name, each in parent.model.named_parameters() if torch.equal(each, before[name])}
    assert kept == {"model.encoder.embed_positions.weight", "model.decoder.embed_positions.weight"}


def test_the_seed_decides_the_parent_and_only_parents_are_replaced(tmp_path: Path):
    out = tmp_path / "fr-en"
    out.mkdir()
    prints = [trained(out, replace=True, settings={"seed": seed}).fingerprint() for seed in (1, 1, 2)]
    assert prints[0] == prints[1] != prints[2] == Parent.load(out).fingerprint()
    (out / "crosslate.json").unlink()
    with pytest.raises(InputError, match=r"without crosslate.json it is never replaced"):
        trained(out, replace=True)
    with pytest.raises(InputError, match="already exists"):
        trained(out)
    assert (out / "config.json").is_file()
