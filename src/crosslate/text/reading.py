"""Reading parallel text: one class for each format in ``readers``, chosen by a corpus's files."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

from crosslate.errors import CorpusError, Faults, UsageError
from crosslate.languages.codes import language_code, match_pair
from crosslate.registry import Registry
from crosslate.text.streams import STANDARD_INPUT, FileFaults, bare_name, check_is_file, display_name

Pairs = Iterator[tuple[str, str]]
Paths = Sequence[str | Path]
_LINE_BREAK = re.compile(r"[ \t]*[\r\n]+[ \t]*")


class Reader(ABC):
    """Reads the pairs of one format. A new module in ``readers`` with a subclass is a new format."""

    expected: ClassVar[str]
    """What it reads, for the message about files that no reader takes."""
    endings: ClassVar[tuple[str, ...]] = ()
    """Endings of its files' names in lower case, before that of a compression."""

    @classmethod
    def takes(cls, paths: Paths) -> bool:
        """Whether a corpus in these one or two files is in this format."""
        return len(paths) == 1 and ending_of(paths[0]) in cls.endings

    @abstractmethod
    def pairs(self, paths: Paths, reading: Reading) -> Pairs:
        """The pairs in bounded memory; faults go to ``reading`` and do not end the iteration if avoidable."""


READERS: Registry[Reader] = Registry("crosslate.text.readers", "crosslate.text.reading:Reader", "format")


class Reading:
    """The languages that one call reads, and the faults it found."""

    def __init__(self, source_language: str, target_language: str) -> None:
        self.languages = language_code(source_language), language_code(target_language)
        self.faults = Faults("cannot read the corpus")  # of the corpus as a whole
        self._files: list[FileFaults] = []

    @property
    def has_faults(self) -> bool:
        return bool(self.faults) or any(self._files)

    def file(self, path: str | Path, *, unit: str = "line") -> FileFaults:
        """Where the faults of one file go."""
        found = FileFaults(path, unit=unit)
        self._files.append(found)
        return found

    def raise_faults(self) -> None:
        for found in self._files:
            found.report(self.faults)
        self.faults.raise_as(CorpusError)

    def pair_of(self, record: Any, number: int, found: FileFaults) -> Pairs:
        """The pair in a record, ``{"de": …, "en": …}`` or ``{"translation": {…}}``, or a fault."""
        if isinstance(record, dict) and isinstance(record.get("translation"), dict):
            record = record["translation"]
        if not isinstance(record, dict):
            found.add(f"is {_kind(record)}, expected an object with a text for each language", number)
            return
        keys: tuple[str | None, ...] = self.languages
        if not all(language in record for language in self.languages):
            keys = match_pair(self.languages, record)
        texts: list[str] = []
        for language, key in zip(self.languages, keys):
            if key is None:
                names = ", ".join(map(repr, list(record)[:20])) or "none"
                found.add(f"has no text for {language!r}; keys there: {names}", number)
            elif problem := _problem(record[key]):
                found.add(f"the text of {key!r} {problem}", number)
            else:
                texts.append(one_line(record[key]))
        if len(texts) == 2:
            yield texts[0], texts[1]

    def pairs_of(self, records: Iterable[Any], found: FileFaults) -> Pairs:
        """The pairs of the rows of a dataset."""
        try:
            for number, record in enumerate(records, start=1):
                yield from self.pair_of(record, number, found)
        except CorpusError as error:
            found.break_off(str(error))

    def named_columns(self, cells: Sequence[str]) -> tuple[int, int] | None:
        """The places of both languages if the first row of a table names them."""
        names = bare(cells)
        source, target = match_pair(self.languages, names)
        if source is None or target is None or source == target:
            return None
        return names.index(source), names.index(target)

    def columns(self, names: Sequence[str]) -> list[str]:
        """The columns of a dataset that are needed, so that images and sounds are not even decoded."""
        if "translation" in names:
            return ["translation"]
        chosen = match_pair(self.languages, names)
        return [name for name in dict.fromkeys(chosen) if name is not None] or list(names)


def iterate_pairs(paths: Paths, source_language: str, target_language: str) -> Pairs:
    """The pairs of a corpus one after the other, in bounded memory.

    Two paths are a pair of plain files, source first, one sentence per line. One path is read by its
    ending, after that of a compression (``.gz``, ``.bz2``, ``.xz``, ``.zst``):

    - ``.tsv``: two columns, or columns named by language codes in a first row; quotes are text;
    - ``.csv``: columns named by language codes in a first row, separated by commas, semicolons or tabs;
    - ``.jsonl``, ``.json``: an object per line, ``{"de": …, "en": …}`` or ``{"translation": {…}}``;
    - ``.tmx``: a translation memory;
    - ``.parquet``, or a folder: a dataset saved by the ``datasets`` library, or parquet or JSON lines files
      of one split, with columns as the keys of JSON lines.

    ``-`` is standard input: TSV alone, or one of two plain files. A language stands under any of its codes or
    its English name (``de``, ``deu``, ``deu_Latn``, ``de-AT``, ``German``); see
    :func:`crosslate.languages.codes.match_language`. A line break inside a CSV, JSON or TMX text becomes a
    space.

    After the first fault nothing more is yielded and the rest is only searched for faults, which are all
    raised together. So a caller must not keep what it made of the pairs before the iteration has ended.

    Raises:
        CorpusError: missing or damaged files, folders in place of files, text that is not UTF-8 or holds
            NUL, unequal line counts, broken rows, languages that are not there, no pairs at all.
        MissingExtra: a dataset, and the ``datasets`` library is not installed.
        UsageError: not one or two paths, not a language code, standard input twice.
    """
    paths = list(paths)
    if len(paths) not in (1, 2):
        raise UsageError(
            f"{len(paths)} files given for a corpus; expected two plain files, or one with both sides"
        )
    reading = Reading(source_language, target_language)
    num_pairs = 0
    for pair in _open(paths, reading):
        if not reading.has_faults:
            num_pairs += 1
            yield pair
    reading.raise_faults()
    if not num_pairs:
        raise CorpusError(
            f"cannot read the corpus: {describe(paths)} has no pairs; expected at least one pair of sentences"
        )


def _open(paths: list[str | Path], reading: Reading) -> Pairs:
    for reader in READERS:
        if reader.takes(paths):
            return reader().pairs(paths, reading)
    try:
        check_is_file(paths[0])
    except CorpusError as error:
        reading.faults.add(str(error))
    else:
        expected = ", ".join(reader.expected for reader in READERS)
        reading.faults.add(
            f"{paths[0]}: the ending {ending_of(paths[0])!r} does not tell the format; expected {expected}"
        )
    return iter(())


def describe(paths: Paths) -> str:
    """Where a corpus is from, for people: file names without their folders."""
    names = (display_name(path) if str(path) == STANDARD_INPUT else Path(path).name for path in paths)
    return " + ".join(names)


def ending_of(path: str | Path) -> str:
    """The ending of a file's name in lower case, before that of a compression."""
    return Path(bare_name(path)).suffix


def bare(cells: Sequence[str]) -> list[str]:
    """The cells of a first row, which may be quoted or a comment."""
    return [cell.strip(" #\"'") for cell in cells]


def one_line(text: str) -> str:
    """``text`` with its line breaks (and the blanks around them) as single spaces.

    JSON and XML may break lines inside a sentence; elsewhere a sentence is one line.
    """
    if "\n" not in text and "\r" not in text:
        return text
    return _LINE_BREAK.sub(" ", text.strip(" \t\r\n"))


def _problem(text: Any) -> str | None:
    """Why a value of JSON is no text: another type, or what JSON can write and text cannot have."""
    if not isinstance(text, str):
        return f"is {_kind(text)}, expected a string"
    if "\0" in text:
        return "has a NUL character; expected text"
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        half = f"U+{ord(text[error.start]):04X}"
        return f"has half a surrogate pair ({half}) at character {error.start}; expected text"
    return None


def _kind(value: Any) -> str:
    names = {dict: "an object", list: "a list", bool: "true or false", type(None): "null", str: "a string"}
    return names.get(type(value), f"a number ({value})" if isinstance(value, int | float) else "no text")
