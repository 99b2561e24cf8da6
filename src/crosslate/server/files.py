"""Whole files: uploaded, translated in their format, kept for a while."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from crosslate.server import contract
from crosslate.server.refusals import Refusal
from crosslate.server.texts import Document, TextFormat, read_text

if TYPE_CHECKING:
    from crosslate.server.service import Service

# What the formats without a reader of their own are read as.
_TEXT_FORMATS: dict[str, TextFormat] = {".txt": "text", ".html": "html"}
FILE_ENDINGS = tuple(_TEXT_FORMATS)


@dataclass(frozen=True)
class Upload:
    """An uploaded file: its name as the client gave it, and its bytes."""

    name: str
    data: bytes

    @property
    def ending(self) -> str:
        """With the dot, in lower case."""
        return PurePath(self.name).suffix.lower()


async def read_upload(fields: contract.Fields) -> Upload:
    """The file of a multipart form.

    Raises:
        Refusal: there is none, or it is in a format that is not read.
    """
    file: Any = fields.values.get("file")
    if file is None or not hasattr(file, "filename"):
        raise Refusal(400, "Invalid request: missing file parameter")
    if not file.filename:
        raise Refusal(400, "Invalid request: empty file")
    upload = Upload(file.filename, await file.read())
    if upload.ending not in FILE_ENDINGS:
        raise Refusal(400, "Invalid request: file format not supported")
    return upload


async def translate_file(service: Service, fields: contract.Fields, file: Upload) -> str:
    """Translates a file and keeps the translation; returns the name that it is kept under.

    Raises:
        Refusal: languages as for ``/translate``, or a file that cannot be read.
    """
    snapshot = service.snapshot()
    given_source, given_target = fields.needed("source"), fields.needed("target")
    target = contract.served_code(given_target, snapshot)
    source = contract.AUTO
    if contract.normalised(given_source) != contract.AUTO:
        source = contract.served_code(given_source, snapshot)
    text = _decoded(file)
    (source,), _ = await service.sources(snapshot, [text], source, target)
    direction = contract.check_pair(snapshot, source, target)
    if direction is None:
        return await _kept(service, file, target, lambda: file.data)
    format = _TEXT_FORMATS[file.ending]
    document: Document = await service.translation.in_thread(lambda: read_text(text, format, source))
    ranked = await service.translation.translate_segments(
        [(direction, segment) for segment in document.segments]
    )
    return await _kept(
        service, file, target, lambda: document.rebuild([ranks[0] for ranks in ranked]).encode("utf-8")
    )


async def _kept(service: Service, file: Upload, target: str, make: Callable[[], bytes]) -> str:
    return await service.translation.in_thread(lambda: service.downloads.save(make(), file.name, target))


def _decoded(file: Upload) -> str:
    """The text of a file: UTF-8, or UTF-16 where it says so."""
    is_wide = file.data.startswith((b"\xff\xfe", b"\xfe\xff"))
    try:
        return file.data.decode("utf-16" if is_wide else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise Refusal(
            400, f"Invalid request: the file is not UTF-8 (byte {error.start}); save it as UTF-8"
        ) from None
