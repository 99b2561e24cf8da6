"""Bottleneck adapters: a small residual network after every Transformer layer.

Source: Houlsby et al. 2019 (https://arxiv.org/abs/1902.00751), with one adapter per layer and a norm before
it, as in Bapna & Firat 2019 (https://arxiv.org/abs/1909.08478) for translation.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from crosslate.models.groups import Group
from crosslate.models.methods.method import Method, Treatment, added_type

if TYPE_CHECKING:
    from torch import nn

    from crosslate.models.anatomy.anatomy import Anatomy

_PLACE = "bottleneck"
_FIRST = f".{_PLACE}.norm.weight"


@dataclass(frozen=True)
class Adapters(Method):
    """``states + up(relu(down(norm(states))))`` after every layer; initially the identity."""

    kind = "adapters"
    groups = frozenset({"enc", "dec"})
    modules = "adapters"
    width: int = 64

    def plan(self, model: Any, anatomy: Anatomy, groups: Collection[Group]) -> dict[str, Treatment]:
        from crosslate.models.anatomy.blocks import Blocks

        blocks = Blocks(model)
        return {
            f"{layer}.{_PLACE}.{name}": Treatment(group, added_shape=shape)
            for layer, group in blocks.layers.items()
            if group in groups
            for name, shape in self._shapes(blocks.width(group)).items()
        }

    def _shapes(self, width: int) -> dict[str, tuple[int, ...]]:
        return {
            "norm.weight": (width,), "norm.bias": (width,),
            "down.weight": (self.width, width), "down.bias": (self.width,),
            "up.weight": (width, self.width), "up.bias": (width,),
        }  # fmt: skip

    def add(self, model: Any, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, nn.Parameter]:
        dtype = added_type(model)
        made: dict[str, nn.Parameter] = {}
        for path in [name.removesuffix(_FIRST) for name in shapes if name.endswith(_FIRST)]:
            layer = model.get_submodule(path)
            inner_width, width = shapes[f"{path}.{_PLACE}.down.weight"]
            adapter = _bottleneck(width, inner_width, dtype).to(next(layer.parameters()).device)
            layer.add_module(_PLACE, adapter)
            layer.register_forward_hook(_behind)
            made |= {f"{path}.{_PLACE}.{leaf}": each for leaf, each in adapter.named_parameters()}
        return made

    @classmethod
    def is_in(cls, model: nn.Module) -> bool:
        return any(path.rpartition(".")[2] == _PLACE for path, _ in model.named_modules())


def _bottleneck(width: int, inner_width: int, dtype: Any) -> nn.Module:
    from torch import nn

    parts = nn.ModuleDict()
    parts["norm"] = nn.LayerNorm(width, dtype=dtype)
    parts["down"] = nn.Linear(width, inner_width, dtype=dtype)
    parts["up"] = nn.Linear(inner_width, width, dtype=dtype)
    nn.init.zeros_(parts["up"].weight)
    nn.init.zeros_(parts["up"].bias)
    return parts


def _behind(layer: nn.Module, inputs: Any, output: Any) -> Any:
    """A hook that sends the states (batch, length, width) of a layer through its adapter."""
    adapter: Any = layer.get_submodule(_PLACE)
    states = output[0] if isinstance(output, tuple) else output  # T5's layers also return position biases
    changed = adapter["up"](adapter["down"](adapter["norm"](states)).relu())
    states = states + changed.to(states.dtype)
    return (states, *output[1:]) if isinstance(output, tuple) else states
