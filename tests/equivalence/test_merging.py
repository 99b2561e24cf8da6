"""Packs of every family, merged: the program of the README translates with transformers alone as the packs do."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import safetensors.torch
import torch
import transformers

import hub_folders
import parents
import plain_program
import support
from crosslate.engines.decoding import DecodingOptions
from crosslate.engines.pytorch import TorchEngine
from crosslate.models.tensors import unsaved_names
from crosslate.packs.compose import apply_packs, pack_child

NUM_NEW = 12
OPTIONS = DecodingOptions(max_new_tokens=NUM_NEW)
FRENCH = [line for line in hub_folders.lines() if len(line) < 45][:8]


def limited(folder: Path) -> Path:
    """The same folder, with a limit of length: random models do not stop by themselves."""
    path = folder / "generation_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"max_new_tokens": NUM_NEW}))
    return folder


def translated(model, texts: list[str], merged: Path) -> list[str]:
    """What the packs translate to, without what the target's own tokenizer never shows (T5's sentinels)."""
    place = plain_program.writing_tokenizer(merged)
    tokenizer = transformers.AutoTokenizer.from_pretrained(merged, subfolder=place)
    hidden = set(tokenizer.all_special_tokens)
    return [
        model.target.decode_pieces([piece for piece in best.pieces if piece not in hidden])
        for (best,) in TorchEngine(model).translate(texts, OPTIONS)
    ]


def texts_for(side: str) -> list[str]:
    return FRENCH if side == "target" else [*parents.TEXT, *parents.TEXT[0].split()]


# One new side is merged below in the default run, with one tokenizer and with two.
@pytest.mark.parametrize(
    "side", [*(pytest.param(each, marks=pytest.mark.full) for each in ("source", "target")), "both"]
)
def test_a_merged_checkpoint_translates_as_its_pack(case, side, tmp_path):
    parent = case.parent
    before = parent.fingerprint()
    pack = pack_child(hub_folders.shaken_child(parent, side))
    merged = tmp_path / "merged"
    plain_program.assert_alike(plain_program.merge(parent, [pack], merged))
    number = "two" if plain_program.writing_tokenizer(merged) else "one"
    assert number == support.FAMILIES[case.name].tokenizers[side]
    expected = translated(apply_packs(parent, [pack]), texts_for(side), merged)
    assert len(set(expected)) >= 2  # the source matters
    assert plain_program.run(limited(tmp_path / "merged"), texts_for(side)) == expected
    assert parent.fingerprint() == before


def test_the_tensors_are_the_childs(case, tmp_path):
    """In half precision every tensor is the child's, rounded, and rows beyond a vocabulary are never chosen."""
    child = hub_folders.shaken_child(case.parent, "target")
    plain_program.merge(case.parent, [pack_child(child)], tmp_path / "merged", precision="float16")
    stored = safetensors.torch.load_file(tmp_path / "merged" / "model.safetensors")
    again = transformers.AutoModelForSeq2SeqLM.from_pretrained(tmp_path / "merged")
    assert {tensor.dtype for tensor in stored.values()} == {torch.float16}
    assert again.dtype == torch.float16
    live = child.model.state_dict()
    vocabulary = case.parent.anatomy.vocabulary
    for name in live.keys() - vocabulary.keys() - unsaved_names(child.model):
        assert torch.equal(stored[name], live[name].half()), name
    for name, (side, axis) in vocabulary.items():
        number = live[name].shape[axis]
        kept = stored[name].narrow(axis, 0, number)
        if case.name not in support.REORDERED or side == "target":
            assert torch.equal(kept, live[name].half()), name
        else:
            assert torch.equal(kept.sum(axis).float(), live[name].half().sum(axis).float()), name


def test_a_checkpoint_without_a_new_side(case, tmp_path):
    """A pack of ``embed+xattn`` keeps both vocabularies: the parent's own tokenizer does all of it."""
    pack = pack_child(hub_folders.shaken_child(case.parent, "none"))
    merged = tmp_path / "merged"
    plain_program.merge(case.parent, [pack], merged)
    assert not plain_program.writing_tokenizer(merged)
    expected = translated(apply_packs(case.parent, [pack]), FRENCH, merged)
    assert plain_program.run(limited(tmp_path / "merged"), FRENCH) == expected


def test_without_crosslate(load_case, tmp_path):
    """As a user does it who never heard of Crosslate, in a process of their own."""
    expected, programs = [], []
    for name, side in (("marian", "source"), ("nllb", "target"), ("umt5", "both")):
        parent = load_case(name).parent
        pack = pack_child(hub_folders.shaken_child(parent, side))
        merged = tmp_path / f"merged-{name}"
        plain_program.merge(parent, [pack], merged)
        expected += translated(apply_packs(parent, [pack]), FRENCH, merged)
        programs.append(plain_program.program_of(limited(merged)))
    program = "\n".join(
        [
            "import io, sys",
            "sys.modules['crosslate'] = None",
            *(f"sys.stdin = io.StringIO({chr(10).join(FRENCH)!r})\n{each}" for each in programs),
        ]
    )
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True, text=True, encoding="utf-8", check=False, env=environment,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == expected


def test_a_composed_child(load_case, tmp_path):
    """German to German of a source pack and a target pack: nobody trained it, one tokenizer reads it."""
    parent = load_case("mbart").parent
    packs = [pack_child(hub_folders.shaken_child(parent, side)) for side in ("source", "target")]
    merged = tmp_path / "merged"
    plain_program.merge(parent, packs, merged)
    assert not plain_program.writing_tokenizer(merged)
    texts = list(parents.TEXT)
    expected = translated(apply_packs(parent, packs), texts, merged)
    assert plain_program.run(limited(tmp_path / "merged"), texts) == expected
