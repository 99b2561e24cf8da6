"""The identity of a model: one hash over its tensors, independent of how files are laid out."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import numpy
import torch
from torch import nn

from crosslate.models.tensors import distinct_tensors

_COLUMNS = 509  # a prime, so that swapped rows of a matrix fall into other columns


def fingerprint(model: nn.Module, unsaved: frozenset[str] = frozenset()) -> str:
    """Hex sha256 over names, shapes, dtypes and bytes in canonical order.

    For each distinct tensor in the order of its first name: a JSON line ``{"name":…,"aliases":[…],
    "shape":[…],"dtype":"float32"}`` (these keys in this order, no spaces, ASCII) ended by a newline, then
    the tensor's bytes, contiguous and little-endian.

    Args:
        unsaved: names to leave out because checkpoints lack them (constant sinusoidal positions) and
            libraries may round them differently.
    """
    digest = hashlib.sha256()
    for name, aliases, tensor in distinct_tensors(model, unsaved):
        header = {
            "name": name,
            "aliases": list(aliases),
            "shape": list(tensor.shape),
            "dtype": str(tensor.dtype).removeprefix("torch."),
        }
        digest.update(json.dumps(header, separators=(",", ":")).encode("ascii") + b"\n")
        digest.update(_bytes(tensor).data)
    return digest.hexdigest()


class CachedFingerprint:
    """The fingerprint of one model, recomputed only after a tensor is replaced, written or renamed.

    Writes are detected by a tensor's version and a sum over its bytes: the version alone misses writes
    through ``tensor.data`` and NumPy, and the sum is six times as fast as a hash.
    """

    def __init__(self) -> None:
        self._seen: list[tuple[Any, ...]] = []
        self._value = ""

    def of(self, model: nn.Module, unsaved: frozenset[str] = frozenset()) -> str:
        """The same as :func:`fingerprint`."""
        now = [
            (name, aliases, tensor._version, tensor.dtype, tensor.shape, _sums(tensor))
            for name, aliases, tensor in distinct_tensors(model, unsaved)
        ]
        if not self._value or now != self._seen:
            self._value, self._seen = fingerprint(model, unsaved), now
        return self._value


def _bytes(tensor: torch.Tensor) -> numpy.ndarray:
    """The bytes of a tensor, (bytes,) uint8; not copied if contiguous on the CPU."""
    raw: numpy.ndarray = tensor.detach().to("cpu").contiguous().reshape(-1).view(torch.uint8).numpy()
    return raw


def _sums(tensor: torch.Tensor) -> bytes:
    """Column sums of the bytes as a matrix of 64-bit numbers, followed by the remaining bytes."""
    raw = _bytes(tensor)
    row_bytes = 8 * _COLUMNS
    end = len(raw) - len(raw) % row_bytes
    matrix = raw[:end].view(numpy.uint64).reshape(-1, _COLUMNS)
    return matrix.sum(axis=0, dtype=numpy.uint64).tobytes() + raw[end:].tobytes()
