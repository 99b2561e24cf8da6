"""Confidence of translations as a file of JSON lines."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import IO, TYPE_CHECKING, Any

from crosslate.cli.console import error_console, print_line

if TYPE_CHECKING:
    from crosslate.translation.confidence import Confidence
    from crosslate.translation.translator import Translator

_AT_ONCE = 256
_UNKNOWN: dict[str, Any] = {"probability": None, "expected_chrf": None, "doubtful": None, "words": []}


class LineScores:
    """Writes a row for each line of input, in order, as its translation comes.

    Args:
        file: None writes and costs nothing.
        most: rows that are scored together.
    """

    def __init__(self, translator: Translator, file: IO[bytes] | None, most: int = _AT_ONCE) -> None:
        self._translator, self._file, self._most = translator, file, most
        self._sources: list[str] = []
        self._translations: list[str] = []
        self._number = 0

    def reading(self, lines: Iterable[str]) -> Iterator[str]:
        """Passes lines of input on."""
        for line in lines:
            if self._file:
                self._sources.append(line)
            yield line

    def add(self, translation: str) -> None:
        """The translation of the next line."""
        if self._file:
            self._translations.append(translation)
            if len(self._translations) >= self._most:
                self.finish()

    def finish(self) -> None:
        """Writes the rows of all translations so far."""
        if not self._file:
            return
        count = len(self._translations)
        sources, self._sources = self._sources[:count], self._sources[count:]
        found = self._translator.confidences(sources, self._translations)
        for source, translation, confidence in zip(sources, self._translations, found, strict=True):
            self._number += 1
            self._file.write(_row({"line": self._number}, source, translation, confidence))
        self._translations = []


def write_segments(
    file: IO[bytes], translator: Translator, sources: Sequence[str], translations: Sequence[str]
) -> None:
    """Writes the segments of a document, the least sure first; those without a score last."""
    found = translator.confidences(sources, translations)
    order = sorted(range(len(found)), key=lambda index: _probability(found[index]))
    for index in order:
        number = {"segment": index + 1}
        file.write(_row(number, sources[index], translations[index], found[index]))
    num_doubtful = sum(each is not None and each.is_doubtful for each in found)
    print_line(error_console(), f"{num_doubtful} of {len(found)} segments are doubtful")


def _probability(confidence: Confidence | None) -> float:
    return 2.0 if confidence is None else confidence.probability


def _row(number: dict[str, int], source: str, translation: str, confidence: Confidence | None) -> bytes:
    values: dict[str, Any] = number | {"source": source, "translation": translation}
    values |= _UNKNOWN if confidence is None else confidence.as_values()
    return json.dumps(values, ensure_ascii=False).encode("utf-8", "replace") + b"\n"
