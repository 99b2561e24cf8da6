"""Prefixes: learnt keys and values in addition to those of every attention's input.

PEFT's prefix tuning fills the decoder's cache, which shifts target positions and affects only the decoder's
self-attention. Here, every attention (encoder, decoder and cross-attention, as in Li & Liang) has a prefix,
through an attention function registered with transformers; positions, caches and generation do not change.

Source: Li & Liang 2021 (https://arxiv.org/abs/2101.00190), without reparametrising the prefix by a network.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from crosslate.errors import StrategyError
from crosslate.models.groups import Group
from crosslate.models.methods.method import Method, Treatment, added_type

if TYPE_CHECKING:
    import torch
    from torch import nn

    from crosslate.models.anatomy.anatomy import Anatomy

_FUNCTION = "crosslate_prefix"
_KEYS, _VALUES = "prefix_keys", "prefix_values"
_DEVIATION = 0.02


@dataclass(frozen=True)
class Prefix(Method):
    """Learnt keys and values, (length, width) each, of every attention in a group."""

    kind = "prefix"
    modules = "prefixes"
    length: int = 4

    def plan(self, model: Any, anatomy: Anatomy, groups: Collection[Group]) -> dict[str, Treatment]:
        from crosslate.models.anatomy.blocks import Blocks

        blocks = Blocks(model)
        if not getattr(model, "_supports_sdpa", False):
            raise StrategyError(
                f"prefixes need a replaceable attention function, but {type(model).__name__} has none; "
                "choose adapters, lora or src+xattn"
            )
        return {
            f"{attention.path}.{name}": Treatment(
                attention.group,
                added_shape=(self.length, model.get_submodule(attention.projection("k")).out_features),
            )
            for attention in blocks.attentions_of(groups)
            for name in (_KEYS, _VALUES)
        }

    def add(self, model: Any, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, nn.Parameter]:
        import torch
        from torch import nn

        dtype, made = added_type(model), {}
        for name in sorted(shapes):
            path, _, leaf = name.rpartition(".")
            attention = model.get_submodule(path)
            device = next(attention.parameters()).device
            made[name] = nn.Parameter(
                torch.empty(shapes[name], dtype=dtype).normal_(0.0, _DEVIATION).to(device)
            )
            attention.register_parameter(leaf, made[name])
        if model.config._attn_implementation != _FUNCTION:
            _register()
            model.set_attn_implementation(_FUNCTION)
        return made

    @classmethod
    def is_in(cls, model: nn.Module) -> bool:
        return any(_KEYS in module._parameters for module in model.modules())


def _register() -> None:
    from transformers import AttentionInterface, AttentionMaskInterface
    from transformers.masking_utils import eager_mask

    AttentionInterface.register(_FUNCTION, prefixed_attention)
    AttentionMaskInterface.register(_FUNCTION, eager_mask)


def prefixed_attention(
    module: nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float | None = None,
    dropout: float = 0.0,
    **more: Any,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Attention with the module's prefix appended to keys and values, unaffected by mask and bias.

    Args:
        query: (batch, heads, tgt_len, head width); key and value have src_len instead of tgt_len.
        attention_mask: added to the scores, (batch or 1, heads or 1, tgt_len or 1, src_len), or None.
        more: T5's ``position_bias`` in the same shape; other arguments are ignored.

    Returns:
        (batch, tgt_len, heads, head width), and the weights on the input (batch, heads, tgt_len, src_len),
        which sum to less than 1.
    """
    import torch
    from torch.nn import functional

    src_len = key.shape[2]
    if _KEYS in module._parameters:
        key, value = (
            torch.cat([own, _by_head(getattr(module, name), own)], dim=2)
            for own, name in ((key, _KEYS), (value, _VALUES))
        )
    scores = query @ key.transpose(2, 3) * (query.shape[-1] ** -0.5 if scaling is None else scaling)
    for addend in (more.get("position_bias"), attention_mask):
        if addend is not None:
            scores = scores + functional.pad(addend, (0, key.shape[2] - src_len))
    weights = functional.dropout(scores.softmax(dim=-1), p=dropout, training=module.training)
    return (weights @ value).transpose(1, 2).contiguous(), weights[..., :src_len]


def _by_head(prefix: torch.Tensor, own: torch.Tensor) -> torch.Tensor:
    """A prefix (length, width) as (batch, heads, length, head width)."""
    batch, heads, _, width = own.shape
    split = prefix.to(own.dtype).view(len(prefix), heads, width).transpose(0, 1)
    return split.expand(batch, heads, len(prefix), width)
