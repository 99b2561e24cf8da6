"""The manifest of a pack: the contents of ``pack.json`` and their rules, as specified in docs/pack-format.md.

Works without tensors, so packs can be listed and refused without loading torch.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AfterValidator, Field, PlainSerializer, PlainValidator

from crosslate.config import Settings
from crosslate.errors import Faults, PackError, SettingsError
from crosslate.languages.codes import language_code
from crosslate.models.groups import SIDES, Side
from crosslate.models.methods.forms import Form, form_values
from crosslate.models.methods.registry import parse_method, read_form
from crosslate.text.term_annotations import TermMarkers
from crosslate.text.vocabularies import Frame, SpecialIds

if TYPE_CHECKING:
    import torch

FORMAT_VERSION: Literal[1] = 1
MANIFEST_NAME = "pack.json"
WEIGHTS_NAME = "weights.safetensors"
CARD_NAME = "README.md"
MAX_MANIFEST_BYTES = 16 << 20
MAX_DEPTH = 32
"""Maximum levels of nesting in ``pack.json``."""

# Number types in the manifest and in safetensors.
DTYPES = {
    "float64": "F64", "float32": "F32", "float16": "F16", "bfloat16": "BF16",
    "int64": "I64", "int32": "I32", "int16": "I16", "int8": "I8", "uint8": "U8", "bool": "BOOL",
}  # fmt: skip
NO_CHECKSUM = "0" * 64
_NEAREST, _LARGEST_EXPONENT = 1e-6, 700.0
_MOMENT = "%Y-%m-%dT%H:%M:%SZ"
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def _check_line(text: str) -> str:
    if not text.strip() or _CONTROL.search(text):
        raise ValueError(f"{text!r} is not a single nonempty line of text without control characters")
    return text


def _check_code(text: str) -> str:
    if language_code(text) != text:
        raise ValueError(f"language is {text!r}, expected the spelling {language_code(text)!r}")
    return text


def _check_moment(text: str) -> str:
    try:
        is_moment = datetime.strptime(text, _MOMENT).strftime(_MOMENT) == text
    except ValueError:
        is_moment = False
    if not is_moment:
        raise ValueError(f"{text!r} is not a UTC time like '2025-01-31T12:00:00Z'")
    return text


def _check_added(text: str) -> str:
    if not parse_method(text).method.modules:
        raise ValueError(f"{text!r} does not add modules")
    return text


Line = Annotated[str, AfterValidator(_check_line)]
Code = Annotated[str, AfterValidator(_check_code)]
Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
Moment = Annotated[str, AfterValidator(_check_moment)]
Count = Annotated[int, Field(ge=0)]
Size = Annotated[int, Field(ge=1)]
StoredForm = Annotated[
    Form,
    PlainValidator(lambda value: value if isinstance(value, Form) else read_form(value)),
    PlainSerializer(form_values),
]


class ParentIdentity(Settings):
    """The only parent that a pack fits.

    Attributes:
        name: a hub id or a folder, as the user gave it; where to look for the parent, not what it is.
        fingerprint: hex sha256 over the parent's tensors; what the parent is.
        prefix: text before every source text, if the user gave one.
        source_vocabulary_size: pieces of the parent's source vocabulary.
        source_vocabulary_fingerprint: hex sha256 of that vocabulary (``Vocabulary.fingerprint``).
    """

    name: Line
    fingerprint: Sha256
    source_language: Code
    target_language: Code
    source_vocabulary_size: Size
    target_vocabulary_size: Size
    source_vocabulary_fingerprint: Sha256
    target_vocabulary_fingerprint: Sha256
    prefix: str | None = Field(None, exclude_if=lambda prefix: prefix is None)


class PackIdentity(Settings):
    """Another pack that a pack refers to.

    Attributes:
        name: as in its manifest, for people.
        fingerprint: the checksum of its manifest, which covers all its files; what the pack is.
    """

    name: Line
    fingerprint: Sha256

    def __str__(self) -> str:
        return f"{self.name!r} (fingerprint {self.fingerprint})"


class FrameRecord(Settings):
    """Ids around the sentences of a replaced side, if not just a final end of sentence.

    Attributes:
        before: ids before the pieces of a sentence.
        after: ids after them.
        start: id that the decoder starts with, if not one of the special ids; target side only.
    """

    before: tuple[Count, ...]
    after: tuple[Count, ...]
    start: Count | None = None


class TensorRecord(Settings):
    """One stored tensor.

    Attributes:
        shape: as stored.
        dtype: as stored.
        form: how to make the child's tensor from the parent's and this one; None if this is the child's.
            On a replaced side, slices are combined with the parent's slices for shared pieces.
        child_dtype: type in the child; None if the same as ``dtype``.
        scales: name of the tensor with a float32 factor for each row; None without scales.
    """

    shape: tuple[Count, ...]
    dtype: Literal[
        "float64", "float32", "float16", "bfloat16", "int64", "int32", "int16", "int8", "uint8", "bool"
    ]
    form: StoredForm | None = None
    child_dtype: Literal["float64", "float32", "float16", "bfloat16"] | None = None
    scales: str | None = None

    @property
    def num_bytes(self) -> int:
        """Size of the stored numbers."""
        num_bits = re.sub(r"\D", "", self.dtype) or 8  # a bool takes a byte
        return math.prod(self.shape) * int(num_bits) // 8

    def find_faults(self, faults: Faults) -> None:
        if self.form is not None and self.shape != self.form.stored_shape:
            faults.add(f"shape is {list(self.shape)}, but its form needs {list(self.form.stored_shape)}")
        if self.scales is not None:
            if self.child_dtype is None or self.dtype != "int8" or len(self.shape) < 2:
                faults.add("scales need an int8 tensor of two or more axes with a child_dtype")
        elif self.child_dtype is not None and "float" not in self.dtype:
            faults.add(f"scales are missing, which are needed to convert {self.dtype} to {self.child_dtype}")


class ScoreRecord(Settings):
    """A score with its signature.

    Attributes:
        value: in the metric's unit; BLEU and chrF are 0-100.
        interval: the 95 % bootstrap interval.
    """

    metric: Line
    value: float
    signature: str
    test_set: str
    interval: tuple[float, float] | None = None

    def find_faults(self, faults: Faults) -> None:
        if self.interval is not None and self.interval[0] > self.interval[1]:
            faults.add(f"interval is {list(self.interval)}, expected [lower, upper]")


class Curve(Settings):
    """What a probability of the model is worth: a logistic function of its log-odds, which never falls.

    Attributes:
        intercept, slope: of the function.
        doubtful: the probability below which the least sure tenth was.
    """

    intercept: float
    slope: float = Field(ge=0)
    doubtful: float = Field(ge=0, le=1)

    def expected(self, probability: float) -> float:
        """The expected share, 0-1."""
        value = self.intercept + self.slope * log_odds(probability)
        return 1 / (1 + math.exp(-max(value, -_LARGEST_EXPONENT)))


class Calibration(Settings):
    """What the confidence of a child's translations is worth, measured on validation text.

    Attributes:
        sentence: gives the expected chrF of a sentence, divided by 100.
        word: gives the probability that a reference has a word.
        sentences: how many were measured.
        spearman: rank correlation of their confidence with their chrF.
        signature: of chrF.
    """

    sentence: Curve
    word: Curve
    sentences: Size
    spearman: float = Field(ge=-1, le=1)
    signature: Line


def log_odds(probability: float) -> float:
    """``log(p / (1 - p))``; probabilities nearer to 0 and 1 than single precision tells apart count alike."""
    kept = min(max(probability, _NEAREST), 1 - _NEAREST)
    return math.log(kept / (1 - kept))


class FileRecord(Settings):
    """Hash and length of a file of the pack."""

    sha256: Sha256
    bytes: Count


class Manifest(Settings):
    """Contents of ``pack.json``. ``tensors``, ``files`` and ``checksum`` are filled in when a pack is saved.

    Attributes:
        source_language, target_language: of the child.
        renewed: sides with a new vocabulary; empty if the parent's vocabularies are kept.
        packs: of a pair pack, the source pack and the target pack whose composed child it
            changes; else empty.
        start: the pack that the training started from, if it was one; the pack is not needed any more.
        source_vocabulary_size, target_vocabulary_size: pieces of the child's vocabularies.
        special_ids: special ids of each replaced side.
        frames: frames of replaced sides that differ from the usual one, an end of sentence after the pieces.
        training: settings, versions, seed, updates, seconds, machine; free-form.
        data: origins, content hashes, numbers of pairs, cleaning counts; free-form.
        calibration: of the confidence of the child's translations; None without enough validation text.
        created: UTC, ``2025-01-31T12:00:00Z``.
        terms: markers of terms in the source, if the child has learnt to use the translations put in there.
        added: methods that add modules to the parent's, such as ``adapters(enc,dec;width=4)``.
        checksum: hex sha256 of ``pack.json`` itself, computed with this value as 64 zeros.
    """

    format_version: Literal[1] = FORMAT_VERSION
    crosslate_version: Line
    name: Line
    source_language: Code
    target_language: Code
    renewed: tuple[Side, ...]
    strategy: Line
    parent: ParentIdentity
    packs: tuple[PackIdentity, ...] = Field((), exclude_if=lambda packs: not packs)
    start: PackIdentity | None = Field(None, exclude_if=lambda start: start is None)
    source_vocabulary_size: Size
    target_vocabulary_size: Size
    special_ids: dict[Side, SpecialIds]
    frames: dict[Side, FrameRecord] = Field(default_factory=dict)
    licence: Line
    created: Moment
    training: dict[str, Any] = Field(default_factory=dict)
    data: dict[str, Any] = Field(default_factory=dict)
    scores: tuple[ScoreRecord, ...] = ()
    calibration: Calibration | None = None
    terms: TermMarkers | None = None
    added: tuple[Annotated[str, AfterValidator(_check_added)], ...] = ()
    tensors: dict[str, TensorRecord] = Field(default_factory=dict)
    files: dict[str, FileRecord] = Field(default_factory=dict)
    checksum: Sha256 = NO_CHECKSUM

    def vocabulary_size(self, side: Side) -> int:
        """Pieces of the child's vocabulary on ``side``."""
        return self.source_vocabulary_size if side == "source" else self.target_vocabulary_size

    def frame(self, side: Side) -> Frame:
        """The frame of a replaced side."""
        if (record := self.frames.get(side)) is not None:
            return Frame(record.before, record.after)
        return Frame(after=(self.special_ids[side].eos,))

    @property
    def identity(self) -> PackIdentity:
        """What another pack records of this one.

        Raises:
            PackError: the pack was never saved, so it has no checksum.
        """
        if self.checksum == NO_CHECKSUM:
            raise PackError(
                f"pack {self.name!r} was not saved yet, so nothing can refer to it; save it first"
            )
        return PackIdentity(name=self.name, fingerprint=self.checksum)

    @property
    def place(self) -> int:
        """Order among packs that make one child: the source pack, the target pack, the pair pack."""
        return 2 if self.packs else int(self.renewed == ("target",))

    @property
    def scale_names(self) -> frozenset[str]:
        """Names of the tensors that hold row factors of other tensors."""
        return frozenset(record.scales for record in self.tensors.values() if record.scales)

    @property
    def file_names(self) -> tuple[str, ...]:
        """The files of the pack except ``pack.json`` and the card, which people may edit."""
        return (WEIGHTS_NAME, *(vocabulary_name(side) for side in self.renewed))

    def find_faults(self, faults: Faults) -> None:
        if list(self.renewed) != [side for side in SIDES if side in self.renewed]:
            faults.add(f"renewed is {list(self.renewed)}, expected each side at most once, the source first")
        if set(self.special_ids) != set(self.renewed):
            faults.add(
                f"special_ids is given for {sorted(self.special_ids)}, "
                f"expected for the renewed sides {sorted(self.renewed)}"
            )
        if self.packs and (len(self.packs) != 2 or self.renewed):
            faults.add(
                f"packs lists {len(self.packs)} and renewed is {list(self.renewed)}; a pair pack belongs "
                "to 2 packs and renews no side"
            )
        for side in SIDES:
            self._find_faults_of_side(side, faults)
        for name, record in self.tensors.items():
            if not name or not name.isprintable() or name == "__metadata__":
                faults.add(f"{name!r} is not a valid tensor name")
            if record.scales is not None:
                scales = self.tensors.get(record.scales)
                if scales is None or (scales.shape, scales.dtype) != (record.shape[:1], "float32"):
                    faults.add(
                        f"tensors.{name}: scales names {record.scales!r}, "
                        f"expected a tensor of {record.shape[0]} float32 numbers"
                    )

    def _find_faults_of_side(self, side: Side, faults: Faults) -> None:
        size, of_parent = self.vocabulary_size(side), getattr(self.parent, f"{side}_vocabulary_size")
        if side not in self.renewed and size != of_parent and not self.packs:
            faults.add(
                f"{side}_vocabulary_size is {size}, expected the parent's {of_parent}: "
                f"the {side} side is not renewed"
            )
        if (special := self.special_ids.get(side)) is not None:
            ids = [index for index in vars(special).values() if index is not None]
            if len(set(ids)) != len(ids) or not all(0 <= index < size for index in ids):
                faults.add(
                    f"special_ids.{side} is {vars(special)}, expected distinct ids from 0 to {size - 1}"
                )
        if (frame := self.frames.get(side)) is None:
            return
        if side not in self.renewed:
            faults.add(f"frames is given for {side!r}, expected renewed sides only: {list(self.renewed)}")
        ids = [*frame.before, *frame.after, *([] if frame.start is None else [frame.start])]
        if not all(index < size for index in ids):
            faults.add(f"frames.{side} has the ids {ids}, expected ids from 0 to {size - 1}")
        if side == "source" and frame.start is not None:
            faults.add(f"frames.source.start is {frame.start}, expected null: only the target has a start id")

    def sealed(self) -> Manifest:
        """A copy with the checksum filled in."""
        blank = self.changed(checksum=NO_CHECKSUM).to_bytes()
        return self.changed(checksum=hashlib.sha256(blank).hexdigest())

    def to_bytes(self) -> bytes:
        """The bytes of ``pack.json``: two-space indent, characters unescaped, a final newline.

        Raises:
            PackError: a free-form record has a value that JSON cannot represent.
        """
        try:
            values = self.model_dump(mode="json", exclude_none=True)
            text = json.dumps(values, indent=2, ensure_ascii=False, allow_nan=False)
            return (text + "\n").encode("utf-8")
        except (TypeError, ValueError, RecursionError) as error:
            raise PackError(
                f"cannot write the manifest of {self.name!r} as JSON: {error}; "
                "records may hold text, finite numbers, true, false, null, lists and dictionaries"
            ) from None

    @classmethod
    def from_bytes(cls, data: bytes, where: str = MANIFEST_NAME) -> Manifest:
        """Reads and checks the bytes of a ``pack.json``.

        Args:
            where: name of the file, for messages.

        Raises:
            PackError: another format version, invalid JSON, or a violation of the format; lists all faults.
        """
        values = read_strict_json(data, where)
        version = values.get("format_version")
        # Check this first, since the rules of other versions are unknown.
        if isinstance(version, bool) or version != FORMAT_VERSION or not isinstance(version, int):
            raise PackError(
                f"{where}: format_version is {version!r}, but this Crosslate reads format version "
                f"{FORMAT_VERSION}; if the pack is newer, upgrade Crosslate (pip install --upgrade "
                "crosslate) or get the pack in this format"
            )
        try:
            manifest = cls.from_values(values, where=where)
        except SettingsError as error:
            raise PackError(str(error)) from None
        faults = Faults(f"cannot use {where}")
        if not manifest.tensors:
            faults.add("tensors is empty or missing, expected at least one tensor")
        if set(manifest.files) != set(manifest.file_names):
            faults.add(
                f"files lists {', '.join(map(repr, sorted(manifest.files))) or 'none'}, "
                f"expected {', '.join(manifest.file_names)}"
            )
        blank = data.replace(manifest.checksum.encode(), NO_CHECKSUM.encode())
        if (actual := hashlib.sha256(blank).hexdigest()) != manifest.checksum:
            faults.add(
                f"the checksum is {actual}, but the file says {manifest.checksum}: the file was changed or "
                "damaged; get the pack again"
            )
        faults.raise_as(PackError)
        return manifest


def calibration_of(manifests: Sequence[Manifest]) -> Calibration | None:
    """The calibration of the model that packs make together: the only pack's, or the pair pack's.

    A composition of two packs has none: nothing was measured on its pair.
    """
    found = _trained_for_pair(manifests)
    return None if found is None else found.calibration


def term_markers_of(manifests: Sequence[Manifest]) -> TermMarkers | None:
    """The markers of terms that the model has learnt which packs make together; see :func:`calibration_of`.

    A composition of two packs has learnt none: its cross-attention is that of one of them.
    """
    found = _trained_for_pair(manifests)
    return None if found is None else found.terms


def _trained_for_pair(manifests: Sequence[Manifest]) -> Manifest | None:
    return next((each for each in manifests if len(manifests) == 1 or each.packs), None)


def vocabulary_name(side: str) -> str:
    """File name of the vocabulary of ``side``."""
    return f"{side}.spm"


def dtype_name(dtype: torch.dtype) -> Any:
    """The manifest's name of a number type."""
    return str(dtype).removeprefix("torch.")


def utc_now() -> str:
    """The current UTC time in the manifest's format, in whole seconds."""
    return datetime.now(timezone.utc).strftime(_MOMENT)


def read_manifest(path: Path) -> Manifest:
    """Reads and checks a ``pack.json`` without the files it lists.

    Raises:
        PackError: see :meth:`Manifest.from_bytes`.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_MANIFEST_BYTES + 1)
    except OSError as error:
        raise PackError(f"cannot read {path.name}: {error.strerror}") from None
    if len(data) > MAX_MANIFEST_BYTES:
        raise PackError(f"{path.name} is too long, expected at most {MAX_MANIFEST_BYTES} bytes")
    return Manifest.from_bytes(data, path.name)


def read_strict_json(data: bytes, where: str) -> dict[str, Any]:
    """Reads a JSON object from an untrusted file.

    Args:
        where: name of the file, for messages.

    Raises:
        PackError: invalid UTF-8 or JSON, no object at the top level, a duplicate key, NaN or an infinite
            number, a lone surrogate, or nesting deeper than :data:`MAX_DEPTH`.
    """
    faults = Faults(f"cannot use {where}")

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for key, value in pairs:
            if key in result:
                faults.add(f"the key {key!r} occurs twice in one object")
            result[key] = value
        return result

    def finite(text: str) -> float:
        if not math.isfinite(float(text)):
            faults.add(f"{text} is not a finite number")
        return float(text)

    try:
        values = json.loads(
            data.decode("utf-8"), object_pairs_hook=unique, parse_float=finite, parse_constant=finite
        )
        json.dumps(values, ensure_ascii=False).encode("utf-8")  # refuses lone surrogates
        is_too_deep = _depth(values) > MAX_DEPTH
    except RecursionError:
        values, is_too_deep = {}, True
    except ValueError as error:
        raise PackError(f"{where} is not valid JSON in UTF-8: {error}") from None
    if is_too_deep:
        faults.add(f"nested deeper than {MAX_DEPTH} levels")
    if not isinstance(values, dict):
        faults.add(f"the top level is {type(values).__name__}, expected an object")
    faults.raise_as(PackError)
    return values


def _depth(value: Any) -> int:
    if not isinstance(value, dict | list):
        return 0
    return 1 + max(map(_depth, value.values() if isinstance(value, dict) else value), default=0)
