"""The paper's five groups of tensors, found by what modules do rather than by their names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from crosslate.models.anatomy.placement import Placement, owner_of
from crosslate.models.anatomy.probe import Probe
from crosslate.models.anatomy.stacks import Role
from crosslate.models.groups import GROUPS, Group, Side
from crosslate.models.tensors import named_tensors, storage_key


@dataclass(frozen=True)
class Anatomy:
    """Groups and roles of the tensors of an encoder-decoder.

    ``src`` and ``tgt`` hold token embeddings (on the target side input and output), position embeddings and
    the layer norm on the embeddings; ``enc`` and ``dec`` the layers without cross-attention, final norms
    included; ``xattn`` the cross-attention projections with the layer norms that belong to them. What the
    paper's model does not have is placed by where it works: a convolutional or patch front end for speech or
    images in ``src``, the transform of BERT's output head in ``dec``, a projection between encoder and
    decoder in ``xattn``.

    Attributes:
        groups: every parameter name and persistent-buffer name, except ``aliases``, to its group.
        aliases: names outside both sides that no step uses on their own (``model.shared.weight``) to the
            names whose storage they share; an empty tuple for a dead table that untying has left over.
        ties: every set of two or more names with one storage, aliases included, in the order of the model.
        parameters: which of the names are parameters; the others are buffers.
        layers: ``xattn`` name to decoder layer index from 0; a projection between the sides has none.
        projections: ``xattn`` name to its role, as far as it can be told; keys and values fused into one
            matrix (GPT-2) have no entry.
        vocabulary: every tensor with a vocabulary axis to its side and that axis: token embeddings, output
            projection, output biases.
        head_axis: name of a cross-attention projection tensor to the axis on which the heads lie one after
            the other, in ``heads`` slices of equal size. No entry where a head has no slice of its own: the
            output's bias, fused keys and values, keys and values shared by several heads.
        constant: names that must never be trained: parameters that came frozen while others did not,
            sinusoidal position tables, tensors that are not floating point. They have a group all the same.

    Source:
        Gheini, Ren & May 2021, section 2.1 (https://arxiv.org/abs/2104.08771).
    """

    groups: dict[str, Group]
    aliases: dict[str, tuple[str, ...]]
    ties: tuple[tuple[str, ...], ...]
    parameters: frozenset[str]
    layers: dict[str, int]
    projections: dict[str, Role]
    vocabulary: dict[str, tuple[Side, int]]
    heads: int
    head_axis: dict[str, int]
    constant: frozenset[str]

    @classmethod
    def of(cls, model: Any) -> Anatomy:
        """The anatomy of a Hugging Face encoder-decoder with a generation head.

        Runs a tiny translation step on a copy that aliases the tensors of ``model``; the model itself, its
        mode, its gradients and the random state stay as they are. Call it on a model as it was loaded: a
        parameter that is frozen already is taken for a constant (unless all are frozen).

        Raises:
            AnatomyError: not an encoder-decoder; no cross-attention, or none apart from self-attention; names
                that could not be placed; or what was found contradicts the names.
        """
        tensors = dict(named_tensors(model))
        placement = Placement(Probe(model), tensors)
        return cls(
            groups=placement.groups,
            aliases=placement.aliases,
            ties=placement.ties,
            parameters=frozenset(name for name, _ in model.named_parameters(remove_duplicate=False)),
            layers=placement.layers(),
            projections=placement.projections(),
            vocabulary=placement.vocabulary(),
            heads=placement.heads(),
            head_axis=placement.head_axis(),
            constant=_constant(tensors, placement.groups, placement.tables),
        )

    def names(self, *groups: Group) -> tuple[str, ...]:
        """The names in ``groups``, in the order of the model."""
        return tuple(name for name, group in self.groups.items() if group in groups)

    def counts(self, model: nn.Module) -> dict[Group, int]:
        """Number of parameters in each group.

        Tied parameters count once, in the first of their groups in the order of ``GROUPS``: a table that both
        sides share counts in ``src``. Buffers are not parameters and do not count.
        """
        tensors = dict(named_tensors(model))
        counts: dict[Group, int] = dict.fromkeys(GROUPS, 0)
        seen = set()
        for group in GROUPS:
            for name in self.names(group):
                key = storage_key(tensors[name])
                if name in self.parameters and key not in seen:
                    seen.add(key)
                    counts[group] += tensors[name].numel()
        return counts


def _constant(
    tensors: dict[str, torch.Tensor], groups: dict[str, Group], tables: dict[str, frozenset[str]]
) -> frozenset[str]:
    # A model that was frozen as a whole, to be shared, says nothing about single parameters.
    some_are_trainable = any(tensor.requires_grad for tensor in tensors.values())
    found = set()
    for name, tensor in tensors.items():
        is_frozen = some_are_trainable and isinstance(tensor, nn.Parameter) and not tensor.requires_grad
        is_token_table = owner_of(name) in tables["source"] | tables["target"]
        is_position = groups.get(name) in ("src", "tgt") and not is_token_table and _is_sinusoidal(tensor)
        if is_frozen or is_position or not tensor.is_floating_point():
            found.add(name)
    return frozenset(found)


def _is_sinusoidal(table: torch.Tensor) -> bool:
    """Whether each row holds sines and cosines of the same angles: its squares sum to half its width."""
    if table.dim() != 2 or table.shape[0] < 3 or table.shape[1] < 2 or not table.is_floating_point():
        return False
    squares = table.detach().float().square().sum(dim=1)
    rows = squares[squares != 0]  # the padding row is zero
    expected = torch.full_like(rows, table.shape[1] // 2)
    return len(rows) >= 2 and torch.allclose(rows, expected, rtol=1e-2)
