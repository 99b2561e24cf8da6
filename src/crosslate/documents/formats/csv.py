"""Tables of texts with a column for each language: empty cells of the target language get a translation.

Source: https://www.rfc-editor.org/rfc/rfc4180, with any of the three usual separators.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import partial
from typing import NamedTuple

from crosslate.documents.document import TextFormat
from crosslate.documents.flow import Filling, Flow, Piece, fill
from crosslate.documents.formats.text import read_text
from crosslate.errors import InputError, UsageError
from crosslate.languages.codes import match_pair

_LINE_END = re.compile(r"\r\n?|\n|\Z")


class Csv(TextFormat):
    suffixes = (".csv", ".tsv")
    position = 9

    def read(self, flow: Flow, text: str, target_language: str | None) -> None:
        if target_language is None:
            raise UsageError("a csv file holds several languages: say which one it is translated to")
        separator = _separator(text)
        rows = _rows(text, separator)
        names = [cell.text.strip() for cell in next(rows, [])]
        source, target = _columns(names, (flow.language, target_language))
        done = 0
        for row in rows:
            if len(row) <= source or not row[source].text.strip():
                continue
            if len(row) > target and row[target].text.strip():
                continue
            inner = flow.nested()
            read_text(inner, row[source].text)
            place = row[min(target, len(row) - 1)]
            missing = separator * max(target + 1 - len(row), 0)
            start, end = (place.end, place.end) if missing else (place.start, place.end)
            spell = partial(_spelt, inner.finish(), row[source].is_quoted or place.is_quoted, separator)
            flow.copy(text[done:start], missing, spell)
            done = end
        flow.copy(text[done:])


class _Cell(NamedTuple):
    """A cell, where it stands with its quotes, and what it means."""

    start: int
    end: int
    text: str
    is_quoted: bool


def _separator(text: str) -> str:
    header = text[: _end_of_line(text)]
    return max("\t;,", key=lambda sign: (header.count(sign), sign == ","))


def _end_of_line(text: str, start: int = 0) -> int:
    match = _LINE_END.search(text, start)
    return match.start() if match else len(text)


def _rows(text: str, separator: str) -> Iterator[list[_Cell]]:
    """The rows of a table; InputError where a quote is not closed, which in tables with tabs is text."""
    quoted = re.compile(rf'"((?:[^"]|"")*)"(?={separator}|[\r\n]|\Z)')
    plain = re.compile(rf"[^{separator}\r\n]*")
    position = 0
    row: list[_Cell] = []
    while position < len(text) or row:
        cell = quoted.match(text, position)
        if cell is None and text.startswith('"', position) and separator != "\t":
            line = len(_LINE_END.findall(text, 0, position))
            cell_start = text[position : position + 40]
            raise InputError(
                f"line {line} has a cell with a quote that is not closed: {cell_start!r}; correct it"
            )
        found = cell or plain.match(text, position)
        start, position = position, found.end() if found else position
        raw = text[start:position]
        row.append(_Cell(start, position, cell[1].replace('""', '"') if cell else raw, cell is not None))
        if text.startswith(separator, position):
            position += 1
            continue
        yield row
        row = []
        line_end = _LINE_END.match(text, position)
        position = line_end.end() if line_end else position


def _columns(names: Sequence[str], languages: tuple[str, str]) -> tuple[int, int]:
    """The places of both languages in the first row."""
    source, target = match_pair(languages, names)
    if source is None or target is None or source == target:
        roles = [name.lower() for name in names]
        if "source" in roles and "target" in roles:
            return roles.index("source"), roles.index("target")
        raise InputError(
            f"its first line names the columns {', '.join(map(repr, names[:20])) or '(none)'}; expected "
            f"{languages[0]!r} and {languages[1]!r} among them; name columns by their languages, or save a "
            "table of another kind as an xlsx file"
        )
    return names.index(source), names.index(target)


def _spelt(pieces: Sequence[Piece], is_quoted: bool, separator: str, filling: Filling) -> str:
    """A cell, in quotes where these stood or are needed."""
    text = fill(pieces, filling)
    signs = "\t\r\n" if separator == "\t" else f'{separator}"\r\n'
    if is_quoted or text.startswith('"') or any(sign in text for sign in signs):
        return '"' + text.replace('"', '""') + '"'
    return text
