"""The stored results of a study as tables, claims and figures ask for them; nothing is run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from statistics import mean
from typing import Any

from crosslate.studies.cells import Cell, find
from crosslate.studies.store import Result

Found = tuple[Cell, dict[str, Any]]
"""A cell and the values of its result."""


class Results:
    """The cells of a study with the results that are there, by the key of their cell."""

    def __init__(self, cells: Sequence[Cell], by_key: Mapping[str, Result]) -> None:
        self.cells, self.by_key = cells, by_key

    def found(self, kind: str, **labels: Any) -> list[Found]:
        """The cells of a kind and with these labels that have a result."""
        return [
            (cell, self.by_key[cell.key].values)
            for cell in find(self.cells, kind, **labels)
            if cell.key in self.by_key
        ]

    def names(self, kind: str, label: str) -> list[Any]:
        """The values of a label, in the order of the study."""
        return list(dict.fromkeys(cell.labels[label] for cell in find(self.cells, kind)))

    @cached_property
    def sizes(self) -> list[int]:
        """Numbers of training pairs, the largest last; 0 stands for all."""
        return sorted(self.names("child", "size") or [0], key=lambda size: size or 10**12)

    @property
    def full_size(self) -> int:
        """The number of training pairs of the children that analyses look at; 0 stands for all."""
        return self.sizes[-1]

    @property
    def first_seed(self) -> int:
        return int((self.names("child", "seed") or [1])[0])

    def bleu(self, cell: Cell) -> float:
        return float(self.by_key[cell.key].values["scores"]["bleu"]["value"])

    def scores(self, kind: str, metric: str = "bleu", **labels: Any) -> list[float]:
        """The scores of all cells of a kind with these labels."""
        return [values["scores"][metric]["value"] for _, values in self.found(kind, **labels)]

    def comparisons(self) -> Iterator[tuple[Cell, Cell, dict[str, Any]]]:
        """Every pair of systems that was compared, with the differences."""
        by_key = {cell.key: cell for cell in self.cells}
        for cell, values in self.found("compare"):
            first, second = cell.needs["first"], cell.needs["second"]
            if first in self.by_key and second in self.by_key:
                yield by_key[first], by_key[second], values

    @cached_property
    def _p_values(self) -> dict[tuple[str, str], float]:
        return {
            (cell.needs["first"], cell.needs["second"]): values["bleu"]["p_value"]
            for cell, values in self.found("compare")
        }

    def difference(self, ones: Sequence[Cell], others: Sequence[Cell]) -> tuple[float | None, float | None]:
        """Mean difference of BLEU over the seeds that both have, and the largest p of their bootstraps."""
        by_seed = {cell.labels["seed"]: cell for cell in others}
        pairs = [(cell, by_seed[cell.labels["seed"]]) for cell in ones if cell.labels["seed"] in by_seed]
        if not pairs:
            return None, None
        keys = [(one.key, other.key) for one, other in pairs]
        known = [self._p_values.get(key, self._p_values.get(key[::-1])) for key in keys]
        p_values = [each for each in known if each is not None]
        return mean(self.bleu(one) - self.bleu(other) for one, other in pairs), max(p_values, default=None)
