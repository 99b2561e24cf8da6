"""Models with two tables of embeddings in families whose files have room for one size.

BART and mBART build both tables, and the output layer, from one number in their configuration. On disk such a
model is padded: every table has as many rows as the larger one, nothing is tied, and the logits of rows that
stand for no piece are -inf, so plain transformers computes the same with it. Loading cuts the tables again.
"""

from __future__ import annotations

import copy
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from crosslate.errors import ParentError
from crosslate.models.anatomy.anatomy import Anatomy, named_tensors
from crosslate.models.groups import SIDES, Side
from crosslate.models.sides import has_two_sizes, remove_aliases, set_tensor, token_tables

# Others have no bias of the logits that could silence a padding row, or scale what they tie.
_FAMILIES = ("bart", "mbart")


def is_one_size_too_few(model: Any, anatomy: Anatomy) -> bool:
    """Whether source and target have tables of their own, and the configuration one number for both."""
    if has_two_sizes(model.config):
        return False
    source, target = (token_tables(model, anatomy, side) for side in SIDES)
    return bool(source and target) and source[0].weight is not target[0].weight


def save_padded(model: Any, anatomy: Anatomy, folder: Path) -> dict[Side, int]:
    """Writes tensors and configurations as ``save_pretrained`` does; returns the true rows of each side.

    Raises:
        ParentError: a family for which this was not shown to be exact.
    """
    from safetensors.torch import save_file

    if model.config.model_type not in _FAMILIES:
        raise ParentError(
            f"a {model.config.model_type} model with two tables of embeddings cannot be saved as a parent "
            f"(only {' and '.join(_FAMILIES)} can); save packs of its children instead"
        )
    rows: dict[Side, int] = {side: token_tables(model, anatomy, side)[0].weight.shape[0] for side in SIDES}
    largest = max(rows.values())
    tensors = {}
    for name, tensor in named_tensors(model):
        side_and_axis = anatomy.vocabulary.get(name)
        tensors[name] = _padded(tensor.detach(), side_and_axis[1], largest) if side_and_axis else tensor
    config = copy.deepcopy(model.config)
    config.vocab_size, config.tie_word_embeddings = largest, False
    config.architectures = [type(model).__name__]
    config.dtype = str(model.dtype).removeprefix("torch.")
    zeros = torch.zeros(largest, config.d_model)
    tensors |= dict.fromkeys(unused_names(type(model), config, tensors), zeros)
    copies = {name: tensor.detach().clone().contiguous() for name, tensor in tensors.items()}
    save_file(copies, folder / "model.safetensors", {"format": "pt"})
    config.save_pretrained(folder)
    model.generation_config.save_pretrained(folder)
    return rows


def unused_names(model_class: Any, config: Any, names: Collection[str]) -> set[str]:
    """What plain transformers builds beside the given names: the one table that both sides would share.

    Nothing uses it then, but a file that lacks it does not load without complaint.
    """
    with torch.device("meta"):
        return set(model_class(config).state_dict()) - set(names)


def cut_tables(model: Any, rows: Any) -> None:
    """Makes a padded model what it was: tables of their true sizes, tied where those of a side are equal.

    Args:
        rows: what :func:`save_padded` returned.

    Raises:
        ParentError: the tables do not have so many rows.
    """
    anatomy = Anatomy.of(model)
    tensors = dict(named_tensors(model))
    lengths = {side: tensors[name].shape[axis] for name, (side, axis) in anatomy.vocabulary.items()}
    is_record = isinstance(rows, Mapping) and set(rows) == set(SIDES) == set(lengths)
    if not is_record or not all(
        type(rows[side]) is int and 0 < rows[side] <= lengths[side] for side in SIDES
    ):
        raise ParentError(
            f"its record says {rows!r} of the rows of its tables, which have {lengths}; get it again"
        )
    made: dict[Side, list[torch.Tensor]] = {side: [] for side in SIDES}
    for name, (side, axis) in anatomy.vocabulary.items():
        old = tensors[name]
        new = old.detach().narrow(axis, 0, rows[side]).clone()
        same = next((each for each in made[side] if torch.equal(each, new)), None)
        if same is None:
            same = nn.Parameter(new, requires_grad=False) if isinstance(old, nn.Parameter) else new
            made[side].append(same)
        set_tensor(model, [name], same)
    source = token_tables(model, anatomy, "source")[0]
    remove_aliases(model, anatomy.aliases, source)
    model.config.vocab_size = rows["target"]
    outputs = model.get_output_embeddings()
    model.config.tie_word_embeddings = outputs.weight is token_tables(model, anatomy, "target")[0].weight


def _padded(tensor: torch.Tensor, axis: int, size: int) -> torch.Tensor:
    """A tensor as long as ``size`` along its vocabulary axis; biases get -inf, tables zeros."""
    shape = list(tensor.shape)
    shape[axis] = size - shape[axis]
    is_bias = max(tensor.shape) == tensor.numel()
    return torch.cat([tensor, tensor.new_full(shape, -torch.inf if is_bias else 0.0)], dim=axis)
