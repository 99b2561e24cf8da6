"""Who may ask for what: API keys, and how often one client may ask."""

from __future__ import annotations

import logging
import time

from limits import RateLimitItemPerHour, RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from crosslate.errors import InputError
from crosslate.server.answers import KeyRefusal, Refusal
from crosslate.server.keys import Key, KeyStore
from crosslate.server.settings import Limits, ServerSettings

log = logging.getLogger(__name__)

# For a file of keys that another process has locked: everybody waits meanwhile.
_WAIT_SECONDS = 0.1
# Clocks that are set right are changed by less; what is larger makes the times of earlier requests wrong.
_CLOCK_CHANGE_SECONDS = 5.0


class Admission:
    """Lets requests in, by the keys and limits of the settings."""

    def __init__(self, settings: ServerSettings) -> None:
        self._settings, self._limits = settings, settings.limits
        self._keys = KeyStore(settings.keys, wait_seconds=_WAIT_SECONDS) if settings.keys else None
        self._rates = RateLimiter(settings.limits.refusals_per_hour)

    def close(self) -> None:
        """Closes the file of keys."""
        if self._keys is not None:
            self._keys.close()

    def admit(self, secret: str, address: str, route: str, cost: int) -> Limits:
        """Lets a request in, and says what it may ask for; see :meth:`RateLimiter.charge`.

        Args:
            secret: the key that came with it; empty for none.
        """
        key, limits = self._key(secret), self._limits
        if key is not None:
            own = {"requests_per_minute": key.requests_per_minute, "characters": key.characters}
            limits = limits.changed(**{name: value for name, value in own.items() if value is not None})
        client = f"key {key.id}" if key else f"address {address}"
        self._rates.charge(client, route, cost, limits.requests_per_minute)
        return limits

    def limit_rate(self, address: str, route: str) -> None:
        """Lets a request in that needs no key, or refuses it if the client has asked too often."""
        # A limit of 0 says that the rest is for holders of keys.
        self._rates.charge(f"address {address}", route, 1, self._limits.requests_per_minute or -1)

    def _key(self, secret: str) -> Key | None:
        if self._keys is not None and secret:
            try:
                key = self._keys.find(secret)
            except InputError as error:
                log.error("%s", error)
                raise Refusal(503, "API keys cannot be read at the moment", retry_after=1) from None
            if key is None:
                raise KeyRefusal(403, "Invalid API key")
            return key
        if self._settings.require_key or (self._keys is not None and self._limits.requests_per_minute == 0):
            url = self._settings.key_url
            where = f"Visit {url}" if url else "Please contact the server operator"
            raise KeyRefusal(400, f"{where} to get an API key")
        return None


class RateLimiter:
    """Counts what clients ask for, within a minute that moves.

    Args:
        refusals_per_hour: a client that was refused more often is banned until an hour is over; -1 never.
    """

    def __init__(self, refusals_per_hour: int = -1) -> None:
        self._storage = MemoryStorage()
        self._windows = MovingWindowRateLimiter(self._storage)
        self._clock_offset = _clock_offset()
        self._most_refusals = RateLimitItemPerHour(refusals_per_hour + 1) if refusals_per_hour >= 0 else None

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
        before, self._clock_offset = self._clock_offset, _clock_offset()
        if abs(self._clock_offset - before) > _CLOCK_CHANGE_SECONDS:
            # The library compares times of day: an hour back would lock clients out for an hour.
            self._storage.reset()
        banning = self._most_refusals
        if banning is not None and not self._windows.test(banning, client):
            reset = self._windows.get_window_stats(banning, client).reset_time
            raise Refusal(403, "Too many request limits violations", retry_after=reset - time.time())
        rate = RateLimitItemPerMinute(limit)
        if not self._windows.hit(rate, client, route, cost=cost):
            if banning is not None:
                self._windows.hit(banning, client)
            reset = self._windows.get_window_stats(rate, client, route).reset_time
            raise Refusal(429, f"Slowdown: {limit} per 1 minute", retry_after=reset - time.time())


def _clock_offset() -> float:
    """Seconds between the time of day and a clock that nobody sets."""
    return time.time() - time.monotonic()
