"""Bilingual dictionaries in MUSE's format."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

from crosslate.errors import Faults, InputError
from crosslate.text.streams import read_lines

Dictionary = Mapping[str, Collection[str]]
"""Translations by word."""

_FAULTS_SHOWN = 3


def read_dictionary(path: str | Path) -> dict[str, list[str]]:
    """Reads a dictionary in MUSE's format: one word and one translation per line.

    A tab separates the two, or other space in lines without tabs. Compressed files are recognised by their
    extension.

    Returns:
        The distinct translations of each word, in the order of the file.

    Raises:
        CorpusError: the file cannot be read as text.
        InputError: a line does not have exactly two words, or the file is empty.
    """
    found: dict[str, list[str]] = {}
    wrong: list[str] = []
    for number, line in enumerate(read_lines(path), start=1):
        cells = [cell.strip() for cell in (line.split("\t") if "\t" in line else line.split())]
        if len(cells) == 2 and all(cells):
            translations = found.setdefault(cells[0], [])
            if cells[1] not in translations:
                translations.append(cells[1])
        elif line.strip():
            wrong.append(
                f"{path}, line {number} is {line[:60]!r}, expected a word and its translation, separated by "
                "a tab or a space"
            )
    faults = Faults("cannot read the dictionary")
    for message in wrong[:_FAULTS_SHOWN]:
        faults.add(message)
    if len(wrong) > _FAULTS_SHOWN:
        faults.add(f"{path}: {len(wrong) - _FAULTS_SHOWN} more such lines")
    faults.raise_as(InputError)
    if not found:
        raise InputError(f"{path} has no words; expected a word and its translation per line")
    return found


def compose_dictionaries(first: Dictionary, second: Dictionary) -> dict[str, list[str]]:
    """A dictionary composed through a third language; words without a translation are left out."""
    composed = {
        word: list(dict.fromkeys(end for middle in translations for end in second.get(middle, ())))
        for word, translations in first.items()
    }
    return {word: ends for word, ends in composed.items() if ends}
