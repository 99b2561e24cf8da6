"""Output to standard output or a file, and progress bars."""

from __future__ import annotations

import stat
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TypeVar

from crosslate.cli.console import error_console
from crosslate.errors import InputError
from crosslate.files import atomic_file

T = TypeVar("T")

STANDARD_OUTPUT = "-"


@contextmanager
def open_output(path: Path | None) -> Iterator[IO[bytes]]:
    """A stream of bytes to ``path``; None and ``-`` are standard output.

    Files are written atomically, except pipes and devices such as ``/dev/null``.

    Raises:
        InputError: ``path`` is a folder.
    """
    if path is None or str(path) == STANDARD_OUTPUT:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    mode = path.stat().st_mode if path.exists() else stat.S_IFREG
    if stat.S_ISDIR(mode):
        raise InputError(f"{path} is a folder, expected a file name")
    if not stat.S_ISREG(mode):
        with path.open("wb") as file:
            yield file
        return
    with atomic_file(path.resolve()) as temporary, temporary.open("wb") as file:
        yield file


def write_lines(path: Path, lines: Iterable[str]) -> None:
    """Writes lines in UTF-8; see :func:`open_output`."""
    with open_output(path) as file:
        for line in lines:
            file.write(line.encode("utf-8") + b"\n")


def with_bar(items: Iterable[T], description: str, total: int | None) -> Iterator[T]:
    """Yields ``items`` with a progress bar on standard error, if that is a terminal.

    Args:
        total: number of items; None if unknown.
    """
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = error_console()
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TextColumn("sentences"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        yield from progress.track(items, total=total, description=description)
