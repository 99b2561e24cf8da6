"""``crosslate demo``."""

from __future__ import annotations


def demo() -> None:
    """Train, adapt and compose on the built-in phrasebook."""
