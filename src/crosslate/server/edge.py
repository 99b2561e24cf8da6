"""What surrounds every request: paths, HEAD and OPTIONS, cross-origin headers, size, time and failures.

It is an ASGI application around the real one, so that it also holds for errors, unknown paths and files.
"""

from __future__ import annotations

import json
import logging
import re
import time
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

from crosslate.server.metrics import RequestMetrics
from crosslate.server.refusals import Refusal, without_texts

log = logging.getLogger(__name__)

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

_CORS = [
    (b"access-control-allow-origin", b"*"),
    (b"access-control-allow-methods", b"GET, POST"),
    (b"access-control-allow-headers", b"Authorization, Content-Type"),
    (b"access-control-expose-headers", b"Authorization"),
    (b"access-control-allow-credentials", b"true"),
    (b"access-control-max-age", b"1728000"),
    (b"x-content-type-options", b"nosniff"),
]
_SLASHES = re.compile(r"/{2,}")
# What a form adds around its file.
_FORM_BYTES = 64 << 10


class Edge:
    """The outermost application.

    Args:
        application: the real one.
        methods: of the known paths, or of all that begin with the same part.
        body_bytes: the longest body.
        file_bytes: the longest file, on the route that takes files.
        url_prefix: paths outside are not found.
        trust_forwarded_for: take the client's address and scheme from the proxy in front.
    """

    def __init__(
        self,
        application: Application,
        metrics: RequestMetrics,
        *,
        methods: Mapping[str, str],
        body_bytes: int,
        file_bytes: int,
        url_prefix: str = "",
        trust_forwarded_for: bool = False,
    ) -> None:
        self._application, self._metrics, self._methods = application, metrics, methods
        self._body_bytes, self._file_bytes = body_bytes, file_bytes
        self._prefix, self._trusts_proxy = url_prefix, trust_forwarded_for

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._application(scope, receive, send)
            return
        path = _SLASHES.sub("/", scope["path"]) or "/"
        is_ours = path.startswith(f"{self._prefix}/")
        inner = path[len(self._prefix) :] if is_ours else path
        endpoint = self._endpoint(inner) if is_ours else "other"
        answer = _Answer(send, hides_body=scope["method"] == "HEAD")
        start = time.perf_counter()
        self._metrics.begin(endpoint)
        try:
            if scope["method"] == "OPTIONS":
                await answer.options(self._methods.get(endpoint))
            elif not is_ours:
                await answer.refuse(Refusal(404, "Not Found"))
            else:
                inside = self._inside(scope, path)
                limited = _limited(receive, self._limit(inner), scope["headers"])
                await self._application(inside, limited, answer)
        except Exception as error:
            await self._failed(endpoint, error, answer)
        finally:
            seconds = time.perf_counter() - start
            self._metrics.end(endpoint, answer.status, seconds)
            # Never the query string: it may hold texts and keys.
            log.debug("%s %s %d %.1f ms", scope["method"], endpoint, answer.status, seconds * 1e3)

    def _inside(self, scope: Scope, path: str) -> Scope:
        inside = dict(scope, path=path, raw_path=path.encode(), root_path=self._prefix)
        if scope["method"] == "HEAD":
            inside["method"] = "GET"
        if self._trusts_proxy:
            headers = dict(scope["headers"])
            if address := headers.get(b"x-forwarded-for", b"").decode("latin-1").split(",")[-1].strip():
                # The last one was written by our proxy; those before it, by whoever called it.
                inside["client"] = (address, 0)
            if (scheme := headers.get(b"x-forwarded-proto", b"").decode("latin-1")) in ("http", "https"):
                inside["scheme"] = scheme
        return inside

    def _endpoint(self, path: str) -> str:
        first = "/" + path.split("/")[1]
        if path in self._methods:
            return path
        return first if first in self._methods else "other"

    def _limit(self, path: str) -> int:
        return self._file_bytes + _FORM_BYTES if path == "/translate_file" else self._body_bytes

    async def _failed(self, endpoint: str, error: Exception, answer: _Answer) -> None:
        if isinstance(error, Refusal):
            await answer.refuse(error)
            return
        log.error("%s failed: %s", endpoint, without_texts(error))
        await answer.refuse(Refusal(500, "The server failed; its log says where"))


class _Answer:
    """Sends what the application sends, with the headers that all answers have."""

    def __init__(self, send: Send, *, hides_body: bool) -> None:
        self._send, self._hides_body = send, hides_body
        self.status = 0

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            names = {name for name, _ in message.get("headers", [])}
            added = [header for header in _CORS if header[0] not in names]
            message = {**message, "headers": [*message.get("headers", []), *added]}
        elif message["type"] == "http.response.body" and self._hides_body:
            message = {**message, "body": b""}
        await self._send(message)

    async def options(self, method: str | None) -> None:
        """What may be asked of a path that answers ``method``; of an unknown one, anything."""
        known = {"GET": b"GET, HEAD, OPTIONS", "POST": b"POST, OPTIONS", None: b"GET, HEAD, POST, OPTIONS"}
        headers = [(b"content-length", b"0"), (b"allow", known[method])]
        await self({"type": "http.response.start", "status": 200, "headers": headers})
        await self({"type": "http.response.body", "body": b""})

    async def refuse(self, refusal: Refusal) -> None:
        if self.status:
            return  # the answer has begun; there is no taking it back
        body = json.dumps({"error": refusal.message}).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        headers += [(name.lower().encode(), value.encode()) for name, value in refusal.headers.items()]
        await self({"type": "http.response.start", "status": refusal.status, "headers": headers})
        await self({"type": "http.response.body", "body": body})


def _limited(receive: Receive, limit: int, headers: list[tuple[bytes, bytes]]) -> Receive:
    """Refuses a body that is too long, as soon as that shows."""
    refusal = Refusal(413, f"The request is larger than {limit} bytes")
    announced = dict(headers).get(b"content-length", b"0")
    received = 0

    async def limited() -> Message:
        nonlocal received
        if announced.isdigit() and int(announced) > limit:
            raise refusal
        message = await receive()
        received += len(message.get("body", b""))
        if received > limit:
            raise refusal
        return message

    return limited
