"""How often one client may ask: a moving window per client and route."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from crosslate.server.refusals import Refusal

_MINUTE, _HOUR = 60.0, 3600.0
_MAX_CLIENTS = 10_000


@dataclass
class _Window:
    """What one client has used within the window."""

    entries: deque[tuple[float, int]] = field(default_factory=deque)
    total: int = 0

    def forget(self, before: float) -> None:
        while self.entries and self.entries[0][0] <= before:
            self.total -= self.entries.popleft()[1]

    def add(self, now: float, cost: int) -> None:
        self.entries.append((now, cost))
        self.total += cost


class RateLimiter:
    """Counts what clients ask for.

    Args:
        refusals_per_hour: a client that was refused so often is banned until an hour is over; -1 never.
        clock: seconds, only ever forward.
    """

    def __init__(self, refusals_per_hour: int = -1, clock: Callable[[], float] = time.monotonic) -> None:
        self._threshold, self._clock = refusals_per_hour, clock
        self._windows: dict[tuple[str, str], _Window] = {}
        self._refusals: dict[str, _Window] = {}
        self._lock = threading.Lock()

    def charge(self, client: str, route: str, cost: int, limit: int) -> None:
        """Counts a request.

        Args:
            client: its key or address.
            cost: in ordinary requests; a batch costs its number of texts.
            limit: requests per minute; -1 for no limit.

        Raises:
            Refusal: 429 where the limit is reached, 403 where the client was refused too often.
        """
        if limit < 0:
            return
        with self._lock:
            now = self._clock()
            self._check_ban(client, now)
            window = self._window(self._windows, (client, route), now - _MINUTE)
            if window.total + cost > limit:
                self._refuse(client, window, cost, limit, now)
            window.add(now, cost)

    def _check_ban(self, client: str, now: float) -> None:
        if self._threshold < 0 or client not in self._refusals:
            return
        refusals = self._window(self._refusals, client, now - _HOUR)
        if refusals.total > self._threshold:
            oldest = refusals.entries[0][0]
            raise Refusal(403, "Too many request limits violations", retry_after=oldest + _HOUR - now)

    def _refuse(self, client: str, window: _Window, cost: int, limit: int, now: float) -> None:
        if self._threshold >= 0:
            self._window(self._refusals, client, now - _HOUR).add(now, 1)
        wait, freed = _MINUTE, 0
        for moment, amount in window.entries:
            freed += amount
            if window.total - freed + cost <= limit:
                wait = moment + _MINUTE - now
                break
        raise Refusal(429, f"Slowdown: {limit} per 1 minute", retry_after=wait)

    def _window(self, windows: dict[Any, _Window], key: Any, before: float) -> _Window:
        window = windows.setdefault(key, _Window())
        window.forget(before)
        if len(windows) > _MAX_CLIENTS:
            for other in [each for each, found in windows.items() if found is not window]:
                windows[other].forget(before)
                if not windows[other].entries:
                    del windows[other]
        return window
