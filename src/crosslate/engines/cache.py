"""Where CTranslate2 models built from packs and parents are kept, so that they are built once."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Callable
from pathlib import Path

from crosslate.engines.folders import FORMAT_VERSION
from crosslate.errors import InputError

log = logging.getLogger(__name__)

_CACHE_NAME = ".crosslate-cache"


def ctranslate2_folder(origin: Path, key: str, quantization: str) -> Path:
    """Where the CTranslate2 model of a pack or parent folder belongs; it may not be there yet.

    Beside ``origin``, never inside (a pack refuses files it does not list), or in the user's cache
    directory where that place cannot be written to.

    Args:
        origin: the pack's or parent's folder; its name becomes part of the answer.
        key: hash of everything the model is made of; another key is another folder.
        quantization: the type of its weights.
    """
    origin = origin.resolve()
    readable = re.sub(r"[^\w.-]", "_", origin.name) or "model"
    # Another version of the layout gets another name, so that no old folder is read or has to go.
    layout = "" if FORMAT_VERSION == 1 else f"-{FORMAT_VERSION}"
    name = f"{readable}-{key[:16]}-{quantization}{layout}"
    beside = origin.parent / _CACHE_NAME
    if (beside / name).is_dir() or _can_be_written(beside):
        return beside / name
    return _user_cache() / name


def cached_ctranslate2_model(
    origin: Path, key: str, quantization: str, build: Callable[[Path], None]
) -> Path:
    """The folder of the CTranslate2 model, built now if it is not there; reuse imports no PyTorch.

    Args:
        build: writes the model to the path it is given, atomically, as ``export_ctranslate2`` does.
    """
    folder = ctranslate2_folder(origin, key, quantization)
    if folder.is_dir():
        return folder
    log.info("building the CTranslate2 model %s", folder)
    try:
        build(folder)
    except (InputError, OSError):
        # Somebody else built the same model at the same moment.
        if not (folder / "crosslate.json").is_file():
            raise
    return folder


def _can_be_written(folder: Path) -> bool:
    existing = folder
    while not existing.exists():
        existing = existing.parent
    return existing.is_dir() and os.access(existing, os.W_OK | os.X_OK)


def _user_cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(base) if base else Path.home() / ".cache") / "crosslate"
