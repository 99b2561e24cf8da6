"""``/openapi.json``, ``/spec`` and ``/docs``: the API described."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse

from crosslate.server.description import docs_page, openapi, swagger

router = APIRouter()

_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}


@router.get("/openapi.json")
async def openapi_document(request: Request) -> JSONResponse:
    """Describe the API as OpenAPI 3.1."""
    return JSONResponse(openapi(request.app))


@router.get("/spec")
async def spec(request: Request) -> JSONResponse:
    """Describe the API as Swagger 2.0."""
    return JSONResponse(swagger(openapi(request.app)))


@router.get("/docs", include_in_schema=False)
async def to_docs(request: Request) -> RedirectResponse:
    """Where the page is."""
    return RedirectResponse(f"{request.scope['root_path']}/docs/", status_code=308)


@router.get("/docs/", include_in_schema=False)
async def docs(request: Request) -> HTMLResponse:
    """The API as a page."""
    return HTMLResponse(docs_page(openapi(request.app)), headers=_HEADERS)
