"""A strategy resolved on a model: every tensor of the child, with its treatment and size."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from crosslate.errors import StrategyError
from crosslate.models.groups import EMBEDDINGS, GROUP_OF_SIDE, GROUPS, SIDES, Group, Side
from crosslate.models.methods.forms import Form, Slices
from crosslate.models.methods.method import Method, Treatment, added_type
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
        shape: its shape in the child.
        is_parameter: False for buffers.
        is_resized: whether its vocabulary axis belongs to a replaced side.
        train: whether it, or the stored tensor of its form, is trained.
        form: how to make it from the parent's tensor and a smaller, stored one. For a resized tensor, the
            slices of new pieces; the others are the parent's slices of the same pieces.
        method: the method that trains it, or None.
        is_added: whether the parent lacks it because its method adds the module.
    """

    name: str
    aliases: tuple[str, ...]
    group: Group
    shape: tuple[int, ...]
    dtype: torch.dtype
    is_parameter: bool
    is_resized: bool
    reinitialise: bool
    train: bool
    form: Form | None = None
    method: Method | None = None
    is_added: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        return (self.name, *self.aliases)

    @property
    def is_appended(self) -> bool:
        """Whether it combines the parent's slices with those of new pieces."""
        return self.is_resized and self.form is not None

    @property
    def is_table(self) -> bool:
        """For a tensor with a vocabulary axis, whether it has more than one number per piece."""
        return max(self.shape) != self.num_elements

    @property
    def is_changed(self) -> bool:
        """Whether a pack stores it."""
        return self.train or self.reinitialise or self.is_resized or self.form is not None

    @property
    def stored_shape(self) -> tuple[int, ...]:
        return self.shape if self.form is None else self.form.stored_shape

    @property
    def num_elements(self) -> int:
        return math.prod(self.shape)

    @property
    def num_stored(self) -> int:
        return math.prod(self.stored_shape) if self.is_changed else 0

    @property
    def fate(self) -> str:
        """``trained``, ``trained in part``, ``trained from random values``, ``zero``, ``frozen``, …"""
        random = " from random values" if self.reinitialise else ""
        if self.form is not None and (self.train or not self.is_resized):
            return self.form.fate.format(**vars(self.form)) + ("" if self.train else " alike") + random
        if self.is_added:
            return "added, trained"
        if self.train:
            return f"trained{random}"
        if self.is_changed:
            return "from random values, not trained" if self.is_parameter else "zero"
        return "frozen"


@dataclass(frozen=True)
class GroupAccount:
    """Parameter counts of one group: in the child, re-initialised, trained, and stored in a pack."""

    group: str
    num_elements: int
    num_reinitialised: int
    num_trained: int
    num_stored: int


@dataclass(frozen=True)
class Plan:
    """What a strategy does to a model.

    Attributes:
        tensors: all distinct tensors of the child, sorted by name, except constants that are not in
            checkpoints (sinusoidal positions), which are neither trained nor stored.
    """

    strategy: Strategy
    renewed: frozenset[Side]
    tensors: tuple[PlannedTensor, ...]

    @property
    def changed(self) -> tuple[PlannedTensor, ...]:
        return tuple(tensor for tensor in self.tensors if tensor.is_changed)

    @property
    def pack_bytes(self) -> int:
        """Bytes of the tensors stored in a pack, without header and vocabulary."""
        return sum(tensor.num_stored * tensor.dtype.itemsize for tensor in self.tensors)

    @property
    def model_bytes(self) -> int:
        """Bytes of the whole child, with tied tensors counted once."""
        return sum(tensor.num_elements * tensor.dtype.itemsize for tensor in self.tensors)

    @property
    def share(self) -> float:
        """Share of the child's parameters stored in the pack, 0-1 (Table 2 of the paper)."""
        stored = sum(tensor.num_stored for tensor in self.tensors if tensor.is_parameter)
        return stored / sum(tensor.num_elements for tensor in self.tensors if tensor.is_parameter)

    def account(self) -> list[GroupAccount]:
        """Parameter counts per group, in the paper's order, without buffers."""
        accounts = []
        for group in GROUPS:
            mine = [tensor for tensor in self.tensors if tensor.group == group and tensor.is_parameter]
            accounts.append(
                GroupAccount(
                    group,
                    num_elements=sum(tensor.num_elements for tensor in mine),
                    num_reinitialised=sum(tensor.num_stored for tensor in mine if tensor.reinitialise),
                    num_trained=sum(tensor.num_stored for tensor in mine if tensor.train),
                    num_stored=sum(tensor.num_stored for tensor in mine),
                )
            )
        return accounts


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
        vocabulary_sizes: sizes of the new vocabularies by side; for ``scratch`` they define the new sides.
        appended: new rows of each side with an appended vocabulary. Only these rows of the side are new and
            trained, not its positions and norms.
        types: original types of tensors held in lower precision, by name; these types count.

    Raises:
        StrategyError: a size is missing or given for a side that the strategy keeps, a limit names a layer,
            head or projection that the model lacks, or the strategy trains a tensor held in lower precision.
    """
    sizes, appended, types = vocabulary_sizes or {}, appended or {}, types or {}
    renewed = _renewed(strategy, anatomy, sizes)
    if appended and strategy.renews is None:
        raise StrategyError(
            f"{strategy} replaces all vocabularies, so none can be appended to; use a separate vocabulary"
        )
    treatments = {
        name: (each.method, treatment)
        for each in strategy.assigned
        for name, treatment in each.method.plan(model, anatomy, each.groups).items()
    }
    tensors = []
    for names, group, tensor in child_tensors(model, anatomy, renewed):
        shape, form, is_resized = tuple(tensor.shape), None, False
        axis = vocabulary_axis(anatomy, names)
        groups = {anatomy.groups[each] for each in names if each in anatomy.groups}
        new_rows = None
        if axis is not None and axis[0] in renewed:
            side, at = axis
            is_resized, new_rows = True, appended.get(side)
            shape = (*shape[:at], sizes[side], *shape[at + 1 :])
            if new_rows is not None:
                form = Slices.of(shape, at, new_rows)
        if new_rows is None:  # on an appended side only new rows change
            groups -= {GROUP_OF_SIDE[each] for each in appended}
        method, treatment = _treatment(strategy, treatments, names, group, groups)
        is_parameter = names[0] in anatomy.parameters
        is_learnt = anatomy.constant.isdisjoint(names)
        planned = PlannedTensor(
            name=names[0],
            aliases=names[1:],
            group=group,
            shape=shape,
            dtype=types.get(names[0], tensor.dtype),
            is_parameter=is_parameter,
            is_resized=is_resized,
            # The only learnt buffers are biases over the vocabulary; others are constants.
            reinitialise=is_learnt
            and (is_parameter or axis is not None)
            and not groups.isdisjoint(strategy.reinitialise),
            train=treatment.is_trained and is_learnt and is_parameter,
            form=treatment.form or form,
            method=method,
        )
        if planned.name in types:
            _check_precise(planned)
        tensors.append(planned)
    dtype = added_type(model)
    for name, (method, treatment) in treatments.items():
        if (added := treatment.added_shape) is not None:
            tensors.append(
                PlannedTensor(
                    name, (), treatment.group, added, dtype, True, False, False,
                    train=True, method=method, is_added=True,
                )
            )  # fmt: skip
    return Plan(strategy, renewed, tuple(sorted(tensors, key=lambda tensor: tensor.name)))


def _treatment(
    strategy: Strategy,
    treatments: Mapping[str, tuple[Method, Treatment]],
    names: Sequence[str],
    group: Group,
    groups: Collection[str],
) -> tuple[Method | None, Treatment]:
    """The method that trains a tensor with these names, in whichever of these groups; frozen without one."""
    found = [treatments[each] for each in names if each in treatments]
    found = [each for each in found if each[1].group in groups]
    if len(names) > 1 and any(not isinstance(each.form, Slices | None) for _, each in found):
        raise StrategyError(
            f"{strategy} needs separate tensors in every layer, but {' and '.join(names)} are "
            "shared; choose another method, or src+xattn"
        )
    return found[0] if found else (None, Treatment(group, is_trained=False))


def _check_precise(planned: PlannedTensor) -> None:
    """Refuses a tensor held in lower precision that would start from its rounded values."""
    starts_from_parent = planned.train and not planned.reinitialise
    if starts_from_parent or (planned.form and not planned.is_resized):
        raise StrategyError(
            f"cannot train {planned.name} from the parent's values, which are held in lower precision; "
            f"load the parent again and keep {planned.group} in full precision"
        )


def _renewed(strategy: Strategy, anatomy: Anatomy, sizes: Collection[Side]) -> frozenset[Side]:
    """The sides with a new vocabulary, which must match the given sizes."""
    renewed = frozenset(sizes) if strategy.renews is None else strategy.renews
    if renewed != frozenset(sizes):
        raise StrategyError(
            f"{strategy} replaces {_sides(renewed)}, but new vocabularies are given for {_sides(sizes)}"
        )
    if missing := renewed - {side for side, _ in anatomy.vocabulary.values()}:
        raise StrategyError(
            f"{strategy} replaces {_sides(missing)}, which has no vocabulary in this model "
            "(its input is speech or images); choose a strategy for the other side"
        )
    return renewed


def child_tensors(
    model: PreTrainedModel, anatomy: Anatomy, renewed: Collection[Side]
) -> list[tuple[tuple[str, ...], Group, torch.Tensor]]:
    """All distinct tensors of a child: names, group, and the parent's tensor.

    If one side of a table shared by both sides is replaced, each side gets its own table, and alias names at
    the root are dropped.
    """
    from crosslate.models.tensors import distinct_tensors, unsaved_names

    split: list[tuple[tuple[str, ...], Group, torch.Tensor]] = []
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


def vocabulary_axis(anatomy: Anatomy, names: Iterable[str]) -> tuple[Side, int] | None:
    """Side and vocabulary axis of a tensor with these names, or None."""
    found = [anatomy.vocabulary[name] for name in names if name in anatomy.vocabulary]
    return found[0] if found else None


def _sides(sides: Collection[str]) -> str:
    return " and ".join(f"the {side}" for side in SIDES if side in sides) or "neither side"
