"""``/v1/scores``: how sure a model is of a translation."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends

from crosslate.server.answers import Answer, Refusal, check_length
from crosslate.server.description import takes
from crosslate.server.insight import MOST_CHARACTERS
from crosslate.server.requests import Call, reads
from crosslate.server.routes.insight import LinksFields
from crosslate.server.scores import SentenceScore
from crosslate.server.translation import Job

router = APIRouter(prefix="/v1")


class Scores(Answer):
    """The sentences of a translation. Those that are too long for the model are left out."""

    sentences: list[SentenceScore]


@router.post("/scores", **takes(LinksFields))
async def scores(call: Annotated[Call[LinksFields], Depends(reads(LinksFields))]) -> Scores:
    """Tell how sure the model is of a translation, sentence by sentence and word by word."""
    fields = call.fields
    check_length(len(fields.q), call.limits.characters)
    check_length(max(len(fields.q), len(fields.translation)), MOST_CHARACTERS)
    direction = call.snapshot.preferring(fields.packs).direction(fields.source, fields.target)
    if direction is None or direction.legs:
        pair = f"{fields.source} to {fields.target}"
        raise Refusal(400, f"No single model translates {pair}, so there are no scores")
    work = call.service.translations.scores([Job(fields.q, direction)], [fields.translation])
    (found,) = await call.within_time(work)
    return Scores(sentences=found)
