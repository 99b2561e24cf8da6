"""Electronic books (.epub): the XHTML pages and tables of contents that their package lists."""

from __future__ import annotations

import html
import posixpath
from urllib.parse import unquote

from crosslate.documents.archives import Archive
from crosslate.documents.tags import tokens
from crosslate.errors import InputError
from crosslate.languages.codes import is_same_language

_CONTAINER = "META-INF/container.xml"
_ENCRYPTION = "META-INF/encryption.xml"
_PAGES = frozenset({"application/xhtml+xml", "application/x-dtbncx+xml", "text/html"})


def book_package(archive: Archive) -> str:
    """The member that says what the book consists of.

    Raises:
        InputError: there is none.
    """
    if _CONTAINER in archive.names:
        for token in tokens(_text(archive, _CONTAINER), is_xml=True):
            path = token.attribute("full-path")
            if _local(token.name) == "rootfile" and path and html.unescape(path) in archive.names:
                return html.unescape(path)
    raise InputError(f"it is no whole epub file: {_CONTAINER} names no package that is there; save it again")


def book_pages(archive: Archive, package: str) -> list[str]:
    """The members that hold text, in the order of the package.

    Raises:
        InputError: one of them is encrypted.
    """
    folder = posixpath.dirname(package)
    pages = []
    for token in tokens(_text(archive, package), is_xml=True):
        if (
            token.kind != "start"
            or _local(token.name) != "item"
            or token.attribute("media-type") not in _PAGES
        ):
            continue
        path = unquote(html.unescape(token.attribute("href") or ""))
        name = posixpath.normpath(posixpath.join(folder, path))
        if name in archive.names and name not in pages:
            pages.append(name)
    locked = set(_encrypted(archive)) & set(pages)
    if locked:
        raise InputError(
            f"{min(locked)} in the epub file is encrypted; only books without protection are read"
        )
    return pages


def package_in_language(package: str, language: str, target_language: str) -> str:
    """A package that says that the book is in another language."""
    result = []
    is_language = False
    for token in tokens(package, is_xml=True):
        is_ours = is_language and token.kind == "text" and is_same_language(token.raw.strip(), language)
        result.append(target_language if is_ours else token.raw)
        is_language = token.kind == "start" and _local(token.name) == "language"
    return "".join(result)


def _encrypted(archive: Archive) -> list[str]:
    if _ENCRYPTION not in archive.names:
        return []
    found = tokens(_text(archive, _ENCRYPTION), is_xml=True)
    return [unquote(html.unescape(token.attribute("URI") or "")) for token in found]


def _text(archive: Archive, name: str) -> str:
    return archive.read(name).decode("utf-8-sig", "replace")


def _local(name: str) -> str:
    return name.rpartition(":")[2]
