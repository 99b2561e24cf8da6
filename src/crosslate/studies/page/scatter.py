"""A picture of quality against bytes: every strategy a point, and every pack in fewer bytes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from crosslate.models.strategies import parse_strategy
from crosslate.studies.page.svg import (
    LINE_HEIGHT,
    Frame,
    drawing,
    element,
    label,
    spread,
    text_width,
    ticks,
)
from crosslate.studies.recipe import RIVALS, part_of

WIDTH, LEAST_HEIGHT = 640.0, 300.0
_PAPERS, _RIVAL, _SMALLER = 3, 1, 2
"""Styles of the paper's strategies, of the others, and of packs in fewer bytes."""


@dataclass(frozen=True)
class Point:
    """One pack.

    Attributes:
        name: its label.
        num_bytes: of its tensors.
        score: BLEU.
        style: index of its colour.
    """

    name: str
    num_bytes: int
    score: float
    style: int


def quality_by_bytes(
    strategies: Mapping[str, Any] | None, smaller: Mapping[str, Any] | None
) -> list[tuple[str, Markup]]:
    """A picture for each child, with its name.

    Args:
        strategies: the report's table of strategies side by side.
        smaller: its table of packs in fewer bytes.
    """
    points: dict[str, list[Point]] = {}
    for row in (strategies or {}).get("rows", ()):
        child, _, strategy = str(row[0]).partition(" ")
        style = _RIVAL if part_of(parse_strategy(strategy)) in RIVALS else _PAPERS
        points.setdefault(child, []).append(Point(strategy, int(row[3]), float(row[1]), style))
    for row in (smaller or {}).get("rows", ()):
        child, _, strategy = str(row[0]).partition(",")[0].partition(" ")
        if child in points:
            points[child].append(Point(f"{strategy} in {row[1]}", int(row[2]), float(row[4]), _SMALLER))
    return [
        (child, _picture(f"quality-{number}", child, found))
        for number, (child, found) in enumerate(points.items(), start=1)
    ]


def _picture(identifier: str, child: str, points: list[Point]) -> Markup:
    height = max(LEAST_HEIGHT, 80 + LINE_HEIGHT * len(points))
    sizes = [math.log10(point.num_bytes / 1e6) for point in points]
    low, high = min(sizes) - 0.05, max(sizes) + 0.05
    scores = [point.score for point in points]
    y_ticks = ticks(min(scores), max(scores))
    right = WIDTH - 24 - max(text_width(point.name) for point in points)
    left = 16 + max(text_width(f"{tick:,.10g}") for tick in y_ticks)
    frame = Frame(left, 34, right, height - 42, (low, high), (y_ticks[0], y_ticks[-1]))
    parts = [frame.axes("MB of tensors (logarithmic)", "BLEU", [], y_ticks), _size_ticks(frame)]
    places = [frame.at(size, point.score) for size, point in zip(sizes, points)]
    rows = spread([y for _, y in places], LINE_HEIGHT, frame.top, frame.bottom)
    for point, (x, y), row in zip(points, places, rows):
        said = f"{point.name}: {point.score:.1f} BLEU, {point.num_bytes / 1e6:.2f} MB"
        series = f"series-{point.style}"
        parts += [
            element("line", x1=x + 4, y1=y, x2=right + 16, y2=row, class_=f"leader {series}"),
            element("circle", element("title", said), cx=x, cy=y, r=4.0, class_=f"dot {series}"),
            label(point.name, right + 19, row + 4, class_=f"direct {series}"),
        ]
    described = "; ".join(
        f"{point.name} {point.score:.1f} at {point.num_bytes / 1e6:.2f} MB" for point in points
    )
    return drawing(identifier, WIDTH, height, f"{child}: BLEU by megabytes stored", f"{described}.", *parts)


def _size_ticks(frame: Frame) -> Markup:
    """Numbers 1, 2 and 5 times a power of ten along the axis, at their logarithms."""
    parts = []
    for power in range(math.floor(frame.x[0]), math.ceil(frame.x[1]) + 1):
        for factor in (1, 2, 5):
            size = factor * 10.0**power
            if frame.x[0] <= math.log10(size) <= frame.x[1]:
                x, _ = frame.at(math.log10(size), frame.y[0])
                parts.append(element("line", x1=x, x2=x, y1=frame.bottom, y2=frame.bottom + 4, class_="axis"))
                parts.append(label(f"{size:g}", x, frame.bottom + 17, class_="tick", text_anchor="middle"))
    return element("g", *parts)
