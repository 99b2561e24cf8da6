"""Effect of keeping freed memory in the process: the same updates with and without it, on one core.

    python -m benchmarks.allocator [MODE] [--size tiny] [--updates 60]

MODE is what is trained, as in ``benchmarks.training``: in fp32, in batches of 1,024 positions. Each way has a
process of its own, and they take turns, since what is told to the C library stays told.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
from contextlib import nullcontext
from statistics import median

WAYS = ("usual", "kept")


def measure(way: str, mode: str, size: str, updates: int) -> None:
    """Prints seconds of the processor, pages fetched and the peak of resident memory in MB."""
    import torch

    from benchmarks.generated import Captions, make_trainee
    from benchmarks.profiling import make_step
    from crosslate.training.batches import collate, plan_batches
    from crosslate.training.cpu import kept_memory

    torch.set_num_threads(1)
    trainee, pairs = make_trainee(mode, size), Captions(6_000)
    plan = plan_batches(pairs.source_lengths, pairs.target_lengths, 1024, 1, 0)[:30]
    batches = [collate(pairs, planned, trainee.ids) for planned in plan]
    step = make_step(trainee, batches, is_plain=True)
    with kept_memory() if way == "kept" else nullcontext():
        for number in range(len(batches)):
            step(number)
        before = resource.getrusage(resource.RUSAGE_SELF)
        for number in range(updates):
            step(number % len(batches))
        after = resource.getrusage(resource.RUSAGE_SELF)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(seconds, after.ru_minflt - before.ru_minflt, after.ru_maxrss / 1024)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("mode", nargs="?", default="src+xattn")
    parser.add_argument("--size", default="tiny")
    parser.add_argument("--updates", type=int, default=60)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--way", choices=WAYS, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    rest = (arguments.mode, arguments.size, arguments.updates)
    if arguments.way:
        measure(arguments.way, *rest)
        return
    command = [sys.executable, "-m", "benchmarks.allocator", arguments.mode, "--size", arguments.size]
    command += ["--updates", str(arguments.updates), "--way"]
    found: dict[str, list[list[float]]] = {way: [] for way in WAYS}
    for _ in range(arguments.turns):
        for way in WAYS:
            done = subprocess.run([*command, way], check=True, stdout=subprocess.PIPE, text=True)
            found[way].append([float(value) for value in done.stdout.split()])
    print("| memory | processor, s | pages fetched | peak, MB |\n|---|---|---|---|")
    for way in WAYS:
        seconds, pages, peak = zip(*found[way])
        spread = f"{median(seconds):.1f} ({min(seconds):.1f}-{max(seconds):.1f})"
        print(f"| {way} | {spread} | {median(pages):,.0f} | {median(peak):,.0f} |")


if __name__ == "__main__":
    main()
