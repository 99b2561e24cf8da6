"""Lexicon induction: whether new embeddings are close to their translations (section 4.2 of the paper)."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from itertools import combinations
from typing import TYPE_CHECKING, Any

from crosslate.studies.adapted import words_of_sides
from crosslate.studies.analysis import Analysis
from crosslate.studies.cells import Cell
from crosslate.studies.inputs import Inputs
from crosslate.studies.plan import Plan
from crosslate.studies.report.charts import word_map
from crosslate.studies.report.claims import Evidence, Finding, compared, judge
from crosslate.studies.report.page import Figures
from crosslate.studies.report.tables import Row, Table, precisions
from crosslate.studies.store import Output, Results

if TYPE_CHECKING:
    from crosslate.evaluation.embeddings import Embeddings

MAP_PAIRS = 30
"""Translation pairs on the map of a child."""
MAPPED = ("embeddings", "xattn", "body")
"""Parts whose children have a map, as compared in the paper."""

_TESTED = "words in lower case"
"""Part of the key, since cells once tested every piece and stored no words."""
_EVERY_WORD = 1_000_000
_NUM_NEIGHBOURS = 5
_NUM_EXAMPLES = 12
_MAX_EPOCHS_SHOWN = 8


class Lexicon(Analysis):
    """New words among the parent's or another child's; of one table, one language among the other."""

    kinds = ("lexicon", "lexicon between", "lexicon of languages")

    def cells(self, plan: Plan) -> Iterator[Cell]:
        children = plan.find("child", size=plan.full_size)
        children = [cell for cell in children if cell.labels["part"] != "scratch"]
        lacking: dict[str, None] = {}
        for cell in children:
            parent = plan.parent(cell.labels["parent"])
            spec = _spec(plan, cell, parent)
            if not spec:
                lacking[_languages(cell, parent)] = None
            elif cell.labels["seed"] == plan.recipe.seeds[0]:
                spec["map_pairs"] = MAP_PAIRS
            needs = {"child": cell.key, "parent": parent.key}
            yield from _cell(plan, "lexicon", spec, needs, cell, parent)
        for one, other in combinations(children, 2):
            same = ("parent", "side", "strategy", "seed", "initial")
            is_alike = all(one.labels[name] == other.labels[name] for name in same)
            if is_alike and one.labels["child"] != other.labels["child"]:
                found = _between(plan, one, other)
                if not found:
                    lacking[_languages(one, other)] = None
                yield from found
        for cell in plan.find("denoising child"):
            # Such a child has no new words: one table holds both languages from the start. Compare one
            # language with the other, and with the parent for the alignment before training on translation.
            ours, theirs = cell.labels["source"], cell.labels["target"]
            spec = plan.lexicon_between(ours, theirs)
            if spec:
                spec |= {"tested": _TESTED}
            else:
                lacking[f"{ours}-{theirs}"] = None
            needs = {"child": cell.key, "parent": cell.needs["parent"]}
            yield from _cell(plan, "lexicon of languages", spec, needs, cell)
        if lacking:
            pairs = ", ".join(lacking)
            plan.notes.append(f"no lexicon induction for {pairs}: no dictionary, and none to compose it from")

    def comparisons(self, plan: Plan) -> Iterator[tuple[Cell, Cell]]:
        for kind, parts in (("lexicon", ("body", "randxattn")), ("lexicon between", ("body",))):
            for one in plan.find(kind, part="xattn"):
                names = ("child", "other", "parent", "seed")
                same = {name: one.labels[name] for name in names if name in one.labels}
                for part in parts:
                    yield from ((one, other) for other in plan.find(kind, part=part, **same))

    def work(self, inputs: Inputs) -> Output:
        from crosslate.evaluation.embeddings import embeddings, through, words_of_languages
        from crosslate.evaluation.lexicon import induce
        from crosslate.packs.compose import apply_packs

        side, parent = inputs.spec["side"], inputs.parent()
        child = apply_packs(parent, [inputs.pack("child")])
        if inputs.cell.kind == "lexicon of languages":
            words = words_of_sides(inputs.text("train"))
            values = _looked_up(inputs, *words_of_languages(child, side, words))
            before = words_of_languages(parent, side, words)
            found = induce(*before, inputs.dictionary(inputs.spec), num_examples=0)
            return Output(values | {"before training": found.precisions})
        one, theirs = embeddings(child, side, "child"), embeddings(parent, side, "parent")
        if inputs.cell.kind == "lexicon":
            return Output(_looked_up(inputs, one, theirs) | _map(inputs, one, theirs))
        other = embeddings(apply_packs(parent, [inputs.pack("other")]), side, "other")
        values = _looked_up(inputs, one, other)
        found = induce(through(one, theirs), other, inputs.dictionary(inputs.spec), num_examples=0)
        return Output(values | {"through the parent": found.precisions})

    def tables(self, results: Results) -> Iterator[Table]:
        yield Table(
            "Lexicon induction",
            "Percent of one-piece words with a translation among the 1, 5 or 10 nearest words of the "
            "parent, by cosine; @1 also by CSLS, and the authors' way (largest dot product, one entry per "
            "word, words of the corpus).",
            ("child", "languages", "words", "coverage %", "@1", "@5", "@10", "@1 CSLS", "@1 authors"),
            [
                (
                    _title(cell), cell.labels["languages"], values["words"], round(values["coverage"], 1),
                    *precisions(values["cosine"], 1, 5, 10), *precisions(values["csls"], 1),
                    *precisions(values["authors"], 1),
                )
                for cell, values in results.found("lexicon")
            ],
        )  # fmt: skip
        yield _by_epoch(results)
        yield Table(
            "Lexicon induction by frequency",
            "Precision@1 by cosine, in quarters of the tested words by their frequency in the training text.",
            ("child", "most frequent", "second", "third", "least frequent"),
            [
                (_title(cell), *(round(band["precision_at_1"], 1) for band in values["bands"]))
                for cell, values in results.found("lexicon")
                if len(values["bands"]) == 4
            ],
        )
        yield Table(
            "Lexicon induction between children",
            "Words of one child among another's: directly by cosine, and through the parent's nearest word.",
            ("children", "languages", "words", "@1", "@5", "@10", "@1 through the parent"),
            [
                (
                    _title(cell), cell.labels["languages"], values["words"],
                    *precisions(values["cosine"], 1, 5, 10), *precisions(values["through the parent"], 1),
                )
                for cell, values in results.found("lexicon between")
            ],
        )  # fmt: skip
        yield Table(
            "Lexicon induction between the languages of one table",
            "Children of denoising parents: words of one language among the other's, both from the table "
            "that they share, without the words that both have; before training is the parent, trimmed.",
            ("child", "languages", "words", "@1 before", "@1", "@5", "@10", "@1 CSLS"),
            [
                (
                    _title(cell), cell.labels["languages"], values["words"],
                    *precisions(values["before training"], 1), *precisions(values["cosine"], 1, 5, 10),
                    *precisions(values["csls"], 1),
                )
                for cell, values in results.found("lexicon of languages")
            ],
        )  # fmt: skip
        yield Table(
            "Nearest neighbours",
            "By cosine, the nearest first.",
            ("child", "word", "nearest"),
            [
                (_title(cell), near["word"], ", ".join(near["words"]))
                for cell, values in results.found("lexicon", seed=results.first_seed)
                for near in values["neighbours"]
            ],
        )

    def findings(self, results: Results) -> Iterator[Finding]:
        def between(kind: str, other: str) -> list[Evidence | None]:
            return compared(results, {"kind": kind, "part": "xattn"}, {"kind": kind, "part": other})

        yield judge(
            "When the whole body is trained, the new embeddings are aligned less with the parent's than "
            "after cross-attention (precision@1 of lexicon induction; 19.7 against 55 % in the paper), for "
            "every child.", "section 4.2", between("lexicon", "body"),
        )  # fmt: skip
        yield judge(
            "Two children are aligned with each other less after training the whole body than after training "
            "cross-attention (precision@1).", "section 4.2", between("lexicon between", "body"),
        )  # fmt: skip
        yield judge(
            "The alignment comes from the pretrained cross-attention: with a random one, precision@1 is "
            "lower, for every child.", "section 4.2; the comparison is not in the paper",
            between("lexicon", "randxattn"),
        )  # fmt: skip

    def data(self, results: Results) -> dict[str, Any]:
        """``maps``: pairs of translations on the plane of their principal components, by child."""
        return {
            "maps": [
                {"title": _title(cell), "languages": cell.labels["languages"]}
                | {name: found[name] for name in ("variance %", "points")}
                for cell, values in results.found("lexicon")
                if cell.labels["part"] in MAPPED and (found := values.get("map")) and found["points"]
            ]
        }

    def figures(self, report: Mapping[str, Any]) -> Iterator[Figures]:
        figures = []
        for number, found in enumerate(report.get("maps") or (), start=1):
            caption = f"{found['title']} ({found['languages']})"
            if (share := found.get("variance %")) is not None:
                caption += f", {share:.0f} % of the variance"
            figures.append((caption, word_map(f"map-{number}", found)))
        yield Figures(
            "maps", "Lexicon maps",
            "Dots are a child's words, squares the parent's words that translate them, in the first "
            "two principal components of both; a line joins a word with its translation, so short lines mean "
            "that translations lie together. Point at a mark for its words where labels leave no room.",
            "medium", figures,
        )  # fmt: skip


def _spec(plan: Plan, one: Cell, other: Cell) -> dict[str, Any]:
    """Specification for looking up one cell's new words among another's; empty without a dictionary."""
    side = one.labels["side"]
    ours, theirs = one.labels[side], other.labels[side]
    spec = plan.lexicon(side, ours, theirs)
    return spec | {"words": plan.recipe.words.get(ours, []), "tested": _TESTED} if spec else {}


def _languages(one: Cell, other: Cell) -> str:
    """The languages of two cells' side, like ``de-fr``."""
    side = one.labels["side"]
    return f"{one.labels[side]}-{other.labels[side]}"


def _between(plan: Plan, one: Cell, other: Cell) -> list[Cell]:
    """Looks up one child's words among another's, in the direction that a dictionary leads.

    The order of the children in the recipe decides only if dictionaries lead both ways, or none is direct.
    """
    orders = [(one, other), (other, one)]
    orders.sort(key=lambda pair: _languages(*pair) not in plan.dictionaries)  # stable
    for first, second in orders:
        if spec := _spec(plan, first, second):
            needs = {"child": first.key, "other": second.key, "parent": first.needs["parent"]}
            return list(_cell(plan, "lexicon between", spec, needs, first, second))
    return []


def _cell(
    plan: Plan, kind: str, spec: dict[str, Any], needs: dict[str, str], one: Cell, other: Cell | None = None
) -> Iterator[Cell]:
    """The lexicon cell, if there is a dictionary for its languages.

    Args:
        other: cell whose words are candidates; None uses the other language of the same cell.
    """
    if not spec:
        return
    side, title, labels = spec["side"], one.title, one.labels
    texts = {"train": one.texts["train"]}
    if other is None:
        theirs = labels["target" if side == "source" else "source"]
    else:
        theirs = other.labels[side]
        if other.kind == one.kind:
            title, labels = f"{labels['child']} and {other.title}", labels | {"other": other.labels["child"]}
        if "train" in other.texts:  # missing for loaded parents
            texts["other"] = other.texts["train"]
    labels = labels | {"languages": f"{one.labels[side]}-{theirs}"}
    texts |= plan.dictionary_texts(spec)
    yield Cell(kind, f"lexicon of {title}", spec, needs, labels, texts)


def _looked_up(inputs: Inputs, one: Embeddings, other: Embeddings) -> dict[str, Any]:
    """Precisions in every way, by frequency, examples, and the neighbours of chosen words."""
    from crosslate.evaluation.embeddings import neighbours
    from crosslate.evaluation.lexicon import WAYS, frequency_bands, induce

    side, dictionary = inputs.spec["side"], inputs.dictionary(inputs.spec)
    counts = words_of_sides(inputs.text("train"))[side]
    theirs = set(words_of_sides(inputs.text("other"))[side]) if "other" in inputs.cell.texts else None
    values: dict[str, Any] = {}
    for way in WAYS:
        limits: Any = {"child_words": set(counts), "parent_words": theirs} if way == "authors" else {}
        found = induce(one, other, dictionary, num_examples=_EVERY_WORD, way=way, **limits)
        values[way] = found.precisions
        if way == "cosine":
            step = max(1, len(found.examples) // _NUM_EXAMPLES)
            values |= {
                "bands": frequency_bands(found.examples, counts),
                "examples": [asdict(each) for each in found.examples[::step][:_NUM_EXAMPLES]],
                "hits": {each.word.lower(): each.rank == 1 for each in found.examples},
                "coverage": found.coverage, "words": found.num_words, "pieces": found.num_pieces,
                "candidates": found.num_candidates,
            }  # fmt: skip
    known = set(one.whole_words.values())
    asked = [word for word in inputs.spec.get("words", ()) if word in known]
    near = neighbours(one, other, asked, _NUM_NEIGHBOURS)
    return values | {"neighbours": [asdict(each) for each in near]}


def _map(inputs: Inputs, one: Embeddings, other: Embeddings) -> dict[str, Any]:
    from crosslate.evaluation.lexicon_map import lexicon_map

    num_pairs, side = inputs.spec.get("map_pairs"), inputs.spec["side"]
    if not num_pairs:
        return {}
    ours = words_of_sides(inputs.text("train"))[side]
    theirs = words_of_sides(inputs.text("other"))[side] if "other" in inputs.cell.texts else {}
    pairs, share = lexicon_map(one, other, inputs.dictionary(inputs.spec), ours, theirs, num_pairs)
    return {"map": {"points": [asdict(each) for each in pairs], "variance %": round(100 * share, 1)}}


def _title(cell: Cell) -> str:
    return cell.title.removeprefix("lexicon of ")


def _by_epoch(results: Results) -> Table:
    """Alignment during training."""
    curves = {
        cell.title: {epoch: found[0] for epoch, _, _, *found in values["training"]["curve"] if found}
        for kind in ("child", "denoising child")
        for cell, values in results.found(kind)
        if values.get("watched") == cell.watched  # not with a dictionary that has changed since
    }
    epochs = _some_epochs(max((epoch for curve in curves.values() for epoch in curve), default=0))
    rows: list[Row] = [
        (title, *(_until(curve, epoch) for epoch in epochs)) for title, curve in curves.items() if curve
    ]
    note = (
        "By cosine, at validations of the first seed, the last one by the end of each epoch: "
        "new words among the parent's; on a denoising parent, one language's words among the other's."
    )
    return Table(
        "Lexicon precision@1 by epoch", note, ("child", *(f"epoch {epoch}" for epoch in epochs)), rows
    )


def _some_epochs(last: float) -> list[int]:
    """Epochs to show: all if few, else 1, 2, 4, … and the last."""
    whole = math.ceil(last)
    if whole <= _MAX_EPOCHS_SHOWN:
        return list(range(1, whole + 1))
    return [2**power for power in range(whole.bit_length()) if 2**power < whole] + [whole]


def _until(curve: dict[float, float], epoch: int) -> float | None:
    """The last value by the end of an epoch; None if the curve ends before or starts after it."""
    values = [value for at, value in curve.items() if at <= epoch]
    return round(values[-1], 1) if values and math.ceil(max(curve)) >= epoch else None
