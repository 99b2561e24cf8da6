"""The cells of lexicon induction, and what training cells measure of it at every validation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import Any

from crosslate.models.groups import Side
from crosslate.studies.cells import Cell, PlacedText, needs
from crosslate.studies.dictionaries import dictionary_steps, dictionary_texts
from crosslate.studies.estimate import ANALYSIS_OPERATIONS
from crosslate.studies.recipe import Recipe
from crosslate.studies.texts import Library

MAP_PAIRS = 30
"""Pairs of translations that the map of a child shows."""


class Lexicons:
    """Plans which words are looked up among which.

    Args:
        recipe: names the dictionaries and the words whose neighbours are shown.
        library: gives the dictionaries' hashes.
    """

    def __init__(self, recipe: Recipe, library: Library) -> None:
        self.recipe, self.library = recipe, library

    def texts(self, spec: dict[str, Any]) -> dict[str, PlacedText]:
        """The files of the dictionaries that a specification names."""
        return dictionary_texts(self.recipe, spec.get("dictionaries", ()))

    def watched(self, side: Side, ours: str, theirs: str) -> dict[str, Any]:
        """What the training of a child on a translation parent measures; empty where no dictionary is known.

        Args:
            side: which the child renews.
            ours: code of its new language.
            theirs: code of the parent's language on that side.
        """
        steps = dictionary_steps(self.recipe, self.library, ours, theirs)
        return {"side": side, "dictionaries": steps} if steps else {}

    def watched_between(self, source: str, target: str) -> dict[str, Any]:
        """The same for a child whose two languages share a vocabulary: whichever way a dictionary leads."""
        return self.watched("source", source, target) or self.watched("target", target, source)

    def of_child(self, cell: Cell, parent: Cell) -> Iterator[Cell]:
        """A child's new words looked up among its parent's."""
        side = cell.labels["side"]
        ours, theirs = cell.labels[side], parent.labels[side]
        if (spec := self._spec(side, ours, theirs)) and cell.labels["part"] != "scratch":
            if cell.labels["seed"] == self.recipe.seeds[0]:
                spec["map_pairs"] = MAP_PAIRS
            yield Cell(
                "lexicon", f"lexicon of {cell.title}", spec, needs(child=cell, parent=parent),
                cell.labels | {"languages": f"{ours}-{theirs}"}, _texts(cell, parent) | self.texts(spec),
                ANALYSIS_OPERATIONS / 2,
            )  # fmt: skip

    def of_languages(self, cell: Cell) -> Iterator[Cell]:
        """The words of one language of a denoising parent's child looked up among the other's.

        Such a child has no new words: its one table holds both languages from the start, so what can align is
        one language with the other, and the parent shows how far they do without translation.
        """
        spec = self.watched_between(cell.labels["source"], cell.labels["target"])
        if spec:
            sides = ("source", "target") if spec["side"] == "source" else ("target", "source")
            ours, theirs = (cell.labels[each] for each in sides)
            yield Cell(
                "lexicon of languages", f"lexicon of {cell.title}",
                spec, {"child": cell.key, "parent": cell.needs["parent"]},
                cell.labels | {"languages": f"{ours}-{theirs}"},
                {"train": cell.texts["train"]} | self.texts(spec), ANALYSIS_OPERATIONS / 2,
            )  # fmt: skip

    def between(self, cells: Sequence[Cell]) -> Iterator[Cell]:
        """The new words of one child looked up among another's, if all else but the language is the same."""
        for one, other in combinations(cells, 2):
            same = ("parent", "side", "strategy", "seed", "initial")
            if (
                any(one.labels[name] != other.labels[name] for name in same)
                or one.labels["part"] == "scratch"
            ):
                continue
            side = one.labels["side"]
            spec = self._spec(side, one.labels[side], other.labels[side])
            if spec and one.labels["child"] != other.labels["child"]:
                title = f"lexicon of {one.labels['child']} and {other.title}"
                labels = one.labels | {
                    "languages": f"{one.labels[side]}-{other.labels[side]}",
                    "other": other.title,
                }
                yield Cell(
                    "lexicon between", title, spec,
                    {"child": one.key, "other": other.key, "parent": one.needs["parent"]}, labels,
                    _texts(one, other) | self.texts(spec), ANALYSIS_OPERATIONS / 2,
                )  # fmt: skip

    def _spec(self, side: Side, ours: str, theirs: str) -> dict[str, Any]:
        spec = self.watched(side, ours, theirs)
        return spec | {"words": self.recipe.words.get(ours, [])} if spec else {}


def _texts(one: Cell, other: Cell) -> dict[str, PlacedText]:
    """What both sides of a lexicon were trained on; only the first where the other was loaded."""
    texts = {"train": one.texts["train"]}
    return texts | {"other": other.texts["train"]} if "train" in other.texts else texts
