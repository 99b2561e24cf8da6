"""Synthetic text: pairs of which one side is a machine translation, with the record of how they were made."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from crosslate.files import read_optional_object, sha256_file, write_json
from crosslate.languages.codes import match_language
from crosslate.text.corpora import Corpus, ParallelCorpus, SizedCorpus, TextFiles
from crosslate.text.reading import Pairs

log = logging.getLogger(__name__)

MARK = "synthetic"
"""Key of a line, beside its texts: the language of the machine translation."""

_HUMAN, _HASH = "human_language", "sha256"


def record_path(path: Path) -> Path:
    """The record beside a file of synthetic pairs."""
    return path.with_name(path.name + ".record.json")


def write_record(path: Path, file: Path, human_language: str | None, described: dict[str, Any]) -> None:
    """Writes the record of ``path``, whose contents are still in ``file``.

    Args:
        human_language: of the side that people wrote; None if it is not the same in all pairs.
    """
    write_json(record_path(path), {_HUMAN: human_language, _HASH: sha256_file(file), **described})


@dataclass(frozen=True)
class SyntheticText:
    """Synthetic pairs for a training run.

    Attributes:
        corpus: the pairs in the direction of translation, without tags.
        share: of synthetic pairs in an epoch, between 0 and 1.
        tag: text put before every synthetic source, separated by a space; empty for none.
        record: how the pairs were made; empty if unknown.
        files: hex sha256 of the files by name; empty for pairs in memory.

    Source: tags: Caswell, Chelba & Grangier 2019.
    """

    corpus: Corpus
    share: float
    tag: str = ""
    record: dict[str, Any] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)

    @classmethod
    def read(
        cls, paths: Sequence[str | Path], languages: tuple[str, str], *, share: float, tag: str = ""
    ) -> SyntheticText:
        """Synthetic pairs in files of any corpus format, with their record if it describes these files."""
        hashes = {Path(path).name: sha256_file(Path(path)) for path in paths if Path(path).is_file()}
        record = _record(Path(paths[0]), hashes) if len(paths) == 1 else {}
        return cls(TextFiles(paths, *languages), share, tag, record, hashes)

    @property
    def human_side(self) -> str | None:
        """``source`` or ``target``, if it is known which of them people wrote."""
        human = self.record.get(_HUMAN)
        found = match_language(human, self.corpus.languages) if isinstance(human, str) else None
        return None if found is None else ("source", "target")[self.corpus.languages.index(found)]


class TaggedPairs(SizedCorpus):
    """Pairs whose sources begin with a tag and a space; unchanged with an empty tag.

    Attributes:
        untagged: the same pairs without it.
    """

    def __init__(self, untagged: SizedCorpus, tag: str) -> None:
        self.untagged, self.tag, self.origin = untagged, tag, untagged.origin
        self._prefix = f"{tag} " if tag else ""
        self.source_language, self.target_language = untagged.languages

    def __len__(self) -> int:
        return len(self.untagged)

    def __iter__(self) -> Pairs:
        return ((self._prefix + source, target) for source, target in self.untagged)

    def split(self, rows: Sequence[int]) -> tuple[SizedCorpus, ParallelCorpus]:
        rest, taken = self.untagged.split(rows)
        tagged = ((self._prefix + source, target) for source, target in taken)
        return TaggedPairs(rest, self.tag), self.with_pairs(tagged)


def record_of(corpus: Corpus) -> dict[str, Any]:
    """How the pairs of a corpus were made, if it is a file with a record; else empty."""
    if not isinstance(corpus, TextFiles) or len(corpus.paths) != 1:
        return {}
    path = Path(corpus.paths[0])
    return _record(path, {path.name: sha256_file(path)}) if record_path(path).is_file() else {}


def _record(path: Path, hashes: dict[str, str]) -> dict[str, Any]:
    """The record beside a file, if it is of this very file."""
    beside = record_path(path)
    record = read_optional_object(beside)
    if record and record.get(_HASH) != hashes.get(path.name):
        log.warning(
            "%s describes another file than %s, so both sides of its pairs count as machine-made",
            beside.name, path,
        )  # fmt: skip
        return {}
    return record
