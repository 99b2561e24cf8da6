"""A strategy resolved on one model: every tensor of the child by name, with its fate and its bytes."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from crosslate.errors import StrategyError
from crosslate.models.forms import Form
from crosslate.models.strategies import SIDES, Limits, Side, Strategy

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

    from crosslate.models.anatomy import Anatomy

GROUP_OF_SIDE: dict[Side, str] = {"source": "src", "target": "tgt"}


@dataclass(frozen=True)
class Selection:
    """Part of a tensor: entries ``indices`` along ``axis``."""

    axis: int
    indices: tuple[int, ...]

    def shape(self, whole: tuple[int, ...]) -> tuple[int, ...]:
        return (*whole[: self.axis], len(self.indices), *whole[self.axis + 1 :])


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
        return [self._account_of(group) for group in ("src", "tgt", "enc", "dec", "xattn")]

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
    sizes = dict(vocabulary_sizes or {})
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
    from crosslate.models.rivals import added_tensors, added_type, formed_tensors, is_left_out

    selections = _select(model, anatomy, strategy.limits)
    appended = appended or {}
    _check_appended(strategy, appended)
    kept_groups = {GROUP_OF_SIDE[side] for side in appended}
    forms = formed_tensors(model, anatomy, strategy.method)
    tensors = []
    for names, group, tensor in child_tensors(model, anatomy, renewed):
        axis = vocabulary_axis(anatomy, names)
        shape = tuple(tensor.shape)
        is_resized = axis is not None and axis[0] in renewed
        if axis is not None and is_resized:
            shape = (*shape[: axis[1]], sizes[axis[0]], *shape[axis[1] + 1 :])
        is_parameter = names[0] in anatomy.parameters
        is_constant = any(name in anatomy.constant for name in names)
        is_limited = group == "xattn" and bool(strategy.limits)
        groups = {anatomy.groups[name] for name in names if name in anatomy.groups}
        new_rows = appended.get(axis[0]) if axis is not None and is_resized else None
        if new_rows is None:
            groups -= kept_groups
        selection = selections[names[0]] if is_limited and names[0] in selections else None
        if axis is not None and new_rows is not None:
            selection = Selection(axis[1], tuple(new_rows))
        form, is_trained_form = forms.get(names[0], (None, False))
        if len(names) > 1 and forms.keys() & set(names):
            raise StrategyError(
                f"{strategy} needs a tensor of its own in every layer, but {' and '.join(names)} are one; "
                "choose another method, or src+xattn"
            )
        tensors.append(
            PlannedTensor(
                name=names[0],
                aliases=names[1:],
                group=group,
                shape=shape,
                dtype=tensor.dtype,
                is_parameter=is_parameter,
                is_resized=is_resized,
                # Of the buffers only biases over the vocabulary were learnt; the others are constants.
                reinitialise=not is_constant
                and (is_parameter or axis is not None)
                and bool(groups & strategy.reinitialise),
                train=is_trained_form
                or (
                    not is_constant
                    and is_parameter
                    and bool(groups & strategy.train)
                    and (not is_limited or names[0] in selections)
                    and not is_left_out(names[0], group, strategy.method)
                ),
                selection=selection,
                is_appended=new_rows is not None,
                form=form,
            )
        )
    dtype = added_type(model)
    for name, (group, shape) in added_tensors(model, strategy.method).items():
        tensors.append(
            PlannedTensor(name, (), group, shape, dtype, True, False, False, train=True, is_added=True)
        )
    tensors = [_with_own_types(each, types or {}) for each in tensors]
    return Plan(strategy, renewed, tuple(sorted(tensors, key=lambda tensor: tensor.name)))


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
    from crosslate.models.anatomy import unsaved_names
    from crosslate.models.fingerprint import distinct_tensors

    split: list[tuple[tuple[str, ...], str, torch.Tensor]] = []
    for name, aliases, tensor in distinct_tensors(model, unsaved_names(model)):
        names = (name, *aliases)
        placed = [each for each in names if each in anatomy.groups]
        sides = {anatomy.groups[each] for each in placed} & set(GROUP_OF_SIDE.values())
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


def _select(model: PreTrainedModel, anatomy: Anatomy, limits: Limits) -> dict[str, Selection | None]:
    """The cross-attention tensors that limits leave trainable: a selection of each, or None for the whole."""
    if not limits:
        return {}
    _check_limits(anatomy, limits)
    heads = dict(limits.heads or ())
    shapes = {name: tuple(tensor.shape) for name, tensor in model.named_parameters(remove_duplicate=False)}
    chosen: dict[str, Selection | None] = {}
    for name, layer in anatomy.layers.items():
        role = anatomy.projections.get(name)
        if role is None and (limits.projections is not None or limits.heads is not None):
            raise StrategyError(
                f"cannot limit {name}: this family does not show which projection it is; limit layers instead"
            )
        if limits.layers is not None and layer not in limits.layers:
            continue
        if limits.projections is not None and role not in limits.projections:
            continue
        if limits.heads is None:
            chosen[name] = None
        elif layer in heads and name in anatomy.head_axis:  # not norms, nor the output's bias: no head's own
            axis = anatomy.head_axis[name]
            width = shapes[name][axis] // anatomy.heads
            chosen[name] = Selection(
                axis, tuple(head * width + at for head in sorted(heads[layer]) for at in range(width))
            )
    if not chosen:
        raise StrategyError(f"the limits {limits} leave nothing of cross-attention to train")
    return chosen


def _check_limits(anatomy: Anatomy, limits: Limits) -> None:
    if limits.auto is not None:
        raise StrategyError(
            f"the limits {limits} leave open which heads are trained, which the training text decides; "
            "name any heads (heads=0:1,3) to see what as many of them take"
        )
    num_layers = 1 + max(anatomy.layers.values())
    named = set(limits.layers or ()) | {layer for layer, _ in limits.heads or ()}
    if too_large := sorted(layer for layer in named if layer >= num_layers):
        raise StrategyError(
            f"the limits {limits} name layer {too_large[0]}; the decoder has the layers 0 to {num_layers - 1}"
        )
    asked = {head for _, heads in limits.heads or () for head in heads}
    if too_large := sorted(head for head in asked if head >= anatomy.heads):
        raise StrategyError(
            f"the limits {limits} name head {too_large[0]}; a layer has the heads 0 to {anatomy.heads - 1}"
        )


def _sides(sides: Collection[str]) -> str:
    return " and ".join(f"the {side}" for side in SIDES if side in sides) or "no side"
