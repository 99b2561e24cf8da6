"""Cells: independent pieces of a study, each keyed by everything that determines its result."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from crosslate.errors import UsageError
from crosslate.files import sha256_text
from crosslate.studies.texts import PlacedText

ANALYSIS_OPERATIONS = 5e11
_REVISION = 1
"""Part of every key; increased when the same settings mean different work."""


@dataclass(frozen=True)
class Cell:
    """One piece of work.

    Attributes:
        kind: kind of work, done by one of the analyses.
        title: display name, unique within a study.
        spec: plain values that, with ``needs``, determine the result: settings in full, hashes of texts.
        needs: keys of the cells whose results or models this one uses, by role.
        labels: for finding cells in the report (child, strategy, seed, …); not part of the key.
        texts: locations of its texts; not part of the key, since ``spec`` has their hashes.
        operations: approximate floating-point operations, for estimating times. The default is for work
            without training.
        watched: measurements during the work; not part of the key, since they change nothing else.
        published: where a loaded model is published.
    """

    kind: str
    title: str
    spec: dict[str, Any]
    needs: dict[str, str] = field(default_factory=dict)
    labels: dict[str, Any] = field(default_factory=dict)
    texts: dict[str, PlacedText] = field(default_factory=dict)
    operations: float = ANALYSIS_OPERATIONS
    watched: dict[str, Any] = field(default_factory=dict)
    published: str = ""

    @cached_property
    def key(self) -> str:
        """Hex sha256 over kind, spec and the keys of needed cells."""
        described = {"revision": _REVISION, "kind": self.kind, "spec": self.spec, "needs": self.needs}
        return sha256_text(json.dumps(described, sort_keys=True, ensure_ascii=False))

    @property
    def slug(self) -> str:
        """A file name: the title and the first 12 digits of the key."""
        words = re.sub(r"[^A-Za-z0-9+]+", "-", self.title).strip("-")
        return f"{words}-{self.key[:12]}"


def matching(cells: Sequence[Cell], pattern: str | None) -> list[Cell]:
    """The cells whose kind or title matches a pattern, with all the cells they need, in order.

    Args:
        pattern: a title, a kind, or part of a title; or with ``*`` as a wildcard, a pattern for the whole
            title or kind. Commas separate patterns, except within a matching title. None selects all cells.

    Raises:
        UsageError: one of the patterns matches no cell.
    """
    if pattern is None:
        return list(cells)
    by_key = {cell.key: cell for cell in cells}
    found: set[str] = set()
    left = _chosen_by_several(pattern, cells)
    while left:
        cell = left.pop()
        if cell.key not in found:
            found.add(cell.key)
            left += [by_key[key] for key in cell.needs.values() if key in by_key]
    return [cell for cell in cells if cell.key in found]


def find(cells: Sequence[Cell], kind: str, **labels: Any) -> list[Cell]:
    """The cells of a kind with these labels."""
    return [
        cell
        for cell in cells
        if cell.kind == kind and all(cell.labels.get(name) == value for name, value in labels.items())
    ]


def _chosen_by_several(pattern: str, cells: Sequence[Cell]) -> list[Cell]:
    """Splits at commas, keeping as many parts together as match a title, since titles contain commas."""
    parts = pattern.strip(", ").split(",")
    found: list[Cell] = []
    first = 0
    while first < len(parts):
        for last in range(len(parts), first, -1):
            if chosen := _chosen(",".join(parts[first:last]).strip(), cells):
                found += chosen
                break
        else:
            part, shown = parts[first].strip(), "; ".join(cell.title for cell in cells[:8])
            raise UsageError(
                f"no cell matches {part!r}; the study has {len(cells)} cells, starting with: {shown}"
            )
        first = last
    return found


def _chosen(pattern: str, cells: Sequence[Cell]) -> list[Cell]:
    if not pattern:
        return []
    named = [cell for cell in cells if cell.title == pattern] or [
        cell for cell in cells if cell.kind == pattern
    ]
    if named or "*" not in pattern:
        return named or [cell for cell in cells if pattern in cell.title]
    # Not fnmatch, since strategy names contain brackets, such as src+xattn[layers=0].
    wanted = re.compile(".*".join(map(re.escape, pattern.split("*"))))
    return [cell for cell in cells if wanted.fullmatch(cell.title) or wanted.fullmatch(cell.kind)]
