"""What surrounds every request: paths, HEAD, the client's address, size, time and failures."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Iterable, Mapping

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from crosslate.server.answers import FAILED, Refusal, refused, without_texts
from crosslate.server.metrics import Metrics

log = logging.getLogger(__name__)

_SLASHES = re.compile(r"/{2,}")


class RequestMiddleware:
    """Makes the path of a request plain, limits its body, counts it and answers for what fails inside.

    Args:
        metrics: where requests are counted.
        paths: of the routes; requests are counted by them, up to what varies.
        prefix: everything lies below this path.
        body_bytes: the longest body.
        longer_bodies: the same for some paths.
        trust_forwarded_for: take the client's address and scheme from the proxy in front.
    """

    def __init__(
        self,
        app: ASGIApp,
        metrics: Metrics,
        paths: Iterable[str],
        prefix: str,
        body_bytes: int,
        longer_bodies: Mapping[str, int],
        trust_forwarded_for: bool = False,
    ) -> None:
        self._app, self._metrics, self._trusts_proxy = app, metrics, trust_forwarded_for
        self._prefix, self._body_bytes, self._longer_bodies = prefix, body_bytes, longer_bodies
        self._paths = frozenset(paths)
        self._beginnings = [path.partition("{")[0] for path in self._paths if "{" in path]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path, status = _SLASHES.sub("/", scope["path"]), 0
        is_ours = path.startswith(f"{self._prefix}/")
        route = path[len(self._prefix) :]
        endpoint = self._endpoint(route) if is_ours else "other"

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message).setdefault("X-Content-Type-Options", "nosniff")
            await send(message)

        start = time.perf_counter()
        self._metrics.begin(endpoint)
        try:
            if is_ours:
                limited = _limited(scope, receive, self._longer_bodies.get(route, self._body_bytes))
                await self._app(self._inside(scope, path), limited, answer)
            else:
                await refused(Refusal(404, "Not Found"))(scope, receive, answer)
        except Exception as error:
            log.error("%s failed: %s", endpoint, without_texts(error))
            if not status:  # an answer that has begun cannot be taken back
                await refused(FAILED)(scope, receive, answer)
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
        inside = dict(scope, path=path, raw_path=path.encode(), root_path=self._prefix)
        if scope["method"] == "HEAD":  # a GET whose body the server above leaves out
            inside["method"] = "GET"
        if self._trusts_proxy:
            headers = Headers(scope=scope)
            if address := headers.get("x-forwarded-for", "").split(",")[-1].strip():
                # The last one was written by our proxy; those before it, by whoever called it.
                inside["client"] = (address, 0)
            if (scheme := headers.get("x-forwarded-proto")) in ("http", "https"):
                inside["scheme"] = scheme
        return inside


def _limited(scope: Scope, receive: Receive, limit: int) -> Receive:
    """Refuses a body that is too long, as soon as that shows."""
    announced = Headers(scope=scope).get("content-length", "0")
    received = int(announced) if announced.isdigit() and int(announced) > limit else 0

    async def limited() -> Message:
        nonlocal received
        message = await receive() if received <= limit else {}
        received += len(message.get("body", b""))
        if received > limit:
            raise Refusal(413, f"The request is larger than {limit} bytes")
        return message

    return limited
