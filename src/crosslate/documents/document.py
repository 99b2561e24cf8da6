"""Opens a document as sentences, and makes it again with their translations."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import PurePath
from typing import Any, Protocol, overload

from crosslate.documents.archives import Archive
from crosslate.documents.books import book_package, book_pages, package_in_language
from crosslate.documents.catalogues import CHARSET, declared_charset, read_catalogue
from crosslate.documents.encodings import Decoded, decode
from crosslate.documents.items import Filling, Piece, Segment, fill
from crosslate.documents.markup import declared_encoding, escaped, read_markup
from crosslate.documents.memories import read_memory
from crosslate.documents.office import ODF_PARTS, WORD_PARTS, check_xml, read_odf, read_word
from crosslate.documents.placement import Align
from crosslate.documents.subtitles import read_subtitles
from crosslate.documents.text import read_text
from crosslate.documents.units import Flow
from crosslate.errors import InputError, UsageError, nearest


@dataclass(frozen=True)
class Kind:
    """A kind of document.

    Attributes:
        endings: of file names, with the dot; the first is the usual one.
        media_type: as sent with a download.
    """

    endings: tuple[str, ...]
    media_type: str


KINDS = {
    "text": Kind((".txt", ".text"), "text/plain"),
    "html": Kind((".html", ".htm", ".xhtml"), "text/html"),
    "srt": Kind((".srt",), "application/x-subrip"),
    "docx": Kind((".docx",), "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
    "odt": Kind((".odt", ".ott"), "application/vnd.oasis.opendocument.text"),
    "epub": Kind((".epub",), "application/epub+zip"),
    "po": Kind((".po", ".pot"), "text/x-gettext-translation"),
    "tmx": Kind((".tmx",), "application/x-tmx+xml"),
}

TEXT_KINDS = ("text", "html", "srt", "po", "tmx")


class Document(Protocol):
    """A document whose sentences can be translated.

    Attributes:
        kind: one of :data:`KINDS`.
        segments: the sentences in the order of the document; texts in the tags of a paragraph (titles of
            links) come before its sentences.
    """

    kind: str
    segments: list[Segment]

    def rebuild(self, translations: Sequence[str], align: Align | None = None) -> bytes:
        """The document with its sentences translated; a blank translation leaves its sentence as it is.

        Args:
            translations: one for each of ``segments``, plain text.
            align: says which words of a sentence its translation's words translate, so that tags and
                placeholders find their places; None goes by equal words and proportion.

        Raises:
            UsageError: not as many translations as segments.
        """
        ...


class TextDocument:
    """A document that is one text.

    Args:
        pieces: of the document.
        segments: its sentences.
        decoded: how it is written in bytes.
    """

    def __init__(self, kind: str, pieces: Sequence[Piece], segments: list[Segment], decoded: Decoded) -> None:
        self.kind, self.segments = kind, segments
        self._pieces, self._decoded = pieces, decoded

    def render(self, translations: Sequence[str], align: Align | None = None) -> str:
        """:meth:`rebuild` as text, without its byte order mark."""
        check_number(self.segments, translations)
        return fill(self._pieces, Filling(translations, align))

    def stream(self, translations: Iterable[str], align: Align | None = None) -> Iterator[str]:
        """The parts of :meth:`render` as soon as their translations come.

        Raises:
            UsageError: ``translations`` ends before the segments do.
        """
        filling = Filling(_Arriving(translations, len(self.segments)), align)
        for piece in self._pieces:
            yield fill([piece], filling)

    def rebuild(self, translations: Sequence[str], align: Align | None = None) -> bytes:
        """See :meth:`Document.rebuild`."""
        text = self.render(translations, align)
        if self.kind == "po":
            return self._decoded.encode(text, declaration=CHARSET)
        return self._decoded.encode(text, has_references=self.kind in ("html", "tmx"))


class ArchiveDocument:
    """A document that is a zip archive with texts in it.

    Args:
        members: pieces of every member that holds text, and how it is written in bytes.
        segments: the sentences of all of them.
    """

    def __init__(
        self,
        kind: str,
        archive: Archive,
        members: Mapping[str, tuple[Decoded, Sequence[Piece]]],
        segments: list[Segment],
    ) -> None:
        self.kind, self.segments = kind, segments
        self._archive, self._members = archive, members

    def rebuild(self, translations: Sequence[str], align: Align | None = None) -> bytes:
        """See :meth:`Document.rebuild`."""
        check_number(self.segments, translations)
        filling = Filling(translations, align)
        changed = {}
        for name, (decoded, pieces) in self._members.items():
            text = fill(pieces, filling)
            if text != decoded.text:
                changed[name] = decoded.encode(text, has_references=True)
        return self._archive.rewritten(changed)


def open_document(data: bytes, kind: str, language: str, target_language: str | None = None) -> Document:
    """Opens a document of any kind.

    Args:
        kind: one of :data:`KINDS`; :func:`kind_of` tells it from a file's name.
        language: code of the language of the text, for the ends of sentences and older encodings.
        target_language: code of the language that it will be in, for formats that say so themselves or hold
            several languages.

    Raises:
        UsageError: unknown kind.
        InputError: the data is damaged, unsafe or not of that kind.
    """
    if kind not in KINDS:
        raise UsageError(f"unknown kind of document {kind!r}; {nearest(kind, list(KINDS))}")
    if kind in ("docx", "odt", "epub"):
        return _open_archive(data, kind, language, target_language)
    if kind == "tmx":
        check_xml(data, "the tmx file")
    declared = {"html": declared_encoding, "tmx": declared_encoding, "po": declared_charset}.get(kind)
    decoded = decode(data, language, declared(data) if declared else None)
    return _read(decoded, kind, language, target_language)


def open_text(text: str, kind: str, language: str, target_language: str | None = None) -> TextDocument:
    """Opens a text in memory, of one of :data:`TEXT_KINDS`; see :func:`open_document`."""
    if kind not in TEXT_KINDS:
        raise UsageError(f"unknown kind of text {kind!r}; {nearest(kind, TEXT_KINDS)}")
    return _read(Decoded(text, "utf-8"), kind, language, target_language)


def _read(decoded: Decoded, kind: str, language: str, target_language: str | None) -> TextDocument:
    segments: list[Segment] = []
    flow = Flow(language, segments, escaped if kind in ("html", "tmx") else str)
    text = decoded.text
    if kind == "html":
        is_xml = text.lstrip()[:5] == "<?xml"
        read_markup(flow, text, is_xml=is_xml, target_language=target_language)
    elif kind == "srt":
        read_subtitles(flow, text)
    elif kind == "po":
        read_catalogue(flow, text, target_language)
    elif kind == "tmx":
        read_memory(flow, text, target_language)
    else:
        read_text(flow, text)
    return TextDocument(kind, flow.finish(), segments, decoded)


def _open_archive(data: bytes, kind: str, language: str, target_language: str | None) -> ArchiveDocument:
    archive = Archive(data, kind)
    segments: list[Segment] = []
    members: dict[str, tuple[Decoded, list[Piece]]] = {}

    def add(name: str, read: Callable[[Flow, str], object]) -> None:
        content = archive.read(name)
        if kind != "epub":  # whose pages need only be what a browser reads
            check_xml(content, name)
        decoded = decode(content, language, declared_encoding(content))
        flow = Flow(language, segments, escaped)
        read(flow, decoded.text)
        members[name] = decoded, flow.finish()

    if kind == "epub":
        package = book_package(archive)
        for name in book_pages(archive, package):
            add(name, partial(read_markup, is_xml=True, target_language=target_language))
        if target_language:
            text = decode(archive.read(package), language)
            members[package] = text, [package_in_language(text.text, language, target_language)]
    else:
        parts, read = (WORD_PARTS, read_word) if kind == "docx" else (ODF_PARTS, read_odf)
        names = [name for name in archive.names if parts.fullmatch(name)]
        if not names:
            raise InputError(f"it is no {kind} file: the zip archive holds none of its texts")
        for name in names:
            add(name, read)
    return ArchiveDocument(kind, archive, members, segments)


def kind_of(name: str) -> str:
    """The kind of a document by its file name.

    Raises:
        UsageError: no kind has that ending.
    """
    ending = PurePath(name).suffix.lower()
    for kind, known in KINDS.items():
        if ending in known.endings:
            return kind
    endings = [ending for known in KINDS.values() for ending in known.endings]
    raise UsageError(
        f"{name}: cannot tell the kind of document by its ending {ending!r}; known endings: "
        f"{' '.join(endings)}"
    )


def check_number(segments: Sequence[Segment], translations: Sequence[str]) -> None:
    """Refuses translations that are not as many as the segments."""
    if isinstance(translations, str) or len(translations) != len(segments):
        raise UsageError(
            f"{len(translations)} translations for {len(segments)} segments, expected one for each; "
            "translate the text of every segment, in order"
        )


class _Arriving(Sequence[str]):
    """Translations that are taken from an iterator when they are asked for."""

    def __init__(self, translations: Iterable[str], length: int) -> None:
        self._iterator = iter(translations)
        self._length = length
        self._known: list[str] = []

    def __len__(self) -> int:
        return self._length

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[str]: ...
    def __getitem__(self, index: Any) -> Any:
        while len(self._known) <= index:
            try:
                self._known.append(next(self._iterator))
            except StopIteration:
                raise UsageError(
                    f"only {len(self._known)} translations for {self._length} segments, expected one for each"
                ) from None
        return self._known[index]
