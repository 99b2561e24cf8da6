"""IA3: trained factors scale keys, values and the inner activations of feed-forward networks.

Source: Liu et al. 2022 (https://arxiv.org/abs/2205.05638), with PEFT's layers.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from crosslate.models.groups import Group
from crosslate.models.methods.forms import Form, Scale
from crosslate.models.methods.method import Method, Treatment
from crosslate.models.methods.peft_layers import ADAPTER, inject, layer_of

if TYPE_CHECKING:
    import torch
    from torch import nn

    from crosslate.models.anatomy.anatomy import Anatomy


@dataclass(frozen=True)
class Ia3(Method):
    """Factors on the keys and values of every attention, and on the input of the last feed-forward matrix."""

    kind = "ia3"

    def plan(self, model: Any, anatomy: Anatomy, groups: Collection[Group]) -> dict[str, Treatment]:
        from crosslate.models.anatomy.blocks import Blocks

        blocks = Blocks(model)
        found: dict[str, Treatment] = {}

        def add(name: str, group: Group, axis: int, *, is_trained: bool) -> None:
            shape = tuple(model.get_parameter(name).shape)
            found[name] = Treatment(group, Scale(shape=shape, axis=axis), is_trained)

        for attention in blocks.attentions_of(groups):
            for path in map(attention.projection, ("k", "v")):
                add(f"{path}.weight", attention.group, 0, is_trained=True)
                if f"{path}.bias" in anatomy.parameters:  # scaled with the rows
                    add(f"{path}.bias", attention.group, 0, is_trained=False)
        for path, group in blocks.feed_forward_outputs(groups).items():
            add(f"{path}.weight", group, 1, is_trained=True)
        return found

    def attach(self, model: Any, forms: Mapping[tuple[str, ...], Form]) -> dict[str, nn.Parameter]:
        axes = {names[0]: form.axis for names, form in forms.items() if isinstance(form, Scale)}
        paths = {name.rpartition(".")[0]: axis for name, axis in axes.items()}
        inputs = [path for path, axis in paths.items() if axis == 1]
        inject(
            model, paths,
            lambda peft: peft.IA3Config(target_modules=list(paths), feedforward_modules=inputs),
        )  # fmt: skip
        return {f"{name}.scale": layer_of(model, name).ia3_l[ADAPTER] for name in axes}

    def stored(self, model: Any, name: str, form: Form) -> torch.Tensor:
        scale: torch.Tensor = layer_of(model, name).ia3_l[ADAPTER]
        return scale.detach().flatten()

    def restore(self, model: Any, name: str, form: Form, value: torch.Tensor) -> None:
        scale: torch.Tensor = layer_of(model, name).ia3_l[ADAPTER]
        scale.detach().copy_(value.view_as(scale))
