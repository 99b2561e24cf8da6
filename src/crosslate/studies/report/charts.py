"""SVG charts: line charts, scatter charts, word maps and heat maps.

Colours and fonts are in the page's style sheet, by class, so that they follow its light and dark theme. Every
chart has a text description, and every mark a title with its numbers.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, median
from typing import Any

from markupsafe import Markup, escape

NUM_STYLES = 6
CHARACTER_WIDTH = 7.2
"""Width of label characters, a little above average; wide scripts take twice as much."""
LINE_HEIGHT = 14.0
MAX_DOTS = 15
"""Lines with more points are drawn without dots."""
_LONGEST_LABEL = 19
_SIDE, _CELL = 360.0, 19.0

Point = tuple[float, float]
Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Line:
    """A named series of a chart: the index of its style, and the points of each seed."""

    name: str
    style: int
    runs: list[list[Point]]

    @property
    def drawn(self) -> list[list[Point]]:
        """The mean of the runs if all have the same x values, else every run."""
        if len({tuple(x for x, _ in run) for run in self.runs}) > 1:
            return self.runs
        return [[(places[0][0], fmean(y for _, y in places)) for places in zip(*self.runs)]]


@dataclass(frozen=True)
class Mark:
    """One pack: its name, the bytes of its tensors, its BLEU, and the index of its colour."""

    name: str
    num_bytes: int
    score: float
    style: int


@dataclass(frozen=True)
class Frame:
    """The area of a plot in a drawing, and the values at its edges (left and right, bottom and top)."""

    left: float
    top: float
    right: float
    bottom: float
    x: tuple[float, float]
    y: tuple[float, float]

    def at(self, x: float, y: float) -> Point:
        """Converts values to a point of the drawing."""
        across = (x - self.x[0]) / (self.x[1] - self.x[0])
        up = (y - self.y[0]) / (self.y[1] - self.y[0])
        return self.left + across * (self.right - self.left), self.bottom - up * (self.bottom - self.top)

    def axes(self, names: tuple[str, str], x_ticks: Mapping[float, str], y_ticks: Sequence[float]) -> Markup:
        """Both axes with their names (units in them), numbers, and a line across at each number of y."""
        parts = []
        left, right, bottom = self.left, self.right, self.bottom
        for value in y_ticks:
            _, y = self.at(self.x[0], value)
            parts.append(element("line", x1=left, x2=right, y1=y, y2=y, class_="grid"))
            parts.append(label(_tick(value), left - 6, y + 4, class_="tick", text_anchor="end"))
        for value, text in x_ticks.items():
            x, _ = self.at(value, self.y[0])
            parts.append(element("line", x1=x, x2=x, y1=bottom, y2=bottom + 4, class_="axis"))
            parts.append(label(text, x, bottom + 17, class_="tick", text_anchor="middle"))
        parts.append(element("line", x1=left, x2=right, y1=bottom, y2=bottom, class_="axis"))
        parts.append(label(names[0], (left + right) / 2, bottom + 34, class_="name", text_anchor="middle"))
        parts.append(label(names[1], 2, self.top - 10, class_="name"))
        return element("g", *parts)


def line_chart(identifier: str, title: str, lines: Sequence[Line], x_name: str, y_name: str) -> Markup:
    """Lines from 0 on, each with a label at its end: the mean of its runs, which are thin."""
    points = [point for line in lines for run in line.runs for point in run]
    xs, ys = [x for x, _ in points], [y for _, y in points]
    x_end = max(*xs, 1.0)
    x_ticks = {tick: _tick(tick) for tick in ticks(0.0, x_end, min(int(x_end), 5)) if tick <= x_end}
    y_ticks = ticks(min(*ys, 0.0), max(*ys, 0.0) or (0.0 if min(ys) < 0 else 1.0))
    names = [_short(line.name) for line in lines]
    frame = _framed(360.0, 250.0, names, 14, (0.0, x_end), y_ticks)
    ends = [fmean(frame.at(*run[-1])[1] for run in line.runs) for line in lines]
    rows = spread(ends, LINE_HEIGHT, frame.top, frame.bottom)
    parts, says = [frame.axes((x_name, y_name), x_ticks, y_ticks)], []
    for line, name, end, row in zip(lines, names, ends, rows):
        series = f"series-{line.style}"
        if len(line.runs) > 1:
            parts += [_path(frame, run, f"seed {series}") for run in line.runs]
        for run in line.drawn:
            dots = [
                element(
                    "circle", element("title", f"{line.name}: {y:.1f} at {x:g}"),
                    cx=frame.at(x, y)[0], cy=frame.at(x, y)[1], r=2.6, class_=f"dot {series}",
                )
                for x, y in run
            ]  # fmt: skip
            parts.append(_path(frame, run, f"line {series}"))
            parts += dots if len(run) <= MAX_DOTS else []
        last = max(frame.at(*run[-1])[0] for run in line.runs)
        parts += _leader(name, (last + 4, end), (frame.right + 6, row), series)
        first_y, last_y = (fmean(run[place][1] for run in line.runs) for place in (0, -1))
        seeds = f" (mean of {len(line.runs)} runs)" if len(line.runs) > 1 else ""
        best = max(y for run in line.runs for _, y in run)
        says.append(f"{line.name} from {first_y:.1f} to {last_y:.1f}{seeds}, at most {best:.1f}")
    title = f"{title}: {y_name} by {x_name}"
    return drawing(identifier, 360.0, 250.0, title, f"{'; '.join(says)}.", *parts)


def scatter_chart(identifier: str, title: str, marks: Sequence[Mark]) -> Markup:
    """BLEU against megabytes on a logarithmic axis, each mark joined to its name at the right."""
    height = max(300.0, 80 + LINE_HEIGHT * len(marks))
    sizes = [math.log10(mark.num_bytes / 1e6) for mark in marks]
    low, high = min(sizes) - 0.05, max(sizes) + 0.05
    scores = [mark.score for mark in marks]
    y_ticks = ticks(min(scores), max(scores))
    x_ticks = {
        place: f"{factor * 10.0**power:g}"
        for power in range(math.floor(low), math.ceil(high) + 1)
        for factor in (1, 2, 5)
        if low <= (place := math.log10(factor * 10.0**power)) <= high
    }
    frame = _framed(640.0, height, [mark.name for mark in marks], 24, (low, high), y_ticks)
    parts = [frame.axes(("MB of tensors (logarithmic)", "BLEU"), x_ticks, y_ticks)]
    places = [frame.at(size, mark.score) for size, mark in zip(sizes, marks)]
    rows = spread([y for _, y in places], LINE_HEIGHT, frame.top, frame.bottom)
    for mark, (x, y), row in zip(marks, places, rows):
        said = element("title", f"{mark.name}: {mark.score:.1f} BLEU, {mark.num_bytes / 1e6:.2f} MB")
        series = f"series-{mark.style}"
        parts += _leader(mark.name, (x + 4, y), (frame.right + 16, row), series)
        parts.append(element("circle", said, cx=x, cy=y, r=4.0, class_=f"dot {series}"))
    says = "; ".join(f"{mark.name} {mark.score:.1f} at {mark.num_bytes / 1e6:.2f} MB" for mark in marks)
    return drawing(identifier, 640.0, height, title, f"{says}.", *parts)


def word_map(identifier: str, found: Mapping[str, Any]) -> Markup | None:
    """Words (dots) and their translations (squares) in two dimensions, each joined to its own; None without.

    Args:
        found: of the report's ``maps``.
    """
    names = ("x", "y", "translation_x", "translation_y")
    points = [each for each in found["points"] if all(math.isfinite(each[name]) for name in names)]
    if not points:
        return None
    frame = _square(
        [each[name] for each in points for name in names[::2]],
        [each[name] for each in points for name in names[1::2]],
    )
    ends = [
        (frame.at(each["x"], each["y"]), frame.at(each["translation_x"], each["translation_y"]))
        for each in points
    ]
    taken = [(x - 3, y - 3, x + 3, y + 3) for pair in ends for x, y in pair]
    marks, texts = [], []
    for each, ((x1, y1), (x2, y2)) in zip(points, ends):
        marks.append(
            element(
                "g", element("title", f"{each['word']} – {each['translation']}"),
                element("line", x1=x1, y1=y1, x2=x2, y2=y2, class_="join"),
                element("rect", x=x2 - 3, y=y2 - 3, width=6, height=6, class_="parent mark"),
                element("circle", cx=x1, cy=y1, r=3.4, class_="child mark"),
            )
        )  # fmt: skip
        texts.append(_placed(each["word"], (x1, y1), "child", frame, taken))
        texts.append(_placed(each["translation"], (x2, y2), "parent", frame, taken))
    source, _, target = str(found["languages"]).partition("-")
    width = frame.right - frame.left
    distance = median(math.dist(*pair) for pair in ends) / width
    says = (
        f"{len(points)} {source} words (dots) joined to their {target} translations (squares). In the median "
        f"a word is {100 * distance:.0f} % of the map's width from its translation."
    )
    border = element(
        "rect", x=frame.left, y=frame.top, width=width, height=frame.bottom - frame.top, class_="border"
    )
    axes = (
        label("1st principal component, no unit", frame.right, _SIDE + 10, class_="name", text_anchor="end"),
        label("2nd principal component, no unit", frame.left, frame.top - 8, class_="name"),
    )
    return drawing(identifier, _SIDE, _SIDE + 16, str(found["title"]), says, border, *axes, *marks, *texts)


def heat_map(identifier: str, title: str, found: Mapping[str, Any]) -> Markup | None:
    """Target pieces down, source pieces across, weights as colour, alignments outlined; None without pieces.

    Args:
        found: of the report's ``attention``.
    """
    source, target = [str(piece) for piece in found["source"]], [str(piece) for piece in found["target"]]
    if not source or not target:
        return None
    weights = [[weight if math.isfinite(weight) else 0.0 for weight in row] for row in found["weights"]]
    most = max((weight for row in weights for weight in row), default=0.0) or 1.0
    left, top = (8 + max(map(text_width, pieces)) for pieces in (target, source))
    bottom = top + len(target) * _CELL
    parts = [
        _heat(
            left + column * _CELL, top + row * _CELL, _CELL - 1, weight / most,
            element("title", f"{low} – {across}: {weight:.2f}"),
        )
        for row, (low, line) in enumerate(zip(target, weights))
        for column, (across, weight) in enumerate(zip(source, line))
    ]  # fmt: skip
    for row, column in found["alignment"]:
        x, y = left + column * _CELL + 0.5, top + row * _CELL + 0.5
        parts.append(element("rect", x=x, y=y, width=_CELL - 2, height=_CELL - 2, class_="outline"))
    for row, piece in enumerate(target):
        y = top + (row + 0.5) * _CELL + 3.5
        parts.append(label(piece, left - 5, y, class_="piece", text_anchor="end"))
    for column, piece in enumerate(source):
        x, y = left + (column + 0.5) * _CELL + 3.5, top - 6
        parts.append(label(piece, x, y, class_="piece", transform=f"rotate(-90 {x:.1f} {y:.1f})"))
    # What the colours mean: from no weight to the largest of the map.
    parts += [_heat(left + 12 * (1 + step), bottom + 10, 12, step / 5) for step in range(6)]
    for text, x in (("0", left), (f"{most:.2f}", left + 90)):
        parts.append(label(text, x, bottom + 20, class_="tick"))
    strongest = (
        f"{piece} to {other} ({weight:.2f})"
        for piece, row in zip(target, weights)
        for weight, other in [max(zip(row, source), default=(0.0, ""))]
    )
    says = f"Target pieces with the source piece that they attend to most: {'; '.join(strongest)}."
    width = left + max(len(source) * _CELL, 150.0) + 2
    return drawing(identifier, width, bottom + 28, title, says, *parts, class_="natural")


def _heat(x: float, y: float, size: float, share: float, *inside: Markup) -> Markup:
    style = f"fill-opacity:{max(share, 0.0):.2f}"
    return element("rect", *inside, x=x, y=y, width=size, height=size, class_="heat", style=style)


def element(name: str, *children: str, **attributes: Any) -> Markup:
    """An SVG element with everything in it escaped.

    Args:
        attributes: ``stroke_width`` stands for ``stroke-width``, ``class_`` for ``class``; None leaves out.
    """
    texts = [
        Markup(' {}="{}"').format(key.rstrip("_").replace("_", "-"), _text(value))
        for key, value in attributes.items()
        if value is not None
    ]
    inside = Markup("").join(escape(child) for child in children)
    return Markup("<{0}{1}>{2}</{0}>").format(Markup(name), Markup("").join(texts), inside)


def drawing(
    identifier: str, width: float, height: float, title: str, description: str, *parts: str, class_: str = ""
) -> Markup:
    """A complete picture with a text description; its identifier must be unique in the page."""
    return element(
        "svg",
        element("title", title, id=f"{identifier}-title"),
        element("desc", description, id=f"{identifier}-description"),
        *parts,
        viewBox=f"0 0 {_text(width)} {_text(height)}", width=width, height=height, role="img",
        aria_labelledby=f"{identifier}-title", aria_describedby=f"{identifier}-description",
        class_=class_ or None,
    )  # fmt: skip


def label(text: str, x: float, y: float, **attributes: Any) -> Markup:
    """Text at a point, by default from there to the right."""
    return element("text", text, x=x, y=y, **attributes)


def text_width(text: str) -> float:
    """Approximate width of a label, in units of the drawing."""
    return CHARACTER_WIDTH * sum(2 if ord(character) >= 0x1100 else 1 for character in text)


def ticks(low: float, high: float, most: int = 5) -> list[float]:
    """Round numbers from at or below ``low`` to at or above ``high``, at most ``most`` steps apart."""
    span = high - low or abs(high) or 1.0
    step = 10 ** math.floor(math.log10(span / most))
    step = next(step * factor for factor in (1, 2, 5, 10, 20) if span / (step * factor) <= most)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [index * step for index in range(first, max(last, first + 1) + 1)]


def spread(positions: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Positions moved as little as needed for a gap between neighbours, in the order they came in.

    Those that do not fit go beyond ``high``.
    """
    order = sorted(range(len(positions)), key=lambda index: positions[index])
    moved = [0.0] * len(positions)
    previous = low - gap
    for index in order:
        previous = moved[index] = max(positions[index], previous + gap)
    limit = high + gap
    for index in reversed(order):
        limit = moved[index] = max(min(moved[index], limit - gap), low)
    # Too many labels for the space: from the top, evenly.
    if len(positions) > 1 and (high - low) / (len(positions) - 1) < gap:
        for rank, index in enumerate(order):
            moved[index] = low + rank * gap
    return moved


def _framed(
    width: float, height: float, names: Sequence[str], space: float, x: tuple[float, float], y: list[float]
) -> Frame:
    """A frame with room for the names at the right and the numbers of y at the left."""
    right = width - space - max(map(text_width, names))
    left = 16 + max(text_width(f"{tick:,.10g}") for tick in y)
    return Frame(left, 34, right, height - 42, x, (y[0], y[-1]))


def _square(xs: Sequence[float], ys: Sequence[float]) -> Frame:
    """A frame with one scale for both axes, so that distances can be compared."""
    margin = 26.0
    width, height = _SIDE - 4.0, _SIDE - 4.0 - margin
    # Units of the data for half of the frame's width, such that both directions fit.
    half = 1.06 * max(max(xs) - min(xs), (max(ys) - min(ys)) * width / height) / 2 or 1.0
    low = half * height / width
    x, y = (max(xs) + min(xs)) / 2, (max(ys) + min(ys)) / 2
    return Frame(2.0, margin, _SIDE - 2, _SIDE - 4, (x - half, x + half), (y - low, y + low))


def _path(frame: Frame, run: Sequence[Point], class_: str) -> Markup:
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in (frame.at(*point) for point in run))
    return element("polyline", points=points, class_=class_)


def _leader(name: str, start: Point, end: Point, series: str) -> list[Markup]:
    """A name, and the line that leads to it."""
    (x1, y1), (x2, y2) = start, end
    return [
        element("line", x1=x1, y1=y1, x2=x2, y2=y2, class_=f"leader {series}"),
        label(name, x2 + 3, y2 + 4, class_=f"direct {series}"),
    ]


def _placed(text: str, at: Point, side: str, frame: Frame, taken: list[Box]) -> Markup:
    """A label beside its mark where there is space; empty if there is none."""
    width, (x, y) = text_width(text) * 0.92, at
    places = ((x + 6, y + 4), (x - 6 - width, y + 4), (x - width / 2, y - 7), (x - width / 2, y + 15))
    for left, low in places:
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


def _tick(value: float) -> str:
    return f"{value:,.10g}".replace("-", "−")


def _text(value: Any) -> str:
    """An attribute as text; numbers are rounded to a tenth to keep files small."""
    return f"{value:.1f}".removesuffix(".0") if isinstance(value, float) else str(value)


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST_LABEL else f"{name[: _LONGEST_LABEL - 1]}…"
