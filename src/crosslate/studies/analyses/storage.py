"""Storage of packs: by strategy, and one parent with N packs against N full models."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from statistics import mean
from typing import Any

from crosslate.studies.analysis import Analysis
from crosslate.studies.report.charts import Line, line_chart
from crosslate.studies.report.claims import Finding, by_construction, not_measured
from crosslate.studies.report.page import Figures
from crosslate.studies.report.tables import Table
from crosslate.studies.store import Results

_N_PAIRS = "Storage for N pairs"
_TABLE_2 = "section 3.3, Table 2"


class Storage(Analysis):
    is_optional = False

    def tables(self, results: Results) -> Iterator[Table]:
        of_all = {"size": results.full_size, "seed": results.first_seed}
        rows = [
            (
                cell.title, round(100 * values["stored"]["share_stored"], 1),
                values["stored"]["pack_bytes"], values["bytes_on_disk"],
            )
            for cell, values in results.found("child", **of_all)
        ]  # fmt: skip
        note = (
            "Share of a full model's parameters (tied ones once); bytes of tensors, and of the whole folder."
        )
        yield Table("Storage", note, ("child", "% stored", "tensor bytes", "bytes on disk"), rows)
        packs = [values["stored"] for _, values in results.found("child", part="xattn", **of_all)]
        if packs:
            pack, model = (mean(each[name] for each in packs) for name in ("pack_bytes", "model_bytes"))
            rows_of_n = [
                (count, round((model + count * pack) / 1e6, 1), round(count * model / 1e6, 1))
                for count in (1, 2, 5, 10, 50)
            ]
            note = "MB of tensors, with the mean pack and model of this study's cross-attention children."
            yield Table(_N_PAIRS, note, ("pairs", "a parent and N packs", "N full models"), rows_of_n)

    def findings(self, results: Results) -> Iterator[Finding]:
        claim = (
            "Training cross-attention changes and stores a small part of what training the whole body does "
            "(124 million against 314 million parameters for six children in the paper)."
        )
        stored = [
            [
                values["stored"]["share_stored"]
                for _, values in results.found(
                    "child", part=part, seed=results.first_seed, size=results.full_size
                )
            ]
            for part in ("xattn", "body")
        ]
        if not all(stored):
            yield not_measured(claim, _TABLE_2)
            return
        ours, theirs = map(mean, stored)
        reason = f"{100 * ours:.0f} % of a full model's parameters against {100 * theirs:.0f} %"
        yield by_construction(claim, _TABLE_2, reason, holds=ours < theirs)

    def figures(self, report: Mapping[str, Any]) -> Iterator[Figures]:
        rows = [
            row
            for table in report["tables"]
            if table["title"] == _N_PAIRS
            for row in table["rows"]
            if all(isinstance(each, int | float) for each in row)
        ]
        lines = [
            Line(name, style, [[(float(row[0]), float(row[column])) for row in rows]])
            for column, (name, style) in enumerate((("parent + packs", 3), ("full models", 0)), start=1)
        ]
        title, axes = "One parent with packs, or full models", ("number of pairs", "MB")
        yield Figures(
            "storage", "Storage curve",
            "What the tensors of N pairs take: N packs beside one parent, or a full model for each.", "one",
            [("", line_chart("storage", title, lines, *axes) if len(rows) > 1 else None)],
        )  # fmt: skip
