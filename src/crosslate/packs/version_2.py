"""What version 2 of the pack format added to a manifest: compact forms, fewer bits, added modules."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from crosslate.errors import Faults

if TYPE_CHECKING:
    from crosslate.packs.manifest import TensorRecord

_SINCE_2 = frozenset({"added", "form", "child_dtype", "scales"})
"""Keys that version 1 does not have."""
_FLOATING = ("float64", "float32", "float16", "bfloat16")


@dataclass(frozen=True)
class AddedModules:
    """Modules that a child has and its parent has not.

    Attributes:
        kind: ``adapters`` behind every layer, or a ``prefix`` in every attention.
        size: width of an adapter's bottleneck, vectors of a prefix.
    """

    kind: Literal["adapters", "prefix"]
    size: int


def without_newer(values: dict[str, Any]) -> dict[str, Any]:
    """Version 1 stays what it was, to the byte: what it does not know is written only where it is used."""
    return {key: value for key, value in values.items() if key not in _SINCE_2 or value is not None}


def check_added(added: AddedModules | None, faults: Faults) -> None:
    """Checks what a manifest says of added modules."""
    if added is not None and added.size < 1:
        faults.add(f"added.size is {added.size}, expected 1 or more")


def check_compact(
    name: str, record: TensorRecord, records: Mapping[str, TensorRecord], faults: Faults
) -> None:
    """Checks what a record says of compact forms and fewer bits.

    Args:
        records: of all tensors of the pack.
    """
    where = f"tensor {name!r}"
    if record.form is not None:
        if fault := record.form.fault:
            faults.add(f"{where}: form is {vars(record.form)}: {fault}")
        elif record.shape != record.form.stored_shape:
            faults.add(
                f"{where}: shape is {list(record.shape)}, its form needs {list(record.form.stored_shape)}"
            )
        if record.selection is not None:
            faults.add(f"{where} has a selection and a form; expected one of them at most")
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
