"""``/v1/stream``: a long text, sentence by sentence, as server-sent events."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from fastapi.responses import StreamingResponse
from pydantic import BeforeValidator, Field, ValidationInfo

from crosslate.server.answers import Refusal, invalid, without_texts
from crosslate.server.description import takes
from crosslate.server.requests import Call, NotEmpty, checked_texts, reads
from crosslate.server.routes.translate import TranslateFields
from crosslate.server.translation import Job

log = logging.getLogger(__name__)

router = APIRouter()

_HEADERS = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}


def _one_text(given: Any, info: ValidationInfo) -> Any:
    if isinstance(given, list) and given:
        raise invalid("q parameter is a list; a stream is of one text")
    return checked_texts(given, info)


class StreamFields(TranslateFields):
    """A request for one translation."""

    q: Annotated[NotEmpty, BeforeValidator(_one_text), Field(description="The text.")]


@router.post(
    "/v1/stream",
    response_class=StreamingResponse,
    **takes(StreamFields, {200: {"description": "The events.", "content": {"text/event-stream": {}}}}),
)
async def stream(
    call: Annotated[Call[StreamFields], Depends(reads(StreamFields, "/translate"))],
) -> StreamingResponse:
    """Translate a text sentence by sentence, as server-sent events.

    ``start`` holds ``source`` and ``target`` (and ``detectedLanguage``); ``sentence``, for each in order,
    ``index``, ``source`` and ``translation``; ``end`` the whole ``translatedText``; or ``error``, an error.
    """
    fields, translations = call.fields, call.service.translations
    (source,), guesses = await translations.sources(call.snapshot, [fields.q], fields.source, fields.target)
    job = Job(fields.q, call.snapshot.direction(source, fields.target), fields.format)
    start: dict[str, Any] = {"source": source, "target": fields.target}
    if guesses:
        start["detectedLanguage"] = guesses[0].model_dump()
    events = _events(call, job, start)
    return StreamingResponse(events, media_type="text/event-stream", headers=_HEADERS)


async def _events(call: Call[StreamFields], job: Job, start: dict[str, Any]) -> AsyncGenerator[str, None]:
    yield _event("start", start)
    seconds = call.service.settings.limits.request_seconds
    deadline = time.monotonic() + seconds
    try:
        async with aclosing(call.service.translations.stream(job)) as found:
            while event := await asyncio.wait_for(anext(found, None), max(0.0, deadline - time.monotonic())):
                yield _event(*event)
    except asyncio.TimeoutError:
        message = f"The translation took longer than {seconds:g} s and was stopped"
        yield _event("error", {"error": message})
    except Refusal as refusal:
        yield _event("error", {"error": refusal.message})
    except Exception as error:  # the answer has begun, so it is too late for a status
        log.error("a stream failed: %s", without_texts(error))
        yield _event("error", {"error": "The server failed; its log says where"})


def _event(name: str, values: dict[str, Any]) -> str:
    return f"event: {name}\ndata: {json.dumps(values, ensure_ascii=False)}\n\n"
