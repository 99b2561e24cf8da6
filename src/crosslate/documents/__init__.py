"""Documents of many formats as sentences to translate, and back with everything else as it was."""

from __future__ import annotations

from pathlib import PurePath
from typing import TYPE_CHECKING

from crosslate.errors import UsageError
from crosslate.registry import Registry

if TYPE_CHECKING:
    from crosslate.documents.document import Document, Format, TextDocument

FORMATS: Registry[Format] = Registry(
    "crosslate.documents.formats", "crosslate.documents.document:Format", "format of documents"
)


def all_formats() -> list[Format]:
    """All formats, the commonest first."""
    return sorted((each() for each in FORMATS), key=lambda each: each.position)


def format_of(file_name: str) -> Format:
    """The format of a file by the ending of its name."""
    suffix = PurePath(file_name).suffix.lower()
    for each in all_formats():
        if suffix in each.suffixes:
            return each
    raise UsageError(
        f"{file_name}: cannot tell the kind of document by its ending {suffix!r}; known endings: "
        + " ".join(known for each in all_formats() for known in each.suffixes)
    )


def open_document(data: bytes, format_: str, language: str, target_language: str | None = None) -> Document:
    """Opens a document of any format.

    Args:
        format_: its name; :func:`format_of` tells it from the name of a file.
        language: code of the text's language, for the ends of sentences and older encodings.
        target_language: code of the language to translate to, for formats that name their language or
            hold several.

    Raises:
        UsageError: unknown format.
        InputError: the data is damaged, unsafe or not of that format.
    """
    return FORMATS[format_]().open(data, language, target_language)


def open_text(text: str, format_: str, language: str, target_language: str | None = None) -> TextDocument:
    """Opens a text in memory, of a format that is one text; see :func:`open_document`."""
    from crosslate.documents.document import TextFormat
    from crosslate.documents.encodings import Decoded

    found = FORMATS[format_]()
    if not isinstance(found, TextFormat):
        raise UsageError(f"{format_} documents are archives, expected a format of text; open their bytes")
    return found.opened(Decoded(text, "utf-8"), language, target_language)
