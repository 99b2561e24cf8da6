"""Aligned sentences of two languages."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from crosslate.errors import CorpusError

_LINE_BREAK = re.compile(r"[ \t]*[\r\n]+[ \t]*")


@dataclass(frozen=True)
class ParallelCorpus:
    """Sentences of two languages; the i-th source sentence and the i-th target sentence mean the same.

    Attributes:
        source: the sentences of one side, kept as a tuple.
        target: those of the other, equally many.
        source_language: code of the source's language.
        target_language: code of the target's language.
        origin: where the sentences are from, for people ("train.de + train.en").

    Raises:
        CorpusError: the sides are of different length, or one is a single string.
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

    def __len__(self) -> int:
        return len(self.source)

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return zip(self.source, self.target)

    @cached_property
    def content_hash(self) -> str:
        """Hex sha256 over all sentences in order; see :func:`hash_pairs`."""
        return hash_pairs(self)


def hash_pairs(pairs: Iterable[tuple[str, str]]) -> str:
    """Hex sha256 over pairs in order; needs no memory for the pairs.

    Every text counts with its length, so that moving a sentence's end or a pair's border changes the hash.
    """
    digest = hashlib.sha256()
    for pair in pairs:
        for text in pair:
            data = text.encode("utf-8", "surrogatepass")
            digest.update(len(data).to_bytes(8, "little") + data)
    return digest.hexdigest()


def one_line(text: str) -> str:
    """``text`` with its line breaks (and the blanks around them) as single spaces.

    JSON and XML may break lines inside a sentence; elsewhere a sentence is one line.
    """
    if "\n" not in text:
        return text
    return _LINE_BREAK.sub(" ", text.strip(" \t\r\n"))


def match_language(language: str, available: Iterable[str]) -> str | None:
    """The code in ``available`` that stands for ``language``, or None.

    Upper case and ``_`` make no difference. The same code comes first, then a more exact one
    (``de-AT`` for ``de``), then a less exact one (``de`` for ``de-AT``). ``pt-PT`` never stands
    for ``pt-BR``.
    """
    wanted = _subtags(language)
    more_exact = less_exact = None
    for code in available:
        found = _subtags(code)
        if found == wanted:
            return code
        if found[: len(wanted)] == wanted:
            more_exact = more_exact or code
        elif wanted[: len(found)] == found:
            less_exact = less_exact or code
    return more_exact or less_exact


def _subtags(code: str) -> list[str]:
    return code.strip().lower().replace("_", "-").split("-")
