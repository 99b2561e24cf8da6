"""Every comparison of two systems on one test set, by paired bootstrap."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from crosslate.studies.adapted import METRICS, NUM_SAMPLES
from crosslate.studies.analyses import CLAIMS, analyses
from crosslate.studies.analysis import Analysis
from crosslate.studies.cells import Cell
from crosslate.studies.inputs import Inputs
from crosslate.studies.plan import Plan
from crosslate.studies.report.tables import Table, p_value
from crosslate.studies.store import Output, Results


class Compare(Analysis):
    """Compares the systems that other analyses name in their ``comparisons``."""

    def cells(self, plan: Plan) -> Iterator[Cell]:
        for analysis in analyses(CLAIMS):
            for one, other in analysis.comparisons(plan):
                yield Cell(
                    "compare", f"{one.title} against {other.title}", {"text": one.spec["text"]["test"]},
                    {"first": one.key, "second": other.key}, {"first": one.title, "second": other.title},
                    {"test": one.texts["test"]},
                )  # fmt: skip

    def work(self, inputs: Inputs) -> Output:
        from crosslate.evaluation.scores import compare

        test = inputs.text("test")
        systems = {role: inputs.translations(role) for role in ("second", "first")}
        values: dict[str, Any] = {}
        for metric in METRICS:
            base, other = compare(test, systems, metric, num_samples=NUM_SAMPLES)
            values[metric] = {
                "first": other.score.value, "second": base.score.value,
                "difference": other.score.value - base.score.value, "p_value": other.p_value,
                "signature": other.score.signature,
            }  # fmt: skip
        return Output(values)

    def tables(self, results: Results) -> Iterator[Table]:
        rows = [
            (
                cell.labels["first"], cell.labels["second"],
                round(values["bleu"]["difference"], 2), p_value(values["bleu"]["p_value"]),
                round(values["chrf"]["difference"], 2), p_value(values["chrf"]["p_value"]),
            )
            for cell, values in results.found("compare")
        ]  # fmt: skip
        columns = ("first", "second", "BLEU difference", "p", "chrF2 difference", "p (chrF2)")
        yield Table("Comparisons", "Paired bootstrap, 1,000 samples.", columns, rows)
