"""Anatomy: what belongs where in each family, stated by hand; what is refused; what stays untouched."""

from __future__ import annotations

import functools
import re

import pytest
import torch
import transformers
from torch import nn

import families
from crosslate.errors import AnatomyError
from crosslate.models.anatomy.anatomy import Anatomy
from crosslate.models.tensors import unsaved_names


@functools.cache
def _examined(family: str) -> tuple[nn.Module, Anatomy]:
    """A model and its anatomy, shared by the tests that only read them."""
    model = families.build(family)
    return model, Anatomy.of(model)


REFUSED = "t5gemma2"
FAMILIES = [name for name in families.names() if name != REFUSED]

# What families call the parts of the paper's groups; everything else belongs to its side's layers.
DECODER = r"(model\.|prophetnet\.|led\.)?(text_)?decoder\."
CROSS_ATTENTION = (
    r"encoder_attn|EncDecAttention|crossattention|cross_attention|cross_attn|enc_to_dec_proj"
    r"|^decoder\.block\.\d\.layer\.1\.layer_norm"  # T5's norm is named after its place
)
OUTPUT = (
    r"^lm_head|proj_out|final_logits_bias|output_projection|predictions\.(bias|decoder)"
    r"|decoder\.lm_head\.(bias|weight|decoder)"  # not the transform of RoBERTa's head
)
EMBEDDINGS = (
    r"embed_tokens|embed_positions|embed_global|layernorm_embedding|word_embeddings|\bposition_embeddings"
    r"|token_type_embeddings|ngram_embeddings|embeddings\.LayerNorm|embeddings_layer_norm|wte|wpe"
)
SIGNALS = (
    r"encoder\.conv|groupnorm|feature_extractor|feature_projection|pos_conv_embed|masked_spec_embed|cls_token"
    r"|patch_embeddings"
)
ODD = {
    # Named like the norm on the embeddings, but it runs last.
    ("bigbird-pegasus", "model.encoder.layernorm_embedding"): "enc",
    ("bigbird-pegasus", "model.decoder.layernorm_embedding"): "dec",
    ("moonshine", "model.decoder.layers.0.post_attention_layernorm"): "xattn",
    ("moonshine", "model.decoder.layers.1.post_attention_layernorm"): "xattn",
    # wav2vec 2.0's norm after its positions, before its layers.
    ("speech-encoder-decoder", "encoder.encoder.layer_norm"): "src",
}


def _expected_group(family: str, name: str) -> str:
    if odd := ODD.get((family, name.rpartition(".")[0])):
        return odd
    if re.search(CROSS_ATTENTION, name):
        return "xattn"
    if re.search(OUTPUT, name):
        return "tgt"
    is_decoder = bool(re.match(DECODER, name))
    if re.search(EMBEDDINGS, name) or (not is_decoder and re.search(SIGNALS, name)):
        return "tgt" if is_decoder else "src"
    return "dec" if is_decoder else "enc"


def test_every_family_is_known_or_refused():
    assert len(families.names()) == 38
    with pytest.raises(AnatomyError) as refusal:
        Anatomy.of(families.build(REFUSED))
    message = str(refusal.value)
    assert "no tensors of its own" in message and "merged attention" in message
    assert "decoder.layers.0.self_attn.k_proj" in message and "T5Gemma is the nearest" in message


@pytest.mark.parametrize("family", FAMILIES)
def test_tensors_are_in_the_group_that_their_names_say(family):
    _, anatomy = _examined(family)
    assert anatomy.groups == {name: _expected_group(family, name) for name in anatomy.groups}
    assert set(anatomy.groups.values()) == {"src", "tgt", "enc", "dec", "xattn"}


@pytest.mark.parametrize("family", FAMILIES)
def test_roles_layers_and_heads_agree_with_what_the_projections_are_called(family):
    _, anatomy = _examined(family)
    assert anatomy.heads == 2
    spelt = {"q": "q", "k": "k", "v": "v", "o": "o", "query": "q", "key": "k", "value": "v", "dense": "o"}
    spelt |= {"out": "o", "q_attn": "q", "c": "o"}  # GPT-2's c_proj
    for name in anatomy.names("xattn"):
        if name.startswith("enc_to_dec_proj") or ".c_attn." in name:
            assert name not in anatomy.projections and name not in anatomy.head_axis
            continue
        module = name.split(".")[-2]
        expected = "norm" if "norm" in module.lower() else spelt.get(module.removesuffix("_proj"))
        expected = "norm" if module == "ln_cross_attn" else expected
        assert (name, anatomy.projections.get(name)) == (name, expected)
        assert anatomy.layers[name] == int(re.search(r"\.(?:layers|layer|block|h)\.(\d+)\.", name)[1])
    assert set(anatomy.layers.values()) == {0, 1}


def test_one_table_for_both_sides_is_an_alias_and_its_names_are_tied():
    model = families.build("marian-shared")
    anatomy = Anatomy.of(model)
    sides = ("model.encoder.embed_tokens.weight", "model.decoder.embed_tokens.weight", "lm_head.weight")
    assert anatomy.aliases == {"model.shared.weight": sides}
    assert anatomy.ties == (("model.shared.weight", *sides),)
    assert "model.shared.weight" in anatomy.parameters and "model.shared.weight" not in anatomy.groups
    # 41 x 16 table (counted once, in src) and 64 x 16 positions; the logits' bias is a buffer.
    counts = anatomy.counts(model)
    assert counts["src"] == 41 * 16 + 64 * 16 and counts["tgt"] == 64 * 16
    assert sum(counts.values()) == sum(parameter.numel() for parameter in model.parameters())


def test_counts_of_a_model_with_two_vocabularies():
    model = families.build("marian-separate")
    attention, norm, feed_forward = 4 * (16 * 16 + 16), 2 * 16, 16 * 24 + 24 + 24 * 16 + 16
    assert Anatomy.of(model).counts(model) == {
        "src": 41 * 16 + 64 * 16,
        "tgt": 37 * 16 + 64 * 16,
        "enc": 2 * (attention + feed_forward + 2 * norm),
        "dec": 2 * (attention + feed_forward + 2 * norm),
        "xattn": 2 * (attention + norm),
    }


@pytest.mark.parametrize(
    ("family", "source", "target"),
    [
        ("marian-separate", ["model.encoder.embed_tokens.weight"], ["model.decoder.embed_tokens.weight", "lm_head.weight"]),
        (
            "bert2bert", ["encoder.embeddings.word_embeddings.weight"],
            [
                "decoder.bert.embeddings.word_embeddings.weight", "decoder.cls.predictions.bias",
                "decoder.cls.predictions.decoder.weight", "decoder.cls.predictions.decoder.bias",
            ],
        ),
        # FSMT's positions are looked up by the same ids, but are no token embeddings.
        (
            "fsmt", ["model.encoder.embed_tokens.weight"],
            ["model.decoder.embed_tokens.weight", "model.decoder.output_projection.weight"],
        ),
        ("whisper", [], ["model.decoder.embed_tokens.weight", "proj_out.weight"]),
    ],
)  # fmt: skip
def test_tensors_with_a_vocabulary_axis(family, source, target):
    found = dict(_examined(family)[1].vocabulary)
    assert found.pop("final_logits_bias", None) == (("target", 1) if family.startswith("marian") else None)
    assert found == dict.fromkeys(source, ("source", 0)) | dict.fromkeys(target, ("target", 0))


def test_a_vocabulary_as_large_as_the_model_is_wide_confuses_nothing():
    anatomy = Anatomy.of(families.build("mbart", vocab_size=16))
    assert anatomy.groups["model.decoder.layer_norm.weight"] == "dec"
    assert anatomy.groups["model.decoder.layers.1.fc2.bias"] == "dec"
    assert anatomy.vocabulary["final_logits_bias"] == ("target", 1)
    assert len(anatomy.vocabulary) == 4
    head = Anatomy.of(families.build("bert2bert", vocab_size=16))
    assert head.groups["decoder.cls.predictions.transform.dense.bias"] == "dec"
    assert head.groups["decoder.cls.predictions.bias"] == "tgt"


def test_head_axes_slice_out_one_head_of_each_projection():
    block = "model.decoder.layers.0.encoder_attn."
    axes = {name: axis for name, axis in _examined("bart")[1].head_axis.items() if ".layers.0." in name}
    assert axes == {f"{block}out_proj.weight": 1} | {
        f"{block}{role}_proj.{leaf}": 0 for role in "qkv" for leaf in ("weight", "bias")
    }
    transposed = _examined("bert2gpt2")[1].head_axis
    block = "decoder.transformer.h.0.crossattention"
    assert [transposed.get(f"{block}.{name}") for name in ("q_attn.weight", "q_attn.bias")] == [1, 0]
    assert [transposed.get(f"{block}.{name}") for name in ("c_proj.weight", "c_proj.bias")] == [0, None]
    # One key-value head serves both query heads of this T5Gemma: it is nobody's own.
    grouped = _examined("t5gemma")[1].head_axis
    assert {name.split(".")[-2] for name in grouped} == {"q_proj", "o_proj"}


def test_keys_and_values_are_told_apart_by_what_they_do():
    model = families.build("bart")
    for layer in model.model.decoder.layers:
        block = layer.encoder_attn

        renamed = {"k_proj": property(lambda self: self._modules["v_proj"])}
        renamed["v_proj"] = property(lambda self: self._modules["k_proj"])
        block.__class__ = type("Swapped", (type(block),), renamed)
    roles = Anatomy.of(model).projections
    assert roles["model.decoder.layers.1.encoder_attn.k_proj.weight"] == "v"
    assert roles["model.decoder.layers.1.encoder_attn.v_proj.weight"] == "k"


def test_twelve_layers_keep_layer_1_and_layer_10_apart():
    anatomy = Anatomy.of(families.build("mbart", encoder_layers=12, decoder_layers=12))
    assert {layer: list(anatomy.layers.values()).count(layer) for layer in range(12)} == dict.fromkeys(
        range(12), 10
    )
    for layer in range(12):
        assert anatomy.layers[f"model.decoder.layers.{layer}.encoder_attn_layer_norm.weight"] == layer
        assert anatomy.projections[f"model.decoder.layers.{layer}.encoder_attn.v_proj.bias"] == "v"
        assert anatomy.groups[f"model.encoder.layers.{layer}.final_layer_norm.weight"] == "enc"
        assert anatomy.groups[f"model.decoder.layers.{layer}.final_layer_norm.weight"] == "dec"


def test_a_single_layer_is_not_mistaken_for_its_parts():
    anatomy = Anatomy.of(families.build("t5", num_layers=1, num_decoder_layers=1))
    assert anatomy.groups["encoder.block.0.layer.0.layer_norm.weight"] == "enc"
    assert set(anatomy.names("xattn")) == {
        *(f"decoder.block.0.layer.1.EncDecAttention.{role}.weight" for role in "qkvo"),
        "decoder.block.0.layer.1.layer_norm.weight",
    }


def _renamed(model: nn.Module, names: dict[str, str]) -> nn.Module:
    """The model with other names for its decoder layers' parts; what the parts do stays the same."""
    for layer in model.model.decoder.layers:
        layer._modules = {names.get(name, name): module for name, module in layer._modules.items()}
        kept = {old: property(lambda self, new=new: self._modules[new]) for old, new in names.items()}
        layer.__class__ = type("Renamed", (type(layer),), kept)
    return model


def test_names_that_say_nothing_change_nothing():
    names = {"encoder_attn": "layers", "encoder_attn_layer_norm": "embed_tokens", "self_attn": "encoder"}
    anatomy = Anatomy.of(_renamed(families.build("mbart"), names))
    layer = {
        name.split(".")[4]: group for name, group in anatomy.groups.items() if ".decoder.layers.1." in name
    }
    fresh = dict.fromkeys(("encoder", "self_attn_layer_norm", "fc1", "fc2", "final_layer_norm"), "dec")
    assert layer == fresh | {"layers": "xattn", "embed_tokens": "xattn"}


def test_names_that_mislead_are_refused():
    swapped = {"encoder_attn": "self_attention", "self_attn": "encoder_attn"}
    with pytest.raises(AnatomyError, match=r"structure and names disagree .*layers\.0\.encoder_attn\.k_proj"):
        Anatomy.of(_renamed(families.build("mbart"), swapped))


def _tiny(prefix: str, **more: object) -> object:
    return getattr(transformers, f"{prefix}Config")(**families.side_fields(prefix, 37, **more))


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda: transformers.GPT2LMHeadModel(_tiny("GPT2")), "not an encoder-decoder"),
        (lambda: nn.Linear(2, 2), "not a Hugging Face model"),
        (lambda: families.build("bart").model, "no logits"),
    ],
)
def test_other_models_are_refused_with_the_reason(make, reason):
    with pytest.raises(AnatomyError, match=reason):
        Anatomy.of(make())


def test_a_decoder_without_cross_attention_is_refused():
    model = families.build("bert2bert")
    plain = transformers.BertLMHeadModel(_tiny("Bert", is_decoder=True))
    model.decoder.bert.encoder = plain.bert.encoder
    with pytest.raises(AnatomyError, match=r"tiny translation step|reads the encoder states"):
        Anatomy.of(model)


def test_tensors_of_neither_side_are_refused_by_name():
    model = families.build("bart")
    model.adapter = nn.Linear(3, 3)
    with pytest.raises(
        AnatomyError, match=r"2 tensors belong to neither side.*adapter\.weight, adapter\.bias"
    ):
        Anatomy.of(model)


def _footprint(model: nn.Module) -> dict[str, object]:
    hooks = [
        len(getattr(module, kind))
        for module in model.modules()
        for kind in ("_forward_hooks", "_forward_pre_hooks", "_forward_hooks_with_kwargs")
    ]
    return {
        "hooks": hooks,
        "modes": [module.training for module in model.modules()],
        "classes": [type(module).__name__ for module in model.modules()],
        "objects": [id(tensor) for tensor in (*model.parameters(), *model.buffers())],
        "versions": [tensor._version for tensor in (*model.parameters(), *model.buffers())],
        "gradients": [id(parameter.grad) for parameter in model.parameters()],
        "trainable": [parameter.requires_grad for parameter in model.parameters()],
        "random": torch.get_rng_state().tolist(),
        "grad_mode": torch.is_grad_enabled(),
    }


@pytest.mark.parametrize("family", ["marian-separate", "bigbird-pegasus", "whisper", "t5gemma2"])
def test_the_model_is_left_as_it_was(family):
    # Block-sparse attention on a short input is what makes BigBirdPegasus swap its own modules.
    changes = {"attention_type": "block_sparse", "block_size": 4} if family == "bigbird-pegasus" else {}
    model = families.build(family, **changes).train()
    next(model.get_decoder().children()).eval()
    for parameter in model.parameters():
        parameter.grad = torch.ones_like(parameter) if parameter.requires_grad else None
    before = _footprint(model)
    try:
        Anatomy.of(model)
    except AnatomyError:
        assert family == "t5gemma2"
    assert _footprint(model) == before
    if changes:
        assert model.get_encoder().attention_type == "block_sparse"


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
@pytest.mark.parametrize(
    "family", ["marian-separate", "m2m100", "t5", "fsmt", "whisper", "moonshine", "bert2gpt2"]
)
def test_half_precision_has_the_same_anatomy(family, dtype):
    model = families.build(family)
    assert Anatomy.of(model.to(dtype)) == Anatomy.of(model.float())


def test_constants_are_never_trained():
    positions = {"model.encoder.embed_positions.weight", "model.decoder.embed_positions.weight"}
    assert Anatomy.of(families.build("marian-separate")).constant == positions
    assert Anatomy.of(families.build("pegasus")).constant == positions
    assert Anatomy.of(families.build("whisper")).constant == {"model.encoder.embed_positions.weight"}
    fsmt = families.build("fsmt")
    assert all(parameter.requires_grad for parameter in fsmt.parameters())
    assert Anatomy.of(fsmt).constant == positions
    assert Anatomy.of(families.build("bart")).constant == frozenset()


def test_a_model_frozen_as_a_whole_has_no_other_constants():
    frozen = families.build("marian-separate").requires_grad_(False)
    assert Anatomy.of(frozen) == Anatomy.of(families.build("marian-separate"))
    assert not Anatomy.of(families.build("t5").requires_grad_(False)).constant


def test_only_marian_leaves_tensors_out_of_a_checkpoint():
    positions = {"model.encoder.embed_positions.weight", "model.decoder.embed_positions.weight"}
    assert unsaved_names(families.build("marian-separate")) == positions
    assert unsaved_names(families.build("bart")) == frozenset()


def test_tables_replaced_on_the_live_model_are_recognised():
    model = families.build("bart")
    model.model.decoder.embed_tokens = nn.Embedding(53, 16)
    model.lm_head = nn.Linear(16, 53, bias=False)
    model.lm_head.weight = model.model.decoder.embed_tokens.weight
    model.register_buffer("final_logits_bias", torch.zeros(1, 53))
    anatomy = Anatomy.of(model)
    assert anatomy.vocabulary["lm_head.weight"] == anatomy.vocabulary["model.decoder.embed_tokens.weight"]
    assert anatomy.vocabulary["final_logits_bias"] == ("target", 1)
    assert anatomy.aliases == {"model.shared.weight": ("model.encoder.embed_tokens.weight",)}


def test_a_table_left_over_by_untying_is_an_alias_of_nothing():
    model = families.build("bart")
    model.model.shared = nn.Embedding(41, 16)
    assert Anatomy.of(model).aliases == {"model.shared.weight": ()}


def test_one_module_object_under_three_names_serves_both_sides():
    model = families.build("bart")
    model.model.encoder.embed_tokens = model.model.decoder.embed_tokens = model.model.shared
    anatomy = Anatomy.of(model)
    assert anatomy.groups["model.encoder.embed_tokens.weight"] == "src"
    assert anatomy.groups["model.decoder.embed_tokens.weight"] == "tgt"
    assert anatomy.vocabulary["model.encoder.embed_tokens.weight"] == ("source", 0)
    assert list(anatomy.aliases) == ["model.shared.weight"]
