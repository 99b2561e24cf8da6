"""LoRA: low-rank deltas of attention matrices.

Source: Hu et al. 2022 (https://arxiv.org/abs/2106.09685), with PEFT's layers.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from crosslate.errors import StrategyError
from crosslate.models.groups import BODY, Group
from crosslate.models.methods.forms import Form, LowRank
from crosslate.models.methods.method import Method, Treatment
from crosslate.models.methods.peft_layers import ADAPTER, inject, layer_of

if TYPE_CHECKING:
    import torch
    from torch import nn

    from crosslate.models.anatomy.anatomy import Anatomy


@dataclass(frozen=True)
class Lora(Method):
    """Low-rank deltas of the projections of every attention in a group, or of the cells in their place."""

    kind = "lora"
    places: ClassVar[Mapping[str, frozenset[Group]]] = {"xattn": frozenset({"xattn"}), "attention": BODY}
    rank: int = 8

    def plan(self, model: Any, anatomy: Anatomy, groups: Collection[Group]) -> dict[str, Treatment]:
        from crosslate.models.anatomy.blocks import Blocks

        attentions = Blocks(model).attentions_of(groups)
        group_of = {f"{path}.weight": each.group for each in attentions for path in each.projections.values()}
        shapes = {name: tuple(model.get_parameter(name).shape) for name in group_of}
        if too_small := [name for name in group_of if self.rank > min(shapes[name])]:
            raise StrategyError(
                f"rank is {self.rank}, but {too_small[0]} has the shape {list(shapes[too_small[0]])}; "
                f"give a rank of at most {min(map(min, shapes.values()))}"
            )
        return {
            name: Treatment(group, LowRank(shape=shapes[name], rank=self.rank))
            for name, group in group_of.items()
        }

    def attach(self, model: Any, forms: Mapping[tuple[str, ...], Form]) -> dict[str, nn.Parameter]:
        names = [names[0] for names in forms]
        paths = [name.rpartition(".")[0] for name in names]
        inject(
            model, paths,
            lambda peft: peft.LoraConfig(r=self.rank, lora_alpha=self.rank, target_modules=paths),
        )  # fmt: skip
        parts = {}
        for name in names:
            layer = layer_of(model, name)
            parts[f"{name}.right"] = layer.lora_A[ADAPTER].weight
            parts[f"{name}.left"] = layer.lora_B[ADAPTER].weight
        return parts

    def stored(self, model: Any, name: str, form: Form) -> torch.Tensor:
        import torch

        layer = layer_of(model, name)
        with torch.no_grad():
            left = layer.lora_B[ADAPTER].weight * layer.scaling[ADAPTER]
            return torch.cat([left.T, layer.lora_A[ADAPTER].weight], dim=1)

    def restore(self, model: Any, name: str, form: Form, value: torch.Tensor) -> None:
        layer, rows = layer_of(model, name), form.shape[0]
        layer.lora_B[ADAPTER].weight.detach().copy_(value[:, :rows].T / layer.scaling[ADAPTER])
        layer.lora_A[ADAPTER].weight.detach().copy_(value[:, rows:])
