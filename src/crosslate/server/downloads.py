"""Translated files that wait to be fetched, for half an hour each."""

from __future__ import annotations

import re
import shutil
import tempfile
import time
import uuid
from pathlib import Path, PurePath

_SECONDS = 30 * 60
_NAME = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\.[\w.-]{1,200}")
_UNSAFE = re.compile(r"[^\w.-]+")
_MAX_STEM = 80


class Downloads:
    """A temporary folder of files with names that cannot be guessed."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="crosslate-files-"))

    def save(self, data: bytes, name: str, target: str) -> str:
        """Keeps a file; its name is a random part, the original's name, the target language and the ending.

        Args:
            name: as the client called it; anything that is not safe in a path is left out.
        """
        for path in self._folder.iterdir():
            if _is_old(path):
                path.unlink(missing_ok=True)
        plain = PurePath(name.replace("\\", "/")).name
        suffix = PurePath(plain).suffix.lower()
        stem = _UNSAFE.sub("_", plain[: len(plain) - len(suffix)]).strip("._")[:_MAX_STEM] or "file"
        saved = f"{uuid.uuid4()}.{stem}_{target}{_UNSAFE.sub('', suffix)}"
        (self._folder / saved).write_bytes(data)
        return saved

    def find(self, name: str) -> Path | None:
        """A file by its name; None where there is none, or none any more."""
        path = self._folder / name
        return path if _NAME.fullmatch(name) and path.is_file() and not _is_old(path) else None

    def close(self) -> None:
        """Removes everything."""
        shutil.rmtree(self._folder, ignore_errors=True)


def _is_old(path: Path) -> bool:
    try:
        return path.stat().st_mtime < time.time() - _SECONDS
    except FileNotFoundError:
        return True
