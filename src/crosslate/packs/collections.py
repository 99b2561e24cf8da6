"""Collections of the Hugging Face Hub: one parent, many packs, installed into a folder of packs."""

from __future__ import annotations

import re
from pathlib import Path

from crosslate.errors import CrosslateError, Faults, PackError
from crosslate.models.hub_refusals import hub_refusals
from crosslate.packs.hub import names_pack, pack_folder
from crosslate.packs.manifest import MANIFEST_NAME, read_manifest
from crosslate.packs.stored_model import install_pack

_SLUG = re.compile(r"[\w.-]+/[\w.-]+-[0-9a-f]{24}", re.ASCII)


def is_collection(name: str) -> bool:
    """Whether ``name`` is written like a collection's slug: ``ann/packs-`` and 24 hexadecimal digits."""
    return _SLUG.fullmatch(name) is not None


def install_collection(
    slug: str, folder: Path, *, parent: str | None = None, replace: bool = False
) -> list[Path]:
    """Installs those packs of a collection that are not in a folder as they are.

    Models of the collection that are no packs, such as the parent, are left out. A pack that left the
    collection stays in the folder. A pack that cannot be installed does not keep out the others.

    Args:
        folder: created if missing.
        parent: Hugging Face Hub id or folder; if it records its fingerprint, the packs must be made for it.
        replace: replace other packs of their names, which may be earlier versions, or somebody's own.

    Returns:
        The folders of the packs that were installed or replaced.

    Raises:
        PackError: the hub does not give the collection, no model in it is a pack, two packs in it have the
            same name, or packs could not be installed or would replace others, of which all are named.
    """
    from huggingface_hub import get_collection

    with hub_refusals(slug, PackError, "collection"):
        items = get_collection(slug).items
    ids = [each.item_id for each in items if each.item_type == "model" and names_pack(each.item_id)]
    if not ids:
        raise PackError(f"{slug} has {len(items)} entries, but no pack; give a collection of packs")
    installed, faults, named = [], Faults(f"not all packs of {slug} were installed"), dict[str, str]()
    for pack in ids:
        name = pack.partition("/")[2]
        if named.setdefault(name, pack) != pack:
            faults.add(f"{pack} has the name of {named[name]}; install one of them by itself")
            continue
        with faults.catch(CrosslateError):
            place = folder / name
            if _is_same(pack_folder(pack), place):
                continue
            if place.exists() and not replace:
                faults.add(
                    f"{place} is another pack or version than {pack}; replace it (--force) or remove it"
                )
            else:
                installed.append(install_pack(pack, folder, parent=parent, replace=replace))
    faults.raise_as(PackError)
    return installed


def _is_same(pack: Path, place: Path) -> bool:
    if not (place / MANIFEST_NAME).is_file():
        return False
    return read_manifest(pack / MANIFEST_NAME).checksum == read_manifest(place / MANIFEST_NAME).checksum
