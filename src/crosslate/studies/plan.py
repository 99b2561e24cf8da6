"""Plan the cells of a recipe; reads files for their hashes but runs nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from crosslate.errors import Faults, InputError
from crosslate.languages.bleu_tokenizers import WITH_SPACES, bleu_tokenizer
from crosslate.models.groups import Side
from crosslate.studies.cells import Cell, find
from crosslate.studies.recipe import PHRASEBOOK, PairText, Recipe
from crosslate.studies.texts import Library, PlacedText, Text, dictionary_role


class Plan:
    """The cells planned so far, and helpers for planning more.

    Args:
        library: provides the hashes of texts.
    """

    def __init__(self, recipe: Recipe, library: Library) -> None:
        self.recipe, self.library = recipe, library
        self.cells: list[Cell] = []
        self._tokenizers: dict[str, str] = {}
        self.full_size = 0 if 0 in recipe.sizes else max(recipe.sizes)
        """Training pairs of the children that are analysed."""

    def find(self, kind: str, **labels: Any) -> list[Cell]:
        """The cells of a kind with these labels."""
        return find(self.cells, kind, **labels)

    def parent(self, name: str) -> Cell:
        """The cell of a translation parent."""
        (found,) = self.find("parent", parent=name)
        return found

    def texts(self, text: PairText, source: str, target: str, *roles: str) -> dict[str, PlacedText]:
        """Some of the texts of a pair, by role."""
        return {role: PlacedText(getattr(text, role), source, target) for role in roles}

    def identities(self, texts: dict[str, PlacedText]) -> dict[str, Any]:
        """Identities of texts, for a cell's specification."""
        return {role: self.library.identity(each) for role, each in texts.items()}

    def scored(self, texts: dict[str, PlacedText]) -> dict[str, Any]:
        """The specification of a cell that translates its test set."""
        described: dict[str, Any] = {
            "text": self.identities(texts),
            "decoding": self.recipe.decoding.to_values(),
        }
        tokenizers = {role: self._tokenizer(texts[role]) for role in ("valid", "test") if role in texts}
        # The usual one is left out, as all that is usual.
        if unusual := {role: name for role, name in tokenizers.items() if name != WITH_SPACES}:
            described["bleu_tokenizers"] = unusual
        return described

    def _tokenizer(self, placed: PlacedText) -> str:
        """The tokenizer that BLEU has for a text, as far as its lines are at hand."""
        key = repr(placed)
        if key not in self._tokenizers:
            lines = self.library.lines_at_hand(placed)
            self._tokenizers[key] = bleu_tokenizer(placed.target, lines)
        return self._tokenizers[key]

    def dictionary_steps(self, ours: str, theirs: str) -> list[dict[str, Any]]:
        """The dictionaries from one language to another: one, two through a third language, or none.

        Returns:
            Languages and identity of each step, for a cell's specification.
        """
        known = self.recipe.dictionaries
        steps = [f"{ours}-{theirs}"] if f"{ours}-{theirs}" in known else []
        if not steps:
            through = [first.split("-")[1] for first in known if first.startswith(f"{ours}-")]
            between = next((each for each in through if f"{each}-{theirs}" in known), None)
            steps = [f"{ours}-{between}", f"{between}-{theirs}"] if between else []
        return [{"languages": step, "identity": self._dictionary_identity(step)} for step in steps]

    def _dictionary_identity(self, step: str) -> Any:
        name = self.recipe.dictionaries[step]
        if name == PHRASEBOOK:
            return {PHRASEBOOK: self.library.seed}
        return self.library.identity(PlacedText(Text(files=[name]), *step.split("-")))

    def lexicon(self, side: Side, ours: str, theirs: str) -> dict[str, Any]:
        """The side and the dictionaries for lexicon induction; empty without a dictionary."""
        steps = self.dictionary_steps(ours, theirs)
        return {"side": side, "dictionaries": steps} if steps else {}

    def lexicon_between(self, source: str, target: str) -> dict[str, Any]:
        """The same for two languages that share a vocabulary, with a dictionary in either direction."""
        return self.lexicon("source", source, target) or self.lexicon("target", target, source)

    def dictionary_texts(self, spec: Mapping[str, Any]) -> dict[str, PlacedText]:
        """Dictionary files as texts of a cell, so that missing files are found before anything runs."""
        return {
            dictionary_role(step["languages"]): PlacedText(Text(files=[file]), *step["languages"].split("-"))
            for step in spec.get("dictionaries", ())
            if (file := self.recipe.dictionaries[step["languages"]]) != PHRASEBOOK
        }


def check_files(cells: Sequence[Cell], library: Library) -> None:
    """Checks that all text files exist; keys of cells depend on them."""
    faults = Faults("text files of the study are missing (give the folder of the data)")
    texts = [placed for cell in cells for placed in cell.texts.values()]
    for path in dict.fromkeys(path for placed in texts for path in library.paths(placed)):
        if not path.is_file():
            faults.add(str(path))
    faults.raise_as(InputError)


def check_texts(cells: Sequence[Cell], library: Library) -> None:
    """Checks that validation and test texts are usable, before hours of training."""
    from crosslate.evaluation.scores import check_references

    check_files(cells, library)
    faults = Faults("cannot use the texts of the study")
    small = {
        repr(placed): placed
        for cell in cells
        for role, placed in cell.texts.items()
        if role in ("valid", "test") and placed.text.files
    }
    for placed in small.values():
        with faults.catch():
            check_references(library.load(placed))
    faults.raise_as(InputError)
