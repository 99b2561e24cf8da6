"""``crosslate adapt`` and ``parent train``: options, files of settings, and refusals before the work."""

from __future__ import annotations

import json

import pytest
import yaml

import toy_corpora
from crosslate.errors import EXIT_FAILED, EXIT_INPUT, EXIT_USAGE
from crosslate.models.parent import Parent
from crosslate.packs.pack import Pack


@pytest.fixture(scope="module")
def texts(tmp_path_factory):
    return toy_corpora.options(tmp_path_factory.mktemp("text"), "de", "en")


@pytest.fixture
def adapt(crosslate, tiny, texts, tmp_path):
    """``adapt(*more)`` runs the command for a single epoch; its pack goes to ``de-en``."""

    def run(*more):
        return crosslate(
            "adapt", "--parent", tiny / "parents/fr-en", "--new-source", "de", "--vocab-size", 80, *texts,
            "--precision", "fp32", "--out", tmp_path / "de-en", "--epochs", 1, *more,
        )  # fmt: skip

    return run


def test_less_memory(adapt, tiny, tmp_path):
    less = ("--frozen-dtype", "bfloat16", "--gradient-checkpointing", "--precision", "bf16")
    ran = adapt(*less, "--strategy", "src+xattn")
    assert ran.code == 0, ran.err
    assert ran.lines[0].startswith(
        "pack de-en: 13.7 kB of tensors, 28.1 % of the parameters of a full model (98.0 kB), bleu "
    )
    manifest = Pack.load(tmp_path / "de-en").manifest
    assert manifest.training["frozen"] == "bfloat16"
    assert manifest.training["settings"]["gradient_checkpointing"] is True
    assert manifest.parent.fingerprint == Parent.load(tiny / "parents/fr-en").fingerprint()
    types = {(record.dtype, record.child_dtype) for record in manifest.tensors.values()}
    assert types == {("bfloat16", "float32")}  # as stored, and in the child


@pytest.mark.parametrize(
    ("more", "start", "words"),
    [
        ((), "mean", None),
        (("--strategy", "scratch"), "random", None),
        (("--preset", "paper"), "random", None),
        (("--initial-embeddings", "aligned"), "aligned", 1),
        (("--initial-embeddings", "dictionary", "--dictionary", "de-fr.txt"), "dictionary", 2),
    ],
)
def test_where_embeddings_start(adapt, tmp_path, monkeypatch, more, start, words):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "de-fr.txt").write_text("hund chien\nkatze chat\n", encoding="utf-8")
    ran = adapt(*more)
    assert ran.code == 0, ran.err
    record = Pack.load(tmp_path / "de-en").manifest.training["initial_embeddings"]
    assert record["method"] == start
    if words:
        assert record["words"] == {"source": words} and record["rows"]["source"][start] >= words
        assert sum(record["rows"]["source"].values()) == 80


def test_the_effort_sets_what_is_not_given(adapt, tmp_path, caplog):
    caplog.set_level("INFO", "crosslate")
    ran = adapt("--effort", "fast", "--schedule", "linear", "--set", "ema_decay=0.5")
    assert ran.code == 0, ran.err
    assert (
        "src+xattn: at most 1 epoch, linear schedule after 100 updates of warm-up, patience off, moving "
        "average 0.5\n"
    ) in caplog.text
    manifest = Pack.load(tmp_path / "de-en").manifest
    assert manifest.strategy == "src+xattn"
    assert manifest.training["effort"] == "fast"
    assert manifest.training["settings"]["ema_decay"] == 0.5


@pytest.mark.parametrize(
    ("more", "strategy", "meaning"),
    [
        ((), "src+xattn+low-rank(enc,dec;rank=32)", "effort default: at most 15 epochs of at least 50 updates, inve"),
        (("--effort", "best"), "src+xattn+low-rank(enc,dec;rank=32)", "effort best: at most 30 epochs of at least 100"),
        (("--effort", "fast"), "src+xattn", "effort fast: at most 5 epochs of at least 100 updates, cosine schedule"),
        (("--effort", "fast", "--strategy", "src"), "src", "effort fast: at most 5 epochs"),
        (("--effort", "fast", "--side", "target"), "tgt+xattn", "effort fast: at most 5 epochs"),
    ],
)  # fmt: skip
def test_plan_says_what_an_effort_means(crosslate, tiny, more, strategy, meaning):
    ran = crosslate("plan", "--parent", tiny / "parents/fr-en", *more)
    assert ran.code == 0, ran.err
    assert ran.lines[0].startswith(f"{strategy} on ")
    assert ran.lines[-1].startswith(meaning)


def test_terms_are_learnt_and_used(adapt, crosslate, tiny, tmp_path):
    saved = tmp_path / "adapt.yaml"
    ran = adapt("--learn-terms", "--term-share", 0.25, "--vocab-size", 100, "--save-config", saved)
    assert ran.code == 0, ran.err
    assert ", terms learnt from 60 annotated pairs, saved to " in ran.out
    assert yaml.safe_load(saved.read_text(encoding="utf-8"))["terms"] == {"learn": True, "share": 0.25}
    manifest = Pack.load(tmp_path / "de-en").manifest
    assert manifest.data["annotated"]["share"] == 0.25
    shown = crosslate("pack", "show", tmp_path / "de-en").out
    assert "terms learnt from 60 annotated pairs, 20 in each epoch" in shown
    terms = tmp_path / "terms.tsv"
    terms.write_text("Hund\tgreen man\n", encoding="utf-8")
    with_terms = "--pack", tmp_path / "de-en", "--parent", tiny / "parents/fr-en", "--glossary", terms
    short = "--beam", 2, "--max-new-tokens", 8
    ran = crosslate("translate", *with_terms, *short, stdin=b"Der Hund\n\nKind\n")
    assert ran.code == 0, ran.err
    assert len(ran.lines) == 3 and "green man" in ran.lines[0].lower()


def test_a_saved_configuration_gives_the_same_pack_and_options_win_over_it(adapt, crosslate, tmp_path):
    saved = tmp_path / "adapt.yaml"
    ran = adapt("--set", "weight_decay=1e-2", "--save-config", saved, "--no-cleaning")
    assert ran.code == 0, ran.err
    values = yaml.safe_load(saved.read_text(encoding="utf-8"))
    assert values["new"] == {"source": "de"}
    assert values["training"] == {"max_epochs": 1, "precision": "fp32", "weight_decay": 0.01}
    assert values["data"]["cleaning"] == {"enabled": False}
    ran = crosslate("adapt", "--config", saved, "--out", tmp_path / "again", "--name", "again")
    assert ran.code == 0, ran.err
    first, second = (tmp_path / name / "weights.safetensors" for name in ("de-en", "again"))
    assert first.read_bytes() == second.read_bytes()
    assert Pack.load(tmp_path / "again").manifest.name == "again"


def test_faults_of_a_configuration_come_together(crosslate, tmp_path):
    config = tmp_path / "adapt.yaml"
    config.write_text(
        "parent: p\ntrain: [a, b]\nnew: {sauce: de}\ntraining: {max_epochs: x}\n", encoding="utf-8"
    )
    ran = crosslate("adapt", "--config", config, "--patience", -1)
    assert ran.code == EXIT_USAGE
    assert ran.err.splitlines() == [
        f"crosslate: cannot use {config} and the options, 4 faults:",
        "  - training.max_epochs is 'x', expected a whole number",
        "  - --patience is -1, expected 0 or more",
        "  - unknown key new.sauce; did you mean 'source'?",
        "  - output.folder is missing",
    ]


@pytest.mark.parametrize(
    ("more", "code", "message"),
    [
        (("--frozen-dtype", "int8"), EXIT_USAGE, "--frozen-dtype is 'int8', expected 'float32' or 'bfloat16'"),
        (("--frozen-dtype", "bfloat16"), EXIT_FAILED, "the precision is fp32, but frozen tensors are held in bf"),
        (("--shard-frozen",), EXIT_FAILED, "start several with accelerate launch"),
        (("--initial-embeddings", "median"), EXIT_USAGE, "--initial-embeddings: unknown initial embeddings 'median'"),
        (("--initial-embeddings", "dictionary"), EXIT_USAGE, "0 dictionaries are given, expected 1"),
        (("--vocabulary", "joint"), EXIT_USAGE, "--vocabulary is 'joint', expected 'separate' or 'appended'"),
        (("--related", "fr"), EXIT_USAGE, "the related language 'fr' has no effect"),
        (("--term-share", "0.5"), EXIT_USAGE, "a share of annotated pairs is given, but no terms are to be learnt"),
        (("--learn-terms", "--strategy", "embed+xattn"), EXIT_INPUT, "stays, but it spells only 0 of the signs"),
        (("--set", "weight_decai=1"), EXIT_USAGE, "unknown key training.weight_decai; did you mean 'weight_decay'?"),
        (("--set", "weight_decay"), EXIT_USAGE, "expected NAME=VALUE"),
        (("--effort", "bset"), EXIT_USAGE, "--effort is 'bset', expected 'fast', 'default' or 'best'; did you mean 'best'?"),
        (("--effort", "best", "--preset", "paper"), EXIT_USAGE, "leave one of the two out"),
        (("--epochs", "-1", "--seed", "-1"), EXIT_USAGE, "2 faults:\n  - --epochs is -1, expected 0 or more"),
        (("--train", "more.de"), EXIT_USAGE, "3 files given for a corpus"),
    ],
)  # fmt: skip
def test_what_cannot_be(adapt, tmp_path, more, code, message):
    ran = adapt(*more)
    assert ran.code == code and message in ran.err
    assert not (tmp_path / "de-en").exists()


def test_a_parent_is_trained_and_shown(crosslate, texts, tmp_path):
    out = tmp_path / "de-en"
    options = ("--langs", "de-en", *texts, "--out", out, "--size", "1,32,2,64", "--vocab-size", 80)
    ran = crosslate("parent", "train", *options, "--updates", 2, "--precision", "fp32", "--dropout", 0)
    assert ran.code == 0, ran.err
    assert ran.lines[0].startswith("parent de-en: ") and ran.lines[0].endswith(f" saved to {out}")
    record = json.loads((out / "crosslate.json").read_text(encoding="utf-8"))
    assert record["training"]["updates"] == 2 and record["training"]["settings"]["dropout"] == 0.0
    assert any(line.startswith("validation bleu ") for line in crosslate("parent", "show", out).lines)
    ran = crosslate("parent", "train", "--size", "big", "--langs", "de")
    assert (
        ran.code == EXIT_USAGE
        and "--train is missing" in ran.err
        and "'de' is not a language pair" in ran.err
    )
