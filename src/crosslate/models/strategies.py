"""Strategies as data: which groups start anew, which are trained, and limits within cross-attention.

Adding a strategy is adding one entry to :data:`STRATEGIES`; nothing else branches on names.

Source: Gheini, Ren & May 2021, section 3.1.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Literal

from crosslate.errors import StrategyError, nearest

Side = Literal["source", "target"]
Projection = Literal["q", "k", "v", "o", "norm"]

SIDES: tuple[Side, ...] = ("source", "target")
PROJECTIONS: tuple[Projection, ...] = ("q", "k", "v", "o", "norm")
_ALL = frozenset({"src", "tgt", "enc", "dec", "xattn"})


@dataclass(frozen=True)
class Limits:
    """What of cross-attention is trained; None means no limit of that kind.

    Attributes:
        layers: decoder layers, 0-based.
        projections: ``q k v o norm``.
        heads: heads per decoder layer; layers not named train no head. Limits q, k, v and o to the heads'
            rows and columns; biases of o and the norm belong to no head and stay frozen.
    """

    layers: frozenset[int] | None = None
    projections: frozenset[str] | None = None
    heads: tuple[tuple[int, frozenset[int]], ...] | None = None

    def __bool__(self) -> bool:
        return not (self.layers is None and self.projections is None and self.heads is None)

    def __str__(self) -> str:
        parts = []
        if self.layers is not None:
            parts.append(f"layers={_ranges(self.layers)}")
        if self.heads is not None:
            parts.append("heads=" + ";".join(f"{layer}:{_ranges(heads)}" for layer, heads in self.heads))
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
    """

    name: str
    renews: frozenset[Side] | None
    reinitialise: frozenset[str]
    train: frozenset[str]
    limits: Limits = Limits()

    def __str__(self) -> str:
        return self.name + str(self.limits)


def _entry(name: str, renews: str | None, reinitialise: str, train: str) -> Strategy:
    sides: dict[str, Side] = {"src": "source", "tgt": "target"}
    return Strategy(
        name,
        None if renews is None else frozenset(sides[side] for side in renews.split()),
        frozenset(reinitialise.split()),
        frozenset(train.split()),
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


def parse_strategy(text: str) -> Strategy:
    """Reads a strategy from its name and optional limits.

    Limits stand in brackets and are separated by semicolons: ``layers=0-2,5``, projections ``k,v``,
    heads by layer ``heads=0:1,3;2:0-1``. So ``src+xattn[layers=0-2]``, ``src+xattn[k,v]``,
    ``src+xattn[heads=0:1,3]``.

    Raises:
        StrategyError: unknown name (with the nearest known), or limits that cannot be read.
    """
    match = re.fullmatch(r"\s*([^\[\]]+?)\s*(?:\[([^\[\]]*)\])?\s*", text)
    if not match:
        raise StrategyError(f"cannot read the strategy {text!r}; expected a name like src+xattn[layers=0-2]")
    name, limits = match[1], match[2]
    if name not in STRATEGIES:
        raise StrategyError(f"unknown strategy {name!r}; {nearest(name, list(STRATEGIES))}")
    strategy = STRATEGIES[name]
    if limits is None:
        return strategy
    if "xattn" not in strategy.train:
        raise StrategyError(f"{name} does not train cross-attention, so the limits [{limits}] mean nothing")
    if "xattn" in strategy.reinitialise:
        raise StrategyError(
            f"{name} starts cross-attention from random values, so it must be trained as a whole; "
            f"leave the limits [{limits}] out"
        )
    return replace(strategy, limits=_parse_limits(limits, text))


def _parse_limits(text: str, whole: str) -> Limits:
    layers: frozenset[int] | None = None
    projections: frozenset[str] | None = None
    heads: dict[int, frozenset[int]] | None = None
    for part in text.split(";"):
        key, equals, value = part.strip().partition("=")
        if not equals and re.match(r"\d+:", key) and heads is not None:
            key, value = "heads", key  # a further layer of heads=0:1;2:0
        if key == "layers":
            layers = _numbers(value, whole)
        elif key == "heads":
            layer, colon, listed = value.partition(":")
            if not colon or not layer.strip().isdigit():
                raise StrategyError(f"{whole!r}: heads are given by layer, like heads=0:1,3; seen {part.strip()!r}")
            heads = {**(heads or {}), int(layer): _numbers(listed, whole)}
        elif not equals and key:
            names = [each.strip() for each in key.split(",")]
            if unknown := [each for each in names if each not in PROJECTIONS]:
                raise StrategyError(
                    f"{whole!r}: unknown projection {unknown[0]!r}; known: {', '.join(PROJECTIONS)}"
                )
            projections = frozenset(names)
        else:
            raise StrategyError(
                f"{whole!r}: cannot read the limit {part.strip()!r}; expected layers=0-2, heads=0:1,3 or k,v"
            )
    return Limits(layers, projections, None if heads is None else tuple(sorted(heads.items())))


def _numbers(text: str, whole: str) -> frozenset[int]:
    """``0-2,5`` as {0, 1, 2, 5}."""
    numbers: set[int] = set()
    for part in text.split(","):
        match = re.fullmatch(r"\s*(\d+)\s*(?:-\s*(\d+)\s*)?", part)
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
