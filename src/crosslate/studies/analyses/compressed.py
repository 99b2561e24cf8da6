"""Compressed packs: low-rank deltas, fewer bits per number, and their cost in BLEU."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

from crosslate.models.strategies import parse_strategy
from crosslate.studies.adapted import translated
from crosslate.studies.analysis import Analysis
from crosslate.studies.cells import Cell
from crosslate.studies.inputs import Inputs
from crosslate.studies.plan import Plan
from crosslate.studies.report.tables import Row, Table, difference_shown, p_value
from crosslate.studies.store import Output, Results

TITLE = "Packs in fewer bytes"


class Compressed(Analysis):
    is_optional = False

    def cells(self, plan: Plan) -> Iterator[Cell]:
        wanted = {str(parse_strategy(name)) for name in plan.recipe.compressed}
        for cell in plan.find("child", size=plan.full_size):
            for way in plan.recipe.compressions if cell.labels["strategy"] in wanted else ():
                texts = {"test": cell.texts["test"]}
                how = ", ".join([*([f"rank {way.rank}"] if way.rank else []), *filter(None, [way.dtype])])
                yield Cell(
                    "compressed", f"{cell.title} in {how}",
                    {"rank": way.rank, "dtype": way.dtype} | plan.scored(texts),
                    {"child": cell.key, "parent": cell.needs["parent"]},
                    cell.labels | {"how": how}, texts,
                )  # fmt: skip

    def comparisons(self, plan: Plan) -> Iterator[tuple[Cell, Cell]]:
        by_key = {cell.key: cell for cell in plan.find("child")}
        for cell in plan.find("compressed"):
            yield cell, by_key[cell.needs["child"]]

    def work(self, inputs: Inputs) -> Output:
        from crosslate.packs.compact import StoredType, compressed

        parent, whole = inputs.parent(), inputs.pack("child")
        dtype = cast(StoredType, inputs.spec["dtype"] or None)
        made = compressed(whole, parent, rank=inputs.spec["rank"], dtype=dtype)
        values = {
            "whole_bytes": sum(tensor.nbytes for tensor in whole.tensors.values()),
            "tensor_bytes": sum(tensor.nbytes for tensor in made.tensors.values()),
        }
        return translated(inputs, values, parent, made)

    def tables(self, results: Results) -> Iterator[Table]:
        by_key = {cell.key: cell for cell in results.cells}
        rows: list[Row] = []
        for cell, values in results.found("compressed"):
            whole = by_key[cell.needs["child"]]
            found = results.difference(cell, whole)
            rows.append(
                (
                    whole.title, cell.labels["how"], values["tensor_bytes"],
                    round(100 * values["tensor_bytes"] / values["whole_bytes"], 1),
                    round(results.bleu(cell), 1),
                    difference_shown(found), p_value(found["p_value"]) if found else None,
                )
            )  # fmt: skip
        note = (
            "Trained matrices as the parent's plus a delta of low rank, and fewer bits for each number; the "
            "difference is from the pack as it was trained (paired bootstrap, seeds together)."
        )
        columns = ("pack", "stored as", "tensor bytes", "% of the whole", "BLEU", "difference", "p")
        yield Table(TITLE, note, columns, rows)
