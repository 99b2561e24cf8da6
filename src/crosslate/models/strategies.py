"""Strategies as data: which sides and groups start fresh, and how each group is trained.

A strategy is a name, which says what is trained in full, and methods for further groups: ``src+xattn``,
``src+lora[attention;rank=4]``, ``src+xattn+lora(enc,dec;rank=16)``. To add a name, add an entry to
:data:`STRATEGIES`; no code depends on names.

Source: Gheini, Ren & May 2021, section 3.1.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from crosslate.errors import StrategyError, nearest
from crosslate.models.groups import BODY, GROUP_OF_SIDE, GROUPS, SIDE_OF_GROUP, SIDES, Group, Side
from crosslate.models.methods.full import Full, Limits, parse_limits
from crosslate.models.methods.method import Method, listed
from crosslate.models.methods.registry import Assigned, named_methods, parse_method

_PART = re.compile(r"[^+\[\]()]+(?:\[[^\[\]]*\]|\([^()]*\))?")


@dataclass(frozen=True)
class Strategy:
    """A parsed strategy; see :mod:`crosslate.models.plan` for resolving it on a model.

    Attributes:
        base: name in :data:`STRATEGIES`.
        renews: sides with a new vocabulary; None leaves them to the caller (``scratch``).
        reinitialise: groups that start from random values.
        others: further methods with their groups; no group has two methods.
    """

    base: str
    renews: frozenset[Side] | None
    reinitialise: frozenset[Group]
    full: Assigned
    others: tuple[Assigned, ...] = ()

    def __str__(self) -> str:
        return "+".join([f"{self.base}{self.limits}", *(each.spelt() for each in self.others)])

    @property
    def name(self) -> str:
        """The strategy without limits and options: ``src+lora``."""
        return "+".join([self.base, *(each.method.kind for each in self.others)])

    @property
    def assigned(self) -> tuple[Assigned, ...]:
        """Every method with its groups."""
        return (self.full, *self.others)

    @property
    def methods(self) -> dict[Group, Method]:
        """The method of every trained group."""
        found = {group: each.method for each in self.assigned for group in each.groups}
        return {group: found[group] for group in GROUPS if group in found}

    @property
    def limits(self) -> Limits:
        """Limits on full training of cross-attention."""
        return self.full.method.limits if isinstance(self.full.method, Full) else Limits()

    @property
    def train(self) -> frozenset[Group]:
        """Groups whose own tensors are trained, fully or in part."""
        return frozenset(group for group, each in self.methods.items() if each.trains_own_tensors)

    @property
    def adds_tensors(self) -> bool:
        """Whether a method trains tensors that it adds, such as low-rank factors."""
        return not all(each.trains_own_tensors for each in self.methods.values())

    @property
    def precise_groups(self) -> frozenset[Group]:
        """Groups that must keep full precision in the parent, since training starts from its values."""
        from_parent = {group for group, each in self.methods.items() if not each.modules}
        return frozenset(from_parent - self.reinitialise)

    @property
    def label(self) -> str:
        """What is trained beside embeddings, like ``lora-xattn``; empty for full training only."""
        if not self.others:
            return ""
        parts = [listed(self.full.groups & BODY).replace(",", "-")]
        for each in self.others:
            place = listed(each.groups).replace(",", "-") if each.place is None else each.place
            parts.append("-".join(filter(None, (each.method.kind, place))))
        return "+".join(filter(None, parts))

    def limited(self, limits: Limits) -> Strategy:
        """The strategy with other limits."""
        return replace(self, full=replace(self.full, method=Full(limits)))

    def with_heads(self, heads: Mapping[int, Collection[int]]) -> Strategy:
        """The strategy with heads instead of ``auto`` and layers."""
        chosen = tuple((layer, frozenset(each)) for layer, each in sorted(heads.items()) if each)
        return self.limited(replace(self.limits, layers=None, heads=chosen, auto=None))


def _entry(name: str, renews: str | None, reinitialise: str, train: str) -> Strategy:
    def groups(text: str) -> frozenset[Group]:
        return frozenset(group for group in GROUPS if group in text.split())

    sides = None if renews is None else frozenset(SIDE_OF_GROUP[group] for group in renews.split())
    return Strategy(name, sides, groups(reinitialise), Assigned(Full(), groups(train)))


STRATEGIES: dict[str, Strategy] = {
    strategy.base: strategy
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
        # Not in the paper: the kept side's embeddings are trained as well.
        _entry("src+all", "src", "src", "src tgt enc dec xattn"),
        _entry("tgt+all", "tgt", "tgt", "src tgt enc dec xattn"),
        _entry("src+tgt+all", "src tgt", "src tgt", "src tgt enc dec xattn"),
        # Nor is training the body alone, for a pair that already has both its vocabularies.
        _entry("pair+xattn", "", "", "xattn"),
        _entry("pair+body", "", "", "enc dec xattn"),
    )
}


DEFAULT_BODY = "xattn+low-rank(enc,dec;rank=32)"
"""Cross-attention in full, as in the paper, and everything else of the body through low-rank changes;
docs/strategies.md has the experiments."""


def default_strategy(sides: Collection[Side], body: str = DEFAULT_BODY) -> Strategy:
    """The strategy for new languages on these sides; without sides, for a pair pack.

    Args:
        body: what is trained beside the new sides, as a strategy spells it.
    """
    renewed: list[str] = [GROUP_OF_SIDE[side] for side in SIDES if side in sides]
    return parse_strategy("+".join([*(renewed or ["pair"]), body]))


def strategy_names() -> list[str]:
    """Names of strategies without limits and options, including each method with new embeddings."""
    return [*STRATEGIES, *(f"{side}+{kind}" for side in SIDE_OF_GROUP for kind in named_methods())]


def parse_strategy(text: str) -> Strategy:
    """Reads a strategy: a name, limits on full training, and methods for further groups.

    Limits are in brackets, separated by semicolons: ``layers=0-2,5``, projections ``k,v``, heads by layer
    ``heads=0:1,3;2:0-1``, or a share of heads to choose ``auto=50%``. For example,
    ``src+xattn[layers=0-2]``, ``src+xattn[k,v]``, ``src+xattn[heads=0:1,3]``. Methods have options instead,
    ``src+lora[attention;rank=4]``, or explicit groups: ``src+xattn+lora(enc,dec;rank=16)``.

    Raises:
        StrategyError: the name is unknown (the message suggests the nearest), limits or options cannot be
            read, or a group has two methods.
    """
    parts = [each.strip() for each in _PART.findall(text.strip())]
    if not parts or re.sub(r"\s", "", "+".join(parts)) != re.sub(r"\s", "", text):
        raise StrategyError(f"cannot read the strategy {text!r}; expected a name like src+xattn[layers=0-2]")
    kinds = named_methods()
    names = [re.split(r"[\[(]", part)[0].strip() for part in parts]
    first = next((at for at, name in enumerate(names) if name in kinds), len(parts))
    base, inside = "+".join(names[:first]), [part[len(name) :] for part, name in zip(parts, names)][:first]
    if base not in STRATEGIES or any(name not in kinds for name in names[first:]):
        name = "+".join(names)
        raise StrategyError(f"unknown strategy {name!r}; {nearest(name, strategy_names())}")
    limits = inside[-1].strip()
    if any(inside[:-1]) or limits.startswith("("):
        raise StrategyError(f"cannot read the strategy {text!r}; expected limits as in {base}[layers=0-2]")
    strategy = STRATEGIES[base]
    try:
        if limits:
            strategy = _limited(strategy, limits[1:-1])
        for part in parts[first:]:
            assigned = parse_method(part)
            if twice := strategy.methods.keys() & assigned.groups:
                free = listed(assigned.method.groups - strategy.methods.keys())
                instead = f"choose among {free}" if free else f"{strategy} leaves none for it"
                raise StrategyError(f"{listed(twice)} would have two methods; {instead}")
            strategy = replace(strategy, others=(*strategy.others, assigned))
    except StrategyError as error:
        raise StrategyError(f"{text!r}: {error}") from None
    return strategy


def _limited(strategy: Strategy, limits: str) -> Strategy:
    if "xattn" not in strategy.train:
        raise StrategyError("it does not train cross-attention, so limits have no effect; leave them out")
    if "xattn" in strategy.reinitialise:
        raise StrategyError(
            "it starts cross-attention from random values, so all of it must be trained; leave out the limits"
        )
    return strategy.limited(parse_limits(limits))
