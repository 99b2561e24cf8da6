"""A checkpoint that does not do what the packs do is not written; the reason is named."""

from __future__ import annotations

import dataclasses
import json

import pytest

import families
from crosslate.errors import PackError
from crosslate.export.plain_tokenizers import PlainTokenizers
from crosslate.models.padded import PlainTensors
from crosslate.models.parent import Parent
from crosslate.packs.pack import Pack
from plain_program import merge


@pytest.fixture(scope="module", autouse=True)
def _one_thread():
    with families.one_thread():
        yield


@pytest.fixture(scope="module")
def parent(tiny):
    return Parent.load(tiny / "parents" / "fr-en")


@pytest.fixture(scope="module")
def pack(tiny):
    return Pack.load(tiny / "packs" / "de-en")


def test_what_is_written(parent, pack, tmp_path):
    merged = tmp_path / "merged"
    merge(parent, [pack], merged, precision="float16")
    assert sorted(path.name for path in merged.iterdir()) == [
        "README.md", "config.json", "generation_config.json", "model.safetensors", "source.spm", "target.spm",
        "target_vocab.json", "tokenizer_config.json", "vocab.json",
    ]  # fmt: skip
    decoding = json.loads((merged / "generation_config.json").read_text())
    assert (decoding["num_beams"], decoding["renormalize_logits"]) == (5, True)
    special = pack.vocabularies["source"].special
    assert decoding["suppress_tokens"] == sorted({special.unk, special.pad})
    assert "max_length" not in decoding and decoding["max_new_tokens"] == 30  # of 32 positions
    card = (merged / "README.md").read_text(encoding="utf-8")
    assert "license: cc0-1.0" in card and "German (de) to English (en)" in card
    assert "\ntokenizer = AutoTokenizer.from_pretrained(folder)\nmodel" in card
    assert "float16: fr-en merged" in card and "base_model" not in card and str(parent.name) not in card


def test_a_merged_marian_checkpoint_is_a_parent_again(parent, pack, tmp_path):
    merge(parent, [pack], tmp_path / "merged")
    again = Parent.load(tmp_path / "merged")
    assert (again.source_language, again.target_language) == ("de", "en")
    assert again.source.has_pieces_of(pack.vocabularies["source"])


FC1 = "model.decoder.layers.0.fc1.weight"
VALUES = "model.decoder.layers.0.encoder_attn.v_proj.weight"


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("zeroed", "logits differ by"),
        ("missing", f"1 missing keys, first {FC1}"),
        ("unknown", "1 unexpected keys, first fc9"),
        ("swapped", "the tokenizer encodes .* differently"),
        ("damaged", r"transformers cannot load it \(.*Error"),
    ],
)
def test_a_checkpoint_that_differs_is_refused(parent, pack, tmp_path, monkeypatch, fault, message):
    write_tensors, write_files = PlainTensors.write, PlainTokenizers.write

    def damage_tensors(self, folder):
        tensors = dict(self.tensors)
        if fault == "zeroed":
            tensors[VALUES] = tensors[VALUES] * 0
        elif fault == "missing":
            del tensors[FC1]
        elif fault == "unknown":
            tensors["fc9"] = tensors[FC1]
        write_tensors(dataclasses.replace(self, tensors=tensors), folder)

    def damage_files(self, child, folder):
        write_files(self, child, folder)
        if fault == "damaged":
            (folder / "vocab.json").write_text("{")
        elif fault == "swapped":
            (folder / "vocab.json").write_bytes((folder / "target_vocab.json").read_bytes())

    monkeypatch.setattr(PlainTensors, "write", damage_tensors)
    monkeypatch.setattr(PlainTokenizers, "write", damage_files)
    with pytest.raises(
        PackError, match=f"(?s)no plain checkpoint was written.*export them to CTranslate2.*{message}"
    ):
        merge(parent, [pack], tmp_path / "merged")
    assert list(tmp_path.iterdir()) == []
