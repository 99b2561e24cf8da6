"""Initial embeddings: the best method on validation text, and scores on the test set."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import mean

from crosslate.models.initialisers.initial_embeddings import METHODS, RANDOM, TRANSLATED
from crosslate.studies.analysis import Analysis
from crosslate.studies.cells import Cell
from crosslate.studies.parts import OTHER_START
from crosslate.studies.plan import Plan
from crosslate.studies.report.tables import Row, Table, Value, difference_shown, over_seeds, p_value
from crosslate.studies.store import Found, Results


class InitialEmbeddings(Analysis):
    is_optional = False

    def comparisons(self, plan: Plan) -> Iterator[tuple[Cell, Cell]]:
        for one in plan.find("child", part=OTHER_START):
            names = ("child", "parent", "seed", "size", "strategy")
            same = {name: one.labels[name] for name in names}
            yield from ((one, other) for other in plan.find("child", initial=RANDOM, **same))

    def tables(self, results: Results) -> Iterator[Table]:
        groups = _groups(results)
        methods = [each for each in METHODS if any(each in found for found in groups.values())]
        columns = ("child", "trained", "pairs", *methods)
        yield Table(
            "Initial embeddings: validation",
            "Best greedy BLEU on the validation set, by which methods are chosen.",
            (*columns, "best"),
            [_validation(key, found, methods) for key, found in groups.items()],
        )
        yield Table(
            "Initial embeddings: test",
            "BLEU on the test set; the difference from random values with its 95 % interval and the p of a "
            "paired bootstrap, by Holm's correction for all comparisons of this report.",
            columns,
            [_test(results, key, found, methods) for key, found in groups.items()],
        )
        yield _rows_of_tables(results)


Key = tuple[str, str, int]
Group = dict[str, list[Found]]


def _groups(results: Results) -> dict[Key, Group]:
    """Children by (child, strategy, size) and method, if there are several methods."""
    groups: dict[Key, Group] = {}
    for cell, values in results.found("child"):
        labels = cell.labels
        key = (labels["child"], labels["strategy"], labels["size"])
        groups.setdefault(key, {}).setdefault(labels["initial"], []).append((cell, values))
    return {key: group for key, group in groups.items() if len(group) > 1}


def _named(key: Key) -> Row:
    child, strategy, size = key
    return child, strategy, _pairs(size)


def _pairs(size: int) -> str:
    return f"{size:,}" if size else "all"


def _validation(key: Key, group: Group, methods: Sequence[str]) -> Row:
    scores = {
        method: [max(entry[2] for entry in values["training"]["curve"]) for _, values in found]
        for method, found in group.items()
    }
    best = max(scores, key=lambda method: mean(scores[method]))
    return (*_named(key), *(over_seeds(scores.get(method, [])) for method in methods), best)


def _test(results: Results, key: Key, group: Group, methods: Sequence[str]) -> Row:
    row: list[Value] = []
    for method in methods:
        cells, random = ([cell for cell, _ in group.get(each, [])] for each in (method, RANDOM))
        shown = over_seeds([results.bleu(cell) for cell in cells])
        if cells and random and (found := results.difference(cells[0], random[0])):
            shown = f"{shown}, {difference_shown(found)}, p {p_value(found['p_value'])}"
        row.append(shown)
    return (*_named(key), *row)


def _rows_of_tables(results: Results) -> Table:
    recorded = [
        (cell, (values.get("initial_embeddings") or {}).get("rows", {}))
        for cell, values in results.found("child")
    ]
    counted = {source for _, rows in recorded for counts in rows.values() for source in counts}
    known = (*TRANSLATED, "copied", "mean", "special")
    sources = (*sorted(counted - {*known}), *known)
    found: dict[Row, Row] = {}
    for cell, rows in recorded:
        for side, counts in rows.items():
            key = (cell.labels["child"], _pairs(cell.labels["size"]), cell.labels["initial"])
            found.setdefault(key, (*key, side, *(counts.get(source, 0) for source in sources)))
    note = "Rows of the new table by what they started from; padding counts as special."
    columns = ("child", "pairs", "method", "side", *sources)
    return Table("Initial embeddings: where rows come from", note, columns, list(found.values()))
