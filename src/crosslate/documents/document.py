"""Documents as sentences to translate and the documents again with translations, and what makes a format."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import ClassVar

from crosslate.documents.archives import Archive
from crosslate.documents.encodings import Decoded, decode
from crosslate.documents.flow import Filling, Flow, Piece, Segment, fill
from crosslate.documents.markup import declared_encoding, escaped
from crosslate.documents.placement import Align
from crosslate.errors import InputError, UsageError
from crosslate.text.xml import check_xml

HEADER_BYTES = 16_384  # in which a text declares its encoding


class Document:
    """A document whose sentences can be translated.

    Its segments are in the order of the document; texts in the tags of a paragraph (titles of links) come
    before its sentences.
    """

    def __init__(self, segments: list[Segment], write: Callable[[Filling], bytes]) -> None:
        self.segments, self._write = segments, write

    def rebuild(self, translations: Sequence[str], align: Align | None = None) -> bytes:
        """The document with its sentences translated; a blank translation leaves its sentence as it is.

        Args:
            translations: one for each of ``segments``, plain text.
            align: links the words of a sentence to those of its translation, so that tags and placeholders
                find their places; None goes by equal words and proportion.
        """
        return self._write(self._filling(translations, align))

    def _filling(self, translations: Sequence[str], align: Align | None) -> Filling:
        if isinstance(translations, str) or len(translations) != len(self.segments):
            raise UsageError(
                f"{len(translations)} translations for {len(self.segments)} segments, expected one for each; "
                "translate the text of every segment, in order"
            )
        return Filling(translations, align)


class TextDocument(Document):
    """A document that is one text."""

    def __init__(self, flow: Flow, encode: Callable[[str], bytes]) -> None:
        pieces = self._pieces = flow.finish()
        super().__init__(flow.segments, lambda filling: encode(fill(pieces, filling)))

    def render(self, translations: Sequence[str], align: Align | None = None) -> str:
        """:meth:`rebuild` as text, without its byte order mark."""
        return fill(self._pieces, self._filling(translations, align))

    def sentences(self, translations: Sequence[str], align: Align | None = None) -> list[str]:
        """Each segment as :meth:`render` writes it: translated, with its tags and placeholders."""
        written: dict[int, str] = {}
        fill(self._pieces, replace(self._filling(translations, align), written=written))
        return [written[index] for index in range(len(self.segments))]


class Format(ABC):
    """A format of documents: one class in the module of :mod:`crosslate.documents.formats` that has its name.

    Attributes:
        suffixes: of file names, with the dot; the usual one first.
        position: in lists of formats; equal ones are in the order of their names.
    """

    suffixes: ClassVar[tuple[str, ...]]
    position: ClassVar[int] = 100

    @property
    def name(self) -> str:
        """As users give it: the name of the module."""
        return type(self).__module__.rpartition(".")[2]

    @abstractmethod
    def open(self, data: bytes, language: str, target_language: str | None) -> Document:
        """See :func:`crosslate.documents.open_document`."""

    @abstractmethod
    def read(self, flow: Flow, text: str, target_language: str | None) -> None:
        """Hands a text of the document to ``flow``: what it gets is the text again when joined."""


class TextFormat(Format):
    """A format whose documents are one text.

    Attributes:
        is_markup: HTML's notation: characters can be written as ``&#…;``, and the encoding may be declared.
        declaration: finds the declared encoding as group 2, and what stands before it as group 1, in formats
            without references; a document that gets characters beyond its encoding becomes UTF-8.
    """

    is_markup: ClassVar[bool] = False
    declaration: ClassVar[re.Pattern[str] | None] = None

    def open(self, data: bytes, language: str, target_language: str | None) -> TextDocument:
        declared = declared_encoding(data) if self.is_markup else None
        if self.declaration and (match := self.declaration.search(data[:HEADER_BYTES].decode("latin-1"))):
            declared = match.group(2)
        return self.opened(decode(data, language, declared), language, target_language)

    def opened(self, decoded: Decoded, language: str, target_language: str | None) -> TextDocument:
        """The document of a text."""
        flow = Flow(language, [], escaped if self.is_markup else str)
        self.read(flow, decoded.text, target_language)
        encode = partial(decoded.encode, has_references=self.is_markup, declaration=self.declaration)
        return TextDocument(flow, encode)


Read = Callable[[Flow, str, "str | None"], None]  # as Format.read


class ArchiveFormat(Format):
    """A format whose documents are zip archives with texts in XML.

    Attributes:
        parts: names of the members that hold text.
        is_well_formed: members that are not well-formed XML are refused.
    """

    parts: ClassVar[re.Pattern[str]]
    is_well_formed: ClassVar[bool] = True

    def readers(self, archive: Archive) -> Mapping[str, Read]:
        """What reads each member that holds text, in the order of reading."""
        names = [name for name in archive.names if self.parts.fullmatch(name)]
        if not names:
            raise InputError(f"it is no {self.name} file: the zip archive holds none of its texts")
        return dict.fromkeys(names, self.read)

    def open(self, data: bytes, language: str, target_language: str | None) -> Document:
        archive = Archive(data, self.name)
        segments: list[Segment] = []
        members: dict[str, tuple[Decoded, list[Piece]]] = {}
        for name, read in self.readers(archive).items():
            content = archive.read(name)
            if self.is_well_formed:
                check_xml(content, name)
            decoded = decode(content, language, declared_encoding(content))
            flow = Flow(language, segments, escaped)
            read(flow, decoded.text, target_language)
            members[name] = decoded, flow.finish()

        def write(filling: Filling) -> bytes:
            texts = {name: fill(pieces, filling) for name, (_, pieces) in members.items()}
            changed = {
                name: decoded.encode(texts[name], has_references=True)
                for name, (decoded, _) in members.items()
                if texts[name] != decoded.text
            }
            return archive.rewritten(changed)

        return Document(segments, write)
