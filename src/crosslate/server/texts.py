"""Texts as they come in, cut into sentences, and put together again with what lay between them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal, Protocol

from crosslate.engines.segments import sentences
from crosslate.server.finish import has_words

TextFormat = Literal["text", "html"]
FORMATS: tuple[TextFormat, ...] = ("text", "html")
# Lines are never joined: a line break of the source is one of the translation.
_LINE_END = re.compile(r"(\r\n|[\n\r\v\f\x1c-\x1e\x85\u2028\u2029])")
_TAG = re.compile(r"(<!--.*?-->|<[^<>]*>)", re.DOTALL)


class Document(Protocol):
    """A text with a shape.

    Attributes:
        segments: what is to be translated, in order.
    """

    segments: list[str]

    def rebuild(self, translations: Sequence[str]) -> str:
        """The text with a translation in the place of every segment."""
        ...


class Pieces:
    """A text as segments and what lies between them."""

    def __init__(self, parts: Sequence[tuple[bool, str]]) -> None:
        self._parts = parts
        self.segments = [text for is_segment, text in parts if is_segment]

    def rebuild(self, translations: Sequence[str]) -> str:
        """See :meth:`Document.rebuild`."""
        given = iter(translations)
        return "".join(next(given) if is_segment else text for is_segment, text in self._parts)


def read_text(text: str, format: TextFormat, language: str) -> Document:
    """Cuts a text into its sentences.

    Args:
        language: of the text, for the rules of sentence ends.
    """
    parts: list[tuple[bool, str]] = []
    separator = _TAG if format == "html" else _LINE_END
    for position, run in enumerate(separator.split(text)):
        if position % 2:
            parts.append((False, run))
            continue
        for sentence in sentences(run, language or "en") if run else ():
            stripped = sentence.strip()
            start = sentence.find(stripped) if stripped else len(sentence)
            if not has_words(stripped):
                parts.append((False, sentence))
                continue
            parts += [(False, sentence[:start]), (True, stripped), (False, sentence[start + len(stripped) :])]
    return Pieces(parts)
