"""The tensors of a merged checkpoint: every name, the right rows, in files of a bounded size."""

from __future__ import annotations

import json

import pytest
import safetensors.torch
import torch

import families
import parents
from crosslate.export.plain_model import PlainModel
from crosslate.export.plain_tokenizers import PlainSide
from crosslate.models import padded
from crosslate.packs.compose import apply_packs, pack_child


@pytest.fixture(scope="module", autouse=True)
def _one_thread():
    with families.one_thread():
        yield


def plain(family: str, dtype: torch.dtype = torch.float32, **sizes: int) -> PlainModel:
    """The plain model of a child with new sides of the given sizes."""
    parent = parents.parent(family)
    strategy = {("source",): "src", ("target",): "tgt", ("source", "target"): "src+tgt+xattn"}[tuple(sizes)]
    child = parents.shake(parents.child(parent, strategy, **sizes))
    child = apply_packs(parent, [pack_child(child)])
    return PlainModel(child, PlainSide(child.source), PlainSide(child.target), dtype)


def test_marian_has_a_size_for_each_side():
    model = plain("marian-shared", source=45)
    assert (model.config.vocab_size, model.config.decoder_vocab_size) == (45, 41)
    assert model.config.share_encoder_decoder_embeddings is False
    assert "model.shared.weight" not in model.tensors.tensors
    assert model.tensors.tensor("model.encoder.embed_tokens.weight").shape[0] == 45
    assert (
        model.tensors.tensor("lm_head.weight").shape[0]
        == model.tensors.tensor("final_logits_bias").shape[1]
        == 41
    )


@pytest.mark.parametrize("family", ["mbart", "t5", "umt5"])
def test_other_families_get_as_many_rows_on_both_sides(family):
    model = plain(family, source=45, target=40)
    tables = [
        name
        for name in model.tensors.tensors
        if "embed_tokens" in name or "shared" in name or "lm_head" in name
    ]
    assert len(tables) == 4
    assert {model.tensors.tensor(name).shape[0] for name in tables} == {45}
    assert model.config.vocab_size == 45 and model.num_own_rows == {"source": 45, "target": 40}
    # T5's configurations tie whatever they are told; what it says decides about scales.
    assert model.config.tie_word_embeddings is (family != "mbart")
    assert not model.tensors.tensor("lm_head.weight")[40:].any()


def test_a_bias_keeps_rows_of_padding_from_being_generated():
    model = plain("mbart", target=40)
    bias = model.tensors.tensor("final_logits_bias")
    assert model.masks_padding and bias.shape == (1, 41) and bias[0, 40] == -torch.inf
    assert bias[0, :40].isfinite().all()
    assert not plain("t5", target=40).masks_padding


def test_rows_in_another_order():
    parent = parents.parent("marian-separate")
    child = parents.child(parent, "src", source=45)
    child = apply_packs(parent, [pack_child(parents.shake(child))])
    order = (1, 0, *range(2, len(child.target)))
    model = PlainModel(child, PlainSide(child.source), PlainSide(child.target, order))
    live = child.model.lm_head.weight
    assert torch.equal(model.tensors.tensor("lm_head.weight")[:3], live[[1, 0, 2]])
    assert torch.equal(model.tensors.tensor("lm_head.weight")[len(order) :], live[len(order) :])


def test_files_of_a_bounded_size(tmp_path, monkeypatch):
    monkeypatch.setattr(padded, "SHARD_BYTES", 8_000)
    model = plain("mbart", torch.bfloat16, source=45)
    model.write(tmp_path)
    index = json.loads((tmp_path / "model.safetensors.index.json").read_text())
    assert set(index["weight_map"]) == set(model.tensors.tensors)
    stored = {}
    for file in sorted(set(index["weight_map"].values())):
        tensors = safetensors.torch.load_file(tmp_path / file)
        assert sum(tensor.nbytes for tensor in tensors.values()) <= 8_000
        stored |= tensors
    assert sum(tensor.nbytes for tensor in stored.values()) == index["metadata"]["total_size"]
    for name, tensor in stored.items():
        assert torch.equal(tensor, model.tensors.tensor(name)), name
    assert json.loads((tmp_path / "config.json").read_text())["dtype"] == "bfloat16"
