"""Adapts a toy parent as one of several processes; the first argument is the pack's folder, others are options.

``shard`` spreads what is frozen, ``bf16`` holds it in bfloat16, ``checkpointed`` computes layers twice.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch

import toy_corpora
from crosslate.models.child import Child
from crosslate.training.progress import Progress


def held(child: Child) -> dict[str, float]:
    """Elements of a frozen and of a trained matrix that this process holds."""
    found = {}
    for name in ("model.decoder.layers.0.fc1.weight", "model.decoder.layers.0.encoder_attn.k_proj.weight"):
        tensor = dict(child.model.named_parameters())[name]
        local = tensor.to_local() if hasattr(tensor, "to_local") else tensor
        found[name.rsplit(".", 2)[1]] = float(local.numel())
    return found


def main(folder: Path, options: set[str]) -> None:
    torch.set_num_threads(1)
    parent = toy_corpora.parent()
    if "bf16" in options:
        parent.lower(keep={"xattn"})
    training = {
        "precision": "bf16" if "bf16" in options else "fp32", "dropout": 0.0, "batch_tokens": 256,
        "fresh_learning_rate": 1e-2, "shard_frozen": "shard" in options,
        "full_softmax": True,  # as a sharded run trains
        "gradient_checkpointing": "checkpointed" in options,
    }  # fmt: skip
    toy_corpora.adapted(
        parent, folder, training=training, progress=Progress(measure=held), output={"dtype": "float32"},
        strategy="src+xattn",
    )  # fmt: skip


if __name__ == "__main__":
    main(Path(sys.argv[1]), set(sys.argv[2:]))
