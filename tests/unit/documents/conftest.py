from __future__ import annotations

import io
import zipfile

import pytest


@pytest.fixture
def zipped():
    """``zipped({"a.xml": "<a/>"})`` is an archive with those members, in that order."""

    def make(members, **options) -> bytes:
        written = io.BytesIO()
        with zipfile.ZipFile(written, "w", **({"compression": zipfile.ZIP_DEFLATED} | options)) as archive:
            for name, content in members.items():
                archive.writestr(name, content)
        return written.getvalue()

    return make


@pytest.fixture
def unzipped():
    def read(data: bytes) -> dict[str, bytes]:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            assert archive.testzip() is None
            return {name: archive.read(name) for name in archive.namelist()}

    return read
