"""Checkpoints laid out as fairseq writes them, and what fairseq computes with them, in plain torch.

Nothing here knows of transformers or of Crosslate's models: the forward pass reads fairseq's names.
"""

from __future__ import annotations

import argparse
import math
from collections import OrderedDict
from pathlib import Path
from typing import Any

import torch
from torch.nn import functional

import parents

WIDTH, HEADS, FEED_FORWARD, LAYERS, POSITIONS = 16, 4, 24, 2, 20
ARGUMENTS = {
    "arch": "transformer",
    "encoder_attention_heads": HEADS,
    "decoder_attention_heads": HEADS,
    "no_scale_embedding": True,
    "activation_fn": "relu",
    "dropout": 0.1,
    "attention_dropout": 0.1,
    "share_decoder_input_output_embed": True,
    "lr": [0.0005],
    "data": "data-bin",
    "user_dir": None,
}
SPECIAL = ("<s>", "<pad>", "</s>", "<unk>")


def sentencepiece_model(size: int) -> bytes:
    """A model with SentencePiece's own default ids, as the text for fairseq is cut with: no padding piece."""
    return parents.sentencepiece_model(parents.TEXT, size)


def pieces_of(model: bytes) -> list[str]:
    """The pieces as a dictionary lists them, here in reverse order, with one that the model does not have."""
    import sentencepiece

    processor = sentencepiece.SentencePieceProcessor(model_proto=model)
    return [*(processor.IdToPiece(i) for i in reversed(range(3, processor.GetPieceSize()))), "ß"]


def tensors(
    num_source: int, num_target: int, *, is_pre_norm: bool = True, seed: int = 0
) -> dict[str, torch.Tensor]:
    """Random tensors under fairseq's names, float32."""
    generator = torch.Generator().manual_seed(seed)
    found: dict[str, torch.Tensor] = OrderedDict()

    def matrix(name: str, *shape: int, scale: float = 0.4) -> None:
        found[name] = scale * torch.randn(shape, generator=generator)

    def norm(name: str) -> None:
        found[f"{name}.weight"] = 1 + 0.2 * torch.randn(WIDTH, generator=generator)
        matrix(f"{name}.bias", WIDTH, scale=0.2)

    def linear(name: str, out: int, into: int) -> None:
        matrix(f"{name}.weight", out, into)
        matrix(f"{name}.bias", out)

    for side, rows in (("encoder", num_source), ("decoder", num_target)):
        found[f"{side}.version"] = torch.tensor([3.0])
        matrix(f"{side}.embed_tokens.weight", rows, WIDTH)
        found[f"{side}.embed_tokens.weight"][1] = 0
        matrix(f"{side}.embed_positions.weight", POSITIONS + 2, WIDTH)
        norm(f"{side}.layernorm_embedding")
        for layer in range(LAYERS):
            path = f"{side}.layers.{layer}"
            for attention in ("self_attn", "encoder_attn")[: 1 + (side == "decoder")]:
                for projection in ("k_proj", "v_proj", "q_proj", "out_proj"):
                    linear(f"{path}.{attention}.{projection}", WIDTH, WIDTH)
                norm(f"{path}.{attention}_layer_norm")
            linear(f"{path}.fc1", FEED_FORWARD, WIDTH)
            linear(f"{path}.fc2", WIDTH, FEED_FORWARD)
            norm(f"{path}.final_layer_norm")
        if is_pre_norm:
            norm(f"{side}.layer_norm")
    found["decoder.output_projection.weight"] = found["decoder.embed_tokens.weight"]
    return found


def write(
    folder: Path, *, is_pre_norm: bool = True, arguments: Any = "namespace", **changes: Any
) -> dict[str, Path]:
    """Everything that ``Fairseq`` reads; returns the paths by the names of its fields.

    Args:
        arguments: ``namespace`` as before fairseq 0.10, ``configuration`` as after it, None for neither.
        changes: other arguments of the training run.
    """
    folder.mkdir(parents=True, exist_ok=True)
    paths = {
        "checkpoint": folder / "checkpoint_best.pt",
        "source_dictionary": folder / "dict.fr.txt",
        "target_dictionary": folder / "dict.en.txt",
        "source_model": folder / "fr.model",
        "target_model": folder / "en.model",
    }
    sizes = []
    for side, size in (("source", 44), ("target", 48)):
        model = sentencepiece_model(size)
        pieces = pieces_of(model)
        paths[f"{side}_model"].write_bytes(model)
        lines = [f"{piece} {1000 - number}\n" for number, piece in enumerate(pieces)]
        paths[f"{side}_dictionary"].write_text("".join(lines), encoding="utf-8")
        sizes.append(len(SPECIAL) + len(pieces))
    values = argparse.Namespace(**(ARGUMENTS | changes))
    checkpoint = {
        "args": values if arguments == "namespace" else None,
        "cfg": {"common": {"seed": 1}, "model": values} if arguments == "configuration" else None,
        "model": tensors(*sizes, is_pre_norm=is_pre_norm),
        "optimizer_history": [{"criterion_name": "LabelSmoothedCrossEntropy", "num_updates": 7}],
        "extra_state": {"epoch": 2, "val_loss": 3.5, "best": None, "train_iterator": {"shuffle": True}},
        "last_optimizer_state": {"state": {0: {"step": 7, "exp_avg": torch.zeros(3)}}},
    }
    torch.save(checkpoint, paths["checkpoint"])
    return paths


def logits(
    model: dict[str, torch.Tensor],
    source: torch.Tensor,
    previous: torch.Tensor,
    *,
    heads: int = HEADS,
    scale: float = 1.0,
    activation: Any = functional.relu,
) -> torch.Tensor:
    """(batch, tgt_len, target pieces) as fairseq's Transformer computes them, in the type of ``model``.

    Args:
        model: tensors by fairseq's names; a final layer norm says that norms come before the sublayers.
        source: (batch, src_len) ids, padding 1 anywhere.
        previous: (batch, tgt_len) ids, beginning with </s>.
    """
    is_pre_norm = "encoder.layer_norm.weight" in model

    def linear(name: str, x: torch.Tensor) -> torch.Tensor:
        return x @ model[f"{name}.weight"].T + model[f"{name}.bias"]

    def norm(name: str, x: torch.Tensor) -> torch.Tensor:
        return functional.layer_norm(x, (WIDTH,), model[f"{name}.weight"], model[f"{name}.bias"], 1e-5)

    def embed(side: str, ids: torch.Tensor) -> torch.Tensor:
        is_token = (ids != 1).long()
        positions = is_token.cumsum(1) * is_token + 1  # the first token has position 2, padding 1
        x = scale * model[f"{side}.embed_tokens.weight"][ids]
        return norm(f"{side}.layernorm_embedding", x + model[f"{side}.embed_positions.weight"][positions])

    def attend(name: str, x: torch.Tensor, states: torch.Tensor, hidden: torch.Tensor) -> torch.Tensor:
        batch, length, size = x.shape[0], x.shape[1], WIDTH // heads
        query, key, value = (
            linear(f"{name}.{each}_proj", into).view(batch, -1, heads, size).transpose(1, 2)
            for each, into in (("q", x), ("k", states), ("v", states))
        )
        scores = (query * size**-0.5) @ key.transpose(2, 3)
        weights = scores.masked_fill(hidden, -math.inf).softmax(-1)
        return linear(f"{name}.out_proj", (weights @ value).transpose(1, 2).reshape(batch, length, WIDTH))

    def sublayer(name: str, x: torch.Tensor, compute: Any) -> torch.Tensor:
        return x + compute(norm(name, x)) if is_pre_norm else norm(name, x + compute(x))

    def feed_forward(path: str, x: torch.Tensor) -> torch.Tensor:
        return linear(f"{path}.fc2", activation(linear(f"{path}.fc1", x)))

    def stack(side: str, ids: torch.Tensor, hidden: torch.Tensor, states: Any = None) -> torch.Tensor:
        x = embed(side, ids)
        for layer in range(LAYERS):
            path = f"{side}.layers.{layer}"
            own = f"{path}.self_attn"
            x = sublayer(f"{own}_layer_norm", x, lambda y, name=own: attend(name, y, y, hidden))
            if states is not None:
                cross = f"{path}.encoder_attn"
                x = sublayer(f"{cross}_layer_norm", x, lambda y, name=cross: attend(name, y, states, padding))
            x = sublayer(f"{path}.final_layer_norm", x, lambda y, name=path: feed_forward(name, y))
        return norm(f"{side}.layer_norm", x) if is_pre_norm else x

    padding = (source == 1)[:, None, None, :]
    states = stack("encoder", source, padding)
    future = torch.ones(previous.shape[1], previous.shape[1], dtype=torch.bool).triu(1)
    return stack("decoder", previous, future, states) @ model["decoder.output_projection.weight"].T
