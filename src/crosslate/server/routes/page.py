"""``/`` and ``/static``: the page for people."""

from __future__ import annotations

from pathlib import Path

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse, Response
from fastapi.staticfiles import StaticFiles

from crosslate.server.requests import needs

PAGE = Path(__file__).parent.parent / "page"
_FILES = StaticFiles(directory=PAGE)
# Asked for again every time, so that no old module meets a new page; an unchanged one is a 304.
_FRESH = {"Cache-Control": "no-cache"}
HEADERS = _FRESH | {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' data:; connect-src 'self'; font-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
}


router = APIRouter(include_in_schema=False, dependencies=[needs("page", 404, "Not Found")])


@router.get("/")
async def index() -> FileResponse:
    """The page."""
    return FileResponse(PAGE / "index.html", headers=HEADERS)


@router.get("/static/{path:path}")
async def static(path: str, request: Request) -> Response:
    """The modules and styles of the page."""
    response = await _FILES.get_response(path, request.scope)
    response.headers.update(_FRESH)
    return response
