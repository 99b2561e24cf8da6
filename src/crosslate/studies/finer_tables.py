"""What a report says of freezing within cross-attention and of initial embeddings, from stored results."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import mean
from typing import Any

from crosslate.models.initialisers.initial_embeddings import METHODS, RANDOM, TRANSLATED
from crosslate.studies.cells import Cell, find
from crosslate.studies.store import Result
from crosslate.studies.tables import Table, Value, over_seeds, shown_p_value

MAX_LOSS_BLEU = 0.5
"""How far below the whole of cross-attention the smallest pack may be."""


def finer_tables(cells: Sequence[Cell], results: dict[str, Result]) -> list[Table]:
    """Every table of the two kinds that has a number."""
    study = _Study(cells, results)
    tables = (
        _freezing(study), _smallest(study), _heads(study),
        _validation(study), _test(study), _rows_of_tables(study),
    )  # fmt: skip
    return [table for table in tables if table.rows]


class _Study:
    """Results of children by their labels.

    Args:
        cells: of the study.
        results: by key.
    """

    def __init__(self, cells: Sequence[Cell], results: dict[str, Result]) -> None:
        self.results = results
        self.children = [cell for cell in find(cells, "child") if cell.key in results]
        sizes = {cell.labels["size"] for cell in find(cells, "child")}
        self.sizes = sorted(sizes, key=lambda size: size or 10**12)
        self.p_values = {
            (cell.needs["first"], cell.needs["second"]): results[cell.key].values["bleu"]["p_value"]
            for cell in find(cells, "compare")
            if cell.key in results
        }

    def found(self, **labels: Any) -> list[Cell]:
        return find(self.children, "child", **labels)

    def values(self, cell: Cell) -> dict[str, Any]:
        return self.results[cell.key].values

    def bleu(self, cell: Cell) -> float:
        return float(self.values(cell)["scores"]["bleu"]["value"])

    def differences(self, ones: Sequence[Cell], others: Sequence[Cell]) -> tuple[float | None, str | None]:
        """Mean difference of BLEU over the seeds that both have, and the largest p of their bootstraps."""
        by_seed = {cell.labels["seed"]: cell for cell in others}
        pairs = [(cell, by_seed[cell.labels["seed"]]) for cell in ones if cell.labels["seed"] in by_seed]
        if not pairs:
            return None, None
        known = [self.p_values.get((one.key, other.key), self.p_values.get((other.key, one.key)))
                 for one, other in pairs]  # fmt: skip
        p_values = [each for each in known if each is not None]
        shown = shown_p_value(max(p_values)).removeprefix("= ") if p_values else None
        return mean(self.bleu(one) - self.bleu(other) for one, other in pairs), shown


def _by(cells: Sequence[Cell], key: Callable[[Cell], Any]) -> dict[Any, list[Cell]]:
    groups: dict[Any, list[Cell]] = {}
    for cell in cells:
        groups.setdefault(key(cell), []).append(cell)
    return groups


def _compared(study: _Study) -> dict[str, dict[str, list[Cell]]]:
    """By child, by strategy: children with none, some or all of cross-attention trained, on most text."""
    found: dict[str, dict[str, list[Cell]]] = {}
    for child, cells in _by(study.found(initial=RANDOM), lambda cell: cell.labels["child"]).items():
        size = study.sizes[-1]
        kept = [cell for part in ("embeddings", "limited", "xattn") for cell in cells
                if cell.labels["part"] == part and cell.labels["size"] == size]  # fmt: skip
        parts = {cell.labels["part"] for cell in kept}
        if {"limited", "xattn"} <= parts:
            found[child] = _by(kept, lambda cell: cell.labels["strategy"])
    return found


def _bytes(study: _Study, cells: Sequence[Cell]) -> int:
    return round(mean(study.values(cell)["stored"]["pack_bytes"] for cell in cells))


def _whole(strategies: dict[str, list[Cell]]) -> list[Cell]:
    """The children of which all of cross-attention was trained."""
    return next(cells for cells in strategies.values() if cells[0].labels["part"] == "xattn")


_FREEZING = ("child", "trained", "BLEU", "difference", "p", "tensor bytes", "% of the pack")


def _frozen_row(study: _Study, cells: Sequence[Cell], whole: Sequence[Cell]) -> tuple[Value, ...]:
    """What children of one strategy reach and take, against those of which all was trained."""
    difference, p = (None, None) if cells is whole else study.differences(cells, whole)
    size, labels = _bytes(study, cells), cells[0].labels
    return (
        labels["child"], labels["strategy"], over_seeds([study.bleu(cell) for cell in cells]),
        _signed(difference), p, size, round(100 * size / _bytes(study, whole), 1),
    )  # fmt: skip


def _freezing(study: _Study) -> Table:
    rows = [
        _frozen_row(study, cells, _whole(strategies))
        for strategies in _compared(study).values()
        for cells in strategies.values()
    ]
    note = (
        "BLEU on the test set; the difference to the child of which all of cross-attention was trained, with "
        "the p of a paired bootstrap (of several seeds the largest); bytes of the pack's tensors, also as "
        "percent of that child's pack."
    )
    return Table("Finer freezing", note, _FREEZING, tuple(rows))


def _smallest(study: _Study) -> Table:
    rows: list[tuple[Value, ...]] = []
    for strategies in _compared(study).values():
        whole = _whole(strategies)
        near = [cells for cells in strategies.values() if _is_near(study, cells, whole)]
        chosen = min(near, key=lambda each: (_bytes(study, each), -mean(map(study.bleu, each))))
        rows.append(_frozen_row(study, chosen, whole))
    note = (
        f"Of the packs at most {MAX_LOSS_BLEU:g} BLEU below the child of which all of cross-attention was "
        "trained, the one with the fewest bytes. It is chosen and scored on the same test set."
    )
    return Table(f"The smallest pack within {MAX_LOSS_BLEU:g} BLEU", note, _FREEZING, tuple(rows))


def _is_near(study: _Study, cells: Sequence[Cell], whole: Sequence[Cell]) -> bool:
    difference = study.differences(cells, whole)[0]
    return cells is whole or (difference is not None and difference >= -MAX_LOSS_BLEU)


def _heads(study: _Study) -> Table:
    rows = [
        (cell.title, study.values(cell)["strategy"], _importance(study.values(cell)["heads"]["importance"]))
        for cell in study.children
        if study.values(cell).get("heads")
    ]
    note = (
        "Heads by decoder layer, from 0, and the importance of each head (gradient times weight) as percent "
        "of all."
    )
    return Table("Heads that were chosen", note, ("child", "trained", "importance % by layer"), tuple(rows))


def _importance(by_layer: dict[str, list[float]]) -> str:
    total = sum(map(sum, by_layer.values())) or 1.0
    return "; ".join(
        f"{layer}: " + " ".join(f"{100 * each / total:.0f}" for each in heads)
        for layer, heads in by_layer.items()
    )


def _started(study: _Study) -> tuple[list[str], dict[tuple[str, str, int], dict[str, list[Cell]]]]:
    """Methods in use, and children of several of them by child, strategy and size."""
    groups = {
        key: _by(cells, lambda cell: cell.labels["initial"])
        for key, cells in _by(
            study.children, lambda cell: (cell.labels["child"], cell.labels["strategy"], cell.labels["size"])
        ).items()
    }
    several = {key: methods for key, methods in groups.items() if len(methods) > 1}
    return [each for each in METHODS if any(each in methods for methods in several.values())], several


def _named(key: tuple[str, str, int]) -> tuple[str, str, str]:
    child, strategy, size = key
    return child, strategy, f"{size:,}" if size else "all"


def _validation(study: _Study) -> Table:
    methods, groups = _started(study)
    rows: list[tuple[Value, ...]] = []
    for key, by_method in groups.items():
        scores = {
            method: [
                max(score for _, _, score, *_ in study.values(cell)["training"]["curve"]) for cell in cells
            ]
            for method, cells in by_method.items()
        }
        best = max(scores, key=lambda method: mean(scores[method]))
        rows.append((*_named(key), *(over_seeds(scores.get(method, [])) for method in methods), best))
    note = "Best greedy BLEU on the validation set, by which methods are chosen."
    columns = ("child", "trained", "pairs", *methods, "best")
    return Table("Initial embeddings: validation", note, columns, tuple(rows))


def _best(curve: Sequence[Sequence[float]]) -> float:
    return max(score for _, _, score, *_ in curve)


def _test(study: _Study) -> Table:
    methods, groups = _started(study)
    rows: list[tuple[Value, ...]] = []
    for key, by_method in groups.items():
        row: list[Value] = []
        for method in methods:
            cells = by_method.get(method, [])
            shown = over_seeds([study.bleu(cell) for cell in cells])
            difference, p = study.differences(cells, by_method.get(RANDOM, []))
            if method != RANDOM and difference is not None:
                shown = f"{shown} ({_signed(difference)}" + (f", p {p})" if p else ")")
            row.append(shown)
        rows.append((*_named(key), *row))
    note = (
        "BLEU on the test set; in brackets the difference to random values and the p of a paired bootstrap "
        "(of several seeds the largest)."
    )
    return Table("Initial embeddings: test", note, ("child", "trained", "pairs", *methods), tuple(rows))


def _rows_of_tables(study: _Study) -> Table:
    sources = (*TRANSLATED, "copied", "mean", "special")
    found: dict[tuple[str, str, str], tuple[Value, ...]] = {}
    for cell in study.children:
        record = study.values(cell).get("initial_embeddings") or {}
        for side, counts in record.get("rows", {}).items():
            size = cell.labels["size"]
            key = (cell.labels["child"], f"{size:,}" if size else "all", cell.labels["initial"])
            found.setdefault(key, (*key, side, *(counts.get(source, 0) for source in sources)))
    note = "Rows of the new table by what they started from; padding counts as special."
    columns = ("child", "pairs", "method", "side", *sources)
    return Table("Initial embeddings: where rows come from", note, columns, tuple(found.values()))


def _signed(difference: float | None) -> str | None:
    return None if difference is None else f"{difference:+.1f}"
