"""Wheel and sdist of this checkout, installed and tried on each supported Python: ``make test-versions``.

    python -m tests.releases.versions [3.12 3.13]

Interpreters are taken from the PATH and from pyenv. Each gets a fresh environment with the newest versions of the
packages that it may have, but the pinned PyTorch. Ends with 1 where something fails or an interpreter is missing.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.environments import FOLDER, ROOT
from tools.release import build, git

VERSIONS = ("3.10", "3.11", "3.12", "3.13")
SMOKE = Path(__file__).with_name("smoke.py")


def main() -> None:
    wanted = sys.argv[1:] or VERSIONS
    with tempfile.TemporaryDirectory() as folder:
        epoch = int(git(ROOT, "log", "-1", "--format=%ct"))
        built = build(ROOT, Path(folder), epoch)
        sizes = ", ".join(f"{path.name} {path.stat().st_size / 1e6:.1f} MB" for path in built)
        print(sizes, file=sys.stderr)
        (wheel,) = [path for path in built if path.suffix == ".whl"]
        outcomes = {}
        for version in wanted:
            place = FOLDER / "versions" / version
            outcomes[version] = outcome(version, wheel, place)
            shutil.rmtree(place, ignore_errors=True)  # gigabytes, where PyTorch brings CUDA along
    print("| Python | works |\n|---|---|")
    for version, (works, words) in outcomes.items():
        print(f"| {version} | {'yes' if works else 'no'}: {words} |")
    sys.exit(not all(works for works, _ in outcomes.values()))


def outcome(version: str, wheel: Path, place: Path) -> tuple[bool, str]:
    """Whether a wheel works on a Python, and what it did or what failed."""
    python = interpreter(version)
    if python is None:
        return False, f"there is no python{version} on the PATH or in pyenv; install it"
    subprocess.run([python, "-m", "venv", "--clear", str(place)], check=True)
    mine = str(place / "bin" / "python")
    (torch,) = re.findall(
        r"^torch==.*$", (ROOT / "constraints.txt").read_text(encoding="utf-8"), re.MULTILINE
    )
    for packages in ([torch], [f"{wheel}[serve]"]):
        done = run([mine, "-m", "pip", "install", "--quiet", *packages])
        if done.returncode:
            return False, f"pip install {packages[0]}: {done.stderr.strip()[-500:]}"
    # From elsewhere, so that nothing of the checkout is imported.
    with tempfile.TemporaryDirectory() as folder:
        for command in ([mine, "-m", "pip", "check"], [mine, str(SMOKE)]):
            done = run(command, folder)
            if done.returncode:
                return False, f"{Path(command[-1]).name}: {(done.stdout + done.stderr).strip()[-1500:]}"
    return True, done.stdout.strip()


def run(command: list[str], folder: str | None = None) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    environment |= {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=1800)


def interpreter(version: str) -> str | None:
    """The path of a Python of this version."""
    root = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    candidates = [*sorted(root.glob(f"{version}.*/bin/python"), reverse=True)]
    on_path = shutil.which(f"python{version}")
    for path in [*map(str, candidates), *([on_path] if on_path else [])]:
        asked = [path, "-c", "import sys, venv; print('%d.%d' % sys.version_info[:2])"]
        done = subprocess.run(asked, capture_output=True, text=True)
        if done.stdout.strip() == version:
            return path
    return None


if __name__ == "__main__":
    main()
