"""What all tests share: the registry of tiny models beside this file."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

os.environ.setdefault("HF_HUB_OFFLINE", "1")
sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(scope="session")
def tiny(tmp_path_factory):
    """A folder with ``parents`` and ``packs``; nothing in it may be changed, but caches may be added."""
    import tiny_models

    root = tmp_path_factory.mktemp("tiny")
    tiny_models.build(root)
    return root
