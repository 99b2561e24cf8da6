"""Puts packs where a server looks for them."""

from __future__ import annotations

import shutil
from pathlib import Path

from crosslate.errors import InputError, UsageError
from crosslate.files import atomic_folder
from crosslate.packs.manifest import MANIFEST_NAME
from crosslate.packs.pack import verify
from crosslate.packs.stored import StoredModel


def install_pack(pack: Path, folder: Path, *, parent: str | None = None, replace: bool = False) -> Path:
    """Copies a pack into a folder of packs, under its own name.

    Whoever watches the folder sees the old pack or the whole new one, never half of one: the copy is
    verified beside its place and then moved there.

    Args:
        folder: made if it is not there.
        parent: hub id or folder; where it records its fingerprint, the pack must be made for it.
        replace: take the place of a pack of the same name.

    Returns:
        Where the pack lies now.

    Raises:
        PackError: the pack is refused.
        InputError: there is a pack of this name, and ``replace`` is False.
        UsageError: ``folder`` is a pack itself.
    """
    if (folder / MANIFEST_NAME).exists():
        raise UsageError(f"{folder} is a pack; give the folder that packs lie in, {folder.parent}")
    model = StoredModel([pack], parent)
    place = folder / pack.resolve().name
    if place.exists():
        if place.resolve() == pack.resolve():
            raise InputError(f"{pack} lies in {folder} already")
        if not replace:
            raise InputError(f"{place} already exists; ask to replace it, or rename one of the two")
        if not (place / MANIFEST_NAME).is_file():
            raise InputError(f"{place} is no pack and is not replaced; rename the new one")
    with atomic_folder(place, replace=replace) as temporary:
        for name in (MANIFEST_NAME, *model.manifests[0].file_names):
            shutil.copyfile(pack / name, temporary / name)
        verify(temporary)
    return place
