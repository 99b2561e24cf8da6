"""``/languages``: what can be translated into what."""

from __future__ import annotations

from fastapi import APIRouter

from crosslate.languages.codes import public_name
from crosslate.server.answers import Answer
from crosslate.server.catalogue import Snapshot
from crosslate.server.description import refusals
from crosslate.server.requests import Serving

router = APIRouter()


class Language(Answer):
    """A language with its targets.

    ``zeroShot`` and ``pivot`` are those targets that no model was trained for: composed of two packs, or
    through a third language.
    """

    code: str
    name: str
    targets: list[str]
    zero_shot: list[str]
    pivot: list[str]


@router.get("/languages", responses=refusals(503))
async def languages(service: Serving) -> list[Language]:
    """List the languages with their targets."""
    snapshot = service.snapshot()
    found = [_language(snapshot, code) for code in snapshot.languages]
    return sorted(found, key=lambda each: (each.name, each.code))


def _language(snapshot: Snapshot, code: str) -> Language:
    kinds = {target: each.kind for (source, target), each in snapshot.directions.items() if source == code}
    return Language(
        code=code,
        name=public_name(code),
        targets=sorted({code, *kinds}),
        zero_shot=[target for target, kind in kinds.items() if kind == "zero-shot"],
        pivot=[target for target, kind in kinds.items() if kind == "pivot"],
    )
