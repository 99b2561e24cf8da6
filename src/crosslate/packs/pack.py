"""Packs on disk: saved atomically, and verified down to the last byte before a tensor is used.

The format is specified in ``docs/pack-format.md``.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Callable, Sequence
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
            _check_replaceable(folder)
        _check_vocabularies_given(self)
        manifest = _with_tensor_records(self)
        with atomic_folder(folder, replace=replace) as temporary:
            _write_weights(self.tensors, temporary / WEIGHTS_NAME)
            for side, vocabulary in self.vocabularies.items():
                vocabulary.save(temporary / vocabulary_name(side))
            (temporary / CARD_NAME).write_text(pack_card(manifest), encoding="utf-8", newline="\n")
            manifest = _with_file_records(manifest, temporary).sealed()
            (temporary / MANIFEST_NAME).write_bytes(manifest.to_bytes())
            _verify(temporary, f"pack {folder} cannot be saved")
        self.manifest, self.folder = manifest, folder

    @classmethod
    def load(cls, folder: Path) -> Pack:
        """Reads a pack after verifying all of it.

        Raises:
            PackError: see :func:`verify`.
        """
        folder = Path(folder)
        weights = _Weights()
        manifest, vocabularies = _verify(folder, hash_file=weights.hash_file)
        return cls(manifest, weights.tensors(manifest), vocabularies, folder)


def verify(folder: Path) -> Manifest:
    """Checks a pack's folder and every byte in it, and returns its manifest. Loads no tensor.

    First the folder holds exactly the files that the manifest lists, as plain files, with their
    lengths and hashes; only then is the content of weights and vocabularies read and compared with
    what the manifest says of them.

    Raises:
        PackError: lists every fault found.
    """
    return _verify(Path(folder))[0]


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


def _verify(
    folder: Path, heading: str | None = None, hash_file: Callable[[Path], str] = sha256_file
) -> tuple[Manifest, dict[Side, Vocabulary]]:
    heading = heading or f"pack {folder} is refused"
    faults = Faults(heading)
    found, odd = _entries(folder, faults)
    manifest = None
    if MANIFEST_NAME in found:
        with faults.catch(PackError):
            manifest = read_manifest(folder / MANIFEST_NAME)
    elif MANIFEST_NAME not in odd:
        faults.add(f"{MANIFEST_NAME} is missing, so this is no pack")
    if manifest is not None:
        _check_files(folder, manifest, found, odd, faults, hash_file)
    # From here on the content of the files is interpreted: only if every hash is right.
    faults.raise_as(PackError)
    if manifest is None:
        raise PackError(f"{heading}: there is no manifest")
    _check_weights(folder / WEIGHTS_NAME, manifest, faults)
    vocabularies = _read_vocabularies(folder, manifest, faults)
    faults.raise_as(PackError)
    return manifest, vocabularies


def _entries(folder: Path, faults: Faults) -> tuple[set[str], set[str]]:
    """Names of the plain files of a pack, and of everything else in ``folder`` (a fault each, unopened)."""
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except FileNotFoundError:
        raise PackError(f"{folder}: no such folder; expected the folder of a pack") from None
    except NotADirectoryError:
        raise PackError(f"{folder} is a file; expected the folder of a pack") from None
    except (OSError, ValueError) as error:
        raise PackError(f"{folder} cannot be read as a folder: {error}") from None
    plain = set()
    for entry in entries:
        name = entry.name
        if entry.is_symlink():
            faults.add(
                f"{name} is a symbolic link to {str(Path(entry.path).readlink())!r}; "
                "a pack consists of plain files: copy the file itself"
            )
        elif entry.is_dir(follow_symlinks=False):
            faults.add(f"{name} is a folder; a pack has no folders inside: remove it")
        elif not entry.is_file(follow_symlinks=False):
            faults.add(f"{name} is neither a file nor a folder: remove it")
        elif name not in _OUR_FILES:
            kind = "a hidden file" if name.startswith(".") else "a file"
            faults.add(f"{name} is {kind} that is no part of a pack: remove it")
        else:
            plain.add(name)
    return plain, {entry.name for entry in entries} - plain


def _check_files(
    folder: Path,
    manifest: Manifest,
    found: set[str],
    odd: set[str],
    faults: Faults,
    hash_file: Callable[[Path], str],
) -> None:
    for name in sorted(found - {MANIFEST_NAME, *manifest.files}):
        faults.add(f"{name} is in the folder but not in the manifest: remove it")
    for name, record in manifest.files.items():
        path = folder / name
        if name not in found:
            if name not in odd:
                faults.add(f"{name} is missing: get the pack again")
            continue
        try:
            size = path.stat().st_size
            digest = hash_file(path) if size == record.bytes else None
        except OSError as error:
            faults.add(f"{name} cannot be read: {error.strerror}")
            continue
        if digest is None:
            faults.add(f"{name} has {size} bytes, expected {record.bytes}: get the pack again")
        elif digest != record.sha256:
            faults.add(
                f"{name} was changed or damaged: its sha256 is {digest}, expected {record.sha256}; "
                "get the pack again"
            )


def _check_weights(path: Path, manifest: Manifest, faults: Faults) -> None:
    """Compares the header of the weights with the manifest; the library refuses overlaps and holes."""
    from safetensors import SafetensorError, safe_open

    stored = {}
    try:
        with safe_open(path, framework="numpy") as file:
            for name in file.keys():  # noqa: SIM118 (not a dictionary)
                part = file.get_slice(name)
                stored[name] = (tuple(part.get_shape()), part.get_dtype())
    except (SafetensorError, OSError) as error:
        faults.add(f"{WEIGHTS_NAME} is not a safetensors file: {error}")
        return
    for name in sorted(stored.keys() - manifest.tensors.keys()):
        faults.add(f"tensor {name!r} is in {WEIGHTS_NAME} but not in the manifest")
    for name, record in manifest.tensors.items():
        if name not in stored:
            faults.add(f"tensor {name!r} is in the manifest but not in {WEIGHTS_NAME}")
            continue
        shape, code = stored[name]
        if shape != record.shape:
            faults.add(f"tensor {name!r} has shape {list(shape)}, the manifest says {list(record.shape)}")
        if code != DTYPES[record.dtype]:
            faults.add(f"tensor {name!r} has dtype {code}, the manifest says {DTYPES[record.dtype]}")


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
        frame = manifest.frames.get(side)
        vocabularies[side] = vocabulary if frame is None else frame.applied_to(vocabulary)
    return vocabularies


def _check_replaceable(folder: Path) -> None:
    """Whether ``folder`` is free, empty, or nothing but a pack: the only things that may be replaced."""
    if not folder.exists():
        return
    if not folder.is_dir():
        raise PackError(f"{folder} is a file and is not replaced; give another folder")
    names = {path.name for path in folder.iterdir()}
    if names and (MANIFEST_NAME not in names or names - _OUR_FILES):
        foreign = ", ".join(sorted(names - _OUR_FILES)) or f"no {MANIFEST_NAME}"
        raise PackError(f"{folder} is not a pack ({foreign}) and is not replaced; give another folder")
    for name in names:
        if not stat.S_ISREG((folder / name).lstat().st_mode):
            raise PackError(f"{folder / name} is not a plain file, so {folder} is not replaced")


def _check_vocabularies_given(pack: Pack) -> None:
    faults = Faults(f"pack {pack.manifest.name!r} cannot be saved")
    if set(pack.vocabularies) != set(pack.manifest.renewed):
        faults.add(
            f"vocabularies are given for {sorted(pack.vocabularies)}, "
            f"expected for the renewed sides {sorted(pack.manifest.renewed)}"
        )
    for side, vocabulary in pack.vocabularies.items():
        frame = pack.manifest.frames.get(side)
        framed = vocabulary if frame is None else frame.applied_to(vocabulary)
        is_framed = vocabulary.has_usual_frame if frame is None else vocabulary.frame == framed.frame
        if not (vocabulary.has_own_ids and vocabulary.segmenter.kind == "sentencepiece" and is_framed):
            faults.add(
                f"the {side} vocabulary is no SentencePiece model, has another frame than the manifest says "
                "(by default the end of sentence), or maps its pieces to other ids than SentencePiece's own; "
                "a pack stores vocabularies whose ids are their own"
            )
    faults.raise_as(PackError)


def _with_tensor_records(pack: Pack) -> Manifest:
    """The manifest with the shape and dtype of every tensor; what else was said of them stays."""
    faults = Faults(f"pack {pack.manifest.name!r} cannot be saved")
    given, records = pack.manifest.tensors, {}
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
        manifest = pack.manifest.changed(tensors=records)
    faults.raise_as(PackError)
    return manifest


def _with_file_records(manifest: Manifest, folder: Path) -> Manifest:
    paths = [folder / name for name in manifest.file_names]
    records = {path.name: FileRecord(sha256=sha256_file(path), bytes=path.stat().st_size) for path in paths}
    return manifest.changed(files=records)


class _Weights:
    """Reads the weights' file while it is hashed, so that the bytes used are the bytes that were hashed.

    The library maps the file: a later change of it would reach into the model. All tensors lie in one block.
    """

    def hash_file(self, path: Path) -> str:
        """The file's sha256 in hexadecimal."""
        if path.name != WEIGHTS_NAME:
            return sha256_file(path)
        import numpy

        self._bytes = numpy.empty(path.stat().st_size, numpy.uint8)
        with path.open("rb", buffering=0) as file:
            length = 0
            while count := file.readinto(self._bytes.data[length:]):
                length += count
        self._bytes = self._bytes[:length]  # shorter where the file has shrunk since; its hash will tell
        return hashlib.sha256(self._bytes.data).hexdigest()

    def tensors(self, manifest: Manifest) -> dict[str, torch.Tensor]:
        """What the verified file holds."""
        import torch

        start = 8 + int.from_bytes(self._bytes[:8].tobytes(), "little")
        header = json.loads(self._bytes[8:start].tobytes())
        block = torch.from_numpy(self._bytes)
        tensors = {}
        for name, record in manifest.tensors.items():
            begin, end = (start + offset for offset in header[name]["data_offsets"])
            tensors[name] = block[begin:end].view(getattr(torch, record.dtype)).reshape(record.shape)
        return tensors


def _write_weights(tensors: dict[str, torch.Tensor], path: Path) -> None:
    from safetensors.torch import save_file

    plain, seen = {}, set()
    for name, tensor in tensors.items():
        stored = tensor.detach().cpu().contiguous()
        storage = stored.untyped_storage().data_ptr()
        # The library refuses tensors that share storage, as slices of one parameter do.
        plain[name] = stored.clone() if storage in seen else stored
        seen.add(storage)
    save_file(plain, path)
