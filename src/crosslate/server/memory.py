"""Memory after large requests."""

from __future__ import annotations

import ctypes
import gc


def give_back_memory() -> None:
    """Gives memory that is free inside this process back to the system, where glibc would keep it."""
    gc.collect()
    try:
        trim = ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError, TypeError):
        return  # another C library
    trim(0)
