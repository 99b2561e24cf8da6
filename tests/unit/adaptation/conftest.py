from __future__ import annotations

from collections.abc import Iterator

import pytest

import families
import toy_corpora
from crosslate.models.parent import Parent


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    with families.one_thread():
        yield


@pytest.fixture(scope="session")
def parent() -> Parent:
    """From French to English; no adaptation alters it."""
    return toy_corpora.parent()
