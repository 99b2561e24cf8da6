"""``/translate`` and ``/v1/stream``: texts at once, or one as it is translated; ``/suggest``, refused."""

from __future__ import annotations

import json
import math
import re
import reprlib
from collections.abc import AsyncGenerator, Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import StreamingResponse
from pydantic import BeforeValidator, Field, ValidationInfo, WithJsonSchema

from crosslate.server.answers import Answer, Refusal, invalid
from crosslate.server.description import refusals, takes
from crosslate.server.detection import Detection
from crosslate.server.requests import (
    ApiKey,
    Call,
    Fields,
    NotEmpty,
    Preferred,
    Serving,
    Source,
    Target,
    Text,
    Texts,
    address,
    call_of,
    checked_texts,
    reads,
)
from crosslate.server.scores import SentenceScore
from crosslate.server.settings import Limits
from crosslate.server.streams import EVENT_STREAM, HEADERS, until_refused
from crosslate.server.terms import Terms, check_one_model, essential_terms
from crosslate.server.texts import TextFormat
from crosslate.server.translation import Job, Usage, as_pairs

router = APIRouter()

# Also where the server sets no limit: no beam is as wide.
_MAX_ALTERNATIVES = 1000
_DIGITS = re.compile(r"\s*[+-]?[0-9]{1,9}\s*")


def _format(given: Any) -> TextFormat:
    if given == "text" or given == "html":
        return given
    # Not by str(), which a deeply nested list is too much for.
    shown = given if isinstance(given, str) else reprlib.repr(given)
    raise Refusal(400, f"{shown[:40]} format is not supported")


def _flag(given: Any) -> bool:
    flags = {"true": True, "1": True, "false": False, "0": False}
    known = flags.get(str(given).strip().lower()) if isinstance(given, bool | str) else None
    if known is None:
        raise invalid("scores parameter is neither true nor false")
    return known


def _count(given: Any, info: ValidationInfo) -> int:
    is_digits = isinstance(given, str) and _DIGITS.fullmatch(given)
    is_whole = isinstance(given, int) and not isinstance(given, bool)
    is_number = isinstance(given, float) and math.isfinite(given)
    if not (is_digits or is_whole or is_number):
        raise invalid("alternatives parameter is not a number")
    count, limit = int(given), call_of(info).limits.alternatives
    if not 0 <= limit < _MAX_ALTERNATIVES:
        limit = _MAX_ALTERNATIVES
    if count > limit:
        raise invalid(f"alternatives parameter must be <= {limit}")
    return max(0, count)


class _TextFields(Fields):
    """What a translation is asked for with."""

    q: Texts
    source: Source
    target: Target
    format: Annotated[
        TextFormat,
        BeforeValidator(_format),
        Field(description="text or html.", json_schema_extra={"enum": ["text", "html", "", None]}),
    ] = "text"
    alternatives: Annotated[
        int,
        BeforeValidator(_count),
        WithJsonSchema({"anyOf": [{"type": kind} for kind in ("integer", "number", "string", "null")]}),
        Field(description="How many other translations to give; a negative number is none."),
    ] = 0
    packs: Preferred
    glossary: Terms = None
    api_key: ApiKey = None

    @classmethod
    def essence(cls, values: Mapping[str, Any], most: int) -> dict[str, Any]:
        """With the glossary, which is nested."""
        found = super().essence(values, most)
        return found | ({"glossary": essential_terms(values["glossary"])} if "glossary" in values else {})

    @classmethod
    def cost(cls, values: Mapping[str, Any], limits: Limits) -> int:
        """A list counts with its length."""
        texts = values.get("q")
        return max(1, len(texts)) if isinstance(texts, list) else 1


class TranslateFields(_TextFields):
    """A request for translations."""

    scores: Annotated[
        bool,
        BeforeValidator(_flag),
        WithJsonSchema({"anyOf": [{"type": kind} for kind in ("boolean", "string", "null")]}),
        Field(description="Whether to score sentences and words, which takes another pass over them."),
    ] = False


class Translation(Answer):
    """Translations; of a list of texts, lists.

    ``way`` is there if a text was translated otherwise than by one model for its pair: by a pair pack with
    its two packs, by two packs composed, or in two steps. It names them. ``scores`` are empty for HTML and
    for texts translated in two steps. ``missed_terms`` is there if translations lack terms of a glossary:
    pairs of a term and its translation.
    """

    translated_text: str | list[str]
    detected_language: Detection | list[Detection] | None = None
    alternatives: list[str] | list[list[str]] | None = None
    way: str | list[str] | None = None
    scores: list[SentenceScore] | list[list[SentenceScore]] | None = None
    missed_terms: list[list[str]] | None = None


@router.post("/translate", response_model_exclude_unset=True, **takes(TranslateFields))
async def translate(call: Annotated[Call[TranslateFields], Depends(reads(TranslateFields))]) -> Translation:
    """Translate texts."""
    return await call.within_time(_translated(call))


async def _translated(call: Call[TranslateFields]) -> Translation:
    fields, translations = call.fields, call.service.translations
    snapshot = call.snapshot.preferring(fields.packs)
    texts = fields.q if isinstance(fields.q, list) else [fields.q]
    sources, guesses = await translations.sources(snapshot, texts, fields.source, fields.target)
    jobs = [
        Job(text, snapshot.direction(source, fields.target), fields.format)
        for text, source in zip(texts, sources, strict=True)
    ]
    for job in jobs:
        check_one_model(fields.glossary, job.direction)
    usage, alternatives = Usage(), 0 if fields.format == "html" else fields.alternatives
    ranked = await translations.translate(jobs, alternatives, usage, fields.glossary)
    found: dict[str, list[Any]] = {"translated_text": [best for best, *_ in ranked]}
    if guesses:
        found["detected_language"] = guesses
    if fields.alternatives:
        found["alternatives"] = [others for _, *others in ranked]
    if fields.scores:
        found["scores"] = await translations.scores(jobs, found["translated_text"])
    ways = [job.direction.way if job.direction else "" for job in jobs]
    if any(ways):
        found["way"] = ways
    if not isinstance(fields.q, list):
        found = {name: values[0] for name, values in found.items()}
    if usage.missed_terms:
        found["missed_terms"] = as_pairs(usage.missed_terms)
    return Translation(**found)


class SuggestFields(Fields):
    """A better translation."""

    q: Text
    s: Annotated[Text, Field(description="The better translation.")]
    source: Text
    target: Text


@router.post("/suggest", status_code=403, **takes(SuggestFields) | {"responses": refusals(403, 429)})
async def suggest(request: Request, service: Serving) -> None:
    """Switched off."""
    service.admission.limit_rate(address(request), "/suggest")
    raise Refusal(403, "Suggestions are disabled on this server.")


def _one_text(given: Any, info: ValidationInfo) -> Any:
    if isinstance(given, list) and given:
        raise invalid("q parameter is a list; a stream is of one text")
    return checked_texts(given, info)


class StreamFields(_TextFields):
    """A request for one translation."""

    q: Annotated[NotEmpty, BeforeValidator(_one_text), Field(description="The text.")]


@router.post(
    "/v1/stream",
    response_class=StreamingResponse,
    **takes(StreamFields, {200: {"description": "The events.", "content": {EVENT_STREAM: {}}}}),
)
async def stream(
    call: Annotated[Call[StreamFields], Depends(reads(StreamFields, "/translate"))],
) -> StreamingResponse:
    """Translate a text sentence by sentence, as server-sent events.

    ``start`` holds ``source`` and ``target`` (and ``detectedLanguage``, and ``way`` as in ``/translate``);
    ``sentence``, for each in order, ``index``, ``source`` and ``translation`` (and its ``alternatives``);
    ``end`` the whole ``translatedText`` (and with alternatives all ``sentences`` as they stand in it, and
    ``missedTerms`` as in ``/translate``); or ``error``, an ``error`` with the ``status`` (and ``retryAfter``,
    seconds) that an answer would have had.
    """
    fields, translations = call.fields, call.service.translations
    (source,), guesses = await translations.sources(call.snapshot, [fields.q], fields.source, fields.target)
    snapshot = call.snapshot.preferring(fields.packs)
    job = Job(fields.q, snapshot.direction(source, fields.target), fields.format)
    check_one_model(fields.glossary, job.direction)
    start: dict[str, Any] = {"source": source, "target": fields.target}
    if guesses:
        start["detectedLanguage"] = guesses[0].model_dump()
    if job.direction and job.direction.way:
        start["way"] = job.direction.way
    events = _events(call, job, start)
    return StreamingResponse(events, media_type=EVENT_STREAM, headers=HEADERS)


async def _events(call: Call[StreamFields], job: Job, start: dict[str, Any]) -> AsyncGenerator[str, None]:
    yield _event("start", start)
    alternatives = 0 if job.format == "html" else call.fields.alternatives
    found = call.service.translations.stream(job, alternatives, call.fields.glossary)
    async for event in until_refused(found, call.service.settings.limits.request_seconds):
        yield _refused(event) if isinstance(event, Refusal) else _event(*event)


def _refused(refusal: Refusal) -> str:
    """The event in place of the answer that would have had the status, if it had not begun."""
    after = refusal.headers.get("Retry-After")
    values = {"error": refusal.message, "status": refusal.status}
    return _event("error", values | ({"retryAfter": int(after)} if after else {}))


def _event(name: str, values: dict[str, Any]) -> str:
    return f"event: {name}\ndata: {json.dumps(values, ensure_ascii=False)}\n\n"
