"""Full training: all tensors of a group, or a limited part of cross-attention."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from crosslate.errors import StrategyError, nearest
from crosslate.models.groups import GROUPS, Group
from crosslate.models.methods.forms import Form, Slices, half_open_ranges
from crosslate.models.methods.method import Method, Treatment

if TYPE_CHECKING:
    from torch import nn

    from crosslate.models.anatomy.anatomy import Anatomy

PROJECTIONS = ("q", "k", "v", "o", "norm")


@dataclass(frozen=True)
class Limits:
    """Limits on the trained part of cross-attention; None means no limit of that kind.

    Attributes:
        layers: decoder layers, 0-based.
        projections: ``q k v o norm``.
        heads: heads per decoder layer; other layers stay frozen. Limits q, k, v and o to the heads' rows and
            columns. The bias of o and the norm do not belong to a head and stay frozen.
        auto: percentage of heads, 1-100, to choose by importance before training starts; they are then put
            into ``heads``.
    """

    layers: frozenset[int] | None = None
    projections: frozenset[str] | None = None
    heads: tuple[tuple[int, frozenset[int]], ...] | None = None
    auto: int | None = None

    def __bool__(self) -> bool:
        return self != Limits()

    def __str__(self) -> str:
        parts = []
        if self.layers is not None:
            parts.append(f"layers={_ranges(self.layers)}")
        if self.heads is not None:
            parts.append("heads=" + ";".join(f"{layer}:{_ranges(heads)}" for layer, heads in self.heads))
        if self.auto is not None:
            parts.append(f"auto={self.auto}%")
        if self.projections is not None:
            parts.append(",".join(name for name in PROJECTIONS if name in self.projections))
        return f"[{';'.join(parts)}]" if parts else ""


@dataclass(frozen=True)
class Full(Method):
    """All tensors of a group except constants; cross-attention within its limits."""

    kind = "full"
    groups = frozenset(GROUPS)
    trains_own_tensors = True
    limits: Limits = Limits()

    def plan(self, model: Any, anatomy: Anatomy, groups: Collection[Group]) -> dict[str, Treatment]:
        limited = "xattn" in groups and self.limits
        found = {
            name: Treatment(anatomy.groups[name])
            for name in anatomy.names(*groups)
            if not (limited and anatomy.groups[name] == "xattn")
        }
        return found | (_limited(model, anatomy, self.limits) if limited else {})

    def attach(self, model: Any, forms: Mapping[tuple[str, ...], Form]) -> dict[str, nn.Parameter]:
        from crosslate.models.tensors import set_slice, tensor_at

        return {
            names[0]: set_slice(model, names, tensor_at(model, names[0]), form.axis, form.indices)
            for names, form in forms.items()
            if isinstance(form, Slices)
        }


def _limited(model: Any, anatomy: Anatomy, limits: Limits) -> dict[str, Treatment]:
    """The cross-attention tensors that are trained within the limits, whole or in slices.

    Raises:
        StrategyError: the limits name a layer or head that the model lacks, exclude everything, or still
            contain ``auto``, or the family's projections are unknown.
    """
    _check_limits(anatomy, limits)
    heads = dict(limits.heads or ())
    chosen: dict[str, Treatment] = {}
    for name, layer in anatomy.layers.items():
        role = anatomy.projections.get(name)
        if role is None and (limits.projections is not None or limits.heads is not None):
            raise StrategyError(
                f"cannot limit {name}: its projection is unknown in this model family; limit layers instead"
            )
        if limits.layers is not None and layer not in limits.layers:
            continue
        if limits.projections is not None and role not in limits.projections:
            continue
        if limits.heads is None:
            chosen[name] = Treatment("xattn")
        elif layer in heads and name in anatomy.head_axis:  # norms and the output's bias belong to no head
            axis, shape = anatomy.head_axis[name], tuple(model.get_parameter(name).shape)
            width = shape[axis] // anatomy.heads
            rows = [head * width + at for head in sorted(heads[layer]) for at in range(width)]
            chosen[name] = Treatment("xattn", Slices.of(shape, axis, rows))
    if not chosen:
        raise StrategyError(f"the limits {limits} exclude all of cross-attention; widen them")
    return chosen


def _check_limits(anatomy: Anatomy, limits: Limits) -> None:
    if limits.auto is not None:
        raise StrategyError(
            f"the limits {limits} choose heads only once there is training text; "
            "name any heads (heads=0:1,3) to see the size for as many of them"
        )
    heads = limits.heads or ()
    layers = set(limits.layers or ()) | {layer for layer, _ in heads}
    for what, named, number, whole in (
        ("layer", layers, 1 + max(anatomy.layers.values()), "the decoder has the layers"),
        ("head", {head for _, each in heads for head in each}, anatomy.heads, "a layer has the heads"),
    ):
        if too_large := sorted(each for each in named if each >= number):
            raise StrategyError(f"the limits {limits} name {what} {too_large[0]}; {whole} 0 to {number - 1}")


def parse_limits(text: str) -> Limits:
    """Reads the limits in a strategy's brackets, like ``layers=0-2;k,v``.

    Raises:
        StrategyError: the limits cannot be read, or a part of them has no effect.
    """
    readers = {"layers": _numbers, "projections": _projections, "auto": _percent}
    values: dict[str, Any] = {}
    heads: dict[int, frozenset[int]] = {}
    key = ""
    for part in text.split(";"):
        before = key
        key, equals, value = (each.strip() for each in part.partition("="))
        if not equals:  # projections, or another layer of heads=0:1;2:0
            key, value = ("heads" if before == "heads" and ":" in part else "projections"), key
        if key in values:
            raise StrategyError(f"it limits {key} twice; give one list, like layers=0-2,5 or k,v")
        if key in readers:
            values[key] = readers[key](value)
        elif key == "heads":
            layer, chosen = _heads(value)
            if layer in heads:
                raise StrategyError(f"it gives the heads of layer {layer} twice; give one list, like 0:1,3")
            heads[layer] = chosen
        else:
            raise StrategyError(
                f"unknown limit {key!r} (limits look like layers=0-2, heads=0:1,3 or k,v); "
                f"{nearest(key, ('layers', 'heads', 'auto'))}"
            )
    limits = Limits(**values, heads=tuple(sorted(heads.items())) or None)
    _check_consistent(limits)
    return limits


def _check_consistent(limits: Limits) -> None:
    """Raises if a part of the limits would have no effect."""
    if limits.heads is None and limits.auto is None:
        return
    if limits.heads is not None and limits.auto is not None:
        raise StrategyError("it has both heads and auto; leave one of them out")
    if "norm" in (limits.projections or ()):
        raise StrategyError("the norm belongs to all heads; leave out the norm or the heads")
    for layer, _ in limits.heads or ():
        if limits.layers is not None and layer not in limits.layers:
            layers = _ranges(limits.layers)
            raise StrategyError(f"it names heads of layer {layer}, which is not among its layers {layers}")


def _percent(text: str) -> int:
    """``50%`` as 50."""
    match = re.fullmatch(r"(\d{1,3})\s*%", text)
    if not match or not 1 <= int(match[1]) <= 100:
        raise StrategyError(f"auto is {text!r}, expected a share of the heads from 1% to 100%")
    return int(match[1])


def _heads(text: str) -> tuple[int, frozenset[int]]:
    """``0:1,3`` as layer 0 and heads {1, 3}."""
    layer, colon, heads = text.partition(":")
    layers = _numbers(layer) if colon else frozenset[int]()
    if len(layers) != 1:
        raise StrategyError(f"heads is {text!r}, expected heads by layer, like heads=0:1,3")
    return min(layers), _numbers(heads)


def _projections(text: str) -> frozenset[str]:
    names = [name.strip() for name in text.split(",")]
    for name in names:
        if name not in PROJECTIONS:
            raise StrategyError(
                f"unknown projection {name!r} (other limits look like layers=0-2 or heads=0:1,3); "
                f"{nearest(name, PROJECTIONS)}"
            )
    return frozenset(names)


def _numbers(text: str) -> frozenset[int]:
    """``0-2,5`` as {0, 1, 2, 5}."""
    numbers: set[int] = set()
    for part in text.split(","):
        match = re.fullmatch(r"\s*(\d{1,4})\s*(?:-\s*(\d{1,4})\s*)?", part)
        if not match:
            raise StrategyError(f"{part!r} is not a number or a range like 0-2")
        first, last = int(match[1]), int(match[2] or match[1])
        if last < first:
            raise StrategyError(f"the range {part.strip()!r} is empty")
        numbers.update(range(first, last + 1))
    return frozenset(numbers)


def _ranges(numbers: frozenset[int]) -> str:
    """{0, 1, 2, 5} as ``0-2,5``."""
    ranges = half_open_ranges(numbers)
    return ",".join(str(start) if stop == start + 1 else f"{start}-{stop - 1}" for start, stop in ranges)
