"""Compare training and translation with common alternatives, as ratios in one run.

    python -m benchmarks.compare [--size small] [--pairs 6000] [--turns 3] [--ours MODE ...]
        [--theirs PEER ...] [--peers .venv-peers] [--out FILE]

Hugging Face's Seq2SeqTrainer (everything, the tensors of src+xattn, LoRA through PEFT) and JoeyNMT
(everything) have an environment each, made at first use in the folder ``--peers``. ``--theirs`` names the
peers to run: where ``joeynmt`` is not among them, it is neither installed nor run; the system of the first
row always is. Every measurement is a process of its own; systems take turns, each turn gives ratios, and
their median and spread are printed. ``--out`` writes everything as JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.environments import peer_python

HERE = Path(__file__).parent
OURS = ("all", "src+xattn", "tgt+xattn", "src+body")
PEERS = ("all", "src+xattn", "lora", "joeynmt")
REFERENCE = "Seq2SeqTrainer all"


def run(command: list[str]) -> Any:
    """The JSON that a command prints in its last line."""
    done = subprocess.run(command, capture_output=True, text=True, cwd=HERE.parent)
    if done.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{done.stderr[-3000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def systems(arguments: argparse.Namespace, task: Path) -> dict[str, list[str]]:
    """The command of every system by its name."""
    trainer = [peer_python("trainer", arguments.peers), str(HERE / "peers" / "trainer.py"), str(task)]
    ours = [sys.executable, "-m", "benchmarks.training"]
    options = ["--size", arguments.size, "--pairs", str(arguments.pairs)]
    # The baseline comes first.
    modes = [mode for mode in dict.fromkeys(["all", *arguments.theirs]) if mode != "joeynmt"]
    commands = {f"Seq2SeqTrainer {mode}": [*trainer, mode, "bf16"] for mode in modes}
    if "joeynmt" in arguments.theirs:
        joey = [peer_python("joeynmt", arguments.peers), str(HERE / "peers" / "joey.py"), str(task)]
        commands["JoeyNMT all"] = [*joey, "bf16"]
    return commands | {f"Crosslate {mode}": [*ours, mode, *options] for mode in arguments.ours}


def spread(values: list[float], unit: str = "") -> str:
    middle = statistics.median(values)
    digits = 0 if middle >= 100 else 2
    return f"{middle:,.{digits}f}{unit} ({min(values):,.{digits}f}-{max(values):,.{digits}f})"


def shares_of_peak(rows: Sequence[Mapping[str, float]]) -> list[float]:
    """Percent of the best peak of all turns: a peak measured in a busy moment would flatter."""
    with_peak = [row for row in rows if "share_of_peak" in row]
    highest = max((row["peak_gflops"] for row in with_peak), default=0.0)
    return [100 * row["share_of_peak"] * row["peak_gflops"] / highest for row in with_peak]


def table(results: dict[str, list[dict[str, float]]]) -> str:
    lines = [
        "| system | tokens/s | epoch, to the first row's | of peak | peak memory, MB | to the first row's |",
        "|---|---|---|---|---|---|",
    ]
    reference = results[REFERENCE]
    for name, rows in results.items():
        ratios = [row["seconds"] / base["seconds"] for row, base in zip(rows, reference, strict=True)]
        memory = [row["megabytes"] / base["megabytes"] for row, base in zip(rows, reference, strict=True)]
        shares = shares_of_peak(rows)
        lines.append(
            f"| {name} | {spread([row['tokens_per_second'] for row in rows])} "
            f"| 1/{1 / statistics.median(ratios):.2f} (1/{1 / min(ratios):.2f}-1/{1 / max(ratios):.2f}) "
            f"| {spread(shares, ' %') if shares else ''} "
            f"| {spread([row['megabytes'] for row in rows])} | {statistics.median(memory):.2f} |"
        )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", default="small")
    parser.add_argument("--pairs", type=int, default=6_000)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--ours", nargs="*", default=OURS, metavar="MODE")
    parser.add_argument("--theirs", nargs="*", default=PEERS, choices=PEERS, metavar="PEER")
    parser.add_argument("--peers", type=Path, default=Path(".venv-peers"))
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()

    from benchmarks.generated import Captions, save_task

    results: dict[str, list[dict[str, Any]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        task = Path(folder)
        save_task(task, arguments.size, Captions(arguments.pairs))
        commands = systems(arguments, task)
        for turn in range(arguments.turns):
            for name, command in commands.items():
                results.setdefault(name, []).append(run(command))
                print(f"turn {turn + 1}: {name}: {results[name][-1]['seconds']:.1f} s", file=sys.stderr)
                if arguments.out:
                    arguments.out.write_text(json.dumps(results, indent=1))
    print(
        f"size {arguments.size}, {arguments.pairs:,} pairs, {os.cpu_count()} cores, "
        f"{arguments.turns} turns: median (lowest-highest)\n"
    )
    print(table(results))


if __name__ == "__main__":
    main()
