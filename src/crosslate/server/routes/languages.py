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
    def targets(kind: str) -> list[str]:
        return [
            target
            for (source, target), direction in snapshot.directions.items()
            if source == code and direction.kind == kind
        ]

    return Language(
        code=code,
        name=public_name(code),
        targets=[*snapshot.targets(code)],
        zero_shot=targets("zero-shot"),
        pivot=targets("pivot"),
    )
