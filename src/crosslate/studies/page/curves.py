"""Pictures of numbers over numbers: learning curves and the storage curve."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from markupsafe import Markup

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

WIDTH, HEIGHT = 360.0, 250.0
MAX_DOTS = 15
"""A line with more points than this is drawn without a dot at each."""
_LONGEST_LABEL = 19
_NUM_STYLES = 6
_TITLE = re.compile(
    r"(?P<pair>\S+-\S+) (?P<strategy>[^\s,]+)(?: on (?P<parent>[^,]+))?"
    r"(?:, (?P<size>\d+ pairs))?(?:, seed \d+)?"
)
_PARTS = ("scratch", "embeddings", "body", "xattn", "randxattn")

Point = tuple[float, float]


@dataclass
class Line:
    """What one name stands for in a panel.

    Attributes:
        name: its label.
        style: index of its colour and dashes.
        runs: points of each seed, by x.
    """

    name: str
    style: int
    runs: list[list[Point]] = field(default_factory=list)

    @property
    def drawn(self) -> list[list[Point]]:
        """The mean of the runs where all were validated at the same places, else every run."""
        if len({tuple(x for x, _ in run) for run in self.runs}) > 1:
            return self.runs
        return [[(places[0][0], _mean([score for _, score in places])) for places in zip(*self.runs)]]


@dataclass
class Panel:
    """One small picture of a row of them.

    Attributes:
        title: what all its lines share.
        lines: by name.
    """

    title: str
    lines: dict[str, Line] = field(default_factory=dict)


def learning_curves(curves: Mapping[str, Sequence[Sequence[float]]]) -> list[Markup]:
    """A picture for each child pair, with a line for each strategy: the mean of its seeds, which are thin.

    Args:
        curves: by the title of a cell, ``[epoch, updates, score]`` of each validation.
    """
    by_epoch = all(earlier[0] < later[0] for curve in curves.values() for earlier, later in pairwise(curve))
    x_name = "epoch" if by_epoch else "updates"
    runs = {
        title: [
            (float(entry[0 if by_epoch else 1]), float(entry[2]))
            for entry in curve
            if all(math.isfinite(number) for number in entry)
        ]
        for title, curve in curves.items()
    }
    panels = _panels({title: points for title, points in runs.items() if points})
    return [_picture(f"curves-{number}", panel, x_name) for number, panel in enumerate(panels, start=1)]


def storage_curve(table: Mapping[str, Any] | None) -> Markup | None:
    """Two lines from the table of a parent with N packs against N full models; None without its numbers."""
    rows = [
        row for row in (table or {}).get("rows", ()) if all(isinstance(each, int | float) for each in row)
    ]
    if table is None or len(rows) < 2:
        return None
    lines = {
        name: Line(name, style, [[(float(row[0]), float(row[column])) for row in rows]])
        for column, (name, style) in enumerate((("parent + packs", 3), ("full models", 0)), start=1)
    }
    return _draw("storage", Panel("One parent with packs, or full models", lines), "number of pairs", "MB")


def _panels(runs: Mapping[str, list[Point]]) -> list[Panel]:
    """By pair, parent and size; a pair with one strategy has its sizes in one panel."""
    found = {title: match for title in runs if (match := _TITLE.fullmatch(title))}
    strategies: dict[tuple[str, str], set[str]] = {}
    for match in found.values():
        strategies.setdefault((match["pair"], match["parent"] or ""), set()).add(match["strategy"])
    panels: dict[str, Panel] = {}
    for title, points in runs.items():
        match = found.get(title)
        heading, name = title.split(", seed")[0], "validation"
        if match:
            heading, name = match["pair"], match["strategy"]
            heading += f" on {match['parent']}" if match["parent"] else ""
            if match["size"]:
                if len(strategies[match["pair"], match["parent"] or ""]) > 1:
                    heading += f", {match['size']}"
                else:
                    name += f", {match['size']}"
        panel = panels.setdefault(heading, Panel(heading))
        panel.lines.setdefault(name, Line(name, _part(name))).runs.append(points)
    for panel in panels.values():
        if len({line.style for line in panel.lines.values()}) < len(panel.lines):
            for index, line in enumerate(panel.lines.values()):
                line.style = index % _NUM_STYLES
    return list(panels.values())


def _part(strategy: str) -> int:
    """The style of a strategy, the same in every panel."""
    if strategy == "validation":
        return _PARTS.index("xattn")
    ends = [index for index, part in enumerate(_PARTS) if strategy.endswith(part)]
    return ends[-1] if ends else _PARTS.index("embeddings")


def _picture(identifier: str, panel: Panel, x_name: str) -> Markup:
    scores = [score for line in panel.lines.values() for run in line.runs for _, score in run]
    # Only the validation of a denoiser has scores below zero (see the table of trainings).
    y_name = "negative loss in nats per token" if min(scores) < 0 else "validation BLEU"
    return _draw(identifier, panel, x_name, y_name)


def _draw(identifier: str, panel: Panel, x_name: str, y_name: str) -> Markup:
    points = [point for line in panel.lines.values() for run in line.runs for point in run]
    xs, ys = [x for x, _ in points], [y for _, y in points]
    x_end = max(*xs, 1.0)
    x_ticks = [tick for tick in ticks(0.0, x_end, min(int(x_end), 5)) if tick <= x_end]
    y_ticks = ticks(min(*ys, 0.0), max(*ys, 0.0) or (0.0 if min(ys) < 0 else 1.0))
    names = {name: _shortened(name) for name in panel.lines}
    right = WIDTH - 14 - max(map(text_width, names.values()))
    left = 16 + max(text_width(f"{tick:,.10g}") for tick in y_ticks)
    frame = Frame(left, 34, right, HEIGHT - 42, (0.0, x_end), (y_ticks[0], y_ticks[-1]))
    ends = {name: _mean([frame.at(*run[-1])[1] for run in line.runs]) for name, line in panel.lines.items()}
    labels = dict(zip(ends, spread(list(ends.values()), LINE_HEIGHT, frame.top, frame.bottom)))
    parts = [frame.axes(x_name, y_name, x_ticks, y_ticks)]
    for name, line in panel.lines.items():
        parts += [_path(frame, run, f"seed series-{line.style}") for run in line.runs if len(line.runs) > 1]
        parts += [_run(frame, line, run) for run in line.drawn]
        last = max(frame.at(*run[-1])[0] for run in line.runs)
        parts.append(
            element(
                "line", x1=last + 4, y1=ends[name], x2=right + 6, y2=labels[name],
                class_=f"leader series-{line.style}",
            )
        )  # fmt: skip
        parts.append(label(names[name], right + 9, labels[name] + 4, class_=f"direct series-{line.style}"))
    says = "; ".join(_described(line) for line in panel.lines.values())
    return drawing(identifier, WIDTH, HEIGHT, f"{panel.title}: {y_name} by {x_name}", f"{says}.", *parts)


def _run(frame: Frame, line: Line, run: Sequence[Point]) -> Markup:
    places = [frame.at(*point) for point in run]
    parts = [_path(frame, run, f"line series-{line.style}")]
    if len(run) <= MAX_DOTS:
        for (x, y), (value, score) in zip(places, run):
            parts.append(
                element(
                    "circle", element("title", f"{line.name}: {score:.1f} at {value:g}"),
                    cx=x, cy=y, r=2.6, class_=f"dot series-{line.style}",
                )
            )  # fmt: skip
    return element("g", *parts)


def _path(frame: Frame, run: Sequence[Point], class_: str) -> Markup:
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in (frame.at(*point) for point in run))
    return element("polyline", points=points, class_=class_)


def _described(line: Line) -> str:
    firsts, lasts = [run[0][1] for run in line.runs], [run[-1][1] for run in line.runs]
    best = max(score for run in line.runs for _, score in run)
    seeds = f" (mean of {len(line.runs)} runs)" if len(line.runs) > 1 else ""
    return f"{line.name} from {_mean(firsts):.1f} to {_mean(lasts):.1f}{seeds}, at most {best:.1f}"


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _shortened(name: str) -> str:
    return name if len(name) <= _LONGEST_LABEL else f"{name[: _LONGEST_LABEL - 1]}…"
