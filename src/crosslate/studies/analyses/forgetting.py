"""Forgetting: how well a child's body still translates its parent's pair."""

from __future__ import annotations

from collections.abc import Iterator

from crosslate.studies.adapted import scored
from crosslate.studies.analysis import Analysis
from crosslate.studies.cells import Cell
from crosslate.studies.inputs import Inputs
from crosslate.studies.parts import compared_parts
from crosslate.studies.plan import Plan
from crosslate.studies.report.claims import Evidence, Finding, by_construction, compared, judge, not_measured
from crosslate.studies.report.tables import Table, parent_scores, rows_by_part
from crosslate.studies.store import Output, Results

_FIGURE_4 = "section 5.1, Figure 4"


class Forgetting(Analysis):
    """Source: Gheini, Ren & May 2021, section 5.1."""

    def cells(self, plan: Plan) -> Iterator[Cell]:
        for cell in plan.find("child", size=plan.full_size):
            if cell.labels["part"] != "scratch":
                parent = plan.parent(cell.labels["parent"])
                texts = {"test": parent.texts["test"]}
                yield Cell(
                    "forgetting", f"forgetting of {cell.title}", plan.scored(texts),
                    {"child": cell.key, "parent": parent.key}, cell.labels, texts,
                )  # fmt: skip

    def comparisons(self, plan: Plan) -> Iterator[tuple[Cell, Cell]]:
        yield from compared_parts(plan.cells, "forgetting")
        for one in plan.find("forgetting", side="source"):
            same = {name: one.labels[name] for name in ("parent", "part", "seed")}
            if same["part"] in ("xattn", "body"):
                yield from ((one, other) for other in plan.find("forgetting", side="target", **same))

    def work(self, inputs: Inputs) -> Output:
        """Scores a child's body with the parent's embeddings, and checks that the parent is unchanged."""
        from crosslate.packs.compose import apply_packs, plug_back
        from crosslate.translation.translator import Translator

        parent, pack, test = inputs.parent(), inputs.pack("child"), inputs.text("test")
        before = parent.fingerprint()
        child = apply_packs(parent, [pack])
        mixed = Translator(plug_back(parent, pack), options=inputs.decoding)
        translations = mixed.translate(test.source)
        del child
        is_identical = parent.fingerprint() == before
        values = scored(translations, test) | {"parent_is_identical": is_identical, "fingerprint": before}
        return Output(values, translations)

    def tables(self, results: Results) -> Iterator[Table]:
        children = results.names("forgetting", "child")
        note = (
            "BLEU on the parent's pair of a child's body with the parent's embeddings plugged back in "
            f"(parent: {parent_scores(results)}). The parent with a pack in use is unaltered."
        )
        rows = rows_by_part(results, "forgetting", children)
        yield Table("Forgetting", note, ("trained", *children), rows)

    def findings(self, results: Results) -> Iterator[Finding]:
        one, other = ({"kind": "forgetting", "part": part} for part in ("xattn", "body"))
        yield judge(
            "With the parent's embeddings plugged back in, a child's body knows more of the parent's pair "
            "after training cross-attention alone than after training the whole body, for every child.",
            _FIGURE_4, compared(results, one, other),
        )  # fmt: skip
        evidence: list[Evidence | None] = []
        for described in (one, other):
            sides = ({**described, "side": side} for side in ("source", "target"))
            evidence += compared(results, *sides, is_average=True)
        yield judge(
            "Children with a new source forget less of the parent's pair than children with a new target, on "
            "average, after training cross-attention and after training the whole body.", _FIGURE_4, evidence,
        )  # fmt: skip
        claim = "The parent itself forgets nothing: its tensors are the same with every pack in use."
        same = [bool(values["parent_is_identical"]) for _, values in results.found("forgetting")]
        reason = f"{sum(same)} of {len(same)} packs leave the parent's fingerprint (sha256) as it was"
        if same:
            yield by_construction(claim, _FIGURE_4, reason, holds=all(same))
        else:
            yield not_measured(claim, _FIGURE_4)
