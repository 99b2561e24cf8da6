"""Corpora whose source side is a file for every sentence: recordings or images."""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from crosslate.errors import CorpusError, Faults, UsageError
from crosslate.files import sha256_file
from crosslate.languages.codes import match_language
from crosslate.text.corpora import ParallelCorpus
from crosslate.text.reading import describe, ending_of
from crosslate.text.streams import STANDARD_INPUT, FileFaults, check_is_file, checked_lines

_FILE_COLUMNS = ("file", "file_name", "path", "audio", "image")
_TEXT_COLUMNS = ("sentence", "text", "transcription", "translation")
_TABLES = ("metadata.tsv", "metadata.csv", "metadata.jsonl")
_CLIPS = "clips"
"""Folder of the recordings beside a table, as in Common Voice."""

Row = tuple[int, str, str]


class SignalCorpus(ParallelCorpus):
    """Files with the sentence of each; the source sentences are the files' paths."""

    @cached_property
    def content_hash(self) -> str:
        """Hex sha256 over the bytes of all files and over the sentences, in order; not over the names."""
        digest = hashlib.sha256()
        for file, sentence in self:
            data = sentence.encode("utf-8", "surrogatepass")
            digest.update(bytes.fromhex(sha256_file(Path(file))))
            digest.update(len(data).to_bytes(8, "little") + data)
        return digest.hexdigest()

    def with_pairs(self, pairs: Iterable[tuple[str, str]]) -> SignalCorpus:
        held = super().with_pairs(pairs)
        return SignalCorpus(held.source, held.target, *self.languages, self.origin)


def read_signals(paths: Sequence[str | Path], source_language: str, target_language: str) -> SignalCorpus:
    """Reads a list of recordings or images with their sentences; the files themselves are not opened.

    - One ``.tsv`` file: two columns, file and sentence; or columns named in a first row: the file under
      ``file``, ``file_name``, ``path``, ``audio`` or ``image``, the sentence under the target language's code
      or ``sentence``, ``text``, ``transcription`` or ``translation``.
    - A folder with such a table, ``metadata.tsv``, ``metadata.csv`` or ``metadata.jsonl``.
    - Two plain files: one file's name a line, and the sentences.

    A relative name is looked up from the folder of the list, or from its folder ``clips``, as in Common
    Voice.

    Raises:
        CorpusError: no such list, or another format; broken rows; files that are missing. All are named
            together.
        UsageError: not one or two paths.
    """
    paths = list(paths)
    if len(paths) not in (1, 2):
        raise UsageError(f"{len(paths)} files given for a corpus; expected a table, a folder, or two lists")
    faults = Faults("cannot read the corpus")
    found = FileFaults(paths[0])
    place = Path(paths[0])
    if len(paths) == 2:
        rows = _from_lists(paths, faults)
    else:
        table = _table_of(place)
        place, found = table, FileFaults(table)
        rows = list(_READERS[ending_of(table)](table, found, target_language))
    folder = Path() if str(place) == STANDARD_INPUT else place.parent
    pairs = []
    for number, name, sentence in rows:
        file = found_in(folder, name)
        if file is None:
            found.add(f"names {name!r}, which is not in {folder.absolute()}", number)
        elif "\n" in str(file):
            found.add(f"names {name!r}, with a line break; rename the file", number)
        else:
            pairs.append((str(file), sentence))
    found.report(faults)
    faults.raise_as(CorpusError)
    if not pairs:
        raise CorpusError(f"{describe(paths)} names no files; expected a file and a sentence in each row")
    source, target = zip(*pairs)
    return SignalCorpus(source, target, source_language, target_language, describe(paths))


def found_in(folder: Path, name: str) -> Path | None:
    """The file of that name in a folder or in the folder ``clips`` in it; None without one."""
    given = Path(name).expanduser()
    places = (folder / given, folder / _CLIPS / given)
    return next((place.absolute() for place in places if place.is_file()), None)


def _table_of(path: Path) -> Path:
    if path.is_dir():
        table = next((path / name for name in _TABLES if (path / name).is_file()), None)
        if table is None:
            raise CorpusError(
                f"{path}: has no table of its files; expected {', '.join(_TABLES)} with a file and a "
                "sentence in each row"
            )
        return table
    check_is_file(path)
    if ending_of(path) not in _READERS:
        raise CorpusError(
            f"{path}: the ending {ending_of(path)!r} does not tell the format of a list of recordings or "
            "images; expected .tsv, .csv or .jsonl with a file and a sentence in each row"
        )
    return path


def _from_lists(paths: Sequence[str | Path], faults: Faults) -> list[Row]:
    sides = []
    for path in paths:
        found = FileFaults(path)
        with faults.catch(CorpusError):
            sides.append([line or "" for line in checked_lines(path, found)])
        found.report(faults)
    if len(sides) == 2 and len(sides[0]) != len(sides[1]):
        faults.add(
            f"{describe(paths)}: {len(sides[0])} files and {len(sides[1])} sentences; expected as many"
        )
    faults.raise_as(CorpusError)
    return [(number, *row) for number, row in enumerate(zip(*sides, strict=True), start=1)]


def _tsv(path: Path, found: FileFaults, language: str) -> Iterator[Row]:
    rows = (
        (number, line.split("\t"))
        for number, line in enumerate(checked_lines(path, found), start=1)
        if line is not None
    )
    return _table(rows, found, language)


def _csv(path: Path, found: FileFaults, language: str) -> Iterator[Row]:
    lines = (line or "" for line in checked_lines(path, found))
    return _table(enumerate(csv.reader(lines), start=1), found, language)


def _table(rows: Iterable[tuple[int, list[str]]], found: FileFaults, language: str) -> Iterator[Row]:
    columns, expected = (0, 1), 2
    for number, cells in rows:
        if number == 1 and (named := _columns(cells, language)):
            columns, expected = named, len(cells)
        elif len(cells) == expected:
            yield number, cells[columns[0]], cells[columns[1]]
        else:
            hint = "a file and a sentence; where there are more columns, a first row must name the two"
            found.add(f"has {len(cells)} column(s), expected {expected}: {hint}", number)


def _jsonl(path: Path, found: FileFaults, language: str) -> Iterator[Row]:
    for number, line in enumerate(checked_lines(path, found), start=1):
        if not line:
            continue
        try:
            record: Any = json.loads(line)
        except ValueError as error:
            found.add(f"is no JSON: {error}", number)
            continue
        names = list(record) if isinstance(record, dict) else []
        columns = _columns(names, language)
        values = [record[names[column]] for column in columns] if columns else []
        if len(values) == 2 and all(isinstance(value, str) for value in values):
            yield number, values[0], values[1]
        else:
            found.add(
                f"has {', '.join(map(repr, names[:20])) or 'no keys'}, expected a file and a text", number
            )


_READERS = {".tsv": _tsv, ".csv": _csv, ".jsonl": _jsonl}


def _columns(names: Sequence[str], language: str) -> tuple[int, int] | None:
    """The places of the file and of the sentence among the names of columns; None if they are not named."""
    plain = [name.strip().lower() for name in names]
    file = next((plain.index(name) for name in _FILE_COLUMNS if name in plain), None)
    text = match_language(language, names)
    place = (
        list(names).index(text)
        if text is not None
        else next((plain.index(name) for name in _TEXT_COLUMNS if name in plain), None)
    )
    return None if file is None or place is None or file == place else (file, place)
