"""What all tests share: tiny models, fp32 and default signals whatever the machine and however it was started."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest

os.environ.setdefault("HF_HUB_OFFLINE", "1")
# Kernels without AVX-512, in child processes too: the same numbers on every x86 processor, and a precision of
# "auto" is fp32 everywhere. Tests of bf16 ask for it by name.
os.environ.setdefault("ATEN_CPU_CAPABILITY", "avx2")
sys.path.insert(0, str(Path(__file__).parent))

# nohup has SIGHUP ignored, which children inherit; tests of a closed terminal need it as a terminal has it.
if hasattr(signal, "SIGHUP"):
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture(scope="session")
def tiny(tmp_path_factory):
    """A folder with ``parents`` and ``packs``; nothing in it may be changed, but caches may be added."""
    import tiny_models

    root = tmp_path_factory.mktemp("tiny")
    tiny_models.build(root)
    return root
