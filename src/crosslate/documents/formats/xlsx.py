"""Spreadsheets: the texts of cells, comments and boxes.

Source: ECMA-376-1, 18.4 (shared strings), 18.5.1.3 (columns of tables), 22.9.2.19 (escaped characters).
"""

from __future__ import annotations

import html
import re
from collections.abc import Collection, Mapping, Sequence
from functools import partial
from itertools import chain

from crosslate.documents.archives import Archive
from crosslate.documents.document import ArchiveFormat, Read
from crosslate.documents.flow import Filling, Flow, Piece, fill
from crosslate.documents.markup import escaped, namespace_prefix, tokens
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
    names = RunNames(
        paragraphs=frozenset(f"{prefix}{name}" for name in ("si", "is", "text")),
        text=f"{prefix}t",
        skipped=frozenset({f"{prefix}rPh"}),
        breaks=_BREAKS,
    )
    reader = RunReader(inner, names)
    readings = re.compile(rf"<{prefix}rPh(?:\s[^>]*)?>.*?</{prefix}rPh>", re.DOTALL)
    string = re.compile(rf"(<{prefix}(si|is)(?:\s[^>]*)?>.*?</{prefix}\2>)", re.DOTALL)
    done = 0
    for match in string.finditer(text):
        reader.read(text[done : match.start()])
        raw, done = match.group(), match.end()
        if _text(raw) in kept:
            inner.copy(raw)
        elif readings.search(raw):
            held = inner.nested()
            RunReader(held, names).read(raw)
            inner.copy(partial(_with_readings_of_its_own, raw, held.finish(), readings))
        else:
            reader.read(raw)
    reader.read(text[done:])
    flow.copy(*inner.finish())


def _with_readings_of_its_own(
    raw: str, pieces: Sequence[Piece], readings: re.Pattern[str], filling: Filling
) -> str:
    """A string without its readings if it changes, since they count its characters."""
    made = fill(pieces, filling)
    return made if made == raw else readings.sub("", made)


def _text(string: str) -> str:
    """What a cell shows, without the readings of its words."""
    found, inside = "", ""
    for token in tokens(string, is_xml=True):
        if token.local_name in ("t", "rPh"):
            # The text in a reading never counts, up to its end.
            is_over = token.kind == "end" and (inside != "rPh" or token.local_name == "rPh")
            inside = "" if is_over else inside or token.local_name
        elif token.kind == "text" and inside == "t":
            found += token.raw
    return _plain(found)


def _column_names(text: str) -> list[str]:
    """The names that a table or a pivot table has for its columns, which must be those in the cells."""
    found = [each for each in tokens(text, is_xml=True) if each.local_name in ("tableColumn", "cacheField")]
    return [_plain(each.attribute("name") or "") for each in found]


def _plain(raw: str) -> str:
    return _ESCAPE.sub(lambda match: chr(int(match[1], 16)), html.unescape(raw))
