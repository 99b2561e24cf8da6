"""Answers that are sent while they are made, as server-sent events."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import TypeVar

from crosslate.server.answers import Refusal, without_texts

log = logging.getLogger(__name__)

T = TypeVar("T")
EVENT_STREAM = "text/event-stream"
HEADERS = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
"""So that nothing in front of the server keeps events back."""


async def until_refused(items: AsyncGenerator[T, None], seconds: float) -> AsyncGenerator[T | Refusal, None]:
    """The items of an answer that has begun, so that it is too late for a status.

    Args:
        items: closed at the end.
        seconds: how long all of them may take.

    Yields:
        Each item; last, if they fail or take too long, the refusal that would have been the answer.
    """
    deadline = time.monotonic() + seconds
    try:
        async with aclosing(items):
            while True:
                try:
                    item = await asyncio.wait_for(anext(items), max(0.0, deadline - time.monotonic()))
                except StopAsyncIteration:
                    return
                yield item
    except asyncio.TimeoutError:
        yield Refusal(504, f"The translation took longer than {seconds:g} s and was stopped")
    except Refusal as refusal:
        yield refusal
    except Exception as error:
        log.error("a stream failed: %s", without_texts(error))
        yield Refusal(500, "The server failed; its log says where")
