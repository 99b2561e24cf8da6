"""What every kind of document is made of: parts that are copied, text, and marks between characters."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

from crosslate.documents.placement import Align, Role


@dataclass(frozen=True)
class Segment:
    """A sentence of a document, as a translator gets it.

    Attributes:
        text: on one line, without markup and placeholders; never blank.
        has_marks: something must be put back into its translation, so an alignment of words would help.
    """

    text: str
    has_marks: bool = False


@dataclass
class Filling:
    """What a document is filled with.

    Attributes:
        translations: by index of the segment.
        align: see :data:`crosslate.documents.placement.Align`.
    """

    translations: Sequence[str]
    align: Align | None = None


class Part(Protocol):
    """A part of a document that depends on translations."""

    def fill(self, filling: Filling) -> str: ...


Piece = str | Part


def fill(pieces: Iterable[Piece], filling: Filling) -> str:
    """The pieces one after the other, with their translations."""
    return "".join(piece if isinstance(piece, str) else piece.fill(filling) for piece in pieces)


@dataclass(frozen=True)
class Wrapped:
    """Pieces whose text is written in some notation of its own, such as a quoted string."""

    pieces: Sequence[Piece]
    wrap: Callable[[str], str]

    def fill(self, filling: Filling) -> str:
        return self.wrap(fill(self.pieces, filling))


@dataclass(frozen=True)
class Text:
    """Characters that are read.

    Attributes:
        raw: as the document spells them.
        plain: as they are meant; it is ``raw`` itself, or a whole that cannot be cut (``&amp;``).
    """

    raw: str
    plain: str


@dataclass(frozen=True, eq=False)
class Mark:
    """Something between characters: a tag, a placeholder, a comment, a line break inside a sentence.

    Attributes:
        pieces: what it is in the document.
        name: of the element, for starts and ends to find each other.
        plain: what a reader of the sentence sees in its place: nothing or a space.
        if_changed: what it is beside changed text; None is ``pieces``.
    """

    pieces: Sequence[Piece]
    role: Role = "point"
    name: str = ""
    plain: str = ""
    if_changed: Sequence[Piece] | None = None

    def fill(self, filling: Filling, is_changed: bool = False) -> str:
        pieces = self.if_changed if is_changed and self.if_changed is not None else self.pieces
        return fill(pieces, filling)


Item = Text | Mark
Escape = Callable[[str], str]


def cut(items: Iterable[Item], offsets: Iterable[int]) -> list[Item]:
    """``items`` with texts cut at ``offsets``; one that is spelt otherwise than meant stays whole."""
    wanted = sorted(set(offsets))
    result: list[Item] = []
    start = 0
    for item in items:
        end = start + len(item.plain)
        if isinstance(item, Text) and item.raw == item.plain:
            inner = wanted[bisect_right(wanted, start) : bisect_left(wanted, end)]
            edges = [start, *inner, end]
            for left, right in pairwise(edges):
                part = item.raw[left - start : right - start]
                result.append(Text(part, part))
        else:
            result.append(item)
        start = end
    return result


def partners_of(items: Sequence[Item]) -> dict[int, int]:
    """For starts and ends of elements the index of the other; those crossed by others have none."""
    partners: dict[int, int] = {}
    stack: list[int] = []
    num_open: dict[str, int] = {}
    for index, item in enumerate(items):
        if not isinstance(item, Mark) or item.role not in ("open", "close"):
            continue
        if item.role == "open":
            stack.append(index)
            num_open[item.name] = num_open.get(item.name, 0) + 1
        elif num_open.get(item.name):
            while True:
                other = stack.pop()
                name = items[other].name  # type: ignore[union-attr]
                num_open[name] -= 1
                if name == item.name:
                    break
            partners[index], partners[other] = other, index
    return partners


def has_letters(text: str) -> bool:
    return any(map(str.isalpha, text))
