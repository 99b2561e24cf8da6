"""The parts of a model that methods attach to: layers, attention with its projections, feed-forward outputs.

Cross-attention is read off the anatomy's probe. Self-attention is what has the same projections at the same
places inside; the output of a feed-forward part is the layer's remaining linear module that leads from
another width back to the model's. Families that are built otherwise are refused, with what was looked for.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

from torch import nn

from crosslate.errors import StrategyError
from crosslate.models.anatomy.probe import Probe
from crosslate.models.anatomy.stacks import CrossAttention, cross_attentions, encoder_stack, is_under
from crosslate.models.groups import Group

_ROLES = ("q", "k", "v", "o")


@dataclass(frozen=True)
class Attention:
    """One attention, or the recurrent cell in the place of one; everything is a module path.

    Attributes:
        path: the innermost module that holds all projections.
        projections: ``q k v o`` to their linear modules; of a cell, the names of its linear modules.
    """

    path: str
    group: Group
    projections: dict[str, str]

    def projection(self, role: str) -> str:
        """Path of the linear module for queries, keys, values or outputs.

        Raises:
            StrategyError: it is a recurrent cell, which has none.
        """
        if role not in self.projections:
            raise StrategyError(
                f"{self.path} is a recurrent cell ({', '.join(self.projections)}), which has no keys and "
                "values; choose lora, or a method that changes cross-attention only"
            )
        return self.projections[role]


class Blocks:
    """What a model's layers consist of.

    Raises:
        StrategyError: cross-attention has no four linear projections of its own in some layer.
    """

    def __init__(self, model: Any) -> None:
        probe = Probe(model)
        self._modules: dict[str, Any] = dict(model.named_modules(remove_duplicate=False))
        decoder, found = cross_attentions(probe)
        self._blocks = {f"{decoder}.{block.layer}": block for block in found}
        stacks: dict[str, Group] = {encoder_stack(probe): "enc", decoder: "dec"}
        self.layers = {
            f"{stack}.{name}": group
            for stack, group in stacks.items()
            for name, _ in self._modules[stack].named_children()
        }
        """Path of every Transformer layer to its group, ``enc`` or ``dec``, the encoder's first."""
        self.cross = [self._cross(block) for block in found]
        """Cross-attention by decoder layer."""

    def width(self, group: str) -> int:
        """Length of the hidden states of the encoder's or the decoder's layers."""
        first = self.cross[0].projections
        if group == "enc":
            return int(self._modules[first["k"]].in_features)
        return int(self._modules[first["o"]].out_features)

    def attentions_of(self, groups: Collection[Group]) -> list[Attention]:
        """Cross-attention and self-attention of every layer, as far as they are in ``groups``.

        Raises:
            StrategyError: a layer whose self-attention is built otherwise than its cross-attention.
        """
        cross = self.cross if "xattn" in groups else []
        return [
            *cross,
            *(self._self_attention(layer) for layer, group in self.layers.items() if group in groups),
        ]

    def feed_forward_outputs(self, groups: Collection[Group]) -> dict[str, Group]:
        """Path of the last linear module of the feed-forward part of every layer in ``groups``, to its group.

        Raises:
            StrategyError: a layer that has none, or several.
        """
        return {self._feed_forward(layer): group for layer, group in self.layers.items() if group in groups}

    def _cross(self, block: CrossAttention) -> Attention:
        paths: dict[str, str] = {role: path for path, role in block.roles.items() if role in _ROLES}
        if set(paths) != set(_ROLES) or not all(self._is_linear(path) for path in paths.values()):
            raise StrategyError(
                f"cannot tell four linear projections of the cross-attention {block.block!r} apart (found "
                f"{', '.join(sorted(paths)) or 'none'}); train whole groups, as with src+xattn"
            )
        return Attention(_common_path(list(paths.values())), "xattn", paths)

    def _self_attention(self, layer: str) -> Attention:
        pattern = self.cross[0]
        inside = {role: path[len(pattern.path) + 1 :] for role, path in pattern.projections.items()}
        found = [
            Attention(path, self.layers[layer], {role: f"{path}.{leaf}" for role, leaf in inside.items()})
            for path in self._inside(layer)
            if all(self._is_linear(f"{path}.{leaf}") for leaf in inside.values())
        ]
        # An encoder sees the whole sentence, so linear modules alone are another kind of attention (LED's).
        if not found and self.layers[layer] == "dec" and (cell := self._cell(layer)):
            return cell
        if len(found) != 1:
            raise StrategyError(
                f"{layer} has {len(found)} self-attentions with linear modules {', '.join(inside.values())}, "
                "as its cross-attention has; expected one: choose a method that changes cross-attention only"
            )
        return found[0]

    def _cell(self, layer: str) -> Attention | None:
        """A module of nothing but linear modules that keep the width, as Marian's SSRU is."""
        width = self.width(self.layers[layer])
        for path in self._inside(layer):
            parts = {name: f"{path}.{name}" for name, _ in self._modules[path].named_children()}
            if (
                parts
                and all(self._is_linear(part) for part in parts.values())
                and all(
                    self._modules[part].in_features == self._modules[part].out_features == width
                    for part in parts.values()
                )
            ):
                return Attention(path, self.layers[layer], parts)
        return None

    def _feed_forward(self, layer: str) -> str:
        width, attention = self.width(self.layers[layer]), self._self_attention(layer).path
        found = [
            path
            for path in self._inside(layer)
            if self._is_linear(path) and not is_under(path, attention)
            and self._modules[path].out_features == width != self._modules[path].in_features
        ]  # fmt: skip
        if len(found) != 1:
            raise StrategyError(
                f"{layer} has {len(found)} linear modules that lead from another width to the model's "
                f"{width}; expected the one that ends its feed-forward part: choose lora or src+xattn"
            )
        return found[0]

    def _inside(self, layer: str) -> list[str]:
        """Paths of a layer's modules outside its cross-attention."""
        cross = self._blocks[layer].block if layer in self._blocks else None
        return [
            path
            for path in self._modules
            if is_under(path, layer) and path != layer and (cross is None or not is_under(path, cross))
        ]

    def _is_linear(self, path: str) -> bool:
        return isinstance(self._modules.get(path), nn.Linear)


def _common_path(paths: list[str]) -> str:
    """The longest path that all of the given ones lie under."""
    steps = zip(*(path.split(".") for path in paths))
    return ".".join(step[0] for step in takewhile(lambda step: len(set(step)) == 1, steps))
