"""BitFit: train only biases.

Source: Ben Zaken et al. 2022 (https://arxiv.org/abs/2106.10199).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from crosslate.errors import StrategyError
from crosslate.models.groups import Group
from crosslate.models.methods.method import Method, Treatment

if TYPE_CHECKING:
    from crosslate.models.anatomy.anatomy import Anatomy


@dataclass(frozen=True)
class BitFit(Method):
    """The biases of a group, including those of norms."""

    kind = "bitfit"
    trains_own_tensors = True

    def plan(self, model: Any, anatomy: Anatomy, groups: Collection[Group]) -> dict[str, Treatment]:
        biases = {
            name: Treatment(anatomy.groups[name])
            for name in anatomy.names(*groups)
            if name in anatomy.parameters and name.rpartition(".")[2] == "bias"
        }
        if not biases:
            raise StrategyError(
                "bitfit trains biases, but the layers of this model have none (like T5's); "
                "choose ia3, lora or src+xattn"
            )
        return biases
