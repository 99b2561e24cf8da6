"""The rules that a manifest must keep; each check adds what is wrong to the faults that it is given."""

from __future__ import annotations

import hashlib
import re
from datetime import datetime
from typing import TYPE_CHECKING

from crosslate.errors import Faults, UsageError
from crosslate.files import is_inside_name
from crosslate.languages.codes import language_code
from crosslate.models.groups import SIDES

if TYPE_CHECKING:
    from crosslate.packs.manifest import Manifest, TensorRecord

# The manifest's word for a number type, and safetensors' code for the same.
DTYPES = {
    "float64": "F64", "float32": "F32", "float16": "F16", "bfloat16": "BF16",
    "int64": "I64", "int32": "I32", "int16": "I16", "int8": "I8", "uint8": "U8", "bool": "BOOL",
}  # fmt: skip

NO_CHECKSUM = "0" * 64
_SHA256 = re.compile(r"[0-9a-f]{64}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_CREATED = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


def check_description(manifest: Manifest, faults: Faults) -> None:
    """Checks words, languages, fingerprints, the moment and the scores."""
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


def check_sides(manifest: Manifest, faults: Faults) -> None:
    """Checks what is said of both sides' vocabularies."""
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


def check_tensor(name: str, record: TensorRecord, faults: Faults) -> None:
    """Checks a tensor's name, shape and type."""
    where = f"tensor {name!r}"
    if not name or not name.isprintable() or name == "__metadata__":
        faults.add(f"{where}: not the name of a tensor")
    if any(length < 0 for length in record.shape):
        faults.add(f"{where}: shape is {list(record.shape)}, expected lengths from 0")
    if record.dtype not in DTYPES:
        faults.add(f"{where}: dtype is {record.dtype!r}, expected one of {', '.join(DTYPES)}")


def check_file_records(manifest: Manifest, faults: Faults) -> None:
    """Checks the list of files."""
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


def check_checksum(manifest: Manifest, data: bytes, faults: Faults) -> None:
    """Checks the manifest's own checksum; ``data`` is the whole file."""
    if not _SHA256.fullmatch(manifest.checksum):
        faults.add(f"checksum is {manifest.checksum!r}, expected 64 hexadecimal digits (lower case)")
        return
    blank = data.replace(manifest.checksum.encode("ascii"), NO_CHECKSUM.encode("ascii"))
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
