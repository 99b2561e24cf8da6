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
    """The units of a document, one by one; ``name`` is the file's, for messages.

    Args:
        encoding: of the bytes; None is what the document declares.
        keeps_undefined_entities: pass over the entities that an external DTD may define; their text is
            missing from :attr:`Variant.text`.

    Raises:
        InputError: see :func:`crosslate.text.xml.parse_xml`.
    """

    parser = expat.ParserCreate(encoding)
    parser.buffer_text = True
    complete: list[Unit] = []
    unit: Unit = []
    parts: list[str] | None = None  # of the open segment
    segment_start = code_depth = 0

    def refuse(entity: str, is_parameter: bool) -> None:
        if not is_parameter:
            raise InputError(
                f"{name}, line {parser.CurrentLineNumber}: uses the entity &{entity}; which is not defined; "
                "write the character itself"
            )

    def start(element: str, attributes: dict[str, str]) -> None:
        nonlocal unit, parts, segment_start, code_depth
        if element in CODE_ELEMENTS:
            code_depth += 1
        elif element == "tu":
            unit = []
        elif element == "tuv":
            language = attributes.get("xml:lang", attributes.get("lang", ""))
            unit.append(Variant(language, parser.CurrentByteIndex))
        elif element == "seg":
            parts, segment_start = [], parser.CurrentByteIndex

    def end(element: str) -> None:
        nonlocal parts, code_depth
        if element in CODE_ELEMENTS:
            code_depth -= 1
        elif element == "seg" and unit:
            unit[-1].segment = segment_start, parser.CurrentByteIndex
            unit[-1].text, parts = "".join(parts or ()), None
        elif element == "tuv" and unit:
            unit[-1].end = parser.CurrentByteIndex
        elif element == "tu":
            complete.append([each for each in unit if each.segment[1]])

    def text(data: str) -> None:
        if parts is not None and not code_depth:
            parts.append(data)

    parser.StartElementHandler, parser.EndElementHandler, parser.CharacterDataHandler = start, end, text
    if not keeps_undefined_entities:
        parser.SkippedEntityHandler = refuse
    for _ in parse_xml(parser, blocks, name):
        yield from complete
        complete.clear()
