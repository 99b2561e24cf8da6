"""Output to standard output or a file, and progress bars."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, TypeVar

from crosslate.cli.console import error_console
from crosslate.errors import InputError
from crosslate.files import atomic_file

if TYPE_CHECKING:
    from rich.console import RenderableType

T = TypeVar("T")

STANDARD_OUTPUT = "-"
_WINDOW_LINES = 1024
# A bar moves after every window. Windows this small cost about 8 % of the speed.
_SHOWN_WINDOW_LINES = 128
_QUIET_SECONDS = 1.0


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


def is_file(stream: IO[Any]) -> bool:
    """Whether a stream is redirected to a file, rather than shown on a terminal or read by a program."""
    try:
        return stat.S_ISREG(os.fstat(stream.fileno()).st_mode)
    except OSError:  # a stream of ours in memory
        return False


def window_lines() -> int:
    """How many lines to translate at once: fewer if a bar shows how many are done."""
    return _SHOWN_WINDOW_LINES if error_console().is_terminal else _WINDOW_LINES


def with_bar(items: Iterable[T], description: str, total: int | None) -> Iterator[T]:
    """Yields ``items`` with a progress bar on standard error, if that is a terminal.

    The bar appears after a second, so not at all for little text.

    Args:
        total: number of items; None if unknown.
    """
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    class LateBar(Progress):
        def get_renderables(self) -> Iterable[RenderableType]:
            is_late = any((task.elapsed or 0) >= _QUIET_SECONDS for task in self.tasks)
            return super().get_renderables() if is_late else []

    console = error_console()
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TextColumn("sentences"),
        TimeElapsedColumn(),  # it moves between windows, too
        TimeRemainingColumn(),
    )
    with LateBar(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        yield from progress.track(items, total=total, description=description)
