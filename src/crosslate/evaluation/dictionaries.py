"""Bilingual dictionaries: words with their translations, read from files in MUSE's format."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

from crosslate.errors import Faults, InputError
from crosslate.text.streams import read_lines

Dictionary = Mapping[str, Collection[str]]
"""Translations by word."""

_FAULTS_SHOWN = 3


def read_dictionary(path: str | Path) -> dict[str, list[str]]:
    """Reads a dictionary in MUSE's format: a word and a translation per line, a word as often as it has some.

    The two are separated by a tab, or by other space where there is no tab. Compressed files are read
    directly, by their ending.

    Returns:
        The translations of each word, in the order of the file and each once.

    Raises:
        CorpusError: the file cannot be read as text.
        InputError: a line without exactly two words, or no line at all.
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
                f"{path}, line {number}: expected a word and its translation with a tab or a space "
                f"between, found {line[:60]!r}"
            )
    faults = Faults("cannot read the dictionary")
    for message in wrong[:_FAULTS_SHOWN]:
        faults.add(message)
    if len(wrong) > _FAULTS_SHOWN:
        faults.add(f"{path}: {len(wrong) - _FAULTS_SHOWN} more such lines")
    faults.raise_as(InputError)
    if not found:
        raise InputError(f"{path} holds no words; expected a word and its translation per line")
    return found


def compose_dictionaries(first: Dictionary, second: Dictionary) -> dict[str, list[str]]:
    """A dictionary through a third language, in the order of the two; words without a way are left out."""
    composed = {
        word: list(dict.fromkeys(end for middle in translations for end in second.get(middle, ())))
        for word, translations in first.items()
    }
    return {word: ends for word, ends in composed.items() if ends}
