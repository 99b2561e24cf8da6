"""Consoles, and numbers as people read them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console


def console() -> Console:
    """Standard output: results."""
    from rich.console import Console

    return Console(highlight=False)


def error_console() -> Console:
    """Standard error: progress, notes and errors."""
    from rich.console import Console

    return Console(stderr=True, highlight=False)


def megabytes(num_bytes: float) -> str:
    """Bytes in MB of 10^6, as in ``12.3 MB``."""
    return f"{num_bytes / 1e6:,.1f} MB"


def millions(count: int) -> str:
    """A count as ``1.23 M``; small counts in full."""
    return f"{count / 1e6:,.2f} M" if count >= 100_000 else f"{count:,}"
