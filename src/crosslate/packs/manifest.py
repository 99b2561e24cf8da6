"""The manifest of a pack: what ``pack.json`` says, and the rules that it must keep.

``docs/pack-format.md`` is the specification; this module is its reader and writer. Nothing here
touches a tensor, so that a pack can be shown and refused without loading torch.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Annotated, Any

from pydantic import PlainValidator

from crosslate.config import from_values, to_values
from crosslate.errors import Faults, PackError, SettingsError
from crosslate.models.groups import Side
from crosslate.models.methods.forms import Form
from crosslate.models.methods.registry import form_values, read_form
from crosslate.packs.manifest_rules import (
    NO_CHECKSUM,
    check_checksum,
    check_description,
    check_file_records,
    check_sides,
    check_tensor,
)
from crosslate.packs.strict_json import strict_json
from crosslate.packs.version_2 import (
    FrameRecord,
    check_added,
    check_compact,
    check_frames,
    check_version,
    is_of_version_2,
    without_newer,
)
from crosslate.text.vocabularies import SpecialIds

FORMAT_VERSION = 2
"""The newest version that is read. A pack is written in the oldest that can express it."""
MANIFEST_NAME = "pack.json"
WEIGHTS_NAME = "weights.safetensors"
CARD_NAME = "README.md"
MAX_MANIFEST_BYTES = 16 << 20

StoredForm = Annotated[Form, PlainValidator(read_form)]


@dataclass(frozen=True)
class ParentIdentity:
    """The parent that a pack was made for; it fits no other.

    Attributes:
        name: a hub id or a folder, as the user gave it; where to look for the parent, not what it is.
        fingerprint: hex sha256 over the parent's tensors; what the parent is.
        source_vocabulary_size: pieces of the parent's source vocabulary.
        source_vocabulary_fingerprint: hex sha256 of that vocabulary (``Vocabulary.fingerprint``).
    """

    name: str
    fingerprint: str
    source_language: str
    target_language: str
    source_vocabulary_size: int
    target_vocabulary_size: int
    source_vocabulary_fingerprint: str
    target_vocabulary_fingerprint: str


@dataclass(frozen=True)
class TensorRecord:
    """One stored tensor.

    Attributes:
        shape: as stored.
        dtype: as stored, a key of :data:`DTYPES`.
        form: how the child's tensor is made of the parent's and of this one; None where this one is it. Of a
            renewed side, where it holds slices, the others are the parent's slices for the same pieces.
        child_dtype: the type that it has in the child; None where that is ``dtype``.
        scales: name of the tensor with a float32 factor for every row of this one; None where it has none.
    """

    shape: tuple[int, ...]
    dtype: str
    form: StoredForm | None = None
    child_dtype: str | None = None
    scales: str | None = None


@dataclass(frozen=True)
class ScoreRecord:
    """One score with the signature without which it could not be compared.

    Attributes:
        value: in the metric's unit; BLEU and chrF are 0-100.
        interval: the 95 % bootstrap interval.
    """

    metric: str
    value: float
    signature: str
    test_set: str
    interval: tuple[float, float] | None = None


@dataclass(frozen=True)
class FileRecord:
    """The hash and the length of one file of the pack."""

    sha256: str
    bytes: int


@dataclass(frozen=True)
class Manifest:
    """What ``pack.json`` says. ``tensors``, ``files`` and ``checksum`` are filled in when a pack is saved.

    Attributes:
        source_language: of the child; ``target_language`` likewise.
        renewed: the sides whose vocabulary is new; empty where the parent's vocabularies are kept.
        source_vocabulary_size: pieces of the child's source vocabulary; target likewise.
        special_ids: the special ids of each renewed side.
        frames: of renewed sides in another frame than the end of sentence after the pieces. Since version 2.
        training: settings, versions, seed, updates, seconds, machine; free in form.
        data: origins, content hashes, numbers of pairs, cleaning counts; free in form.
        created: UTC, ``2025-01-31T12:00:00Z``.
        added: methods whose modules the child has and the parent has not, as ``adapters(enc,dec;width=4)``.
        checksum: hex sha256 of ``pack.json`` itself, computed with this value as 64 zeros.
    """

    format_version: int
    crosslate_version: str
    name: str
    source_language: str
    target_language: str
    renewed: tuple[Side, ...]
    strategy: str
    parent: ParentIdentity
    source_vocabulary_size: int
    target_vocabulary_size: int
    special_ids: dict[str, SpecialIds]
    licence: str
    created: str
    training: dict[str, Any] = field(default_factory=dict)
    data: dict[str, Any] = field(default_factory=dict)
    scores: tuple[ScoreRecord, ...] = ()
    added: tuple[str, ...] = ()
    tensors: dict[str, TensorRecord] = field(default_factory=dict)
    files: dict[str, FileRecord] = field(default_factory=dict)
    checksum: str = ""
    frames: dict[str, FrameRecord] = field(default_factory=dict)

    def vocabulary_size(self, side: Side) -> int:
        """Pieces of the child's vocabulary on ``side``."""
        return self.source_vocabulary_size if side == "source" else self.target_vocabulary_size

    @property
    def needed_version(self) -> int:
        """The oldest version of the format that can express this manifest."""
        records = self.tensors.values()
        is_newer = self.added or self.frames or any(map(is_of_version_2, records))
        return 2 if is_newer else 1

    @property
    def scale_names(self) -> frozenset[str]:
        """Names of the tensors that only hold the factors of others' rows."""
        return frozenset(record.scales for record in self.tensors.values() if record.scales)

    @property
    def file_names(self) -> tuple[str, ...]:
        """Every file that the pack consists of, except ``pack.json`` itself."""
        return (WEIGHTS_NAME, *(vocabulary_name(side) for side in self.renewed), CARD_NAME)

    def sealed(self) -> Manifest:
        """The same manifest with its checksum filled in."""
        blank = replace(self, checksum=NO_CHECKSUM)
        return replace(self, checksum=hashlib.sha256(blank.to_bytes()).hexdigest())

    def to_bytes(self) -> bytes:
        """The bytes of ``pack.json``: two-space indent, characters unescaped, a final newline.

        Raises:
            PackError: a free-form record holds something that JSON cannot.
        """
        try:
            values = without_newer(to_values(self))
            for name, record in self.tensors.items():
                if record.form is not None:
                    values["tensors"][name]["form"] = form_values(record.form)
            values["tensors"] = {name: without_newer(each) for name, each in values["tensors"].items()}
            text = json.dumps(values, indent=2, ensure_ascii=False, allow_nan=False)
            return (text + "\n").encode("utf-8")
        except (TypeError, ValueError, RecursionError) as error:
            raise PackError(
                f"the manifest of {self.name!r} cannot be written as JSON: {error}; "
                "records may hold text, whole and finite numbers, true, false, null, lists and dictionaries"
            ) from None

    @classmethod
    def from_bytes(cls, data: bytes, where: str = MANIFEST_NAME) -> Manifest:
        """Reads and checks the bytes of a ``pack.json``.

        Args:
            where: the file, for messages.

        Raises:
            PackError: another format version, not JSON, or any rule of the format broken; every fault
                that can be seen at once is listed.
        """
        values = strict_json(data, where)
        _check_version(values, where)
        try:
            manifest = from_values(cls, values, where=where)
        except SettingsError as error:
            raise PackError(str(error)) from None
        faults = Faults(f"cannot use {where}")
        check_description(manifest, faults)
        check_sides(manifest, faults)
        check_version(manifest, faults)
        check_frames(manifest, faults)
        check_added(manifest.added, faults)
        for name, record in manifest.tensors.items():
            check_tensor(name, record, faults)
            check_compact(name, record, manifest.tensors, faults)
        if not manifest.tensors:
            faults.add("tensors is empty or missing; a pack holds at least one tensor")
        check_file_records(manifest, faults)
        check_checksum(manifest, data, faults)
        faults.raise_as(PackError)
        return manifest


def vocabulary_name(side: str) -> str:
    """The name of the file that holds the vocabulary of ``side``."""
    return f"{side}.spm"


def utc_now() -> str:
    """The present moment as a manifest writes it, in UTC and whole seconds."""
    return datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def read_manifest(path: Path) -> Manifest:
    """Reads and checks a ``pack.json`` by itself, without the files it lists.

    Raises:
        PackError: see :meth:`Manifest.from_bytes`.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_MANIFEST_BYTES + 1)
    except OSError as error:
        raise PackError(f"{path.name} cannot be read: {error.strerror}") from None
    if len(data) > MAX_MANIFEST_BYTES:
        raise PackError(f"{path.name} is longer than {MAX_MANIFEST_BYTES} bytes, so it is no manifest")
    return Manifest.from_bytes(data, path.name)


def _check_version(values: dict[str, Any], where: str) -> None:
    """Comes before everything else: what another version of the format may hold, this one cannot judge."""
    version = values.get("format_version")
    reads = f"this program reads format versions 1 to {FORMAT_VERSION}"
    if "format_version" not in values:
        raise PackError(f"{where}: format_version is missing, so this is not a pack's manifest; {reads}")
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise PackError(f"{where}: format_version is {version!r}, expected a whole number from 1; {reads}")
    if version > FORMAT_VERSION:
        raise PackError(
            f"{where}: the pack is in format version {version}; {reads}. "
            "Install a newer Crosslate (pip install --upgrade crosslate) or ask for the pack in this version"
        )
