"""Pairs that no pack was trained on: composed, in two passes, trained from scratch (Table 3)."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from crosslate.models.initialisers.initial_embeddings import RANDOM
from crosslate.models.strategies import parse_strategy
from crosslate.studies.adapted import Adaptation, adapt_and_score, scored, translated
from crosslate.studies.analysis import Analysis
from crosslate.studies.cells import Cell, find
from crosslate.studies.inputs import Inputs
from crosslate.studies.plan import Plan
from crosslate.studies.recipe import ZeroShotRecipe
from crosslate.studies.report.claims import Evidence, Finding, compared, judge
from crosslate.studies.report.tables import Table, with_interval
from crosslate.studies.store import Output, Results

_TABLE_3 = "section 5.2, Table 3"


class ZeroShot(Analysis):
    kinds = ("zero-shot", "supervised", "pivot")

    def cells(self, plan: Plan) -> Iterator[Cell]:
        for pair in plan.recipe.zero_shot:
            for seed in plan.recipe.seeds:
                yield from _cells(plan, pair, seed)

    def comparisons(self, plan: Plan) -> Iterator[tuple[Cell, Cell]]:
        for one in plan.find("zero-shot"):
            same = {"pair": one.labels["pair"], "seed": one.labels["seed"]}
            for kind in ("supervised", "pivot"):
                yield from ((one, other) for other in plan.find(kind, **same))

    def work(self, inputs: Inputs) -> Output:
        if inputs.cell.kind == "supervised":
            return adapt_and_score(inputs)
        parent = inputs.parent()
        if inputs.cell.kind == "zero-shot":  # one pass
            return translated(inputs, {}, parent, inputs.pack("source"), inputs.pack("target"))
        from crosslate.translation.translator import Translator

        test = inputs.text("test")
        lines = test.source
        for role in ("first", "second"):  # into the language in the middle, and out of it
            lines = Translator(parent, inputs.pack(role), options=inputs.decoding).translate(lines)
        return Output(scored(lines, test), list(lines))

    def tables(self, results: Results) -> Iterator[Table]:
        rows = [
            (pair, cell.title, *(with_interval(values["scores"][metric]) for metric in ("bleu", "chrf")))
            for pair in results.names("zero-shot", "pair")
            for kind in ("zero-shot", "pivot", "supervised")
            for cell, values in results.found(kind, pair=pair)
        ]
        note = "Pairs that no pack was trained on: composed, in two passes, and trained from scratch."
        yield Table("Zero-shot translation", note, ("pair", "system", "BLEU", "chrF2"), rows)

    def findings(self, results: Results) -> Iterator[Finding]:
        little: list[Evidence | None] = []
        most: list[Evidence | None] = []
        for pair in results.names("zero-shot", "pair"):
            composed = {"kind": "zero-shot", "part": "xattn", "size": 0, "pair": pair}
            sizes = {cell.labels["size"] for cell in find(results.cells, "supervised", pair=pair)}
            ordered = sorted(sizes, key=lambda size: size or math.inf)
            # A single size bears on one of the claims, or both would rest on one number.
            if ordered and ordered[0]:
                fewest = {"kind": "supervised", "size": ordered[0], "pair": pair}
                little += compared(results, composed, fewest)
            if len(ordered) > 1 or ordered == [0]:
                largest = {"kind": "supervised", "size": ordered[-1], "pair": pair}
                most += compared(results, largest, composed)
        yield judge(
            "A composed child of a pair that nothing was trained on beats a model trained from scratch on a "
            "little text of it (9.2 BLEU against 7.2 with 50,000 pairs in the paper).", _TABLE_3, little,
        )  # fmt: skip
        yield judge(
            "A model trained from scratch on the most text of the pair beats the composed child (18.3 BLEU "
            "against 9.2 in the paper, with all of it).", _TABLE_3, most,
        )  # fmt: skip


def _cells(plan: Plan, pair: ZeroShotRecipe, seed: int) -> Iterator[Cell]:
    """The cells of one composed pair and one seed."""
    child = plan.recipe.child(pair.source_child)
    parent = plan.recipe.parent(child.parent)
    source, target = child.source, plan.recipe.child(pair.target_child).target
    name = f"{source}-{target}"
    texts = plan.texts(pair.text, source, target, "test")
    labels: dict[str, Any] = {"pair": name, "seed": seed, "size": 0}

    def trained(child: str, strategy: str) -> Cell:
        """The child whose pack is composed."""
        same = {
            "child": child,
            "parent": parent.name,
            "strategy": str(parse_strategy(strategy)),
            "initial": RANDOM,
        }
        (found,) = plan.find("child", size=plan.full_size, seed=seed, **same)
        return found

    def supervised(source: str, size: int) -> Cell:
        """A model from scratch from a language into the pair's target, on so much text."""
        return Adaptation(
            "supervised", f"{source}-{target} scratch", plan.parent(parent.name), parent.size,
            pair.text, (source, target), {"source": source, "target": target}, "scratch",
            child.vocabulary, seed, size, labels={"pair": f"{source}-{target}"},
        ).cell(plan)  # fmt: skip

    second = trained(pair.target_child, pair.target_strategy)
    for strategy in pair.source_strategies:
        first = trained(pair.source_child, strategy)
        parts = {"strategy": strategy, "target_strategy": pair.target_strategy}
        yield Cell(
            "zero-shot", f"{name} composed of {first.title} and {second.title}", plan.scored(texts),
            {"source": first.key, "target": second.key, "parent": first.needs["parent"]},
            labels | parts | {"part": first.labels["part"]}, texts,
        )  # fmt: skip
    for size in pair.supervised_sizes:
        yield supervised(source, size)
    if pair.pivot:
        first = trained(pair.source_child, pair.source_strategies[0])
        out = supervised(child.target, 0)
        yield out
        title = f"{name} through {child.target}"
        title += f", seed {seed}" if len(plan.recipe.seeds) > 1 else ""
        needs = {"first": first.key, "second": out.key, "parent": first.needs["parent"]}
        yield Cell("pivot", title, plan.scored(texts), needs, labels, texts)
