"""Parallel text that is not held in memory: files read as a stream, and kept pairs stored line by line."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from crosslate.errors import UsageError
from crosslate.languages.codes import language_code
from crosslate.text.parallel import ParallelCorpus, hash_pairs
from crosslate.text.readers import describe, iterate_pairs

PREFIX, SUFFIX = ".text-", ".tmp"
"""Of the folders in which pairs are stored; a killed process leaves them behind."""


@dataclass(frozen=True)
class TextFiles:
    """A parallel corpus in files, for corpora of millions of pairs.

    Attributes:
        paths: one file or two; see :func:`crosslate.text.readers.iterate_pairs`.
        source_language: code of the source's language.
        target_language: code of the target's language.
    """

    paths: Sequence[str | Path]
    source_language: str
    target_language: str

    def __post_init__(self) -> None:
        if isinstance(self.paths, str | Path):
            raise UsageError(f"paths is {self.paths!r}, expected a list of one or two paths")
        object.__setattr__(self, "paths", tuple(self.paths))
        for name in ("source_language", "target_language"):
            object.__setattr__(self, name, language_code(getattr(self, name)))

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iterate_pairs(self.paths, self.source_language, self.target_language)

    @property
    def origin(self) -> str:
        """Where the sentences are from, for people."""
        return describe(self.paths)


class StoredPairs:
    """Pairs in two files, one sentence per line, read again whenever they are iterated.

    The files vanish with the last object that reads them.

    Attributes:
        source_language: code of the source's language.
        target_language: code of the target's language.
        origin: where the sentences are from, for people.
    """

    def __init__(
        self,
        folder: Path,
        count: int,
        languages: tuple[str, str],
        origin: str,
        omitted: frozenset[int] = frozenset(),
    ) -> None:
        self._folder, self._count, self._omitted = folder, count, omitted
        self.source_language, self.target_language = languages
        self.origin = origin
        self._whole: StoredPairs | None = None

    @classmethod
    def store(
        cls, pairs: Iterable[tuple[str, str]], languages: tuple[str, str], origin: str, folder: Path
    ) -> StoredPairs:
        """Writes pairs, whose texts hold no line feed, to a new folder inside ``folder``."""
        folder.mkdir(parents=True, exist_ok=True)
        inner = Path(tempfile.mkdtemp(prefix=PREFIX, suffix=SUFFIX, dir=folder))
        count = 0
        try:
            with (
                (inner / "source").open("w", encoding="utf-8", newline="\n") as source,
                (inner / "target").open("w", encoding="utf-8", newline="\n") as target,
            ):
                for one, other in pairs:
                    source.write(one + "\n")
                    target.write(other + "\n")
                    count += 1
        except BaseException:
            shutil.rmtree(inner, ignore_errors=True)
            with suppress(OSError):  # it holds something else
                folder.rmdir()
            raise
        stored = cls(inner, count, languages, origin)
        weakref.finalize(stored, shutil.rmtree, inner, ignore_errors=True)
        return stored

    def __len__(self) -> int:
        return self._count - len(self._omitted)

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return zip(self.source, self.target, strict=True)

    @property
    def source(self) -> Iterator[str]:
        """The source sentences, read anew."""
        return self._lines("source")

    @property
    def target(self) -> Iterator[str]:
        """The target sentences, read anew."""
        return self._lines("target")

    @cached_property
    def content_hash(self) -> str:
        """As of a :class:`ParallelCorpus` with these pairs."""
        return hash_pairs(self)

    def split(self, rows: Sequence[int]) -> tuple[StoredPairs, ParallelCorpus]:
        """All pairs but ``rows``, and these alone in memory; in order."""
        omitted = frozenset(rows)
        rest = StoredPairs(
            self._folder, self._count, (self.source_language, self.target_language), self.origin, omitted
        )
        rest._whole = self  # keeps the files alive
        taken = [pair for row, pair in enumerate(self) if row in omitted]
        source, target = zip(*taken) if taken else ((), ())
        return rest, ParallelCorpus(source, target, self.source_language, self.target_language, self.origin)

    def _lines(self, side: str) -> Iterator[str]:
        with (self._folder / side).open(encoding="utf-8", newline="\n") as file:
            for row, line in enumerate(file):
                if row not in self._omitted:
                    yield line[:-1]
