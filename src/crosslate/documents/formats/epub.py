"""Electronic books: the XHTML pages and tables of contents that their package lists."""

from __future__ import annotations

import html
import posixpath
from collections.abc import Iterator, Mapping
from urllib.parse import unquote

from crosslate.documents.archives import Archive
from crosslate.documents.document import ArchiveFormat, Read
from crosslate.documents.flow import Flow
from crosslate.documents.formats.html import read_html
from crosslate.documents.markup import Token, read_references, tokens
from crosslate.errors import InputError
from crosslate.languages.codes import is_same_language

_CONTAINER = "META-INF/container.xml"
_ENCRYPTION = "META-INF/encryption.xml"
_CONTENTS = "application/x-dtbncx+xml"
_PAGES = frozenset({"application/xhtml+xml", "text/html", _CONTENTS})


class Epub(ArchiveFormat):
    suffixes = (".epub",)
    position = 6
    is_well_formed = False  # pages need only be what a browser reads

    def readers(self, archive: Archive) -> Mapping[str, Read]:
        package = _package(archive)
        readers: dict[str, Read] = {
            name: _read_contents if kind == _CONTENTS else self.read
            for name, kind in _pages(archive, package).items()
        }
        return readers | {package: _read_package}

    def read(self, flow: Flow, text: str, target_language: str | None) -> None:
        read_html(flow, text, target_language, is_xml=True)


def _package(archive: Archive) -> str:
    """The member that lists the parts of the book."""
    for token in _tokens(archive, _CONTAINER):
        path = html.unescape(token.attribute("full-path") or "")
        if token.local_name == "rootfile" and path in archive.names:
            return path
    raise InputError(f"it is no whole epub file: {_CONTAINER} names no package that is there; save it again")


def _pages(archive: Archive, package: str) -> dict[str, str]:
    """The members that hold text with their media types, in the order of the package.

    Raises:
        InputError: one of them is encrypted, or none is there.
    """
    folder = posixpath.dirname(package)
    pages: dict[str, str] = {}
    for token in _tokens(archive, package):
        is_item = token.kind == "start" and token.local_name == "item"
        kind = token.attribute("media-type") or ""
        if is_item and kind in _PAGES:
            name = posixpath.normpath(posixpath.join(folder, _path(token, "href")))
            if name in archive.names:
                pages.setdefault(name, kind)
    if not pages:
        raise InputError(f"it is no whole epub file: {package} lists no page that is there; save it again")
    encrypted = {_path(token, "URI") for token in _tokens(archive, _ENCRYPTION)}
    if locked := encrypted.intersection(pages):
        raise InputError(
            f"{min(locked)} in the epub file is encrypted; only books without protection are read"
        )
    return pages


def _read_package(flow: Flow, text: str, target_language: str | None) -> None:
    """Copies the package, with the language that the book will be in."""
    is_language = False
    for token in tokens(text, is_xml=True):
        is_ours = is_language and token.kind == "text" and is_same_language(token.raw.strip(), flow.language)
        flow.copy(target_language if is_ours and target_language else token.raw)
        is_language = token.kind == "start" and token.local_name == "language"


def _read_contents(flow: Flow, text: str, target_language: str | None) -> None:
    """A table of contents in the older notation, where every tag ends a text."""
    for token in tokens(text, is_xml=True):
        if token.kind == "text":
            read_references(flow, token.raw, is_xml=True)
        else:
            flow.copy(token.raw)


def _path(token: Token, attribute: str) -> str:
    return unquote(html.unescape(token.attribute(attribute) or ""))


def _tokens(archive: Archive, name: str) -> Iterator[Token]:
    """The tokens of a member; none where it is missing."""
    if name in archive.names:
        yield from tokens(archive.read(name).decode("utf-8-sig", "replace"), is_xml=True)
