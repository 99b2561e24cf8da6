"""A strategy resolved on one model: every tensor of the child by name, with its fate and its bytes."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from crosslate.errors import StrategyError
from crosslate.models.groups import EMBEDDINGS, GROUP_OF_SIDE, GROUPS, SIDES, Side
from crosslate.models.methods.forms import Form
from crosslate.models.selections import Selection, select
from crosslate.models.strategies import Strategy

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

    from crosslate.models.anatomy.anatomy import Anatomy


@dataclass(frozen=True)
class PlannedTensor:
    """One distinct tensor of the child.

    Attributes:
        name: its first name in sorted order.
        aliases: its other names (ties).
        group: src, tgt, enc, dec or xattn.
        shape: its shape in the child.
        dtype: its type.
        is_parameter: False for buffers.
        is_resized: its vocabulary axis belongs to a renewed side.
        reinitialise: it starts from random values.
        train: it is trained (whole, or ``selection`` of it).
        selection: the part that is trained, where not the whole.
        is_appended: ``selection`` is of new slices, and the others are the parent's, taken by their pieces.
        form: how the child's tensor is made of the parent's and a smaller one, which is what is stored.
        is_added: the parent has no such tensor; it belongs to a module that a method adds.
    """

    name: str
    aliases: tuple[str, ...]
    group: str
    shape: tuple[int, ...]
    dtype: torch.dtype
    is_parameter: bool
    is_resized: bool
    reinitialise: bool
    train: bool
    selection: Selection | None = None
    is_appended: bool = False
    form: Form | None = None
    is_added: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        return (self.name, *self.aliases)

    @property
    def is_changed(self) -> bool:
        """Whether a pack stores it."""
        return self.train or self.reinitialise or self.is_resized or self.form is not None

    @property
    def stored_shape(self) -> tuple[int, ...]:
        if self.form is not None:
            return self.form.stored_shape
        return self.selection.shape(self.shape) if self.selection else self.shape

    @property
    def num_elements(self) -> int:
        return math.prod(self.shape)

    @property
    def num_stored(self) -> int:
        return math.prod(self.stored_shape) if self.is_changed else 0

    @property
    def fate(self) -> str:
        """``trained``, ``trained in part``, ``trained from random values``, ``zero``, ``frozen``, …"""
        if self.form is not None:
            rank = self.form.rank
            return (
                f"trained as a delta of rank {rank}" if rank else "scaled" if self.train else "scaled alike"
            )
        if self.is_added:
            return "added, trained"
        if self.train:
            part = " in part" if self.selection else ""
            return f"trained{part} from random values" if self.reinitialise else f"trained{part}"
        if self.is_changed:
            return "from random values, not trained" if self.is_parameter else "zero"
        return "frozen"


@dataclass(frozen=True)
class GroupAccount:
    """Elements of one group: in the child, re-initialised, trained, and stored by a pack."""

    group: str
    num_elements: int
    num_reinitialised: int
    num_trained: int
    num_stored: int


@dataclass(frozen=True)
class Plan:
    """What a strategy does to a model.

    Attributes:
        strategy: the strategy.
        renewed: sides with a new vocabulary.
        tensors: every distinct tensor of the child, in the order of their names. Constants that no
            checkpoint holds (sinusoidal positions) are left out: they are neither trained nor stored.
    """

    strategy: Strategy
    renewed: frozenset[Side]
    tensors: tuple[PlannedTensor, ...]

    @property
    def changed(self) -> tuple[PlannedTensor, ...]:
        return tuple(tensor for tensor in self.tensors if tensor.is_changed)

    @property
    def pack_bytes(self) -> int:
        """Bytes of the tensors that a pack stores (without its header and vocabulary)."""
        return sum(tensor.num_stored * tensor.dtype.itemsize for tensor in self.tensors)

    @property
    def model_bytes(self) -> int:
        """Bytes of the whole child, tied tensors once."""
        return sum(tensor.num_elements * tensor.dtype.itemsize for tensor in self.tensors)

    @property
    def share(self) -> float:
        """Parameters that the pack stores as a share of the whole child's, 0-1 (Table 2 of the paper)."""
        stored = sum(tensor.num_stored for tensor in self.tensors if tensor.is_parameter)
        return stored / sum(tensor.num_elements for tensor in self.tensors if tensor.is_parameter)

    def account(self) -> list[GroupAccount]:
        """Parameters per group, in the paper's order; buffers are not counted."""
        return [self._account_of(group) for group in GROUPS]

    def _account_of(self, group: str) -> GroupAccount:
        mine = [tensor for tensor in self.tensors if tensor.group == group and tensor.is_parameter]
        return GroupAccount(
            group,
            sum(tensor.num_elements for tensor in mine),
            sum(math.prod(tensor.stored_shape) for tensor in mine if tensor.reinitialise),
            sum(math.prod(tensor.stored_shape) for tensor in mine if tensor.train),
            sum(tensor.num_stored for tensor in mine),
        )


def make_plan(
    model: PreTrainedModel,
    anatomy: Anatomy,
    strategy: Strategy,
    vocabulary_sizes: Mapping[Side, int] | None = None,
    appended: Mapping[Side, Sequence[int]] | None = None,
    types: Mapping[str, torch.dtype] | None = None,
) -> Plan:
    """Resolves a strategy on a parent.

    Args:
        model: the parent's model.
        anatomy: its anatomy.
        strategy: what to do.
        vocabulary_sizes: sizes of the new vocabularies by side; for ``scratch`` they say which sides are new.
        appended: of sides whose vocabulary is on the parent's rows, the new rows. Of such a side these alone
            start anew and are trained, neither positions nor norms.
        types: names of tensors that are held in a lower precision at present, to the types they had, which
            are what counts.

    Raises:
        StrategyError: a size is missing or given for a side that the strategy keeps, or a limit names a
            layer, head or projection that the model does not have; or the strategy trains a tensor that is
            held in lower precision.
    """
    from crosslate.models.methods.rivals import added_tensors, added_type, formed_tensors

    sizes = dict(vocabulary_sizes or {})
    renewed = _renewed(strategy, anatomy, sizes)
    appended = appended or {}
    _check_appended(strategy, appended)
    selections = select(model, anatomy, strategy.limits)
    rules = _Rules(
        anatomy, strategy, sizes, appended, selections, formed_tensors(model, anatomy, strategy.method)
    )
    tensors = [rules.planned(*each) for each in child_tensors(model, anatomy, renewed)]
    dtype = added_type(model)
    for name, (group, shape) in added_tensors(model, strategy.method).items():
        tensors.append(
            PlannedTensor(name, (), group, shape, dtype, True, False, False, train=True, is_added=True)
        )
    tensors = [_with_own_types(each, types or {}) for each in tensors]
    return Plan(strategy, renewed, tuple(sorted(tensors, key=lambda tensor: tensor.name)))


def _renewed(strategy: Strategy, anatomy: Anatomy, sizes: Collection[Side]) -> frozenset[Side]:
    """The sides that get a new vocabulary, which must be those whose sizes were given."""
    renewed = frozenset(sizes) if strategy.renews is None else strategy.renews
    if renewed != frozenset(sizes):
        raise StrategyError(
            f"{strategy} renews {_sides(renewed)}, but new vocabularies were given for {_sides(sizes)}"
        )
    known = {side for side, _ in anatomy.vocabulary.values()}
    if missing := renewed - known:
        raise StrategyError(
            f"{strategy} renews {_sides(missing)}, which has no vocabulary in this model "
            "(speech and images come without one); choose a strategy for the other side"
        )
    return renewed


@dataclass(frozen=True)
class _Rules:
    """What a strategy makes of each of the parent's tensors.

    Attributes:
        sizes: of the new vocabularies; their sides are the renewed ones.
        appended: of sides whose vocabulary is on the parent's rows, the new rows.
        selections: of the cross-attention tensors that limits leave trainable, the part of each.
        forms: of the tensors that a method changes by a smaller one, how; and whether that one is trained.
    """

    anatomy: Anatomy
    strategy: Strategy
    sizes: Mapping[Side, int]
    appended: Mapping[Side, Sequence[int]]
    selections: Mapping[str, Selection | None]
    forms: Mapping[str, tuple[Form, bool]]

    def planned(self, names: tuple[str, ...], group: str, tensor: torch.Tensor) -> PlannedTensor:
        """The child's tensor of these names, made of the parent's ``tensor``."""
        name, strategy = names[0], self.strategy
        if len(names) > 1 and self.forms.keys() & set(names):
            raise StrategyError(
                f"{strategy} needs a tensor of its own in every layer, but {' and '.join(names)} are one; "
                "choose another method, or src+xattn"
            )
        axis = vocabulary_axis(self.anatomy, names)
        shape = tuple(tensor.shape)
        is_resized = axis is not None and axis[0] in self.sizes
        selection = self.selections.get(name) if group == "xattn" else None
        new_rows = None
        if axis is not None and is_resized:
            side, at = axis
            shape = (*shape[:at], self.sizes[side], *shape[at + 1 :])
            new_rows = self.appended.get(side)
            if new_rows is not None:
                selection = Selection(at, tuple(new_rows))
        groups = {self.anatomy.groups[each] for each in names if each in self.anatomy.groups}
        if new_rows is None:
            groups -= {GROUP_OF_SIDE[side] for side in self.appended}
        is_parameter = name in self.anatomy.parameters
        is_learnt = not any(each in self.anatomy.constant for each in names)
        form, is_trained_form = self.forms.get(name) or (None, False)
        return PlannedTensor(
            name=name,
            aliases=names[1:],
            group=group,
            shape=shape,
            dtype=tensor.dtype,
            is_parameter=is_parameter,
            is_resized=is_resized,
            # Of the buffers only biases over the vocabulary were learnt; the others are constants.
            reinitialise=is_learnt
            and (is_parameter or axis is not None)
            and bool(groups & strategy.reinitialise),
            train=is_trained_form
            or (
                is_learnt and is_parameter and bool(groups & strategy.train) and self._may_train(name, group)
            ),
            selection=selection,
            is_appended=new_rows is not None,
            form=form,
        )

    def _may_train(self, name: str, group: str) -> bool:
        """Whether neither limits nor the method leave this tensor of a trained group as it is."""
        from crosslate.models.methods.rivals import is_left_out

        if group == "xattn" and self.strategy.limits and name not in self.selections:
            return False
        return not is_left_out(name, group, self.strategy.method)


def _with_own_types(planned: PlannedTensor, types: Mapping[str, torch.dtype]) -> PlannedTensor:
    if planned.name not in types:
        return planned
    if planned.form is not None or (planned.train and not planned.reinitialise):
        raise StrategyError(
            f"{planned.name} is to be trained from the parent's values, but these are held in a lower "
            f"precision; load the parent again and keep {planned.group} as it is"
        )
    return replace(planned, dtype=types[planned.name])


def child_tensors(
    model: PreTrainedModel, anatomy: Anatomy, renewed: Collection[Side]
) -> list[tuple[tuple[str, ...], str, torch.Tensor]]:
    """Every distinct tensor that a child has: its names, its group, and the parent's tensor it comes from.

    Where a table that the parent ties over both sides is renewed on one of them, each side has its own.
    Alias names at the root then belong to neither and are gone.
    """
    from crosslate.models.anatomy.anatomy import unsaved_names
    from crosslate.models.fingerprint import distinct_tensors

    split: list[tuple[tuple[str, ...], str, torch.Tensor]] = []
    for name, aliases, tensor in distinct_tensors(model, unsaved_names(model)):
        names = (name, *aliases)
        placed = [each for each in names if each in anatomy.groups]
        sides = {anatomy.groups[each] for each in placed} & EMBEDDINGS
        if len(sides) > 1 and any(GROUP_OF_SIDE[side] in sides for side in renewed):
            for group in sorted(sides):
                own = tuple(sorted(each for each in placed if anatomy.groups[each] == group))
                split.append((own, group, tensor))
        else:
            split.append((names, min((anatomy.groups[each] for each in placed), key=_ORDER.index), tensor))
    return sorted(split, key=lambda each: each[0])


_ORDER = ("src", "tgt", "xattn", "enc", "dec")


def _check_appended(strategy: Strategy, appended: Collection[Side]) -> None:
    if appended and strategy.renews is None:
        raise StrategyError(
            f"{strategy} starts every tensor anew, so nothing can be appended to the parent's vocabulary; "
            "take a separate one"
        )


def vocabulary_axis(anatomy: Anatomy, names: Iterable[str]) -> tuple[Side, int] | None:
    """Side and axis of the vocabulary of a tensor with these names; None where it has none."""
    found = [anatomy.vocabulary[name] for name in names if name in anatomy.vocabulary]
    return found[0] if found else None


def _sides(sides: Collection[str]) -> str:
    return " and ".join(f"the {side}" for side in SIDES if side in sides) or "no side"
