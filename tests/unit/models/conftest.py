"""Tests of models run on one thread: for models this small, a second one only waits for the first."""

import pytest

import families


@pytest.fixture(scope="module", autouse=True)
def _one_thread():
    with families.one_thread():
        yield
