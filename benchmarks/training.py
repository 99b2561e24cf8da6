"""Speed and memory of training: the parent, src+xattn, tgt+xattn and src+body, through the real loop.

Every mode runs in a process of its own (its peak memory is then its own) for a fixed number of updates
on generated ids with the lengths of short sentences. Printed per mode: source plus target tokens/s, the
floating-point operations that PyTorch's own counter sees in a step as a share of the machine's measured
matrix-product peak in that precision, and peak resident memory. Ratios are to training the parent in the
same run; the modes take turns, and the spread over the turns is printed.

    python -m benchmarks.training [--size small] [--updates 40] [--turns 3] [--precision bf16]
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

MODES = ("parent", "src", "src+xattn", "tgt+xattn", "src+body")
VOCABULARY = 4_000


def measure(mode: str, size: str, updates: int, precision: str) -> dict[str, float]:
    """Trains one mode in this process."""
    import numpy as np
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    from benchmarks.peak import matrix_product_peak
    from crosslate.corpora.vocabularies import SpecialIds
    from crosslate.models.child import make_child
    from crosslate.models.parent import Parent, parse_size
    from crosslate.models.strategies import parse_strategy
    from crosslate.training.batches import collate, plan_batches
    from crosslate.training.loop import train
    from crosslate.training.loss import TranslationLoss
    from crosslate.training.settings import TrainingSettings
    from crosslate.training.trainee import Trainee

    class Ids:
        """Random ids; lengths as in captions: 8 to 40 tokens, 15 in the mean."""

        def __init__(self, count: int) -> None:
            random = np.random.default_rng(1)
            lengths = np.clip(random.lognormal(2.65, 0.35, (2, count)), 6, 40).astype(np.int64)
            self.source_lengths, self.target_lengths = lengths
            self.ids = random.integers(3, VOCABULARY, 64)

        def __len__(self) -> int:
            return len(self.source_lengths)

        def source_ids(self, index: int) -> np.ndarray:
            return self.ids[: self.source_lengths[index]]

        def target_ids(self, index: int) -> np.ndarray:
            return self.ids[: self.target_lengths[index]]

    class Pieces:
        """A vocabulary's size and special ids; nothing is tokenised here."""

        special = SpecialIds()

        def __len__(self) -> int:
            return VOCABULARY

    parent = Parent.create(Pieces(), Pieces(), "fr", "en", parse_size(size))
    if mode == "parent":
        model = parent.model
        constant = parent.anatomy.constant
        named = {name: each for name, each in model.named_parameters() if name not in constant}
        for each in named.values():
            each.requires_grad_(True)
        parameters, fresh = {"enc": named}, frozenset({"enc"})
    else:
        strategy = parse_strategy(mode)
        new = {"new_source" if "source" in strategy.renews else "new_target": ("de", Pieces())}
        child = make_child(parent, strategy, **new)
        model, parameters, fresh = child.model, child.trained, strategy.reinitialise
    pairs = Ids(20_000)
    settings = TrainingSettings(
        max_epochs=0, max_updates=updates, precision=precision, checkpoint_every_seconds=0
    )
    with tempfile.TemporaryDirectory() as folder:
        trainee = Trainee(model, parameters, fresh, 2, 2, 2)
        warm = TrainingSettings(max_epochs=0, max_updates=5, precision=precision, checkpoint_every_seconds=0)
        train(trainee, pairs, warm, None, Path(folder) / "warm")
        record = train(trainee, pairs, settings, None, Path(folder) / "run")
    peak_bytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    used = record["precision"]
    operations = tokens = 0
    objective = TranslationLoss(model, 0.1)
    for planned in plan_batches(pairs.source_lengths, pairs.target_lengths, settings.batch_tokens, 1, 0)[:4]:
        batch = collate(pairs, planned, source_pad=2, target_pad=2, decoder_start=2)
        with FlopCounterMode(display=False) as counter:
            objective(batch).backward()
        operations += counter.get_total_flops()
        tokens += batch.num_tokens
    rate = record["tokens"] / record["training_seconds"]
    peak = matrix_product_peak(torch.bfloat16 if used == "bf16" else torch.float32)
    return {
        "tokens_per_second": rate,
        "share_of_peak": rate * operations / tokens / peak,
        "peak_gflops": peak / 1e9,
        "gflop_per_1k_tokens": operations / tokens / 1e6,
        "megabytes": peak_bytes / 1e6,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", default="small")
    parser.add_argument("--updates", type=int, default=40)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--mode", choices=MODES)
    arguments = parser.parse_args()
    if arguments.mode:
        print(json.dumps(measure(arguments.mode, arguments.size, arguments.updates, arguments.precision)))
        return
    results: dict[str, list[dict[str, float]]] = {mode: [] for mode in MODES}
    for _ in range(arguments.turns):
        for mode in MODES:
            command = [sys.executable, "-m", "benchmarks.training", "--mode", mode, "--size", arguments.size,
                       "--updates", str(arguments.updates), "--precision", arguments.precision]  # fmt: skip
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            results[mode].append(json.loads(done.stdout.splitlines()[-1]))
    print(f"training, size {arguments.size}, {arguments.updates} updates, {arguments.turns} turns (medians)")
    print(
        f"{'mode':12}{'tokens/s':>10}{'min-max':>16}{'vs parent':>11}{'of peak':>9}{'GFLOP/1k':>10}{'MB':>8}"
    )
    for mode, rows in results.items():
        rates = [row["tokens_per_second"] for row in rows]
        ratio = statistics.median(
            rate / base["tokens_per_second"] for rate, base in zip(rates, results["parent"], strict=True)
        )
        print(
            f"{mode:12}{statistics.median(rates):10,.0f}{f'{min(rates):,.0f}-{max(rates):,.0f}':>16}{ratio:11.2f}"
            f"{100 * statistics.median(row['share_of_peak'] for row in rows):8.0f}%"
            f"{statistics.median(row['gflop_per_1k_tokens'] for row in rows):10.1f}"
            f"{statistics.median(row['megabytes'] for row in rows):8,.0f}"
        )
    peaks = [row["peak_gflops"] for rows in results.values() for row in rows]
    print(
        f"matrix-product peak: {statistics.median(peaks):,.0f} GFLOP/s ({min(peaks):,.0f}-{max(peaks):,.0f})"
    )


if __name__ == "__main__":
    main()
