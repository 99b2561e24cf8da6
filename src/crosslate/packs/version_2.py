"""What version 2 of the pack format added to a manifest: compact forms, fewer bits, added modules, frames."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from crosslate.errors import Faults, StrategyError
from crosslate.models.methods.registry import parse_method
from crosslate.text.vocabularies import Frame, Vocabulary

if TYPE_CHECKING:
    from crosslate.packs.manifest import Manifest, TensorRecord

_IN_RECORDS = ("child_dtype", "scales")
_SINCE_2 = frozenset({"added", "frames", *_IN_RECORDS})
"""Keys that version 1 does not have."""
_FLOATING = ("float64", "float32", "float16", "bfloat16")


@dataclass(frozen=True)
class FrameRecord:
    """What stands around a renewed side's sentences, where it is more than the end of sentence after them.

    Attributes:
        before: ids before the pieces of a sentence.
        after: ids after them.
        start: the id that the decoder starts with, where it is no special one's; target side only.
    """

    before: tuple[int, ...]
    after: tuple[int, ...]
    start: int | None = None

    def applied_to(self, vocabulary: Vocabulary) -> Vocabulary:
        """The vocabulary in this frame."""
        return vocabulary.framed(Frame(self.before, self.after))


def is_of_version_2(record: TensorRecord) -> bool:
    """Whether a tensor's record says anything that version 1 could not."""
    is_formed = record.form is not None and record.form.kind != "slices"
    return is_formed or any(getattr(record, name) for name in _IN_RECORDS)


def without_newer(values: dict[str, Any]) -> dict[str, Any]:
    """Version 1 stays what it was, to the byte: what it does not know is written only where it is used."""
    return {key: value for key, value in values.items() if key not in _SINCE_2 or value}


def check_version(manifest: Manifest, faults: Faults) -> None:
    """Checks that a manifest says nothing that its version does not have."""
    if manifest.format_version < manifest.needed_version:
        faults.add(
            f"format_version is {manifest.format_version}, but frames, appended slices, compact forms and "
            f"added modules came with version {manifest.needed_version}"
        )


def check_frames(manifest: Manifest, faults: Faults) -> None:
    """Checks the frames of renewed sides."""
    for side, frame in manifest.frames.items():
        if side not in manifest.renewed:
            faults.add(f"frames is given for {side!r}, expected renewed sides only: {list(manifest.renewed)}")
            continue
        size = manifest.source_vocabulary_size if side == "source" else manifest.target_vocabulary_size
        ids = [*frame.before, *frame.after, *([] if frame.start is None else [frame.start])]
        if not all(0 <= index < size for index in ids):
            faults.add(f"frames.{side} holds the ids {ids}, expected ids from 0 to {size - 1}")
        if side == "source" and frame.start is not None:
            faults.add(f"frames.source.start is {frame.start}, expected null: only a target side has a start")


def check_added(added: Sequence[str], faults: Faults) -> None:
    """Checks what a manifest says of added modules."""
    for text in added:
        with faults.catch(StrategyError):
            if not parse_method(text).method.modules:
                faults.add(f"added names {text!r}, which adds no modules")


def check_compact(
    name: str, record: TensorRecord, records: Mapping[str, TensorRecord], faults: Faults
) -> None:
    """Checks what a record says of compact forms and fewer bits.

    Args:
        records: of all tensors of the pack.
    """
    where = f"tensor {name!r}"
    if record.form is not None and record.shape != record.form.stored_shape:
        faults.add(f"{where}: shape is {list(record.shape)}, its form needs {list(record.form.stored_shape)}")
    if record.child_dtype is not None and record.child_dtype not in _FLOATING:
        faults.add(f"{where}: child_dtype is {record.child_dtype!r}, expected {', '.join(_FLOATING)}")
    if record.child_dtype is not None and record.scales is None and record.dtype not in _FLOATING:
        faults.add(f"{where}: {record.dtype} numbers become {record.child_dtype} by scales, which it lacks")
    if record.scales is None:
        return
    scales = records.get(record.scales)
    if record.child_dtype is None or record.dtype != "int8" or len(record.shape) < 2:
        faults.add(f"{where}: scales belong to int8 tensors of two axes or more with a child_dtype")
    elif scales is None or (scales.shape, scales.dtype) != (record.shape[:1], "float32"):
        faults.add(f"{where}: scales names {record.scales!r}, expected {record.shape[0]} float32 numbers")
