"""Memory stays with the process inside, and goes back to the system afterwards."""

from __future__ import annotations

import ctypes
import platform
import resource

import pytest
import torch

from crosslate.training.cpu import give_back, kept_memory

NEEDS_GLIBC = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc can be told")
COUNT = 2_000_000  # float32, 8 MB


def faults(num_tensors: int) -> int:
    """Pages that were fetched from the system for so many tensors at once."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    tensors = [torch.ones(COUNT) for _ in range(num_tensors)]
    assert len(tensors) == num_tensors
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


@NEEDS_GLIBC
def test_memory_is_kept_inside_and_goes_back_afterwards():
    with kept_memory():
        faults(30)
        inside = faults(24)  # nothing, or a tensor or two that find no hole of their size
    afterwards = faults(24)
    assert inside < afterwards / 2  # 64 MiB stay: 8 of the 24
    assert sum(faults(1) for _ in range(20)) < afterwards / 2  # and are used again and again


def test_without_glibc_nothing_changes(monkeypatch: pytest.MonkeyPatch):
    def refuse(name: object) -> object:
        raise TypeError(name)

    monkeypatch.setattr(ctypes, "CDLL", refuse)
    with kept_memory():
        pass
    give_back()
