"""The Dockerfile by hadolint: ``make test-deployment``. Ends with 1 if it finds anything at all."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from benchmarks.environments import ROOT, peer_python


def main() -> None:
    hadolint = Path(peer_python("hadolint")).with_name("hadolint")
    done = subprocess.run([str(hadolint), "--failure-threshold", "style", "Dockerfile"], cwd=ROOT)
    sys.exit(done.returncode)


if __name__ == "__main__":
    main()
