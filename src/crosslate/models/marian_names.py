"""Marian's names of the tensors of a :class:`crosslate.models.marian_transformer.MarianTransformer`.

Marian computes x·W, PyTorch x·Wᵀ, so matrices are transposed, except tables of one row per piece; Marian's
vectors have the shape (1, n).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

OUR_FAMILY = "crosslate_marian"
"""Type of the models in :mod:`crosslate.models.marian_transformer`, unknown to transformers by itself."""

OUTPUT_BIAS = "decoder_ff_logit_out_b"
SHARED_TABLE = "Wemb"
TABLES = {"encoder": "encoder_Wemb", "decoder": "decoder_Wemb"}
OUTPUT_TABLE = "decoder_ff_logit_out_Wt"
OLD_OUTPUT = "decoder_ff_logit_out_W"
"""Of models of Marian's first years: an output layer with (inputs, outputs)."""

SELF_ATTENTION, SSRU = "self-attention", "ssru"
_PROJECTIONS = {"q": "q_proj", "k": "k_proj", "v": "v_proj", "o": "out_proj"}


def layer_names(config: Any) -> dict[str, str]:
    """Our names of all tensors of the layers to Marian's; tables, output layer and its bias are apart."""
    found: dict[str, str] = {}
    for side, count in (("encoder", config.encoder_layers), ("decoder", config.decoder_layers)):
        for number in range(count):
            layer, prefix = f"model.{side}.layers.{number}", f"{side}_l{number + 1}"
            found |= {f"{layer}.{ours}": f"{prefix}_{name}" for ours, name in _layer(config, side)}
        if config.final_norm:
            found |= {f"model.{side}.{ours}": name for ours, name in _norm("layer_norm", f"{side}_top")}
    return found


def _layer(config: Any, side: str) -> Iterator[tuple[str, str]]:
    suffix = "_pre" if config.normalize_before else ""
    if side == "decoder" and config.decoder_cell == SSRU:
        yield "self_attn.candidate.weight", "rnn_W"
        yield "self_attn.forget_gate.weight", "rnn_Wf"
        yield "self_attn.forget_gate.bias", "rnn_bf"
        yield from _norm("self_attn_layer_norm", "rnn" if suffix else "rnn_ffn", suffix)
    else:
        yield from _attention("self_attn", "self", suffix)
    if side == "decoder":
        yield from _attention("encoder_attn", "context", suffix)
    for number in ("1", "2"):
        yield f"fc{number}.weight", f"ffn_W{number}"
        yield f"fc{number}.bias", f"ffn_b{number}"
    yield from _norm("final_layer_norm", "ffn_ffn", suffix)


def _attention(ours: str, name: str, suffix: str) -> Iterator[tuple[str, str]]:
    for role, projection in _PROJECTIONS.items():
        yield f"{ours}.{projection}.weight", f"{name}_W{role}"
        yield f"{ours}.{projection}.bias", f"{name}_b{role}"
    yield from _norm(f"{ours}_layer_norm", f"{name}_Wo", suffix)


def _norm(ours: str, name: str, suffix: str = "") -> Iterator[tuple[str, str]]:
    yield f"{ours}.weight", f"{name}_ln_scale{suffix}"
    yield f"{ours}.bias", f"{name}_ln_bias{suffix}"
