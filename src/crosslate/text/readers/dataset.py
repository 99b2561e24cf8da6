"""Datasets: parquet files, and folders of the ``datasets`` library, of parquet or of JSON lines files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from crosslate.errors import CorpusError, MissingExtra
from crosslate.text.readers.jsonl import JSONLines
from crosslate.text.reading import Pairs, Paths, Reader, Reading, ending_of
from crosslate.text.streams import STANDARD_INPUT, check_is_file

_BATCH_ROWS = 1_000
_SPLITS = ("train", "validation", "valid", "dev", "test")


class Dataset(Reader):
    """A parquet file, a folder made by ``save_to_disk``, or one of parquet or JSON lines files of one split.

    There is a column for each language, or a column ``translation``.
    """

    expected = "a folder with a dataset, .parquet"
    endings = (".parquet",)

    @classmethod
    def takes(cls, paths: Paths) -> bool:
        is_folder = len(paths) == 1 and str(paths[0]) != STANDARD_INPUT and Path(paths[0]).is_dir()
        return is_folder or super().takes(paths)

    def pairs(self, paths: Paths, reading: Reading) -> Pairs:
        folder = Path(paths[0])
        if not folder.is_dir():
            yield from reading.pairs_of(_parquet_records(folder, reading), reading.file(folder, unit="row"))
            return
        if (folder / "dataset_dict.json").is_file():
            splits = sorted(path.parent.name for path in folder.glob("*/state.json"))
            if len(splits) != 1:
                found = ", ".join(splits) or "none"
                reading.faults.add(f"{folder}: holds the splits {found}; give the folder of one of them")
                return
            folder = folder / splits[0]
        if (folder / "state.json").is_file():
            yield from reading.pairs_of(_saved_records(folder, reading), reading.file(folder, unit="row"))
            return
        files = sorted(path for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))
        parquet = [path for path in files if path.suffix.lower() == ".parquet"]
        chosen = parquet or [path for path in files if ending_of(path) == ".jsonl"]
        if not chosen:
            reading.faults.add(
                f"{folder}: is a folder without a dataset; expected parquet or JSON lines files"
            )
        names = [path.name.lower() for path in chosen]
        splits = sorted(split for split in _SPLITS if any(name.startswith(split) for name in names))
        if "valid" in splits and "validation" in splits:
            splits.remove("valid")  # the one name begins with the other
        if len(splits) > 1:
            found = ", ".join(splits)
            reading.faults.add(
                f"{folder}: holds files of the splits {found}; give the file or folder of one of them"
            )
            return
        for path in chosen:
            yield from (self if parquet else JSONLines()).pairs([path], reading)


def _saved_records(folder: Path, reading: Reading) -> Iterator[dict[str, Any]]:
    try:
        import datasets
    except ImportError:
        raise _missing(folder) from None
    try:
        dataset = datasets.load_from_disk(str(folder))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CorpusError(f"{folder}: cannot be read as a saved dataset: {error}") from None
    dataset = dataset.select_columns(reading.columns(dataset.column_names))
    for batch in dataset.iter(batch_size=_BATCH_ROWS):
        for row in zip(*batch.values()):
            yield dict(zip(batch, row))


def _parquet_records(path: Path, reading: Reading) -> Iterator[dict[str, Any]]:
    check_is_file(path)
    try:
        from pyarrow import parquet
    except ImportError:
        raise _missing(path) from None
    try:
        with parquet.ParquetFile(path) as file:
            columns = reading.columns(file.schema_arrow.names)
            for batch in file.iter_batches(batch_size=_BATCH_ROWS, columns=columns):
                yield from batch.to_pylist()
    except (OSError, ValueError) as error:
        raise CorpusError(f"{path}: cannot be read as parquet: {error}") from None


def _missing(path: Path) -> MissingExtra:
    return MissingExtra(f"{path}: reading a dataset needs the 'datasets' library; install crosslate[data]")
