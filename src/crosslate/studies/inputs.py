"""Inputs of a cell's work: its texts, and models and results of the cells it needs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crosslate.errors import InputError
from crosslate.studies.cells import Cell
from crosslate.studies.run import Place
from crosslate.studies.store import MODELS, Store
from crosslate.studies.texts import Library, dictionary_role

if TYPE_CHECKING:
    from crosslate.adaptation.settings import DataSettings
    from crosslate.engines.decoding import DecodingOptions
    from crosslate.evaluation.dictionaries import Dictionary
    from crosslate.models.parent import Parent
    from crosslate.packs.pack import Pack
    from crosslate.text.corpora import ParallelCorpus
    from crosslate.training.progress import Progress
    from crosslate.training.settings import TrainingSettings

PARENT, PACK = "parent", "pack"
"""Subfolders of a cell's models."""


class Inputs:
    """Inputs of one cell, at the place where it runs."""

    def __init__(self, cell: Cell, place: Place) -> None:
        self.cell, self.place = cell, place
        self.spec = cell.spec
        self.store = Store(place.study)
        self.library = Library(place.data, place.seed)
        self.folder = self.store.models(cell)

    def check_texts(self) -> None:
        """Checks that texts have not changed since planning, since results are stored under their hashes."""
        for role, identity in self.spec.get("text", {}).items():
            if role in self.cell.texts and self.library.identity(self.cell.texts[role]) != identity:
                raise InputError(
                    f"the text {role!r} of {self.cell.title} has changed since the study was planned; run "
                    "the same command again to plan with the current text"
                )

    def text(self, role: str) -> ParallelCorpus:
        """A text of the cell in memory."""
        return self.library.load(self.cell.texts[role])

    def dictionary(self, lexicon: Mapping[str, Any]) -> Dictionary:
        """The dictionary from one language to the other, possibly composed through a third."""
        from crosslate.evaluation.dictionaries import compose_dictionaries

        found = [self._dictionary(step["languages"]) for step in lexicon["dictionaries"]]
        return found[0] if len(found) == 1 else compose_dictionaries(found[0], found[1])

    def _dictionary(self, languages: str) -> Dictionary:
        from crosslate.evaluation.dictionaries import read_dictionary
        from crosslate.text.phrasebook import Phrasebook

        placed = self.cell.texts.get(dictionary_role(languages))
        if placed is not None:
            return read_dictionary(self.library.paths(placed)[0])
        gold = Phrasebook(self.library.seed).dictionary(*languages.split("-"))
        return {word: sorted(translations) for word, translations in gold.items()}

    def translations(self, role: str) -> list[str]:
        """Translations of the test set by the cell in a role."""
        return self.store.load(self.cell.needs[role]).lines()

    def parent(self, role: str = "parent", languages: Sequence[str] | None = None) -> Parent:
        """The parent made by the cell in a role; the last two are kept in memory.

        Args:
            languages: source and target, of a parent of several languages; None takes the cell's own.
        """
        values = self.store.load(self.cell.needs[role]).values
        source, target = languages or values.get("languages") or (None, None)
        if values.get("load"):
            return _parent(self.library.model(values["load"]), source, target)
        return _parent(str(self._models_of(role) / PARENT), source, target)

    def pack(self, role: str) -> Pack:
        """The pack made by the cell in a role."""
        from crosslate.packs.pack import Pack

        return Pack.load(self._models_of(role) / PACK)

    def _models_of(self, role: str) -> Path:
        """The folder with the models of the cell in a role."""
        key = self.cell.needs[role]
        found = sorted((self.place.study / MODELS).glob(f"*-{key[:12]}"))
        if not found:
            result = self.store.load(key)
            raise InputError(
                f"the models of {result.title} are not in {self.place.study / MODELS}; remove {result.file} "
                "and run the study again to recreate them"
            )
        return found[0]

    @cached_property
    def settings(self) -> TrainingSettings:
        """The training settings of the cell."""
        from crosslate.training.settings import TrainingSettings

        return TrainingSettings.from_values(self.spec["training"], where=self.cell.title)

    def data_settings(self, source_pieces: int, target_pieces: int) -> DataSettings:
        """The settings of the cell's data, with the sizes of new vocabularies."""
        from crosslate.adaptation.settings import DataSettings

        sizes = {"source_vocabulary_size": source_pieces, "target_vocabulary_size": target_pieces}
        return DataSettings.from_values(self.spec.get("data", {}) | sizes, where=self.cell.title)

    @cached_property
    def decoding(self) -> DecodingOptions:
        """Decoding options for the cell's test set."""
        from crosslate.engines.decoding import DecodingOptions

        return DecodingOptions.from_values(self.spec["decoding"], where=self.cell.title)

    @property
    def progress(self) -> Progress | None:
        """A progress bar on standard error, if requested."""
        if not self.place.is_shown:
            return None
        from rich.console import Console

        from crosslate.training.progress import ConsoleProgress

        return ConsoleProgress(Console(stderr=True, highlight=False, markup=False))


@lru_cache(maxsize=2)
def _parent(name: str, source: str | None, target: str | None) -> Parent:
    from crosslate.models.parent import Parent

    return Parent.load(name, source_language=source, target_language=target)
