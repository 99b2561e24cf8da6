"""``/v1/packs``: what is installed, what translates each pair, and what is in memory."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from pydantic import Field

import crosslate
from crosslate.languages.codes import public_code
from crosslate.server.answers import Answer
from crosslate.server.catalogue import InstalledPack, Snapshot
from crosslate.server.description import refusals
from crosslate.server.requests import Serving

router = APIRouter()


class ServedDirection(Answer):
    """A pair of languages, and the packs that translate it."""

    source: str
    target: str
    kind: str
    packs: list[str]


class ResidentModel(Answer):
    """Something that takes memory."""

    name: str
    bytes: int


class Packs(Answer):
    """What a server offers, and with what."""

    version: str
    engine: str
    parent: str
    parent_languages: list[str] = Field(description="Source and target; empty where nothing names them.")
    insight: bool
    alternatives_limit: int
    packs: list[dict[str, Any]] = Field(description="What their manifests say of them.")
    directions: list[ServedDirection]
    refused: list[str] = Field(description="Names of folders that are not served; the log has the reasons.")
    resident: list[ResidentModel]


@router.get("/v1/packs", responses=refusals(503))
async def packs(service: Serving) -> Packs:
    """Tell what is installed, and what is in memory."""
    snapshot, settings = service.snapshot(), service.settings
    return Packs(
        version=crosslate.__version__,
        engine=service.backend.name,
        parent=settings.parent,
        parent_languages=_parent_languages(snapshot),
        insight=settings.insight,
        alternatives_limit=settings.limits.alternatives,
        packs=[_pack(pack) for pack in snapshot.packs],
        directions=[
            ServedDirection(
                source=source,
                target=target,
                kind=direction.kind,
                packs=[pack.name for each in direction.models for pack in each.packs],
            )
            for (source, target), direction in snapshot.directions.items()
        ],
        refused=[*snapshot.refused],
        resident=[ResidentModel(name=one.name, bytes=one.num_bytes) for one in service.backend.residents()],
    )


def _parent_languages(snapshot: Snapshot) -> list[str]:
    for pack in snapshot.packs:
        named = pack.manifest.parent
        return [public_code(named.source_language), public_code(named.target_language)]
    return [code for pair, each in snapshot.directions.items() if each.kind == "parent" for code in pair]


def _pack(pack: InstalledPack) -> dict[str, Any]:
    manifest = pack.manifest
    parameters = manifest.training.get("parameters")
    return {
        "name": pack.name,
        "title": manifest.name,
        "source": manifest.source_language,
        "target": manifest.target_language,
        "renewed": manifest.renewed,
        "strategy": manifest.strategy,
        "bytes": pack.num_bytes,
        "parameters": parameters if isinstance(parameters, dict) else {},
        "scores": [score.to_values() for score in manifest.scores],
        "data": manifest.data,
        "licence": manifest.licence,
        "created": manifest.created,
    }
