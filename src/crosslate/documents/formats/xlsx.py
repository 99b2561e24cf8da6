"""Spreadsheets: the texts of cells, comments and boxes.

Source: ECMA-376-1, 18.4 (shared strings), 18.5.1.3 (columns of tables), 22.9.2.19 (escaped characters).
"""

from __future__ import annotations

import html
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import chain

from crosslate.documents.archives import Archive
from crosslate.documents.document import ArchiveFormat, Read
from crosslate.documents.flow import Filling, Flow, Piece, fill
from crosslate.documents.markup import Token, escaped, namespace_prefix, tokens
from crosslate.documents.runs import BREAK, RunNames, RunReader, read_drawing

_NAMESPACES = (
    "http://schemas.openxmlformats.org/spreadsheetml/2006/main",
    "http://purl.oclc.org/ooxml/spreadsheetml/main",
)
_DRAWING = re.compile(r"xl/drawings/drawing\d*\.xml")
_NAMED = re.compile(r"xl/(?:tables/[^/]+|pivotCache/pivotCacheDefinition\d*)\.xml")
_ESCAPE = re.compile(r"_x([0-9A-Fa-f]{4})_")
# Lines of a cell, also where line ends are escaped.
_BREAKS = re.compile(rf"((?:{BREAK}|_x000[9aAdD]_)+)")


class Spreadsheet(ArchiveFormat):
    suffixes = (".xlsx",)
    position = 5
    parts = re.compile(
        r"xl/(?:sharedStrings|worksheets/[^/]+|comments\d*|comments/[^/]+|drawings/drawing\d*)\.xml"
    )

    def readers(self, archive: Archive) -> Mapping[str, Read]:
        named = [
            archive.read(name).decode("utf-8", "replace") for name in archive.names if _NAMED.fullmatch(name)
        ]
        read = partial(_read, kept=frozenset(chain.from_iterable(map(_column_names, named))))
        return {name: read_drawing if _DRAWING.fullmatch(name) else read for name in super().readers(archive)}

    def read(self, flow: Flow, text: str, target_language: str | None) -> None:
        _read(flow, text, target_language, frozenset())


def _read(flow: Flow, text: str, _: str | None, kept: Collection[str]) -> None:
    """Hands strings to ``flow``; those that are names of columns stay."""
    prefix = namespace_prefix(text, _NAMESPACES, "x")
    inner = flow.nested(lambda plain: escaped(_ESCAPE.sub(r"_x005F\g<0>", plain)))
    strings = {f"{prefix}si", f"{prefix}is"}
    names = RunNames(
        paragraphs=frozenset({*strings, f"{prefix}text"}),
        text=f"{prefix}t",
        skipped=frozenset({f"{prefix}rPh"}),
        breaks=_BREAKS,
    )
    reader = RunReader(inner, names)
    for part in _parts(text, strings):
        if part[-1].name not in strings:
            reader.read(part)
        elif _text(part) in kept:
            inner.copy(*(token.raw for token in part))
        elif any(token.local_name == "rPh" for token in part):
            held = inner.nested()
            RunReader(held, names).read(part)
            raw = "".join(token.raw for token in part)
            inner.copy(partial(_with_readings_of_its_own, raw, held.finish()))
        else:
            reader.read(part)
    flow.copy(*inner.finish())


def _parts(text: str, strings: Collection[str]) -> Iterator[list[Token]]:
    """The tokens of each string, and those between them."""
    part: list[Token] = []
    for token in tokens(text, is_xml=True):
        is_string = token.name in strings and not token.is_empty
        if is_string and token.kind == "start" and part:
            yield part
            part = []
        part.append(token)
        if is_string and token.kind == "end":
            yield part
            part = []
    if part:
        yield part


def _with_readings_of_its_own(raw: str, pieces: Sequence[Piece], filling: Filling) -> str:
    """A string without its readings if it changes, since they count its characters."""
    made = fill(pieces, filling)
    return made if made == raw else "".join(each.raw for each in _without_readings(tokens(made, is_xml=True)))


def _without_readings(string: Iterable[Token]) -> Iterator[Token]:
    is_reading = False
    for token in string:
        is_tag = token.local_name == "rPh" and not token.is_empty
        if is_tag:
            is_reading = token.kind == "start"
        if not is_tag and not is_reading:
            yield token


def _text(string: Iterable[Token]) -> str:
    """What a cell shows."""
    found, is_text = "", False
    for token in _without_readings(string):
        if token.local_name == "t":
            is_text = token.kind == "start" and not token.is_empty
        elif token.kind == "text" and is_text:
            found += token.raw
    return _plain(found)


def _column_names(text: str) -> list[str]:
    """The names that a table or a pivot table has for its columns, which must be those in the cells."""
    found = [each for each in tokens(text, is_xml=True) if each.local_name in ("tableColumn", "cacheField")]
    return [_plain(each.attribute("name") or "") for each in found]


def _plain(raw: str) -> str:
    return _ESCAPE.sub(lambda match: chr(int(match[1], 16)), html.unescape(raw))
