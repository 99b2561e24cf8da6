"""``/translate``: texts, or one text, with alternatives; and ``/suggest``, which is always refused."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from pydantic import BeforeValidator, Field, ValidationInfo, WithJsonSchema

from crosslate.server.answers import Answer, Refusal, invalid
from crosslate.server.description import refusals, takes
from crosslate.server.detection import Detection
from crosslate.server.requests import (
    ApiKey,
    Call,
    Fields,
    Serving,
    Source,
    Target,
    Text,
    Texts,
    address,
    call_of,
    reads,
)
from crosslate.server.settings import Limits
from crosslate.server.translation import Job, TextFormat

router = APIRouter()

_DIGITS = re.compile(r"\s*[+-]?[0-9]{1,9}\s*")


def _format(given: Any) -> TextFormat:
    if given == "text" or given == "html":
        return given
    raise Refusal(400, f"{str(given)[:40]} format is not supported")


def _count(given: Any, info: ValidationInfo) -> int:
    is_digits = isinstance(given, str) and _DIGITS.fullmatch(given)
    is_number = isinstance(given, int | float) and not isinstance(given, bool) and math.isfinite(given)
    if not (is_digits or is_number):
        raise invalid("alternatives parameter is not a number")
    count, limit = int(given), call_of(info).limits.alternatives
    if 0 <= limit < count:
        raise invalid(f"alternatives parameter must be <= {limit}")
    return max(0, count)


class TranslateFields(Fields):
    """A request for translations."""

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
    api_key: ApiKey = None

    @classmethod
    def cost(cls, values: Mapping[str, Any], limits: Limits) -> int:
        """A list counts with its length."""
        texts = values.get("q")
        return max(1, len(texts)) if isinstance(texts, list) else 1


class Translation(Answer):
    """Translations; of a list of texts, lists."""

    translated_text: str | list[str]
    detected_language: Detection | list[Detection] | None = None
    alternatives: list[str] | list[list[str]] | None = None


@router.post("/translate", response_model_exclude_unset=True, **takes(TranslateFields))
async def translate(call: Annotated[Call[TranslateFields], Depends(reads(TranslateFields))]) -> Translation:
    """Translate texts."""
    return await call.within_time(_translated(call))


async def _translated(call: Call[TranslateFields]) -> Translation:
    fields, translations = call.fields, call.service.translations
    texts = fields.q if isinstance(fields.q, list) else [fields.q]
    sources, guesses = await translations.sources(call.snapshot, texts, fields.source, fields.target)
    jobs = [
        Job(text, call.snapshot.direction(source, fields.target), fields.format)
        for text, source in zip(texts, sources, strict=True)
    ]
    ranked = await translations.translate(jobs, 0 if fields.format == "html" else fields.alternatives)
    found: dict[str, list[Any]] = {"translated_text": [best for best, *_ in ranked]}
    if guesses:
        found["detected_language"] = guesses
    if fields.alternatives:
        found["alternatives"] = [others for _, *others in ranked]
    is_list = isinstance(fields.q, list)
    return Translation(**(found if is_list else {name: values[0] for name, values in found.items()}))


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
