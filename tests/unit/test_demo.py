"""The demo at toy size: what it leaves on disk, that it goes on, and that its check can fail."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import pytest

from crosslate import demo
from crosslate.demo import ChildResult, DemoFailed, DemoResult, DemoSettings, _Demo, run_demo
from crosslate.evaluation.scores import Score
from crosslate.models.strategies import default_strategy
from crosslate.packs.pack import Pack
from crosslate.training.settings import TrainingChanges, TrainingSettings

QUICK = TrainingSettings(max_updates=3, max_epochs=0, batch_tokens=1024, patience=0, precision="fp32")
TOY = DemoSettings(
    train_pairs=300,
    child_pairs=520,
    valid_pairs=10,
    test_pairs=12,
    size="1,32,2,64",
    vocabulary_size=400,
    parent=QUICK,
    new_source=QUICK,
    new_target=QUICK,
    improvement=TrainingChanges(max_updates=2, max_epochs=0, patience=0, precision="fp32"),
)


SOURCE, TARGET = (str(default_strategy([side])) for side in ("source", "target"))


def score(value):
    return Score("BLEU", value, "signature", (value - 1, value + 1), 12)


def result(src, xattn, body, zero_shot, improved=85, *, identical=True):
    children = [
        ChildResult("de-en", strategy, score(value), 0.1, 1000, None, [])
        for strategy, value in (("src", src), (SOURCE, xattn), ("src+body", body), (TARGET, 90))
    ]
    return DemoResult(score(90), score(90), identical, children, score(zero_shot), score(improved), [], 1.0)


def test_toy_demo_leaves_a_report_and_fails_its_check(tmp_path):
    said = []
    with pytest.raises(DemoFailed, match="zero-shot German-Spanish reaches"):
        run_demo(tmp_path / "demo", TOY, say=said.append)
    report = json.loads((tmp_path / "demo/report.json").read_text(encoding="utf-8"))
    assert report["parent"]["identical"] is True
    assert [(each["pair"], each["strategy"]) for each in report["children"]] == [
        ("de-en", "src"), ("de-en", SOURCE), ("de-en", "src+body"), ("fr-es", TARGET),
    ]  # fmt: skip
    assert report["zero_shot"]["num_sentences"] == report["improved"]["num_sentences"] == 12
    assert Pack.load(tmp_path / "demo/packs/de-es").manifest.packs
    assert report["failures"]
    for made in ("parents/fr-en/model.safetensors", "packs/de-en/pack.json", "packs/fr-es/pack.json"):
        assert (tmp_path / "demo" / made).is_file()
    assert not any(line.endswith("using " + str(tmp_path / "demo/parents/fr-en")) for line in said)

    said.clear()
    with pytest.raises(DemoFailed):
        run_demo(tmp_path / "demo", TOY, say=said.append)
    assert sum("using" in line for line in said) == 6  # the parent and five packs: nothing is trained twice


def test_after_a_failed_training_no_other_is_begun(tmp_path, monkeypatch):
    begun, other = [], Event()

    def make(*arguments):
        begun.append(arguments[-1])
        if begun[-1] == "de-en":
            raise DemoFailed("broken")
        other.wait(0.2)

    monkeypatch.setattr(demo, "_make_aside", make)
    monkeypatch.setattr(demo, "num_usable_cores", lambda: 2)
    monkeypatch.setattr(demo, "ProcessPoolExecutor", lambda workers, *_, **__: ThreadPoolExecutor(workers))
    with pytest.raises(DemoFailed, match="broken"):
        _Demo(tmp_path, TOY, None, print).make_packs(None)
    assert begun == ["de-en", "fr-es"]


def test_check_states_each_broken_promise():
    assert result(90, 93, 95, 60).failures() == []
    assert "does not beat src" in result(93, 93, 95, 60).failures()[0]
    assert "below src+body" in result(90, 91.9, 95, 60).failures()[0]
    assert result(90, 92, 95, 60).failures() == []
    assert "zero-shot" in result(90, 93, 95, 50).failures()[0]
    assert "with a pair pack reaches 79.0 BLEU, expected 80" in result(90, 93, 95, 60, 79).failures()[0]
    assert "parent" in result(90, 93, 95, 60, identical=False).failures()[0]
    assert len(result(95, 80, 95, 10, 10, identical=False).failures()) == 5


def test_the_two_packs_have_no_sentence_in_common():
    """The phrasebook's sentences are the same in all languages."""
    two = _Demo(Path("demo"), TOY, None, print)
    german, spanish = (two.corpora(*pair, "child") for pair in (("de", "en"), ("fr", "es")))
    assert [len(each[0]) for each in (german, spanish)] == [520, 520]
    english = two.book.corpora("fr", "en", train=1040)[0]
    assert (english.target[:520], english.source[520:]) == (german[0].target, spanish[0].source)
    assert german[2].source == two.corpora("de", "es", "child")[2].source
