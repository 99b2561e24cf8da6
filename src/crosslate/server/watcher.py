"""Watches the folder of packs, so that packs come and go while the server runs."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque

from crosslate.errors import CrosslateError
from crosslate.server.backends import Backend, Identity
from crosslate.server.catalogue import Catalogue

log = logging.getLogger(__name__)


class PackWatcher:
    """Looks at the folder again and again; a change counts once it has stayed the same for one interval.

    Args:
        interval_seconds: between two looks.
        grace_seconds: how long models that were served before stay, for requests that began with them.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        backend: Backend,
        *,
        interval_seconds: float = 1.0,
        grace_seconds: float = 60.0,
    ) -> None:
        self._catalogue, self._backend = catalogue, backend
        self._interval, self._grace = interval_seconds, grace_seconds
        self._seen = self._applied = catalogue.signatures()
        # Until when which models are still needed, although they are served no more.
        self._leaving: deque[tuple[float, set[Identity]]] = deque()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="pack-watcher", daemon=True)

    def start(self) -> None:
        """Begins to watch."""
        self._thread.start()

    def stop(self) -> None:
        """Stops watching."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(timeout=10)

    def look(self) -> bool:
        """Looks once; returns whether something else is served now."""
        found = self._catalogue.signatures()
        is_settled = found == self._seen
        self._seen = found
        if not is_settled or found == self._applied:
            self._drop_old()
            return False
        before = self._catalogue.snapshot.identities
        self._leaving.append((time.monotonic() + self._grace, before))
        try:
            self._catalogue.refresh(found)
        except (CrosslateError, OSError) as error:
            log.error("the folder of packs has changed, but cannot be read: %s", error)
            return False
        finally:
            self._applied = found
        self._drop_old()
        return True

    def _drop_old(self) -> None:
        if not self._leaving:
            return
        now = time.monotonic()
        while self._leaving and self._leaving[0][0] <= now:
            self._leaving.popleft()
        needed = set(self._catalogue.snapshot.identities)
        for _, identities in self._leaving:
            needed |= identities
        self._backend.retire(needed)

    def _watch(self) -> None:
        while not self._stopping.wait(self._interval):
            try:
                self.look()
            except Exception:  # whatever it is, watching must go on
                log.exception("looking at the folder of packs failed")
