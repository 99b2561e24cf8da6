from __future__ import annotations

import io
import sys
from types import SimpleNamespace

import pytest


@pytest.fixture
def standard_input(monkeypatch):
    """Puts bytes, or a binary file, in the place of standard input; returns the file."""

    def put(data: bytes | io.BytesIO) -> io.BytesIO:
        file = io.BytesIO(data) if isinstance(data, bytes) else data
        monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=file))
        return file

    return put
