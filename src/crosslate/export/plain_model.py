"""Configuration and tensors of a child as a plain model of its family.

In memory, the two vocabularies of a child may have any size. Families with a size for each side in their
configuration (Marian, FSMT) store the tables unchanged. In all others, every table is padded to the rows of
the larger one, and all are untied.
"""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import torch

from crosslate.export.plain_tokenizers import PlainSide
from crosslate.models.child import Child
from crosslate.models.groups import SIDES, Side
from crosslate.models.padded import PlainTensors, is_one_size_too_few, unused_names
from crosslate.models.sides import size_fields
from crosslate.models.tensors import named_tensors, unsaved_names

# CTranslate2's converter needs these, but would use the source's pieces for the target; make it fail instead.
_CONVERTER_KEYS = ("normalize_before", "normalize_embedding")
_IDS = ("pad", "eos", "bos", "decoder_start", "forced_bos", "forced_eos")


class PlainModel:
    """A child as a plain model.

    Args:
        child: made from packs; not modified.
        source: its source side in the checkpoint's ids.
        target: its target side in the checkpoint's ids.
        dtype: of the checkpoint's floating-point tensors.

    Attributes:
        config: the configuration.
        tensors: the tensors.
        num_own_rows: rows of each side's tables without padding rows.
        masks_padding: whether a bias keeps padding rows of the target side from being generated.
    """

    def __init__(
        self, child: Child, source: PlainSide, target: PlainSide, dtype: torch.dtype = torch.float32
    ) -> None:
        parent, anatomy = child.parent, child.parent.anatomy
        live = dict(named_tensors(child.model))
        is_renewed = child.source is not parent.source or child.target is not parent.target
        has_two_sizes = bool(size_fields(child.model.config, "source"))
        # Imported mBART and BART parents are stored with padding too.
        is_padded = is_one_size_too_few(parent.model, anatomy)
        is_untied = is_renewed or is_padded
        self.num_own_rows: dict[Side, int] = {
            side: max(live[name].shape[axis] for name, (of, axis) in anatomy.vocabulary.items() if of == side)
            for side in SIDES
        }
        num_rows = dict(self.num_own_rows)
        if is_untied and not has_two_sizes:
            num_rows = dict.fromkeys(SIDES, max(num_rows.values()))
        self.config: Any = copy.deepcopy(child.model.config)
        self.config.architectures = [type(child.model).__name__]
        self.config.dtype = dtype
        self._describe_ids(target)
        if is_untied:
            self._describe_sizes(num_rows, has_two_sizes)
        # Families with two sizes have no place for a name that only aliases a table of both sides.
        unsaved = unsaved_names(parent.model)
        names = [
            name
            for name, _ in named_tensors(parent.model)
            if name not in unsaved and (name in live or not (is_renewed and has_two_sizes))
        ]
        if is_padded:
            names += sorted(unused_names(type(child.model), self.config, names))
        # Aliases of the shared table are no longer read; store the source's table there.
        table = next(name for name, (side, _) in anatomy.vocabulary.items() if side == "source")
        places = {name: name if name in live else table for name in names}
        self.tensors = PlainTensors(
            {name: live[place] for name, place in places.items()},
            {name: anatomy.vocabulary[each] for name, each in places.items() if each in anatomy.vocabulary},
            num_rows,
            {"source": source.order, "target": target.order},
            dtype,
        )
        self.masks_padding = any(map(self.tensors.is_bias, self.tensors.axes))

    def write(self, folder: Path) -> None:
        """Writes ``config.json`` and the tensors."""
        self.config.save_pretrained(folder)
        self.tensors.write(folder)

    def _describe_ids(self, target: PlainSide) -> None:
        self.config.tokenizer_class = self.config.task_specific_params = None
        for name in _IDS:
            field = f"{name}_token_id"
            if (index := getattr(self.config, field, None)) is not None:
                setattr(self.config, field, target.new_id(index))

    def _describe_sizes(self, num_rows: dict[Side, int], has_two_sizes: bool) -> None:
        config = self.config
        for key in _CONVERTER_KEYS:
            if hasattr(config, key):
                delattr(config, key)
        if has_two_sizes:
            for side in SIDES:
                for holder, name in size_fields(config, side):
                    setattr(holder, name, num_rows[side])
            return
        config.vocab_size = num_rows["target"]
        # Some families force tying and derive a scale from this flag; they still read all tables of a file.
        described = {**config.to_dict(), "tie_word_embeddings": False}
        if not type(config).from_dict(described).tie_word_embeddings:
            config.tie_word_embeddings = False
