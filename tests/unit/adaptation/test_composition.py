"""The settings of a pair pack without text of the pair: all faults at once, and what training is made of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from crosslate.adaptation.composition import ImproveJob
from crosslate.adaptation.synthetic_texts import _hash
from crosslate.errors import SettingsError

TWO = {"start": ["a", "b"], "output": {"folder": "out"}}
TEXT = {"source_text": {"files": ["x.tsv"]}}


def test_all_faults_come_together():
    given = {
        "source_text": {"round_trip": ["back"]}, "target_text": {"files": ["-"]}, "synthetic_share": 0.2,
        "synthesis": {"side": "target", "min_round_trip": 5}, "synthetic": {"files": ["made.jsonl"]},
    }  # fmt: skip
    with pytest.raises(SettingsError) as refused:
        ImproveJob.from_values(TWO | given | {"source_text": {}})
    for fault in (
        "no models that translate it to the new source language", "a text is standard input",
        "synthetic pairs are given, but these are made here", "but no real pairs (--train)",
        "side and cleaning of the synthesis", "but no models that translate back",
    ):  # fmt: skip
        assert fault in str(refused.value)
    with pytest.raises(SettingsError, match="a language or models are given for a text of a pack, but no"):
        ImproveJob.from_values(TWO | given)
    with pytest.raises(SettingsError, match="3 packs are given, expected two that compose"):
        ImproveJob.from_values(TWO | TEXT | {"start": ["a", "b", "c"]})


def test_synthetic_pairs_are_trained_on_alone_or_beside_real_ones():
    job = ImproveJob.from_values(TWO | TEXT | {"training": {"seed": 3}, "engine": "pytorch"})
    alone = job._adaptation(Path("made.jsonl"))
    assert (alone.train, alone.synthetic.files, alone.training.seed) == (["made.jsonl"], [], 3)
    job = ImproveJob.from_values(TWO | TEXT | {"train": ["real.tsv"], "synthetic_share": 0.2})
    beside = job._adaptation(Path("made.jsonl"))
    assert beside.train == ["real.tsv"]
    assert (beside.synthetic.files, beside.synthetic.share) == (["made.jsonl"], 0.2)


def test_a_text_in_a_folder_is_told_by_its_contents(tmp_path: Path):
    (tmp_path / "one").write_text("a")
    first = _hash(tmp_path)
    assert first == _hash(tmp_path)
    (tmp_path / "one").write_text("b")
    second = _hash(tmp_path)
    (tmp_path / "one").rename(tmp_path / "two")
    assert len({first, second, _hash(tmp_path)}) == 3
