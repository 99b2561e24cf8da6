"""Freezing within cross-attention: scores of single layers, projections and heads, and the smallest pack."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import mean
from typing import Any

from crosslate.studies.analysis import Analysis
from crosslate.studies.cells import Cell
from crosslate.studies.parts import LIMITED
from crosslate.studies.report.tables import Row, Table, interval_shown, over_seeds, p_value
from crosslate.studies.store import Results

MAX_LOSS_BLEU = 0.5
"""Maximum loss of the smallest pack against training all of cross-attention."""
_COLUMNS = ("child", "trained", "BLEU", "difference", "95 % interval", "p", "tensor bytes", "% of the pack")


class Freezing(Analysis):
    is_optional = False

    def tables(self, results: Results) -> Iterator[Table]:
        children = _compared(results)
        yield Table(
            "Finer freezing",
            "BLEU on the test set; difference from the child with all of cross-attention trained (paired "
            "bootstrap; p by Holm's correction for all comparisons of this report); bytes of the pack's "
            "tensors, also as a percentage of that child's pack.",
            _COLUMNS,
            [_row(results, cells, whole) for whole, strategies in children for cells in strategies],
        )
        yield Table(
            f"The smallest pack within {MAX_LOSS_BLEU:g} BLEU",
            f"The pack with the fewest bytes that loses at most {MAX_LOSS_BLEU:g} BLEU against the child "
            "with all of cross-attention trained, by the whole 95 % interval, not corrected for the number "
            "of packs. It is chosen and scored on the same test set.",
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
            labels = {"child": child, "part": part, "size": results.full_size}
            parts[part] = [cell for cell, _ in results.found("child", **labels)]
            for cell in parts[part]:
                strategies.setdefault(cell.labels["strategy"], []).append(cell)
        if parts[LIMITED] and parts["xattn"]:
            found.append((strategies[parts["xattn"][0].labels["strategy"]], list(strategies.values())))
    return found


def _row(results: Results, cells: Sequence[Cell], whole: Sequence[Cell]) -> Row:
    """Score and size of one strategy's children, compared with training all of cross-attention."""
    found, size = results.difference(cells[0], whole[0]), _bytes(results, cells)
    shown: Row = (None, None, None)
    if found:
        difference = f"{found['first'] - found['second']:+.1f}"
        shown = (difference, interval_shown(found), p_value(found["p_value"]))
    bleu = over_seeds([results.bleu(cell) for cell in cells])
    share = round(100 * size / _bytes(results, whole), 1)
    return (cells[0].labels["child"], cells[0].labels["strategy"], bleu, *shown, size, share)


def _smallest(results: Results, whole: list[Cell], strategies: list[list[Cell]]) -> list[Cell]:
    """The strategy with the fewest bytes within the allowed loss."""

    def is_near(cells: list[Cell]) -> bool:
        found = results.difference(cells[0], whole[0])
        return cells is whole or (found is not None and found["interval"][0] >= -MAX_LOSS_BLEU)

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
