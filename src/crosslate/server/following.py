"""A collection of packs on the hub that the server's folder of packs follows."""

from __future__ import annotations

import logging
import threading
from pathlib import Path

from crosslate.packs.collections import install_collection

log = logging.getLogger(__name__)


class Following:
    """Installs what is new in a collection, at the start and then every so often."""

    def __init__(self, collection: str, folder: Path, parent: str, seconds: float) -> None:
        """Args: see :func:`crosslate.packs.collections.install_collection`; seconds between two looks."""
        self._collection, self._folder, self._parent, self._seconds = collection, folder, parent, seconds
        self._fault = ""
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="collection-follower", daemon=True)

    def start(self) -> None:
        """Looks once, then begins to follow."""
        self.look()
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(timeout=10)

    def look(self) -> None:
        """Installs what is new; where that fails, the log says why, once, and what is installed stays."""
        try:
            for place in install_collection(
                self._collection, self._folder, parent=self._parent, replace=True
            ):
                log.info("installed %s of collection %s", place.name, self._collection)
            self._fault = ""
        except Exception as error:  # whatever it is, serving must go on
            if str(error) != self._fault:
                log.error("following %s: %s; looking on", self._collection, error)
            self._fault = str(error)

    def _follow(self) -> None:
        while not self._stopping.wait(self._seconds):
            self.look()
