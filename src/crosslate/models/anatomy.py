"""The paper's partition of a model's tensors into five groups, found by what modules do, not by their names."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, get_args

import torch
from torch import nn

from crosslate.errors import AnatomyError
from crosslate.models.probe import Probe, Stage
from crosslate.models.stacks import (
    CrossAttention,
    Role,
    cross_attentions,
    encoder_stack,
    is_norm,
    is_under,
    owns_tensors,
    parts_of_layer,
)

Group = Literal["src", "tgt", "enc", "dec", "xattn"]
GROUPS: tuple[Group, ...] = get_args(Group)

_NAMES_SHOWN = 8
_CROSS_ATTENTION_NAME = re.compile(
    r"encoder_attn|EncDecAttention|crossattention|cross_attention|cross_attn|ln_cross_attn"
    r"|(encoder_attn|cross_attn|cross_attention)_layer_?norm|(pre|post)_cross_attn_layernorm"
)


@dataclass(frozen=True)
class Anatomy:
    """Which group every tensor of an encoder-decoder belongs to, and what the tensors are.

    The groups are those of Gheini et al. 2021, section 2.1: ``src`` and ``tgt`` hold token embeddings (on the
    target side input and output), position embeddings and the layer norm on the embeddings; ``enc`` and ``dec``
    the layers without cross-attention, final norms included; ``xattn`` the cross-attention projections with
    the layer norms that belong to them (and a projection between encoder and decoder, where there is one).
    What the paper's model does not have follows from where it works: a convolutional or patch front end of
    speech and images is ``src``, the transform of BERT's output head is ``dec``.

    Attributes:
        groups: every parameter name and persistent-buffer name, except ``aliases``, to its group.
        aliases: names outside both sides that no step uses on their own (``model.shared.weight``) to the names
            whose storage they share; none for a table left over from an untied model.
        ties: every set of two or more names with one storage, aliases included; each in the order of the model.
        parameters: which of the names are parameters; the others are buffers.
        layers: ``xattn`` name to decoder layer index from 0; a projection between the sides has none.
        projections: ``xattn`` name to its role, as far as it can be told; keys and values fused into one
            matrix (GPT-2) have no entry.
        vocabulary: every tensor with a vocabulary axis to its side and that axis: token embeddings, output
            projection, output biases.
        heads: number of cross-attention heads.
        head_axis: name of a cross-attention projection tensor to the axis on which the heads lie one after the
            other, in ``heads`` slices of equal size; without an entry a head has no slice of its own (biases
            of the output, fused keys and values, keys and values shared by several heads).
        constant: names that must never be trained: parameters that came frozen while others did not,
            sinusoidal position tables, tensors that are not floating point.
    """

    groups: dict[str, Group]
    aliases: dict[str, tuple[str, ...]]
    ties: tuple[tuple[str, ...], ...]
    parameters: frozenset[str]
    layers: dict[str, int]
    projections: dict[str, Role]
    vocabulary: dict[str, tuple[Literal["source", "target"], int]]
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
                that could not be placed; or the structure contradicts the names or a step without encoder states.
        """
        tensors = dict(named_tensors(model))
        placing = _Placing(Probe.of(model), tensors)
        groups, aliases = placing.groups()
        placing.check(groups)
        return cls(
            groups=groups,
            aliases=aliases,
            ties=_ties(tensors),
            parameters=frozenset(name for name, _ in model.named_parameters(remove_duplicate=False)),
            layers=placing.layers(groups),
            projections=placing.projections(),
            vocabulary=placing.vocabulary(groups),
            heads=placing.heads(),
            head_axis=placing.head_axis(),
            constant=_constant(tensors, groups, placing.tables),
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


def named_tensors(model: nn.Module) -> Iterator[tuple[str, torch.Tensor]]:
    """Every parameter and persistent buffer under each of its names, tied or not, in the order of the model."""
    for name, tensor in model.state_dict(keep_vars=True).items():
        if isinstance(tensor, torch.Tensor):
            yield name, tensor


def storage_key(tensor: torch.Tensor) -> tuple[Any, ...]:
    """A value that two tensors share exactly when they are the same elements of the same storage."""
    address = tensor.data_ptr() or id(tensor)  # tensors without elements or data have no address
    return (str(tensor.device), address, tuple(tensor.shape), tensor.stride())


def unsaved_names(model: Any) -> frozenset[str]:
    """Names that ``save_pretrained`` leaves out because the model builds them anew (Marian's positions)."""
    return frozenset(getattr(model, "_keys_to_ignore_on_save", None) or ())


class _Placing:
    """Puts every tensor into its group, from what one probe showed."""

    def __init__(self, probe: Probe, tensors: dict[str, torch.Tensor]) -> None:
        self.probe = probe
        self.tensors = tensors
        self.stacks: dict[Stage, str] = {"encoder": encoder_stack(probe)}
        self.stacks["decoder"], self.blocks = cross_attentions(probe)
        self.entry = {stage: self._entry(stage, stack) for stage, stack in self.stacks.items()}
        self.tables = {"source": self._tables("encoder"), "target": self._tables("decoder")}
        self.heads_of_output = self._output_projection()
        self._within = {path: block for block in self.blocks for path in (block.block, *block.norms)}
        self._check_tables()

    def groups(self) -> tuple[dict[str, Group], dict[str, tuple[str, ...]]]:
        """The group of every name, and the aliases with what they stand for.

        Raises:
            AnatomyError: some names could not be placed.
        """
        groups: dict[str, Group] = {}
        outside: list[str] = []
        for name in self.tensors:
            group = self._group(name)
            if group is None:
                outside.append(name)
            else:
                groups[name] = group
        partners: dict[tuple[Any, ...], list[str]] = {}
        for name in groups:
            partners.setdefault(storage_key(self.tensors[name]), []).append(name)
        aliases = {name: tuple(partners.get(storage_key(self.tensors[name]), ())) for name in outside}
        unplaced = [
            name
            for name, others in aliases.items()
            # A table nobody looks anything up in is what untying leaves behind; anything else is a riddle.
            if not others and not isinstance(self.probe.module(_owner(name)), nn.Embedding)
        ]
        if unplaced:
            raise AnatomyError(
                f"{len(unplaced)} tensors belong to neither side of the model: {_shown(unplaced)}; expected one "
                "encoder, one decoder, and outside them only shared embeddings and an output head"
            )
        return groups, aliases

    def layers(self, groups: dict[str, Group]) -> dict[str, int]:
        """Decoder layer of each cross-attention tensor."""
        found = {}
        for name in groups:
            block = self._cross_attention(_owner(name))
            if block is not None:
                found[name] = block.layer
        return found

    def projections(self) -> dict[str, Role]:
        """Role of each cross-attention tensor."""
        return {f"{path}.{name}": role for path, role, name, _ in self._roles()}

    def heads(self) -> int:
        """Number of cross-attention heads, the same in every layer."""
        found = {block.layer: block.heads for block in self.blocks}
        if len(set(found.values())) > 1:
            raise AnatomyError(
                f"cross-attention has different numbers of heads per decoder layer ({found}); expected the same"
            )
        return self.blocks[0].heads

    def head_axis(self) -> dict[str, int]:
        """Axis of the heads of each projection tensor whose heads have slices."""
        axes, width = {}, {block.layer: 0 for block in self.blocks}
        for path, role, name, tensor in sorted(self._roles(), key=lambda entry: entry[1] != "q"):
            module = self.probe.module(path)
            linear = isinstance(module, nn.Linear)
            # transformers' Conv1D (GPT-2) stores its matrix as (inputs, outputs), and `nf` outputs.
            if role == "norm" or not (linear or isinstance(getattr(module, "nf", None), int)):
                continue
            if tensor.dim() == 1 and role == "o":
                continue
            axis = 0 if tensor.dim() == 1 else int((role == "o") == linear)
            layer = self._layer(path)
            if role == "q":
                width[layer] = tensor.shape[axis]
            # Keys and values shared by several heads are narrower than the queries.
            if tensor.shape[axis] == width[layer]:
                axes[f"{path}.{name}"] = axis
        return axes

    def vocabulary(self, groups: dict[str, Group]) -> dict[str, tuple[Literal["source", "target"], int]]:
        """Side and vocabulary axis of every tensor that has one."""
        found: dict[str, tuple[Literal["source", "target"], int]] = {}
        for name, group in groups.items():
            owner, tensor = _owner(name), self.tensors[name]
            if owner in self.tables["source"] and group == "src":
                found[name] = ("source", 0)
            elif owner in self.tables["target"] and group == "tgt":
                found[name] = ("target", 0)
            elif group == "tgt" and self._is_output(owner, tensor):
                found[name] = ("target", tuple(tensor.shape).index(self.probe.num_logits))
        return found

    def check(self, groups: dict[str, Group]) -> None:
        """Compares the cross-attention found with names and with a decoder that gets no encoder states.

        Raises:
            AnatomyError: they disagree.
        """
        found = {
            name for name, group in groups.items() if group == "xattn" and is_under(name, self.probe.decoder)
        }
        named = {
            name
            for name in groups
            if is_under(name, self.probe.decoder)
            and any(_CROSS_ATTENTION_NAME.fullmatch(step) for step in name.split("."))
        }
        # Norms may be named after their place (T5, Moonshine); names that say nothing at all prove nothing.
        norms = {name for name in found if is_norm(self.probe.module(_owner(name)))}
        if named and (wrong := sorted((named - found) | (found - named - norms))):
            raise AnatomyError(
                f"structure and names disagree on what is cross-attention: {_shown(wrong)}; expected every tensor "
                "that is named after cross-attention to read, or to lead to, the encoder states"
            )
        called = self.probe.called_without_states()
        if called is None:
            return
        stack = self.stacks["decoder"]
        used = {
            path
            for call in self.probe.calls
            if call.stage == "decoder"
            for path in call.paths
            if is_under(path, stack) and path != stack
        }
        silent = {parts_of_layer(self.probe, stack, path) for path in used - called} - {
            parts_of_layer(self.probe, stack, path) for path in used & called
        }
        silent = {part for part in silent if any(True for _ in self.probe.module(part).parameters())}
        if wrong := sorted(silent ^ set(self._within)):
            raise AnatomyError(
                f"structure and a decoder step without encoder states disagree on what is cross-attention: "
                f"{_shown(wrong)}; expected exactly the cross-attention and its norms to fall silent"
            )

    def _group(self, name: str) -> Group | None:
        owner = _owner(name)
        for stage, side in (("encoder", self.probe.encoder), ("decoder", self.probe.decoder)):
            if is_under(owner, side):
                return self._group_in_side(name, owner, "encoder" if stage == "encoder" else "decoder")
        return self._group_outside(name, owner)

    def _group_in_side(self, name: str, owner: str, stage: Literal["encoder", "decoder"]) -> Group:
        embeddings, body = ("src", "enc") if stage == "encoder" else ("tgt", "dec")
        module = self.probe.module(owner)
        first = self.probe.first(owner, stage)
        if is_under(owner, self.stacks[stage]):
            inside: Group = "xattn" if self._cross_attention(owner) is not None else body  # type: ignore[assignment]
            return inside
        # What a side owns as a whole stands at its entrance, as wav2vec 2.0's mask vector does; tables that are
        # read without a call are embeddings (ProphetNet's n-gram table).
        at_entrance = (
            is_under(self.stacks[stage], owner)
            or (first is None and isinstance(module, nn.Embedding))
            or (first is not None and first < self.entry[stage])
        )
        is_output = stage == "decoder" and self._is_output(owner, self.tensors[name])
        return embeddings if at_entrance or is_output else body  # type: ignore[return-value]

    def _group_outside(self, name: str, owner: str) -> Group | None:
        if self._is_output(owner, self.tensors[name]):
            return "tgt"
        stages = [call.stage for call in self.probe.calls if owner in call.paths]
        if not owns_tensors(self.probe.module(owner)) or not stages or {"encoder", "decoder"} & set(stages):
            return None
        by_stage: dict[Stage, Group] = {"before": "src", "between": "xattn", "after": "dec"}
        return by_stage[stages[0]]

    def _cross_attention(self, owner: str) -> CrossAttention | None:
        """The cross-attention that the module at ``owner`` is part of."""
        if not is_under(owner, self.stacks["decoder"]):
            return None
        steps = owner.split(".")
        for end in range(len(steps), 0, -1):
            if block := self._within.get(".".join(steps[:end])):
                return block
        return None

    def _layer(self, owner: str) -> int:
        block = self._cross_attention(owner)
        return -1 if block is None else block.layer

    def _roles(self) -> Iterator[tuple[str, Role, str, torch.Tensor]]:
        for block in self.blocks:
            for path, role in block.roles.items():
                for name, tensor in self.probe.module(path).named_parameters(recurse=False):
                    yield path, role, name, tensor

    def _entry(self, stage: Stage, stack: str) -> int:
        positions = [
            position
            for position, call in enumerate(self.probe.calls)
            if call.stage == stage and any(is_under(path, stack) and path != stack for path in call.paths)
        ]
        return positions[0]

    def _tables(self, stage: Literal["encoder", "decoder"]) -> frozenset[str]:
        """Paths of the module that turns this side's token ids into embeddings."""
        for call in self.probe.calls[: self.entry[stage]]:
            if call.stage == stage and call.looks_up and owns_tensors(self.probe.module(call.paths[0])):
                return frozenset(call.paths)
        return frozenset()

    def _check_tables(self) -> None:
        if not self.tables["target"] or (self.probe.reads_tokens and not self.tables["source"]):
            side = "decoder" if not self.tables["target"] else "encoder"
            raise AnatomyError(
                f"no table of token embeddings in the {side}; expected a module before the first layer that "
                "gives equal token ids equal rows"
            )

    def _output_projection(self) -> frozenset[str]:
        """Paths of the last module after the decoder layers with a matrix as long as the logits."""
        stack, found = self.stacks["decoder"], frozenset[str]()
        for call in self.probe.calls[self.entry["decoder"] :]:
            if any(is_under(path, stack) for path in call.paths):
                continue
            own = self.probe.module(call.paths[0]).parameters(recurse=False)
            if any(tensor.dim() == 2 and self.probe.num_logits in tensor.shape for tensor in own):
                found = frozenset(call.paths)
        if not found:
            raise AnatomyError(
                f"no output projection: nothing after the decoder layers has a matrix with {self.probe.num_logits} "
                "rows, the size of the logits; load the model with its generation head"
            )
        return found

    def _is_output(self, owner: str, tensor: torch.Tensor) -> bool:
        """Whether the tensor is the output projection, or a bias of the logits beside it."""
        if owner in self.heads_of_output:
            return True
        # Biases of the logits hang on a module with parts: final_logits_bias on the model, BERT's on its head.
        vector = max(tensor.shape, default=0) == tensor.numel() == self.probe.num_logits
        return vector and any(True for _ in self.probe.module(owner).children())


def _owner(name: str) -> str:
    return name.rpartition(".")[0]


def _shown(names: Iterable[str]) -> str:
    listed = list(names)
    more = f" and {len(listed) - _NAMES_SHOWN} more" if len(listed) > _NAMES_SHOWN else ""
    return ", ".join(listed[:_NAMES_SHOWN]) + more


def _ties(tensors: dict[str, torch.Tensor]) -> tuple[tuple[str, ...], ...]:
    sharing: dict[tuple[Any, ...], list[str]] = {}
    for name, tensor in tensors.items():
        sharing.setdefault(storage_key(tensor), []).append(name)
    return tuple(tuple(names) for names in sharing.values() if len(names) > 1)


def _constant(
    tensors: dict[str, torch.Tensor], groups: dict[str, Group], tables: dict[str, frozenset[str]]
) -> frozenset[str]:
    tokens = tables["source"] | tables["target"]
    parameters = {name: tensor for name, tensor in tensors.items() if isinstance(tensor, nn.Parameter)}
    # A model that was frozen as a whole, to be shared, says nothing about single parameters.
    some_are_trainable = any(tensor.requires_grad for tensor in parameters.values())
    found = set()
    for name, tensor in tensors.items():
        frozen = some_are_trainable and name in parameters and not tensor.requires_grad
        position = (
            groups.get(name) in ("src", "tgt") and _owner(name) not in tokens and _is_sinusoidal(tensor)
        )
        if frozen or position or not tensor.is_floating_point():
            found.add(name)
    return frozenset(found)


def _is_sinusoidal(table: torch.Tensor) -> bool:
    """Whether each row is made of sines and cosines of the same angles: its squares then sum to half its width."""
    if table.dim() != 2 or table.shape[0] < 3 or table.shape[1] < 2 or not table.is_floating_point():
        return False
    squares = table.detach().float().square().sum(dim=1)
    rows = squares[squares != 0]  # the padding row is zero
    expected = torch.full_like(rows, table.shape[1] // 2)
    return len(rows) >= 2 and torch.allclose(rows, expected, rtol=1e-2)
