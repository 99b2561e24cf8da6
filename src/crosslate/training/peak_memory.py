"""Peak memory of a training run, measured beside it."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from crosslate.training.allocator import give_back

T = TypeVar("T")

_STATUS, _RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")


class PeakMemory:
    """The largest resident memory of this process since it was made, in bytes.

    Linux can forget an earlier peak. Elsewhere, or where that is not allowed, an earlier and higher peak of
    the same process counts as well.

    Attributes:
        before: what was resident when it was made, after memory that is free had been given back; the program
            itself, what it has loaded, and what other work in the same process has left; 0 where the system
            does not tell.
    """

    def __init__(self) -> None:
        gc.collect()
        give_back()
        _forget()
        self.before = self._peak = _peak_bytes()

    def leaving_out(self, work: Callable[[], T]) -> Callable[[], T]:
        """The same callable, with what it takes left out: validations, which are alike for all strategies."""

        def measured() -> T:
            self.bytes()
            try:
                return work()
            finally:
                _forget()

        return measured

    def bytes(self) -> int:
        """The peak so far; 0 where the system does not tell."""
        self._peak = max(self._peak, _peak_bytes())
        return self._peak


def _forget() -> None:
    try:
        _RESET.write_text("5", encoding="ascii")
    except OSError:
        return


def _peak_bytes() -> int:
    try:
        lines = _STATUS.read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        lines = []
    for line in lines:
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    try:
        import resource
    except ImportError:  # Windows
        return 0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(peak) if sys.platform == "darwin" else int(peak) * 1024
