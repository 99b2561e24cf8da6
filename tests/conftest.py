"""What all tests share: tiny models, fp32 and default signals whatever the machine and however it was started."""

from __future__ import annotations

import os
import signal

import pytest

os.environ.setdefault("HF_HUB_OFFLINE", "1")
# Kernels without AVX-512, in child processes too: the same numbers on every x86 processor, and a precision of
# "auto" is fp32 everywhere. Tests of bf16 ask for it by name.
os.environ.setdefault("ATEN_CPU_CAPABILITY", "avx2")

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


# `make test` goes through these families, and through every family where that is cheap; the others are the full
# product. Names of tests/families.py and of the hub folders' layouts.
FAMILIES = {"marian", "marian-shared", "marian-separate", "mbart", "nllb", "t5"}
FEW_FAMILIES = {"marian-separate", "t5"}
OF_FEW_FAMILIES = {"test_a_checkpoint_without_a_new_side", "test_the_tensors_are_the_childs"}
OF_EVERY_FAMILY = {
    "test_every_tensor_has_exactly_one_group",
    "test_tensors_are_in_the_group_that_their_names_say",
    "test_text_is_read_and_written_as_its_own_tokenizer_does",
}


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Marks tests of further families as full before tests are chosen by their marks; long ones come first."""
    import families
    import hub_folders

    further = {*families.names(), *hub_folders.LAYOUTS} - FAMILIES
    for item in items:
        values = item.callspec.params.values() if hasattr(item, "callspec") else ()
        left_out = further | (FAMILIES - FEW_FAMILIES if item.originalname in OF_FEW_FAMILIES else set())
        is_further = any(isinstance(value, str) and value in left_out for value in values)
        if is_further and item.originalname not in OF_EVERY_FAMILY:
            item.add_marker(pytest.mark.full)
    items.sort(key=lambda item: "learning" not in item.path.parts)
