"""A child: a model for a new pair whose frozen tensors are its parent's tensors, not copies."""

from __future__ import annotations

import copy
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch
from torch import nn

from crosslate.errors import AnatomyError, StrategyError, UsageError
from crosslate.languages.codes import language_code
from crosslate.models.anatomy.anatomy import named_tensors
from crosslate.models.groups import ADDED, GROUP_OF_SIDE, Side
from crosslate.models.initialisers.initial_embeddings import (
    RANDOM,
    InitialEmbeddings,
    RowSources,
    check_initial,
)
from crosslate.models.methods.rivals import add_modules, attach, stored_form
from crosslate.models.plan import Plan, PlannedTensor, make_plan, vocabulary_axis
from crosslate.models.sides import (
    check_padding,
    describe_start,
    describe_vocabularies,
    effective_setting,
    owner,
    remove_aliases,
    set_slice,
    set_tensor,
    token_tables,
)
from crosslate.models.strategies import Strategy
from crosslate.models.vocabularies.appended import Appended, joined
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
            if planned.form is not None:
                changed[planned.name] = stored_form(self.model, planned.name, planned.form)
                continue
            if planned.name in trained:  # a slice goes by another name in the model
                changed[planned.name] = trained[planned.name].detach()
                continue
            tensor = tensors[planned.name].detach()
            if planned.selection is not None:
                indices = torch.tensor(planned.selection.indices, device=tensor.device)
                tensor = tensor.index_select(planned.selection.axis, indices)
            changed[planned.name] = tensor
        return changed


def alias_model(model: PreTrainedModel) -> PreTrainedModel:
    """A copy of a model's module tree in which every parameter and buffer IS the original's."""
    memo: dict[int, object] = {id(each): each for each in model.parameters()}
    memo |= {id(each): each for each in model.buffers()}
    # Every module carries a dozen empty ordered dictionaries of hooks. Copying them took half of the time.
    for module in model.modules():
        for value in vars(module).values():
            if type(value) is OrderedDict and not value:
                memo[id(value)] = OrderedDict()
    return copy.deepcopy(model, memo)


def make_child(
    parent: Parent,
    strategy: Strategy,
    *,
    new_source: tuple[str, Vocabulary] | None = None,
    new_target: tuple[str, Vocabulary] | None = None,
    source_language: str | None = None,
    target_language: str | None = None,
    appended: Mapping[Side, Appended] | None = None,
    start: int | None = None,
    seed: int = 1,
    initial: InitialEmbeddings | None = None,
) -> Child:
    """A child ready for training: what the strategy trains is new, the rest is the parent's.

    The global random state stays as it is.

    Args:
        parent: the parent; it is not altered.
        strategy: what to re-initialise and train.
        new_source: language and vocabulary of a renewed source side.
        new_target: language and vocabulary of a renewed target side.
        source_language: the language of a source side whose vocabulary stays (``embed`` strategies).
        target_language: likewise for the target side.
        appended: of renewed sides whose new vocabulary is on the parent's rows: which those are. Nothing but
            the new rows of such a side is re-initialised or trained.
        start: the piece of a renewed target that the decoder starts with, where its role does not tell.
        seed: seed of the re-initialised values.
        initial: where the rows of renewed tables start; None starts them from random values.

    Raises:
        StrategyError: the strategy renews other sides than were given, or does not fit the model.
        UsageError: initial embeddings that mean nothing here.
        VocabularyError: a new vocabulary pads with an id that this family of models cannot pad with.
        AnatomyError: the model cannot be initialised safely.
        MissingExtra: the strategy's method needs PEFT, which is not installed.
    """
    if strategy.renews is None and not (new_source or new_target):
        raise StrategyError(f"{strategy} needs to know which side is new; give a new source, target or both")
    new: dict[Side, tuple[str, Vocabulary]] = {}
    if new_source:
        new["source"] = new_source
    if new_target:
        new["target"] = new_target
    vocabularies = {side: vocabulary for side, (_, vocabulary) in new.items()}
    languages = {
        "source": language_code(new_source[0] if new_source else source_language or parent.source_language),
        "target": language_code(new_target[0] if new_target else target_language or parent.target_language),
    }
    sizes: dict[Side, int] = {side: len(vocabulary) for side, vocabulary in vocabularies.items()}
    appended = appended or {}
    plan = make_plan(
        parent.model,
        parent.anatomy,
        strategy,
        sizes,
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
    check_padding(parent.model, parent.anatomy, vocabularies)
    model = alias_model(parent.model)
    originals = dict(named_tensors(parent.model))
    trained: dict[str, dict[str, nn.Parameter]] = {}
    for planned in plan.changed:
        value: torch.Tensor
        if planned.form is not None or planned.is_added:
            continue  # attached below
        if planned.is_appended:
            value = _append(model, parent, planned, originals[planned.name], appended, seed)
        elif planned.selection is not None:
            value = set_slice(model, planned.names, originals[planned.name], planned.selection)
        else:
            value = _fresh_tensor(planned, originals[planned.name])
            set_tensor(model, planned.names, value)
        if isinstance(value, nn.Parameter) and planned.train:
            trained.setdefault(planned.group, {})[planned.name] = value
    start = appended["target"].start if "target" in appended else start
    _settle(model, parent, vocabularies, start)
    source = vocabularies.get("source", parent.source)
    target = vocabularies.get("target", parent.target)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        _initialise(model, parent, plan, {"src": source.special.pad, "tgt": target.special.pad})
        if added := attach(model, plan):
            trained[ADDED] = added
    rows = _start_rows(model, parent, plan, vocabularies, initial)
    return Child(parent, model, source, target, languages["source"], languages["target"], plan, trained, rows)


def graft(
    parent: Parent,
    tensors: Mapping[tuple[str, ...], torch.Tensor],
    vocabularies: Mapping[Side, Vocabulary],
    languages: Mapping[Side, str],
    start: int | None = None,
    added: Mapping[str, torch.Tensor] | None = None,
) -> Child:
    """A child made of given tensors, each under all of its names, on the body of a parent.

    The tensors are used as they are, so several children may share them. Checks are the caller's.

    Args:
        start: the piece that the decoder starts with, where its role does not tell.
        added: tensors of modules that the parent does not have, by name.

    Raises:
        VocabularyError: a new vocabulary pads with an id that this family of models cannot pad with.
    """
    check_padding(parent.model, parent.anatomy, vocabularies)
    model = alias_model(parent.model)
    parameters = parent.anatomy.parameters
    for names, tensor in tensors.items():
        value = nn.Parameter(tensor, requires_grad=False) if names[0] in parameters else tensor
        set_tensor(model, names, value)
    _settle(model, parent, vocabularies, start)
    if added:
        with torch.random.fork_rng(devices=[]):
            add_modules(model, {name: tuple(tensor.shape) for name, tensor in added.items()}, added)
    return Child(
        parent,
        model.eval(),
        vocabularies.get("source", parent.source),
        vocabularies.get("target", parent.target),
        language_code(languages["source"]),
        language_code(languages["target"]),
        None,
        {},
    )


def plain_child(child: Child) -> Child:
    """A child of plain tensors that translates as a child in training does at this moment.

    Tensors in compact forms are folded; all others are the child's own, not copies. A child without such
    forms is given back as it is, and so is one with added modules, which nothing can fold.
    """
    if child.plan is None or not any(planned.form for planned in child.plan.tensors):
        return child
    originals, stored = dict(named_tensors(child.parent.model)), child.changed_tensors()
    tensors = {}
    for planned in child.plan.changed:
        if planned.form is not None:
            tensors[planned.names] = planned.form.applied(originals[planned.name], stored[planned.name])
        else:  # a parametrised one comes whole as an attribute
            module, leaf = owner(child.model, planned.name)
            tensors[planned.names] = getattr(module, leaf).detach()
    both: dict[Side, Vocabulary] = {"source": child.source, "target": child.target}
    plain = graft(
        child.parent, tensors, {side: both[side] for side in both if side in child.plan.renewed},
        {"source": child.source_language, "target": child.target_language},
        effective_setting(child.model, "decoder_start_token_id"),
    )  # fmt: skip
    plain.model.to(child.model.device)
    return plain


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
    appended: Mapping[Side, Appended],
    seed: int,
) -> torch.Tensor:
    """Puts a tensor on the parent's slices into a child, with new ones of small random values beside them.

    A new code starts from the mean of the codes that it is related to; a bias, and a buffer, from zero.

    Returns:
        The new slices, which are trained; of a buffer the whole.
    """
    axis = vocabulary_axis(parent.anatomy, planned.names)
    if axis is None or planned.selection is None:
        raise AnatomyError(f"{planned.name} has no vocabulary axis, so nothing can be appended to it")
    side = appended[axis[0]]
    whole = joined(original.to(planned.dtype), axis[1], side.parent_rows)
    if not planned.is_parameter:
        set_tensor(model, planned.names, whole)
        return whole
    part = set_slice(model, planned.names, whole, planned.selection)
    is_table = max(original.shape) != original.numel()
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        if is_table:
            part.normal_(0.0, part.shape[1 - axis[1]] ** -0.5)
        if side.code is not None:
            row = side.new_rows.index(side.code)
            relatives = torch.tensor(side.relatives, device=original.device)
            part.select(axis[1], row).copy_(original.detach().index_select(axis[1], relatives).mean(axis[1]))
    return part


def _settle(
    model: PreTrainedModel, parent: Parent, vocabularies: Mapping[Side, Vocabulary], start: int | None = None
) -> None:
    """What follows from renewed sides: no alias of both, sizes and special ids in the configurations."""
    if vocabularies:
        tables = token_tables(model, parent.anatomy, "source")
        remove_aliases(model, parent.anatomy.aliases, tables[0] if tables else None)
        describe_vocabularies(model, parent.anatomy, vocabularies)
    if "target" in vocabularies:
        describe_start(model, vocabularies["target"], start)


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
    vocabularies: Mapping[Side, Vocabulary],
    initial: InitialEmbeddings,
) -> dict[Side, dict[str, int]]:
    """Puts rows of the parent's tables into renewed ones, and counts what came from where.

    Tables that were tied on a side start alike, each from the parent's table of its name; a bias over the
    vocabulary stays zero.
    """
    if initial.method == RANDOM:
        return {}
    tensors, originals = dict(named_tensors(model)), dict(named_tensors(parent.model))
    counts: dict[Side, dict[str, int]] = {}
    for side, new in vocabularies.items():
        old = parent.source if side == "source" else parent.target
        sources = RowSources(initial.method, new, old, initial.words.get(side, ()))
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
