"""``crosslate serve`` on tiny untrained models, for programs that are tried against a running server."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.servers import ServerProcess, crosslate_server

TARGETS = {"de": ["de", "en", "es"], "en": ["en"], "es": ["es"], "fr": ["en", "es", "fr"]}


@contextmanager
def tiny_server(*options: str) -> Iterator[ServerProcess]:
    """A server of French–English with a German and a Spanish pack; outputs of a few tokens."""
    sys.path.insert(0, str(Path(__file__).parent.parent))
    import tiny_models

    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        tiny_models.build(root)
        short = ("--beam", "1", "--max-new-tokens", "12")
        with crosslate_server(root / "parents" / "fr-en", root / "packs", *short, *options) as server:
            yield server
