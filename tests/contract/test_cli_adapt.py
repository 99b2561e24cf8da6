"""``crosslate adapt``: options for less memory, and what cannot be is refused before the work."""

from __future__ import annotations

import toy_corpora
from crosslate.errors import EXIT_FAILED, EXIT_USAGE
from crosslate.models.parent import Parent
from crosslate.packs.pack import Pack


def arguments(tiny, folder, *more):
    train = toy_corpora.write(toy_corpora.corpus("de", "en"), folder / "text")
    valid = toy_corpora.write(toy_corpora.corpus("de", "en", 12, seed=1), folder / "text", "valid")
    options = ["--parent", tiny / "parents/fr-en", "--new-source", "de", "--vocab-size", 80, "--epochs", 1]
    return ["adapt", *options, "--train", *train, "--valid", *valid, "--out", folder / "de-en", *more]


def test_less_memory(crosslate, tiny, tmp_path):
    ran = crosslate(*arguments(tiny, tmp_path, "--frozen-dtype", "bfloat16", "--gradient-checkpointing"))
    assert ran.code == 0, ran.err
    manifest = Pack.load(tmp_path / "de-en").manifest
    assert (manifest.training["frozen"], manifest.training["gradient_checkpointing"]) == ("bfloat16", True)
    assert manifest.parent.fingerprint == Parent.load(tiny / "parents/fr-en").fingerprint()
    assert {record.dtype for record in manifest.tensors.values()} == {"float32"}


def test_what_cannot_be(crosslate, tiny, tmp_path):
    ran = crosslate(*arguments(tiny, tmp_path, "--frozen-dtype", "int8"))
    assert ran.code == EXIT_USAGE
    assert "frozen tensors cannot be held in 'int8'; known: float32, bfloat16" in ran.err
    ran = crosslate(*arguments(tiny, tmp_path, "--frozen-dtype", "bfloat16", "--precision", "fp32"))
    assert ran.code == EXIT_FAILED
    assert "the precision is fp32, but frozen tensors are held in bfloat16" in ran.err
    ran = crosslate(*arguments(tiny, tmp_path, "--shard-frozen"))
    assert ran.code == EXIT_FAILED and "start several with accelerate launch" in ran.err
    assert not (tmp_path / "de-en").exists()
