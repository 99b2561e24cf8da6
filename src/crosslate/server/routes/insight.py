"""``/v1/links``, ``/v1/neighbours`` and ``/v1/map``: what is read out of the models."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import Field

from crosslate.server.answers import Refusal, check_length
from crosslate.server.description import takes
from crosslate.server.insight import (
    MOST_CHARACTERS,
    MOST_WORD_CHARACTERS,
    Links,
    Neighbours,
    WordMap,
    find_space,
)
from crosslate.server.requests import ApiKey, Call, Code, Fields, OptionalText, Preferred, Text, needs, reads

router = APIRouter(
    prefix="/v1", dependencies=[needs("insight", 403, "Looking into models is disabled on this server.")]
)

_Side = Annotated[
    OptionalText,
    Field(
        description="source or target; else the first that the pack has.",
        json_schema_extra={"enum": ["source", "target", "", None]},
    ),
]


class LinksFields(Fields):
    """A text and its translation."""

    q: Annotated[Text, Field(description="The text.")]
    translation: Annotated[Text, Field(description="Its translation.")]
    source: Annotated[Code, Field(description="Code of the text's language.")]
    target: Annotated[Code, Field(description="Code of the translation's language.")]
    packs: Preferred
    api_key: ApiKey = None


class NeighboursFields(Fields):
    """A word of a pack, or of the parent."""

    q: Annotated[Text, Field(description="The word; it must be one piece of the vocabulary.")]
    pack: Annotated[
        OptionalText, Field(description="Name of the pack whose words are looked at; empty for the parent.")
    ] = None
    side: _Side = None
    api_key: ApiKey = None


class MapFields(Fields):
    """A pack."""

    pack: Annotated[Text, Field(description="Name of the pack whose words are looked at.")]
    side: _Side = None
    api_key: ApiKey = None


@router.post("/links", **takes(LinksFields))
async def links(call: Annotated[Call[LinksFields], Depends(reads(LinksFields))]) -> Links:
    """Tell which words of a translation belong to which words of its text."""
    fields, insight = call.fields, call.service.insight
    check_length(len(fields.q), call.limits.characters)
    check_length(max(len(fields.q), len(fields.translation)), MOST_CHARACTERS)
    direction = call.snapshot.preferring(fields.packs).direction(fields.source, fields.target)
    if direction is None or direction.legs:
        pair = f"{fields.source} to {fields.target}"
        raise Refusal(400, f"No single model translates {pair}, so no words are linked")
    return await call.within_time(insight.run(insight.links, direction, fields.q, fields.translation))


@router.post("/neighbours", response_model_exclude_none=True, **takes(NeighboursFields))
async def neighbours(
    call: Annotated[Call[NeighboursFields], Depends(reads(NeighboursFields))],
) -> Neighbours:
    """Find the words nearest to a word in the other embeddings of the same side."""
    fields, insight = call.fields, call.service.insight
    word = fields.q.strip()
    check_length(len(word), MOST_WORD_CHARACTERS)
    space = find_space(call.snapshot, fields.pack or "", fields.side or "")
    return await call.within_time(insight.run(insight.neighbours, call.snapshot, space, word))


@router.post("/map", **takes(MapFields))
async def word_map(call: Annotated[Call[MapFields], Depends(reads(MapFields))]) -> WordMap:
    """Show frequent words of a pack and of the parent that are each other's nearest, on a plane."""
    insight = call.service.insight
    space = find_space(call.snapshot, call.fields.pack, call.fields.side or "")
    return await call.within_time(insight.run(insight.map, space))
