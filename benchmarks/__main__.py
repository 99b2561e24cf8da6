"""All benchmarks, one after the other: ``make bench`` or ``python -m benchmarks``."""

from __future__ import annotations

import subprocess
import sys

for name in ("training", "translation", "corpora"):
    subprocess.run([sys.executable, "-m", f"benchmarks.{name}", *sys.argv[1:]], check=True)
