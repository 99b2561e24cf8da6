"""Memory stays with the process inside, and goes back to the system afterwards."""

from __future__ import annotations

import ctypes
import platform
import resource

import pytest
import torch

from crosslate.training.allocator import give_back, kept_memory

NEEDS_GLIBC = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc can be told")
COUNT = 2_000_000  # float32, 8 MB: far above what is kept anyway


def faults(times: int = 20) -> int:
    """Pages that were fetched from the system while a tensor was made and dropped again and again."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(times):
        torch.ones(COUNT)
        torch.ones(COUNT // 2)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


@NEEDS_GLIBC
def test_freed_memory_is_used_again():
    with kept_memory():
        faults(3)  # until the process has as much as is ever used at once
        kept = faults()
    assert 5 * kept < faults()


def test_without_glibc_nothing_changes(monkeypatch: pytest.MonkeyPatch):
    def refuse(name: object) -> object:
        raise TypeError(name)

    monkeypatch.setattr(ctypes, "CDLL", refuse)
    with kept_memory():
        pass
    give_back()
