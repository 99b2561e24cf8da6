"""Run all benchmarks: ``make bench`` prints their output and writes it to docs/performance.md.

    python -m benchmarks [--parent FOLDER --train FILE FILE --valid FILE FILE --text FILE] [--pack FOLDER]
        [--turns 3]

``--parent`` is a trained parent into English; with it go a new pair's texts for the time to a score, and a
text in the parent's source language to translate. ``--pack`` is a pack on disk for the time of a cold
command. What is not given is left out.
"""

from __future__ import annotations

import argparse
import datetime
import json
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.environments import peer_python
from benchmarks.targets import table

PAGE = Path(__file__).parent.parent / "docs" / "performance.md"
START, END = "<!-- measured: start -->", "<!-- measured: end -->"

MEASURED = {
    "Training a small model": "small",
    "Training a Transformer base": "base",
    "Time to a score": "score",
    "Translating": "translation",
    "Being ready": "ready",
}


def commands(arguments: argparse.Namespace) -> dict[str, list[str]]:
    """The arguments of ``python -m`` by the heading under which their output goes."""
    turns = ["--turns", str(arguments.turns), "--peers", str(arguments.peers)]
    pack = ["--pack", str(arguments.pack)] if arguments.pack else []
    found = {
        "Training a small model": ["benchmarks.compare", "--pairs", "2500", *turns],
        "Training a Transformer base": [
            "benchmarks.compare", "--size", "base", "--pairs", "600", "--theirs", "all",
            "--ours", "src+xattn", *turns,
        ],
        "Where the time goes": ["benchmarks.profiling"],
    }  # fmt: skip
    if arguments.parent:
        parent = ["--parent", str(arguments.parent)]
        train, valid = ([str(each) for each in paths] for paths in (arguments.train, arguments.valid))
        found["Time to a score"] = [
            "benchmarks.learning", *parent, "--train", *train, "--valid", *valid,
            "--pairs", "2500", "--plain", *turns,
        ]  # fmt: skip
        found["Translating"] = ["benchmarks.translation", *parent, "--text", str(arguments.text), *turns[:2]]
    return found | {
        "Being ready": ["benchmarks.readiness", *pack],
        "Preparing half a million pairs": ["benchmarks.corpora", "--pairs", "500000"],
    }


def machine() -> str:
    import torch

    from crosslate.training.devices import versions

    described = ", ".join(f"{name} {version}" for name, version in versions().items())
    return (
        f"{datetime.date.today()}: {platform.machine()}, {torch.get_num_threads()} cores, "
        f"{torch.backends.cpu.get_cpu_capability()}; {described}."
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--parent", type=Path)
    parser.add_argument("--train", type=Path, nargs=2, default=[])
    parser.add_argument("--valid", type=Path, nargs=2, default=[])
    parser.add_argument("--text", type=Path)
    parser.add_argument("--pack", type=Path)
    parser.add_argument("--peers", type=Path, default=Path(".venv-peers"))
    parser.add_argument("--turns", type=int, default=3)
    arguments = parser.parse_args()
    if arguments.parent and not (arguments.train and arguments.valid and arguments.text):
        parser.error("--parent needs --train, --valid and --text")
    for name in ("trainer", "joeynmt"):  # made before anything is timed
        peer_python(name, arguments.peers)
    sections = [machine(), ""]
    measured: dict[str, Any] = {}
    for heading, command in commands(arguments).items():
        print(f"\n== {heading}: python -m {' '.join(command)}", flush=True)
        started = time.monotonic()
        with tempfile.TemporaryDirectory() as folder:
            out = Path(folder) / "measured.json"
            written = ["--out", str(out)] if heading in MEASURED else []
            done = subprocess.run(
                [sys.executable, "-m", *command, *written], stdout=subprocess.PIPE, text=True
            )
            if out.exists():
                measured[MEASURED[heading]] = json.loads(out.read_text(encoding="utf-8"))
        minutes = (time.monotonic() - started) / 60
        print(done.stdout, flush=True)
        outcome = "" if not done.returncode else f"\n\nEnded with exit code {done.returncode}."
        text = done.stdout.strip()
        shown = text if "|---" in text else f"```\n{text}\n```"
        # Leave out local folders.
        shell = " ".join(Path(part).name if Path(part).is_absolute() else part for part in command)
        sections.append(f"### {heading}\n\n`python -m {shell}`, {minutes:.1f} minutes\n\n{shown}{outcome}")
        sections[1] = table(**({name: {} for name in MEASURED.values()} | measured))
        page = PAGE.read_text(encoding="utf-8")
        before, after = page.split(START)[0], page.split(END)[1]
        print(sections[1], flush=True)
        PAGE.write_text(f"{before}{START}\n\n" + "\n\n".join(sections) + f"\n\n{END}{after}", "utf-8")


if __name__ == "__main__":
    main()
