"""Sizes of new Transformers, by name or as four numbers."""

from __future__ import annotations

import re
from dataclasses import dataclass

from crosslate.errors import UsageError, nearest


@dataclass(frozen=True)
class Size:
    """Dimensions of a new Transformer, the same for encoder and decoder."""

    layers: int
    width: int
    heads: int
    feed_forward: int

    def __post_init__(self) -> None:
        if min(self.layers, self.width, self.heads, self.feed_forward) < 1 or self.width % self.heads:
            raise UsageError(f"{self} is invalid: all numbers must be positive and heads must divide width")


SIZES = {
    "tiny": Size(layers=2, width=128, heads=4, feed_forward=512),
    "small": Size(layers=3, width=256, heads=4, feed_forward=1024),
    "base": Size(layers=6, width=512, heads=8, feed_forward=2048),
}


def parse_size(text: str) -> Size:
    """``tiny``, ``small``, ``base``, or numbers ``layers,width,heads,feed_forward`` like ``3,256,4,1024``.

    Raises:
        UsageError: unknown name, or invalid numbers.
    """
    if text in SIZES:
        return SIZES[text]
    numbers = [int(part) for part in text.split(",") if re.fullmatch(r"\s*-?\d+\s*", part)]
    if len(numbers) != 4 or text.count(",") != 3:
        raise UsageError(
            f"unknown model size {text!r}; {nearest(text, list(SIZES))}, "
            "or give layers,width,heads,feed_forward like 3,256,4,1024"
        )
    return Size(*numbers)
