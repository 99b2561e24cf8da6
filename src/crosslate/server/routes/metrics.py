"""``/metrics``: numbers for Prometheus."""

from __future__ import annotations

import secrets

from fastapi import APIRouter, Request
from fastapi.responses import PlainTextResponse

from crosslate.server.answers import Refusal
from crosslate.server.description import refusals
from crosslate.server.requests import Serving

router = APIRouter()


@router.get("/metrics", response_class=PlainTextResponse, responses=refusals(401, 404))
async def metrics(request: Request, service: Serving) -> PlainTextResponse:
    """Give numbers to Prometheus."""
    if not service.settings.metrics:
        raise Refusal(404, "Not Found")
    wanted = service.settings.metrics_token
    given = request.headers.get("authorization", "")
    if wanted and not secrets.compare_digest(given.encode(), f"Bearer {wanted}".encode()):
        raise Refusal(401, "Unauthorized")
    return PlainTextResponse(service.metrics.text(), media_type="text/plain; version=0.0.4")
