"""The main job: a pack comes out, the parent stays, and what cannot work is refused before the work."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

import toy_corpora
from crosslate.adaptation.adapt import adapt
from crosslate.adaptation.settings import DataSettings, NewLanguages, PackOutput
from crosslate.engines.decoding import DecodingOptions
from crosslate.errors import InputError, Interrupted, OutputExists, TrainingError
from crosslate.evaluation.scores import score_translations
from crosslate.models.parent import Parent
from crosslate.packs.compose import apply_packs
from crosslate.packs.pack import Pack
from crosslate.text.cleaning import CleaningSettings
from crosslate.text.corpora import ParallelCorpus, TextFiles
from crosslate.text.synthetic import SyntheticText
from crosslate.training import loop
from crosslate.training.progress import Progress
from crosslate.training.settings import TrainingSettings
from crosslate.translation.translator import Translator
from toy_training import At, interrupt

adapted = toy_corpora.adapted
are_equal = toy_corpora.are_equal


def test_a_pack_comes_out_and_the_parent_stays(parent: Parent, tmp_path: Path):
    before = parent.fingerprint()
    implementation = parent.model.config._attn_implementation
    output = {"licence": "CC0-1.0", "name": "mine", "dtype": "float32"}
    pack = adapted(parent, tmp_path / "de-en", output=output)
    assert parent.fingerprint() == before
    assert not any(each.requires_grad for each in parent.model.parameters())
    assert parent.model.config._attn_implementation == implementation
    loaded = Pack.load(tmp_path / "de-en")
    assert are_equal(loaded, pack) and apply_packs(parent, [loaded]).source_language == "de"
    manifest = loaded.manifest
    assert (manifest.name, manifest.licence) == ("mine", "CC0-1.0")
    assert (manifest.training["updates"], manifest.training["epochs"]) == (3, 3)
    assert manifest.training["parameters"]["groups"].keys() >= {"src", "xattn"}
    assert manifest.data["train"]["pairs"] == 60
    best = manifest.training["best_updates"]
    [entry] = [each for each in manifest.training["validations"] if each["updates"] == best]
    [score] = manifest.scores
    found = (score.metric, score.value, score.signature, score.test_set)
    assert found == ("bleu", round(entry["score"], 4), entry["signature"], "validation: toy.de + toy.en")
    assert [path.name for path in (tmp_path / "de-en.run").iterdir()] == ["log.jsonl"]


@pytest.mark.parametrize("dtype", ["bfloat16", "int8", "float32"])
def test_a_pack_is_stored_as_asked_and_scored_as_stored(
    parent: Parent, tmp_path: Path, dtype: str, monkeypatch: pytest.MonkeyPatch
):
    scored = []
    monkeypatch.setattr(
        "crosslate.adaptation.validation.score_translations",
        lambda lines, *args, **options: (scored.append(lines), score_translations(lines, *args, **options))[
            1
        ],
    )
    output = {} if dtype == "bfloat16" else {"dtype": dtype}
    pack = adapted(parent, tmp_path / "pack", output=output, training={"fresh_learning_rate": 0.05})
    assert {each.dtype for each in Pack.load(tmp_path / "pack").manifest.tensors.values()} >= {dtype}
    best = next(
        number
        for number, each in enumerate(pack.manifest.training["validations"])
        if each["updates"] == pack.manifest.training["best_updates"]
    )
    texts = toy_corpora.corpus("de", "en", 12, seed=1).source
    stored = Translator(parent, pack, options=DecodingOptions(beam_size=1)).translate(texts)
    assert scored[best if dtype == "float32" else -1] == stored
    assert len(scored) == (3 if dtype == "float32" else 4)
    num_bytes = pack.manifest.training["parameters"]["pack_bytes"]
    assert num_bytes == sum(tensor.nbytes for tensor in pack.tensors.values())


def test_a_second_run_in_a_process_has_as_many_threads_and_the_same_pack(parent: Parent):
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        first, second = (adapted(parent, None, training={"max_epochs": 1}) for _ in range(2))
        assert torch.get_num_threads() == 2 and are_equal(first, second)
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("is_sharded", [False, True])
def test_what_is_stored_is_scored_where_it_was_trained_if_it_fits(
    parent: Parent, monkeypatch: pytest.MonkeyPatch, is_sharded: bool
):
    places = []

    @contextmanager
    def on_device(model: Any, device: torch.device) -> Iterator[None]:
        places.append(device)
        yield
        places.append("back")

    monkeypatch.setattr("crosslate.adaptation.adapt.on_device", on_device)
    monkeypatch.setattr("crosslate.training.loop.spread_frozen", lambda *arguments: None)
    monkeypatch.setattr(
        "crosslate.adaptation.validation.score_translations",
        lambda *args, **options: (places.append("scored"), score_translations(*args, **options))[1],
    )
    adapted(parent, None, training={"max_epochs": 1, "shard_frozen": is_sharded})
    there, back = ([], []) if is_sharded else ([torch.device("cpu")], ["back"])
    assert places == ["scored", *there, "scored", *back]


@pytest.mark.parametrize(
    ("new", "expected"),
    [
        ({"source": None, "target": "es"}, ("fr", "es", "tgt+xattn+low-rank(enc,dec;rank=32)")),
        ({"strategy": "src"}, ("de", "en", "src")),
        ({"strategy": "embed+xattn"}, ("de", "en", "embed+xattn")),
        ({"target": "es"}, ("de", "es", "src+tgt+xattn+low-rank(enc,dec;rank=32)")),
    ],
)
def test_sides_and_strategies(parent: Parent, new: dict[str, Any], expected: tuple[str, str, str]):
    manifest = adapted(parent, None, pair=expected[:2], training={"max_epochs": 1}, **new).manifest
    assert (manifest.source_language, manifest.target_language, manifest.strategy) == expected


def test_files_give_the_same_pack_as_memory_and_replace_it(parent: Parent, tmp_path: Path):
    corpus = toy_corpora.corpus("de", "en")
    files = TextFiles(toy_corpora.write(corpus, tmp_path), "de", "en")
    weights = []
    for name, each in (("memory", corpus), ("files", files)):
        adapt(
            parent, each, corpus, new=NewLanguages(source="de"), data=toy_corpora.DATA,
            training=toy_corpora.settings(), output=PackOutput(folder=tmp_path / "pack", name=name, replace=True),
        )  # fmt: skip
        assert Pack.load(tmp_path / "pack").manifest.name == name
        assert [path.name for path in (tmp_path / "pack.run").iterdir()] == ["log.jsonl"]
        weights.append((tmp_path / "pack" / "weights.safetensors").read_bytes())
    assert weights[0] == weights[1]


@pytest.mark.parametrize("codes", [("deu", "eng_Latn"), ("German", "en-GB"), ("de_DE", "English")])
def test_the_codes_of_a_corpus_are_understood(parent: Parent, codes: tuple[str, str]):
    corpus, valid = toy_corpora.corpus("de", "en"), toy_corpora.corpus("de", "en")
    spelt = ParallelCorpus(corpus.source, corpus.target, *codes)
    new, options = NewLanguages(source="de"), {"data": toy_corpora.DATA, "training": toy_corpora.settings()}
    pack = adapt(parent, spelt, valid, new=new, **options)
    assert (pack.manifest.source_language, pack.manifest.target_language) == ("de", "en")


@pytest.mark.parametrize("codes", [("en", "de"), ("de-Cyrl", "en"), ("nl", "en")])
def test_a_corpus_of_other_languages_is_refused(parent: Parent, codes: tuple[str, str]):
    corpus = toy_corpora.corpus("de", "en")
    other = ParallelCorpus(corpus.source, corpus.target, *codes)
    with pytest.raises(InputError, match=f"the corpus is {'-'.join(codes)}, expected de-Latn-en"):
        adapt(parent, other, new=NewLanguages(source="de-Latn"))


def test_without_a_folder_the_pack_stays_in_memory(
    parent: Parent, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    pack = adapted(parent, None)
    assert pack.folder is None and pack.tensors
    pack.save(tmp_path / "later")
    assert [path.name for path in tmp_path.iterdir()] == ["later"]
    with pytest.raises(Interrupted, match="nothing was saved"):
        adapted(parent, None, progress=At(2, interrupt))


def test_an_output_that_could_not_be_saved_is_saved_by_the_same_call(
    parent: Parent, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    reference = adapted(parent, None)

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(Pack, "save", full)
        with pytest.raises(OSError, match="No space"):
            adapted(parent, tmp_path / "pack")
    assert not (tmp_path / "pack").exists()
    # An update would be interrupted.
    assert are_equal(reference, adapted(parent, tmp_path / "pack", progress=At(1, interrupt)))


@pytest.mark.parametrize(
    ("name", "replace", "message"),
    [
        (
            "notes",
            False,
            r"notes already exists, a folder \(mine.txt\); without pack.json it is never replaced",
        ),
        (
            "notes",
            True,
            r"notes already exists, a folder \(mine.txt\); without pack.json it is never replaced",
        ),
        ("notes/mine.txt", True, "mine.txt already exists, a file of 4 bytes; without pack.json"),
    ],
)
def test_an_output_that_exists_is_refused_before_the_work(
    parent: Parent, tmp_path: Path, name: str, replace: bool, message: str
):
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "mine.txt").write_text("mine")
    with pytest.raises(InputError, match=message):
        adapted(parent, tmp_path / name, output={"replace": replace})
    assert [path.name for path in tmp_path.rglob("*")] == ["notes", "mine.txt"]


def test_an_earlier_pack_is_named_with_the_run_that_would_resume(parent: Parent, tmp_path: Path):
    adapted(parent, tmp_path / "pack")
    found = r"pack already exists, a pack \(README.md, pack.json, source.spm, weights.safetensors\); "
    with pytest.raises(OutputExists, match=f"{found}give another folder or ask to replace it$"):
        adapted(parent, tmp_path / "pack")
    with pytest.raises(Interrupted):
        adapted(parent, tmp_path / "pack", output={"replace": True}, progress=At(2, interrupt))
    with pytest.raises(OutputExists, match=r"replace it, which resumes the stopped run in pack.run$"):
        adapted(parent, tmp_path / "pack")


def test_what_a_killed_process_left_is_removed(parent: Parent, tmp_path: Path):
    run = tmp_path / "pack.run"
    torn = [run / ".text-abc.tmp", run / "encoded" / ".0123.x.tmp", run / ".checkpoint.safetensors.x.tmp"]
    for folder in torn:
        folder.mkdir(parents=True)
        (folder / "half").write_bytes(b"half")
    for name in ("notes.txt", ".hidden.tmp"):
        (run / name).write_text("mine")
    adapted(parent, tmp_path / "pack")
    assert sorted(path.name for path in run.iterdir()) == [".hidden.tmp", "log.jsonl", "notes.txt"]


def test_synthetic_pairs_change_the_pack_and_an_interrupted_run_ends_in_the_same(
    parent: Parent, tmp_path: Path
):
    made = toy_corpora.corpus("de", "en", 200, seed=5)
    synthetic = SyntheticText(made, 0.75, "<BT>", {"human_language": "en"})
    real = toy_corpora.corpus("de", "en", 30)

    def run(name: str, **options: Any) -> Pack:
        return adapt(
            parent, real, toy_corpora.corpus("de", "en", 12, seed=1), new=NewLanguages(source="de"),
            data=toy_corpora.DATA, training=toy_corpora.settings(batch_tokens=512),
            output=PackOutput(folder=tmp_path / name, name="same"), **options,
        )  # fmt: skip

    whole, plain = run("whole", synthetic=synthetic), run("plain")
    assert not are_equal(whole, plain)
    record = whole.manifest.data["synthetic"]
    assert (record["encoded"]["pairs"], record["pairs_per_epoch"]) == (
        len(made) - record["in_validation"],
        90,
    )
    assert whole.manifest.data["train"] == plain.manifest.data["train"]
    with pytest.raises(Interrupted):
        run("cut", synthetic=synthetic, progress=At(4, interrupt))
    with pytest.raises(TrainingError, match="synthetic"):
        run("cut", synthetic=replace(synthetic, share=0.5))
    assert are_equal(whole, run("cut", synthetic=synthetic))


def test_a_measurement_stands_beside_every_score_and_changes_nothing(parent: Parent, tmp_path: Path):
    tables = []

    def measure(child):
        assert not child.model.training
        tables.append(child.model.get_encoder().get_input_embeddings().weight.detach().clone())
        return {"lexicon": float(len(tables))}

    plain = adapted(parent, None)
    with pytest.raises(Interrupted):  # what was measured before an interruption is kept
        adapted(parent, tmp_path / "pack", progress=At(2, interrupt, measure))
    measured = adapted(parent, tmp_path / "pack", progress=Progress(measure))
    entries = measured.manifest.training["validations"]
    assert [entry["lexicon"] for entry in entries] == [1.0, 2.0, 3.0]
    assert not torch.equal(tables[0], tables[2])
    scores = [each["score"] for each in plain.manifest.training["validations"]]
    assert scores == [entry["score"] for entry in entries]
    assert are_equal(plain, measured)


def test_less_memory_where_the_encoder_is_frozen_as_a_whole(parent: Parent, tmp_path: Path):
    low = toy_corpora.parent()
    low.lower(keep={"xattn"})
    training = {"precision": "auto", "gradient_checkpointing": True}
    new = {"source": None, "target": "de", "strategy": "tgt+xattn"}
    pack = adapted(low, tmp_path / "pack", pair=("fr", "de"), training=training, **new)
    assert low.fingerprint() == parent.fingerprint() == pack.manifest.parent.fingerprint
    assert pack.manifest.training["precision"] == "bf16"
    assert not any(getattr(module, "gradient_checkpointing", False) for module in low.model.modules())
    assert {each.dtype for each in apply_packs(parent, [pack]).model.parameters()} == {torch.float32}


@pytest.mark.parametrize(
    ("strategy", "settings", "is_restricted"),
    [("src+xattn", {}, True), ("src+body", {}, True), ("src+all", {}, False), ("scratch", {}, False),
     ("src+xattn", {"full_softmax": True}, False)],
)  # fmt: skip
def test_the_softmax_runs_over_the_pieces_that_occur(
    parent: Parent,
    strategy: str,
    settings: dict[str, Any],
    is_restricted: bool,
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(loop, "_FEWEST_PIECES", 1)
    short = ParallelCorpus(
        ["Hund rot"] * 40 + ["Katze"] * 20, ["red dog"] * 40 + ["cat"] * 20, "de", "en", "short"
    )
    settings = TrainingSettings(max_epochs=1, precision="fp32", **settings)
    new = NewLanguages(source="de", strategy=strategy)
    data = DataSettings(cleaning=CleaningSettings(enabled=False))
    record = adapt(
        parent, short, short.rows(range(4)), new=new, training=settings, data=data
    ).manifest.training
    assert ("output_pieces" in record) == is_restricted
    if is_restricted:
        expected = {each for text in ("red dog", "cat") for each in parent.target.encode(text)}
        assert record["output_pieces"] == len(expected)
