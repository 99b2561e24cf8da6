"""Where the text of a study comes from: files, the phrasebook, mtdata ids or sacreBLEU's test sets."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from itertools import islice
from pathlib import Path
from string import Formatter
from typing import TYPE_CHECKING, Any, Literal, cast

from crosslate.errors import Faults, InputError, SettingsError
from crosslate.files import sha256_file

if TYPE_CHECKING:
    from crosslate.text.corpora import Corpus, ParallelCorpus
    from crosslate.text.phrasebook import Phrasebook

_FIELDS = ("source", "target", "language")
Share = Literal["parent", "child", "valid", "test"]
_TYPICAL_PAIRS = {"phrasebook": 16_000, "mtdata": 300_000, "sacrebleu": 2_000}


@dataclass(frozen=True)
class Text:
    """One text of a study. Exactly one of ``files``, ``phrasebook``, ``mtdata`` and ``sacrebleu`` is given.

    Attributes:
        files: one path or two inside the folder of the data; ``{source}`` and ``{target}`` stand for the
            codes of a pair, ``{language}`` for that of monolingual text. Compressed files are read directly.
        phrasebook: a share of the built-in phrasebook: ``parent``, ``child``, ``valid`` or ``test``.
        mtdata: ids of data sets as mtdata lists them, joined in this order; fetched once into the folder of
            the data.
        sacrebleu: sacreBLEU's name of a test set. Where it has no such pair, the sides of two pairs with
            English are joined, provided that their English is the same line by line.
        first_line: the first pair used, counted from 1.
        last_line: the last pair used; 0 uses all to the end.
        num_pairs: how many pairs there are, about; only times are estimated from it.
    """

    files: list[str] = field(default_factory=list)
    phrasebook: Share | None = None
    mtdata: list[str] = field(default_factory=list)
    sacrebleu: str = ""
    first_line: int = 1
    last_line: int = 0
    num_pairs: int = 0

    def __post_init__(self) -> None:
        faults = Faults("cannot use this text")
        given = [name for name in ("files", "phrasebook", "mtdata", "sacrebleu") if getattr(self, name)]
        if len(given) != 1:
            faults.add(
                f"{' and '.join(given) or 'nothing'} is given, "
                "expected exactly one of files, phrasebook, mtdata and sacrebleu"
            )
        if len(self.files) > 2:
            faults.add(f"files names {len(self.files)} files, expected one or two")
        for name in self.files:
            if fault := _misfilled(name):
                faults.add(
                    f"files names {name!r}, {fault}; expected {{source}}, {{target}} or {{language}} alone "
                    "in braces (a brace of the path itself is written twice)"
                )
        if self.first_line < 1:
            faults.add(f"first_line is {self.first_line}, expected 1 or more")
        if self.last_line and self.last_line < self.first_line:
            faults.add(f"last_line is {self.last_line}, expected 0 or at least first_line, {self.first_line}")
        faults.raise_as(SettingsError)

    @property
    def kind(self) -> str:
        """``files``, ``phrasebook``, ``mtdata`` or ``sacrebleu``."""
        return next(name for name in ("files", "phrasebook", "mtdata", "sacrebleu") if getattr(self, name))

    @property
    def estimated_pairs(self) -> int:
        """How many pairs there are, from what the recipe says alone."""
        if self.num_pairs:
            return self.num_pairs
        if self.last_line:
            return self.last_line - self.first_line + 1
        return _TYPICAL_PAIRS.get(self.kind, 20_000)


@dataclass(frozen=True)
class Library:
    """Reads the texts of a study.

    Attributes:
        data: folder that the paths of a recipe start from, and into which text is fetched.
        seed: of the phrasebook.
    """

    data: Path
    seed: int = 1

    def paths(self, text: Text, source: str, target: str) -> list[Path]:
        """The files of a text for a pair, whether or not they are there."""
        names = {"source": source, "target": target, "language": source}
        return [self.data / name.format(**names) for name in text.files]

    def missing(self, text: Text, source: str, target: str) -> list[str]:
        """The files of a text that are not there; text that can be fetched is never missing."""
        return [str(path) for path in self.paths(text, source, target) if not path.is_file()]

    def identity(self, text: Text, source: str, target: str) -> dict[str, Any]:
        """Everything that determines the text, as plain values; of files the hash, not the place."""
        lines = {"lines": [text.first_line, text.last_line], "pair": [source, target]}
        if text.files:
            paths = self.paths(text, source, target)
            hashes = [_hash(path) if path.is_file() else f"missing {path.name}" for path in paths]
            return {"files": hashes, **lines}
        if text.phrasebook:
            return {"phrasebook": text.phrasebook, "seed": self.seed, **lines}
        return {text.kind: getattr(text, text.kind), **lines}

    def load(self, text: Text, source: str, target: str) -> ParallelCorpus:
        """A text in memory.

        Raises:
            InputError: files are missing, or there are fewer pairs than ``first_line``.
        """
        return self.training(text, source, target).in_memory()

    def training(self, text: Text, source: str, target: str) -> Corpus:
        """A text to train on, as a stream where it is in files."""
        from crosslate.text.corpora import TextFiles

        if text.phrasebook:
            return self._phrasebook(text, source, target)
        paths = self._fetched(text, source, target)
        name = ", ".join(text.mtdata) or text.sacrebleu
        return TextFiles(paths, source, target, text.first_line, text.last_line, name)

    def monolingual(self, text: Text, language: str) -> list[str]:
        """The lines of one language.

        Raises:
            InputError: the text is parallel by nature (mtdata, a test set), or files are missing.
        """
        if text.phrasebook:
            other = "en" if language != "en" else "fr"
            return list(self._phrasebook(text, language, other).source)
        if not text.files:
            raise InputError(f"text of one language comes from files or the phrasebook, not from {text.kind}")
        from crosslate.text.streams import read_lines

        (path,) = self._fetched(text, language, language)
        return list(islice(read_lines(path), text.first_line - 1, text.last_line or None))

    def _phrasebook(self, text: Text, source: str, target: str) -> ParallelCorpus:
        from crosslate.text.corpora import ParallelCorpus

        last = text.last_line or _TYPICAL_PAIRS["phrasebook"]
        wanted = {"train": 0, "valid": 0, "test": 0}
        share = cast(Share, text.phrasebook)
        role = "train" if share in ("parent", "child") else share
        wanted[role] = last
        part = share if share == "parent" else "child"
        made = book(self.seed).corpora(source, target, part=cast(Any, part), **wanted)
        chosen = made[("train", "valid", "test").index(role)]
        rows = slice(text.first_line - 1, last)
        return ParallelCorpus(chosen.source[rows], chosen.target[rows], source, target, chosen.origin)

    def _fetched(self, text: Text, source: str, target: str) -> list[Path]:
        if text.files:
            paths = self.paths(text, source, target)
            if missing := self.missing(text, source, target):
                raise InputError(f"missing: {', '.join(missing)}; give the folder that holds the data")
            return paths
        from crosslate.studies.fetch import fetch_mtdata, fetch_test_set

        if text.mtdata:
            return fetch_mtdata(text.mtdata, source, target, self.data)
        return fetch_test_set(text.sacrebleu, source, target, self.data)


@lru_cache(maxsize=4)
def book(seed: int) -> Phrasebook:
    """Making the phrasebook takes seconds, and every cell of a study reads the same one."""
    from crosslate.text.phrasebook import Phrasebook

    return Phrasebook(seed=seed)


def _misfilled(name: str) -> str:
    """What keeps the name of a file from being filled with codes; empty where nothing does."""
    try:
        found = [each for each in Formatter().parse(name) if each[1] is not None]
    except ValueError as error:
        return str(error).lower()
    for _, field_name, description, conversion in found:
        if field_name not in _FIELDS or description or conversion:
            return "where something else stands in braces"
    return ""


def _hash(path: Path) -> str:
    status = path.stat()
    return _hash_once(path, status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=1024)
def _hash_once(path: Path, num_bytes: int, changed: int) -> str:
    return sha256_file(path)
