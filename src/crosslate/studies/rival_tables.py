"""What a report says of the paper's strategies beside others, and of packs in fewer bytes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import mean
from typing import Any

from crosslate.studies.cells import Cell, find
from crosslate.studies.recipe import RIVALS
from crosslate.studies.store import Result
from crosslate.studies.tables import Table, Value, shown_p_value

QUALITY = "Strategies side by side"
COMPRESSED = "Packs in fewer bytes"


def rival_tables(cells: Sequence[Cell], results: dict[str, Result]) -> list[Table]:
    """Both tables, as far as they have rows."""
    return [table for table in (_strategies(cells, results), _compressed(cells, results)) if table.rows]


def _strategies(cells: Sequence[Cell], results: dict[str, Result]) -> Table:
    """A row for each child and strategy; empty in a study without rivals."""
    rows: list[tuple[Value, ...]] = []
    done = list(_found(cells, results, "child"))
    systems = dict.fromkeys((cell.labels["child"], cell.labels["strategy"]) for cell, _ in done)
    for child, strategy in systems if any(cell.labels["part"] in RIVALS for cell in cells_of(done)) else ():
        mine = [each for each in done if _is(each[0], child, strategy)]
        values = [found for _, found in mine]
        stored = values[0]["stored"]
        memory = [each for found in values if (each := found.get("memory")) and each["peak_memory"]]
        taken = [each["peak_memory"] - each["memory_before"] for each in memory]
        rows.append(
            (
                f"{child} {strategy}",
                round(mean(found["scores"]["bleu"]["value"] for found in values), 1),
                _interval(values) if len(values) == 1 else f"{len(values)} seeds",
                stored["pack_bytes"],
                sum(group["num_trained"] for group in stored["groups"].values()),
                round(mean(found["training"]["training_seconds"] for found in values)),
                round(max(each["peak_memory"] for each in memory) / 1e6) if memory else None,
                round(max(taken) / 1e6) if taken else None,
                _mean(_lexicon(cells, results, [cell for cell, _ in mine])),
                _mean(_zero_shot(cells, results, [cell for cell, _ in mine])),
            )
        )
    note = (
        "The same new embeddings, data and number of updates for all. Bytes of the tensors that the pack "
        "stores; seconds of updates without validations; the largest resident memory of the process while "
        "updates were made, and what of it is above that before the child was made; @1 by cosine; zero-shot "
        "BLEU, composed with cross-attention's pack of the other side."
    )
    columns = ("strategy", "BLEU", "95 % interval", "tensor bytes", "trained parameters", "training seconds",
               "peak memory in MB", "above the start", "lexicon @1", "zero-shot BLEU")  # fmt: skip
    return Table(QUALITY, note, columns, tuple(rows))


def _compressed(cells: Sequence[Cell], results: dict[str, Result]) -> Table:
    """A row for each pack and each way of storing it."""
    compared = {
        cell.labels["first"]: results[cell.key].values
        for cell in find(cells, "compare")
        if cell.key in results
    }
    rows: list[tuple[Value, ...]] = []
    for cell, values in _found(cells, results, "compressed"):
        whole = results.get(cell.needs["child"])
        score = values["scores"]["bleu"]["value"]
        against = compared.get(cell.title)
        rows.append(
            (
                cell.labels["whole"],
                cell.labels["how"],
                values["tensor_bytes"],
                round(100 * values["tensor_bytes"] / values["whole_bytes"], 1),
                round(score, 1),
                None if whole is None else round(score - whole.values["scores"]["bleu"]["value"], 2),
                None if against is None else shown_p_value(against["bleu"]["p_value"]).removeprefix("= "),
            )
        )  # fmt: skip
    note = (
        "Trained matrices as the parent's plus a delta of low rank, and fewer bits for each number; the "
        "difference is from the pack as it was trained (paired bootstrap)."
    )
    columns = ("pack", "stored as", "tensor bytes", "% of the whole", "BLEU", "difference", "p")
    return Table(COMPRESSED, note, columns, tuple(rows))


def cells_of(found: Sequence[tuple[Cell, Any]]) -> list[Cell]:
    """The cells of pairs of a cell and its values."""
    return [cell for cell, _ in found]


def _found(
    cells: Sequence[Cell], results: dict[str, Result], kind: str
) -> Iterator[tuple[Cell, dict[str, Any]]]:
    for cell in find(cells, kind):
        if cell.key in results:
            yield cell, results[cell.key].values


def _is(cell: Cell, child: str, strategy: str) -> bool:
    return (cell.labels["child"], cell.labels["strategy"]) == (child, strategy)


def _interval(values: Sequence[dict[str, Any]]) -> str:
    interval = values[0]["scores"]["bleu"]["interval"]
    return f"{interval[0]:.1f} to {interval[1]:.1f}" if interval else ""


def _lexicon(cells: Sequence[Cell], results: dict[str, Result], children: Sequence[Cell]) -> list[float]:
    keys = {cell.key for cell in children}
    found = _found(cells, results, "lexicon")
    return [values["cosine"]["precision_at_1"] for cell, values in found if cell.needs["child"] in keys]


def _zero_shot(cells: Sequence[Cell], results: dict[str, Result], children: Sequence[Cell]) -> list[float]:
    """Scores of compositions with a pack that trained cross-attention."""
    keys = {cell.key for cell in children}
    partners = {cell.key for cell in find(cells, "child", part="xattn")}
    scores = []
    for cell, values in _found(cells, results, "zero-shot"):
        source, target = cell.needs["source"], cell.needs["target"]
        if (source in keys and target in partners) or (target in keys and source in partners):
            scores.append(values["scores"]["bleu"]["value"])
    return scores


def _mean(values: Sequence[float]) -> float | None:
    return round(mean(values), 1) if values else None
