"""Forgetting: how well a child's body still translates its parent's pair."""

from __future__ import annotations

from collections.abc import Iterator

from crosslate.studies.adapted import scored
from crosslate.studies.analysis import Analysis
from crosslate.studies.cells import Cell
from crosslate.studies.inputs import Inputs
from crosslate.studies.parts import compared_parts
from crosslate.studies.plan import Plan
from crosslate.studies.report.claims import Finding, Verdict, compared, judge, not_measured
from crosslate.studies.report.tables import Table, parent_scores, rows_by_part
from crosslate.studies.store import Output, Results


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
        return compared_parts(plan.cells, "forgetting")

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
        yield judge(
            "With the parent's embeddings plugged back in, a child's body knows more of the parent's pair "
            "after training cross-attention alone than after training the whole body.",
            "section 5.1, Figure 4", compared(results, "forgetting", "xattn", "body"),
        )  # fmt: skip
        claim = "The parent itself forgets nothing: its tensors are the same with every pack in use."
        source = "section 5.1; a property of packs"
        same = [bool(values["parent_is_identical"]) for _, values in results.found("forgetting")]
        if not same:
            yield not_measured(claim, source)
            return
        reason = f"{sum(same)} of {len(same)} packs leave the parent's fingerprint as it was"
        verdict: Verdict = "confirmed" if all(same) else "contradicted"
        yield Finding(claim, source, verdict, reason, "sha256 of all tensors", ())
