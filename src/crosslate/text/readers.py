"""Parallel text from files: plain pairs, TSV, JSON lines, TMX and Hugging Face datasets."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any, BinaryIO

from crosslate.errors import CorpusError, Faults, MissingExtra, UsageError
from crosslate.languages.codes import language_code
from crosslate.text.parallel import ParallelCorpus, match_language, one_line
from crosslate.text.streams import (
    STANDARD_INPUT,
    FileFaults,
    bare_name,
    check_is_file,
    checked_lines,
    display_name,
    read_blocks,
)
from crosslate.text.tmx import read_tmx

Pairs = Iterator[tuple[str, str]]
_EXPECTED = "expected .tsv, .jsonl, .json, .tmx, .parquet or a folder with a dataset, or two plain files"
_ROWS = 1_000
_SPLITS = ("train", "validation", "valid", "dev", "test")


def read_corpus(
    paths: Sequence[str | Path],
    source_language: str,
    target_language: str,
    *,
    stdin: BinaryIO | None = None,
) -> ParallelCorpus:
    """Reads a parallel corpus into memory; see :func:`iterate_pairs` for the formats and the faults."""
    source: list[str] = []
    target: list[str] = []
    for one, other in iterate_pairs(paths, source_language, target_language, stdin=stdin):
        source.append(one)
        target.append(other)
    return ParallelCorpus(
        source, target, language_code(source_language), language_code(target_language), describe(paths)
    )


def describe(paths: Sequence[str | Path]) -> str:
    """Where a corpus is from, for people: file names without their folders."""
    return " + ".join(
        display_name(path) if str(path) == STANDARD_INPUT else Path(path).name for path in paths
    )


def iterate_pairs(
    paths: Sequence[str | Path],
    source_language: str,
    target_language: str,
    *,
    stdin: BinaryIO | None = None,
) -> Pairs:
    """The pairs of a corpus one after the other, in bounded memory.

    Two paths are a pair of plain files, source first, one sentence per line. One path is read by its
    ending, after that of a compression (``.gz``, ``.bz2``, ``.xz``, ``.zst``):

    - ``.tsv``: two columns, or columns named by language codes in a first row; quotes are text;
    - ``.jsonl``, ``.json``: an object per line, ``{"de": …, "en": …}`` or ``{"translation": {…}}``;
    - ``.tmx``: see :func:`crosslate.text.tmx.read_tmx`;
    - ``.parquet``, or a folder: a dataset saved by the ``datasets`` library, or parquet or JSON lines files
      of one split, with columns as the keys of JSON lines.

    ``-`` is standard input: TSV alone, or one of two plain files. A language stands under its own code
    or one with or without a region (``de-AT`` for ``de``). A line break inside a JSON or TMX text becomes
    a space.

    After the first fault nothing more is yielded and the rest is only searched for faults, which are all
    raised together. So a caller must not keep what it made of the pairs before the iteration has ended.

    Args:
        paths: one or two.
        stdin: read in place of the process's standard input.

    Raises:
        CorpusError: missing or damaged files, folders in place of files, text that is not UTF-8 or holds
            NUL, unequal line counts, broken rows, languages that are not there, no pairs at all.
        MissingExtra: a dataset, and the ``datasets`` library is not installed.
        UsageError: not one or two paths, not a language code, standard input twice.
    """
    call = _Call(language_code(source_language), language_code(target_language), stdin)
    return _iterate(list(paths), call)


def _iterate(paths: list[str | Path], call: _Call) -> Pairs:
    num_pairs = 0
    for pair in _open(paths, call):
        if not call.has_faults:
            num_pairs += 1
            yield pair
    call.raise_faults()
    if not num_pairs:
        raise CorpusError(
            f"cannot read the corpus: {describe(paths)} has no pairs; expected at least one pair of sentences"
        )


class _Call:
    """What one call reads and what it found wrong."""

    def __init__(self, source_language: str, target_language: str, stdin: BinaryIO | None) -> None:
        self.languages = (source_language, target_language)
        self.stdin = stdin
        self._faults = Faults("cannot read the corpus")
        self._files: list[FileFaults] = []

    @property
    def has_faults(self) -> bool:
        return bool(self._faults) or any(self._files)

    def fault(self, message: str) -> None:
        self._faults.add(message)

    def file(self, path: str | Path, *, unit: str = "line") -> FileFaults:
        found = FileFaults(path, unit=unit)
        self._files.append(found)
        return found

    def lines(self, path: str | Path, found: FileFaults) -> Iterator[str | None]:
        return checked_lines(path, found, stdin=self.stdin)

    def raise_faults(self) -> None:
        for found in self._files:
            found.report(self._faults)
        self._faults.raise_as(CorpusError)


def _open(paths: list[str | Path], call: _Call) -> Pairs:
    if len(paths) == 2:
        if all(str(path) == STANDARD_INPUT for path in paths):
            raise UsageError(
                "standard input cannot be both sides; give a file for one of them, or '-' alone for TSV"
            )
        return _read_plain(paths[0], paths[1], call)
    if len(paths) != 1:
        raise UsageError(
            f"{len(paths)} files given for a corpus; expected two plain files, or one with both sides"
        )
    path = paths[0]
    if str(path) == STANDARD_INPUT:
        return _read_tsv(path, call)
    if Path(path).is_dir():
        return _read_folder(Path(path), call)
    try:
        check_is_file(path)
    except CorpusError as error:
        call.fault(str(error))
        return iter(())
    ending = Path(bare_name(path)).suffix
    readers = {
        ".tsv": _read_tsv,
        ".json": _read_json,
        ".jsonl": _read_json,
        ".tmx": _read_tmx,
        ".parquet": _read_parquet,
    }
    if ending not in readers:
        call.fault(f"{path}: the ending {ending!r} does not tell the format; {_EXPECTED}")
        return iter(())
    return readers[ending](path, call)


def _read_plain(source: str | Path, target: str | Path, call: _Call) -> Pairs:
    files = call.file(source), call.file(target)
    streams = (call.lines(path, found) for path, found in zip((source, target), files))
    for one, other in zip_longest(*streams):
        if one is not None and other is not None:
            yield one, other
    if not any(found.is_broken for found in files) and files[0].num_lines != files[1].num_lines:
        call.fault(
            f"{files[0].name} has {files[0].num_lines} lines and {files[1].name} has {files[1].num_lines}; "
            "expected as many in both"
        )


def _read_tsv(path: str | Path, call: _Call) -> Pairs:
    found = call.file(path)
    columns, expected = (0, 1), 2
    for number, line in enumerate(call.lines(path, found), start=1):
        if line is None:
            continue
        cells = line.split("\t")
        if number == 1 and (named := _named_columns(cells, call)):
            columns, expected = named, len(cells)
            continue
        if len(cells) != expected:
            found.add(
                f"has {len(cells)} column(s), expected {expected}{_column_hint(len(cells), expected)}", number
            )
            continue
        yield cells[columns[0]], cells[columns[1]]


def _named_columns(cells: list[str], call: _Call) -> tuple[int, int] | None:
    """The places of both languages if the row names them."""
    source, target = (match_language(language, cells) for language in call.languages)
    if source is None or target is None or source == target:
        return None
    return cells.index(source), cells.index(target)


def _column_hint(count: int, expected: int) -> str:
    if count < expected:
        return " separated by tabs"
    if expected == 2:
        return "; where there are more, a first row must name the two by their language codes"
    return " as in the first row"


def _read_json(path: str | Path, call: _Call) -> Pairs:
    found = call.file(path)
    for number, line in enumerate(call.lines(path, found), start=1):
        if line is None or not line.strip():
            continue
        try:
            record = json.loads(line)
        except json.JSONDecodeError as error:
            hint = "; expected a whole object on each line" if number == 1 else ""
            found.add(f"not JSON at column {error.colno}: {error.msg}{hint}", number)
        except (ValueError, RecursionError) as error:
            found.add(f"not usable JSON: {error}", number)
        else:
            yield from _pair_of(record, number, found, call)


def _pair_of(record: Any, number: int, found: FileFaults, call: _Call) -> Pairs:
    """The pair in a record of JSON lines or of a dataset; a fault and nothing if there is none."""
    if isinstance(record, dict) and isinstance(record.get("translation"), dict):
        record = record["translation"]
    if not isinstance(record, dict):
        found.add(f"is {_kind(record)}, expected an object with a text for each language", number)
        return
    texts: list[str] = []
    for language in call.languages:
        key = language if language in record else match_language(language, record)
        if key is None:
            names = ", ".join(map(repr, list(record)[:20])) or "none"
            found.add(f"has no text for {language!r}; keys there: {names}", number)
        elif not isinstance(text := record[key], str):
            found.add(f"the text of {key!r} is {_kind(text)}, expected a string", number)
        elif problem := _unusable(text):
            found.add(f"the text of {key!r} has {problem}", number)
        else:
            texts.append(one_line(text))
    if len(texts) == 2:
        yield texts[0], texts[1]


def _unusable(text: str) -> str | None:
    """What JSON can write and text cannot have."""
    if "\0" in text:
        return "a NUL character; expected text"
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        half = f"U+{ord(text[error.start]):04X}"
        return f"half a surrogate pair ({half}) at character {error.start}; expected text"
    return None


def _kind(value: Any) -> str:
    names = {dict: "an object", list: "a list", bool: "true or false", type(None): "null", str: "a string"}
    return names.get(type(value), f"a number ({value})" if isinstance(value, int | float) else "no text")


def _read_tmx(path: str | Path, call: _Call) -> Pairs:
    return read_tmx(read_blocks(path, stdin=call.stdin), *call.languages, call.file(path))


def _read_folder(folder: Path, call: _Call) -> Pairs:
    """A folder made by ``save_to_disk``, or one with parquet or JSON lines files."""
    if (folder / "dataset_dict.json").is_file():
        splits = sorted(path.parent.name for path in folder.glob("*/state.json"))
        if len(splits) != 1:
            call.fault(
                f"{folder}: holds the splits {', '.join(splits) or 'none'}; give the folder of one of them"
            )
            return
        folder = folder / splits[0]
    if (folder / "state.json").is_file():
        yield from _pairs_of_records(_saved_records(folder, call), call.file(folder, unit="row"), call)
        return
    files = sorted(path for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))
    parquet = [path for path in files if path.suffix.lower() == ".parquet"]
    chosen = parquet or [path for path in files if Path(bare_name(path)).suffix == ".jsonl"]
    splits = sorted({split for split in _SPLITS for path in chosen if path.name.lower().startswith(split)})
    if not chosen:
        call.fault(f"{folder}: is a folder without a dataset; {_EXPECTED}")
    elif "valid" in splits and "validation" in splits:
        splits.remove("valid")  # the one name begins with the other
    if len(splits) > 1:
        call.fault(
            f"{folder}: holds files of the splits {', '.join(splits)}; give the file or folder of one of them"
        )
        return
    for path in chosen:
        yield from (_read_parquet if parquet else _read_json)(path, call)


def _pairs_of_records(records: Iterable[Any], found: FileFaults, call: _Call) -> Pairs:
    try:
        for number, record in enumerate(records, start=1):
            yield from _pair_of(record, number, found, call)
    except CorpusError as error:
        found.break_off(str(error))


def _saved_records(folder: Path, call: _Call) -> Iterator[dict[str, Any]]:
    try:
        import datasets
    except ImportError:
        raise _missing_extra(folder) from None
    try:
        dataset = datasets.load_from_disk(str(folder))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CorpusError(f"{folder}: cannot be read as a saved dataset: {error}") from None
    dataset = dataset.select_columns(_columns(dataset.column_names, call))
    for batch in dataset.iter(batch_size=_ROWS):
        for row in zip(*batch.values()):
            yield dict(zip(batch, row))


def _read_parquet(path: str | Path, call: _Call) -> Pairs:
    return _pairs_of_records(_parquet_records(Path(path), call), call.file(path, unit="row"), call)


def _parquet_records(path: Path, call: _Call) -> Iterator[dict[str, Any]]:
    try:
        from pyarrow import parquet
    except ImportError:
        raise _missing_extra(path) from None
    try:
        with parquet.ParquetFile(path) as file:
            columns = _columns(file.schema_arrow.names, call)
            for batch in file.iter_batches(batch_size=_ROWS, columns=columns):
                yield from batch.to_pylist()
    except (OSError, ValueError) as error:
        raise CorpusError(f"{path}: cannot be read as parquet: {error}") from None


def _columns(names: Sequence[str], call: _Call) -> list[str]:
    """The columns needed, so that a dataset's images and sounds are not even decoded."""
    if "translation" in names:
        return ["translation"]
    chosen = [match_language(language, names) for language in call.languages]
    return [name for name in dict.fromkeys(chosen) if name is not None] or list(names)


def _missing_extra(path: Path) -> MissingExtra:
    return MissingExtra(f"{path}: reading a dataset needs the 'datasets' library; install crosslate[data]")
