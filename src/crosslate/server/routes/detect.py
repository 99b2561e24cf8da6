"""``/detect``: the language of a text."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends

from crosslate.server.description import takes
from crosslate.server.detection import Detection
from crosslate.server.requests import ApiKey, Call, Fields, Texts, reads

router = APIRouter()


class DetectFields(Fields):
    """A text; of a list, all texts together."""

    q: Texts
    api_key: ApiKey = None


@router.post("/detect", **takes(DetectFields))
async def detect(call: Annotated[Call[DetectFields], Depends(reads(DetectFields))]) -> list[Detection]:
    """Tell the language of a text."""
    q = call.fields.q
    text = "\n".join(q) if isinstance(q, list) else q
    (guesses,) = await call.service.translations.detect(call.snapshot, [text])
    return guesses
