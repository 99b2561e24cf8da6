"""A method: how a group of parameters learns.

Every method is one file of this package with one class, which :mod:`crosslate.models.methods.registry` finds.
Its file imports torch only inside functions: strategies are read and studies are planned without it.
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
    """What a method does to one tensor of the child; without a form or a shape, it trains the tensor itself.

    Attributes:
        form: how the child's tensor is made of the parent's and a smaller one.
        is_trained: False where the tensor follows from others and has nothing of its own to train.
        added_shape: of a tensor that the parent does not have; None where it has it.
    """

    group: Group
    form: Form | None = None
    is_trained: bool = True
    added_shape: tuple[int, ...] | None = None


@dataclass(frozen=True)
class Method(ABC):
    """How groups of parameters learn. The fields of a subclass are its options: whole numbers from 1.

    A subclass overrides :meth:`plan`. If it trains forms, which are folded into plain tensors, it overrides
    :meth:`attach` and :meth:`stored`, too; if it adds modules, :meth:`add` and :meth:`is_in`; if it trains
    the model's own tensors, no more.
    """

    kind: ClassVar[str]
    """Its name in a strategy."""
    groups: ClassVar[frozenset[Group]] = BODY
    """The groups that it can change."""
    places: ClassVar[Mapping[str, frozenset[Group]]] = {}
    """Words for sets of groups that may stand in brackets; the first is the default. Without any, brackets
    mean :attr:`groups`."""
    trains_own_tensors: ClassVar[bool] = False
    """Whether it trains tensors of the model itself, not new ones beside them."""
    modules: ClassVar[str] = ""
    """What its modules are called, which stay in the model and which PyTorch alone runs; empty where all
    that it learns is folded."""

    @abstractmethod
    def plan(self, model: Any, anatomy: Anatomy, groups: Collection[Group]) -> dict[str, Treatment]:
        """Tensors by name, those that it changes in a model's ``groups`` and those that it adds.

        Raises:
            StrategyError: the model has no such parts, or an option does not fit it.
        """

    def attach(self, model: Any, forms: Mapping[tuple[str, ...], Form]) -> dict[str, nn.Parameter]:
        """Makes tensors, given by all of their names, learn by forms; the trained parameters by name.

        The random state is the caller's, here and in :meth:`add`.
        """
        raise NotImplementedError

    def stored(self, model: Any, name: str, form: Form) -> torch.Tensor:
        """What a pack stores of a tensor that learns by a form, read off the live model."""
        raise NotImplementedError

    def add(self, model: Any, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, nn.Parameter]:
        """Adds new modules, whose tensors have these names and shapes; their parameters by name."""
        raise NotImplementedError

    @classmethod
    def is_in(cls, model: nn.Module) -> bool:
        """Whether a model has modules of this method."""
        return False

    @classmethod
    def bracket_words(cls) -> Mapping[str, frozenset[Group]]:
        """What may stand for groups in brackets."""
        return cls.places or {"": cls.groups}

    def options(self) -> str:
        """Its options as a strategy spells them: ``rank=8``."""
        return ";".join(f"{field.name}={getattr(self, field.name)}" for field in fields(self))

    def with_options(self, options: Iterable[str]) -> Method:
        """The method with options like ``rank=4``.

        Raises:
            StrategyError: an unknown option, one given twice, or a value out of range.
        """
        known = [field.name for field in fields(self)]
        values: dict[str, int] = {}
        for part in filter(None, map(str.strip, options)):
            name, equals, value = (each.strip() for each in part.partition("="))
            if name in values:
                raise StrategyError(f"it gives {name} twice; give it once")
            if not equals or name not in known:
                hints = [*(f"{each}=…" for each in known), *self.places]
                hint = nearest(part, hints) if hints else "leave the brackets out"
                raise StrategyError(f"{self.kind} has no {part!r}; {hint}")
            if not value.isascii() or not value.isdigit() or not 0 < int(value) <= _MOST:
                raise StrategyError(f"{name} is {value!r}, expected a whole number from 1 to {_MOST}")
            values[name] = int(value)
        return replace(self, **values)


def added_type(model: nn.Module) -> torch.dtype:
    """The type of added tensors: the parameters' widest, since some may be held in a lower precision."""
    types = (each.dtype for each in model.parameters() if each.is_floating_point())
    return max(types, key=lambda dtype: dtype.itemsize)


def listed(groups: Collection[Group]) -> str:
    """Groups as a strategy spells them: ``enc,dec``."""
    return ",".join(group for group in GROUPS if group in groups)
