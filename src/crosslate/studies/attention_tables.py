"""What a report says of cross-attention, from stored results alone: tables, and maps of one sentence."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import mean
from typing import Any

from crosslate.studies.cells import Cell, find
from crosslate.studies.store import Result
from crosslate.studies.tables import Table, Value

PARTS_SHOWN = ("parent", "xattn", "body", "randxattn")
"""Whose maps are shown: the first of each for source children; of target children ``xattn`` alone."""


def attention_tables(cells: Sequence[Cell], results: dict[str, Result]) -> list[Table]:
    """Entropy by layer, change against the parent by layer, and word alignment by strategy."""
    found = list(_found(cells, results))
    if not found:
        return []
    num_layers = max(len(values["entropy"]) for _, values in found)
    layers = tuple(f"layer {layer}" for layer in range(1, num_layers + 1))
    return [
        table for table in (_entropy(found, layers), _changes(found, layers), _alignment(found)) if table.rows
    ]


def attention_maps(cells: Sequence[Cell], results: dict[str, Result]) -> list[dict[str, Any]]:
    """A few maps of one test sentence for a report: the mean over heads of one layer, and its sharpest head.

    Returns:
        Each with ``title``, ``layer`` and ``head`` (from 1; None for the mean), ``source`` and ``target``
        pieces, ``weights`` ``[target][source]`` and ``alignment`` ``[[target_index, source_index], …]``,
        where a word stands at its first piece.
    """
    shown = []
    sides: set[tuple[str, str]] = set()
    for cell, values in _found(cells, results):
        kind = (str(cell.labels.get("side", "")), cell.labels["part"])
        if kind[1] not in PARTS_SHOWN or kind in sides or "denoiser" in cell.labels:
            continue
        if kind[0] == "target" and kind[1] != "xattn":
            continue
        sides.add(kind)
        drawn, title = values["map"], _title(cell)
        same = {name: drawn[name] for name in ("source", "target", "alignment")}
        head = drawn["head"]
        for number, weights in ((None, drawn["layers"][head["layer"] - 1]), (head["head"], head["weights"])):
            shown.append({"title": title, "layer": head["layer"], "head": number, "weights": weights} | same)
    return shown


def _found(cells: Sequence[Cell], results: dict[str, Result]) -> Iterator[tuple[Cell, dict[str, Any]]]:
    for cell in find(cells, "attention"):
        if cell.key in results:
            yield cell, results[cell.key].values


def _title(cell: Cell) -> str:
    return cell.title.removeprefix("attention of ")


def _entropy(found: Sequence[tuple[Cell, dict[str, Any]]], layers: tuple[str, ...]) -> Table:
    rows = [
        (
            _title(cell), values["sentences"], *_by_layer(values["entropy"], len(layers)),
            round(100 * _mean(values["normalised entropy"]), 1), round(100 * _mean(values["on no word"]), 1),
        )
        for cell, values in found
    ]  # fmt: skip
    note = (
        "Nats, mean over the heads (least to most of one head), over those of the first "
        f"{found[0][0].spec['pairs']} pairs of the test set that fit into the model, with the reference "
        "forced; all heads as percent of the largest possible; and the percent of attention that rests on "
        "the end of the sentence."
    )
    columns = ("model", "pairs", *layers, "% of largest", "% on the end")
    return Table("Cross-attention: entropy", note, columns, tuple(rows))


def _changes(found: Sequence[tuple[Cell, dict[str, Any]]], layers: tuple[str, ...]) -> Table:
    rows: list[tuple[Value, ...]] = []
    roles = tuple(dict.fromkeys(role for _, values in found for role in values.get("change") or ()))
    for cell, values in found:
        if changes := values.get("change"):
            heads = [[mean(head) for head in zip(*of_layer)] for of_layer in zip(*changes.values())]
            by_role = (round(_mean(changes[role]), 3) if role in changes else None for role in roles)
            rows.append((_title(cell), *_by_layer(heads, len(layers)), *by_role))
    note = (
        "Frobenius norm of the change over that of the parent's weights, mean over the heads (least to most "
        "of one head), for each head the mean of its rows of q, k, v and columns of o; then each projection "
        "alone over all heads. 0: not trained; about 1.4: unrelated and equally large."
    )
    return Table("Cross-attention: change against the parent", note, ("model", *layers, *roles), tuple(rows))


def _alignment(found: Sequence[tuple[Cell, dict[str, Any]]]) -> Table:
    rows: list[tuple[Value, ...]] = []
    for cell, values in found:
        scored = values.get("alignment")
        if scored and scored["words"]:
            by_layer = " / ".join(f"{each:.1f}" for each in scored["by layer"])
            pair = f"{cell.labels['source']}-{cell.labels['target']}"
            percents = (round(scored[name], 1) for name in ("precision", "chance"))
            rows.append((_title(cell), pair, scored["words"], *percents, by_layer))
    note = (
        "Percent of target words linked to a source word that a dictionary calls a translation, among those "
        "that have one in the source sentence. The link is the source word with most attention in the mean "
        "over the heads of one layer, the end of the sentence left out: of the last but one of three or more "
        "layers (Garg et al. 2019), else of the last. By chance: any source word."
    )
    columns = ("model", "languages", "words", "precision", "by chance", "precision of each layer")
    return Table("Word alignment from cross-attention", note, columns, tuple(rows))


def _by_layer(heads: Sequence[Sequence[float]], num_layers: int) -> list[str | None]:
    """``mean (least–most)`` over the heads of each layer; None for layers that a model does not have."""
    shown: list[str | None] = [f"{mean(each):.2f} ({min(each):.2f}–{max(each):.2f})" for each in heads]
    return shown + [None] * (num_layers - len(shown))


def _mean(heads: Sequence[Sequence[float]]) -> float:
    return mean(value for layer in heads for value in layer)
