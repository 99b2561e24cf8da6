"""Base class of training methods.

Every method is one class in its own file, found by :mod:`crosslate.models.methods.registry`. These files
import torch only inside functions, since strategies are read and studies are planned without it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, ClassVar

from crosslate.errors import StrategyError, nearest
from crosslate.models.groups import BODY, GROUPS, Group
from crosslate.models.methods.forms import Form

if TYPE_CHECKING:
    import torch
    from torch import nn

    from crosslate.models.anatomy.anatomy import Anatomy

_MOST = 4096


@dataclass(frozen=True)
class Treatment:
    """What a method does to a tensor of the child; without form or shape, it trains the whole tensor.

    Attributes:
        form: how to make the child's tensor from the parent's and a smaller one.
        is_trained: False if the tensor follows from others and has no parameters of its own.
        added_shape: shape of a tensor that the parent lacks, or None.
    """

    group: Group
    form: Form | None = None
    is_trained: bool = True
    added_shape: tuple[int, ...] | None = None


@dataclass(frozen=True)
class Method(ABC):
    """How groups of parameters are trained. The fields of a subclass are its options: integers from 1.

    A subclass overrides :meth:`plan`. One that trains forms, which are merged into plain tensors, also
    overrides :meth:`attach`, :meth:`stored` and :meth:`restore`; one that adds modules, :meth:`add` and
    :meth:`is_in`.
    """

    kind: ClassVar[str]
    """Its name in a strategy."""
    groups: ClassVar[frozenset[Group]] = BODY
    """The groups that it can train."""
    places: ClassVar[Mapping[str, frozenset[Group]]] = {}
    """Named sets of groups for use in brackets; the first is the default. If empty, brackets mean
    :attr:`groups`."""
    trains_own_tensors: ClassVar[bool] = False
    """Whether it trains the model's own tensors rather than additional ones."""
    modules: ClassVar[str] = ""
    """Display name of its added modules, which only PyTorch can run; empty if everything is merged."""

    @abstractmethod
    def plan(self, model: Any, anatomy: Anatomy, groups: Collection[Group]) -> dict[str, Treatment]:
        """Tensors by name that it changes in a model's ``groups`` or adds to it.

        Raises:
            StrategyError: the model lacks the needed parts, or an option does not fit it.
        """

    def attach(self, model: Any, forms: Mapping[tuple[str, ...], Form]) -> dict[str, nn.Parameter]:
        """Trains tensors, keyed by all their names, through forms; returns the trained parameters by name.

        Here and in :meth:`add`, the caller controls the random state.
        """
        raise NotImplementedError

    def stored(self, model: Any, name: str, form: Form) -> torch.Tensor:
        """The stored tensor of a form, read from the live model."""
        raise NotImplementedError

    def restore(self, model: Any, name: str, form: Form, value: torch.Tensor) -> None:
        """Sets the trained parameters of a form so that :meth:`stored` gives ``value``."""
        raise NotImplementedError

    def add(self, model: Any, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, nn.Parameter]:
        """Adds modules whose tensors have these names and shapes; returns their parameters by name."""
        raise NotImplementedError

    @classmethod
    def is_in(cls, model: nn.Module) -> bool:
        """Whether a model has modules of this method."""
        return False

    @classmethod
    def bracket_words(cls) -> Mapping[str, frozenset[Group]]:
        """Names for groups in brackets."""
        return cls.places or {"": cls.groups}

    def options(self) -> str:
        """Its options as spelled in a strategy: ``rank=8``."""
        return ";".join(f"{field.name}={getattr(self, field.name)}" for field in fields(self))

    def with_options(self, options: Iterable[str]) -> Method:
        """The method with options like ``rank=4``.

        Raises:
            StrategyError: an option is unknown, given twice, or out of range.
        """
        known = [field.name for field in fields(self)]
        values: dict[str, int] = {}
        for part in filter(None, map(str.strip, options)):
            name, equals, value = (each.strip() for each in part.partition("="))
            if name in values:
                raise StrategyError(f"it gives {name} twice; give it once")
            if not equals or name not in known:
                hints = [*(f"{each}=…" for each in known), *self.places]
                hint = nearest(part, hints) if hints else "leave out the brackets"
                raise StrategyError(f"{self.kind} has no {part!r}; {hint}")
            if not value.isascii() or not value.isdigit() or not 0 < int(value) <= _MOST:
                raise StrategyError(f"{name} is {value!r}, expected a whole number from 1 to {_MOST}")
            values[name] = int(value)
        return replace(self, **values)


def added_type(model: nn.Module) -> torch.dtype:
    """The type of added tensors: the widest of the parameters, since some may be in lower precision."""
    types = (each.dtype for each in model.parameters() if each.is_floating_point())
    return max(types, key=lambda dtype: dtype.itemsize)


def listed(groups: Collection[Group]) -> str:
    """Groups as spelled in a strategy: ``enc,dec``."""
    return ",".join(group for group in GROUPS if group in groups)
