"""The main job: a pack comes out, the parent stays, and what cannot work is refused before the work."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest
import torch

import toy_corpora
from crosslate.adaptation.adapt import adapt
from crosslate.errors import InputError, Interrupted, StrategyError, UsageError
from crosslate.models.parent import Parent
from crosslate.packs.compose import apply_packs
from crosslate.packs.pack import Pack
from crosslate.text.corpora import TextFiles
from crosslate.training.progress import Progress


@pytest.fixture(scope="module")
def parent() -> Parent:
    torch.set_num_threads(1)
    return toy_corpora.parent()


def adapted(parent: Parent, out: Path | None, **options: Any) -> Pack:
    options = {
        "corpus": toy_corpora.corpus("de", "en"),
        "valid": toy_corpora.corpus("de", "en", 12, seed=1),
    } | options
    return adapt(
        parent, options.pop("corpus"), out=out, data=toy_corpora.DATA, settings=toy_corpora.settings(),
        **({"new_source": "de"} | options),
    )  # fmt: skip


def test_a_pack_comes_out_and_the_parent_stays(parent: Parent, tmp_path: Path):
    before = parent.fingerprint()
    implementation = parent.model.config._attn_implementation
    pack = adapted(parent, tmp_path / "de-en", licence="CC0-1.0")
    assert parent.fingerprint() == before
    assert not any(each.requires_grad for each in parent.model.parameters())
    assert parent.model.config._attn_implementation == implementation
    loaded = Pack.load(tmp_path / "de-en")
    manifest = loaded.manifest
    assert (manifest.source_language, manifest.target_language, manifest.strategy) == (
        "de",
        "en",
        "src+xattn",
    )
    assert (manifest.training["updates"], manifest.training["epochs"]) == (3, 3)
    assert manifest.training["parameters"]["groups"].keys() >= {"src", "xattn"}
    assert manifest.data["train"]["pairs"] == 60
    best = manifest.training["best_updates"]
    [entry] = [each for each in manifest.training["validations"] if each["updates"] == best]
    [score] = manifest.scores
    assert (score.metric, score.value, score.signature) == (
        "bleu",
        round(entry["score"], 4),
        entry["signature"],
    )
    assert "validation: toy.de + toy.en" in str(score)
    assert all(torch.equal(loaded.tensors[name], pack.tensors[name]) for name in pack.tensors)
    assert apply_packs(parent, [loaded]).source_language == "de"
    assert [path.name for path in (tmp_path / "de-en.run").iterdir()] == ["log.jsonl"]


@pytest.mark.parametrize(
    ("new", "strategy", "expected"),
    [
        ({"new_target": "es"}, None, ("fr", "es", "tgt+xattn")),
        ({"new_source": "de"}, "src", ("de", "en", "src")),
        ({"new_source": "de"}, "embed+xattn", ("de", "en", "embed+xattn")),
        ({"new_source": "de", "new_target": "es"}, None, ("de", "es", "src+tgt+xattn")),
    ],
)
def test_sides_and_strategies(
    parent: Parent, tmp_path: Path, new: dict[str, str], strategy: str | None, expected: tuple[str, str, str]
):
    corpus = toy_corpora.corpus(*expected[:2], 20)
    options = {"new_source": None, "new_target": None} | new
    pack = adapted(parent, tmp_path / "pack", corpus=corpus, valid=corpus, strategy=strategy, **options)
    manifest = pack.manifest
    assert (manifest.source_language, manifest.target_language, manifest.strategy) == expected


def test_files_give_the_same_pack_as_memory(parent: Parent, tmp_path: Path):
    corpus = toy_corpora.corpus("de", "en")
    files = TextFiles(toy_corpora.write(corpus, tmp_path), "de", "en")
    weights = []
    for name, each in (("memory", corpus), ("files", files)):
        adapted(parent, tmp_path / name, corpus=each)
        weights.append((tmp_path / name / "weights.safetensors").read_bytes())
        assert [path.name for path in (tmp_path / f"{name}.run").iterdir()] == ["log.jsonl"]
    assert weights[0] == weights[1]


def test_without_a_folder_the_pack_stays_in_memory(
    parent: Parent, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    pack = adapted(parent, None)
    assert pack.folder is None and pack.tensors
    pack.save(tmp_path / "later")
    assert [path.name for path in tmp_path.iterdir()] == ["later"]


class Stop(Progress):
    """Asks the process to stop at the second update."""

    def update(self, updates: int, values: dict[str, float]) -> None:
        if updates == 2:
            os.kill(os.getpid(), signal.SIGINT)


def test_stopped_without_a_folder_nothing_is_promised(parent: Parent):
    with pytest.raises(Interrupted, match="nothing is kept"):
        adapted(parent, None, progress=Stop())


def test_an_output_that_could_not_be_saved_is_saved_by_the_same_call(
    parent: Parent, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    reference = adapted(parent, tmp_path / "reference")

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(Pack, "save", full)
        with pytest.raises(OSError, match="No space"):
            adapted(parent, tmp_path / "pack")
    assert not (tmp_path / "pack").exists()

    class Counted(Progress):
        updates = 0

        def update(self, updates: int, values: dict[str, float]) -> None:
            self.updates += 1

    counted = Counted()
    pack = adapted(parent, tmp_path / "pack", progress=counted)
    assert counted.updates == 0
    assert all(torch.equal(reference.tensors[name], pack.tensors[name]) for name in reference.tensors)


def test_an_output_that_exists_is_refused_before_the_work(parent: Parent, tmp_path: Path):
    for name, replace, message in [
        ("notes", False, "notes already exists; give another folder"),
        ("notes", True, r"notes holds something else \(no pack.json\)"),
        ("file", True, "file is a file and is not replaced"),
    ]:
        out = tmp_path / name
        if name == "notes":
            out.mkdir(exist_ok=True)
            (out / "mine.txt").write_text("mine")
        else:
            out.write_text("mine")
        with pytest.raises(InputError, match=message):
            adapted(parent, out, replace=replace)
        assert not (tmp_path / f"{name}.run").exists()
    assert (tmp_path / "notes" / "mine.txt").read_text() == "mine"


def test_a_pack_is_replaced_when_asked_for(parent: Parent, tmp_path: Path):
    for name in ("first", "second"):
        adapted(parent, tmp_path / "pack", name=name, replace=True)
    assert Pack.load(tmp_path / "pack").manifest.name == "second"


def test_calls_that_make_no_sense_are_refused(parent: Parent, tmp_path: Path):
    spanish = toy_corpora.corpus("es", "en", 20)
    for kind, message, options in [
        (UsageError, "neither the source nor the target is new", {"new_source": None}),
        (StrategyError, "tgt is for a new target, but the new side is source", {"strategy": "tgt"}),
        (InputError, r"the corpus is es-en, expected de-en: the parent \(fr-en\)", {"corpus": spanish}),
    ]:
        with pytest.raises(kind, match=message):
            adapted(parent, tmp_path / "pack", **options)
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_process_left_is_removed(parent: Parent, tmp_path: Path):
    run = tmp_path / "pack.run"
    torn = [run / ".text-abc.tmp", run / "encoded" / ".0123.x.tmp", run / ".checkpoint-00000001-0.x.tmp"]
    for folder in torn:
        folder.mkdir(parents=True)
        (folder / "half").write_bytes(b"half")
    (run / "notes.txt").write_text("mine")
    adapted(parent, tmp_path / "pack")
    assert sorted(path.name for path in run.iterdir()) == ["log.jsonl", "notes.txt"]


def test_a_measurement_stands_beside_every_score_and_changes_nothing(parent: Parent, tmp_path: Path):
    tables = []

    def measure(child):
        assert not child.model.training
        tables.append(child.model.get_encoder().get_input_embeddings().weight.detach().clone())
        return {"lexicon": float(len(tables))}

    plain = adapted(parent, tmp_path / "plain")
    measured = adapted(parent, tmp_path / "measured", measure=measure)
    entries = measured.manifest.training["validations"]
    assert [entry["lexicon"] for entry in entries] == [1.0, 2.0, 3.0]
    assert not torch.equal(tables[0], tables[2])
    assert [each["score"] for each in plain.manifest.training["validations"]] == [
        entry["score"] for entry in entries
    ]
    assert all(torch.equal(tensor, measured.tensors[name]) for name, tensor in plain.tensors.items())


def test_measurements_before_an_interruption_are_kept(parent: Parent, tmp_path: Path):
    with pytest.raises(Interrupted):
        adapted(parent, tmp_path / "pack", progress=Stop(), measure=lambda child: {"lexicon": 1.0})
    pack = adapted(parent, tmp_path / "pack", measure=lambda child: {"lexicon": 2.0})
    found = [entry["lexicon"] for entry in pack.manifest.training["validations"]]
    assert found == sorted(found) and {1.0, 2.0} == set(found)


def test_less_memory_and_a_pack_like_any_other(parent: Parent, tmp_path: Path):
    """Frozen matrices in bfloat16, layers computed twice; interrupted and resumed runs know of both."""
    low = toy_corpora.parent()
    low.lower("bfloat16", keep={"xattn"})
    settings = toy_corpora.settings(precision="auto")
    options = {"corpus": toy_corpora.corpus("de", "en"), "valid": toy_corpora.corpus("de", "en", 12, seed=1)}
    pack = adapt(
        low, options["corpus"], new_source="de", valid=options["valid"], data=toy_corpora.DATA, settings=settings,
        out=tmp_path / "pack", gradient_checkpointing=True,
    )  # fmt: skip
    assert low.fingerprint() == parent.fingerprint() == pack.manifest.parent.fingerprint
    training = Pack.load(tmp_path / "pack").manifest.training
    assert (training["frozen"], training["gradient_checkpointing"], training["precision"]) == (
        "bfloat16",
        True,
        "bf16",
    )
    assert not any(getattr(module, "gradient_checkpointing", False) for module in low.model.modules())
    plain = adapted(parent, tmp_path / "plain").manifest.training
    assert not {"frozen", "gradient_checkpointing"} & plain.keys()
    assert plain["parameters"] == training["parameters"]
    child = apply_packs(parent, [Pack.load(tmp_path / "pack")])
    assert {each.dtype for each in child.model.parameters()} == {torch.float32}


def test_frozen_states_of_a_parent_held_in_bfloat16(tmp_path: Path):
    low = toy_corpora.parent()
    low.lower("bfloat16", keep={"xattn"})
    pack = adapt(
        low, toy_corpora.corpus("fr", "de"), new_target="de", valid=toy_corpora.corpus("fr", "de", 12, seed=1),
        data=toy_corpora.DATA, settings=toy_corpora.settings(precision="auto"), out=tmp_path / "pack",
    )  # fmt: skip
    assert pack.manifest.training["updates"] == 3
