"""Low-rank deltas of every matrix, feed-forward layers included.

Source: Hu et al. 2022 (https://arxiv.org/abs/2106.09685), who adapt attention alone; Dettmers et al. 2023
(https://arxiv.org/abs/2305.14314, section 4) need all layers to come close to full training.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from crosslate.errors import StrategyError
from crosslate.models.groups import Group
from crosslate.models.methods.forms import Form, LowRank
from crosslate.models.methods.method import Method, Treatment, listed

if TYPE_CHECKING:
    import torch
    from torch import nn

    from crosslate.models.anatomy.anatomy import Anatomy

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class LowRankMatrices(Method):
    """Low-rank deltas of the weights of all linear modules in a group.

    A matrix with no more numbers than its delta would have is trained in full. In training, the matrix is
    made of its factors at every pass, as it will be when the pack is applied.
    """

    kind = "low-rank"
    rank: int = 32

    def plan(self, model: Any, anatomy: Anatomy, groups: Collection[Group]) -> dict[str, Treatment]:
        from torch.nn import Linear

        wanted = set(anatomy.names(*groups))
        shapes = {
            name: tuple(module.weight.shape)
            for path, module in model.named_modules()
            if isinstance(module, Linear) and (name := f"{path}.weight") in wanted
        }
        if missing := set(groups) - {anatomy.groups[name] for name in shapes}:
            message = f"low-rank changes linear modules, but {listed(missing)} has none in this model"
            if missing == set(groups):
                raise StrategyError(f"{message}; train whole groups, as with src+xattn")
            log.warning("%s, and stays as it is", message)
        forms = {name: LowRank(shape=shape, rank=self.rank) for name, shape in shapes.items()}
        return {
            name: Treatment(
                anatomy.groups[name], form if math.prod(form.stored_shape) < math.prod(form.shape) else None
            )
            for name, form in forms.items()
        }

    def attach(self, model: Any, forms: Mapping[tuple[str, ...], Form]) -> dict[str, nn.Parameter]:
        from crosslate.models.tensors import set_delta

        return {f"{name}.factors": set_delta(model, name, self.rank) for name, *_ in forms}

    def stored(self, model: Any, name: str, form: Form) -> torch.Tensor:
        from crosslate.models.tensors import owner

        module, leaf = owner(model, name)
        factors: torch.Tensor = module.parametrizations[leaf].original
        return factors.detach()

    def restore(self, model: Any, name: str, form: Form, value: torch.Tensor) -> None:
        self.stored(model, name, form).copy_(value)
