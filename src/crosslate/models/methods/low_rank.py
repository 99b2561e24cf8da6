"""Low-rank deltas of every matrix, feed-forward layers included.

Source: Hu et al. 2022 (https://arxiv.org/abs/2106.09685), who adapt attention alone; Dettmers et al. 2023
(https://arxiv.org/abs/2305.14314, section 4) need all layers to come close to full training.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from crosslate.errors import StrategyError
from crosslate.models.groups import Group
from crosslate.models.methods.forms import LowRank
from crosslate.models.methods.lora import Lora
from crosslate.models.methods.method import Treatment, listed

if TYPE_CHECKING:
    from crosslate.models.anatomy.anatomy import Anatomy


@dataclass(frozen=True)
class LowRankMatrices(Lora):
    """Low-rank deltas of the weights of all linear modules in a group."""

    kind = "low-rank"
    places: ClassVar[Mapping[str, frozenset[Group]]] = {}

    def plan(self, model: Any, anatomy: Anatomy, groups: Collection[Group]) -> dict[str, Treatment]:
        from torch import nn

        wanted = set(anatomy.names(*groups))
        found = {
            name: tuple(module.weight.shape)
            for path, module in model.named_modules()
            if isinstance(module, nn.Linear) and (name := f"{path}.weight") in wanted
        }
        if missing := set(groups) - {anatomy.groups[name] for name in found}:
            raise StrategyError(
                f"low-rank changes linear modules, but {listed(missing)} has none in this model; "
                "train whole groups, as with src+xattn"
            )
        self.refuse_small(found)
        return {
            name: Treatment(anatomy.groups[name], LowRank(shape=shape, rank=self.rank))
            for name, shape in found.items()
        }
