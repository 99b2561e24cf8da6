"""Finds the classes of a package that has one class per module."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from importlib import import_module
from importlib.util import find_spec
from pkgutil import iter_modules
from typing import Generic, TypeVar

from crosslate.errors import UsageError, nearest

T = TypeVar("T")


class Registry(Generic[T]):
    """The classes of a package by module name, with hyphens; modules are imported on demand.

    Args:
        package: name of the package.
        base: base class, as ``module:Class``.
        what: noun for one of them in messages.
    """

    def __init__(self, package: str, base: str, what: str) -> None:
        self._package, self._base, self._what = package, base, what

    @cached_property
    def names(self) -> list[str]:
        """All names in alphabetical order, without the module of the base class."""
        spec = find_spec(self._package)
        folders = spec.submodule_search_locations if spec else None
        base = self._base.partition(":")[0].rpartition(".")[2]
        found = (module.name for module in iter_modules(folders or []) if module.name != base)
        return sorted(name.replace("_", "-") for name in found)

    def __getitem__(self, name: str) -> type[T]:
        """The class with a name.

        Raises:
            UsageError: unknown name.
        """
        if name not in self.names:
            raise UsageError(f"unknown {self._what} {name!r}; {nearest(name, self.names)}")
        module_name, class_name = self._base.split(":")
        base = getattr(import_module(module_name), class_name)
        module = import_module(f"{self._package}.{name.replace('-', '_')}")
        own = [each for each in vars(module).values() if getattr(each, "__module__", "") == module.__name__]
        found = [each for each in own if isinstance(each, type) and issubclass(each, base)]
        if len(found) != 1:
            raise TypeError(f"{module.__name__} has {len(found)} classes of {class_name}, expected one")
        return found[0]

    def __iter__(self) -> Iterator[type[T]]:
        """All classes in the order of their names."""
        return map(self.__getitem__, self.names)
