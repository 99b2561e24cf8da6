"""Parallel corpora: aligned sentences of two languages, in memory, in files, or stored during a run.

All of them are streams: whoever reads one iterates over its pairs, as often as needed, in bounded memory.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
import weakref
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, islice
from pathlib import Path

from crosslate.errors import CorpusError, UsageError
from crosslate.languages.codes import language_code
from crosslate.text.reading import Pairs, describe, iterate_pairs

PREFIX, SUFFIX = ".text-", ".tmp"
"""Of the folders in which pairs are stored; a killed process leaves them behind."""


class Corpus(ABC):
    """Pairs of sentences that mean the same, in two languages given by their codes."""

    source_language: str
    target_language: str
    origin: str
    """Where the sentences are from, for people ("train.de + train.en")."""

    @abstractmethod
    def __iter__(self) -> Pairs:
        """The pairs from the first on; every iteration starts anew."""

    @property
    def languages(self) -> tuple[str, str]:
        """The codes of both languages."""
        return self.source_language, self.target_language

    def lines(self, side: str) -> Iterator[str]:
        """The sentences of one side, ``source`` or ``target``."""
        column = ("source", "target").index(side)
        return (pair[column] for pair in self)

    def in_memory(self) -> ParallelCorpus:
        """The same pairs in memory."""
        return self.with_pairs(self)

    def with_pairs(self, pairs: Iterable[tuple[str, str]]) -> ParallelCorpus:
        """Pairs of the same languages and origin, in memory."""
        sides: tuple[list[str], list[str]] = ([], [])
        for one, other in pairs:
            sides[0].append(one)
            sides[1].append(other)
        return ParallelCorpus(*sides, *self.languages, self.origin)


class SizedCorpus(Corpus):
    """A corpus whose pairs are counted, and which always holds the same ones."""

    @abstractmethod
    def __len__(self) -> int: ...

    @cached_property
    def content_hash(self) -> str:
        """Hex sha256 over all sentences in order; needs no memory for them.

        Every text counts with its length, so that moving a sentence's end or a pair's border changes it.
        """
        digest = hashlib.sha256()
        for text in chain.from_iterable(self):
            data = text.encode("utf-8", "surrogatepass")
            digest.update(len(data).to_bytes(8, "little") + data)
        return digest.hexdigest()

    @abstractmethod
    def split(self, rows: Sequence[int]) -> tuple[SizedCorpus, ParallelCorpus]:
        """All pairs but ``rows``, and these alone in memory; in order."""


@dataclass(frozen=True)
class ParallelCorpus(SizedCorpus):
    """A corpus in memory: as many source sentences as target sentences, kept as tuples.

    Raises:
        CorpusError: the sides are of different length, or one is a single string.
        UsageError: a language is not a code.
    """

    source: Sequence[str]
    target: Sequence[str]
    source_language: str
    target_language: str
    origin: str = "memory"

    def __post_init__(self) -> None:
        for name in ("source", "target"):
            side = getattr(self, name)
            if isinstance(side, str | bytes):
                raise CorpusError(
                    f"the {name} side is one {type(side).__name__}, expected a sequence of sentences"
                )
            object.__setattr__(self, name, tuple(side))
        if len(self.source) != len(self.target):
            raise CorpusError(
                f"{self.origin}: {len(self.source)} source and {len(self.target)} target sentences; "
                "expected as many on both sides"
            )
        for name in ("source_language", "target_language"):
            object.__setattr__(self, name, language_code(getattr(self, name)))

    def __len__(self) -> int:
        return len(self.source)

    def __iter__(self) -> Pairs:
        return zip(self.source, self.target)

    def in_memory(self) -> ParallelCorpus:
        return self

    def rows(self, rows: Iterable[int]) -> ParallelCorpus:
        """Some of its pairs, in the order given."""
        return self.with_pairs((self.source[row], self.target[row]) for row in rows)

    def split(self, rows: Sequence[int]) -> tuple[ParallelCorpus, ParallelCorpus]:
        taken = set(rows)
        return self.rows(row for row in range(len(self)) if row not in taken), self.rows(sorted(taken))


@dataclass(frozen=True)
class TextFiles(Corpus):
    """A corpus in files, for millions of pairs.

    Attributes:
        paths: one file or two; see :func:`crosslate.text.reading.iterate_pairs`.
        first_pair: the first pair that counts, from 1.
        last_pair: the last pair that counts; 0 is the last of the files.
        name: what people call it; by default the names of the files.

    Raises:
        UsageError: ``paths`` is not a list, or a language is not a code.
    """

    paths: Sequence[str | Path]
    source_language: str
    target_language: str
    first_pair: int = 1
    last_pair: int = 0
    name: str = ""

    def __post_init__(self) -> None:
        if isinstance(self.paths, str | Path):
            raise UsageError(f"paths is {self.paths!r}, expected a list of one or two paths")
        object.__setattr__(self, "paths", tuple(self.paths))
        for name in ("source_language", "target_language"):
            object.__setattr__(self, name, language_code(getattr(self, name)))

    def __iter__(self) -> Pairs:
        pairs = iterate_pairs(self.paths, *self.languages)
        is_empty = True
        for pair in islice(pairs, self.first_pair - 1, self.last_pair or None):
            is_empty = False
            yield pair
        if is_empty:
            raise CorpusError(f"{self.origin}: there are no such pairs; expected at least {self.first_pair}")

    @property
    def origin(self) -> str:  # type: ignore[override]
        """Where the sentences are from, for people."""
        is_part = self.first_pair > 1 or self.last_pair > 0
        part = f", pairs {self.first_pair}-{self.last_pair or 'end'}" if is_part else ""
        return (self.name or describe(self.paths)) + part


class StoredPairs(SizedCorpus):
    """Pairs in two files, one sentence per line, read again whenever they are iterated.

    The files vanish with the last object that reads them.
    """

    _omitted: frozenset[int] = frozenset()
    _whole: StoredPairs | None = None  # of which it is a part; keeps the files alive

    def __init__(self, folder: Path, count: int, languages: tuple[str, str], origin: str) -> None:
        self._folder, self._count, self.origin = folder, count, origin
        self.source_language, self.target_language = languages

    @classmethod
    def store(
        cls, pairs: Iterable[tuple[str, str]], languages: tuple[str, str], origin: str, folder: Path
    ) -> StoredPairs:
        """Writes pairs, whose texts hold no line feed, to a new folder inside ``folder``."""
        folder.mkdir(parents=True, exist_ok=True)
        inner = Path(tempfile.mkdtemp(prefix=PREFIX, suffix=SUFFIX, dir=folder))
        count = 0
        try:
            source, target = inner / "source", inner / "target"
            with source.open("wb") as source_file, target.open("wb") as target_file:
                for one, other in pairs:
                    source_file.write(f"{one}\n".encode())
                    target_file.write(f"{other}\n".encode())
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

    def __iter__(self) -> Pairs:
        return zip(self.lines("source"), self.lines("target"), strict=True)

    def lines(self, side: str) -> Iterator[str]:
        with (self._folder / side).open(encoding="utf-8", newline="\n") as file:
            for row, line in enumerate(file):
                if row not in self._omitted:
                    yield line[:-1]

    def split(self, rows: Sequence[int]) -> tuple[StoredPairs, ParallelCorpus]:
        rest = StoredPairs(self._folder, self._count, self.languages, self.origin)
        rest._omitted, rest._whole = frozenset(rows), self
        return rest, self.with_pairs(pair for row, pair in enumerate(self) if row in rest._omitted)


def stored_like(pairs: Iterable[tuple[str, str]], corpus: Corpus, folder: Path) -> SizedCorpus:
    """Pairs made from a corpus: in memory if it is there, else in files inside ``folder``."""
    if not isinstance(corpus, ParallelCorpus):
        return StoredPairs.store(pairs, corpus.languages, corpus.origin, folder)
    return corpus.with_pairs(pairs)


def read_corpus(paths: Sequence[str | Path], source_language: str, target_language: str) -> ParallelCorpus:
    """Reads a corpus into memory; see :func:`crosslate.text.reading.iterate_pairs` for formats and faults."""
    return TextFiles(paths, source_language, target_language).in_memory()
