"""Tables of a report, and their number formats."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import mean, stdev
from typing import Any

from crosslate.studies.parts import PAPER_PARTS
from crosslate.studies.store import Results

Value = str | float | int | None
Row = tuple[Value, ...]


@dataclass(frozen=True)
class Table:
    """A table of a report; the first column names the rows, None means not measured."""

    title: str
    note: str
    columns: Sequence[str]
    rows: Sequence[Row]


# A number, with or without deviation or interval, but not a hash that starts with a digit.
_NUMBER = re.compile(r"[-−]?\d[\d.,]*( .*)?")


def numeric_columns(rows: Sequence[Sequence[Value]]) -> list[bool]:
    """Which columns hold numbers and are right-aligned; never the first."""
    return [
        index > 0 and all(not isinstance(value, str) or _NUMBER.fullmatch(value) for value in column)
        for index, column in enumerate(zip(*rows))
    ]


def rows_by_part(
    results: Results, kind: str, children: Sequence[str], metric: str = "bleu", **labels: Any
) -> list[Row]:
    """One row per part of the paper's tables that has a score, one column per child."""
    rows: list[Row] = []
    for part, name in PAPER_PARTS.items():
        row = [
            over_seeds(results.scores(kind, metric, child=child, part=part, **labels)) for child in children
        ]
        if any(row):
            rows.append((name, *row))
    return rows


def parent_scores(results: Results, metric: str = "bleu") -> str:
    """The scores of the parents on their own pairs."""
    return ", ".join(
        f"{cell.labels['parent']} {with_interval(values['scores'][metric])}"
        for cell, values in results.found("parent")
    )


def over_seeds(scores: Sequence[float]) -> str | None:
    """One score, or mean and standard deviation of several; None without scores."""
    if not scores:
        return None
    return f"{scores[0]:.1f}" if len(scores) == 1 else f"{mean(scores):.1f} ± {stdev(scores):.1f}"


def with_interval(score: Mapping[str, Any]) -> str:
    """A score with its interval."""
    interval = score["interval"]
    return f"{score['value']:.1f}" + (f" [{interval[0]:.1f}, {interval[1]:.1f}]" if interval else "")


def precisions(values: Mapping[str, float], *ranks: int) -> list[float]:
    """Precisions of lexicon induction at some ranks."""
    return [round(values[f"precision_at_{rank}"], 1) for rank in ranks]


def interval_shown(found: Mapping[str, Any]) -> str:
    """The interval of a stored difference."""
    return "{:+.1f} to {:+.1f}".format(*found["interval"])


def difference_shown(found: Mapping[str, Any] | None) -> str | None:
    """A stored difference with its interval."""
    return f"{found['first'] - found['second']:+.1f} ({interval_shown(found)})" if found else None


def p_value(value: float | None) -> str | None:
    """A p-value to three decimals; a bootstrap's 0 is only a bound."""
    return None if value is None else "< 0.001" if value < 0.0005 else f"{value:.3f}"
