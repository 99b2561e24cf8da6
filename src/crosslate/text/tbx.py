"""TermBase eXchange: TBX 2 (``martif``) and TBX 3 (ISO 30042:2019, both styles), read as a stream.

Source: https://www.tbxinfo.net; in TBX 2 ``termEntry``, ``langSet``, ``tig`` and ``ntig``, in TBX 3
``conceptEntry``, ``langSec`` and ``termSec``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from xml.parsers import expat

from crosslate.errors import InputError
from crosslate.text.xml import parse_xml

_ROOTS = frozenset({"martif", "tbx"})
_CONCEPTS = frozenset({"termEntry", "conceptEntry"})
_LANGUAGES = frozenset({"langSet", "langSec"})
_STATUS = "administrativeStatus"
_OUTDATED = ("deprecated", "superseded")


@dataclass
class TbxTerm:
    """A term of a concept.

    Attributes:
        line: of its start tag, from 1.
        status: ``preferredTerm-admn-sts`` and the like; empty without one.
    """

    text: str
    line: int
    status: str = ""

    @property
    def is_outdated(self) -> bool:
        """Whether it must not be written any more."""
        return self.status.startswith(_OUTDATED)

    @property
    def is_preferred(self) -> bool:
        """Whether it goes before the other terms of its language."""
        return self.status.startswith("preferred")


Concept = dict[str, list[TbxTerm]]
"""The terms of one concept by ``xml:lang``, as spelt."""


def read_concepts(blocks: Iterable[bytes], name: str) -> Iterator[Concept]:
    """The concepts of a document, one by one; ``name`` is the file's, for messages.

    Raises:
        InputError: another kind of XML, or see :func:`crosslate.text.xml.parse_xml`.
    """
    parser = expat.ParserCreate()
    parser.buffer_text = True
    complete: list[Concept] = []
    concept: Concept = {}
    terms: list[TbxTerm] = []  # of the open language
    parts: list[str] | None = None  # of the open term or status
    has_root = False

    def start(element: str, attributes: dict[str, str]) -> None:
        nonlocal concept, terms, parts, has_root
        kind = element.rpartition(":")[2]
        if not has_root and kind not in _ROOTS:
            raise InputError(f"{name} is XML with the root <{element}>, expected TBX: <tbx> or <martif>")
        has_root = True
        if kind in _CONCEPTS:
            concept = {}
        elif kind in _LANGUAGES:
            terms = concept.setdefault(attributes.get("xml:lang", ""), [])
        elif kind == "term":
            terms.append(TbxTerm("", parser.CurrentLineNumber))
            parts = []
        elif _STATUS in (kind, attributes.get("type")):
            parts = []

    def end(element: str) -> None:
        nonlocal parts
        kind = element.rpartition(":")[2]
        if kind in _CONCEPTS:
            complete.append(concept)
        elif kind == "term" and terms:
            terms[-1].text, parts = "".join(parts or ()), None
        elif kind in (_STATUS, "termNote") and parts is not None:
            if terms:
                terms[-1].status = "".join(parts).strip()
            parts = None

    def text(data: str) -> None:
        if parts is not None:
            parts.append(data)

    parser.StartElementHandler, parser.EndElementHandler, parser.CharacterDataHandler = start, end, text
    for _ in parse_xml(parser, blocks, name):
        yield from complete
        complete.clear()
