"""All methods of this package, and their spelling in strategies.

A method applies to a set of groups. Named sets are in brackets (``lora[attention;rank=4]``, ``adapters``),
other sets in parentheses: ``lora(enc,dec;rank=16)``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from inspect import isabstract
from pkgutil import iter_modules
from typing import TYPE_CHECKING, Any, TypeVar

from crosslate.errors import StrategyError, nearest
from crosslate.models import methods as package
from crosslate.models.groups import Group
from crosslate.models.methods.forms import Form
from crosslate.models.methods.full import Full
from crosslate.models.methods.method import Method, listed

if TYPE_CHECKING:
    from torch import nn

T = TypeVar("T")


@cache
def methods() -> dict[str, type[Method]]:
    """Classes of all methods by kind, including full training."""
    for module in iter_modules(package.__path__):
        import_module(f"{package.__name__}.{module.name}")
    found = _classes_of(Method)  # type: ignore[type-abstract]
    return {each.kind: each for each in sorted(found, key=lambda each: each.kind)}


@cache
def forms() -> dict[str, type[Form]]:
    """Classes of all forms by kind; a form of one method may be in the method's module."""
    methods()
    found = _classes_of(Form)  # type: ignore[type-abstract]
    return {each.kind: each for each in sorted(found, key=lambda each: each.kind)}


def _classes_of(base: type[T]) -> Iterator[type[T]]:
    """The classes derived from ``base``, also through others, without abstract ones."""
    for each in base.__subclasses__():
        if not isabstract(each):
            yield each
        yield from _classes_of(each)


def read_form(values: Any) -> Form:
    """A form from the plain values of a manifest.

    Raises:
        ValueError: says what is wrong with them.
    """
    kind = forms().get(str(values.get("kind"))) if isinstance(values, dict) else None
    if kind is None:
        raise ValueError(f"form is {values!r}, expected a mapping with one of the kinds {', '.join(forms())}")
    given = {name: value for name, value in values.items() if name != "kind"}
    form = kind.from_values(given, where=f"the form {values!r}")
    if fault := form.fault:
        raise ValueError(f"form is {values!r}: {fault}")
    return form


def named_methods() -> list[str]:
    """Kinds of methods that are spelled out in a strategy's name, that is, all but full training."""
    return [kind for kind in methods() if kind != Full.kind]


def added_modules(model: nn.Module) -> str:
    """The modules that methods have added to a model, like ``adapters and prefixes``, or empty."""
    return " and ".join(method.modules for method in methods().values() if method.is_in(model))


@dataclass(frozen=True)
class Assigned:
    """A method with the groups that it trains; ``str()`` is always like ``lora(enc,dec;rank=16)``."""

    method: Method
    groups: frozenset[Group]

    def __str__(self) -> str:
        return f"{self.method.kind}({self._inside(listed(self.groups))})"

    @property
    def place(self) -> str | None:
        """The name of the groups in brackets, or None."""
        words = self.method.bracket_words().items()
        return next((word for word, groups in words if groups == self.groups), None)

    def spelt(self) -> str:
        """The spelling in a strategy's name, with brackets if possible."""
        if self.place is None:
            return str(self)
        inside = self._inside(self.place)
        return f"{self.method.kind}[{inside}]" if inside else self.method.kind

    def _inside(self, where: str) -> str:
        return ";".join(part for part in (where, self.method.options()) if part)


def parse_method(text: str) -> Assigned:
    """Reads a method with its groups, like ``lora(enc,dec;rank=16)``, ``lora[attention]`` or ``ia3``.

    Raises:
        StrategyError: unknown method, group or option, or a value out of range.
    """
    match = re.fullmatch(r"\s*([\w-]+)\s*(?:\[([^\[\]()]*)\]|\(([^\[\]()]*)\))?\s*", text)
    if not match or match[1] not in named_methods():
        name = match[1] if match else text
        raise StrategyError(f"unknown method {name!r}; {nearest(name, named_methods())}")
    kind, in_brackets, in_parentheses = methods()[match[1]], match[2], match[3]
    groups, *_ = kind.bracket_words().values()
    options: list[str] = []
    if in_parentheses is not None:
        where, *options = in_parentheses.split(";")
        groups = _groups(kind, where)
    elif in_brackets is not None:
        options = [each.strip() for each in in_brackets.split(";")]
        places = [part for part in options if part in kind.places]
        if len(places) > 1:
            raise StrategyError(f"it names two places for {kind.kind}: {' and '.join(places)}; name one")
        if not all(options):
            raise StrategyError("it has an empty part in its brackets; leave it out")
        if places:
            groups = kind.places[places[0]]
            options.remove(places[0])
    return Assigned(kind().with_options(options), groups)


def _groups(kind: type[Method], text: str) -> frozenset[Group]:
    names = [each.strip() for each in text.split(",")]
    for name in names:
        if name not in kind.groups:
            raise StrategyError(
                f"{kind.kind} cannot be applied to {name!r}; {nearest(name, sorted(kind.groups))}"
            )
    if len(set(names)) < len(names):
        raise StrategyError("it names a group twice; name each once")
    return frozenset(group for group in kind.groups if group in names)
