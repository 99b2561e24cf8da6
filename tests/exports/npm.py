"""Packages of npm for the checks of exports, installed at first use beside the other peers."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from benchmarks.environments import FOLDER


def npm_folder(name: str, package: str) -> Path:
    """The folder that npm installed a package into; no script of a package is run."""
    folder = FOLDER / name
    if not (folder / "installed").exists():
        print(f"installing {package} into {folder}", file=sys.stderr)
        options = ["--ignore-scripts", "--no-audit", "--no-fund", "--silent"]
        subprocess.run(["npm", "install", "--prefix", folder, *options, package], check=True)
        (folder / "installed").touch()
    return folder
