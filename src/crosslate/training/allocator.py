"""Memory that the C library hands out: kept for the next tensors while training, given back afterwards.

Where there is no glibc, nothing changes.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager

# Parameters of glibc's mallopt (malloc.h). Blocks above 32 MiB, the highest threshold it takes, still come
# from the system and go back to it one by one.
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
_KEEPING = {_MMAP_THRESHOLD: 32 << 20, _TRIM_THRESHOLD: 2**31 - 1}
# What has been set no longer adapts by itself, so afterwards stands what adapting comes to at the most, and
# not what a process begins with: translations in the same process would be slower ever after.
_AFTERWARDS = {_TRIM_THRESHOLD: 64 << 20}


@contextmanager
def kept_memory() -> Iterator[None]:
    """Inside, memory that tensors leave stays with the process, for the next ones.

    Otherwise the system fills it with zeros, page by page, each time anew, thousands of pages an update: a
    fifth to a third of the time of training a small model (docs/performance.md).
    """
    library = _glibc()
    if library is None:
        yield
        return
    _set(library, _KEEPING)
    try:
        yield
    finally:
        _set(library, _AFTERWARDS)
        library.malloc_trim(0)


def give_back() -> None:
    """What was freed stays resident until the C library is asked for it."""
    library = _glibc()
    if library is not None:
        library.malloc_trim(0)


def _glibc() -> ctypes.CDLL | None:
    try:
        library = ctypes.CDLL(None)
    except (OSError, TypeError):  # Windows
        return None
    return library if hasattr(library, "mallopt") and hasattr(library, "malloc_trim") else None


def _set(library: ctypes.CDLL, values: dict[int, int]) -> None:
    for parameter, value in values.items():
        library.mallopt(parameter, value)
