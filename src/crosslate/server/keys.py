"""API keys in an SQLite file. What is stored is a key's hash: the file gives nobody access."""

from __future__ import annotations

import hashlib
import os
import secrets
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from crosslate.errors import InputError, UsageError
from crosslate.packs.manifest import utc_now

_ID_CHARACTERS = 8
_CREATE = """
CREATE TABLE IF NOT EXISTS keys (
    hash TEXT PRIMARY KEY,
    label TEXT NOT NULL,
    created TEXT NOT NULL,
    requests_per_minute INTEGER,
    characters INTEGER
)
"""
_INSERT = "INSERT INTO keys VALUES (?, ?, ?, ?, ?)"


@dataclass(frozen=True)
class Key:
    """What a key allows.

    Attributes:
        id: the first characters of its hash, for people.
        label: whose it is.
        created: UTC.
        requests_per_minute: in place of the server's limit; None for that one, -1 for none at all.
        characters: of one text, likewise.
    """

    id: str
    label: str
    created: str
    requests_per_minute: int | None = None
    characters: int | None = None


class KeyStore:
    """The keys of a server. Other processes may add and remove keys while it runs.

    Args:
        path: of the file.
        make: make the file where it is not there.
        wait_seconds: how long to wait for another process that has locked the file.

    Raises:
        InputError: the file is something else, or is missing and not to be made.
    """

    def __init__(self, path: Path, *, make: bool = True, wait_seconds: float = 10.0) -> None:
        if not make and not path.exists():
            raise InputError(f"{path}: no such file; expected a file of keys, which adding a key makes")
        self._path, self._wait_seconds = path, wait_seconds
        path.parent.mkdir(parents=True, exist_ok=True)
        self._open()
        path.chmod(0o600)

    def close(self) -> None:
        """Closes the file."""
        self._connection.close()

    def add(
        self, label: str = "", requests_per_minute: int | None = None, characters: int | None = None
    ) -> tuple[str, Key]:
        """Makes a key. It is returned here and never again."""
        for name, value in (("requests per minute", requests_per_minute), ("characters", characters)):
            if value is not None and value < -1:
                raise UsageError(f"{name} is {value}, expected -1 (no limit), 0 or more")
        secret = secrets.token_urlsafe(24)
        values = (label, utc_now(), requests_per_minute, characters)
        self._run(_INSERT, _hash(secret), *values)
        return secret, Key(_hash(secret)[:_ID_CHARACTERS], *values)

    def find(self, secret: str) -> Key | None:
        """What a key allows; None where there is no such key.

        Raises:
            InputError: the file cannot be read.
        """
        self._follow()
        return next(iter(self._keys("WHERE hash = ?", _hash(secret))), None)

    def all(self) -> list[Key]:
        """Every key, the oldest first."""
        return self._keys("ORDER BY created, hash")

    def remove(self, key: str) -> Key:
        """Removes a key, named by itself or by its id.

        Raises:
            UsageError: there is no such key, or the id stands for several.
        """
        condition, values = "WHERE hash = ? OR substr(hash, 1, ?) = ?", (_hash(key), _ID_CHARACTERS, key)
        found = self._keys(condition, *values)
        if len(found) != 1:
            reason = "several keys have this id; give the key itself" if found else "no such key"
            raise UsageError(f"{reason}: {key[:_ID_CHARACTERS]}; `crosslate serve keys list` shows the ids")
        self._run(f"DELETE FROM keys {condition}", *values)
        return found[0]

    def copy(self, path: Path) -> int:
        """Copies all keys to another file, in place of those in it; returns how many.

        Servers may use either file meanwhile, and other processes write to them: what is copied is the state
        of one moment, and whoever reads the other file sees the old keys or the new ones. A copy of the file
        itself can be half of a change.

        Raises:
            UsageError: it is the same file.
            InputError: ``path`` is something else than a file of keys, or cannot be written.
        """
        rows = self._run("SELECT * FROM keys")
        is_new = not path.exists()
        if not is_new and path.samefile(self._path):
            raise UsageError(f"{path} is the file of keys itself; give another one to copy to")
        other = KeyStore(path, wait_seconds=self._wait_seconds)
        try:
            other._replace_all(rows)
        except InputError:
            if is_new:
                path.unlink(missing_ok=True)
            raise
        finally:
            other.close()
        return len(rows)

    def _replace_all(self, rows: list[tuple[Any, ...]]) -> None:
        self._run("BEGIN IMMEDIATE")
        try:
            self._run("DELETE FROM keys")
            for row in rows:
                self._run(_INSERT, *row)
            self._run("COMMIT")
        except InputError:
            if self._connection.in_transaction:
                self._connection.rollback()
            raise

    def _open(self) -> None:
        # Autocommit: every statement stands for itself.
        self._connection = sqlite3.connect(
            self._path, check_same_thread=False, isolation_level=None, timeout=self._wait_seconds
        )
        self._run(_CREATE)
        self._opened = self._path.stat()

    def _follow(self) -> None:
        """Opens the file anew where another one was put in its place, which an open one would not show."""
        try:
            if os.path.samestat(self._path.stat(), self._opened):
                return
        except OSError as error:
            raise InputError(f"{self._path} cannot be read: {error.strerror}") from None
        self._connection.close()
        self._open()

    def _keys(self, condition: str, *values: object) -> list[Key]:
        rows = self._run(f"SELECT * FROM keys {condition}", *values)
        return [Key(row[0][:_ID_CHARACTERS], *row[1:]) for row in rows]

    def _run(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        try:
            return self._connection.execute(statement, values).fetchall()
        except sqlite3.Error as error:
            raise InputError(f"{self._path} cannot be used as a file of keys: {error}") from None


def _hash(secret: str) -> str:
    # Keys are 192 random bits, so a plain hash cannot be searched; a slow one would only slow us down.
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()
