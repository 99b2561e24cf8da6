"""Connections: how many there may be, how long a request may take to arrive, and an answer to be read."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any, cast

import h11
from uvicorn.protocols.http.h11_impl import STATUS_PHRASES, H11Protocol

from crosslate.server.answers import Refusal, refused
from crosslate.server.settings import Limits

IS_LATE = "crosslate.is_late"
"""In the scope of a request that has taken too long to arrive."""
# A large body may take longer, if it arrives at least so fast.
_BYTES_PER_SECOND = 16_000
# How long clients may leave an answer unread, and take to send what they have begun when the server stops.
_UNREAD_SECONDS, _STOPPING_SECONDS = 60.0, 2.0


class Connection(H11Protocol):
    """uvicorn's connection, closed when its client is silent or slow.

    Above the limit of connections, a new one takes the place of that which has waited longest for its client,
    and is refused where all are being answered.
    """

    def __init__(self, limits: Limits, **given: Any) -> None:
        super().__init__(**given)
        self._most_connections = limits.connections
        self._seconds = min(limits.arrival_seconds, limits.request_seconds)
        self._since, self._num_bytes = self.loop.time(), 0  # of the request that is arriving
        self._arriving: asyncio.TimerHandle | None = None
        self._unread: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        alive = [
            each
            for each in self.connections
            if isinstance(each, Connection) and not each.transport.is_closing()
        ]
        if len(alive) > self._most_connections:
            waiting = [each for each in alive if each is not self and not each._is_answering()]
            if not waiting:
                self._refuse(Refusal(503, "Too many connections; try again soon", retry_after=2))
                return
            min(waiting, key=lambda each: each._since)._give_up()
        self._expect(self._seconds)

    def connection_lost(self, exc: Exception | None) -> None:
        for timer in (self._arriving, self._unread):
            if timer is not None:
                timer.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._num_bytes == 0:
            self._since = self.loop.time()
            self._expect(self._seconds)
        self._num_bytes += len(data)
        super().data_received(data)
        if self.transport.is_closing() or self._is_answering():
            self._expect(None)
            self._num_bytes = 0

    def on_response_complete(self) -> None:
        self._since, self._num_bytes = self.loop.time(), 0
        super().on_response_complete()

    def shutdown(self) -> None:
        """Ends the connection, once it has answered; a request that is still arriving must hurry."""
        super().shutdown()
        if not (self.transport.is_closing() or self._is_answering()):
            self._seconds = 0.0
            self._expect(_STOPPING_SECONDS)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._unread = self.loop.call_later(_UNREAD_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._unread is not None:
            self._unread.cancel()

    def send_400_response(self, msg: str) -> None:
        """Answers what is not HTTP."""
        self._refuse(Refusal(400, msg))

    def _is_answering(self) -> bool:
        """Whether a request has arrived as a whole and is not answered yet."""
        return self.cycle is not None and not (self.cycle.more_body or self.cycle.response_complete)

    def _expect(self, seconds: float | None) -> None:
        """Gives the client so long; None if nothing is expected of it."""
        if self._arriving is not None:
            self._arriving.cancel()
        self._arriving = None if seconds is None else self.loop.call_later(seconds, self._check_arrival)

    def _check_arrival(self) -> None:
        self._arriving = None
        allowed = self._seconds and self._seconds + self._num_bytes / _BYTES_PER_SECOND
        left = self._since + allowed - self.loop.time()
        if left > 0:
            self._expect(left)
        else:
            self._give_up()

    def _give_up(self) -> None:
        """Ends a connection whose client keeps it waiting."""
        cycle = self.cycle
        if cycle is not None and cycle.more_body and not (cycle.response_started or cycle.disconnected):
            # The application answers, since the request has begun; and counts it.
            cast("dict[str, Any]", cycle.scope)[IS_LATE] = True
            cycle.keep_alive = False
            cycle.message_event.set()
        elif self._num_bytes:
            self._refuse(late(self._seconds))
        else:
            self.transport.close()

    def _refuse(self, refusal: Refusal) -> None:
        """Answers in place of the application, and closes."""
        answer = refused(refusal, {"Connection": "close", "Access-Control-Allow-Origin": "*"})
        with suppress(h11.LocalProtocolError):  # an answer has begun
            for event in (
                h11.Response(
                    status_code=answer.status_code,
                    headers=answer.raw_headers,
                    reason=STATUS_PHRASES[answer.status_code],
                ),
                h11.Data(data=bytes(answer.body)),
                h11.EndOfMessage(),
            ):
                self.transport.write(self.conn.send(event) or b"")
        self.transport.close()


def late(seconds: float) -> Refusal:
    """A refusal of a request that did not arrive in time."""
    refusal = Refusal(408, f"The request did not arrive within {seconds:g} s")
    refusal.headers["Connection"] = "close"
    return refusal
