"""``/translate_file`` and ``/download_file``: whole files in their formats, kept for a while."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Depends, Request
from fastapi.responses import FileResponse
from pydantic import Field, WithJsonSchema
from starlette.datastructures import UploadFile

from crosslate.documents import format_of
from crosslate.errors import UsageError
from crosslate.server.answers import Answer, Refusal, invalid, missing
from crosslate.server.description import refusals, takes
from crosslate.server.requests import (
    ApiKey,
    Call,
    Fields,
    Preferred,
    Serving,
    Source,
    Target,
    address,
    needs,
    reads,
)
from crosslate.server.settings import Limits
from crosslate.server.terms import Terms, check_one_model
from crosslate.server.texts import file_sample
from crosslate.server.translation import AUTO, Usage, as_pairs

router = APIRouter()

# So many sentences tell a file's language; until it is known, they end as in this one.
_SAMPLE_SEGMENTS, _ANY_LANGUAGE = 100, "en"
# Of the work that a file is, in characters: an archive may hold more than its size says.
_LEAST_SIZE = 10_000


class FileFields(Fields):
    """A file in a multipart form."""

    file: Annotated[
        Any, WithJsonSchema({"type": "string", "format": "binary"}), Field(description="The file.")
    ]
    source: Source
    target: Target
    packs: Preferred
    glossary: Terms = None
    api_key: ApiKey = None

    @classmethod
    def cost(cls, values: Mapping[str, Any], limits: Limits) -> int:
        """A file counts as many requests as texts of the longest size would."""
        file = values.get("file")
        if not isinstance(file, UploadFile):
            raise missing("file")
        if not file.filename:
            raise invalid("empty file")
        try:
            format_of(file.filename)
        except UsageError:
            raise invalid("file format not supported") from None
        return max(1, (file.size or 0) // limits.characters) if limits.characters > 0 else 1


class FileTranslation(Answer):
    """Where the translated file can be fetched; ``missed_terms`` as in a :class:`Translation`."""

    translated_file_url: str
    missed_terms: list[list[str]] | None = None


@router.post(
    "/translate_file",
    response_model_exclude_unset=True,
    dependencies=[needs("files", 403, "Files translation are disabled on this server.")],
    **takes(FileFields, is_upload=True),
)
async def translate_file(call: Annotated[Call[FileFields], Depends(reads(FileFields))]) -> FileTranslation:
    """Translate a file in its format; the translation can be fetched for half an hour."""
    usage = Usage()
    name = await call.within_time(_translated(call, usage))
    url = str(call.request.url_for("download_file", name=quote(name)))
    missed = {"missed_terms": as_pairs(usage.missed_terms)} if usage.missed_terms else {}
    return FileTranslation(translated_file_url=url, **missed)


async def _translated(call: Call[FileFields], usage: Usage) -> str:
    """The name of the translated file."""
    fields, translations, downloads = call.fields, call.service.translations, call.service.downloads
    name, data = fields.file.filename, await fields.file.read()
    source, target = fields.source, fields.target
    size = max(_LEAST_SIZE, len(data))
    if source == AUTO:
        arguments = name, data, _ANY_LANGUAGE, target, _SAMPLE_SEGMENTS
        sample = await translations.beside(file_sample, *arguments, size=size)
        (source,), _ = await translations.sources(call.snapshot, [sample], source, target)
    direction = call.snapshot.preferring(fields.packs).direction(source, target)
    check_one_model(fields.glossary, direction)
    if direction is None:
        await translations.beside(
            file_sample, name, data, source, target, 0, size=size
        )  # it must be readable
    else:
        data = await translations.translate_file(name, data, direction, size, usage, fields.glossary)
    return await asyncio.to_thread(downloads.save, data, name, target)


@router.get(
    "/download_file/{name}",
    response_class=FileResponse,
    responses=refusals(404, 429) | {200: {"content": {"application/octet-stream": {}}}},
)
async def download_file(name: str, request: Request, service: Serving) -> FileResponse:
    """Fetch a translated file."""
    service.admission.limit_rate(address(request), "/download_file")
    path = service.downloads.find(name)
    if path is None:
        raise Refusal(404, "No such file; translated files are kept for half an hour")
    # Without the random part, which is for the address alone.
    return FileResponse(path, filename=name.partition(".")[2], media_type="application/octet-stream")
