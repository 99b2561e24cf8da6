"""The HTTP routes."""

from __future__ import annotations

import asyncio
import json
import logging
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

from fastapi import FastAPI, Request
from fastapi.responses import FileResponse, HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.exceptions import HTTPException

import crosslate
from crosslate.errors import CrosslateError
from crosslate.languages.codes import public_name
from crosslate.server import contract
from crosslate.server.edge import Edge
from crosslate.server.files import FILE_ENDINGS, read_upload, translate_file
from crosslate.server.insight import MOST_CHARACTERS, MOST_WORD_CHARACTERS
from crosslate.server.metrics import exposition
from crosslate.server.overview import language_list, overview
from crosslate.server.refusals import Refusal, without_texts
from crosslate.server.service import Service
from crosslate.server.settings import Limits
from crosslate.server.spaces import find_space
from crosslate.server.specification import docs_page, openapi, swagger
from crosslate.server.stream import stream_events

log = logging.getLogger(__name__)

T = TypeVar("T")
Handler = Callable[..., Awaitable[Response]]
PAGE = Path(__file__).parent / "page"
_POLL_SECONDS = 0.5
_FRONTEND_MILLISECONDS = 500
_OTHER_GETS = ("/", "/static", "/download_file")


def create_app(service: Service, *, loads: bool = True) -> Edge:
    """The whole application.

    Args:
        loads: load parent and packs when the application starts; False where the caller has done so.
    """
    settings = service.settings

    @asynccontextmanager
    async def life(_: FastAPI) -> AsyncIterator[None]:
        if loads:
            service.start()
        yield
        await asyncio.to_thread(service.stop)

    app = FastAPI(
        title="Crosslate",
        version=crosslate.__version__,
        lifespan=life,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
    )
    app.state.service = service
    app.add_exception_handler(Refusal, _refused)
    app.add_exception_handler(HTTPException, _not_found)
    app.add_exception_handler(CrosslateError, _failed)
    for path, handler in _GETS.items():
        app.add_api_route(path, handler, methods=["GET"])
    for path, handler in _POSTS.items():
        app.add_api_route(path, handler, methods=["POST"])
    if settings.page:
        _serve_page(app)
    return Edge(
        app,
        service.metrics,
        methods=dict.fromkeys([*_GETS, *_OTHER_GETS], "GET") | dict.fromkeys(_POSTS, "POST"),
        body_bytes=settings.limits.body_bytes,
        file_bytes=settings.limits.file_bytes,
        url_prefix=settings.url_prefix,
        trust_forwarded_for=settings.trust_forwarded_for,
    )


def _serve_page(app: FastAPI) -> None:
    from starlette.staticfiles import StaticFiles

    class PageFiles(StaticFiles):
        """Asked for again every time, so that no old module meets a new page; an unchanged one is a 304."""

        def file_response(self, *arguments: Any, **options: Any) -> Response:
            response = super().file_response(*arguments, **options)
            response.headers["Cache-Control"] = "no-cache"
            return response

    app.mount("/static", PageFiles(directory=PAGE), name="static")

    async def index() -> Response:
        return FileResponse(PAGE / "index.html", headers=_PAGE_HEADERS)

    app.add_api_route("/", index, methods=["GET"])


_PAGE_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' data:; connect-src 'self'; font-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}


def _service(request: Request) -> Service:
    service: Service = request.app.state.service
    return service


def _address(request: Request) -> str:
    return request.client.host if request.client else "unknown"


def _one(fields: contract.Fields) -> int:
    return 1


async def _admitted(
    request: Request, endpoint: str, cost: Callable[[contract.Fields], int] = _one
) -> tuple[contract.Fields, Limits]:
    """The fields of a request, and the limits of whoever sent it.

    Args:
        endpoint: whose rate is counted.
        cost: how many requests it counts as.

    Raises:
        Refusal: the request cannot be read, its key is unknown, or there were too many.
    """
    fields = await contract.read_fields(request)
    key = fields.text("api_key")
    return fields, _service(request).admit(key, _address(request), endpoint, cost(fields))


async def translate(request: Request) -> Response:
    service = _service(request)
    fields, limits = await _admitted(request, "/translate", _cost)
    snapshot = service.snapshot()
    wanted = contract.check_translate(fields, snapshot, limits)

    async def work() -> dict[str, Any]:
        sources, detected = await service.sources(snapshot, wanted.texts, wanted.source, wanted.target)
        best, others = await service.translate(
            snapshot,
            wanted.texts,
            sources,
            wanted.target,
            format=wanted.format,
            alternatives=wanted.alternatives,
        )
        answer: dict[str, Any] = {"translatedText": best if wanted.is_batch else best[0]}
        if detected:
            values = [guess.to_values() for guess in detected]
            answer["detectedLanguage"] = values if wanted.is_batch else values[0]
        if wanted.alternatives:
            answer["alternatives"] = others if wanted.is_batch else others[0]
        return answer

    return JSONResponse(await guarded(request, work()))


async def detect(request: Request) -> Response:
    service = _service(request)
    fields, limits = await _admitted(request, "/detect")
    texts, _ = contract.check_texts(fields, limits)
    (found,) = await service.detect(["\n".join(texts)])
    return JSONResponse([guess.to_values() for guess in found])


async def languages(request: Request) -> Response:
    return JSONResponse(language_list(_service(request).snapshot()))


async def frontend_settings(request: Request) -> Response:
    service = _service(request)
    settings, snapshot = service.settings, service.snapshot()
    served = snapshot.languages
    target = next((pair[1] for pair in snapshot.directions), served[0] if served else "en")
    return JSONResponse(
        {
            "apiKeys": service.has_keys,
            "charLimit": settings.limits.characters,
            "filesTranslation": settings.files,
            "frontendTimeout": _FRONTEND_MILLISECONDS,
            "keyRequired": settings.require_key,
            "suggestions": False,
            "supportedFilesFormat": list(FILE_ENDINGS),
            "language": {
                "source": {"code": contract.AUTO, "name": "Auto Detect"},
                "target": {"code": target, "name": public_name(target)},
            },
        }
    )


async def health(request: Request) -> Response:
    if not _service(request).is_ready:
        return JSONResponse({"status": "loading"}, status_code=503, headers={"Retry-After": "5"})
    return JSONResponse({"status": "ok"})


async def spec(request: Request) -> Response:
    return JSONResponse(swagger(_service(request).settings))


async def openapi_document(request: Request) -> Response:
    return JSONResponse(openapi(_service(request).settings))


async def docs(request: Request) -> Response:
    return HTMLResponse(docs_page(_service(request).settings), headers=_PAGE_HEADERS | {
        "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'"
    })  # fmt: skip


async def to_docs(request: Request) -> Response:
    return RedirectResponse(f"{request.scope.get('root_path', '')}/docs/", status_code=308)


async def suggest(request: Request) -> Response:
    _service(request).limit_rate(_address(request), "/suggest")
    raise Refusal(403, "Suggestions are disabled on this server.")


async def metrics(request: Request) -> Response:
    service = _service(request)
    if not service.settings.metrics:
        raise Refusal(404, "Not Found")
    wanted = service.settings.metrics_token
    given = request.headers.get("authorization", "")
    if wanted and not secrets.compare_digest(given.encode(), f"Bearer {wanted}".encode()):
        raise Refusal(401, "Unauthorized")
    return Response(exposition(service.collect()), media_type="text/plain; version=0.0.4")


async def upload(request: Request) -> Response:
    service = _service(request)
    if not service.settings.files:
        raise Refusal(403, "Files translation are disabled on this server.")
    fields = await contract.read_fields(request)
    file = await read_upload(fields)
    limit = service.settings.limits.characters
    cost = max(1, len(file.data) // limit) if limit > 0 else 1
    service.admit(fields.text("api_key"), _address(request), "/translate_file", cost)
    name = await guarded(request, translate_file(service, fields, file))
    base = str(request.base_url).rstrip("/")
    return JSONResponse({"translatedFileUrl": f"{base}/download_file/{quote(name)}"})


async def download(request: Request, name: str) -> Response:
    service = _service(request)
    service.limit_rate(_address(request), "/download_file")
    path = service.downloads.find(name)
    if path is None:
        raise Refusal(404, "No such file; translated files are kept for half an hour")
    return FileResponse(path, filename=name, media_type="application/octet-stream")


async def stream(request: Request) -> Response:
    service = _service(request)
    fields, limits = await _admitted(request, "/translate")
    return await stream_events(service, request, fields, limits)


async def packs(request: Request) -> Response:
    return JSONResponse(overview(_service(request)))


async def links(request: Request) -> Response:
    service = _service(request)
    fields, limits = await _admitted(request, "/v1/links")
    snapshot, insight = service.snapshot(), service.insight
    text, translation = fields.needed("q"), fields.needed("translation")
    source, target = (contract.served_code(fields.needed(name), snapshot) for name in ("source", "target"))
    contract.check_length(len(text), limits.characters)
    contract.check_length(max(len(text), len(translation)), MOST_CHARACTERS)
    direction = contract.check_pair(snapshot, source, target)
    if direction is None or direction.legs:
        raise Refusal(400, f"No single model translates {source} to {target}, so no words are linked")
    work = insight.run(lambda: insight.links(direction, text, translation))
    return JSONResponse(await guarded(request, work))


async def neighbours(request: Request) -> Response:
    service = _service(request)
    fields, _ = await _admitted(request, "/v1/neighbours")
    snapshot, insight = service.snapshot(), service.insight
    word = fields.needed("q").strip()
    contract.check_length(len(word), MOST_WORD_CHARACTERS)
    space = find_space(snapshot, fields.text("pack"), fields.text("side"))
    work = insight.run(lambda: insight.neighbours(snapshot, space, word))
    return JSONResponse(await guarded(request, work))


async def word_map(request: Request) -> Response:
    service = _service(request)
    fields, _ = await _admitted(request, "/v1/map")
    snapshot, insight = service.snapshot(), service.insight
    space = find_space(snapshot, fields.needed("pack"), fields.text("side"))
    return JSONResponse(await guarded(request, insight.run(lambda: insight.map(space))))


async def guarded(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """Runs the work of a request as long as somebody waits for it, and no longer than a request may take.

    Raises:
        Refusal: it took too long, or the client has gone.
    """
    seconds = _service(request).settings.limits.request_seconds
    deadline = time.monotonic() + seconds
    task = asyncio.ensure_future(work)
    try:
        while not task.done():
            await asyncio.wait({task}, timeout=min(_POLL_SECONDS, max(0.0, deadline - time.monotonic())))
            if task.done():
                break
            if time.monotonic() >= deadline:
                raise Refusal(504, f"The translation took longer than {seconds:g} s and was stopped")
            if await request.is_disconnected():
                raise Refusal(499, "The client has gone")
        return task.result()
    finally:
        task.cancel()


def _cost(fields: contract.Fields) -> int:
    texts = fields.values.get("q")
    return max(1, len(texts)) if isinstance(texts, list) else 1


async def _refused(_: Request, error: Exception) -> Response:
    refusal = error if isinstance(error, Refusal) else Refusal(500, "unknown")
    return _error(refusal.status, refusal.message, refusal.headers)


async def _not_found(_: Request, error: Exception) -> Response:
    status = getattr(error, "status_code", 500)
    return _error(status, str(getattr(error, "detail", "")), getattr(error, "headers", None) or {})


async def _failed(_: Request, error: Exception) -> Response:
    log.error("a request failed: %s", without_texts(error))
    return _error(500, "The server failed; its log says where", {})


def _error(status: int, message: str, headers: Mapping[str, str]) -> Response:
    return Response(
        json.dumps({"error": message}), status, headers=dict(headers), media_type="application/json"
    )


_GETS: dict[str, Handler] = {
    "/languages": languages,
    "/frontend/settings": frontend_settings,
    "/health": health,
    "/spec": spec,
    "/openapi.json": openapi_document,
    "/docs": to_docs,
    "/docs/": docs,
    "/metrics": metrics,
    "/download_file/{name}": download,
    "/v1/packs": packs,
}
_POSTS: dict[str, Handler] = {
    "/translate": translate,
    "/detect": detect,
    "/translate_file": upload,
    "/suggest": suggest,
    "/v1/stream": stream,
    "/v1/links": links,
    "/v1/neighbours": neighbours,
    "/v1/map": word_map,
}
