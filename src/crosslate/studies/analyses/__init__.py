"""Analyses, one class per file of this folder; new files are found automatically.

Analyses plan the cells of a study, do their work, and make the report.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from itertools import chain
from types import EllipsisType

from crosslate.errors import SettingsError, nearest
from crosslate.registry import Registry
from crosslate.studies.analysis import Analysis
from crosslate.studies.cells import Cell
from crosslate.studies.inputs import Inputs
from crosslate.studies.plan import Plan
from crosslate.studies.recipe import Recipe
from crosslate.studies.run import Place
from crosslate.studies.store import Output
from crosslate.studies.texts import Library

# Other analyses come in the place of the dots, sorted by name.
CELLS = ("parents", "children", "denoising", "lexicon", "attention", "forgetting", "compressed", "zero-shot",
         "pair-packs", "composition-gap", ..., "compare")  # fmt: skip
TABLES = ("children", "denoising", "storage", "lexicon", "forgetting", "zero-shot", "compare", "training",
          "strategies", "compressed", "attention", "freezing", "initial-embeddings", ...)  # fmt: skip
CLAIMS = ("children", "storage", "lexicon", "forgetting", "compressed", "initial-embeddings", "denoising",
          "zero-shot", ...)  # fmt: skip
FIGURES = ("training", "storage", "strategies", "lexicon", "attention", ...)
DATA = ("training", "attention", "lexicon", ...)


_REGISTRY: Registry[Analysis] = Registry(__name__, "crosslate.studies.analysis:Analysis", "analysis")


@cache
def _found() -> dict[str, Analysis]:
    """Every analysis by name."""
    return {analysis.name: analysis for analysis in (kind() for kind in _REGISTRY)}


def analyses(order: Sequence[str | EllipsisType] = (...,)) -> list[Analysis]:
    """Every analysis, in an order of the kind above."""
    found = _found()
    others = [name for name in sorted(found) if name not in order]
    names = chain.from_iterable(others if name is ... else [str(name)] for name in order)
    return [found[name] for name in names]


def plan_study(recipe: Recipe, library: Library) -> list[Cell]:
    """All cells of a study, in topological order; see :func:`make_plan`."""
    return make_plan(recipe, library).cells


def make_plan(recipe: Recipe, library: Library) -> Plan:
    """All cells of a study, in topological order, and notes on what is not planned.

    Raises:
        SettingsError: the recipe names an unknown analysis.
    """
    plan = Plan(recipe, library)
    known = [each.name for each in analyses(CELLS) if each.is_optional]
    for name in recipe.analyses:
        if name not in known:
            raise SettingsError(f"recipe {recipe.name!r}: unknown analysis {name!r}; {nearest(name, known)}")
    for analysis in analyses(CELLS):
        if analysis.name in recipe.analyses or not analysis.is_optional:
            plan.cells += list(analysis.cells(plan))
    by_key: dict[str, Cell] = {}
    for cell in plan.cells:
        by_key.setdefault(cell.key, cell)
    plan.cells = list(by_key.values())
    return plan


def work(cell: Cell, place: Place) -> Output:
    """Does the work of a cell."""
    by_kind = {kind: each for each in analyses() for kind in each.kinds or (each.name,)}
    inputs = Inputs(cell, place)
    inputs.check_texts()
    output = by_kind[cell.kind].work(inputs)
    inputs.check_texts()
    return output
