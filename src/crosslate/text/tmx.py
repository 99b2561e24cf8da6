"""Translation Memory eXchange (TMX 1.1 to 1.4b), read as a stream in bounded memory.

Source: https://www.gala-global.org/tmx-14b (elements tu, tuv, seg and the inline elements).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from xml.parsers import expat

from crosslate.errors import InputError
from crosslate.text.xml import parse_xml

CODE_ELEMENTS = frozenset({"bpt", "ept", "it", "ph", "ut"})
"""What stands inside these is formatting code of the translated document ("\\\\b", "<br>"), not text."""


@dataclass
class Variant:
    """The text of a unit in one language. Places are bytes from the start of the document.

    Attributes:
        language: its ``xml:lang`` or ``lang``, as spelt; empty without one.
        start: place of its start tag.
        end: place of its end tag.
        segment: places of the start tag and the end tag of its ``seg``; equal for ``<seg/>``.
        text: of the segment, also inside highlighting (``hi``), but without formatting codes.
    """

    language: str
    start: int
    end: int = 0
    segment: tuple[int, int] = (0, 0)
    text: str = ""


Unit = list[Variant]
"""The variants of a ``tu`` that have a segment."""


def read_units(
    blocks: Iterable[bytes],
    name: str,
    encoding: str | None = None,
    *,
    keeps_undefined_entities: bool = False,
) -> Iterator[Unit]:
    """The units of a document, one by one.

    Args:
        blocks: the bytes of the document.
        name: of the file, for messages.
        encoding: of the bytes; None is what the document declares.
        keeps_undefined_entities: pass over the entities that an external DTD may define; their text is
            missing from :attr:`Variant.text`.

    Raises:
        InputError: see :func:`crosslate.text.xml.parse_xml`.
    """

    def refuse(entity: str, is_parameter: bool) -> None:
        if not is_parameter:
            raise InputError(
                f"{name}, line {parser.CurrentLineNumber}: uses the entity &{entity}; which is not defined; "
                "write the character itself"
            )

    parser = expat.ParserCreate(encoding)
    units = _Units(parser)
    if not keeps_undefined_entities:
        parser.SkippedEntityHandler = refuse
    for _ in parse_xml(parser, blocks, name):
        yield from units.complete
        units.complete.clear()


class _Units:
    """Collects units from the events of the parser."""

    def __init__(self, parser: expat.XMLParserType) -> None:
        self.complete: list[Unit] = []
        self._unit: Unit = []
        self._parts: list[str] | None = None  # of the open segment
        self._segment_start = 0
        self._code_depth = 0
        self._parser = parser
        parser.buffer_text = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        if name in CODE_ELEMENTS:
            self._code_depth += 1
        elif name == "tu":
            self._unit = []
        elif name == "tuv":
            language = attributes.get("xml:lang", attributes.get("lang", ""))
            self._unit.append(Variant(language, self._parser.CurrentByteIndex))
        elif name == "seg":
            self._parts, self._segment_start = [], self._parser.CurrentByteIndex

    def _text(self, data: str) -> None:
        if self._parts is not None and not self._code_depth:
            self._parts.append(data)

    def _end(self, name: str) -> None:
        if name in CODE_ELEMENTS:
            self._code_depth -= 1
        elif name == "seg" and self._unit:
            self._unit[-1].segment = self._segment_start, self._parser.CurrentByteIndex
            self._unit[-1].text = "".join(self._parts or ())
            self._parts = None
        elif name == "tuv" and self._unit:
            self._unit[-1].end = self._parser.CurrentByteIndex
        elif name == "tu":
            self.complete.append([each for each in self._unit if each.segment[1]])
