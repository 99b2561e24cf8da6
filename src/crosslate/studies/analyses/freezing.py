"""Freezing within cross-attention: scores of single layers, projections and heads, and the smallest pack."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import mean
from typing import Any

from crosslate.models.initialisers.initial_embeddings import RANDOM
from crosslate.studies.analysis import Analysis
from crosslate.studies.cells import Cell
from crosslate.studies.parts import LIMITED
from crosslate.studies.report.tables import Row, Table, over_seeds, p_value, signed
from crosslate.studies.store import Results

MAX_LOSS_BLEU = 0.5
"""Maximum loss of the smallest pack against training all of cross-attention."""
_COLUMNS = ("child", "trained", "BLEU", "difference", "p", "tensor bytes", "% of the pack")


class Freezing(Analysis):
    is_optional = False

    def tables(self, results: Results) -> Iterator[Table]:
        children = _compared(results)
        yield Table(
            "Finer freezing",
            "BLEU on the test set; difference from the child with all of cross-attention trained, with the "
            "p-value of a paired bootstrap (the largest over seeds); bytes of the pack's tensors, also as a "
            "percentage of that child's pack.",
            _COLUMNS,
            [_row(results, cells, whole) for whole, strategies in children for cells in strategies],
        )
        yield Table(
            f"The smallest pack within {MAX_LOSS_BLEU:g} BLEU",
            f"The pack with the fewest bytes that is at most {MAX_LOSS_BLEU:g} BLEU below the child with all "
            "of cross-attention trained. It is chosen and scored on the same test set.",
            _COLUMNS,
            [_row(results, _smallest(results, *each), each[0]) for each in children],
        )
        yield Table(
            "Heads that were chosen",
            "Heads by decoder layer, from 0, and the importance of each head (gradient times weight) as a "
            "percentage of the total.",
            ("child", "trained", "importance % by layer"),
            [
                (cell.title, values["strategy"], _importance(values["heads"]["importance"]))
                for cell, values in results.found("child")
                if values.get("heads")
            ],
        )


def _compared(results: Results) -> list[tuple[list[Cell], list[list[Cell]]]]:
    """For each child with limited and with full cross-attention at full size: the cells with all of it
    trained, and the cells of each strategy."""
    found = []
    for child in results.names("child", "child"):
        strategies: dict[str, list[Cell]] = {}
        parts: dict[str, list[Cell]] = {}
        for part in ("embeddings", LIMITED, "xattn"):
            labels = {"child": child, "part": part, "initial": RANDOM, "size": results.full_size}
            parts[part] = [cell for cell, _ in results.found("child", **labels)]
            for cell in parts[part]:
                strategies.setdefault(cell.labels["strategy"], []).append(cell)
        if parts[LIMITED] and parts["xattn"]:
            found.append((strategies[parts["xattn"][0].labels["strategy"]], list(strategies.values())))
    return found


def _row(results: Results, cells: Sequence[Cell], whole: Sequence[Cell]) -> Row:
    """Score and size of one strategy's children, compared with training all of cross-attention."""
    difference, p = (None, None) if cells is whole else results.difference(cells, whole)
    size, labels = _bytes(results, cells), cells[0].labels
    return (
        labels["child"], labels["strategy"], over_seeds([results.bleu(cell) for cell in cells]),
        signed(difference), p_value(p), size, round(100 * size / _bytes(results, whole), 1),
    )  # fmt: skip


def _smallest(results: Results, whole: list[Cell], strategies: list[list[Cell]]) -> list[Cell]:
    """The strategy with the fewest bytes within the allowed loss."""

    def is_near(cells: list[Cell]) -> bool:
        difference = results.difference(cells, whole)[0]
        return cells is whole or (difference is not None and difference >= -MAX_LOSS_BLEU)

    near = [cells for cells in strategies if is_near(cells)]
    return min(near, key=lambda each: (_bytes(results, each), -mean(map(results.bleu, each))))


def _bytes(results: Results, cells: Sequence[Cell]) -> int:
    return round(mean(results.by_key[cell.key].values["stored"]["pack_bytes"] for cell in cells))


def _importance(by_layer: dict[str, list[float]]) -> str:
    total = sum(map(sum, by_layer.values())) or 1.0
    shown: dict[str, Any] = {
        layer: " ".join(f"{100 * each / total:.0f}" for each in heads) for layer, heads in by_layer.items()
    }
    return "; ".join(f"{layer}: {heads}" for layer, heads in shown.items())
