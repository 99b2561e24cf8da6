"""Parents held in bfloat16 where frozen: known by the same fingerprint, with packs of the same types."""

import pytest
import torch

import parents
from crosslate.engines.decoding import DecodingOptions
from crosslate.engines.pytorch import TorchEngine
from crosslate.errors import ParentError, StrategyError, UsageError
from crosslate.models.initialisers.initial_embeddings import InitialEmbeddings, TranslatedWord
from crosslate.models.strategies import parse_strategy
from crosslate.models.tensors import is_mixed, named_tensors
from crosslate.packs.compact import compressed
from crosslate.packs.compose import apply_packs, pack_child
from plain_program import merge

FAMILIES = ["marian-separate", "mbart", "m2m100", "t5", "fsmt"]


def lowered(family, keep=("xattn",)):
    parent = parents.parent(family)
    parent.lower(keep)
    return parent


def child_of(parent, strategy="src+xattn", **options):
    return parents.shake(parents.child(parent, strategy, source=44, **options))


@pytest.mark.parametrize("family", FAMILIES)
def test_what_is_lowered(family):
    parent = lowered(family)
    types = {name: tensor.dtype for name, tensor in named_tensors(parent.model)}
    groups = parent.anatomy.groups
    assert is_mixed(parent.model) and not is_mixed(parents.parent(family).model)
    for name, tensor in named_tensors(parent.model):
        is_norm_or_bias = tensor.dim() < 2 or name == "final_logits_bias"
        if groups.get(name) == "xattn" or is_norm_or_bias or name in parent.anatomy.constant:
            assert types[name] == torch.float32, name
    body = [name for name in types if groups.get(name) in ("enc", "dec") and name.endswith("weight")]
    matrices = [name for name in body if dict(named_tensors(parent.model))[name].dim() == 2]
    in_bf16 = [name for name in matrices if types[name] == torch.bfloat16]
    assert len(in_bf16) >= 20 and {
        name for name in parent.anatomy.vocabulary if types[name] == torch.float32
    } <= {"final_logits_bias"}
    assert set(matrices) - set(in_bf16) <= {name for name in matrices if "relative" in name}


@pytest.mark.parametrize("family", FAMILIES)
def test_it_is_known_as_it_was(family):
    plain, parent = parents.parent(family), lowered(family)
    assert parent.fingerprint() == plain.fingerprint()
    with torch.no_grad():
        name, tensor = next((n, t) for n, t in parent.model.named_parameters() if t.dtype == torch.bfloat16)
        tensor[0, 0] += 1
    assert parent.fingerprint() != plain.fingerprint(), name


@pytest.mark.parametrize("family", FAMILIES)
def test_packs_hold_the_parent_s_types(family):
    plain, parent = parents.parent(family), lowered(family)
    child = child_of(parent)
    trained = list(parents.trained(child).values())
    assert trained and all(tensor.dtype == torch.float32 for tensor in trained)
    own = dict(named_tensors(parent.model))
    frozen = [name for name, tensor in named_tensors(child.model) if own.get(name) is tensor]
    assert sum(own[name].dtype == torch.bfloat16 for name in frozen) >= 20  # aliased, not copied
    pack = pack_child(child)
    assert {tensor.dtype for tensor in pack.tensors.values()} == {torch.float32}
    assert pack.manifest.parent.fingerprint == plain.fingerprint()
    expected = pack_child(child_of(plain)).tensors
    assert all(torch.equal(pack.tensors[name], expected[name]) for name in expected)
    # Each goes onto the other, also where the parent's own tensor is lowered.
    assert apply_packs(plain, [pack]).source_language == "de"
    everything = parents.parent(family)
    everything.lower(())
    again = apply_packs(everything, [pack])
    assert torch.equal(
        dict(named_tensors(again.model))[next(iter(pack.tensors))], next(iter(pack.tensors.values()))
    )


@pytest.mark.parametrize("family", FAMILIES)
def test_it_computes_what_rounded_weights_compute(family):
    parent, rounded = lowered(family), parents.parent(family)
    with torch.no_grad():
        for name, tensor in named_tensors(rounded.model):
            if dict(named_tensors(parent.model))[name].dtype == torch.bfloat16:
                tensor.copy_(tensor.to(torch.bfloat16))
    inputs = parents.batch(parent.source, parent.target)
    with torch.autocast("cpu", torch.bfloat16):
        found, wanted = (parents.logits(each.model, inputs) for each in (parent, rounded))
    torch.testing.assert_close(found.float(), wanted.float(), rtol=0.02, atol=0.02)
    texts = parents.TEXT[:2]
    assert len(TorchEngine(parent).translate(texts, DecodingOptions(beam_size=1))) == 2


@pytest.mark.parametrize("strategy", ["src+xattn", "src+lora", "src+ia3"])
def test_training_what_was_rounded_is_refused(strategy):
    parent = lowered("mbart", keep=())
    with pytest.raises(
        StrategyError, match=r"held in lower precision; .* keep (xattn|enc|dec) in full precision"
    ):
        child_of(parent, strategy)
    # Random values instead of the parent's do not matter.
    child = child_of(parent, "src+randxattn")
    assert {each.dtype for each in parents.trained(child).values()} == {torch.float32}


def test_what_needs_the_parent_s_own_values_is_refused(tmp_path):
    parent = lowered("marian-separate")
    pack = pack_child(child_of(parent))
    with pytest.raises(UsageError, match="held in lower precision already; load it again"):
        parent.lower(())
    with pytest.raises(ParentError, match="it is not saved; copy its folder"):
        parent.save(tmp_path / "parent")
    with pytest.raises(ParentError, match=r"cannot merge into .* load the parent again"):
        merge(parent, [pack], tmp_path / "merged")
    with pytest.raises(ParentError, match="deltas would be inexact; load the parent again"):
        compressed(pack, parent, rank=2)


def test_slices_of_heads_lie_in_the_rounded_tensor():
    plain = parents.parent()
    pack = pack_child(child_of(plain, "src+xattn[heads=0:1]"))
    parent = lowered("marian-separate", keep=())
    name = "model.decoder.layers.0.encoder_attn.q_proj.weight"
    whole = dict(named_tensors(apply_packs(parent, [pack]).model))[name]
    assert torch.equal(whole[8:], pack.tensors[name])
    assert torch.equal(whole[:8], dict(named_tensors(plain.model))[name][:8].to(torch.bfloat16).float())


@pytest.mark.parametrize(
    "family", ["marian-separate", *(pytest.param(each, marks=pytest.mark.full) for each in ("mbart", "t5"))]
)
@pytest.mark.parametrize(
    "strategy", ["src+adapters", "src+prefix", "src+lora", "src+lora[attention]", "src+ia3", "src+all"]
)
def test_rivals_on_a_lowered_parent(family, strategy):
    """Added modules and forms have the type that the parent had, so their packs go onto anybody's parent."""
    plain, parent = parents.parent(family), parents.parent(family)
    parent.lower(parse_strategy(strategy).precise_groups)
    assert is_mixed(parent.model) == (strategy != "src+all" or family == "marian-separate")
    pack = pack_child(child_of(parent, strategy))
    assert {tensor.dtype for tensor in pack.tensors.values()} == {torch.float32}
    for each in (plain, parent):
        model = apply_packs(each, [pack])
        assert TorchEngine(model).translate(["der Hund"], DecodingOptions(beam_size=1, max_new_tokens=4))


@pytest.mark.parametrize("method", ["mean", "copied", "dictionary"])
def test_new_rows_start_from_rounded_ones(method):
    words = {"source": [TranslatedWord("Hund", ("der",), 1.0)]} if method == "dictionary" else {}
    tables = []
    for parent in (parents.parent(), lowered("marian-separate")):
        child = parents.child(parent, source=44, initial=InitialEmbeddings(method, words))
        tables.append(child.model.get_encoder().get_input_embeddings().weight)
    assert tables[1].dtype == torch.float32
    assert torch.allclose(tables[0], tables[1], rtol=0.01, atol=1e-3)
