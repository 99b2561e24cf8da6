"""Strategies as data: which groups start anew, which are trained, and limits within cross-attention.

Adding a strategy is adding one entry to :data:`STRATEGIES` (the paper's) or :data:`RIVALS`; nothing else
branches on names.

Source: Gheini, Ren & May 2021, section 3.1.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from crosslate.errors import StrategyError, nearest
from crosslate.models.groups import SIDE_OF_GROUP, Side
from crosslate.models.methods.method import Method, parse_method

Projection = Literal["q", "k", "v", "o", "norm"]

PROJECTIONS: tuple[Projection, ...] = ("q", "k", "v", "o", "norm")


@dataclass(frozen=True)
class Limits:
    """What of cross-attention is trained; None means no limit of that kind.

    Attributes:
        layers: decoder layers, 0-based.
        projections: ``q k v o norm``.
        heads: heads per decoder layer; layers not named train no head. Limits q, k, v and o to the heads'
            rows and columns; biases of o and the norm belong to no head and stay frozen.
        auto: percent of the heads, 1-100, that are chosen by their importance before training starts; then
            they stand in ``heads`` (see :func:`with_heads`).
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
class Strategy:
    """A declarative value; see :mod:`crosslate.models.plan` for what it means on a model.

    Attributes:
        name: as in the paper, without limits.
        renews: sides whose vocabulary is new; None leaves it to the caller (``scratch``).
        reinitialise: groups that start from random values.
        train: groups that are trained.
        limits: limits within ``xattn``.
        method: what stands for training the body's tensors themselves; None where they are trained.
    """

    name: str
    renews: frozenset[Side] | None
    reinitialise: frozenset[str]
    train: frozenset[str]
    limits: Limits = Limits()
    method: Method | None = None

    def __str__(self) -> str:
        return f"{self.name}{self.limits}{self.method or ''}"

    @property
    def precise_groups(self) -> frozenset[str]:
        """Groups that a parent may not hold in a lower precision, since training starts from its values."""
        return (self.train - self.reinitialise) | (self.method.formed_groups if self.method else frozenset())


def _entry(
    name: str, renews: str | None, reinitialise: str, train: str, method: Method | None = None
) -> Strategy:
    return Strategy(
        name,
        None if renews is None else frozenset(SIDE_OF_GROUP[group] for group in renews.split()),
        frozenset(reinitialise.split()),
        frozenset(train.split()),
        method=method,
    )


STRATEGIES: dict[str, Strategy] = {
    strategy.name: strategy
    for strategy in (
        _entry("scratch", None, "src tgt enc dec xattn", "src tgt enc dec xattn"),
        _entry("src", "src", "src", "src"),
        _entry("tgt", "tgt", "tgt", "tgt"),
        _entry("src+body", "src", "src", "src enc dec xattn"),
        _entry("tgt+body", "tgt", "tgt", "tgt enc dec xattn"),
        _entry("src+xattn", "src", "src", "src xattn"),
        _entry("tgt+xattn", "tgt", "tgt", "tgt xattn"),
        _entry("src+randxattn", "src", "src xattn", "src xattn"),
        _entry("tgt+randxattn", "tgt", "tgt xattn", "tgt xattn"),
        _entry("embed", "", "", "src tgt"),
        _entry("embed+body", "", "", "src tgt enc dec xattn"),
        _entry("embed+xattn", "", "", "src tgt xattn"),
        _entry("embed+randxattn", "", "xattn", "src tgt xattn"),
        _entry("src+tgt+xattn", "src tgt", "src tgt", "src tgt xattn"),
    )
}

RIVALS: dict[str, Strategy] = {
    strategy.name: strategy
    for side in ("src", "tgt")
    for strategy in (
        _entry(f"{side}+all", side, side, "src tgt enc dec xattn"),
        _entry(f"{side}+bitfit", side, side, f"{side} enc dec xattn", Method("bitfit")),
        _entry(f"{side}+lora", side, side, side, Method("lora", "xattn", 8)),
        _entry(f"{side}+ia3", side, side, side, Method("ia3")),
        _entry(f"{side}+adapters", side, side, side, Method("adapters", size=64)),
        _entry(f"{side}+prefix", side, side, side, Method("prefix", size=4)),
    )
}
"""Strategies beside the paper's, all with the new side's embeddings trained as a whole."""


def parse_strategy(text: str) -> Strategy:
    """Reads a strategy from its name and optional limits, or the values of its method.

    Limits stand in brackets and are separated by semicolons: ``layers=0-2,5``, projections ``k,v``,
    heads by layer ``heads=0:1,3;2:0-1``, or a share of the heads to choose ``auto=50%``. So
    ``src+xattn[layers=0-2]``, ``src+xattn[k,v]``, ``src+xattn[heads=0:1,3]``. Methods have values instead:
    ``src+lora[attention;rank=4]``.

    Raises:
        StrategyError: unknown name (with the nearest known), or limits or values that cannot be read.
    """
    match = re.fullmatch(r"\s*([^\[\]]+?)\s*(?:\[([^\[\]]*)\])?\s*", text)
    if not match:
        raise StrategyError(f"cannot read the strategy {text!r}; expected a name like src+xattn[layers=0-2]")
    name, limits = match[1], match[2]
    known = STRATEGIES | RIVALS
    if name not in known:
        raise StrategyError(f"unknown strategy {name!r}; {nearest(name, list(known))}")
    strategy = known[name]
    if limits is None:
        return strategy
    if strategy.method is not None:
        return replace(strategy, method=parse_method(limits, strategy.method, text))
    if "xattn" not in strategy.train:
        raise StrategyError(f"{name} does not train cross-attention, so the limits [{limits}] mean nothing")
    if "xattn" in strategy.reinitialise:
        raise StrategyError(
            f"{name} starts cross-attention from random values, so it must be trained as a whole; "
            f"leave the limits [{limits}] out"
        )
    return replace(strategy, limits=_parse_limits(limits, text))


def with_heads(strategy: Strategy, heads: Mapping[int, Collection[int]]) -> Strategy:
    """A strategy with the heads in place of the share that was asked for; they imply the layers."""
    chosen = tuple((layer, frozenset(each)) for layer, each in sorted(heads.items()) if each)
    return replace(strategy, limits=replace(strategy.limits, layers=None, heads=chosen, auto=None))


def _parse_limits(text: str, whole: str) -> Limits:
    layers: frozenset[int] | None = None
    projections: frozenset[str] | None = None
    heads: dict[int, frozenset[int]] = {}
    auto: int | None = None
    key = ""
    for part in text.split(";"):
        before = key
        key, equals, value = (each.strip() for each in part.partition("="))
        if not equals:  # a further layer of heads=0:1;2:0, or projections
            key, value = ("heads" if before == "heads" and ":" in part else "projections"), key
        known = {"layers": layers, "projections": projections, "auto": auto}
        if known.get(key) is not None:
            raise StrategyError(f"{whole!r} limits {key} twice; give one list, like layers=0-2,5 or k,v")
        if key == "layers":
            layers = _numbers(value, whole)
        elif key == "projections":
            projections = frozenset(_projection(name.strip(), whole) for name in value.split(","))
        elif key == "heads":
            layer, chosen = _heads(value, whole)
            if layer in heads:
                raise StrategyError(
                    f"{whole!r} gives the heads of layer {layer} twice; give one list, like 0:1,3"
                )
            heads[layer] = chosen
        elif key == "auto":
            auto = _percent(value, whole)
        else:
            raise StrategyError(
                f"{whole!r}: unknown limit {key!r} (limits look like layers=0-2, heads=0:1,3 or k,v); "
                f"{nearest(key, ('layers', 'heads', 'auto'))}"
            )
    limits = Limits(layers, projections, tuple(sorted(heads.items())) if heads else None, auto)
    _check_consistent(limits, whole)
    return limits


def _check_consistent(limits: Limits, whole: str) -> None:
    """Refuses limits part of which would silently mean nothing."""
    if limits.heads is None and limits.auto is None:
        return
    if limits.heads is not None and limits.auto is not None:
        raise StrategyError(f"{whole!r} names heads and asks for a choice of them; leave one of the two out")
    if limits.projections is not None and "norm" in limits.projections:
        raise StrategyError(f"{whole!r}: the norm belongs to all heads; leave it out, or leave the heads out")
    if limits.layers is not None:
        for layer, _ in limits.heads or ():
            if layer not in limits.layers:
                raise StrategyError(
                    f"{whole!r} names heads of layer {layer}, which its layers "
                    f"{_ranges(limits.layers)} leave out"
                )


def _percent(text: str, whole: str) -> int:
    """``50%`` as 50."""
    match = re.fullmatch(r"(\d{1,3})\s*%", text)
    if not match or not 1 <= int(match[1]) <= 100:
        raise StrategyError(f"{whole!r}: auto is {text!r}, expected a share of the heads from 1% to 100%")
    return int(match[1])


def _heads(text: str, whole: str) -> tuple[int, frozenset[int]]:
    """``0:1,3`` as layer 0 and heads {1, 3}."""
    layer, colon, heads = text.partition(":")
    layers = _numbers(layer, whole) if colon else frozenset[int]()
    if len(layers) != 1:
        raise StrategyError(f"{whole!r}: heads are given by layer, like heads=0:1,3; seen {text!r}")
    return min(layers), _numbers(heads, whole)


def _projection(name: str, whole: str) -> str:
    if name not in PROJECTIONS:
        raise StrategyError(
            f"{whole!r}: unknown projection {name!r} (other limits look like layers=0-2 or heads=0:1,3); "
            f"{nearest(name, PROJECTIONS)}"
        )
    return name


def _numbers(text: str, whole: str) -> frozenset[int]:
    """``0-2,5`` as {0, 1, 2, 5}."""
    numbers: set[int] = set()
    for part in text.split(","):
        match = re.fullmatch(r"\s*(\d{1,4})\s*(?:-\s*(\d{1,4})\s*)?", part)
        if not match:
            raise StrategyError(f"{whole!r}: {part!r} is no number or range like 0-2")
        first, last = int(match[1]), int(match[2] or match[1])
        if last < first:
            raise StrategyError(f"{whole!r}: the range {part.strip()!r} is empty")
        numbers.update(range(first, last + 1))
    return frozenset(numbers)


def _ranges(numbers: frozenset[int]) -> str:
    """{0, 1, 2, 5} as ``0-2,5``."""
    parts: list[list[int]] = []
    for number in sorted(numbers):
        if parts and number == parts[-1][1] + 1:
            parts[-1][1] = number
        else:
            parts.append([number, number])
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in parts)
