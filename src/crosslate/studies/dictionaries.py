"""Dictionaries of a study: which lead from one language to another, and their words."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from crosslate.studies.cells import PlacedText
from crosslate.studies.recipe import PHRASEBOOK, Recipe
from crosslate.studies.texts import Library, Text, book

Dictionary = Mapping[str, Collection[str]]


def dictionary_steps(recipe: Recipe, library: Library, ours: str, theirs: str) -> list[dict[str, Any]]:
    """The dictionaries that lead from one language to another: one, or two through a third language, or none.

    Returns:
        Plain values for the specification of a cell: of each step its languages and what determines its
        content. Where its file lies is among the texts of the cell: see :func:`dictionary_texts`.
    """
    known = recipe.dictionaries
    steps = [f"{ours}-{theirs}"] if f"{ours}-{theirs}" in known else []
    if not steps:
        through = [first.split("-")[1] for first in known if first.startswith(f"{ours}-")]
        between = next((each for each in through if f"{each}-{theirs}" in known), None)
        steps = [f"{ours}-{between}", f"{between}-{theirs}"] if between else []
    return [{"languages": step, "identity": _identity(library, step, known[step])} for step in steps]


def dictionary_texts(recipe: Recipe, steps: Sequence[Mapping[str, Any]]) -> dict[str, PlacedText]:
    """The files of dictionaries, as texts of a cell: so a missing one is refused before anything runs."""
    return {
        _role(step["languages"]): PlacedText(Text(files=[file]), *step["languages"].split("-"))
        for step in steps
        if (file := recipe.dictionaries[step["languages"]]) != PHRASEBOOK
    }


def _role(languages: str) -> str:
    return f"dictionary {languages}"


def _identity(library: Library, step: str, name: str) -> Any:
    if name == PHRASEBOOK:
        return {PHRASEBOOK: library.seed}
    return library.identity(Text(files=[name]), *step.split("-"))


def read_steps(
    library: Library, steps: Sequence[Mapping[str, Any]], texts: Mapping[str, PlacedText]
) -> Dictionary:
    """The dictionary that steps make: one, or two through a third language; translations in the file's order.

    Raises:
        CorpusError: a file cannot be read.
        InputError: a file is no dictionary.
    """
    from crosslate.evaluation.dictionaries import compose_dictionaries

    found = [_words(library, step["languages"], texts) for step in steps]
    return found[0] if len(found) == 1 else compose_dictionaries(found[0], found[1])


def _words(library: Library, languages: str, texts: Mapping[str, PlacedText]) -> Dictionary:
    from crosslate.evaluation.dictionaries import read_dictionary

    source, target = languages.split("-")
    placed = texts.get(_role(languages))
    if placed is None:
        gold = book(library.seed).dictionary(source, target)
        return {word: sorted(translations) for word, translations in gold.items()}
    return read_dictionary(library.data / placed.text.files[0])
