"""Models with two embedding tables in families that support only one vocabulary size.

BART and mBART build both tables and the output layer from one size in their configuration. On disk such a
model is padded: every table has the rows of the larger one, nothing is tied, and logits of padding rows are
-inf, so that plain transformers computes the same. Loading removes the padding.
"""

from __future__ import annotations

import copy
import itertools
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from crosslate.errors import ParentError
from crosslate.files import write_json
from crosslate.models.anatomy.anatomy import Anatomy
from crosslate.models.groups import SIDES, Side
from crosslate.models.sides import remove_aliases, size_fields, token_tables
from crosslate.models.tensors import named_tensors, set_tensor

SHARD_BYTES = 5_000_000_000
"""The largest file of a checkpoint."""
_WEIGHTS = "model{suffix}.safetensors"
# Other families lack a logit bias to suppress padding rows, or scale tied tables.
_FAMILIES = ("bart", "mbart")


def is_one_size_too_few(model: Any, anatomy: Anatomy) -> bool:
    """Whether source and target have separate tables but the configuration has one size for both."""
    if size_fields(model.config, "source"):
        return False
    source, target = (token_tables(model, anatomy, side) for side in SIDES)
    return bool(source and target) and source[0].weight is not target[0].weight


@dataclass(frozen=True)
class PlainTensors:
    """Tensors of a model with two vocabularies, as a plain checkpoint of its family holds them.

    Attributes:
        axes: side and vocabulary axis of tensors that have one.
        num_rows: vocabulary slices in the checkpoint, by side. Tables are padded with zeros, a logit bias
            with -inf.
        orders: the model's slice for each of the checkpoint's slices, by side; None if they agree.
        dtype: of floating-point tensors; None keeps their types.
    """

    tensors: Mapping[str, torch.Tensor]
    axes: Mapping[str, tuple[Side, int]]
    num_rows: Mapping[Side, int]
    orders: Mapping[Side, Sequence[int] | None]
    dtype: torch.dtype | None = None

    def write(self, folder: Path) -> None:
        """Writes the tensors into files of at most 5 GB each; copies only one file's tensors at a time."""
        from huggingface_hub import split_state_dict_into_shards_factory
        from safetensors.torch import save_file

        num_bytes = {name: self._num_bytes(name) for name in self.tensors}
        shards = split_state_dict_into_shards_factory(
            num_bytes, get_storage_size=int, filename_pattern=_WEIGHTS, max_shard_size=SHARD_BYTES
        )
        for file, names in shards.filename_to_tensors.items():
            save_file({name: self.tensor(name) for name in names}, folder / file, {"format": "pt"})
        if shards.is_sharded:
            index = {"metadata": shards.metadata, "weight_map": shards.tensor_to_filename}
            write_json(folder / "model.safetensors.index.json", index)

    def tensor(self, name: str) -> torch.Tensor:
        """A copy of one tensor as stored in the checkpoint, on the CPU."""
        tensor = self.tensors[name].detach()
        if name in self.axes:
            side, axis = self.axes[name]
            order = self.orders.get(side)
            if order is not None:
                rows = torch.tensor([*order, *range(len(order), tensor.shape[axis])], device=tensor.device)
                tensor = tensor.index_select(axis, rows)
            if missing := self.num_rows[side] - tensor.shape[axis]:
                shape = (*tensor.shape[:axis], missing, *tensor.shape[axis + 1 :])
                filling = -torch.inf if self.is_bias(name) else 0.0
                tensor = torch.cat([tensor, tensor.new_full(shape, filling)], dim=axis)
        return tensor.to("cpu", self._type(tensor), copy=True).contiguous()

    def is_bias(self, name: str) -> bool:
        """Whether a tensor with a vocabulary axis is a bias of the target's logits."""
        side, axis = self.axes[name]
        tensor = self.tensors[name]
        return side == "target" and tensor.numel() == tensor.shape[axis]

    def _num_bytes(self, name: str) -> int:
        tensor = self.tensors[name]
        num_elements = tensor.numel()
        if name in self.axes:
            side, axis = self.axes[name]
            num_elements = num_elements // tensor.shape[axis] * self.num_rows[side]
        return num_elements * self._type(tensor).itemsize

    def _type(self, tensor: torch.Tensor) -> torch.dtype:
        return self.dtype if self.dtype is not None and tensor.is_floating_point() else tensor.dtype


def save_padded(model: Any, anatomy: Anatomy, folder: Path) -> dict[Side, int]:
    """Writes tensors and configurations as ``save_pretrained`` does; returns the rows of each side.

    Raises:
        ParentError: the family is not supported.
    """
    if model.config.model_type not in _FAMILIES:
        raise ParentError(
            f"cannot save a {model.config.model_type} model with two embedding tables as a parent "
            f"(supported: {' and '.join(_FAMILIES)}); save packs of its children instead"
        )
    rows: dict[Side, int] = {side: token_tables(model, anatomy, side)[0].weight.shape[0] for side in SIDES}
    largest = max(rows.values())
    tensors = dict(named_tensors(model))
    config = copy.deepcopy(model.config)
    config.vocab_size, config.tie_word_embeddings = largest, False
    config.architectures = [type(model).__name__]
    config.dtype = str(model.dtype).removeprefix("torch.")
    zeros = torch.zeros(largest, config.d_model)
    tensors |= dict.fromkeys(unused_names(type(model), config, tensors), zeros)
    PlainTensors(tensors, anatomy.vocabulary, dict.fromkeys(SIDES, largest), {}).write(folder)
    config.save_pretrained(folder)
    model.generation_config.save_pretrained(folder)
    return rows


def unused_names(model_class: Any, config: Any, names: Collection[str]) -> set[str]:
    """Names that plain transformers expects in addition: the table that both sides would share.

    It is unused, but transformers warns if a file lacks it.
    """
    with torch.device("meta"):
        return set(model_class(config).state_dict()) - set(names)


def cut_tables(model: Any, rows: Any) -> None:
    """Removes the padding of a model's tables and ties equal tables of a side.

    Raises:
        ParentError: the recorded rows do not match the tables.
    """
    anatomy = Anatomy.of(model)
    tensors = dict(named_tensors(model))
    lengths = {side: tensors[name].shape[axis] for name, (side, axis) in anatomy.vocabulary.items()}
    is_record = isinstance(rows, Mapping) and set(rows) == set(SIDES) == set(lengths)
    if not is_record or not all(
        type(rows[side]) is int and 0 < rows[side] <= lengths[side] for side in SIDES
    ):
        raise ParentError(
            f"its record gives {rows!r} rows, but its tables have {lengths}; get the parent again"
        )
    made: dict[Side, list[tuple[torch.Tensor, list[str]]]] = {side: [] for side in SIDES}
    for name, (side, axis) in anatomy.vocabulary.items():
        cut = tensors[name].detach().narrow(axis, 0, rows[side]).clone()
        names = next((names for tensor, names in made[side] if torch.equal(tensor, cut)), None)
        if names is None:
            made[side].append((cut, [name]))
        else:
            names.append(name)
    for cut, names in itertools.chain.from_iterable(made.values()):
        set_tensor(model, names, cut)
    source = token_tables(model, anatomy, "source")[0]
    remove_aliases(model, anatomy.aliases, source)
    model.config.vocab_size = rows["target"]
    outputs = model.get_output_embeddings()
    model.config.tie_word_embeddings = outputs.weight is token_tables(model, anatomy, "target")[0].weight
