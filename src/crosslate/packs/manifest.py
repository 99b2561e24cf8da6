"""The manifest of a pack: what ``pack.json`` says, and the rules that it must keep.

``docs/pack-format.md`` is the specification; this module is its reader and writer. Nothing here
touches a tensor, so that a pack can be shown and refused without loading torch.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Literal

from crosslate.corpora.vocabularies import SpecialIds
from crosslate.errors import Faults, PackError, SettingsError, UsageError
from crosslate.files import is_inside_name
from crosslate.languages import language_code
from crosslate.models.forms import Form
from crosslate.packs.strict_json import strict_json
from crosslate.packs.version_2 import (
    AddedModules,
    FrameRecord,
    check_added,
    check_compact,
    check_frames,
    check_version,
    is_of_version_2,
    without_newer,
)
from crosslate.settings import from_values, to_values

FORMAT_VERSION = 2
"""The newest version that is read. A pack is written in the oldest that can express it."""
MANIFEST_NAME = "pack.json"
WEIGHTS_NAME = "weights.safetensors"
CARD_NAME = "README.md"
MAX_MANIFEST_BYTES = 16 << 20

Side = Literal["source", "target"]
SIDES: tuple[Side, Side] = ("source", "target")

# The manifest's word for a number type, and safetensors' code for the same.
DTYPES = {
    "float64": "F64", "float32": "F32", "float16": "F16", "bfloat16": "BF16",
    "int64": "I64", "int32": "I32", "int16": "I16", "int8": "I8", "uint8": "U8", "bool": "BOOL",
}  # fmt: skip

_NO_CHECKSUM = "0" * 64
_SHA256 = re.compile(r"[0-9a-f]{64}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_CREATED = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


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
class Selection:
    """Which slices of a parent's tensor a pack stores, where it does not store all of it.

    Attributes:
        axis: the axis of the tensor that is cut, from 0.
        size: length of that axis in the parent's tensor.
        ranges: half-open ``(start, stop)`` pairs along the axis, ascending, none touching the next.
    """

    axis: int
    size: int
    ranges: tuple[tuple[int, int], ...]

    @classmethod
    def of(cls, axis: int, size: int, indices: Iterable[int]) -> Selection:
        """The selection of ``indices`` (any order, repeats count once)."""
        ranges: list[tuple[int, int]] = []
        for index in sorted(set(indices)):
            if ranges and ranges[-1][1] == index:
                ranges[-1] = (ranges[-1][0], index + 1)
            else:
                ranges.append((index, index + 1))
        return cls(axis, size, tuple(ranges))

    @property
    def indices(self) -> list[int]:
        """Every selected index, ascending: the order in which the slices are stored."""
        return [index for start, stop in self.ranges for index in range(start, stop)]


@dataclass(frozen=True)
class TensorRecord:
    """One stored tensor.

    Attributes:
        shape: as stored.
        dtype: as stored, a key of :data:`DTYPES`.
        selection: which slices of the parent's tensor it holds; None holds all of it.
        form: how the child's tensor is made of the parent's and of this one; None where this one is it.
        child_dtype: the type that it has in the child; None where that is ``dtype``.
        scales: name of the tensor with a float32 factor for every row of this one; None where it has none.
        appended: which slices of the child's tensor it holds, where the others are the parent's slices for
            the same pieces.
    """

    shape: tuple[int, ...]
    dtype: str
    selection: Selection | None = None
    form: Form | None = None
    child_dtype: str | None = None
    scales: str | None = None
    appended: Selection | None = None


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
        added: modules that the parent has not; None where there are none.
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
    added: AddedModules | None = None
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
        blank = replace(self, checksum=_NO_CHECKSUM)
        return replace(self, checksum=hashlib.sha256(blank.to_bytes()).hexdigest())

    def to_bytes(self) -> bytes:
        """The bytes of ``pack.json``: two-space indent, characters unescaped, a final newline.

        Raises:
            PackError: a free-form record holds something that JSON cannot.
        """
        try:
            values = without_newer(to_values(self))
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
        _check_description(manifest, faults)
        _check_sides(manifest, faults)
        check_version(manifest, faults)
        check_frames(manifest, faults)
        check_added(manifest.added, faults)
        for name, record in manifest.tensors.items():
            _check_tensor(name, record, faults)
            check_compact(name, record, manifest.tensors, faults)
        if not manifest.tensors:
            faults.add("tensors is empty or missing; a pack holds at least one tensor")
        _check_file_records(manifest, faults)
        _check_checksum(manifest, data, faults)
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


def _check_description(manifest: Manifest, faults: Faults) -> None:
    parent = manifest.parent
    words = {
        "crosslate_version": manifest.crosslate_version,
        "name": manifest.name,
        "strategy": manifest.strategy,
        "licence": manifest.licence,
        "parent.name": parent.name,
    }
    for name, value in words.items():
        if not value.strip() or _CONTROL.search(value):
            faults.add(f"{name} is {value!r}, expected a line of text without control characters")
    codes = (
        manifest.source_language,
        manifest.target_language,
        parent.source_language,
        parent.target_language,
    )
    for code in codes:
        with faults.catch(UsageError):
            if language_code(code) != code:
                faults.add(f"language {code!r} is spelt {language_code(code)!r} in a pack")
    fingerprints = {
        "parent.fingerprint": parent.fingerprint,
        "parent.source_vocabulary_fingerprint": parent.source_vocabulary_fingerprint,
        "parent.target_vocabulary_fingerprint": parent.target_vocabulary_fingerprint,
    }
    for name, value in fingerprints.items():
        if not _SHA256.fullmatch(value):
            faults.add(f"{name} is {value!r}, expected 64 hexadecimal digits (lower case)")
    if not _is_moment(manifest.created):
        faults.add(f"created is {manifest.created!r}, expected a moment in UTC like '2025-01-31T12:00:00Z'")
    for index, score in enumerate(manifest.scores):
        if not score.metric.strip():
            faults.add(f"scores[{index}].metric is {score.metric!r}, expected the name of a metric")
        if score.interval is not None and (len(score.interval) != 2 or score.interval[0] > score.interval[1]):
            faults.add(f"scores[{index}].interval is {list(score.interval)}, expected [lower, upper]")


def _check_sides(manifest: Manifest, faults: Faults) -> None:
    if list(manifest.renewed) != [side for side in SIDES if side in manifest.renewed]:
        faults.add(f"renewed is {list(manifest.renewed)}, expected each side once, the source first")
    if set(manifest.special_ids) != set(manifest.renewed):
        faults.add(
            f"special_ids is given for {sorted(manifest.special_ids)}, "
            f"expected for the renewed sides {sorted(manifest.renewed)}"
        )
    parents = {
        "source": manifest.parent.source_vocabulary_size,
        "target": manifest.parent.target_vocabulary_size,
    }
    for side in SIDES:
        size = manifest.vocabulary_size(side)
        if min(size, parents[side]) < 1:
            faults.add(
                f"{side}_vocabulary_size is {size} (the parent's {parents[side]}), expected at least 1"
            )
        if side not in manifest.renewed and size != parents[side]:
            faults.add(
                f"{side}_vocabulary_size is {size}, expected the parent's {parents[side]}: "
                f"the {side} side is not renewed"
            )
        special = manifest.special_ids.get(side)
        if special is not None:
            ids = [index for index in vars(special).values() if index is not None]
            if len(set(ids)) != len(ids) or not all(0 <= index < size for index in ids):
                faults.add(
                    f"special_ids.{side} is {vars(special)}, expected different ids from 0 to {size - 1}"
                )


def _check_tensor(name: str, record: TensorRecord, faults: Faults) -> None:
    where = f"tensor {name!r}"
    if not name or not name.isprintable() or name == "__metadata__":
        faults.add(f"{where}: not the name of a tensor")
    if any(length < 0 for length in record.shape):
        faults.add(f"{where}: shape is {list(record.shape)}, expected lengths from 0")
    if record.dtype not in DTYPES:
        faults.add(f"{where}: dtype is {record.dtype!r}, expected one of {', '.join(DTYPES)}")
    for field_name in ("selection", "appended"):
        _check_selection(f"{where}: {field_name}", getattr(record, field_name), record.shape, faults)


def _check_selection(where: str, selection: Selection | None, shape: tuple[int, ...], faults: Faults) -> None:
    if selection is None:
        return
    if not 0 <= selection.axis < len(shape):
        faults.add(f"{where}.axis is {selection.axis}, expected 0 to {len(shape) - 1}")
        return
    if any(len(pair) != 2 for pair in selection.ranges):
        faults.add(f"{where}.ranges is {selection.ranges}, expected pairs [start, stop]")
        return
    ends = [end for pair in selection.ranges for end in pair]
    is_ascending = all(before < after for before, after in itertools.pairwise(ends))
    if not ends or not is_ascending or ends[0] < 0 or ends[-1] > selection.size:
        faults.add(
            f"{where}.ranges is {[list(pair) for pair in selection.ranges]}, expected ascending "
            f"[start, stop] pairs from 0 to {selection.size} that do not touch"
        )
        return
    num_selected = sum(stop - start for start, stop in selection.ranges)
    if num_selected != shape[selection.axis]:
        faults.add(
            f"{where}: axis {selection.axis} has length {shape[selection.axis]}, "
            f"but {num_selected} slices are selected"
        )


def _check_file_records(manifest: Manifest, faults: Faults) -> None:
    for name, record in manifest.files.items():
        if not is_inside_name(name) or "/" in name or not name.isprintable():
            faults.add(f"files names {name!r}, which leaves the pack's folder or is no plain file name")
        elif name not in manifest.file_names:
            faults.add(
                f"files names {name!r}, which is no part of this pack: {', '.join(manifest.file_names)}"
            )
        if not _SHA256.fullmatch(record.sha256):
            faults.add(f"files[{name!r}].sha256 is {record.sha256!r}, expected 64 hexadecimal digits")
        if record.bytes < 0:
            faults.add(f"files[{name!r}].bytes is {record.bytes}, expected a length from 0")
    for name in manifest.file_names:
        if name not in manifest.files:
            faults.add(f"files lacks {name!r}")


def _check_checksum(manifest: Manifest, data: bytes, faults: Faults) -> None:
    if not _SHA256.fullmatch(manifest.checksum):
        faults.add(f"checksum is {manifest.checksum!r}, expected 64 hexadecimal digits (lower case)")
        return
    blank = data.replace(manifest.checksum.encode("ascii"), _NO_CHECKSUM.encode("ascii"))
    actual = hashlib.sha256(blank).hexdigest()
    if actual != manifest.checksum:
        faults.add(
            f"the file's checksum is {actual}, but it says {manifest.checksum}: it was changed or damaged "
            "after it was written; get the pack again"
        )


def _is_moment(text: str) -> bool:
    if not _CREATED.fullmatch(text):
        return False
    try:
        datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ")
    except ValueError:
        return False
    return True
