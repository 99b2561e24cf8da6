"""Sizes and architectures of new Transformers, by name or as four numbers."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Literal

from crosslate.errors import UsageError, nearest


@dataclass(frozen=True)
class Size:
    """Dimensions of a new Transformer, the same for encoder and decoder, and its architecture.

    Attributes:
        architecture: ``marian`` (layer norms after sublayers, sinusoidal positions, scaled embeddings) or
            ``paper`` (:mod:`crosslate.models.paper_transformer`).
    """

    layers: int
    width: int
    heads: int
    feed_forward: int
    architecture: Literal["marian", "paper"] = "marian"

    def __post_init__(self) -> None:
        if min(self.layers, self.width, self.heads, self.feed_forward) < 1 or self.width % self.heads:
            raise UsageError(f"{self} is invalid: all numbers must be positive and heads must divide width")


SIZES = {
    "tiny": Size(layers=2, width=128, heads=4, feed_forward=512),
    "small": Size(layers=3, width=256, heads=4, feed_forward=1024),
    "base": Size(layers=6, width=512, heads=8, feed_forward=2048),
}


PAPER = "-paper"
"""Ending of a size with the paper's architecture."""


def parse_size(text: str) -> Size:
    """``tiny``, ``small``, ``base``, or numbers ``layers,width,heads,feed_forward`` like ``3,256,4,1024``.

    With ``-paper`` after it (``base-paper``), the model has the paper's architecture.

    Raises:
        UsageError: unknown name, or invalid numbers.
    """
    if text.endswith(PAPER):
        return replace(parse_size(text.removesuffix(PAPER)), architecture="paper")
    if text in SIZES:
        return SIZES[text]
    numbers = [int(part) for part in text.split(",") if re.fullmatch(r"\s*-?\d+\s*", part)]
    if len(numbers) != 4 or text.count(",") != 3:
        raise UsageError(
            f"unknown model size {text!r}; {nearest(text, list(SIZES))}, "
            f"or give layers,width,heads,feed_forward like 3,256,4,1024; {PAPER} may follow, for the paper's "
            "architecture"
        )
    layers, width, heads, feed_forward = numbers
    return Size(layers, width, heads, feed_forward)
