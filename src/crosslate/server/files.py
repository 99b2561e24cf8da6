"""Whole files: uploaded, translated in their format, kept for a while."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from crosslate.documents import all_formats, format_of
from crosslate.documents.document import Document, Format
from crosslate.errors import InputError, UsageError
from crosslate.server import contract
from crosslate.server.refusals import Refusal

if TYPE_CHECKING:
    from crosslate.server.service import Service

FILE_ENDINGS = tuple(suffix for each in all_formats() for suffix in each.suffixes)
# So many sentences tell a file's language.
_SAMPLE_SEGMENTS = 100
_ANY_LANGUAGE = "en"


@dataclass(frozen=True)
class Upload:
    """An uploaded file: its name as the client gave it, its format, and its bytes."""

    name: str
    format: Format
    data: bytes


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
    try:
        format_ = format_of(file.filename)
    except UsageError:
        raise Refusal(400, "Invalid request: file format not supported") from None
    return Upload(file.filename, format_, await file.read())


async def translate_file(service: Service, fields: contract.Fields, file: Upload) -> str:
    """Translates a file and keeps the translation; returns the name that it is kept under.

    Raises:
        Refusal: languages as for ``/translate``, or a file that cannot be read.
    """
    snapshot, translation = service.snapshot(), service.translation
    given_source, given_target = fields.needed("source"), fields.needed("target")
    target = contract.served_code(given_target, snapshot)
    source = contract.AUTO
    if contract.normalised(given_source) != contract.AUTO:
        source = contract.served_code(given_source, snapshot)
    else:
        some = await translation.in_thread(lambda: _opened(file, _ANY_LANGUAGE, target))
        sample = "\n".join(segment.text for segment in some.segments[:_SAMPLE_SEGMENTS])
        (source,), _ = await service.sources(snapshot, [sample], source, target)
    direction = contract.check_pair(snapshot, source, target)
    document = await translation.in_thread(lambda: _opened(file, source, target))
    if direction is None:
        return await translation.in_thread(lambda: service.downloads.save(file.data, file.name, target))
    ranked = await translation.translate_segments(
        [(direction, segment.text) for segment in document.segments]
    )
    return await translation.in_thread(
        lambda: service.downloads.save(document.rebuild([best for best, *_ in ranked]), file.name, target)
    )


def _opened(file: Upload, source: str, target: str) -> Document:
    try:
        return file.format.open(file.data, source, target)
    except InputError as error:
        raise Refusal(400, f"Invalid request: the file cannot be read: {error}") from None
