"""A child: a model for a new pair whose frozen tensors are its parent's tensors, not copies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch
from torch import nn

from crosslate.errors import AnatomyError, StrategyError, UsageError
from crosslate.languages.codes import language_code
from crosslate.models.groups import ADDED, GROUP_OF_SIDE, Side
from crosslate.models.initialisers.initial_embeddings import (
    RANDOM,
    InitialEmbeddings,
    check_initial,
    initialiser,
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
from crosslate.models.tensors import alias_model, named_tensors, owner, set_slice, set_tensor
from crosslate.models.vocabularies.new_language import NewSide, joined
from crosslate.text.vocabularies import Vocabulary

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from crosslate.models.parent import Parent


@dataclass
class Child:
    """A model for a new pair on the body of a parent.

    Attributes:
        parent: whose tensors it aliases.
        model: a Hugging Face encoder-decoder; frozen tensors are the parent's objects.
        source: vocabulary of its source side.
        target: vocabulary of its target side.
        source_language: language code.
        target_language: language code.
        plan: what was changed and how; None for a child made from packs.
        trained: trained parameters by group and name, those of a method in the group ``added``; empty for a
            child made from packs.
        initial_rows: by renewed side, how many rows of its tables started from what; empty for a child made
            from packs, and where all rows started from random values.
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

    def changed_tensors(self) -> dict[str, torch.Tensor]:
        """What a pack stores: every changed tensor under its first name, slices where only a part is trained.

        Of a tensor in a compact form, what its form is applied to. Empty for a child made from packs.
        """
        if self.plan is None:
            return {}
        tensors = dict(named_tensors(self.model))
        trained = {name: tensor for group in self.trained.values() for name, tensor in group.items()}
        changed: dict[str, torch.Tensor] = {}
        for planned in self.plan.changed:
            if planned.name in trained:  # a slice goes by another name in the model
                changed[planned.name] = trained[planned.name].detach()
            elif isinstance(planned.form, Slices) and planned.is_appended:  # of a buffer
                tensor, indices = tensors[planned.name].detach(), planned.form.indices
                changed[planned.name] = tensor[(slice(None),) * planned.form.axis + (indices,)]
            elif planned.form is not None and planned.method is not None:
                changed[planned.name] = planned.method.stored(self.model, planned.name, planned.form)
            else:
                changed[planned.name] = tensors[planned.name].detach()
        return changed


def make_child(
    parent: Parent,
    strategy: Strategy,
    new: Mapping[Side, NewSide] | None = None,
    *,
    languages: Mapping[Side, str | None] | None = None,
    seed: int = 1,
    initial: InitialEmbeddings | None = None,
) -> Child:
    """A child ready for training: what the strategy trains is new, the rest is the parent's.

    The global random state stays as it is.

    Args:
        parent: the parent; it is not altered.
        strategy: what to re-initialise and train.
        new: the renewed sides.
        languages: of sides whose vocabulary stays, where the language is another than the parent's
            (``embed`` strategies).
        seed: seed of the re-initialised values.
        initial: where the rows of renewed tables start; None starts them from random values.

    Raises:
        StrategyError: the strategy renews other sides than were given, or does not fit the model.
        UsageError: initial embeddings that mean nothing here.
        VocabularyError: a new vocabulary pads with an id that this family of models cannot pad with.
        AnatomyError: the model cannot be initialised safely.
        MissingExtra: a method needs a package that is not installed.
    """
    new = new or {}
    if strategy.renews is None and not new:
        raise StrategyError(f"{strategy} needs to know which side is new; give a new source, target or both")
    appended = {side: each for side, each in new.items() if each.parent_rows is not None}
    plan = make_plan(
        parent.model,
        parent.anatomy,
        strategy,
        {side: len(each.vocabulary) for side, each in new.items()},
        {side: each.new_rows for side, each in appended.items()},
        parent.lowering.types if parent.lowering else None,
    )
    initial = initial or InitialEmbeddings()
    check_initial(initial.method, initial.words, plan.renewed, strategy)
    if appended and initial.method != RANDOM:
        raise UsageError(
            "an appended vocabulary keeps the parent's rows and starts the others from random values; "
            f"expected {RANDOM} initial embeddings, not {initial.method}, or a separate vocabulary"
        )
    check_padding(parent.model, parent.anatomy, {side: each.vocabulary for side, each in new.items()})
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
    source, target = _vocabularies(parent, new)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        _initialise(model, parent, plan, {"src": source.special.pad, "tgt": target.special.pad})
        attached = _attach(model, plan)
    rows = _start_rows(model, parent, plan, new, initial)
    spoken: dict[Side, str] = {"source": parent.source_language, "target": parent.target_language}
    spoken |= {side: language for side, language in (languages or {}).items() if language}
    spoken |= {side: each.language for side, each in new.items()}
    return Child(
        parent, model, source, target, language_code(spoken["source"]), language_code(spoken["target"]), plan,
        _by_group(plan, values, attached), rows,
    )  # fmt: skip


def _attach(model: PreTrainedModel, plan: Plan) -> dict[str, nn.Parameter]:
    """Puts into a child's model what methods train beside whole tensors; returns that by name."""
    attached: dict[str, nn.Parameter] = {}
    for method in dict.fromkeys(each.method for each in plan.strategy.assigned):
        mine = [each for each in plan.tensors if each.method == method and each.train]
        formed = {each.names: each.form for each in mine if each.form and not each.is_appended}
        if formed:
            attached |= method.attach(model, formed)
        if added := {each.name: each.shape for each in mine if each.is_added}:
            attached |= method.add(model, added)
    return attached


def _by_group(
    plan: Plan, values: Mapping[str, torch.Tensor], attached: Mapping[str, nn.Parameter]
) -> dict[str, dict[str, nn.Parameter]]:
    """Trained parameters by group and name; what has no tensor of the parent's in the group ``added``."""
    trained: dict[str, dict[str, nn.Parameter]] = {}
    own = {**values, **attached}
    for planned in plan.changed:
        value = own.get(planned.name)
        if planned.train and not planned.is_added and isinstance(value, nn.Parameter):
            trained.setdefault(planned.group, {})[planned.name] = value
    placed = {name for group in trained.values() for name in group}
    if added := {name: value for name, value in attached.items() if name not in placed}:
        trained[ADDED] = added
    return trained


def graft(
    parent: Parent,
    tensors: Mapping[tuple[str, ...], torch.Tensor],
    new: Mapping[Side, NewSide],
    languages: Mapping[Side, str],
    added: Sequence[tuple[Method, Mapping[str, torch.Tensor]]] = (),
) -> Child:
    """A child made of given tensors, each under all of its names, on the body of a parent.

    The tensors are used as they are, so several children may share them. Checks are the caller's.

    Args:
        new: the renewed sides.
        languages: of both sides.
        added: methods with the tensors, by name, of the modules that they add.

    Raises:
        VocabularyError: a new vocabulary pads with an id that this family of models cannot pad with.
    """
    check_padding(parent.model, parent.anatomy, {side: each.vocabulary for side, each in new.items()})
    model = alias_model(parent.model)
    parameters = parent.anatomy.parameters
    for names, tensor in tensors.items():
        value = nn.Parameter(tensor, requires_grad=False) if names[0] in parameters else tensor
        set_tensor(model, names, value)
    _settle(model, parent, new)
    with torch.random.fork_rng(devices=[]):
        for method, values in added:
            method.add(model, {name: tuple(tensor.shape) for name, tensor in values.items()})
            for name, tensor in values.items():
                module, leaf = owner(model, name)
                module._parameters[leaf] = nn.Parameter(tensor, requires_grad=False)
    source, target = _vocabularies(parent, new)
    return Child(
        parent, model.eval(), source, target, language_code(languages["source"]),
        language_code(languages["target"]), None, {},
    )  # fmt: skip


def plain_child(child: Child) -> Child:
    """A child of plain tensors that translates as a child in training does at this moment.

    Tensors that learn by forms are folded; all others are the child's own, not copies, as are the modules
    that methods add. A child without forms is given back as it is.
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
            module, leaf = owner(child.model, planned.name)
            tensors[planned.names] = getattr(module, leaf).detach()
    start = effective_setting(child.model, "decoder_start_token_id")
    sides: dict[Side, NewSide] = {
        "source": NewSide(child.source_language, child.source),
        "target": NewSide(child.target_language, child.target, start),
    }
    new = {side: each for side, each in sides.items() if side in child.plan.renewed}
    languages = {side: each.language for side, each in sides.items()}
    plain = graft(child.parent, tensors, new, languages, list(added.items()))
    plain.model.to(child.model.device)
    return plain


def _vocabularies(parent: Parent, new: Mapping[Side, NewSide]) -> tuple[Vocabulary, Vocabulary]:
    """Source and target vocabulary of a child."""
    source = new["source"].vocabulary if "source" in new else parent.source
    target = new["target"].vocabulary if "target" in new else parent.target
    return source, target


def _fresh_tensor(planned: PlannedTensor, original: torch.Tensor) -> torch.Tensor:
    if not planned.is_parameter:
        return torch.zeros(planned.shape, dtype=planned.dtype, device=original.device)
    if planned.reinitialise:
        # NaN shows what no initialisation reached.
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
    """Puts a tensor on the parent's slices into a child, with new ones of small random values beside them.

    A new code starts from the mean of the codes that it is related to; a bias, and a buffer, from zero.

    Returns:
        The new slices, which are trained; of a buffer the whole.
    """
    axis = vocabulary_axis(parent.anatomy, planned.names)
    form = planned.form
    if axis is None or not isinstance(form, Slices):
        raise AnatomyError(f"{planned.name} has no vocabulary axis, so nothing can be appended to it")
    side = appended[axis[0]]
    whole = joined(original.to(planned.dtype), axis[1], side.parent_rows or ())
    if not planned.is_parameter:
        set_tensor(model, planned.names, whole)
        return whole
    part = set_slice(model, planned.names, whole, form.axis, form.indices)
    is_table = max(original.shape) != original.numel()
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        if is_table:
            part.normal_(0.0, part.shape[1 - axis[1]] ** -0.5)
        if side.code is not None and side.relatives:
            row = side.new_rows.index(side.code)
            relatives = torch.tensor(side.relatives, device=original.device)
            part.select(axis[1], row).copy_(original.detach().index_select(axis[1], relatives).mean(axis[1]))
    return part


def _settle(model: PreTrainedModel, parent: Parent, new: Mapping[Side, NewSide]) -> None:
    """Unties shared tables and updates the configuration after vocabularies are replaced."""
    if new:
        tables = token_tables(model, parent.anatomy, "source")
        remove_aliases(model, parent.anatomy.aliases, tables[0] if tables else None)
        describe_vocabularies(model, parent.anatomy, {side: each.vocabulary for side, each in new.items()})
    if "target" in new:
        describe_start(model, new["target"].vocabulary, new["target"].start)


def _initialise(model: PreTrainedModel, parent: Parent, plan: Plan, padding: Mapping[str, int]) -> None:
    """Fills what is re-initialised: tables ourselves, the rest by the family's own rules.

    Tables get a normal distribution with deviation width^-0.5 and a zero padding row, as in the paper's
    released code. The family's ``_init_weights`` skips tensors that are marked as initialised, so everything
    that stays is marked, and only modules with a fresh tensor inside are shown to it; that none of the
    others was touched is checked.

    Args:
        padding: padding id by group, ``src`` and ``tgt``.
    """
    fresh = {
        name: planned
        for planned in plan.tensors
        if planned.reinitialise and not planned.is_appended
        for name in planned.names
    }
    if not fresh:
        return
    tensors = dict(named_tensors(model))
    kept = {name: tensor for name, tensor in tensors.items() if name not in fresh}
    kept |= {f"buffer {index}": buffer for index, buffer in enumerate(_unsaved_buffers(model))}
    versions = {name: tensor._version for name, tensor in kept.items()}
    for tensor in kept.values():
        tensor._is_hf_initialized = True
    for planned in dict.fromkeys(fresh.values()):
        if any(name in parent.anatomy.vocabulary for name in planned.names):
            _fill_table(tensors[planned.name], padding[planned.group])
    for path, module in model.named_modules():
        if path and any(name.startswith(f"{path}.") for name in fresh):
            model._init_weights(module)
    for planned in dict.fromkeys(fresh.values()):
        _fill_gaps(tensors[planned.name], planned.name)
    if touched := [name for name, tensor in kept.items() if tensor._version != versions[name]]:
        raise AnatomyError(
            f"initialising new tensors altered {touched[0]}, which must stay as it is; "
            "load the parent again before using it"
        )


def _start_rows(
    model: PreTrainedModel,
    parent: Parent,
    plan: Plan,
    new: Mapping[Side, NewSide],
    initial: InitialEmbeddings,
) -> dict[Side, dict[str, int]]:
    """Puts rows of the parent's tables into renewed ones, and counts what came from where.

    Tables that were tied on a side start alike, each from the parent's table of its name; a bias over the
    vocabulary stays zero.
    """
    kind = initialiser(initial.method)
    if not kind.reads_parent:
        return {}
    tensors, originals = dict(named_tensors(model)), dict(named_tensors(parent.model))
    counts: dict[Side, dict[str, int]] = {}
    for side, each in new.items():
        old = parent.source if side == "source" else parent.target
        sources = kind(each.vocabulary, old, initial.words.get(side, ()))
        counts[side] = sources.counts
        for planned in plan.changed:
            is_table = planned.is_resized and max(planned.shape) != planned.num_elements
            if is_table and planned.group == GROUP_OF_SIDE[side]:
                sources.fill(tensors[planned.name], originals[planned.name])
    return counts


def _unsaved_buffers(model: nn.Module) -> list[torch.Tensor]:
    return [
        buffer
        for module in model.modules()
        for name, buffer in module.named_buffers(recurse=False)
        if name in module._non_persistent_buffers_set
    ]


@torch.no_grad()
def _fill_table(table: torch.Tensor, pad: int) -> None:
    """A vocabulary table, or a bias over the vocabulary."""
    if max(table.shape) == table.numel():
        table.zero_()
    else:
        table.normal_(0.0, table.shape[1] ** -0.5)
        table[pad].zero_()
    table._is_hf_initialized = True


@torch.no_grad()
def _fill_gaps(tensor: torch.Tensor, name: str) -> None:
    """Tensors that the family's rules did not reach: ones for norms, zeros for biases, else normal values."""
    if not torch.isnan(tensor).any():
        return
    if tensor.dim() > 1:
        tensor.normal_(0.0, tensor.shape[-1] ** -0.5)
    else:
        tensor.fill_(0.0 if "bias" in name.rpartition(".")[2] else 1.0)
