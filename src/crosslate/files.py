"""Atomic writes, hashes and safe file names."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any

from crosslate.errors import InputError

RUN_SUFFIX = ".run"
"""Suffix of the folder beside an output that holds a run's state and log."""

_BLOCK_BYTES = 1 << 20
_NAMES_SHOWN = 4
_KINDS = {"pack.json": "a pack", "crosslate.json": "a parent"}


def sha256_file(path: Path) -> str:
    """Hex sha256 of a file's bytes."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK_BYTES):
            digest.update(block)
    return digest.hexdigest()


def sha256_text(text: str) -> str:
    """Hex sha256 of ``text`` in UTF-8."""
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def described(path: Path) -> str:
    """What is at an existing path, in words: ``a pack (README.md, pack.json, source.spm and 1 more)``."""
    if not path.is_dir():
        return f"a file of {path.stat().st_size:,} bytes"
    names = sorted(entry.name for entry in path.iterdir())
    if not names:
        return "an empty folder"
    kind = next((kind for name, kind in _KINDS.items() if name in names), "a folder")
    more = f" and {len(names) - _NAMES_SHOWN} more" if len(names) > _NAMES_SHOWN else ""
    return f"{kind} ({', '.join(names[:_NAMES_SHOWN])}{more})"


@contextmanager
def atomic_file(path: Path) -> Iterator[Path]:
    """Yields a temporary path beside ``path``, which replaces ``path`` on success and is removed on error."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        _sync(temporary)
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


@contextmanager
def atomic_folder(path: Path, *, replace: bool = False) -> Iterator[Path]:
    """Yields a temporary folder beside ``path``, which is renamed to ``path`` on success.

    All files in it get the umask's default mode, since some libraries make files readable only by the owner.

    Args:
        replace: replace an existing ``path``, which must be an output of ours.

    Raises:
        InputError: ``path`` exists and ``replace`` is False.
    """
    if path.exists() and not replace:
        raise InputError(f"{path} already exists, {described(path)}; give another folder or remove it first")
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent))
    try:
        yield temporary
        for file in temporary.rglob("*"):
            if file.is_file():
                _sync(file)
                file.chmod(0o666 & ~_umask())
        temporary.chmod(0o777 & ~_umask())
        if path.exists():
            retired = Path(tempfile.mkdtemp(prefix=f".{path.name}.", suffix=".old", dir=path.parent))
            path.replace(retired / "old")
            temporary.replace(path)
            shutil.rmtree(retired)
        else:
            temporary.replace(path)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise


def write_text(path: Path, text: str) -> None:
    """Writes UTF-8 text atomically."""
    with atomic_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def write_json(path: Path, value: Any) -> None:
    """Writes JSON atomically: two-space indent, characters unescaped, a final newline."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def read_json(path: Path) -> Any:
    """Reads a JSON file.

    Raises:
        InputError: the file is missing, not UTF-8 or not JSON; the message names file, line and column.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8 at byte {error.start}") from None
    except json.JSONDecodeError as error:
        raise InputError(
            f"{path}: not JSON at line {error.lineno}, column {error.colno}: {error.msg}"
        ) from None


def read_optional_object(path: Path) -> dict[str, Any]:
    """Reads a JSON object; empty if it is missing or cannot be read."""
    try:
        values = read_json(path)
    except (InputError, OSError):
        return {}
    return values if isinstance(values, dict) else {}


def is_inside_name(name: str) -> bool:
    """Whether ``name`` is a plain relative path that cannot escape the folder it is joined to."""
    path = PurePosixPath(name)
    return (
        bool(name)
        and not path.is_absolute()
        and ".." not in path.parts
        and "\\" not in name
        and ":" not in name
        and "\0" not in name
        and str(path) == name
    )


def _sync(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
