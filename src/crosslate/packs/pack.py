"""Packs on disk: saved atomically, and verified down to the last byte before a tensor is used.

The format is specified in ``docs/pack-format.md``.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crosslate.errors import Faults, PackError, SettingsError, VocabularyError
from crosslate.files import atomic_folder, sha256_file
from crosslate.models.groups import SIDES, Side
from crosslate.packs.cards import pack_card
from crosslate.packs.manifest import (
    CARD_NAME,
    DTYPES,
    MANIFEST_NAME,
    WEIGHTS_NAME,
    FileRecord,
    Manifest,
    TensorRecord,
    dtype_name,
    read_manifest,
    vocabulary_name,
)
from crosslate.text.vocabularies import Vocabulary

if TYPE_CHECKING:
    import torch

    from crosslate.models.methods.forms import Form
    from crosslate.models.parent import Parent

_OUR_FILES = {MANIFEST_NAME, WEIGHTS_NAME, CARD_NAME, *(vocabulary_name(side) for side in SIDES)}


@dataclass
class Pack:
    """The tensors that make a child out of a parent, with the vocabularies they go with.

    Attributes:
        manifest: what the pack is; its tensors, files and checksum are brought up to date by saving.
            A record in ``manifest.tensors`` with a form says how the child's tensor is made of the pack's.
        tensors: by their names in the child's model; on the CPU when loaded.
        vocabularies: of the renewed sides, and of no other.
        folder: where the pack was loaded from or last saved to.
    """

    manifest: Manifest
    tensors: dict[str, torch.Tensor]
    vocabularies: dict[Side, Vocabulary] = field(default_factory=dict)
    folder: Path | None = None

    def form(self, name: str) -> Form | None:
        """How the child's tensor is made of the stored one; None if it is stored whole."""
        record = self.manifest.tensors.get(name)
        return None if record is None else record.form

    def decoded(self, name: str) -> torch.Tensor:
        """A stored tensor in the type that it has in the child; the very tensor if it has it already."""
        tensor, record = self.tensors[name], self.manifest.tensors.get(name)
        if record is None or record.child_dtype is None:
            return tensor
        import torch

        if record.scales is not None:
            tensor = tensor.float() * self.tensors[record.scales].view([-1] + [1] * (tensor.dim() - 1))
        return tensor.to(getattr(torch, record.child_dtype))

    def save(self, folder: Path, replace: bool = False) -> None:
        """Writes the pack to ``folder``; what is written has been verified as :meth:`load` does.

        Args:
            replace: allow a pack that is already there to be replaced. A folder that holds anything
                but a pack is never replaced.

        Raises:
            InputError: ``folder`` exists and ``replace`` is False.
            PackError: ``folder`` holds something else than a pack, or the pack itself breaks a rule of
                the format. Nothing is left behind.
        """
        folder = Path(folder)
        if replace:
            check_replaceable(folder)
        manifest = _described(self)
        with atomic_folder(folder, replace=replace) as temporary:
            _write_weights(self.tensors, temporary / WEIGHTS_NAME)
            for side, vocabulary in self.vocabularies.items():
                vocabulary.save(temporary / vocabulary_name(side))
            (temporary / CARD_NAME).write_text(pack_card(manifest), encoding="utf-8", newline="\n")
            files = {name: _file_record(temporary / name) for name in manifest.file_names}
            manifest = manifest.changed(files=files).sealed()
            (temporary / MANIFEST_NAME).write_bytes(manifest.to_bytes())
            _verify(temporary, f"pack {folder} cannot be saved")
        self.manifest, self.folder = manifest, folder

    @classmethod
    def load(cls, folder: Path) -> Pack:
        """Reads a pack after verifying all of it.

        Raises:
            PackError: see :func:`verify`.
        """
        from safetensors.torch import load

        folder = Path(folder)
        manifest, vocabularies = _verify(folder, f"pack {folder} is refused")
        # Not mapped: the bytes used are those whose hash is right, whatever becomes of the file.
        data = (folder / WEIGHTS_NAME).read_bytes()
        if hashlib.sha256(data).hexdigest() != manifest.files[WEIGHTS_NAME].sha256:
            raise PackError(f"pack {folder} is refused: {WEIGHTS_NAME} was changed while it was read")
        return cls(manifest, load(data), vocabularies, folder)


def verify(folder: Path) -> Manifest:
    """Checks a pack's folder and every byte in it, and returns its manifest. Loads no tensor.

    First the folder holds exactly the files that the manifest lists, as plain files, with their
    lengths and hashes; only then is the content of weights and vocabularies read and compared with
    what the manifest says of them.

    Raises:
        PackError: lists every fault found.
    """
    return _verify(Path(folder), f"pack {folder} is refused")[0]


def check_composition(manifests: Sequence[Manifest]) -> None:
    """Checks that it is one pack, or one with a new source and one with a new target, in either order.

    Raises:
        PackError: says which side each pack renews.
    """
    renewed = [manifest.renewed for manifest in manifests]
    if len(renewed) == 1 or sorted(renewed) == [("source",), ("target",)]:
        return
    described = "; ".join(
        f"{each.name!r} renews {' and '.join(each.renewed) or 'no side'}" for each in manifests
    )
    raise PackError(
        f"these packs do not compose: {described}; expected one that renews the source and one that "
        "renews the target"
    )


def check_parent(manifest: Manifest, parent: Parent | str) -> None:
    """Checks that a parent is the one that the pack was made for.

    Args:
        parent: a parent, or only its fingerprint; then its vocabularies are not checked.

    Raises:
        PackError: shows the fingerprints expected and found.
    """
    faults = Faults(f"pack {manifest.name!r} was made for another parent")
    expected = manifest.parent
    found = {"the parent's fingerprint": (parent, expected.fingerprint)}
    if not isinstance(parent, str):
        found = {
            "the parent's fingerprint": (parent.fingerprint(), expected.fingerprint),
            "its source vocabulary": (parent.source.fingerprint, expected.source_vocabulary_fingerprint),
            "its target vocabulary": (parent.target.fingerprint, expected.target_vocabulary_fingerprint),
        }
    for what, (seen, wanted) in found.items():
        if seen != wanted:
            faults.add(f"{what} is {seen}, the pack expects {wanted} (parent {expected.name!r})")
    faults.raise_as(PackError)


def _verify(folder: Path, heading: str) -> tuple[Manifest, dict[Side, Vocabulary]]:
    faults = Faults(heading)
    entries = _entries(folder)
    for name, fault in entries.items():
        if fault:
            faults.add(f"{name} {fault}")
    if MANIFEST_NAME not in entries:
        faults.add(f"{MANIFEST_NAME} is missing, so this is no pack")
    elif not entries[MANIFEST_NAME]:
        with faults.catch(PackError):
            manifest = read_manifest(folder / MANIFEST_NAME)
            _check_files(folder, manifest, entries, faults)
    # From here on the content of the files is interpreted: only if every hash is right.
    faults.raise_as(PackError)
    _check_weights(folder / WEIGHTS_NAME, manifest, faults)
    vocabularies = _read_vocabularies(folder, manifest, faults)
    faults.raise_as(PackError)
    return manifest, vocabularies


def _entries(folder: Path) -> dict[str, str]:
    """What lies in a folder, unopened, with what is wrong with it; empty for the plain files of a pack."""
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except FileNotFoundError:
        raise PackError(f"{folder}: no such folder; expected the folder of a pack") from None
    except (OSError, ValueError) as error:
        raise PackError(f"{folder} cannot be read as a folder; expected that of a pack: {error}") from None
    found = {}
    for entry in entries:
        fault = ""
        if entry.is_symlink():
            fault = "is a symbolic link; a pack consists of plain files: copy the file itself"
        elif not entry.is_file(follow_symlinks=False):
            fault = "is not a file; a pack holds nothing else: remove it"
        elif entry.name not in _OUR_FILES:
            fault = "is a file that is no part of a pack: remove it"
        found[entry.name] = fault
    return found


def _check_files(folder: Path, manifest: Manifest, entries: dict[str, str], faults: Faults) -> None:
    plain = {name for name, fault in entries.items() if not fault}
    for name in sorted(plain - {MANIFEST_NAME, *manifest.files}):
        faults.add(f"{name} is in the folder but not in the manifest: remove it")
    for name, record in manifest.files.items():
        path = folder / name
        if name not in entries:
            faults.add(f"{name} is missing: get the pack again")
        if name not in plain:
            continue
        try:
            found = _file_record(path)
        except OSError as error:
            faults.add(f"{name} cannot be read: {error.strerror}")
            continue
        if found != record:
            seen, expected = (f"{each.bytes} bytes with the sha256 {each.sha256}" for each in (found, record))
            faults.add(f"{name} was changed or damaged: it has {seen}, expected {expected}; get it again")


def _file_record(path: Path) -> FileRecord:
    return FileRecord(sha256=sha256_file(path), bytes=path.stat().st_size)


def _check_weights(path: Path, manifest: Manifest, faults: Faults) -> None:
    """Compares the header of the weights with the manifest; the library refuses overlaps and holes."""
    from safetensors import SafetensorError, safe_open

    stored = {}
    try:
        with safe_open(path, framework="numpy") as file:
            for name in file.keys():  # noqa: SIM118 (not a dictionary)
                part = file.get_slice(name)
                stored[name] = f"{part.get_dtype()} of shape {part.get_shape()}"
    except (SafetensorError, OSError) as error:
        faults.add(f"{WEIGHTS_NAME} is not a safetensors file: {error}")
        return
    described = {
        name: f"{DTYPES[record.dtype]} of shape {list(record.shape)}"
        for name, record in manifest.tensors.items()
    }
    for name in sorted(stored.keys() | described.keys()):
        found, expected = stored.get(name, "missing"), described.get(name, "missing")
        if found != expected:
            faults.add(f"tensor {name!r} is {found} in {WEIGHTS_NAME} and {expected} in the manifest")


def _read_vocabularies(folder: Path, manifest: Manifest, faults: Faults) -> dict[Side, Vocabulary]:
    vocabularies = {}
    for side in manifest.renewed:
        name = vocabulary_name(side)
        try:
            vocabulary = Vocabulary.load(folder / name)
        except (VocabularyError, UnicodeDecodeError, RuntimeError) as error:  # pieces that are not UTF-8, too
            faults.add(f"{name}: {error}")
            continue
        if len(vocabulary) != manifest.vocabulary_size(side):
            faults.add(f"{name} has {len(vocabulary)} pieces, expected {manifest.vocabulary_size(side)}")
        if vocabulary.special != manifest.special_ids[side]:
            faults.add(
                f"{name} has the special ids {vocabulary.special}, expected {manifest.special_ids[side]}"
            )
        vocabularies[side] = vocabulary.framed(manifest.frame(side))
    return vocabularies


def check_replaceable(folder: Path) -> None:
    """Checks that ``folder`` is free, empty, or nothing but a pack: nothing else may be replaced.

    Raises:
        PackError: names what else lies there.
    """
    if not folder.exists():
        return
    entries = _entries(folder)
    foreign = [name for name, fault in entries.items() if fault]
    if foreign or (entries and MANIFEST_NAME not in entries):
        reason = ", ".join(foreign) or f"no {MANIFEST_NAME}"
        raise PackError(f"{folder} is not a pack ({reason}) and is not replaced; give another folder")


def _described(pack: Pack) -> Manifest:
    """The manifest with the shape and dtype of every tensor; what else was said of them stays.

    Raises:
        PackError: the pack's vocabularies or tensors are not those that the manifest describes.
    """
    manifest, faults = pack.manifest, Faults(f"pack {pack.manifest.name!r} cannot be saved")
    if set(pack.vocabularies) != set(manifest.renewed):
        faults.add(
            f"vocabularies are given for {sorted(pack.vocabularies)}, "
            f"expected for the renewed sides {sorted(manifest.renewed)}"
        )
    for side, vocabulary in pack.vocabularies.items():
        is_framed = side not in manifest.renewed or vocabulary.frame == manifest.frame(side)
        if not (vocabulary.has_own_ids and vocabulary.segmenter.kind == "sentencepiece" and is_framed):
            faults.add(
                f"the {side} vocabulary is no SentencePiece model, has another frame than the manifest says "
                "(by default the end of sentence), or maps its pieces to other ids than SentencePiece's own; "
                "a pack stores vocabularies whose ids are their own"
            )
    given, records = manifest.tensors, {}
    described = {name for name, record in given.items() if record.form or record.child_dtype}
    if absent := sorted(described - pack.tensors.keys()):
        faults.add(f"the manifest describes tensors that the pack does not hold: {', '.join(absent)}")
    for name, tensor in sorted(pack.tensors.items()):
        found: dict[str, Any] = {"shape": tuple(tensor.shape), "dtype": dtype_name(tensor.dtype)}
        try:
            records[name] = given[name].changed(**found) if name in given else TensorRecord(**found)
        except SettingsError as error:
            faults.add(f"tensor {name!r}: {error}")
    with faults.catch(SettingsError):
        manifest = manifest.changed(tensors=records)
    faults.raise_as(PackError)
    return manifest


def _write_weights(tensors: dict[str, torch.Tensor], path: Path) -> None:
    import torch
    from safetensors.torch import save_file

    # Copies: the library refuses tensors that share storage, as slices of one parameter do.
    copies = {
        name: tensor.detach().cpu().clone(memory_format=torch.contiguous_format)
        for name, tensor in tensors.items()
    }
    save_file(copies, path)
