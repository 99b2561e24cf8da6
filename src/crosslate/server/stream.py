"""``/v1/stream``: a long text, sentence by sentence, as server-sent events."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from fastapi.responses import StreamingResponse

from crosslate.server import contract
from crosslate.server.refusals import Refusal, without_texts
from crosslate.server.translation import Job, Sentence

if TYPE_CHECKING:
    from fastapi import Request

    from crosslate.server.service import Service
    from crosslate.server.settings import Limits

log = logging.getLogger(__name__)

_HEADERS = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}


async def stream_events(
    service: Service, request: Request, fields: contract.Fields, limits: Limits
) -> StreamingResponse:
    """Answers with events: ``start``, a ``sentence`` for each in order, then ``end`` or ``error``.

    ``start`` holds ``source`` and ``target`` (and ``detectedLanguage``), ``sentence`` holds ``index``,
    ``source`` and ``translation``, ``end`` the whole ``translatedText``, ``error`` an ``error``.

    Raises:
        Refusal: as for ``/translate``; also where ``q`` is a list.
    """
    snapshot = service.snapshot()
    wanted = contract.check_translate(fields, snapshot, limits)
    if wanted.is_batch:
        raise Refusal(400, "Invalid request: q parameter is a list; a stream is of one text")
    (source,), detected = await service.sources(snapshot, wanted.texts, wanted.source, wanted.target)
    direction = contract.check_pair(snapshot, source, wanted.target)
    job = Job(wanted.texts[0], direction, wanted.format)
    begin: dict[str, Any] = {"source": source, "target": wanted.target}
    if detected:
        begin["detectedLanguage"] = detected[0].to_values()
    events = _events(service, job, begin, limits.request_seconds)
    return StreamingResponse(events, media_type="text/event-stream", headers=_HEADERS)


async def _events(
    service: Service, job: Job, begin: dict[str, Any], seconds: float
) -> AsyncGenerator[str, None]:
    yield _event("start", begin)
    deadline = time.monotonic() + seconds
    try:
        async with aclosing(service.translation.stream(job)) as stream:
            while True:
                left = max(0.0, deadline - time.monotonic())
                try:
                    found = await asyncio.wait_for(anext(stream), left)
                except StopAsyncIteration:
                    return
                if isinstance(found, Sentence):
                    yield _event("sentence", vars(found))
                else:
                    yield _event("end", {"translatedText": found})
    except asyncio.TimeoutError:
        yield _event("error", {"error": f"The translation took longer than {seconds:g} s and was stopped"})
    except Refusal as refusal:
        yield _event("error", {"error": refusal.message})
    except Exception as error:  # the answer has begun, so it is too late for a status
        log.error("a stream failed: %s", without_texts(error))
        yield _event("error", {"error": "The server failed; its log says where"})


def _event(name: str, values: dict[str, Any]) -> str:
    return f"event: {name}\ndata: {json.dumps(values, ensure_ascii=False)}\n\n"
