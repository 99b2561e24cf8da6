"""Parts of cross-attention: what a strategy's limits leave trainable, layers, projections or heads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from crosslate.errors import StrategyError
from crosslate.models.strategies import Limits

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from crosslate.models.anatomy.anatomy import Anatomy


@dataclass(frozen=True)
class Selection:
    """Part of a tensor: entries ``indices`` along ``axis``."""

    axis: int
    indices: tuple[int, ...]

    def shape(self, whole: tuple[int, ...]) -> tuple[int, ...]:
        return (*whole[: self.axis], len(self.indices), *whole[self.axis + 1 :])


def select(model: PreTrainedModel, anatomy: Anatomy, limits: Limits) -> dict[str, Selection | None]:
    """The cross-attention tensors that limits leave trainable: a selection of each, or None for the whole.

    Raises:
        StrategyError: the limits name a layer or head that the model does not have, leave nothing to train or
            which heads open (``auto``), or the family does not show its projections.
    """
    if not limits:
        return {}
    _check_limits(anatomy, limits)
    heads = dict(limits.heads or ())
    shapes = {name: tuple(tensor.shape) for name, tensor in model.named_parameters(remove_duplicate=False)}
    chosen: dict[str, Selection | None] = {}
    for name, layer in anatomy.layers.items():
        role = anatomy.projections.get(name)
        if role is None and (limits.projections is not None or limits.heads is not None):
            raise StrategyError(
                f"cannot limit {name}: this family does not show which projection it is; limit layers instead"
            )
        if limits.layers is not None and layer not in limits.layers:
            continue
        if limits.projections is not None and role not in limits.projections:
            continue
        if limits.heads is None:
            chosen[name] = None
        elif layer in heads and name in anatomy.head_axis:  # not norms, nor the output's bias: no head's own
            axis = anatomy.head_axis[name]
            width = shapes[name][axis] // anatomy.heads
            chosen[name] = Selection(
                axis, tuple(head * width + at for head in sorted(heads[layer]) for at in range(width))
            )
    if not chosen:
        raise StrategyError(f"the limits {limits} leave nothing of cross-attention to train")
    return chosen


def _check_limits(anatomy: Anatomy, limits: Limits) -> None:
    if limits.auto is not None:
        raise StrategyError(
            f"the limits {limits} leave open which heads are trained, which the training text decides; "
            "name any heads (heads=0:1,3) to see what as many of them take"
        )
    num_layers = 1 + max(anatomy.layers.values())
    named = set(limits.layers or ()) | {layer for layer, _ in limits.heads or ()}
    if too_large := sorted(layer for layer in named if layer >= num_layers):
        raise StrategyError(
            f"the limits {limits} name layer {too_large[0]}; the decoder has the layers 0 to {num_layers - 1}"
        )
    asked = {head for _, heads in limits.heads or () for head in heads}
    if too_large := sorted(head for head in asked if head >= anatomy.heads):
        raise StrategyError(
            f"the limits {limits} name head {too_large[0]}; a layer has the heads 0 to {anatomy.heads - 1}"
        )
