"""Peak memory of ``crosslate parent train`` and ``adapt`` on generated pairs.

    python -m benchmarks.streaming --pairs 2000000

Text is read, cleaned, stored and encoded as in any run; the model is tiny and makes a few updates, so that
the peak is that of the program and the corpus. Ends with exit code 1 if a command held 1 GB or more.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.corpora import write_pairs

LIMIT_BYTES = 1_000_000_000
VALID_PAIRS = 20
COMMON = ["--size", "1,32,2,64", "--vocab-size", "1000", "--updates", "3", "--batch-tokens", "1024"]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--pairs", type=int, default=2_000_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        train, valid = ((folder / f"{part}.aa", folder / f"{part}.bb") for part in ("train", "valid"))
        write_pairs(train, options.pairs, options.seed)
        write_pairs(valid, VALID_PAIRS, options.seed + 1)
        text = ["--train", *map(str, train), "--valid", *map(str, valid)]
        parent = folder / "parent"
        peaks = [
            peak("parent", "train", "--langs", "aa-bb", "--out", str(parent), *text, *COMMON),
            peak("adapt", "--parent", str(parent), "--new-source", "cc", "--out", str(folder / "pack"), *text,
                 *COMMON[2:]),
        ]  # fmt: skip
        size = sum(path.stat().st_size for path in train)
    print(f"{options.pairs:,} pairs, {size / 1e6:,.0f} MB of text")
    return int(max(peaks) >= LIMIT_BYTES)


def peak(*arguments: str) -> int:
    """Runs a command; its peak of resident memory in bytes."""
    started = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-m", "crosslate", *arguments])
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"crosslate {' '.join(arguments)} ended with {process.returncode}")
    seconds = time.perf_counter() - started
    name = " ".join(each for each in arguments[:2] if not each.startswith("-"))
    print(
        f"crosslate {name}: {usage.ru_maxrss * 1024 / 1e6:,.0f} MB at the peak, {seconds:,.0f} s", flush=True
    )
    return int(usage.ru_maxrss * 1024)


if __name__ == "__main__":
    sys.exit(main())
