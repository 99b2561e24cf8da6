"""Packs on disk, saved atomically and fully verified before use; docs/pack-format.md specifies the format."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crosslate.errors import Faults, PackError, SettingsError, VocabularyError
from crosslate.files import atomic_folder, sha256_file
from crosslate.models.groups import SIDES, Side
from crosslate.packs.cards import CardDetails, pack_card
from crosslate.packs.hub import Published, pack_folder, publish_pack
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
    """The tensors and vocabularies that make a child out of a parent.

    Attributes:
        manifest: description of the pack; saving updates its tensors, files and checksum.
            If a record in ``manifest.tensors`` has a form, that says how to make the child's tensor.
        tensors: by their names in the child's model; on the CPU when loaded.
        vocabularies: of the replaced sides only.
        folder: where the pack was loaded from or last saved to.
    """

    manifest: Manifest
    tensors: dict[str, torch.Tensor]
    vocabularies: dict[Side, Vocabulary] = field(default_factory=dict)
    folder: Path | None = None

    def form(self, name: str) -> Form | None:
        """How to make the child's tensor from the stored one; None if it is stored whole."""
        record = self.manifest.tensors.get(name)
        return None if record is None else record.form

    def decoded(self, name: str) -> torch.Tensor:
        """A stored tensor in the child's type; not copied if it has that type already."""
        tensor, record = self.tensors[name], self.manifest.tensors.get(name)
        if record is None or record.child_dtype is None:
            return tensor
        import torch

        if record.scales is not None:
            tensor = tensor.float() * self.tensors[record.scales].view([-1] + [1] * (tensor.dim() - 1))
        return tensor.to(getattr(torch, record.child_dtype))

    def save(self, folder: Path, replace: bool = False) -> None:
        """Writes the pack to ``folder`` and verifies it as :meth:`load` does.

        Args:
            replace: replace an existing pack. A folder with anything but a pack is never replaced.

        Raises:
            InputError: ``folder`` exists and ``replace`` is False.
            PackError: ``folder`` is not a pack, or this pack violates the format. Nothing is left behind.
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
            _verify(temporary, f"cannot save pack {folder}")
        self.manifest, self.folder = manifest, folder

    @classmethod
    def load(cls, folder: Path) -> Pack:
        """Verifies and reads a pack.

        Raises:
            PackError: see :func:`verify`.
        """
        from safetensors.torch import load

        folder = Path(folder)
        manifest, vocabularies = _verify(folder, f"pack {folder} is refused")
        # Not memory-mapped, so that later changes of the file cannot affect the verified bytes.
        data = (folder / WEIGHTS_NAME).read_bytes()
        if hashlib.sha256(data).hexdigest() != manifest.files[WEIGHTS_NAME].sha256:
            raise PackError(f"pack {folder} is refused: {WEIGHTS_NAME} changed while it was being read")
        return cls(manifest, load(data), vocabularies, folder)

    @classmethod
    def from_pretrained(cls, name: str | Path, revision: str | None = None) -> Pack:
        """:meth:`load` for a pack that is named by its folder or by its id on the hub.

        Args:
            name: a folder, ``ann/de-en``, or ``ann/de-en@REVISION``; a folder of that name goes first.
            revision: branch, tag or commit of a pack on the hub.

        Raises:
            PackError: the hub does not give it, or see :func:`verify`.
        """
        return cls.load(pack_folder(name, revision))

    def push_to_hub(
        self,
        repo_id: str,
        *,
        private: bool = False,
        revision: str | None = None,
        licence: str = "",
        datasets: Sequence[str] = (),
        tags: Sequence[str] = (),
        base_model: str = "",
        message: str = "",
    ) -> Published:
        """Publishes the pack on the Hugging Face Hub, with a card that the hub's searches understand.

        The files are those that :meth:`save` writes, so a saved pack keeps its fingerprint.

        Args:
            repo_id: repository (``ann/de-en``), created if missing.
            private: create a private repository; an existing one must be private.
            revision: branch, created if missing; None is the main one.
            licence, datasets, tags, base_model: see :class:`~crosslate.packs.cards.CardDetails`.
            message: of the commit.

        Raises:
            HubError: the hub cannot be reached or refuses the upload.
            UsageError: ``repo_id`` or a detail of the card is invalid.
        """
        details = CardDetails(
            licence=licence, datasets=list(datasets), tags=list(tags), base_model=base_model
        )
        with tempfile.TemporaryDirectory(prefix="crosslate-") as place:
            copy = Pack(self.manifest, self.tensors, self.vocabularies)
            copy.save(Path(place, "pack"))
            return publish_pack(
                Path(place, "pack"), copy.manifest, repo_id, details, is_private=private, revision=revision,
                message=message,
            )  # fmt: skip


def verify(folder: Path) -> Manifest:
    """Checks every byte of a pack and returns its manifest, without loading tensors.

    The folder must contain exactly the files in the manifest, as plain files, with matching lengths and
    hashes, and at most a card beside them. Only then are weights and vocabularies parsed and compared with
    the manifest.

    Raises:
        PackError: lists every fault found.
    """
    return _verify(Path(folder), f"pack {folder} is refused")[0]


def check_composition(manifests: Sequence[Manifest]) -> None:
    """Checks for one pack, a source pack and a target pack, or these two and their pair pack, in any order.

    Raises:
        PackError: says which sides each pack replaces, or which packs a pair pack belongs to.
    """
    pairs = [manifest for manifest in manifests if manifest.packs]
    others = [manifest for manifest in manifests if not manifest.packs]
    if len(pairs) > 1:
        raise PackError(
            f"{' and '.join(repr(each.name) for each in pairs)} are pair packs; expected one at most"
        )
    if pairs:
        _check_companions(pairs[0], others)
    elif len(others) == 1 or sorted(each.renewed for each in others) == [("source",), ("target",)]:
        return
    else:
        described = "; ".join(
            f"{each.name!r} replaces {' and '.join(each.renewed) or 'neither side'}" for each in others
        )
        raise PackError(
            f"these packs do not compose: {described}; expected one that replaces the source and one that "
            "replaces the target"
        )


def _check_companions(pair: Manifest, others: Sequence[Manifest]) -> None:
    """Checks that a pair pack's two packs, and no others, are beside it."""
    wanted = {each.fingerprint for each in pair.packs}
    if {each.checksum for each in others} == wanted and len(others) == len(wanted):
        return
    seen = [f"{each.name!r} (fingerprint {each.checksum})" for each in others]
    raise PackError(
        f"{pair.name!r} is a pair pack, which works only together with {' and '.join(map(str, pair.packs))}; "
        f"given beside it: {' and '.join(seen) or 'no other pack'}"
    )


def check_parent(manifest: Manifest, parent: Parent | str) -> None:
    """Checks that a pack was made for a parent.

    Args:
        parent: a parent, or just its fingerprint, which leaves its vocabularies unchecked.

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
            faults.add(f"{what} is {seen}, but the pack expects {wanted} (parent {expected.name!r})")
    faults.raise_as(PackError)


def _verify(folder: Path, heading: str) -> tuple[Manifest, dict[Side, Vocabulary]]:
    faults = Faults(heading)
    entries = _entries(folder)
    for name, fault in entries.items():
        if fault:
            faults.add(f"{name} {fault}")
    if MANIFEST_NAME not in entries:
        faults.add(f"{MANIFEST_NAME} is missing, so this is not a pack")
    elif not entries[MANIFEST_NAME]:
        with faults.catch(PackError):
            manifest = read_manifest(folder / MANIFEST_NAME)
            _check_files(folder, manifest, entries, faults)
    # Parse the contents of files only if every hash is right.
    faults.raise_as(PackError)
    _check_weights(folder / WEIGHTS_NAME, manifest, faults)
    vocabularies = _read_vocabularies(folder, manifest, faults)
    faults.raise_as(PackError)
    return manifest, vocabularies


def _entries(folder: Path) -> dict[str, str]:
    """Names in a folder with the fault of each, without opening files; "" for plain files of a pack."""
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except FileNotFoundError:
        raise PackError(
            f"{folder}: no such folder; expected the folder of a pack, or its id on the Hugging Face Hub"
        ) from None
    except (OSError, ValueError) as error:
        raise PackError(f"cannot read {folder} as the folder of a pack: {error}") from None
    found = {}
    for entry in entries:
        fault = ""
        if entry.is_symlink():
            fault = "is a symbolic link, expected a plain file: replace the link by the file"
        elif not entry.is_file(follow_symlinks=False):
            fault = "is not a file; packs contain only files: remove it"
        elif entry.name not in _OUR_FILES:
            fault = "does not belong to a pack: remove it"
        found[entry.name] = fault
    return found


def _check_files(folder: Path, manifest: Manifest, entries: dict[str, str], faults: Faults) -> None:
    plain = {name for name, fault in entries.items() if not fault}
    for name in sorted(plain - {MANIFEST_NAME, CARD_NAME, *manifest.files}):
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
            faults.add(f"cannot read {name}: {error.strerror}")
            continue
        if found != record:
            seen, expected = (f"{each.bytes} bytes with the sha256 {each.sha256}" for each in (found, record))
            faults.add(f"{name} was changed or damaged: it has {seen}, expected {expected}; get it again")


def _file_record(path: Path) -> FileRecord:
    return FileRecord(sha256=sha256_file(path), bytes=path.stat().st_size)


def _check_weights(path: Path, manifest: Manifest, faults: Faults) -> None:
    """Compares the header of the weights with the manifest; safetensors itself refuses overlaps and gaps."""
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
            faults.add(f"tensor {name!r} is {found} in {WEIGHTS_NAME}, but {expected} in the manifest")


def _read_vocabularies(folder: Path, manifest: Manifest, faults: Faults) -> dict[Side, Vocabulary]:
    vocabularies = {}
    for side in manifest.renewed:
        name = vocabulary_name(side)
        try:
            vocabulary = Vocabulary.load(folder / name)
        except (VocabularyError, UnicodeDecodeError, RuntimeError) as error:  # pieces may not be UTF-8
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
    """Checks that ``folder`` is missing, empty, or a pack without other files.

    Raises:
        PackError: names the other files.
    """
    if not folder.exists():
        return
    entries = _entries(folder)
    foreign = [name for name, fault in entries.items() if fault]
    if foreign or (entries and MANIFEST_NAME not in entries):
        reason = ", ".join(foreign) or f"no {MANIFEST_NAME}"
        raise PackError(f"{folder} is not a pack ({reason}), so it will not be replaced; give another folder")


def _described(pack: Pack) -> Manifest:
    """The manifest with the shape and dtype of every tensor updated.

    Raises:
        PackError: the pack's vocabularies or tensors do not match the manifest.
    """
    manifest, faults = pack.manifest, Faults(f"cannot save pack {pack.manifest.name!r}")
    if set(pack.vocabularies) != set(manifest.renewed):
        faults.add(
            f"vocabularies are given for {sorted(pack.vocabularies)}, "
            f"expected for the replaced sides {sorted(manifest.renewed)}"
        )
    for side, vocabulary in pack.vocabularies.items():
        is_framed = side not in manifest.renewed or vocabulary.frame == manifest.frame(side)
        if not (vocabulary.has_own_ids and vocabulary.segmenter.kind == "sentencepiece" and is_framed):
            faults.add(
                f"the {side} vocabulary cannot be stored: expected a SentencePiece model with its own ids "
                "and the frame in the manifest (by default a final end of sentence)"
            )
    given, records = manifest.tensors, {}
    described = {name for name, record in given.items() if record.form or record.child_dtype}
    if absent := sorted(described - pack.tensors.keys()):
        faults.add(f"the manifest describes tensors that the pack lacks: {', '.join(absent)}")
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

    # Copies, since safetensors refuses tensors that share storage, such as slices of one parameter.
    copies = {
        name: tensor.detach().cpu().clone(memory_format=torch.contiguous_format)
        for name, tensor in tensors.items()
    }
    save_file(copies, path)
