"""Pictures of what a child has learnt: its lexicon beside the parent's, and where its attention looks."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

from markupsafe import Markup

from crosslate.studies.page.svg import LINE_HEIGHT, Frame, drawing, element, label, text_width

SIDE = 360.0
CELL = 19.0
_MARGIN = 26.0
_SCALE_WIDTH = 150.0

Place = tuple[float, float]
Box = tuple[float, float, float, float]


def lexicon_map(identifier: str, found: Mapping[str, Any]) -> Markup | None:
    """Words (dots) and their translations (squares) in two dimensions, each joined to its own; None without.

    Args:
        found: of the report's ``maps``: ``title``, ``languages`` and ``points`` without a unit.
    """
    names = ("x", "y", "translation_x", "translation_y")
    points = [each for each in found["points"] if all(math.isfinite(each[name]) for name in names)]
    if not points:
        return None
    frame = _square(
        [each[name] for each in points for name in ("x", "translation_x")],
        [each[name] for each in points for name in ("y", "translation_y")],
    )
    ends = [
        (frame.at(each["x"], each["y"]), frame.at(each["translation_x"], each["translation_y"]))
        for each in points
    ]
    taken = [_around(at) for pair in ends for at in pair]
    marks, texts = [], []
    for each, (word, translation) in zip(points, ends):
        marks.append(_pair(f"{each['word']} – {each['translation']}", word, translation))
        texts.append(_placed(each["word"], word, "child", frame, taken))
        texts.append(_placed(each["translation"], translation, "parent", frame, taken))
    source, _, target = str(found["languages"]).partition("-")
    distance = median(math.dist(*pair) for pair in ends) / (frame.right - frame.left)
    description = (
        f"{len(points)} {source} words (dots) joined to their {target} translations (squares). In the median "
        f"a word is {100 * distance:.0f} % of the map's width from its translation."
    )
    size = {"width": frame.right - frame.left, "height": frame.bottom - frame.top}
    border = element("rect", x=frame.left, y=frame.top, **size, class_="border")
    below = {"class_": "name", "text_anchor": "end"}
    names_of_axes = (
        label("1st principal component, no unit", frame.right, SIDE + 10, **below),
        label("2nd principal component, no unit", frame.left, frame.top - 8, class_="name"),
    )
    parts = (border, *names_of_axes, *marks, *texts)
    return drawing(identifier, SIDE, SIDE + 16, str(found["title"]), description, *parts)


def attention_map(identifier: str, found: Mapping[str, Any]) -> Markup | None:
    """Target pieces down, source pieces across, weights as colour, alignments outlined; None without pieces.

    Args:
        found: of the report's ``attention``: pieces, ``weights`` (target x source, 0-1) and ``alignment``.
    """
    source, target = [str(piece) for piece in found["source"]], [str(piece) for piece in found["target"]]
    if not source or not target:
        return None
    weights = [[weight if math.isfinite(weight) else 0.0 for weight in row] for row in found["weights"]]
    most = max((weight for row in weights for weight in row), default=0.0) or 1.0
    left, top = (8 + max(map(text_width, pieces)) for pieces in (target, source))
    bottom = top + len(target) * CELL
    parts = [
        element(
            "rect", element("title", f"{low} – {across}: {weight:.2f}"),
            x=left + column * CELL, y=top + row * CELL, width=CELL - 1, height=CELL - 1,
            class_="heat", style=f"fill-opacity:{max(weight / most, 0.0):.2f}",
        )
        for row, (low, line) in enumerate(zip(target, weights))
        for column, (across, weight) in enumerate(zip(source, line))
    ]  # fmt: skip
    for row, column in found["alignment"]:
        x, y = left + column * CELL + 0.5, top + row * CELL + 0.5
        parts.append(element("rect", x=x, y=y, width=CELL - 2, height=CELL - 2, class_="outline"))
    for row, piece in enumerate(target):
        y = top + (row + 0.5) * CELL + 3.5
        parts.append(label(piece, left - 5, y, class_="piece", text_anchor="end"))
    for column, piece in enumerate(source):
        x, y = left + (column + 0.5) * CELL + 3.5, top - 6
        parts.append(label(piece, x, y, class_="piece", transform=f"rotate(-90 {x:.1f} {y:.1f})"))
    parts.append(_scale(left, bottom + 10, most))
    width, height = left + max(len(source) * CELL, _SCALE_WIDTH) + 2, bottom + 28
    title, says = f"{found['title']}: {attention_place(found)}", _strongest(weights, source, target)
    return drawing(identifier, width, height, title, says, *parts, class_="natural")


def attention_place(found: Mapping[str, Any]) -> str:
    """Which layer and head an attention map is of."""
    head = "mean of all heads" if found["head"] is None else f"head {found['head']}"
    return f"layer {found['layer']}, {head}"


def _scale(x: float, y: float, most: float) -> Markup:
    """What the colours mean: from no weight to the largest of the map."""
    steps = [
        element(
            "rect", x=x + 12 + step * 12, y=y, width=12, height=12, class_="heat",
            style=f"fill-opacity:{step / 5:.1f}",
        )
        for step in range(6)
    ]  # fmt: skip
    return element(
        "g", label("0", x, y + 10, class_="tick"), *steps, label(f"{most:.2f}", x + 90, y + 10, class_="tick")
    )


def _strongest(weights: Sequence[Sequence[float]], source: Sequence[str], target: Sequence[str]) -> str:
    """For each target piece where most of its attention is, in words."""
    said = []
    for piece, row in zip(target, weights):
        weight, other = max(zip(row, source), default=(0.0, ""))
        said.append(f"{piece} to {other} ({weight:.2f})")
    return f"Target pieces with the source piece that they attend to most: {'; '.join(said)}."


def _square(xs: Sequence[float], ys: Sequence[float]) -> Frame:
    """A frame with one scale for both axes, so that distances can be compared."""
    width, height = SIDE - 4.0, SIDE - 4.0 - _MARGIN
    # Units of the data for half of the frame's width, such that both directions fit.
    half = 1.06 * max(max(xs) - min(xs), (max(ys) - min(ys)) * width / height) / 2 or 1.0
    low = half * height / width
    x, y = (max(xs) + min(xs)) / 2, (max(ys) + min(ys)) / 2
    return Frame(2.0, _MARGIN, SIDE - 2, SIDE - 4, (x - half, x + half), (y - low, y + low))


def _pair(text: str, word: Place, translation: Place) -> Markup:
    """A word's mark, its translation's, and the line between them."""
    (x1, y1), (x2, y2) = word, translation
    return element(
        "g", element("title", text),
        element("line", x1=x1, y1=y1, x2=x2, y2=y2, class_="join"),
        element("rect", x=x2 - 3, y=y2 - 3, width=6, height=6, class_="parent mark"),
        element("circle", cx=x1, cy=y1, r=3.4, class_="child mark"),
    )  # fmt: skip


def _around(at: Place) -> Box:
    return at[0] - 3, at[1] - 3, at[0] + 3, at[1] + 3


def _placed(text: str, at: Place, side: str, frame: Frame, taken: list[Box]) -> Markup:
    """A label beside its mark where nothing else is; nothing where every place is taken."""
    width, (x, y) = text_width(text) * 0.92, at
    for left, low in (
        (x + 6, y + 4),
        (x - 6 - width, y + 4),
        (x - width / 2, y - 7),
        (x - width / 2, y + 15),
    ):
        box = (left, low - LINE_HEIGHT + 4, left + width, low + 2)
        is_inside = (
            box[0] >= frame.left and box[1] >= frame.top and box[2] <= frame.right and box[3] <= frame.bottom
        )
        if is_inside and not any(_overlap(box, other) for other in taken):
            taken.append(box)
            return label(text, left, low, class_=f"word {side}")
    return Markup("")


def _overlap(one: Box, other: Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
