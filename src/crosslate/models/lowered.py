"""Hold frozen matrices of a parent in bfloat16 to save memory."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from transformers.pytorch_utils import Conv1D

from crosslate.models.anatomy.anatomy import Anatomy
from crosslate.models.tensors import named_tensors, owner


@dataclass(frozen=True)
class Lowering:
    """Record of a lowered parent.

    Attributes:
        fingerprint: of the original parent, which packs refer to.
        held: fingerprint of the lowered model.
        types: original types of lowered tensors, by name.
    """

    fingerprint: str
    held: str
    types: Mapping[str, torch.dtype]


@torch.no_grad()
def lower(model: Any, anatomy: Anatomy, keep: Collection[str]) -> dict[str, torch.dtype]:
    """Rounds weight matrices and token tables to bfloat16, in place; returns their original types.

    Norms, biases and positions, a thousandth of a model, keep their types, since some families use them in
    operations that automatic mixed precision does not convert.
    """
    types: dict[str, torch.dtype] = {}
    ties = {name: names for names in anatomy.ties for name in names}
    for name, tensor in named_tensors(model):
        module, _ = owner(model, name)
        names = ties.get(name, (name,))
        is_matrix = isinstance(module, nn.Linear | Conv1D) or name in {*anatomy.vocabulary, *anatomy.aliases}
        is_large = isinstance(tensor, nn.Parameter) and tensor.dim() == 2 and tensor.dtype.itemsize > 2
        is_kept = any(anatomy.groups.get(each) in keep for each in names) or name in anatomy.constant
        if is_matrix and is_large and not is_kept:
            types |= dict.fromkeys(names, tensor.dtype)
            tensor.data = tensor.data.to(torch.bfloat16)
    return types
