"""``/suggest``: part of the API that clients know, and always refused."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Request
from pydantic import Field

from crosslate.server.answers import Refusal
from crosslate.server.description import refusals, takes
from crosslate.server.requests import Fields, Serving, Text, address

router = APIRouter()


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
