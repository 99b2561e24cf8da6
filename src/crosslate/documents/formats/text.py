"""Plain text, and text with a few tags in it: every line and every column by itself."""

from __future__ import annotations

import re

from crosslate.documents.document import TextFormat
from crosslate.documents.flow import Flow, Mark
from crosslate.documents.markup import BLOCKS

# More than one space, a tab or a line end divides; one space does not.
_BREAK = re.compile(r"(\s\s+|[^\S \u00a0\u1680\u2000-\u200a\u202f\u205f\u3000])")
_LIST_MARKER = re.compile(r"(?:[-*+•◦▪‣·–—>#=|]+|\(?\d{1,4}[.)]|\(?[a-zA-Z]\))\s+")
_LINE_ENDS = frozenset("\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029")
_TAG = re.compile(r"<(/?)([A-Za-z][A-Za-z0-9-]{0,40})((?:\s[^<>]{0,500})?/?)>")
_VOID = frozenset({"img", "wbr", "input"})


class PlainText(TextFormat):
    suffixes = (".txt", ".text")
    position = 1

    def read(self, flow: Flow, text: str, target_language: str | None) -> None:
        read_text(flow, text)


def read_text(flow: Flow, text: str, *, has_tags: bool = False) -> None:
    """Hands plain text to ``flow``; lines, indents, columns and list markers stay.

    Args:
        has_tags: ``<b>`` and the like are marks, while everything else is plain text: ``&amp;`` is five
            characters.
    """
    read_part = read_tagged if has_tags else Flow.text
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
        read_part(flow, part[marker.end() :] if marker else part)


def read_tagged(flow: Flow, text: str) -> None:
    """Adds text to the open paragraph, with tags as marks; those of blocks and line breaks end it."""
    start = 0
    for match in _TAG.finditer(text):
        flow.text(text[start : match.start()])
        is_end, name, rest = match.groups()
        name = name.lower()
        if name in BLOCKS:
            flow.copy(match.group())
        elif name in _VOID or rest.endswith("/"):
            flow.mark(Mark([match.group()]))
        else:
            flow.mark(Mark([match.group()], "close" if is_end else "open", name))
        start = match.end()
    flow.text(text[start:])
