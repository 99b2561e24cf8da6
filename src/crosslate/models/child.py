"""A child: a model for a new pair that shares its frozen tensors with its parent, without copies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from crosslate.errors import StrategyError, UsageError
from crosslate.languages.codes import language_code
from crosslate.models.groups import ADDED, GROUP_OF_SIDE, SIDE_OF_GROUP, Side
from crosslate.models.initialisers.initial_embeddings import (
    INITIALISERS,
    RANDOM,
    InitialEmbeddings,
    check_initial,
)
from crosslate.models.methods.forms import Slices
from crosslate.models.methods.method import Method
from crosslate.models.plan import Plan, PlannedTensor, make_plan, vocabulary_axis
from crosslate.models.sides import (
    check_padding,
    describe_start,
    describe_vocabularies,
    effective_setting,
    remove_aliases,
    token_tables,
)
from crosslate.models.strategies import Strategy
from crosslate.models.tensors import alias_model, named_tensors, set_slice, set_tensor, tensor_at
from crosslate.models.vocabularies.new_language import NewSide, joined
from crosslate.text.vocabularies import Vocabulary

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from crosslate.models.parent import Parent


@dataclass
class Child:
    """A model for a new pair on the body of a parent.

    Attributes:
        parent: the owner of the shared tensors.
        model: a Hugging Face encoder-decoder; frozen tensors are the parent's objects.
        plan: what is changed and how; None for a child made from packs.
        trained: trained parameters by group and name, with added tensors in the group ``added``; empty for a
            child made from packs.
        initial_rows: number of rows by origin, for each replaced side; empty for a child made from packs or
            with random initial embeddings.
    """

    parent: Parent
    model: PreTrainedModel
    source: Vocabulary
    target: Vocabulary
    source_language: str
    target_language: str
    plan: Plan | None
    trained: dict[str, dict[str, nn.Parameter]]
    initial_rows: dict[Side, dict[str, int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.source_language = language_code(self.source_language)
        self.target_language = language_code(self.target_language)

    def as_parent(self, name: str) -> Parent:
        """The child as a parent that can be saved and adapted further; it has the same model."""
        from crosslate.models.parent import Parent

        # Marian's files, the default, would need the same special ids on both sides.
        return Parent(
            self.model, self.source, self.target, self.source_language, self.target_language,
            name=name, is_marian=False,
        )  # fmt: skip

    def changed_tensors(self) -> dict[str, torch.Tensor]:
        """The tensors that a pack stores, by first name: whole tensors, trained slices, or compact forms.

        Empty for a child made from packs.
        """
        if self.plan is None:
            return {}
        tensors = dict(named_tensors(self.model))
        for group in self.trained.values():  # slices have other names in the model
            tensors |= group
        changed: dict[str, torch.Tensor] = {}
        for planned in self.plan.changed:
            name, form = planned.name, planned.form
            if form is not None and name not in tensors and planned.method is not None:
                changed[name] = planned.method.stored(self.model, name, form)
            else:
                changed[name] = tensors[name].detach()
                if isinstance(form, Slices) and changed[name].shape != form.stored_shape:  # of a buffer
                    index = torch.tensor(form.indices, device=changed[name].device)
                    changed[name] = changed[name].index_select(form.axis, index)
        return changed

    @torch.no_grad()
    def restore(self, tensors: Mapping[str, torch.Tensor]) -> None:
        """Sets the tensors that its plan changes to stored ones: the inverse of :meth:`changed_tensors`.

        Args:
            tensors: as :meth:`changed_tensors` gives them, in any type.
        """
        if self.plan is None:
            raise StrategyError("a child that was made from packs has no plan, so it cannot be restored")
        live = dict(named_tensors(self.model))
        for group in self.trained.values():
            live |= group
        for planned in self.plan.changed:
            name, form, value = planned.name, planned.form, tensors[planned.name]
            if form is not None and name not in live and planned.method is not None:
                planned.method.restore(self.model, name, form, value.to(self.model.device))
            elif isinstance(form, Slices) and live[name].shape != form.stored_shape:  # of a buffer
                index = torch.tensor(form.indices, device=live[name].device)
                live[name].index_copy_(form.axis, index, value.to(live[name]))
            else:
                live[name].detach().copy_(value)


def make_child(
    parent: Parent,
    strategy: Strategy,
    new: Mapping[Side, NewSide] | None = None,
    *,
    languages: Mapping[Side, str | None] | None = None,
    seed: int = 1,
    initial: InitialEmbeddings | None = None,
) -> Child:
    """A child ready for training: tensors that the strategy trains are new, others are the parent's.

    The global random state is not changed.

    Args:
        languages: of sides that keep the parent's vocabulary but have another language (``embed``
            strategies).
        initial: initial values of replaced tables; None uses random values.

    Raises:
        StrategyError: the strategy does not match the given new sides, or does not fit the model.
        UsageError: the initial embeddings do not fit the strategy.
        VocabularyError: a new vocabulary has a padding id that this model family does not support.
        AnatomyError: the model cannot be initialised safely.
        MissingExtra: a method needs a package that is not installed.
    """
    new, initial = new or {}, initial or InitialEmbeddings()
    if strategy.renews is None and not new:
        raise StrategyError(f"{strategy} needs a new side, but none is given; give a new source or target")
    appended = {side: each for side, each in new.items() if each.parent_rows is not None}
    plan = make_plan(
        parent.model,
        parent.anatomy,
        strategy,
        {side: len(each.vocabulary) for side, each in new.items()},
        {side: each.new_rows for side, each in appended.items()},
        parent.lowering.types if parent.lowering else None,
    )
    check_initial(initial.method, initial.words, plan.renewed, strategy)
    if appended and initial.method != RANDOM:
        raise UsageError(
            "new rows of an appended vocabulary always start from random values; "
            f"expected {RANDOM} initial embeddings, not {initial.method}, or a separate vocabulary"
        )
    vocabularies = _vocabularies(parent, new)
    model = alias_model(parent.model)
    originals = dict(named_tensors(parent.model))
    values: dict[str, torch.Tensor] = {}
    for planned in plan.changed:
        if planned.is_appended:
            values[planned.name] = _append(model, parent, planned, originals[planned.name], appended, seed)
        elif planned.form is None and not planned.is_added:  # others are attached below
            values[planned.name] = _fresh_tensor(planned, originals[planned.name])
            set_tensor(model, planned.names, values[planned.name])
    _settle(model, parent, new)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        _initialise(model, parent, plan, vocabularies)
        values |= _attach(model, plan)
    rows = _start_rows(model, parent, plan, new, initial)
    spoken: dict[Side, str] = {"source": parent.source_language, "target": parent.target_language}
    spoken |= {side: language for side, language in (languages or {}).items() if language}
    spoken |= {side: each.language for side, each in new.items()}
    trained: dict[str, dict[str, nn.Parameter]] = {}
    groups = {planned.name: planned.group for planned in plan.changed if not planned.is_added}
    for name in dict.fromkeys([*groups, *values]):  # in the plan's order, which optimisers go by
        value = values.get(name)
        if isinstance(value, nn.Parameter) and value.requires_grad:
            trained.setdefault(groups.get(name, ADDED), {})[name] = value
    return Child(
        parent, model, vocabularies["source"], vocabularies["target"], spoken["source"], spoken["target"],
        plan, trained, rows,
    )  # fmt: skip


def _attach(model: PreTrainedModel, plan: Plan) -> dict[str, nn.Parameter]:
    """Attaches forms and added modules to a child's model; returns their parameters by name."""
    attached: dict[str, nn.Parameter] = {}
    for method in dict.fromkeys(each.method for each in plan.strategy.assigned):
        mine = [each for each in plan.tensors if each.method == method and each.train]
        formed = {each.names: each.form for each in mine if each.form and not each.is_appended}
        if formed:
            attached |= method.attach(model, formed)
        if added := {each.name: each.shape for each in mine if each.is_added}:
            attached |= method.add(model, added)
    return attached


def graft(
    parent: Parent,
    tensors: Mapping[tuple[str, ...], torch.Tensor],
    new: Mapping[Side, NewSide],
    languages: Mapping[Side, str],
    added: Mapping[Method, Mapping[str, torch.Tensor]],
) -> Child:
    """A child made of given tensors, each under all its names, on the body of a parent.

    The tensors are not copied, so several children may share them. The caller must check them.

    Args:
        added: tensors of added modules, by method and name.

    Raises:
        VocabularyError: a new vocabulary has a padding id that this model family does not support.
    """
    vocabularies = _vocabularies(parent, new)
    model = alias_model(parent.model)
    for names, tensor in tensors.items():
        set_tensor(model, names, tensor)
    _settle(model, parent, new)
    with torch.random.fork_rng(devices=[]):
        for method, values in added.items():
            method.add(model, {name: tuple(tensor.shape) for name, tensor in values.items()})
            for name, tensor in values.items():
                set_tensor(model, [name], tensor)
    return Child(
        parent, model.eval(), vocabularies["source"], vocabularies["target"], languages["source"],
        languages["target"], None, {},
    )  # fmt: skip


def plain_child(child: Child) -> Child:
    """A child of plain tensors with the current weights of a child in training.

    Forms are merged into plain tensors; all other tensors and added modules are shared, not copied. A child
    without forms is returned unchanged.
    """
    if child.plan is None or not any(planned.form for planned in child.plan.tensors):
        return child
    originals, stored = dict(named_tensors(child.parent.model)), child.changed_tensors()
    tensors: dict[tuple[str, ...], torch.Tensor] = {}
    added: dict[Method, dict[str, torch.Tensor]] = {}
    for planned in child.plan.changed:
        if planned.is_added and planned.method is not None:
            added.setdefault(planned.method, {})[planned.name] = stored[planned.name]
        elif planned.form is not None and not planned.is_appended:
            tensors[planned.names] = planned.form.applied(originals[planned.name], stored[planned.name])
        else:  # a parametrised one comes whole as an attribute
            tensors[planned.names] = tensor_at(child.model, planned.name).detach()
    start = effective_setting(child.model, "decoder_start_token_id")
    sides: dict[Side, NewSide] = {
        "source": NewSide(child.source_language, child.source),
        "target": NewSide(child.target_language, child.target, start),
    }
    new = {side: each for side, each in sides.items() if side in child.plan.renewed}
    languages = {side: each.language for side, each in sides.items()}
    plain = graft(child.parent, tensors, new, languages, added)
    plain.model.to(child.model.device)
    return plain


def _vocabularies(parent: Parent, new: Mapping[Side, NewSide]) -> dict[Side, Vocabulary]:
    """The vocabularies of a child, after :func:`check_padding`."""
    renewed = {side: each.vocabulary for side, each in new.items()}
    check_padding(parent.model, parent.anatomy, renewed)
    return {"source": parent.source, "target": parent.target, **renewed}


def _fresh_tensor(planned: PlannedTensor, original: torch.Tensor) -> torch.Tensor:
    if not planned.is_parameter:
        return torch.zeros(planned.shape, dtype=planned.dtype, device=original.device)
    if planned.reinitialise:
        # NaN marks values that are not initialised yet.
        value = torch.full(planned.shape, torch.nan, dtype=planned.dtype, device=original.device)
    else:
        value = original.detach().clone()
    return nn.Parameter(value, requires_grad=planned.train)


def _append(
    model: PreTrainedModel,
    parent: Parent,
    planned: PlannedTensor,
    original: torch.Tensor,
    appended: Mapping[Side, NewSide],
    seed: int,
) -> torch.Tensor:
    """Sets a tensor that combines the parent's slices with new slices of small random values.

    A new language code starts from the mean of related codes; biases and buffers start from zero.

    Returns:
        The new slices, which are trained; for a buffer, the whole tensor.
    """
    form: Any = planned.form
    side, axis = appended[SIDE_OF_GROUP[planned.group]], form.axis
    whole = joined(original.to(planned.dtype), axis, side.parent_rows or ())
    if not planned.is_parameter:
        set_tensor(model, planned.names, whole)
        return whole
    part = set_slice(model, planned.names, whole, axis, form.indices)
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        if planned.is_table:
            part.normal_(0.0, part.shape[1 - axis] ** -0.5)
        if side.code is not None and side.relatives:
            row = side.new_rows.index(side.code)
            relatives = torch.tensor(side.relatives, device=original.device)
            part.select(axis, row).copy_(original.detach().index_select(axis, relatives).mean(axis))
    return part


def _settle(model: PreTrainedModel, parent: Parent, new: Mapping[Side, NewSide]) -> None:
    """Unties shared tables and updates the configuration after vocabularies are replaced."""
    if new:
        tables = token_tables(model, parent.anatomy, "source")
        remove_aliases(model, parent.anatomy.aliases, tables[0] if tables else None)
        describe_vocabularies(model, parent.anatomy, {side: each.vocabulary for side, each in new.items()})
    if "target" in new:
        describe_start(model, new["target"].vocabulary, new["target"].start)


@torch.no_grad()
def _initialise(
    model: PreTrainedModel, parent: Parent, plan: Plan, vocabularies: Mapping[Side, Vocabulary]
) -> None:
    """Initialises fresh tensors: tables here, the rest by the family's own rules.

    Tables get a normal distribution with standard deviation width^-0.5 and a zero padding row, as in the
    paper's released code; biases over the vocabulary get zeros. The family's ``_init_weights`` skips tensors
    marked as initialised, so we mark all others and call it only on modules with a fresh tensor. Tensors that
    it misses get ones (norms), zeros (biases) or normal values.
    """
    fresh = [each for each in plan.tensors if each.reinitialise and not each.is_appended]
    if not fresh:
        return
    names = {name for planned in fresh for name in planned.names}
    tensors = dict(named_tensors(model))
    for tensor in (*(each for name, each in tensors.items() if name not in names), *_unsaved_buffers(model)):
        tensor._is_hf_initialized = True
    for planned in fresh:
        axis, table = vocabulary_axis(parent.anatomy, planned.names), tensors[planned.name]
        if axis is not None:
            if planned.is_table:
                table.normal_(0.0, table.shape[1] ** -0.5)
                table[vocabularies[SIDE_OF_GROUP[planned.group]].special.pad].zero_()
            else:
                table.zero_()
            table._is_hf_initialized = True
    for path, module in model.named_modules():
        if path and any(name.startswith(f"{path}.") for name in names):
            model._init_weights(module)
    for planned in fresh:
        tensor = tensors[planned.name]
        if not torch.isnan(tensor).any():
            continue
        if tensor.dim() > 1:
            tensor.normal_(0.0, tensor.shape[-1] ** -0.5)
        else:
            tensor.fill_(0.0 if "bias" in planned.name.rpartition(".")[2] else 1.0)


def _start_rows(
    model: PreTrainedModel,
    parent: Parent,
    plan: Plan,
    new: Mapping[Side, NewSide],
    initial: InitialEmbeddings,
) -> dict[Side, dict[str, int]]:
    """Initialises replaced tables from the parent's, and counts rows by origin.

    Each table starts from the parent's table of the same name; a bias over the vocabulary stays zero.
    """
    if initial.method == RANDOM:
        return {}
    tensors, originals = dict(named_tensors(model)), dict(named_tensors(parent.model))
    counts: dict[Side, dict[str, int]] = {}
    for side, each in new.items():
        old = parent.source if side == "source" else parent.target
        kind = INITIALISERS[initial.method]
        sources = kind(each.vocabulary, old, initial.words.get(side, ()))
        counts[side] = sources.counts
        for planned in plan.changed:
            if planned.is_resized and planned.is_table and planned.group == GROUP_OF_SIDE[side]:
                sources.fill(tensors[planned.name], originals[planned.name])
    return counts


def _unsaved_buffers(model: nn.Module) -> list[torch.Tensor]:
    return [
        buffer
        for module in model.modules()
        for name, buffer in module.named_buffers(recurse=False)
        if name in module._non_persistent_buffers_set
    ]
