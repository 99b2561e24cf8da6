"""Bottleneck adapters: a small residual network behind every Transformer layer.

Source: Houlsby et al. 2019 (https://arxiv.org/abs/1902.00751), with one adapter behind each layer and a
norm in front of it, as Bapna & Firat 2019 (https://arxiv.org/abs/1909.08478) have it for translation.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import nn
from torch.nn import functional

_PLACE = "bottleneck"
_FIRST = f".{_PLACE}.norm.weight"


class Bottleneck(nn.Module):
    """``states + up(relu(down(norm(states))))``; the identity when it is new.

    Args:
        width: of the states.
        inner_width: of the bottleneck.
    """

    def __init__(self, width: int, inner_width: int, dtype: torch.dtype | None = None) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width, dtype=dtype)
        self.down = nn.Linear(width, inner_width, dtype=dtype)
        self.up = nn.Linear(inner_width, width, dtype=dtype)
        nn.init.zeros_(self.up.weight)
        nn.init.zeros_(self.up.bias)

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        """States (batch, length, width) to states of the same shape and type."""
        changed: torch.Tensor = self.up(functional.relu(self.down(self.norm(states))))
        return states + changed.to(states.dtype)


def bottleneck_shapes(layer: str, width: int, inner_width: int) -> dict[str, tuple[int, ...]]:
    """Names and shapes of the tensors of the adapter behind a layer."""
    shapes = {
        "norm.weight": (width,), "norm.bias": (width,),
        "down.weight": (inner_width, width), "down.bias": (inner_width,),
        "up.weight": (width, inner_width), "up.bias": (width,),
    }  # fmt: skip
    return {f"{layer}.{_PLACE}.{name}": shape for name, shape in shapes.items()}


def bottleneck_layers(shapes: Iterable[str]) -> list[str]:
    """The layers whose adapters tensors of these names belong to."""
    return [name.removesuffix(_FIRST) for name in shapes if name.endswith(_FIRST)]


def add_bottleneck(
    model: nn.Module, path: str, shapes: Mapping[str, tuple[int, ...]], dtype: torch.dtype
) -> dict[str, nn.Parameter]:
    """Puts an adapter behind the layer at ``path`` and returns its parameters by name.

    Args:
        shapes: of its tensors, at least, by name.
    """
    layer, name = model.get_submodule(path), f"{path}.{_PLACE}"
    inner_width, width = shapes[f"{name}.down.weight"]
    adapter = Bottleneck(width, inner_width, dtype).to(next(layer.parameters()).device)
    layer.add_module(_PLACE, adapter)
    layer.register_forward_hook(_behind)
    return {f"{name}.{leaf}": each for leaf, each in adapter.named_parameters()}


def _behind(layer: nn.Module, inputs: Any, output: Any) -> Any:
    adapter = layer.get_submodule(_PLACE)
    if isinstance(output, tuple):  # T5's layers give position biases as well
        return (adapter(output[0]), *output[1:])
    return adapter(output)
