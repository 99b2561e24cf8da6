"""Translated files that wait to be fetched, for half an hour each."""

from __future__ import annotations

import logging
import shutil
import tempfile
import threading
import time
import unicodedata
import uuid
from contextlib import suppress
from pathlib import Path, PurePath
from typing import IO

import regex

from crosslate.server.answers import Refusal

log = logging.getLogger(__name__)

_SECONDS = 30 * 60
_SWEEP_SECONDS = 30.0
# A file that has just become too old may still be on its way to a client.
_SENDING_SECONDS = 60
_PREFIX, _LOCK_NAME = "crosslate-files-", ".lock"
_SAFE = r"\w\p{M}\u200c\u200d.-"
_UNSAFE = regex.compile(rf"[^{_SAFE}]+")
# File systems count bytes, of which most allow 255.
_MAX_STEM, _MAX_STEM_BYTES = 80, 160


class Downloads:
    """A temporary folder of files with names that cannot be guessed.

    What a server left there that did not end as it should is removed at the start of the next one.

    Args:
        most_bytes: of all files together; the oldest are removed for a new one.
    """

    def __init__(self, most_bytes: int) -> None:
        _remove_leftovers()
        self._folder, self._most_bytes = Path(tempfile.mkdtemp(prefix=_PREFIX)), most_bytes
        self._lock = _locked(self._folder)
        # By name, the oldest first: when each was saved, by a clock that nobody sets.
        self._times: dict[str, float] = {}
        self._saving = threading.Lock()
        self._stopping = threading.Event()
        self._sweeper = threading.Thread(target=self._sweep, name="downloads", daemon=True)
        self._sweeper.start()

    def save(self, data: bytes, name: str, target: str) -> str:
        """Keeps a file; its name is a random part, the original's name, the target language and the ending.

        Args:
            name: as the client called it; anything that is not safe in a path is left out.

        Raises:
            Refusal: the file alone is larger than all may be together, or there is no room for it.
        """
        if len(data) > self._most_bytes:
            raise Refusal(413, f"The translated file is larger than {self._most_bytes} bytes")
        plain = PurePath(unicodedata.normalize("NFC", name).replace("\\", "/")).name
        suffix = PurePath(plain).suffix.lower()
        stem = _UNSAFE.sub("_", plain[: len(plain) - len(suffix)]).strip("._")[:_MAX_STEM]
        stem = stem.encode()[:_MAX_STEM_BYTES].decode(errors="ignore") or "file"
        saved = f"{uuid.uuid4()}.{stem}_{target}{_UNSAFE.sub('', suffix)}"
        path = self._folder / saved
        with self._saving:
            try:
                if not self._folder.is_dir():  # what cleans up temporary folders has taken it away
                    self._folder.mkdir(mode=0o700)
                    if self._lock is not None:
                        self._lock.close()
                    self._lock = _locked(self._folder)
                self.remove_old(self._most_bytes - len(data))
                path.write_bytes(data)
                self._times[saved] = time.monotonic()
            except OSError as error:
                path.unlink(missing_ok=True)
                log.error("cannot keep a translated file in %s: %s", self._folder, error.strerror)
                raise Refusal(503, "There is no room for the translated file", retry_after=60) from None
        return saved

    def find(self, name: str) -> Path | None:
        """A file by its name; None where there is none, or none any more."""
        saved, path = self._times.get(name), self._folder / name
        is_new = saved is not None and time.monotonic() - saved < _SECONDS
        return path if is_new and path.is_file() else None

    def remove_old(self, most_bytes: int) -> None:
        """Removes files that are too old, and the oldest ones until so many bytes are left."""
        sizes = {name: _size(self._folder / name) for name in self._times}
        num_bytes = sum(sizes.values())
        for name, size in sizes.items():
            age = time.monotonic() - self._times[name]
            if age < _SECONDS + _SENDING_SECONDS and num_bytes <= most_bytes:
                return
            (self._folder / name).unlink(missing_ok=True)
            del self._times[name]
            num_bytes -= size

    def close(self) -> None:
        """Removes everything."""
        self._stopping.set()
        if self._lock is not None:
            self._lock.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _sweep(self) -> None:
        while not self._stopping.wait(_SWEEP_SECONDS):
            try:
                with self._saving:
                    self.remove_old(self._most_bytes)
            except OSError as error:
                log.warning("cannot remove old translated files from %s: %s", self._folder, error)


def _size(path: Path) -> int:
    """Bytes of a file; 0 where it has gone."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _locked(folder: Path) -> IO[bytes] | None:
    """A file in ``folder``, locked until this process ends, however it ends; None if another holds it."""
    try:
        import fcntl
    except ImportError:  # on Windows, where nothing is cleaned up after others
        return None
    lock = (folder / _LOCK_NAME).open("ab")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.close()
        return None
    return lock


def _remove_leftovers() -> None:
    """Removes the folders of servers that do not run any more."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        with suppress(OSError):  # it is somebody else's, or went away
            if folder.is_symlink() or not (folder / _LOCK_NAME).is_file():
                continue
            lock = _locked(folder)
            if lock is not None:
                shutil.rmtree(folder, ignore_errors=True)
                lock.close()
                log.info("removed %s, which a server left behind", folder)
