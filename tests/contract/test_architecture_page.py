"""docs/architecture.md names files that exist."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_every_file_and_folder_that_the_page_names_exists():
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`((?:[a-z_0-9]+/)+(?:[a-z_0-9]+\.(?:py|js))?)`", page))
    assert len(named) > 50
    places = (ROOT, ROOT / "src" / "crosslate", ROOT / "src" / "crosslate" / "models")
    missing = sorted(each for each in named if not any((place / each).exists() for place in places))
    assert not missing, missing
