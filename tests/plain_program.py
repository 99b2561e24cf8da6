"""Runs the program that a merged checkpoint's README shows, in this process."""

from __future__ import annotations

import contextlib
import io
import re
from collections.abc import Sequence
from pathlib import Path
from unittest import mock


def program_of(folder: Path) -> str:
    """The program, with the folder in place of the current one."""
    (program,) = re.findall(
        r"```python\n(.*?)```", (folder / "README.md").read_text(encoding="utf-8"), re.DOTALL
    )
    assert program.count('folder = "."') == 1 and "crosslate" not in program
    return str(program).replace('folder = "."', f"folder = {str(folder)!r}")


def run(folder: Path, texts: Sequence[str]) -> list[str]:
    """The lines that it prints for lines of text."""
    written = io.StringIO()
    lines = io.StringIO("".join(f"{text}\n" for text in texts))
    with contextlib.redirect_stdout(written), mock.patch("sys.stdin", lines):
        exec(program_of(folder), {})
    return written.getvalue().splitlines()
