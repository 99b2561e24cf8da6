"""What every training run took, and its learning curve."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any

from crosslate.studies.analysis import Analysis
from crosslate.studies.parts import PAPER_PARTS
from crosslate.studies.report.charts import NUM_STYLES, Line, Point, line_chart
from crosslate.studies.report.page import Figures
from crosslate.studies.report.tables import Row, Table
from crosslate.studies.store import Results

_TITLE = re.compile(
    r"(?P<pair>\S+-\S+) (?P<strategy>[^\s,]+)(?: on (?P<parent>[^,]+))?"
    r"(?:, (?P<size>\d+ pairs))?(?:, seed \d+)?"
)
_STYLES = tuple(PAPER_PARTS)
Panels = dict[str, dict[str, Line]]
"""Lines by their name, by the title of their panel."""


class Training(Analysis):
    is_optional = False

    def tables(self, results: Results) -> Iterator[Table]:
        rows: list[Row] = []
        for kind in ("parent", "denoiser", "child", "denoising child", "supervised"):
            for cell, values in results.found(kind):
                if training := values.get("training"):
                    best = max((score for _, _, score, *_ in training["curve"]), default=None)
                    rows.append(
                        (cell.title, values["data"]["train"]["pairs"], training["updates"],
                         training["best_updates"], None if best is None else round(best, 2),
                         round(training["training_seconds"]), training["tokens_per_second"],
                         training["precision"])
                    )  # fmt: skip
        columns = ("model", "pairs", "updates", "best at", "validation", "seconds", "tokens/s", "precision")
        note = "Validation: greedy BLEU, or the negative loss (of denoisers always)."
        yield Table("Training", note, columns, rows)

    def data(self, results: Results) -> dict[str, Any]:
        """``curves``: by title, a row for each validation: epoch, updates, score and any precision@1."""
        return {
            "curves": {
                result.title: result.values["training"]["curve"]
                for result in results.by_key.values()
                if "training" in result.values
            }
        }

    def figures(self, report: Mapping[str, Any]) -> Iterator[Figures]:
        curves = report["curves"]
        by_epoch = all(one[0] < other[0] for curve in curves.values() for one, other in pairwise(curve))
        runs: dict[str, list[Point]] = {
            title: [
                (float(entry[0 if by_epoch else 1]), float(entry[2]))
                for entry in curve
                if all(math.isfinite(number) for number in entry)
            ]
            for title, curve in curves.items()
        }
        panels = _panels({title: points for title, points in runs.items() if points})
        x_name = "epoch" if by_epoch else "updates"
        figures = []
        for number, (title, lines) in enumerate(panels.items(), start=1):
            # Only a loss has scores below zero (see the table of trainings).
            is_loss = any(score < 0 for line in lines.values() for run in line.runs for _, score in run)
            y_name = "negative loss in nats per token" if is_loss else "validation BLEU"
            chart = line_chart(f"curves-{number}", title, list(lines.values()), x_name, y_name)
            figures.append((title, chart))
        yield Figures(
            "curves", "Learning curves",
            "Scores of the validation text in the course of training. Each panel has its own scale; "
            "thin lines are single seeds, thick ones their mean.", "small", figures,
        )  # fmt: skip


def _panels(runs: Mapping[str, list[Point]]) -> Panels:
    """By pair, parent and size; a pair with one strategy has its sizes in one panel."""
    found = {title: match for title in runs if (match := _TITLE.fullmatch(title))}
    strategies: dict[tuple[str, str], set[str]] = {}
    for match in found.values():
        strategies.setdefault((match["pair"], match["parent"] or ""), set()).add(match["strategy"])
    panels: Panels = {}
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
        panels.setdefault(heading, {}).setdefault(name, Line(name, _style(name), [])).runs.append(points)
    for lines in panels.values():
        if len({line.style for line in lines.values()}) < len(lines):
            for index, name in enumerate(lines):
                lines[name] = Line(name, index % NUM_STYLES, lines[name].runs)
    return panels


def _style(strategy: str) -> int:
    """The style of a strategy, the same in every panel."""
    if strategy == "validation":
        return _STYLES.index("xattn")
    ends = [index for index, part in enumerate(_STYLES) if strategy.endswith(part)]
    return ends[-1] if ends else _STYLES.index("embeddings")
