"""What surrounds every request: paths, HEAD, the client's address, size, time and failures."""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections.abc import Sequence

from fastapi.routing import APIRoute
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from crosslate.server.answers import REFUSED, Refusal, refused, refuser, without_texts
from crosslate.server.connections import IS_LATE, late
from crosslate.server.service import Service

log = logging.getLogger(__name__)

_SLASHES = re.compile(r"/{2,}")
# Proxies name the whole address.
_ORIGIN = re.compile(r"^https?://[^/]*/?", re.IGNORECASE)
# What a form adds around its file.
_FORM_BYTES = 64 << 10


class RequestMiddleware:
    """Makes the path of a request plain, limits its body, counts it and answers for what fails inside.

    Args:
        routes: requests are counted by their paths, up to what varies. A route with ``refused`` answers its
            refusals with that.
    """

    def __init__(self, app: ASGIApp, service: Service, routes: Sequence[APIRoute]) -> None:
        self._app, self._metrics, self._settings = app, service.metrics, service.settings
        self._paths = frozenset(route.path for route in routes)
        self._refused = {route.path: route.refused for route in routes if hasattr(route, "refused")}
        self._beginnings = [path.partition("{")[0] for path in self._paths if "{" in path]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path, status = _SLASHES.sub("/", _ORIGIN.sub("/", scope["path"])), 0
        is_ours = path.startswith(f"{self._settings.url_prefix}/")
        route = path[len(self._settings.url_prefix) :]
        endpoint = self._endpoint(route) if is_ours else "other"
        if endpoint in self._refused:
            scope = dict(scope, **{REFUSED: self._refused[endpoint]})

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message).setdefault("X-Content-Type-Options", "nosniff")
            await send(message)

        start = time.perf_counter()
        self._metrics.begin(endpoint)
        try:
            if path == self._settings.url_prefix != "":
                query = scope["query_string"].decode("latin-1")
                address = f"{path}/{'?' if query else ''}{query}"
                await RedirectResponse(address, status_code=308)(scope, receive, answer)
            elif is_ours:
                await self._app(self._inside(scope, path), self._limited(scope, receive, route), answer)
            else:
                await refused(Refusal(404, "Not Found"))(scope, receive, answer)
        except Refusal as refusal:  # of a request that nothing inside has answered
            if not status:
                await refuser(scope)(refusal)(scope, receive, answer)
        except (asyncio.CancelledError, KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:  # libraries in Rust raise what is no Exception
            log.error("%s failed: %s", endpoint, without_texts(error))
            if not status:  # an answer that has begun cannot be taken back
                failed = Refusal(500, "The server failed; its log says where")
                await refuser(scope)(failed)(scope, receive, answer)
        finally:
            seconds = time.perf_counter() - start
            self._metrics.end(endpoint, status, seconds)
            # Never the query string: it may hold texts and keys.
            log.debug("%s %s %d %.1f ms", scope["method"], endpoint, status, seconds * 1e3)

    def _endpoint(self, path: str) -> str:
        if path in self._paths:
            return path
        return next((each.rstrip("/") for each in self._beginnings if path.startswith(each)), "other")

    def _inside(self, scope: Scope, path: str) -> Scope:
        inside = dict(scope, path=path, raw_path=path.encode(), root_path=self._settings.url_prefix)
        if scope["method"] == "HEAD":  # a GET whose body the server above leaves out
            inside["method"] = "GET"
        if self._settings.trust_forwarded_for:
            headers = Headers(scope=scope)
            if address := without_port(headers.get("x-forwarded-for", "").split(",")[-1]):
                # The last one was written by our proxy; those before it, by whoever called it.
                inside["client"] = (address, 0)
            if (scheme := headers.get("x-forwarded-proto")) in ("http", "https"):
                inside["scheme"] = scheme
        return inside

    def _limited(self, scope: Scope, receive: Receive, route: str) -> Receive:
        """Refuses a body that is too long, as soon as that shows, or does not arrive."""
        limits = self._settings.limits
        limit = limits.file_bytes + _FORM_BYTES if route == "/translate_file" else limits.body_bytes
        announced = Headers(scope=scope).get("content-length", "0")
        received = int(announced) if announced.isdecimal() and int(announced) > limit else 0
        has_arrived = False

        async def limited() -> Message:
            nonlocal received, has_arrived
            message = await receive() if received <= limit else {}
            received += len(message.get("body", b""))
            if received > limit:
                raise Refusal(413, f"The request is larger than {limit} bytes")
            if not has_arrived:
                if message["type"] == "http.disconnect":
                    raise Refusal(499, "The client has gone")
                has_arrived = not message.get("more_body", False)
                if not has_arrived and scope.get(IS_LATE):
                    raise late(min(limits.arrival_seconds, limits.request_seconds))
            return message

        return limited


def without_port(address: str) -> str:
    """An address as proxies write it, ``203.0.113.7:4711`` or ``[2001:db8::7]:4711``, alone."""
    address = address.strip().strip('"')
    if address.startswith("["):
        return address[1:].partition("]")[0]
    host, _, port = address.rpartition(":")
    return host if port.isdigit() and ":" not in host and host else address
