"""Putting new tensors into a model: renewed vocabularies, untied tables, sliced parameters."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import nn
from torch.nn.utils import parametrize

from crosslate.corpora.vocabularies import SpecialIds, Vocabulary
from crosslate.models.plan import Selection
from crosslate.models.strategies import Side


class SliceOver(nn.Module):
    """A parametrization: a constant tensor with some of its entries replaced by a trained slice.

    Only the slice is a parameter, so neither gradient, nor optimiser state, nor weight decay exists for
    the rest.

    Args:
        base: the whole tensor; it is aliased, not copied.
        selection: which entries are replaced.
    """

    def __init__(self, base: torch.Tensor, selection: Selection) -> None:
        super().__init__()
        self.axis = selection.axis
        self.register_buffer("base", base, persistent=False)
        self.register_buffer("indices", torch.tensor(selection.indices), persistent=False)

    def forward(self, part: torch.Tensor) -> torch.Tensor:
        """Whole tensor from its trained part."""
        whole: torch.Tensor = self.base.index_copy(self.axis, self.indices, part)  # type: ignore[operator]
        return whole

    def right_inverse(self, whole: torch.Tensor) -> torch.Tensor:
        """The trained part of a whole tensor."""
        return whole.index_select(self.axis, self.indices)  # type: ignore[arg-type]


def owner(model: nn.Module, name: str) -> tuple[nn.Module, str]:
    """The module that holds a tensor, and the tensor's name in it."""
    path, _, leaf = name.rpartition(".")
    return model.get_submodule(path), leaf


def set_tensor(model: nn.Module, names: Iterable[str], tensor: torch.Tensor) -> None:
    """Makes one tensor stand under all of ``names``; module attributes follow its shape."""
    for name in names:
        module, leaf = owner(model, name)
        if leaf in module._parameters:
            module._parameters[leaf] = tensor  # type: ignore[assignment]
        else:
            module._buffers[leaf] = tensor
        if leaf != "weight":
            continue
        if isinstance(module, nn.Embedding):
            module.num_embeddings = tensor.shape[0]
        elif isinstance(module, nn.Linear):
            module.out_features, module.in_features = tensor.shape


def set_slice(model: nn.Module, name: str, base: torch.Tensor, selection: Selection) -> nn.Parameter:
    """Makes ``selection`` of a tensor the only trained part of it; returns the trained part, (selected shape)."""
    module, leaf = owner(model, name)
    module._parameters[leaf] = nn.Parameter(base.detach(), requires_grad=False)
    parametrize.register_parametrization(module, leaf, SliceOver(base.detach(), selection), unsafe=True)
    part: nn.Parameter = module.parametrizations[leaf].original  # type: ignore[index,union-attr]
    part.requires_grad_(True)
    return part


def remove_aliases(model: nn.Module, names: Iterable[str]) -> None:
    """Removes modules that only repeat a table of both sides (``model.shared``) once the sides differ."""
    for name in names:
        path = name.rpartition(".")[0]
        parent_path, _, leaf = path.rpartition(".")
        holder = model.get_submodule(parent_path)
        if leaf in holder._modules:
            del holder._modules[leaf]


def describe_vocabularies(model: Any, vocabularies: Mapping[Side, Vocabulary]) -> None:
    """Writes the sizes and special ids of renewed vocabularies into the model's configurations.

    Families keep the two sizes in different fields; a family without a field for the target side keeps one
    number, which then means the target's: that is what generation and losses read it for.
    """
    config = model.config
    if "source" in vocabularies:
        size = len(vocabularies["source"])
        if getattr(config, "src_vocab_size", None) is not None:
            config.src_vocab_size = size
        elif _is_nested(config):
            config.encoder.vocab_size = size
        elif getattr(config, "decoder_vocab_size", None) is not None:
            config.vocab_size = size
        _set_padding(model.get_encoder(), vocabularies["source"].special.pad)
    if "target" in vocabularies:
        size = len(vocabularies["target"])
        if getattr(config, "tgt_vocab_size", None) is not None:
            config.tgt_vocab_size = size
        elif _is_nested(config):
            config.decoder.vocab_size = size
        elif getattr(config, "decoder_vocab_size", None) is not None:
            config.decoder_vocab_size = size
        else:
            config.vocab_size = size
        _set_special(model, vocabularies["target"].special)
        _set_padding(model.get_decoder(), vocabularies["target"].special.pad)
    if hasattr(config, "share_encoder_decoder_embeddings") and vocabularies:
        config.share_encoder_decoder_embeddings = False


def _is_nested(config: Any) -> bool:
    return hasattr(getattr(config, "encoder", None), "vocab_size") and hasattr(
        getattr(config, "decoder", None), "vocab_size"
    )


def _set_special(model: Any, special: SpecialIds) -> None:
    """Moves the special ids that the decoder writes or starts with to those of its new vocabulary."""
    for config in (model.config, model.generation_config):
        old_pad = getattr(config, "pad_token_id", None)
        if getattr(config, "decoder_start_token_id", None) == old_pad:
            config.decoder_start_token_id = special.pad
        elif special.bos is not None and getattr(config, "decoder_start_token_id", None) is not None:
            config.decoder_start_token_id = special.bos
        if getattr(config, "forced_eos_token_id", None) is not None:
            config.forced_eos_token_id = special.eos
        config.eos_token_id, config.pad_token_id = special.eos, special.pad
    if getattr(model.generation_config, "bad_words_ids", None):
        model.generation_config.bad_words_ids = [[special.pad]]


def _set_padding(stack: Any, pad: int) -> None:
    """Tells the side's embedding which row never gets a gradient, and the positions which id is padding."""
    table = stack.get_input_embeddings()
    if table.padding_idx is not None:
        table.padding_idx = pad
    if getattr(stack, "padding_idx", None) is not None:
        stack.padding_idx = pad
