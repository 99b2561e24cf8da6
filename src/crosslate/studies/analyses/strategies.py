"""The paper's strategies and rival methods: score, size and cost of each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from statistics import mean
from typing import Any

from crosslate.models.strategies import parse_strategy
from crosslate.studies.analyses.compressed import TITLE as COMPRESSED
from crosslate.studies.analysis import Analysis
from crosslate.studies.parts import OTHER_START, is_rival, part_of
from crosslate.studies.report.charts import Mark, scatter_chart
from crosslate.studies.report.page import Figures
from crosslate.studies.report.tables import Row, Table
from crosslate.studies.store import Results

TITLE = "Strategies side by side"
_PAPERS, _RIVAL, _SMALLER = 3, 1, 2
"""Styles of the paper's strategies, rival methods, and compressed packs."""


class Strategies(Analysis):
    is_optional = False

    def tables(self, results: Results) -> Iterator[Table]:
        """A row for each child and strategy; none in a study without rivals."""
        done = results.found("child")
        names = ("child", "strategy", "size")
        usual = [cell.labels for cell, _ in done if cell.labels["part"] != OTHER_START]
        systems = dict.fromkeys(tuple(labels[name] for name in names) for labels in usual)
        has_rivals = any(is_rival(cell.labels["part"]) for cell, _ in done)
        note = (
            "Means over seeds and parents. Updates may differ; the table of trainings has them. Bytes of the "
            "tensors that the pack stores; seconds of updates without validations; the largest resident "
            "memory of the process while updates were made, and what of it is above that before the child "
            "was made; @1 by cosine; zero-shot BLEU, composed with cross-attention's pack of the other side."
        )
        columns = ("strategy", "BLEU", "95 % interval", "tensor bytes", "trained parameters",
                   "training seconds", "peak memory in MB", "above the start", "lexicon @1",
                   "zero-shot BLEU")  # fmt: skip
        yield Table(TITLE, note, columns, [_row(results, *each) for each in systems] if has_rivals else [])

    def figures(self, report: Mapping[str, Any]) -> Iterator[Figures]:
        rows = {table["title"]: table["rows"] for table in report["tables"]}
        marks: dict[str, list[Mark]] = {}
        for name, score, _, num_bytes, *_ in rows.get(TITLE, ()):
            child, _, strategy = str(name).partition(" ")
            style = _RIVAL if is_rival(part_of(parse_strategy(strategy.partition(", ")[0]))) else _PAPERS
            marks.setdefault(child, []).append(Mark(strategy, int(num_bytes), float(score), style))
        for name, how, num_bytes, _, score, *_ in rows.get(COMPRESSED, ()):
            child, _, strategy = str(name).partition(", ")[0].partition(" ")
            if child in marks:
                marks[child].append(Mark(f"{strategy} in {how}", int(num_bytes), float(score), _SMALLER))
        yield Figures(
            "quality", "Quality against bytes",
            "Every point is a pack: further left are fewer bytes, further up more BLEU. The paper's "
            "strategies, others, and packs of cross-attention in fewer bytes have colours of their own.",
            "medium",
            [
                (child, scatter_chart(f"quality-{number}", f"{child}: BLEU by megabytes stored", found))
                for number, (child, found) in enumerate(marks.items(), start=1)
            ],
        )  # fmt: skip


def _row(results: Results, child: str, strategy: str, size: int) -> Row:
    found = results.found("child", child=child, strategy=strategy, size=size)
    mine = [each for each in found if each[0].labels["part"] != OTHER_START]
    keys, values = {cell.key for cell, _ in mine}, [found for _, found in mine]
    stored, interval = values[0]["stored"], values[0]["scores"]["bleu"]["interval"]
    shown = f"{interval[0]:.1f} to {interval[1]:.1f}" if interval else ""
    memory = [each for found in values if (each := found.get("memory")) and each["peak_memory"]]
    taken = [each["peak_memory"] - each["memory_before"] for each in memory]
    lexicon = [
        found["cosine"]["precision_at_1"]
        for cell, found in results.found("lexicon")
        if cell.needs["child"] in keys
    ]
    return (
        f"{child} {strategy}" + (f", {size} pairs" if size else ""),
        round(mean(found["scores"]["bleu"]["value"] for found in values), 1),
        shown if len(values) == 1 else f"{len(values)} runs",
        stored["pack_bytes"],
        sum(group["num_trained"] for group in stored["groups"].values()),
        round(mean(found["training"]["training_seconds"] for found in values)),
        round(max(each["peak_memory"] for each in memory) / 1e6) if memory else None,
        round(max(taken) / 1e6) if taken else None,
        _mean(lexicon),
        _mean(_composed(results, keys)),
    )


def _composed(results: Results, keys: set[str]) -> list[float]:
    """Scores of compositions with a pack that trained cross-attention."""
    partners = {cell.key for cell in results.cells if cell.kind == "child" and cell.labels["part"] == "xattn"}
    return [
        values["scores"]["bleu"]["value"]
        for cell, values in results.found("zero-shot")
        for source, target in [(cell.needs["source"], cell.needs["target"])]
        if (source in keys and target in partners) or (target in keys and source in partners)
    ]


def _mean(values: Sequence[float]) -> float | None:
    return round(mean(values), 1) if values else None
