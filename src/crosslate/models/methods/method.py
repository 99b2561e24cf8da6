"""Rivals of training whole tensors, as data: low-rank deltas, scales, prefixes, adapters, biases.

A strategy with a method trains its new embeddings as a whole; what the method says stands for the rest.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, get_args

from crosslate.errors import StrategyError, nearest

MethodKind = Literal["lora", "ia3", "prefix", "adapters", "bitfit"]
Where = Literal["", "xattn", "attention"]

_SIZES: dict[MethodKind, str] = {"lora": "rank", "prefix": "length", "adapters": "width"}
_PLACES: tuple[str, ...] = tuple(place for place in get_args(Where) if place)


@dataclass(frozen=True)
class Method:
    """How the body of a child learns, other than by training its tensors themselves.

    Attributes:
        kind: ``lora`` (Hu et al. 2022), ``ia3`` (Liu et al. 2022), ``prefix`` (Li & Liang 2021), ``adapters``
            (Houlsby et al. 2019, placed as in Bapna & Firat 2019), ``bitfit`` (Ben Zaken et al. 2022).
        where: of ``lora``: ``xattn`` or all ``attention``; empty for the others.
        size: rank of ``lora``, vectors of a ``prefix``, width of ``adapters``; 0 for the others.
    """

    kind: MethodKind
    where: Where = ""
    size: int = 0

    def __str__(self) -> str:
        size = f"{_SIZES[self.kind]}={self.size}" if self.kind in _SIZES else ""
        inside = ";".join(part for part in (self.where, size) if part)
        return f"[{inside}]" if inside else ""

    @property
    def label(self) -> str:
        """Kind and place, without the size: ``lora-xattn``."""
        return "-".join(part for part in (self.kind, self.where) if part)

    @property
    def adds_modules(self) -> bool:
        """Whether the child has modules that its parent has no place for, so that nothing can be folded."""
        return self.kind in ("prefix", "adapters")

    @property
    def formed_groups(self) -> frozenset[str]:
        """Groups of which it stores tensors as forms of the parent's."""
        if self.kind not in ("lora", "ia3"):
            return frozenset()
        return frozenset({"xattn"} if self.where == "xattn" else {"enc", "dec", "xattn"})


def parse_method(text: str, default: Method, whole: str) -> Method:
    """Reads what stands in a strategy's brackets, like ``attention;rank=4``.

    Args:
        default: the method with its default values.
        whole: the strategy as it was given, for messages.

    Raises:
        StrategyError: a value that the method does not have, or one out of range.
    """
    made, given = default, set()
    size_name = _SIZES.get(default.kind, "")
    for part in (each.strip() for each in text.split(";")):
        name, equals, value = (each.strip() for each in part.partition("="))
        key = name if equals else "where"
        if key in given:
            raise StrategyError(f"{whole!r} gives {key} twice; give it once")
        given.add(key)
        if equals and name == size_name:
            if not value.isascii() or not value.isdigit() or not 0 < int(value) <= 4096:
                raise StrategyError(f"{whole!r}: {name} is {value!r}, expected a whole number from 1 to 4096")
            made = replace(made, size=int(value))
        elif not equals and default.where and part in _PLACES:
            made = replace(made, where="xattn" if part == "xattn" else "attention")
        else:
            known = [*([f"{size_name}=…"] if size_name else []), *(_PLACES if default.where else ())]
            what = nearest(part, known) if known else "leave the brackets out"
            raise StrategyError(f"{whole!r}: {default.kind} has no {part!r}; {what}")
    return made
