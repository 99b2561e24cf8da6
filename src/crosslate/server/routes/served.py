"""``/frontend/settings``, ``/v1/packs``, ``/metrics`` and ``/languages``: what a server offers."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import PlainTextResponse
from pydantic import Field

import crosslate
from crosslate.documents import all_formats
from crosslate.languages.codes import public_code, public_name
from crosslate.packs.ways import WayScore
from crosslate.server.answers import Answer, Refusal
from crosslate.server.catalogue import InstalledPack, Snapshot
from crosslate.server.description import refusals
from crosslate.server.live_models import ResidentModel
from crosslate.server.requests import Serving, needs
from crosslate.server.translation import AUTO

router = APIRouter()

_FRONTEND_MILLISECONDS = 500


class Settings(Answer):
    """Settings for pages and apps; a limit of -1 is none."""

    api_keys: bool
    char_limit: int
    files_translation: bool
    frontend_timeout: int
    key_required: bool
    suggestions: bool
    supported_files_format: list[str]
    language: dict[str, dict[str, str]] = Field(description="By source and target, code and name.")


@router.get("/frontend/settings", responses=refusals(503))
async def frontend_settings(service: Serving) -> Settings:
    """Tell pages and apps what this server offers."""
    settings, snapshot = service.settings, service.snapshot()
    target = next((target for _, target in snapshot.directions), "en")
    return Settings(
        api_keys=settings.keys is not None,
        char_limit=settings.limits.characters,
        files_translation=settings.files,
        frontend_timeout=_FRONTEND_MILLISECONDS,
        key_required=settings.require_key,
        suggestions=False,
        supported_files_format=[suffix for each in all_formats() for suffix in each.suffixes],
        language={
            "source": {"code": AUTO, "name": "Auto Detect"},
            "target": {"code": target, "name": public_name(target)},
        },
    )


class ServedDirection(Answer):
    """A pair of languages, and the packs that translate it."""

    source: str
    target: str
    kind: str
    packs: list[str]
    label: str = Field(description="The packs as they are put together; `parent` for the parent itself.")
    scores: dict[str, dict[str, Any]] = Field(
        description="Recorded scores by which this way was taken, of all compared ways by their labels; "
        "empty where none are comparable."
    )


class Packs(Answer):
    """What a server offers, and with what."""

    version: str
    engine: str
    parent: str = Field(description="Id on a hub, or the name of its folder.")
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
        parent=_public_parent(settings.parent),
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
                label=direction.label,
                scores={label: _score(score) for label, score in direction.scores.items()},
            )
            for (source, target), direction in snapshot.directions.items()
        ],
        refused=[*snapshot.refused],
        resident=service.backend.residents(),
    )


def _score(score: WayScore) -> dict[str, Any]:
    values = score.to_values()
    return {name: values[name] for name in ("metric", "value", "interval", "signature", "test_sha256")}


def _public_parent(parent: str) -> str:
    """A parent's hub id; of a folder the name alone, since its place is nobody's business."""
    folder = Path(parent)
    return folder.resolve().name if folder.is_dir() else parent


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
        "source": pack.direction.source,
        "target": pack.direction.target,
        "renewed": manifest.renewed,
        "strategy": manifest.strategy,
        "bytes": sum(each.bytes for each in manifest.files.values()),
        "parameters": parameters if isinstance(parameters, dict) else {},
        "scores": [score.to_values() for score in manifest.scores],
        "data": manifest.data,
        "licence": manifest.licence,
        "created": manifest.created,
    }


@router.get(
    "/metrics",
    response_class=PlainTextResponse,
    responses=refusals(401, 404),
    dependencies=[needs("metrics", 404, "Not Found")],
)
async def metrics(request: Request, service: Serving) -> PlainTextResponse:
    """Give numbers to Prometheus."""
    wanted = service.settings.metrics_token
    given = request.headers.get("authorization", "")
    if wanted and not secrets.compare_digest(given.encode(), f"Bearer {wanted}".encode()):
        raise Refusal(401, "Unauthorized")
    return PlainTextResponse(service.metrics.text(), media_type="text/plain; version=0.0.4")


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
