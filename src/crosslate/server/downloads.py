"""Translated files that wait to be fetched, for half an hour each."""

from __future__ import annotations

import re
import shutil
import tempfile
import threading
import time
import uuid
from pathlib import Path, PurePath

_SECONDS = 30 * 60
_NAME = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\.[\w.-]{1,200}")
_UNSAFE = re.compile(r"[^\w.-]+")
_MAX_STEM = 80


class Downloads:
    """A temporary folder of files with names that cannot be guessed.

    Args:
        seconds: how long a file stays.
    """

    def __init__(self, seconds: float = _SECONDS) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="crosslate-files-"))
        self._seconds = seconds
        self._lock = threading.Lock()

    def save(self, data: bytes, name: str, target: str) -> str:
        """Keeps a file; its name is a random part, the original's name, the target language and the ending.

        Args:
            name: as the client called it; anything that is not safe in a path is left out.
        """
        self.clean()
        plain = PurePath(name.replace("\\", "/")).name
        suffix = PurePath(plain).suffix.lower()
        stem = _UNSAFE.sub("_", plain[: len(plain) - len(suffix)]).strip("._")[:_MAX_STEM] or "file"
        saved = f"{uuid.uuid4()}.{stem}_{target}{_UNSAFE.sub('', suffix)}"
        (self._folder / saved).write_bytes(data)
        return saved

    def find(self, name: str) -> Path | None:
        """A file by its name; None where there is none, or none any more."""
        path = self._folder / name
        if not _NAME.fullmatch(name) or not path.is_file() or self._is_old(path):
            return None
        return path

    def clean(self) -> None:
        """Removes what is too old."""
        with self._lock:
            for path in self._folder.iterdir():
                if self._is_old(path):
                    path.unlink(missing_ok=True)

    def close(self) -> None:
        """Removes everything."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _is_old(self, path: Path) -> bool:
        try:
            return path.stat().st_mtime < time.time() - self._seconds
        except FileNotFoundError:
            return True
