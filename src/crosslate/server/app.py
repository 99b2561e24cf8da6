"""The application: routes, what surrounds them, and how errors are answered."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request
from fastapi.middleware.cors import CORSMiddleware
from fastapi.responses import Response
from starlette.exceptions import HTTPException

import crosslate
from crosslate.server.answers import Refusal, refuser
from crosslate.server.middleware import RequestMiddleware
from crosslate.server.routes import routes
from crosslate.server.service import Service


def create_app(service: Service) -> FastAPI:
    """The whole application; the service is stopped when it ends."""

    @asynccontextmanager
    async def life(_: FastAPI) -> AsyncIterator[None]:
        yield
        await asyncio.to_thread(service.stop)

    app = FastAPI(
        title="Crosslate",
        description="Machine translation with one parent and many packs.",
        version=crosslate.__version__,
        lifespan=life,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
    )
    app.state.service = service
    # Not by include_router, which takes half a millisecond more of every request.
    app.router.routes.extend(routes())
    app.exception_handler(Refusal)(_refused)
    app.exception_handler(HTTPException)(_not_found)
    app.add_middleware(RequestMiddleware, service=service, routes=routes())
    app.add_middleware(
        CORSMiddleware,
        allow_origins=["*"],
        allow_methods=["GET", "POST"],
        # Tools that watch a page add headers of their own to its requests.
        allow_headers=["*"],
        expose_headers=["Authorization", "Retry-After"],
        max_age=1728000,
    )
    return app


async def _refused(request: Request, error: Refusal) -> Response:
    return refuser(request.scope)(error)


async def _not_found(request: Request, error: HTTPException) -> Response:
    """Other paths and other methods; OPTIONS names the methods of a path, and of an unknown one, all."""
    headers = dict(error.headers or {})
    if request.method == "OPTIONS":
        methods = headers.get("Allow", "GET, POST").replace("GET", "GET, HEAD")
        return Response(headers={"Allow": f"{methods}, OPTIONS"})
    return refuser(request.scope)(Refusal(error.status_code, error.detail), headers)
