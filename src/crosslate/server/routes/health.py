"""``/health``: whether the server is ready."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter, Response

from crosslate.server.answers import Answer
from crosslate.server.requests import Serving

router = APIRouter()


class Health(Answer):
    """Whether the server is ready."""

    status: Literal["ok", "loading"]


@router.get("/health", responses={503: {"model": Health, "description": "It is still loading."}})
async def health(service: Serving, response: Response) -> Health:
    """Tell whether the server is ready."""
    if service.is_ready:
        return Health(status="ok")
    response.status_code = 503
    response.headers["Retry-After"] = "5"
    return Health(status="loading")
