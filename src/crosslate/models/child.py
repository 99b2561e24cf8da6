"""A child: a model for a new pair whose frozen tensors are its parent's tensors, not copies."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn.utils import parametrize

from crosslate.corpora.vocabularies import Vocabulary
from crosslate.errors import AnatomyError, StrategyError
from crosslate.languages import language_code
from crosslate.models.fingerprint import named_tensors
from crosslate.models.plan import Plan, PlannedTensor, make_plan
from crosslate.models.sides import (
    describe_vocabularies,
    remove_aliases,
    set_slice,
    set_tensor,
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
        """What a pack stores: every changed tensor under its first name, slices where only a part is trained."""
        if self.plan is None:
            return {}
        tensors = dict(self.model.named_parameters(remove_duplicate=False)) | dict(self.model.named_buffers())
        trained = {name: each for group in self.trained.values() for name, each in group.items()}
        return {
            planned.name: trained.get(planned.name, tensors.get(planned.name)).detach()  # type: ignore[union-attr]
            for planned in self.plan.changed
        }


def alias_model(model: PreTrainedModel) -> PreTrainedModel:
    """A copy of a model's module tree in which every parameter and buffer IS the original's."""
    memo: dict[int, object] = {id(each): each for each in model.parameters()}
    memo |= {id(each): each for each in model.buffers()}
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

    Args:
        parent: the parent; it is not altered.
        strategy: what to re-initialise and train.
        new_source: language and vocabulary of a renewed source side.
        new_target: language and vocabulary of a renewed target side.
        source_language: the language of a source side whose vocabulary stays (``embed`` strategies).
        target_language: likewise for the target side.
        seed: seed of the re-initialised values.

    Raises:
        StrategyError: the strategy renews other sides than were given.
        AnatomyError: the model cannot be initialised safely.
    """
    new: dict[Side, tuple[str, Vocabulary]] = {}
    if new_source:
        new["source"] = new_source
    if new_target:
        new["target"] = new_target
    sizes: dict[Side, int] = {side: len(vocabulary) for side, (_, vocabulary) in new.items()}
    plan = make_plan(parent.model, parent.anatomy, strategy, sizes)
    if strategy.renews is None and not new:
        raise StrategyError(f"{strategy} needs to know which side is new")
    model = alias_model(parent.model)
    originals = dict(named_tensors(parent.model))
    trained: dict[str, dict[str, nn.Parameter]] = {}
    for planned in plan.changed:
        if planned.selection is not None:
            part = set_slice(model, planned.name, originals[planned.name], planned.selection)
            trained.setdefault(planned.group, {})[planned.name] = part
            continue
        value = _fresh_tensor(planned, originals[planned.name])
        set_tensor(model, planned.names, value)
        if planned.train:
            trained.setdefault(planned.group, {})[planned.name] = value  # type: ignore[assignment]
    vocabularies = {side: vocabulary for side, (_, vocabulary) in new.items()}
    _settle(model, parent, vocabularies)
    _initialise(model, plan, vocabularies, seed)
    return Child(
        parent,
        model,
        vocabularies.get("source", parent.source),
        vocabularies.get("target", parent.target),
        new_source[0] if new_source else source_language or parent.source_language,
        new_target[0] if new_target else target_language or parent.target_language,
        plan,
        trained,
    )


def graft(
    parent: Parent,
    tensors: Mapping[tuple[str, ...], torch.Tensor],
    vocabularies: Mapping[Side, Vocabulary],
    languages: Mapping[Side, str],
) -> Child:
    """A child made of given tensors, each under all of its names, on the body of a parent.

    The tensors are used as they are, so several children may share them. Checks are the caller's.
    """
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
        return torch.zeros(planned.shape, dtype=original.dtype, device=original.device)
    if planned.reinitialise:
        # NaN shows what no initialisation reached.
        value = torch.full(planned.shape, torch.nan, dtype=original.dtype, device=original.device)
    else:
        value = original.detach().clone()
    return nn.Parameter(value, requires_grad=planned.train)


def _settle(model: PreTrainedModel, parent: Parent, vocabularies: Mapping[Side, Vocabulary]) -> None:
    """What follows from renewed sides: no alias of both, sizes and special ids in the configurations."""
    if vocabularies:
        remove_aliases(model, parent.anatomy.aliases)
        describe_vocabularies(model, vocabularies)


def _initialise(
    model: PreTrainedModel, plan: Plan, vocabularies: Mapping[Side, Vocabulary], seed: int
) -> None:
    """Fills what is re-initialised: tables ourselves, the rest by the family's own rules.

    Tables get a normal distribution with deviation width^-0.5 and a zero padding row, as in the paper's
    released code. The family's ``_init_weights`` skips tensors that are marked as initialised, so every
    kept tensor is marked; that none was touched is checked.
    """
    fresh = {name for planned in plan.tensors if planned.reinitialise for name in planned.names}
    if not fresh:
        return
    torch.manual_seed(seed)
    kept = []
    for name, tensor in named_tensors(model):
        is_fresh = name.replace("parametrizations.", "").removesuffix(".original") in fresh
        tensor._is_hf_initialized = not is_fresh  # type: ignore[attr-defined]
        if not is_fresh:
            kept.append((name, tensor, tensor._version))
    tensors = dict(named_tensors(model))
    for planned in plan.tensors:
        if planned.reinitialise and planned.is_resized:
            _fill_table(tensors[planned.name], planned, vocabularies)
    for module in model.modules():
        if module is not model:
            model._init_weights(module)
    for planned in plan.tensors:
        if planned.reinitialise:
            _fill_gaps(model, planned)
    if touched := [name for name, tensor, version in kept if tensor._version != version]:
        raise AnatomyError(f"initialising new tensors altered {touched[0]}, which must stay as it is")


@torch.no_grad()
def _fill_table(
    table: torch.Tensor, planned: PlannedTensor, vocabularies: Mapping[Side, Vocabulary]
) -> None:
    """A vocabulary table, or a bias over the vocabulary."""
    if table.dim() == 1 or 1 in table.shape:
        table.zero_()
    else:
        table.normal_(0.0, table.shape[1] ** -0.5)
        side: Side = "source" if planned.group == "src" else "target"
        table[vocabularies[side].special.pad].zero_()
    table._is_hf_initialized = True  # type: ignore[attr-defined]


@torch.no_grad()
def _fill_gaps(model: nn.Module, planned: PlannedTensor) -> None:
    """Tensors that the family's rules did not reach: ones for norms, zeros for biases, else normal values."""
    module = model.get_submodule(planned.name.rpartition(".")[0])
    leaf = planned.name.rpartition(".")[2]
    if parametrize.is_parametrized(module, leaf):
        return
    tensor = getattr(module, leaf)
    if not torch.isnan(tensor).any():
        return
    if tensor.dim() > 1:
        tensor.normal_(0.0, tensor.shape[-1] ** -0.5)
    else:
        tensor.fill_(0.0 if "bias" in leaf else 1.0)
