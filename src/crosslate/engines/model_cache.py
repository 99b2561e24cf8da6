"""Models that engines build of packs and parents, kept beside them; each is built once."""

from __future__ import annotations

import logging
import os
import re
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from crosslate.config import Settings
from crosslate.errors import EngineError, InputError, SettingsError
from crosslate.files import read_json, read_optional_object, sha256_file, write_json

log = logging.getLogger(__name__)

Description = TypeVar("Description", bound=Settings)
_CACHE_NAME, _HASHES_NAME, _DESCRIPTION_NAME = ".crosslate-cache", "sha256.json", "crosslate.json"


def engine_folder(origin: Path, key: str, kind: str) -> Path:
    """Path of the cached model of a pack or parent, which may not exist yet.

    It is beside ``origin``, not inside, since a pack may not contain other files; or in the user's cache
    directory if that place is not writable.

    Args:
        origin: the pack's or parent's folder; its name becomes part of the path.
        key: hash of everything the model depends on.
        kind: of model, by engine and type of the weights.
    """
    origin = origin.resolve()
    readable = re.sub(r"[^\w.-]", "_", origin.name) or "model"
    name = f"{readable}-{key[:16]}-{kind}"
    beside = origin.parent / _CACHE_NAME
    existing = next(folder for folder in (beside, *beside.parents) if folder.exists())
    if (beside / name).is_dir() or (existing.is_dir() and os.access(existing, os.W_OK | os.X_OK)):
        return beside / name
    users = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(users) if users else Path.home() / ".cache") / "crosslate" / name


def cached_model(
    origin: Path, key: str, kind: str, build: Callable[[Path], None], format_version: int
) -> Path:
    """The folder of an engine's model; reuse imports no PyTorch.

    It is built now if it is not there, if its files are not those that were built, or if a Crosslate with
    another layout built it.

    Args:
        build: writes the model to the path it is given, as ``export_ctranslate2`` and ``export_onnx`` do.
        format_version: of the layout that ``build`` writes, as ``format`` in its ``crosslate.json``.

    Raises:
        EngineError: it cannot be written.
    """
    folder = engine_folder(origin, key, kind)
    if is_intact(folder):
        found = read_optional_object(folder / _DESCRIPTION_NAME).get("format")
        if found == format_version:
            return folder
        log.info("the model %s has format %s, and this Crosslate uses %s", folder, found, format_version)
        shutil.rmtree(folder, ignore_errors=True)
    elif folder.is_dir():
        log.warning("the files of the model %s are not those that were built", folder)
    log.info("building the engine's model, kept for the next time in %s", folder)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{folder.name}.", dir=folder.parent) as place:
            built = Path(place, "model")
            build(built)
            write_json(built / _HASHES_NAME, _hashes(built))
            if not is_intact(folder):
                shutil.rmtree(folder, ignore_errors=True)
                built.replace(folder)
    except OSError as error:
        if not is_intact(folder):  # else somebody built the same model at the same moment
            raise EngineError(
                f"the engine's model cannot be written to {folder.parent}: {error.strerror or error}; make "
                "room there, make it writable, or use the PyTorch engine"
            ) from error
    return folder


def is_intact(folder: Path) -> bool:
    """Whether a folder is there and its files are those that were built."""
    recorded = read_optional_object(folder / _HASHES_NAME)
    try:
        return bool(recorded) and _hashes(folder) == recorded
    except OSError:
        return False


def _hashes(folder: Path) -> dict[str, str]:
    files = (path for path in sorted(folder.iterdir()) if path.name != _HASHES_NAME)
    return {path.name: sha256_file(path) for path in files}


def read_description(folder: Path, kind: type[Description], program: str) -> Description:
    """What ``crosslate.json`` says of a built model.

    Raises:
        EngineError: the folder was not written by this version of Crosslate for ``program``.
    """
    path = folder / _DESCRIPTION_NAME
    try:
        return kind.from_values(read_json(path), where=str(path))
    except (InputError, SettingsError) as error:
        raise EngineError(
            f"{folder} is not {program} model exported by this Crosslate; export it again: {error}"
        ) from None
