"""The paper's Transformer: transformers' mBART, with a vocabulary and a table for each side.

Layer norms before each sublayer and after the last layer of each side, learned positions, layer norm on the
embeddings, no scaling of embeddings, and one table for the decoder's input and output.

Source: Gheini, Ren & May 2021, section 3.2 and the released training scripts (fairseq 0.9).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from crosslate.models.sides import remove_aliases
from crosslate.models.sizes import Size
from crosslate.models.tensors import set_tensor

MAX_POSITIONS = 1024
"""Tokens of the longest sequence, as in fairseq."""
_SOURCE_TABLE = "model.encoder.embed_tokens.weight"
_SHARED_TABLE = "model.shared.weight"


def paper_transformer(
    source_pieces: int,
    target_pieces: int,
    size: Size,
    max_positions: int,
    ids: dict[str, Any],
    *,
    is_tied: bool,
) -> Any:
    """A new model, initialised from the global random state.

    All matrices start from a normal distribution of standard deviation width^-0.5, which is fairseq's for
    embeddings and, on average, that of its uniform one (Xavier) for square matrices.

    Args:
        ids: special ids, by the names of their fields in a configuration.
        is_tied: one table for both sides; their numbers of pieces must agree.
    """
    from transformers import MBartConfig, MBartForConditionalGeneration

    both = {"layers": size.layers, "attention_heads": size.heads, "ffn_dim": size.feed_forward}
    config = MBartConfig(
        vocab_size=target_pieces,
        d_model=size.width,
        **{f"encoder_{name}": number for name, number in both.items()},
        **{f"decoder_{name}": number for name, number in both.items()},
        activation_function="relu",
        dropout=0.1,
        attention_dropout=0.1,
        scale_embedding=False,
        init_std=size.width**-0.5,
        max_position_embeddings=max_positions,
        tie_word_embeddings=True,
        **ids,
    )
    model = MBartForConditionalGeneration(config)
    if not is_tied:
        table = torch.empty(source_pieces, size.width).normal_(0.0, size.width**-0.5)
        table[ids["pad_token_id"]].zero_()
        encoder: Any = model.get_encoder()
        encoder.embed_tokens = nn.Embedding(*table.shape, padding_idx=ids["pad_token_id"])
        remove_aliases(model, [_SHARED_TABLE], encoder.embed_tokens)
        set_tensor(model, [_SOURCE_TABLE], nn.Parameter(table))
    return model
