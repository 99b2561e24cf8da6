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

_MUSE = "word pairs as in MUSE (Lample et al. 2018), published at https://github.com/facebookresearch/MUSE"


class Plan:
    """The cells planned so far, and helpers for planning more.

    Attributes:
        notes: what is not planned although the recipe asks for it, and why; one line each.

    Args:
        library: provides the hashes of texts.
    """

    def __init__(self, recipe: Recipe, library: Library) -> None:
        self.recipe, self.library = recipe, library
        self.cells: list[Cell] = []
        self.notes: list[str] = []
        self.dictionaries = self._usable_dictionaries()
        self._tokenizers: dict[str, str] = {}
        self.full_size = 0 if 0 in recipe.sizes else max(recipe.sizes)
        """Training pairs of the children that are analysed."""

    def _usable_dictionaries(self) -> dict[str, str]:
        """The recipe's dictionaries, without those that are missing and may be."""
        known = self.recipe.dictionaries
        if not self.recipe.dictionaries_may_be_missing:
            return dict(known)
        missing = {
            pair: file for pair, file in known.items()
            if file != PHRASEBOOK and not (self.library.data / file).is_file()
        }  # fmt: skip
        if missing:
            files = ", ".join(missing.values())
            self.notes.append(
                f"dictionaries: {files} not found in the folder of the data, so unused; {_MUSE}"
            )
        return {pair: file for pair, file in known.items() if pair not in missing}

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

    def data(self) -> dict[str, Any]:
        """The recipe's settings of the data, for a cell's specification; empty for the defaults."""
        return {"data": self.recipe.data} if self.recipe.data else {}

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
        known = self.dictionaries
        steps = [f"{ours}-{theirs}"] if f"{ours}-{theirs}" in known else []
        if not steps:
            through = [first.split("-")[1] for first in known if first.startswith(f"{ours}-")]
            between = next((each for each in through if f"{each}-{theirs}" in known), None)
            steps = [f"{ours}-{between}", f"{between}-{theirs}"] if between else []
        return [{"languages": step, "identity": self._dictionary_identity(step)} for step in steps]

    def _dictionary_identity(self, step: str) -> Any:
        name = self.dictionaries[step]
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
            if (file := self.dictionaries[step["languages"]]) != PHRASEBOOK
        }


def check_files(cells: Sequence[Cell], library: Library) -> None:
    """Checks that all text files and model folders exist; keys of cells depend on them.

    Raises:
        InputError: lists everything that is missing, and where it is published.
    """
    faults = Faults("text files of the study are missing (give the folder of the data)")
    for line in missing_files(cells, library):
        faults.add(line)
    faults.raise_as(InputError)


def missing_files(cells: Sequence[Cell], library: Library) -> list[str]:
    """The missing files of texts and folders of models, one line for each data set, with its source."""
    found: dict[str, dict[str, None]] = {}
    for cell in cells:
        for role, placed in cell.texts.items():
            source = _MUSE if role.startswith(dictionary_role("")) else placed.text.published
            missing = (str(path) for path in library.paths(placed) if not path.is_file())
            found.setdefault(source, {}).update(dict.fromkeys(missing))
        name = cell.spec.get("load")
        if name and library.is_missing(name):
            found.setdefault(cell.published, {})[str(library.data / name)] = None
    return [
        ", ".join(files) + (f" (from {source})" if source else "") for source, files in found.items() if files
    ]


def downloads(cells: Sequence[Cell], library: Library) -> list[str]:
    """The texts that are downloaded before the first cell runs, like ``sacrebleu wmt13, de-es``."""
    texts = [placed for cell in cells for placed in cell.texts.values() if library.must_fetch(placed)]
    named = (
        f"{each.text.kind} {each.text.sacrebleu or ' '.join(each.text.mtdata)}, {each.source}-{each.target}"
        for each in texts
    )
    return list(dict.fromkeys(named))


def check_texts(cells: Sequence[Cell], library: Library) -> None:
    """Provides every text, and checks that validation and test texts are usable, before hours of training.

    Texts of mtdata and sacreBLEU are downloaded, once nothing else is missing.

    Raises:
        InputError: lists everything that is missing or unusable.
    """
    from crosslate.evaluation.scores import check_references

    needed = {repr(placed): placed for cell in cells for placed in cell.texts.values()}
    faults = Faults("files that the study needs are missing (give the folder of the data)")
    for line in missing_files(cells, library):
        faults.add(line)
    for placed in needed.values():
        with faults.catch():
            library.check(placed)
    faults.raise_as(InputError)
    faults = Faults("cannot use the texts of the study")
    for placed in needed.values():
        with faults.catch():
            library.fetch(placed)
    faults.raise_as(InputError)
    small = {
        repr(placed): placed
        for cell in cells
        for role, placed in cell.texts.items()
        if role in ("valid", "test") and not placed.text.phrasebook
    }
    for placed in small.values():
        with faults.catch():
            check_references(library.load(placed))
    faults.raise_as(InputError)
