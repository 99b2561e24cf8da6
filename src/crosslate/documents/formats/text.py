"""Plain text: every line and every column by itself."""

from __future__ import annotations

import re
from collections.abc import Callable

from crosslate.documents.document import TextFormat
from crosslate.documents.flow import Filling, Flow, fill

# More than one space, a tab or a line end divides; one space does not.
_BREAK = re.compile(r"(\s\s+|[^\S \u00a0\u1680\u2000-\u200a\u202f\u205f\u3000])")
_LIST_MARKER = re.compile(r"(?:[-*+•◦▪‣·–—>#=|]+|\(?\d{1,4}[.)]|\(?[a-zA-Z]\))\s+")
_LINE_ENDS = frozenset("\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029")


class PlainText(TextFormat):
    suffixes = (".txt", ".text")
    position = 1

    def read(self, flow: Flow, text: str, target_language: str | None) -> None:
        read_text(flow, text)


def read_text(flow: Flow, text: str) -> None:
    """Hands plain text to ``flow``; lines, indents, columns and list markers stay."""
    is_line_start = True
    # Parts of text, and what divides them.
    for index, part in enumerate(_BREAK.split(text)):
        if index % 2:
            flow.copy(part)
            is_line_start = not _LINE_ENDS.isdisjoint(part)
            continue
        marker = _LIST_MARKER.match(part) if is_line_start else None
        if marker:
            flow.copy(marker.group())
        flow.text(part[marker.end() :] if marker else part)


def read_string(flow: Flow, raw: str, plain: str, spell: Callable[[str], str]) -> None:
    """Hands a string of a program to ``flow``: it stays as it is spelt unless what it means changes."""
    inner = flow.nested(str)
    read_text(inner, plain)
    pieces = inner.finish()

    def written(filling: Filling) -> str:
        text = fill(pieces, filling)
        return raw if text == plain else spell(text)

    flow.copy(written)
