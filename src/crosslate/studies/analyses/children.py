"""Children of translation parents, by strategy, size, seed and start of their embeddings."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from crosslate.errors import SettingsError
from crosslate.models.initialisers.initial_embeddings import RANDOM
from crosslate.models.strategies import parse_strategy
from crosslate.studies.adapted import Adaptation, adapt_and_score, is_watched
from crosslate.studies.analysis import Analysis
from crosslate.studies.cells import Cell
from crosslate.studies.inputs import Inputs
from crosslate.studies.parts import PAPER_PARTS, compared_parts
from crosslate.studies.plan import Plan
from crosslate.studies.recipe import ChildRecipe
from crosslate.studies.report.claims import Finding, compared, judge
from crosslate.studies.report.tables import Row, Table, over_seeds, parent_scores, rows_by_part
from crosslate.studies.store import Output, Results

MAX_GAP_BLEU = 2.0
PAPER_CHILDREN = ("Ro–En", "Ja–En", "De–En", "Ha–En", "Fr–Es", "Fr–De")
PAPER_SCORES = {
    "scratch": (29.0, 9.2, 30.8, 5.4, 24.4, 18.5),
    "embeddings": (29.8, 8.7, 32.4, 8.6, 21.6, 11.6),
    "body": (31.0, 11.8, 36.2, 8.8, 27.3, 21.4),
    "xattn": (30.9, 9.8, 35.0, 8.4, 26.5, 19.6),
    "randxattn": (27.9, 8.4, 33.3, 7.0, 26.0, 18.8),
}
_TABLE_2 = "section 3.3, Table 2"


class Children(Analysis):
    is_optional = False
    kinds = ("child",)

    def cells(self, plan: Plan) -> Iterator[Cell]:
        for child in plan.recipe.children:
            for strategy in plan.recipe.strategies_of(child):
                is_scratch = parse_strategy(strategy).renews is None
                for method in [RANDOM] if is_scratch else child.initial_embeddings:
                    for size in plan.recipe.sizes:
                        for seed in plan.recipe.seeds:
                            yield self._child(plan, child, strategy, size, seed, method)

    def _child(
        self, plan: Plan, child: ChildRecipe, strategy: str, size: int, seed: int, method: str
    ) -> Cell:
        parent, side = plan.recipe.parent(child.parent), plan.recipe.new_side(child)
        ours, theirs = getattr(child, side), getattr(parent, side)
        start = _start(plan, method, ours, theirs)
        num_parents = sum(each.name == child.name for each in plan.recipe.children)
        title = f"{child.name} {strategy}" + (f" on {parent.name}" if num_parents > 1 else "")
        title += f", {method} embeddings" if start else ""
        return Adaptation(
            "child", title, plan.parent(parent.name), parent.size, child.text,
            (child.source, child.target), {side: ours}, strategy, child.vocabulary, seed, size,
            labels={"child": child.name, "parent": parent.name, "side": side, "initial": method},
            lexicon=plan.lexicon(side, ours, theirs) if is_watched(plan, strategy, seed, size) else {},
            start=start, is_other_start=method != child.initial_embeddings[0] and bool(start),
            has_encoder_dropout=_keeps_encoder(strategy)
            and not all(map(_keeps_encoder, plan.recipe.strategies_of(child))),
        ).cell(plan)  # fmt: skip

    def comparisons(self, plan: Plan) -> Iterator[tuple[Cell, Cell]]:
        return compared_parts(plan.cells, "child")

    def work(self, inputs: Inputs) -> Output:
        lexicon, measure = inputs.cell.watched.get("lexicon"), None
        if lexicon:
            from crosslate.evaluation.lexicon import measure_against_parent

            measure = measure_against_parent(inputs.parent(), lexicon["side"], inputs.dictionary(lexicon))
        return adapt_and_score(inputs, measure)

    def tables(self, results: Results) -> Iterator[Table]:
        children, size = results.names("child", "child"), results.full_size
        for metric, name in (("bleu", "BLEU"), ("chrf", "chrF2")):
            note = f"{name} on the test set, detokenised and cased; mean and deviation of several seeds. "
            note += f"Parent: {parent_scores(results, metric)}."
            rows = rows_by_part(results, "child", children, metric, size=size)
            yield Table(f"Children: {name}", note, ("trained", *children), rows)
        papers = [(name, *PAPER_SCORES[part]) for part, name in PAPER_PARTS.items()]
        note = "Gheini, Ren & May 2021, Table 2. Only the recipe `paper` has its parent and data."
        columns = ("trained", *PAPER_CHILDREN)
        yield Table("The paper's numbers: BLEU", note, columns, papers if results.found("child") else [])
        yield _by_size(results, children)

    def findings(self, results: Results) -> Iterable[Finding]:
        def claim(text: str, first: str, second: str, side: str = "", **options: Any) -> Finding:
            where = {"side": side} if side else {}
            one, other = ({"kind": "child", "part": part, **where} for part in (first, second))
            within = options.pop("within", None)
            return judge(text, _TABLE_2, compared(results, one, other, **options), within=within)

        yield claim(
            "Training cross-attention beside new target embeddings beats training the embeddings alone, for "
            "every child.", "xattn", "embeddings", "target",
        )  # fmt: skip
        yield claim(
            "Training cross-attention beside new source embeddings beats training the embeddings alone, "
            "on average.", "xattn", "embeddings", "source", is_average=True,
        )  # fmt: skip
        yield claim(
            f"Training cross-attention comes within {MAX_GAP_BLEU:g} BLEU of training the whole body, for "
            "every child.", "body", "xattn", within=MAX_GAP_BLEU,
        )  # fmt: skip
        yield claim(
            "Pretrained cross-attention beats cross-attention from random values, the same groups trained, "
            "for every child.", "xattn", "randxattn",
        )  # fmt: skip
        yield claim(
            "Training cross-attention beside new embeddings beats a model from scratch, for every child.",
            "xattn", "scratch",
        )  # fmt: skip
        yield claim(
            "Training the whole body beside new embeddings beats a model from scratch, for every child.",
            "body", "scratch",
        )  # fmt: skip
        yield claim(
            "New target embeddings alone stay below a model from scratch, for every child.",
            "scratch", "embeddings", "target",
        )  # fmt: skip
        yield claim(
            "New source embeddings alone beat a model from scratch, on average.",
            "embeddings", "scratch", "source", is_average=True,
        )  # fmt: skip


def _keeps_encoder(strategy: str) -> bool:
    """Whether a strategy trains nothing that the encoder's states depend on, so that they may be stored."""
    return parse_strategy(strategy).methods.keys().isdisjoint(("src", "enc"))


def _start(plan: Plan, method: str, ours: str, theirs: str) -> dict[str, Any]:
    """Where a child's new embeddings start; empty for the default."""
    if method == RANDOM:
        return {}
    if method != "dictionary":
        return {"method": method}
    steps = plan.dictionary_steps(ours, theirs)
    if not steps:
        raise SettingsError(
            f"initial embeddings from a dictionary need one from {ours} to {theirs}; "
            f"the recipe names {', '.join(plan.recipe.dictionaries) or 'none'}"
        )
    return {"method": method, "dictionaries": steps}


def _by_size(results: Results, children: list[str]) -> Table:
    """Children by the number of training pairs; without rows where there is one number alone."""
    rows: list[Row] = []
    for child in children if len(results.sizes) > 1 else ():
        for part, name in PAPER_PARTS.items():
            row = [
                over_seeds(results.scores("child", child=child, part=part, size=size))
                for size in results.sizes
            ]
            if any(row):
                rows.append((f"{child} {name}", *row))
    columns = ("child", *(f"{size:,} pairs" if size else "all pairs" for size in results.sizes))
    return Table("Children by training pairs: BLEU", "", columns, rows)
