"""Compress packs: low-rank deltas instead of whole matrices, and fewer bits per number.

Deltas are the truncated singular value decomposition of what training changed. In int8, every row of a matrix
is scaled so that its largest absolute value becomes 127; vectors are few and are stored in bfloat16.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, get_args

import torch

from crosslate.errors import ParentError, UsageError, nearest
from crosslate.models.groups import EMBEDDINGS
from crosslate.models.methods.forms import LowRank
from crosslate.models.parent import Parent
from crosslate.models.plan import child_tensors
from crosslate.packs.compose import check_fit
from crosslate.packs.manifest import NO_CHECKSUM, Manifest, TensorRecord, dtype_name
from crosslate.packs.pack import Pack

StoredType = Literal["bfloat16", "int8"]
STORED_TYPES: tuple[StoredType, ...] = get_args(StoredType)
_LARGEST = 127


def compressed(
    pack: Pack, parent: Parent | None = None, *, rank: int = 0, dtype: StoredType | None = None
) -> Pack:
    """A smaller pack that makes nearly the same child.

    Scores and calibration are removed, since they belong to the original. The training record notes the
    compression.

    Args:
        pack: not modified.
        parent: needed for low-rank deltas; of a pair pack, the composed one.
        rank: rank of the deltas that replace matrices, if they are smaller; 0 stores whole matrices.
            Embeddings, vectors and slices of heads always stay whole.
        dtype: type of the stored numbers; None keeps their types.

    Raises:
        UsageError: neither rank nor type is given, the type is unknown, or the parent is missing.
        PackError: the pack was made for another parent.
        ParentError: the parent is held in lower precision.
    """
    check_compression(rank, dtype)
    smaller = _converted(pack, dtype, _matrices(pack.manifest, parent) if rank else {}, rank)
    before = {"checksum": pack.manifest.checksum, "rank": rank or None, "dtype": dtype}
    smaller.manifest = smaller.manifest.changed(
        scores=(), calibration=None, training={**pack.manifest.training, "compressed": before}
    )
    return smaller


def stored_as(pack: Pack, dtype: StoredType) -> Pack:
    """The same pack with its numbers in another type; scores and the training record are kept."""
    return _converted(pack, dtype)


def _converted(
    pack: Pack, dtype: StoredType | None, originals: Mapping[str, torch.Tensor] | None = None, rank: int = 0
) -> Pack:
    tensors: dict[str, torch.Tensor] = {}
    records: dict[str, TensorRecord] = {}
    for name in sorted(pack.tensors.keys() - pack.manifest.scale_names):
        tensor, form, original = pack.decoded(name), pack.form(name), (originals or {}).get(name)
        if original is not None and form is None:
            cut = low_rank(tensor, original, rank)
            if cut.numel() < tensor.numel():
                tensor, form = cut, LowRank(shape=tuple(original.shape), rank=rank)
        stored, scales = _stored(tensor, dtype)
        stored_dtype, child_dtype = dtype_name(stored.dtype), dtype_name(tensor.dtype)
        tensors[name] = stored
        records[name] = TensorRecord(
            shape=tuple(stored.shape), dtype=stored_dtype, form=form,
            child_dtype=None if child_dtype == stored_dtype else child_dtype,
            scales=None if scales is None else f"{name}.scales",
        )  # fmt: skip
        if scales is not None:
            tensors[f"{name}.scales"] = scales
            records[f"{name}.scales"] = TensorRecord(shape=tuple(scales.shape), dtype="float32")
    manifest = pack.manifest.changed(tensors=records, files={}, checksum=NO_CHECKSUM)
    return Pack(manifest, tensors, pack.vocabularies)


def check_compression(rank: int, dtype: str | None) -> None:
    """Checks the arguments before anything is loaded.

    Raises:
        UsageError: neither rank nor type is given, the rank is negative, or the type is unknown.
    """
    if not rank and dtype is None:
        raise UsageError("neither a rank nor a type is given, so the pack would not shrink; give one of them")
    faults = [f"rank is {rank}, expected at least 0"] if rank < 0 else []
    if dtype is not None and dtype not in STORED_TYPES:
        faults.append(f"unknown type {dtype!r}; {nearest(dtype, STORED_TYPES)}")
    if faults:
        raise UsageError("; ".join(faults))


def low_rank(tensor: torch.Tensor, original: torch.Tensor, rank: int) -> torch.Tensor:
    """The best low-rank delta of a trained matrix as stored: (rank, rows + columns).

    Args:
        tensor: the trained matrix, (rows, columns).
        original: the parent's matrix.
    """
    left, sizes, right = torch.linalg.svd(tensor.float() - original.float(), full_matrices=False)
    # Split each singular value between both factors, so that a stored row has values of similar size.
    roots = sizes[:rank].sqrt()
    both = torch.cat([(left[:, :rank] * roots).T, roots[:, None] * right[:rank]], dim=1)
    return both.to(tensor.dtype).contiguous()


def _stored(tensor: torch.Tensor, dtype: StoredType | None) -> tuple[torch.Tensor, torch.Tensor | None]:
    """A tensor in its stored type, with row scales for int8."""
    is_short = dtype == "bfloat16" and tensor.dtype.itemsize <= 2  # as long as bfloat16 already
    if dtype is None or is_short or not tensor.is_floating_point():
        return tensor.clone(), None
    if dtype == "bfloat16" or tensor.dim() < 2 or not tensor.numel():
        return tensor.to(torch.bfloat16, copy=True), None
    scales = tensor.float().abs().flatten(1).amax(1) / _LARGEST
    shaped = scales.clamp(min=torch.finfo(torch.float32).tiny).view([-1] + [1] * (tensor.dim() - 1))
    return (tensor.float() / shaped).round().clamp(-_LARGEST, _LARGEST).to(torch.int8), scales


def _matrices(manifest: Manifest, parent: Parent | None) -> dict[str, torch.Tensor]:
    """The parent's matrices that may be stored as deltas, by their names in the child."""
    if parent is None:
        raise UsageError("low-rank deltas need the parent; give the parent or leave the rank out")
    if parent.lowering:
        raise ParentError(
            f"{parent.name} is held in lower precision, so deltas would be inexact; load the parent again"
        )
    check_fit(manifest, parent)
    return {
        names[0]: tensor.detach().cpu()
        for names, group, tensor in child_tensors(parent.model, parent.anatomy, manifest.renewed)
        if group not in EMBEDDINGS and tensor.dim() == 2 and tensor.is_floating_point()
    }
