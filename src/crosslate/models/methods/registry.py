"""All methods, and how they are spelt: every module of this package that defines a method is one.

A method stands for a set of groups. Behind a strategy's name its usual sets are written in brackets
(``lora[attention;rank=4]``, ``adapters``), any other in parentheses: ``lora(enc,dec;rank=16)``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING, Any

from crosslate.errors import StrategyError, nearest
from crosslate.models import methods as package
from crosslate.models.groups import Group
from crosslate.models.methods.forms import Form
from crosslate.models.methods.full import Full
from crosslate.models.methods.method import Method, listed

if TYPE_CHECKING:
    from torch import nn


@cache
def methods() -> dict[str, type[Method]]:
    """Classes of all methods by kind, full training among them."""
    return {each.kind: each for each in _subclasses(Method)}


@cache
def forms() -> dict[str, type[Form]]:
    """Classes of all forms by kind, those of the methods' own files among them."""
    return {each.kind: each for each in _subclasses(Form)}


def _subclasses(kind: type[Any]) -> list[type[Any]]:
    """All classes below ``kind`` that name a kind of their own, by that name."""
    for module in iter_modules(package.__path__):
        import_module(f"{package.__name__}.{module.name}")
    found, unseen = [], kind.__subclasses__()
    while unseen:
        each = unseen.pop()
        unseen += each.__subclasses__()
        if "kind" in vars(each):
            found.append(each)
    return sorted(found, key=lambda each: str(each.kind))


def named_methods() -> list[str]:
    """Kinds of methods that a strategy's name spells out; full training is what it means without one."""
    return [kind for kind in methods() if kind != Full.kind]


def methods_in(model: nn.Module) -> list[type[Method]]:
    """The methods that have modules in a model."""
    return [method for method in methods().values() if method.is_in(model)]


def modules_beyond(model: nn.Module, engine: str) -> str:
    """What a model consists of that an engine cannot run, like ``adapters``; empty if it runs all of it."""
    return " and ".join(each.modules for each in methods_in(model) if engine not in each.engines)


@dataclass(frozen=True)
class Assigned:
    """A method with the groups that learn by it.

    ``str()`` gives the form that is the same everywhere: ``lora(enc,dec;rank=16)``.
    """

    method: Method
    groups: frozenset[Group]

    def __str__(self) -> str:
        return f"{self.method.kind}({self._inside(listed(self.groups))})"

    @property
    def place(self) -> str | None:
        """The word that stands for the groups in brackets; None where there is none."""
        words = self.method.bracket_words().items()
        return next((word for word, groups in words if groups == self.groups), None)

    def spelt(self) -> str:
        """As in a strategy's name: in brackets where these can say it."""
        if self.place is None:
            return str(self)
        inside = self._inside(self.place)
        return f"{self.method.kind}[{inside}]" if inside else self.method.kind

    def _inside(self, where: str) -> str:
        return ";".join(part for part in (where, self.method.options()) if part)


def parse_method(text: str, whole: str = "") -> Assigned:
    """Reads a method with its groups, like ``lora(enc,dec;rank=16)``, ``lora[attention]`` or ``ia3``.

    Args:
        whole: the strategy that it is part of, for messages; by default ``text``.

    Raises:
        StrategyError: unknown method, group or option, or a value out of range.
    """
    whole = whole or text
    match = re.fullmatch(r"\s*([\w-]+)\s*(?:\[([^\[\]()]*)\]|\(([^\[\]()]*)\))?\s*", text)
    if not match or match[1] not in named_methods():
        name = match[1] if match else text
        raise StrategyError(f"{whole!r}: unknown method {name!r}; {nearest(name, named_methods())}")
    kind = methods()[match[1]]
    method = kind()
    if match[3] is not None:
        where, _, options = match[3].partition(";")
        return Assigned(method.with_options(options, whole), _groups(kind, where, whole))
    parts = [each.strip() for each in (match[2] or "").split(";")] if match[2] is not None else []
    words = kind.bracket_words()
    places = [part for part in parts if part in kind.places]
    if len(places) > 1:
        raise StrategyError(f"{whole!r} says twice where {kind.kind} is applied; say it once")
    options = ";".join(part for part in parts if part not in kind.places)
    if match[2] is not None and not all(parts):
        raise StrategyError(f"{whole!r} has an empty part in its brackets; leave it out")
    return Assigned(
        method.with_options(options, whole), words[places[0]] if places else next(iter(words.values()))
    )


def _groups(kind: type[Method], text: str, whole: str) -> frozenset[Group]:
    names = [each.strip() for each in text.split(",")]
    known: list[Group] = list(kind.groups)
    for name in names:
        if name not in known:
            raise StrategyError(
                f"{whole!r}: {kind.kind} cannot be applied to {name!r}; {nearest(name, sorted(known))}"
            )
    if len(set(names)) < len(names):
        raise StrategyError(f"{whole!r} names a group twice; name each once")
    return frozenset(group for group in known if group in names)


def read_form(values: Any) -> Form:
    """A form from the plain values of a manifest.

    Raises:
        ValueError: says what is wrong with them.
    """
    if not isinstance(values, dict) or str(values.get("kind")) not in forms():
        raise ValueError(f"a form is {values!r}, expected a mapping with a kind of {', '.join(forms())}")
    kind = forms()[values["kind"]]
    given = {name: _fixed(value) for name, value in values.items() if name != "kind"}
    expected = {field.name for field in fields(kind)}
    if given.keys() != expected or not all(_is_whole(value) for value in given.values()):
        raise ValueError(f"form is {values!r}, expected whole numbers for {', '.join(sorted(expected))}")
    try:
        form = kind(**given)
        fault = form.fault
    except (TypeError, IndexError) as error:  # a number in place of a list
        raise ValueError(f"form is {values!r}: {error}") from None
    if fault:
        raise ValueError(f"form is {values!r}: {fault}")
    return form


def form_values(form: Form) -> dict[str, Any]:
    """The plain values of a form, as :func:`read_form` reads them."""
    return {"kind": form.kind, **vars(form)}


def _fixed(value: Any) -> Any:
    return tuple(_fixed(each) for each in value) if isinstance(value, list | tuple) else value


def _is_whole(value: Any) -> bool:
    if isinstance(value, tuple):
        return all(map(_is_whole, value))
    return isinstance(value, int) and not isinstance(value, bool)
