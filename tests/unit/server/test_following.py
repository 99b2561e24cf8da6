"""A server's collection: looked at again and again, whatever happens."""

from __future__ import annotations

import logging
import threading
from pathlib import Path

import pytest

from crosslate.errors import PackError
from crosslate.server import following


def test_faults_are_logged_once_and_the_next_looks_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    caplog.set_level(logging.INFO)
    ended = threading.Event()
    outcomes: list[Exception | list[Path]] = [
        PackError("no network"),
        PackError("no network"),
        [Path("p/de-en")],
    ]

    def install(slug: str, folder: Path, *, parent: str, replace: bool) -> list[Path]:
        assert (slug, folder, parent, replace) == ("ann/packs", tmp_path, "fr-en", True)
        if not outcomes:
            ended.set()
            return []
        outcome = outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    monkeypatch.setattr(following, "install_collection", install)
    follower = following.Following("ann/packs", tmp_path, "fr-en", seconds=0.001)
    follower.start()
    assert ended.wait(10)
    follower.stop()
    assert caplog.messages == [
        "following ann/packs: no network; looking on", "installed de-en of collection ann/packs",
    ]  # fmt: skip
