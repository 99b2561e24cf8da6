"""The identity of a model: one hash over its tensors, independent of how files are laid out."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator

import torch
from torch import nn


def named_tensors(model: nn.Module) -> Iterator[tuple[str, torch.Tensor]]:
    """Every name of every parameter and persistent buffer, ties included."""
    yield from model.named_parameters(remove_duplicate=False)
    for prefix, module in model.named_modules(remove_duplicate=False):
        for name, buffer in module.named_buffers(recurse=False):
            if name not in module._non_persistent_buffers_set:
                yield f"{prefix}.{name}" if prefix else name, buffer


def storage_key(tensor: torch.Tensor) -> tuple[object, ...]:
    """Equal for tensors that are the same memory. Tensors without memory are told apart by object."""
    if tensor.numel() == 0 or tensor.device.type == "meta":
        return ("object", id(tensor))
    return (str(tensor.device), tensor.data_ptr(), tuple(tensor.shape), tensor.stride())


def distinct_tensors(
    model: nn.Module, without: frozenset[str] = frozenset()
) -> list[tuple[str, tuple[str, ...], torch.Tensor]]:
    """Each distinct storage once: its first name in sorted order, its other names, the tensor.

    Args:
        without: names to leave out.
    """
    by_storage: dict[tuple[object, ...], tuple[list[str], torch.Tensor]] = {}
    for name, tensor in named_tensors(model):
        if name not in without:
            by_storage.setdefault(storage_key(tensor), ([], tensor))[0].append(name)
    found = [(sorted(names), tensor) for names, tensor in by_storage.values()]
    return [(names[0], tuple(names[1:]), tensor) for names, tensor in sorted(found, key=lambda each: each[0])]


def fingerprint(model: nn.Module, unsaved: frozenset[str] = frozenset()) -> str:
    """Hex sha256 over names, shapes, dtypes and bytes in canonical order.

    For each distinct tensor in the order of its first name: a JSON line ``{"name":…,"aliases":[…],
    "shape":[…],"dtype":"float32"}`` (these keys in this order, no spaces, ASCII) ended by a newline, then
    the tensor's bytes, contiguous and little-endian.

    Args:
        unsaved: names that checkpoints do not hold (constant sinusoidal positions): they are left out,
            since a library may compute them with another rounding.
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
        data = tensor.detach().to("cpu").contiguous()
        digest.update(data.reshape(-1).view(torch.uint8).numpy().tobytes() if data.numel() else b"")
    return digest.hexdigest()
