"""Parquet files, as the Hugging Face hub keeps datasets in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from crosslate.errors import CorpusError
from crosslate.text.reading import Pairs, Paths, Reader, Reading, missing_datasets
from crosslate.text.streams import check_is_file

_BATCH_ROWS = 1_000


class Parquet(Reader):
    """A file with a column for each language, or a column ``translation``."""

    expected = ".parquet"
    endings = (".parquet",)

    def pairs(self, paths: Paths, reading: Reading) -> Pairs:
        path = Path(paths[0])
        return reading.pairs_of(_records(path, reading), reading.file(path, unit="row"))


def _records(path: Path, reading: Reading) -> Iterator[dict[str, Any]]:
    check_is_file(path)
    try:
        from pyarrow import parquet
    except ImportError:
        raise missing_datasets(path) from None
    try:
        with parquet.ParquetFile(path) as file:
            columns = reading.columns(file.schema_arrow.names)
            for batch in file.iter_batches(batch_size=_BATCH_ROWS, columns=columns):
                yield from batch.to_pylist()
    except (OSError, ValueError) as error:
        raise CorpusError(f"{path}: cannot be read as parquet: {error}") from None
