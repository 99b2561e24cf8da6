"""Heads chosen before training: the pack is the one that naming them would have given, also when resumed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import toy_corpora
from crosslate.adaptation import head_choice
from crosslate.errors import Interrupted, StrategyError
from crosslate.models.parent import Parent
from crosslate.models.strategies import parse_strategy
from crosslate.packs.pack import Pack
from toy_training import At, interrupt


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(head_choice, "WARMUP_UPDATES", 2)


def adapted(
    parent: Parent, out: Path, strategy: str, *, precision: str = "fp32", progress=None, **new: Any
) -> Pack:
    return toy_corpora.adapted(
        parent, out, progress=progress, training={"precision": precision}, strategy=strategy, **new
    )


def test_the_pack_is_that_of_the_heads_by_name(parent: Parent, tmp_path: Path):
    before = parent.fingerprint()
    pack = adapted(parent, tmp_path / "auto", "src+xattn[auto=50%]")
    manifest = pack.manifest
    assert manifest.strategy in ("src+xattn[heads=0:0]", "src+xattn[heads=0:1]")
    record = manifest.training["heads"]
    assert record["asked"] == "src+xattn[auto=50%]" and record["warmup_updates"] == 2
    (scores,) = record["importance"].values()
    assert manifest.strategy.endswith(f"0:{scores.index(max(scores))}]")
    named = adapted(parent, tmp_path / "named", manifest.strategy)
    assert toy_corpora.are_equal(named, pack)
    assert "heads" not in named.manifest.training
    assert parent.fingerprint() == before
    assert not any(each.requires_grad for each in parent.model.parameters())
    assert [path.name for path in (tmp_path / "auto.run").iterdir()] == ["log.jsonl"]


@pytest.mark.parametrize("at", [1, 4])
def test_stopped_in_the_warm_up_or_behind_it_a_run_goes_on_with_the_same_heads(
    parent: Parent, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: int
):
    whole = adapted(parent, tmp_path / "whole", "src+xattn[auto=50%]")
    with pytest.raises(Interrupted):
        adapted(parent, tmp_path / "pack", "src+xattn[auto=50%]", progress=At(at, interrupt))
    if at > 2:  # the heads are known: neither the warm-up nor the scoring runs again
        monkeypatch.setattr(head_choice, "head_importance", None)
    pack = adapted(parent, tmp_path / "pack", "src+xattn[auto=50%]")
    assert pack.manifest.strategy == whole.manifest.strategy
    assert pack.manifest.training["heads"] == whole.manifest.training["heads"]
    assert toy_corpora.are_equal(whole, pack)


def test_other_limits_hold(parent: Parent, tmp_path: Path):
    pack = adapted(parent, tmp_path / "pack", "src+xattn[layers=0;auto=100%;k,v]")
    assert pack.manifest.strategy == "src+xattn[heads=0:0-1;k,v]"
    with pytest.raises(StrategyError, match="name layer 3; the decoder has the layers 0 to 0"):
        adapted(parent, tmp_path / "other", "src+xattn[layers=3;auto=50%]")


@pytest.mark.parametrize("vocabulary", ["separate", pytest.param("appended", marks=pytest.mark.full)])
def test_heads_of_a_parent_held_in_bfloat16(tmp_path: Path, vocabulary: str):
    """Chosen in mixed precision, the only one that such a model computes in; also by a resumed run."""
    strategy = "src+xattn[auto=50%]"
    low = toy_corpora.parent()
    low.lower(parse_strategy(strategy).precise_groups)
    options: dict[str, Any] = {"strategy": strategy, "vocabulary": vocabulary, "precision": "auto"}
    first = adapted(low, tmp_path / "whole", **options)
    with pytest.raises(Interrupted):
        adapted(low, tmp_path / "resumed", progress=At(3, interrupt), **options)
    second = adapted(low, tmp_path / "resumed", **options)
    assert first.manifest.strategy == second.manifest.strategy != strategy
    assert first.manifest.training["frozen"] == "bfloat16"
    assert toy_corpora.are_equal(first, second)
