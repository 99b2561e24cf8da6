"""Memory for adapting a large parent, by precision of frozen tensors and with gradient checkpointing.

    python -m benchmarks.large [--shape nllb-600m] [--updates 3] [--batch-tokens 512] [--rows ...]

One process per row. The model is NLLB's (M2M100, one table for both sides) in the shape of a published
checkpoint, with random values; ``src+xattn`` with a new source of 4,000 pieces is trained on generated ids.
The peak of training is counted from the moment the parent is held as it will be.
"""

from __future__ import annotations

import argparse
import gc
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

SHAPES = {
    "tiny": {"d_model": 64, "layers": 2, "ffn": 128, "heads": 4, "vocabulary": 4_000},
    "narrow": {"d_model": 512, "layers": 12, "ffn": 2048, "heads": 8, "vocabulary": 4_000},
    "nllb-600m": {"d_model": 1024, "layers": 12, "ffn": 4096, "heads": 16, "vocabulary": 256_206},
    "nllb-1.3b": {"d_model": 1024, "layers": 24, "ffn": 8192, "heads": 16, "vocabulary": 256_206},
}
ROWS = ("float32", "float32+checkpointing", "bfloat16", "bfloat16+checkpointing")


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shape", choices=SHAPES, default="nllb-600m")
    parser.add_argument("--updates", type=int, default=3)
    parser.add_argument("--batch-tokens", type=int, default=512)
    parser.add_argument("--rows", nargs="+", choices=ROWS, default=ROWS)
    parser.add_argument("--alone", choices=ROWS, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.alone:
        print(json.dumps(measure(options.alone, options.shape, options.updates, options.batch_tokens)))
        return 0
    print("| frozen matrices | parameters | before training | peak of training | tokens/s |")
    print("|---|---|---|---|---|")
    for row in options.rows:
        command = [
            sys.executable, "-m", "benchmarks.large", "--alone", row, "--shape", options.shape,
            "--updates", str(options.updates), "--batch-tokens", str(options.batch_tokens),
        ]  # fmt: skip
        found = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)
        sizes = " | ".join(f"{found[each] / 1e9:.2f} GB" for each in ("before", "training"))
        parameters = f"{found['parameters'] / 1e6:,.0f} M"
        print(f"| {row.replace('+', ', ')} | {parameters} | {sizes} | {found['speed']:,.0f} |", flush=True)
    return 0


def measure(row: str, shape: str, updates: int, batch_tokens: int) -> dict[str, float]:
    """Peaks of resident memory in bytes, and tokens per second of the updates."""
    from benchmarks.generated import Captions, Pieces
    from crosslate.models.child import make_child
    from crosslate.models.strategies import parse_strategy
    from crosslate.models.vocabularies.new_language import NewSide
    from crosslate.training.loop import train
    from crosslate.training.optimiser import Trainee
    from crosslate.training.settings import TrainingSettings

    frozen, _, checkpointing = row.partition("+")
    parent = make_parent(**SHAPES[shape])
    strategy = parse_strategy("src+xattn")
    if frozen == "bfloat16":
        parent.lower(keep=strategy.train - strategy.reinitialise)
    child = make_child(parent, strategy, {"source": NewSide("de", Pieces())})
    gc.collect()
    before = _status("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # the peak is counted from here
    settings = TrainingSettings(
        max_updates=updates, batch_tokens=batch_tokens, warmup_updates=1, precision="bf16", patience=0,
        checkpoint_every_seconds=0.0, gradient_checkpointing=bool(checkpointing),
    )  # fmt: skip
    trainee = Trainee.of(child, child.trained, strategy.reinitialise)
    with tempfile.TemporaryDirectory() as folder:
        record = train(trainee, Captions(2_000), settings, None, Path(folder))
    return {
        "parameters": parent.num_parameters,
        "before": before,
        "training": _status("VmHWM"),
        "speed": record["tokens_per_second"],
    }


def make_parent(d_model: int, layers: int, ffn: int, heads: int, vocabulary: int):
    """A random NLLB of a shape; the vocabularies are sizes without pieces."""
    import torch
    from transformers import M2M100Config, M2M100ForConditionalGeneration
    from transformers.initialization import no_init_weights

    from benchmarks.generated import PAD, Pieces
    from crosslate.models.parent import Parent

    config = M2M100Config(
        vocab_size=vocabulary, d_model=d_model, encoder_layers=layers, decoder_layers=layers,
        encoder_ffn_dim=ffn, decoder_ffn_dim=ffn,
        encoder_attention_heads=heads, decoder_attention_heads=heads,
        pad_token_id=PAD, eos_token_id=0, bos_token_id=0, decoder_start_token_id=0,
    )  # fmt: skip
    with no_init_weights():
        model = M2M100ForConditionalGeneration(config)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.dim() > 1:
                parameter.uniform_(-0.03, 0.03, generator=generator)
            else:
                parameter.fill_(1.0 if "norm" in name and name.endswith("weight") else 0.0)
    model.tie_weights()
    return Parent(model, Pieces(), Pieces(), "fr", "en", name=f"random NLLB of {layers}+{layers} layers")


def _status(name: str) -> int:
    return 1024 * int(re.search(rf"{name}:\s+(\d+)", Path("/proc/self/status").read_text())[1])


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
