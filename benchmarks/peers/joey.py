"""JoeyNMT on the shape of model and the pairs that were prepared in a folder. Imports no Crosslate.

    python joey.py FOLDER PRECISION [BATCH_TOKENS]

Trains every parameter with JoeyNMT's own loop: one epoch over the pairs after a warm-up, no validation and no
checkpoint; prints one line of JSON. PRECISION is ``fp32`` or ``bf16``.

The model has Marian's shape as near as JoeyNMT's configuration allows. What differs: no bias over the
vocabulary, and its one rate of dropout also holds for attention weights and inside feed-forward layers.
"""

from __future__ import annotations

import json
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from joeynmt.config import BaseConfig, parse_global_args
from joeynmt.prediction import prepare
from joeynmt.training import TrainManager

SIDES = {"src": "source", "trg": "target"}
WARM_UP = 10
# Sentences times the longest side of a batch; twice as many took longer for an epoch, in bf16 on one core.
BATCH_TOKENS = 1024


class Stopwatch(TrainManager):
    """JoeyNMT's loop ends in a checkpoint: none is written, the clock stops there."""

    def _save_checkpoint(self, new_best: bool, score: float) -> None:
        self.stopped = time.perf_counter()

    def seconds_of(self, pairs: Any) -> float:
        started = time.perf_counter()
        # The second argument is for validation, which is further away than the epoch's end.
        self.train_and_validate(pairs, pairs)
        return self.stopped - started


def write_text(arrays: dict[str, np.ndarray], num_pieces: int, folder: Path) -> None:
    """Ids become words; the last of a sentence is its end, which JoeyNMT adds itself.

    JoeyNMT has four special pieces where these ids have three (0 to 2). Id 3 is left out of the vocabulary
    and becomes its unknown word, so that tables and output layer keep their size.
    """
    for suffix, side in SIDES.items():
        sentences = np.split(arrays[side], np.cumsum(arrays[f"{side}_lengths"])[:-1])
        lines = [" ".join(f"w{each}" for each in ids[:-1]) for ids in sentences]
        (folder / f"pairs.{suffix}").write_text("\n".join(lines) + "\n", encoding="utf-8")
    words = [f"w{each}" for each in range(4, num_pieces)]
    (folder / "words.txt").write_text("\n".join(words) + "\n", encoding="utf-8")


def settings(marian: dict[str, Any], batch_tokens: int, folder: Path) -> BaseConfig:
    """JoeyNMT's configuration for the shape of a Marian checkpoint, as its YAML files have it."""

    def stack(side: str) -> dict[str, Any]:
        return {
            "type": "transformer",
            "num_layers": marian[f"{side}_layers"],
            "num_heads": marian[f"{side}_attention_heads"],
            "ff_size": marian[f"{side}_ffn_dim"],
            "hidden_size": marian["d_model"],
            "embeddings": {"embedding_dim": marian["d_model"], "scale": marian["scale_embedding"]},
            "dropout": marian["dropout"],
            "layer_norm": "post",
            "activation": marian["activation_function"],
        }

    text = {"level": "word", "voc_file": str(folder / "words.txt")}
    configuration = {
        "name": "benchmark",
        "model_dir": str(folder),
        "use_cuda": False,
        "data": {
            "train": str(folder / "pairs"),
            "dataset_type": "plain",
            **{suffix: {"lang": suffix, **text} for suffix in SIDES},
        },
        "model": {"encoder": stack("encoder"), "decoder": stack("decoder"), "tied_softmax": True},
        "training": {
            "optimizer": "adamw",
            "adam_betas": [0.9, 0.999],
            "learning_rate": 3e-4,
            # One must be named; "plateau" passes PyTorch an argument that it no longer has.
            "scheduling": "warmupinversesquareroot",
            "clip_grad_norm": 1.0,
            "label_smoothing": 0.1,
            "normalization": "tokens",
            "batch_type": "token",
            "batch_size": batch_tokens,
            "epochs": 1,
            "validation_freq": 1_000_000,
        },
        "testing": {},
    }
    return parse_global_args(configuration)


def main() -> None:
    task, precision = Path(sys.argv[1]), sys.argv[2]
    batch_tokens = int(sys.argv[3]) if len(sys.argv) > 3 else BATCH_TOKENS
    arrays = dict(np.load(task / "pairs.npz"))
    marian = json.loads((task / "model" / "config.json").read_text(encoding="utf-8"))
    # JoeyNMT's own switch, fp16, is turned off on CPU; its loop takes any autocast.
    autocast = {"device_type": "cpu", "enabled": precision == "bf16", "dtype": torch.bfloat16}
    with tempfile.TemporaryDirectory() as folder:
        write_text(arrays, marian["vocab_size"], Path(folder))
        configured = settings(marian, batch_tokens, Path(folder))
        model, pairs, *_ = prepare(configured, rank=0, mode="train")
        for max_updates in (WARM_UP, float("inf")):
            training = configured.train._replace(max_updates=max_updates)
            place = (Path(folder), configured.device)
            loop = Stopwatch(0, model, *place, autocast=autocast, train_args=training)
            seconds = loop.seconds_of(pairs)
    expected = int(arrays["target_lengths"].sum())
    if loop.stats.total_tokens != expected:
        sys.exit(f"JoeyNMT trained on {loop.stats.total_tokens} target tokens instead of {expected}")
    tokens = int(arrays["source_lengths"].sum() + arrays["target_lengths"].sum())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps({"seconds": seconds, "tokens_per_second": tokens / seconds, "megabytes": peak / 1e6}))


if __name__ == "__main__":
    main()
