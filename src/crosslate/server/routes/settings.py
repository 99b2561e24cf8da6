"""``/frontend/settings``: what pages and apps need to know."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import Field

from crosslate.documents import all_formats
from crosslate.languages.codes import public_name
from crosslate.server.answers import Answer
from crosslate.server.description import refusals
from crosslate.server.requests import Serving
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
    served = snapshot.languages
    target = next((pair[1] for pair in snapshot.directions), served[0] if served else "en")
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
