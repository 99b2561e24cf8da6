"""The tensors and configuration of a merged checkpoint: a child as a plain model of its family.

In memory a child has two vocabularies of any size. How that is written depends on what the family's
configuration can say. Where it has a size for each side (Marian, FSMT) the tables are written as they are.
Elsewhere all tables get as many rows as the larger one, and none is tied to another.
"""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any, Literal, get_args

import torch

from crosslate.errors import UsageError, nearest
from crosslate.export.plain_tokenizers import PlainSide
from crosslate.files import write_json
from crosslate.models.anatomy.anatomy import named_tensors, unsaved_names
from crosslate.models.child import Child
from crosslate.models.groups import SIDES, Side
from crosslate.models.padded import is_one_size_too_few, unused_names
from crosslate.models.sides import size_fields

Precision = Literal["float32", "float16", "bfloat16"]

_SHARD_BYTES = 5_000_000_000
_WEIGHTS = "model{suffix}.safetensors"
# CTranslate2's own converter stops where they lack; with them it takes the source's pieces for the target's.
_CONVERTER_KEYS = ("normalize_before", "normalize_embedding")
_IDS = ("pad", "eos", "bos", "decoder_start", "forced_bos", "forced_eos")


class PlainModel:
    """A child as a plain checkpoint.

    Args:
        child: made from packs; it is not altered.
        source: its source side in the checkpoint's ids.
        target: its target side in the checkpoint's ids.

    Attributes:
        config: the configuration.
        num_rows: rows of each side's tables.
        num_own_rows: how many of these are the child's; the others are padding.
        masks_padding: whether a bias keeps padding rows of the target side from being generated.
    """

    def __init__(self, child: Child, source: PlainSide, target: PlainSide) -> None:
        self._sides: dict[Side, PlainSide] = {"source": source, "target": target}
        self._anatomy = child.parent.anatomy
        self._live = dict(named_tensors(child.model))
        is_renewed = child.source is not child.parent.source or child.target is not child.parent.target
        has_two_sizes = bool(size_fields(child.model.config, "source"))
        # Of an imported mBART or BART the parent itself is written so.
        is_padded = is_one_size_too_few(child.parent.model, self._anatomy)
        is_untied = is_renewed or is_padded
        self.num_own_rows = {side: self._largest(side) for side in SIDES}
        self.num_rows = dict(self.num_own_rows)
        if is_untied and not has_two_sizes:
            self.num_rows = dict.fromkeys(SIDES, max(self.num_own_rows.values()))
        self.masks_padding = any(self._is_bias(name) for name in self._anatomy.vocabulary)
        # A name that only repeats a table of both sides has no place where the family has a size for each.
        self.names = [
            name
            for name, _ in named_tensors(child.parent.model)
            if name not in unsaved_names(child.parent.model)
            and (name in self._live or not (is_renewed and has_two_sizes))
        ]
        self.config = copy.deepcopy(child.model.config)
        self._configure(type(child.model).__name__, is_untied, has_two_sizes)
        if is_padded:
            self.names += sorted(unused_names(type(child.model), self.config, self.names))

    def write(self, folder: Path, precision: Precision = "float32") -> None:
        """Writes ``config.json`` and the tensors, in files of 5 GB at most; copies one file's at a time.

        Raises:
            UsageError: unknown precision.
        """
        from huggingface_hub import split_state_dict_into_shards_factory
        from safetensors.torch import save_file

        dtype = torch_type(precision)
        self.config.dtype = dtype
        self.config.save_pretrained(folder)
        num_bytes = {name: self._num_bytes(name, dtype) for name in self.names}
        shards = split_state_dict_into_shards_factory(
            num_bytes, get_storage_size=int, filename_pattern=_WEIGHTS, max_shard_size=_SHARD_BYTES
        )
        for file, names in shards.filename_to_tensors.items():
            tensors = {name: self.tensor(name, dtype) for name in names}
            save_file(tensors, folder / file, metadata={"format": "pt"})
        if shards.is_sharded:
            index = {"metadata": shards.metadata, "weight_map": shards.tensor_to_filename}
            write_json(folder / "model.safetensors.index.json", index)

    def tensor(self, name: str, dtype: torch.dtype = torch.float32) -> torch.Tensor:
        """A copy of one tensor as the checkpoint holds it, on the CPU."""
        place = self._place(name)
        tensor = self._live[place].detach()
        if place in self._anatomy.vocabulary:
            side, axis = self._anatomy.vocabulary[place]
            tensor = self._resized(tensor, side, axis, -torch.inf if self._is_bias(place) else 0.0)
        kind = dtype if tensor.is_floating_point() else tensor.dtype
        return tensor.to("cpu", kind, copy=True).contiguous()

    def _num_bytes(self, name: str, dtype: torch.dtype) -> int:
        place = self._place(name)
        tensor = self._live[place]
        num_elements = tensor.numel()
        if place in self._anatomy.vocabulary:
            side, axis = self._anatomy.vocabulary[place]
            num_elements = num_elements // tensor.shape[axis] * self.num_rows[side]
        return num_elements * (dtype if tensor.is_floating_point() else tensor.dtype).itemsize

    def _place(self, name: str) -> str:
        """Where the child has what the checkpoint calls ``name``."""
        if name in self._live:
            return name
        # It repeated the table of both sides, which now differ; nothing looks there any more.
        return next(each for each, (side, _) in self._anatomy.vocabulary.items() if side == "source")

    def _resized(self, tensor: torch.Tensor, side: Side, axis: int, filling: float) -> torch.Tensor:
        order = self._sides[side].order
        if order is not None:
            rows = torch.tensor([*order, *range(len(order), tensor.shape[axis])], device=tensor.device)
            tensor = tensor.index_select(axis, rows)
        if missing := self.num_rows[side] - tensor.shape[axis]:
            shape = (*tensor.shape[:axis], missing, *tensor.shape[axis + 1 :])
            tensor = torch.cat([tensor, tensor.new_full(shape, filling)], dim=axis)
        return tensor

    def _largest(self, side: Side) -> int:
        return max(
            self._live[name].shape[axis]
            for name, (found, axis) in self._anatomy.vocabulary.items()
            if found == side
        )

    def _is_bias(self, name: str) -> bool:
        """Whether a tensor is a bias over the target vocabulary."""
        side, axis = self._anatomy.vocabulary[name]
        tensor = self._live[name]
        return side == "target" and tensor.numel() == tensor.shape[axis]

    def _configure(self, class_name: str, is_untied: bool, has_two_sizes: bool) -> None:
        config: Any = self.config
        config.architectures = [class_name]
        config.tokenizer_class = config.task_specific_params = None
        new_id = self._sides["target"].new_id
        for name in _IDS:
            field = f"{name}_token_id"
            if (index := getattr(config, field, None)) is not None:
                setattr(config, field, new_id(index))
        if not is_untied:
            return
        for key in _CONVERTER_KEYS:
            if hasattr(config, key):
                delattr(config, key)
        if has_two_sizes:
            for side in SIDES:
                for holder, name in size_fields(config, side):
                    setattr(holder, name, self.num_rows[side])
            return
        config.vocab_size = self.num_rows["target"]
        # Some families tie by force and scale by what this says; they read all tables of a file all the same.
        described = {**config.to_dict(), "tie_word_embeddings": False}
        if not type(config).from_dict(described).tie_word_embeddings:
            config.tie_word_embeddings = False


def torch_type(precision: str) -> torch.dtype:
    """The tensors' type of a precision's name.

    Raises:
        UsageError: unknown.
    """
    known = get_args(Precision)
    if precision not in known:
        raise UsageError(f"unknown precision {precision!r}; {nearest(precision, known)}")
    dtype: torch.dtype = getattr(torch, precision)
    return dtype
