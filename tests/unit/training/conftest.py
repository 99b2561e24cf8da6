from __future__ import annotations

from collections.abc import Iterator

import pytest

import families


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    with families.one_thread():
        yield
