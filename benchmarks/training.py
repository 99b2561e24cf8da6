"""Speed and memory of Crosslate's training loop in one mode, in a separate process.

    python -m benchmarks.training MODE [--size small] [--pairs 6000] [--precision auto]

MODE is ``all`` (every parameter of a parent) or a strategy. One epoch over generated captions after a
warm-up; prints one line of JSON: seconds and source plus target tokens/s of the epoch, the floating-point
operations that PyTorch's own counter sees as a share of the machine's measured matrix-product peak in that
precision, and the peak of resident memory.
"""

from __future__ import annotations

import argparse
import json
import resource
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.generated import Captions, make_trainee

if TYPE_CHECKING:
    from crosslate.training.optimiser import Trainee

WARM_UP = 10


def operations_per_token(trainee: Trainee, pairs: Captions, num_batches: int = 4) -> float:
    """Floating-point operations of both passes per source or target token, padding included in the work."""
    from torch.utils.flop_counter import FlopCounterMode

    from crosslate.training.batches import collate, plan_batches
    from crosslate.training.loss import TranslationLoss

    objective = TranslationLoss(trainee.model, 0.1)
    operations = tokens = 0
    for planned in plan_batches(pairs.source_lengths, pairs.target_lengths, 2048, 1, 0)[:num_batches]:
        batch = collate(pairs, planned, trainee.ids)
        if trainee.frozen_encoder is not None:
            states = trainee.frozen_encoder(input_ids=batch.source, attention_mask=batch.source_mask)[0]
            batch = replace(batch, states=states.detach())
        with FlopCounterMode(display=False) as counter:
            objective(batch).backward()
        operations += counter.get_total_flops()
        tokens += batch.num_tokens
    trainee.model.zero_grad(set_to_none=True)
    return operations / tokens


def measure(mode: str, size: str, num_pairs: int, precision: str) -> dict[str, float]:
    import torch

    from benchmarks.peak import matrix_product_peak
    from crosslate.training.loop import train
    from crosslate.training.settings import TrainingSettings

    trainee, pairs = make_trainee(mode, size), Captions(num_pairs)
    settings = TrainingSettings(max_epochs=1, precision=precision, checkpoint_every_seconds=0)
    with tempfile.TemporaryDirectory() as folder:
        warm_up = settings.changed(max_epochs=0, max_updates=WARM_UP)
        train(trainee, pairs, warm_up, None, Path(folder) / "warm-up")
        record = train(trainee, pairs, settings, None, Path(folder) / "run")
    peak_bytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    dtype = torch.bfloat16 if record["precision"] == "bf16" else torch.float32
    peak, operations = matrix_product_peak(dtype), operations_per_token(trainee, pairs)
    rate = record["tokens"] / record["training_seconds"]
    return {
        "seconds": record["training_seconds"],
        "tokens_per_second": rate,
        "share_of_peak": rate * operations / peak,
        "peak_gflops": peak / 1e9,
        "gflop_per_1k_tokens": operations / 1e6,
        "megabytes": peak_bytes / 1e6,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("mode")
    parser.add_argument("--size", default="small")
    parser.add_argument("--pairs", type=int, default=6_000)
    parser.add_argument("--precision", default="auto")
    arguments = parser.parse_args()
    print(json.dumps(measure(arguments.mode, arguments.size, arguments.pairs, arguments.precision)))


if __name__ == "__main__":
    main()
