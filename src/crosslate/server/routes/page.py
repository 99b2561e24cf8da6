"""``/``, ``/static`` and ``/service-worker.js``: the page for people, which can be installed like an app."""

from __future__ import annotations

import functools
import hashlib
import json
from pathlib import Path

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse, Response
from fastapi.staticfiles import StaticFiles

from crosslate.server.requests import needs

PAGE = Path(__file__).parent.parent / "page"
_FILES = StaticFiles(directory=PAGE)
_WORKER = "service-worker.js"
# Asked for again every time, so that no old module meets a new page; an unchanged one is a 304.
_FRESH = {"Cache-Control": "no-cache"}
HEADERS = _FRESH | {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' data:; connect-src 'self'; font-src 'self'; manifest-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
}


router = APIRouter(include_in_schema=False, dependencies=[needs("page", 404, "Not Found")])


@router.get("/")
async def index() -> FileResponse:
    """The page."""
    return FileResponse(PAGE / "index.html", headers=HEADERS)


@router.get("/service-worker.js")
async def service_worker() -> Response:
    """What opens the page without a network; it governs nothing above its own address."""
    return Response(_service_worker(), headers=_FRESH, media_type="text/javascript")


@functools.cache
def _service_worker() -> str:
    """The program, with the files that it keeps and a version that changes with any of them."""
    files = sorted(path for path in PAGE.iterdir() if path.name not in ("index.html", _WORKER))
    digest = hashlib.sha256()
    for path in (PAGE / _WORKER, PAGE / "index.html", *files):
        digest.update(path.read_bytes())
    kept = ["./", *(f"static/{path.name}" for path in files)]
    head = f'const VERSION = "{digest.hexdigest()[:16]}";\nconst FILES = {json.dumps(kept)};\n'
    return head + (PAGE / _WORKER).read_text(encoding="utf-8")


@router.get("/static/{path:path}")
async def static(path: str, request: Request) -> Response:
    """The modules and styles of the page."""
    response = await _FILES.get_response(path, request.scope)
    response.headers.update(_FRESH)
    return response
