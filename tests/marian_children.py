"""Tiny children that Marian can compute: of transformers' Marian models, and of imported ones."""

from __future__ import annotations

import torch

import parents
from crosslate.models.marian_transformer import MarianTransformer, MarianTransformerConfig
from crosslate.models.parent import Parent
from crosslate.text.vocabularies import SpecialIds

SIZES = {
    "d_model": 64, "encoder_ffn_dim": 64, "decoder_ffn_dim": 64, "scale_embedding": True,
    "activation_function": "relu",
}  # fmt: skip
MARIAN_IDS = SpecialIds(eos=0, unk=1, pad=2)
LAST_PADS = SpecialIds(eos=0, unk=1, pad=59)
"""Of an imported parent, whose padding row is ours; a smaller new side has another one."""


def child_of_transformers(**changes):
    """A child of a Marian model of transformers, which starts its decoder with a row of the table."""
    parent = parents.parent("marian-separate", **{**SIZES, **changes})
    return parents.shake(parents.child(parent, source=parents.vocabulary(70, parent.source.special)))


def child_of_marian(**changes):
    """A child of a parent as the importer makes them."""
    config = MarianTransformerConfig(**{
        **SIZES, "vocab_size": 60, "decoder_vocab_size": 60, "encoder_layers": 1, "decoder_layers": 2,
        "encoder_attention_heads": 2, "decoder_attention_heads": 2, "max_position_embeddings": 64,
        "pad_token_id": 59, "eos_token_id": 0, "decoder_start_token_id": 59, "forced_eos_token_id": 0,
        "decoder_cell": "ssru", "init_std": 0.15, **changes,
    })  # fmt: skip
    both = parents.vocabulary(60, LAST_PADS)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        parent = Parent(MarianTransformer(config).eval(), both, both, "fr", "en", name="pt-en")
    return parents.shake(parents.child(parent, source=parents.vocabulary(50, MARIAN_IDS)))
