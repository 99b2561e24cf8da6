"""A child: a model for a new pair whose frozen tensors are its parent's tensors, not copies."""

from __future__ import annotations

import copy
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import nn

from crosslate.corpora.vocabularies import Vocabulary
from crosslate.errors import AnatomyError, StrategyError
from crosslate.languages import language_code
from crosslate.models.anatomy import named_tensors
from crosslate.models.plan import Plan, PlannedTensor, make_plan
from crosslate.models.sides import (
    check_padding,
    describe_vocabularies,
    remove_aliases,
    set_slice,
    set_tensor,
    token_tables,
)
from crosslate.models.strategies import Side, Strategy

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
        trained: trained parameters by group and name; empty for a child made from packs.
    """

    parent: Parent
    model: PreTrainedModel
    source: Vocabulary
    target: Vocabulary
    source_language: str
    target_language: str
    plan: Plan | None
    trained: dict[str, dict[str, nn.Parameter]]

    def changed_tensors(self) -> dict[str, torch.Tensor]:
        """What a pack stores: every changed tensor under its first name, slices where only a part is trained.

        Empty for a child made from packs.
        """
        if self.plan is None:
            return {}
        tensors = dict(named_tensors(self.model))
        for group in self.trained.values():  # a slice goes by another name in the model
            tensors.update(group)
        return {planned.name: tensors[planned.name].detach() for planned in self.plan.changed}


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
    seed: int = 1,
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
        seed: seed of the re-initialised values.

    Raises:
        StrategyError: the strategy renews other sides than were given, or does not fit the model.
        VocabularyError: a new vocabulary pads with an id that this family of models cannot pad with.
        AnatomyError: the model cannot be initialised safely.
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
    types = parent.lowering.types if parent.lowering else None
    plan = make_plan(parent.model, parent.anatomy, strategy, sizes, types)
    check_padding(parent.model, parent.anatomy, vocabularies)
    model = alias_model(parent.model)
    originals = dict(named_tensors(parent.model))
    trained: dict[str, dict[str, nn.Parameter]] = {}
    for planned in plan.changed:
        value: torch.Tensor
        if planned.selection is not None:
            value = set_slice(model, planned.name, originals[planned.name], planned.selection)
        else:
            value = _fresh_tensor(planned, originals[planned.name])
            set_tensor(model, planned.names, value)
        if isinstance(value, nn.Parameter) and planned.train:
            trained.setdefault(planned.group, {})[planned.name] = value
    _settle(model, parent, vocabularies)
    source = vocabularies.get("source", parent.source)
    target = vocabularies.get("target", parent.target)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        _initialise(model, parent, plan, {"src": source.special.pad, "tgt": target.special.pad})
    return Child(parent, model, source, target, languages["source"], languages["target"], plan, trained)


def graft(
    parent: Parent,
    tensors: Mapping[tuple[str, ...], torch.Tensor],
    vocabularies: Mapping[Side, Vocabulary],
    languages: Mapping[Side, str],
) -> Child:
    """A child made of given tensors, each under all of its names, on the body of a parent.

    The tensors are used as they are, so several children may share them. Checks are the caller's.

    Raises:
        VocabularyError: a new vocabulary pads with an id that this family of models cannot pad with.
    """
    check_padding(parent.model, parent.anatomy, vocabularies)
    model = alias_model(parent.model)
    parameters = parent.anatomy.parameters
    for names, tensor in tensors.items():
        value = nn.Parameter(tensor, requires_grad=False) if names[0] in parameters else tensor
        set_tensor(model, names, value)
    _settle(model, parent, vocabularies)
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


def _fresh_tensor(planned: PlannedTensor, original: torch.Tensor) -> torch.Tensor:
    if not planned.is_parameter:
        return torch.zeros(planned.shape, dtype=planned.dtype, device=original.device)
    if planned.reinitialise:
        # NaN shows what no initialisation reached.
        value = torch.full(planned.shape, torch.nan, dtype=planned.dtype, device=original.device)
    else:
        value = original.detach().clone()
    return nn.Parameter(value, requires_grad=planned.train)


def _settle(model: PreTrainedModel, parent: Parent, vocabularies: Mapping[Side, Vocabulary]) -> None:
    """What follows from renewed sides: no alias of both, sizes and special ids in the configurations."""
    if vocabularies:
        tables = token_tables(model, parent.anatomy, "source")
        remove_aliases(model, parent.anatomy.aliases, tables[0] if tables else None)
        describe_vocabularies(model, parent.anatomy, vocabularies)


def _initialise(model: PreTrainedModel, parent: Parent, plan: Plan, padding: Mapping[str, int]) -> None:
    """Fills what is re-initialised: tables ourselves, the rest by the family's own rules.

    Tables get a normal distribution with deviation width^-0.5 and a zero padding row, as in the paper's
    released code. The family's ``_init_weights`` skips tensors that are marked as initialised, so everything
    that stays is marked, and only modules with a fresh tensor inside are shown to it; that none of the
    others was touched is checked.

    Args:
        padding: padding id by group, ``src`` and ``tgt``.
    """
    fresh = {name: planned for planned in plan.tensors if planned.reinitialise for name in planned.names}
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
