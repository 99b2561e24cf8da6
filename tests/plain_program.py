"""Merges packs into a plain checkpoint, and runs the program that its README shows, in this process."""

from __future__ import annotations

import contextlib
import io
import re
from collections.abc import Sequence
from pathlib import Path
from unittest import mock

from crosslate.export.formats.hf import HuggingFace
from crosslate.models.parent import Parent
from crosslate.packs.compose import apply_packs
from crosslate.packs.pack import Pack


def merge(parent: Parent, packs: Sequence[Pack], out: Path, precision: str = "float32") -> str:
    """Writes what a parent and its packs make to ``out``; returns what was found when it was checked."""
    manifests = [pack.manifest for pack in packs]
    return HuggingFace().write(apply_packs(parent, packs), manifests, out, precision)


def assert_alike(found: str) -> None:
    """Logits that agree up to rounding, and four sentences at least."""
    logits = re.search(r"logits within (\S+) of the largest", found)
    assert logits is None or float(logits[1]) <= 1e-6, found
    sentences = re.search(r"identical tokens for (\d+) sentences", found)
    assert sentences is not None and int(sentences[1]) >= 4, found


def writing_tokenizer(folder: Path) -> str:
    """Where the tokenizer that writes lies in a merged checkpoint; empty if it reads, too."""
    return "target" if (folder / "target").exists() else ""


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
