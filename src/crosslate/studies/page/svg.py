"""What every picture is made of: escaped elements, a frame with axes, labels that do not overlap.

Colours and fonts are in the style sheet of the page, by class, so that they follow its light and dark theme.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup, escape

CHARACTER_WIDTH = 7.2
"""Of the labels' font in units of the drawing, a little above average; wide scripts take twice as much."""
LINE_HEIGHT = 14.0


def element(name: str, *children: str, **attributes: Any) -> Markup:
    """An SVG element with everything in it escaped.

    Args:
        children: text, or markup of this function's making.
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
    """A whole picture that says in words what it shows.

    Args:
        identifier: unique in the page.
        width: in units of the drawing, which are pixels where it is shown at its natural size.
    """
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
    """About how wide a label is, in units of the drawing."""
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

    Args:
        positions: of labels along one axis.
        gap: least distance.
        low: of the positions that are wanted; where they do not fit, they go beyond ``high``.
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


@dataclass(frozen=True)
class Frame:
    """The area of a plot in a drawing, and the values that its edges stand for.

    Attributes:
        left: edge in units of the drawing; likewise ``top``, ``right`` and ``bottom``.
        x: values at the left and the right edge.
        y: values at the bottom and the top edge.
    """

    left: float
    top: float
    right: float
    bottom: float
    x: tuple[float, float]
    y: tuple[float, float]

    def at(self, x: float, y: float) -> tuple[float, float]:
        """The point of the drawing that stands for two values."""
        across = (x - self.x[0]) / (self.x[1] - self.x[0])
        up = (y - self.y[0]) / (self.y[1] - self.y[0])
        return self.left + across * (self.right - self.left), self.bottom - up * (self.bottom - self.top)

    def axes(self, x_name: str, y_name: str, x_ticks: Sequence[float], y_ticks: Sequence[float]) -> Markup:
        """Both axes with their names (units in them), numbers, and a line across at each number of y."""
        parts = []
        for value in y_ticks:
            _, y = self.at(self.x[0], value)
            parts.append(element("line", x1=self.left, x2=self.right, y1=y, y2=y, class_="grid"))
            parts.append(label(_tick(value), self.left - 6, y + 4, class_="tick", text_anchor="end"))
        for value in x_ticks:
            x, _ = self.at(value, self.y[0])
            parts.append(element("line", x1=x, x2=x, y1=self.bottom, y2=self.bottom + 4, class_="axis"))
            parts.append(label(_tick(value), x, self.bottom + 17, class_="tick", text_anchor="middle"))
        middle = (self.left + self.right) / 2
        parts += [
            element(
                "line", x1=self.left, x2=self.right, y1=self.bottom, y2=self.bottom, class_="axis"
            ),
            label(x_name, middle, self.bottom + 34, class_="name", text_anchor="middle"),
            label(y_name, 2, self.top - 10, class_="name"),
        ]  # fmt: skip
        return element("g", *parts)


def _tick(value: float) -> str:
    return f"{value:,.10g}".replace("-", "−")


def _text(value: Any) -> str:
    """An attribute; numbers to a tenth of a unit, which nobody sees, so that files stay small."""
    return f"{value:.1f}".removesuffix(".0") if isinstance(value, float) else str(value)
