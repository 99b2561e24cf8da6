"""Where every tensor of a model belongs, read off a probe and the stacks found in it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any, Literal

import torch
from torch import nn

from crosslate.errors import AnatomyError
from crosslate.models.anatomy.probe import Probe, Stage
from crosslate.models.anatomy.stacks import (
    CrossAttention,
    Role,
    cross_attentions,
    encoder_stack,
    is_norm,
    is_under,
    owns_tensors,
)
from crosslate.models.groups import Group, Side
from crosslate.models.tensors import storage_key

_NAMES_SHOWN = 8
_CROSS_ATTENTION_NAME = re.compile(
    r"encoder_attn|EncDecAttention|crossattention|cross_attention|cross_attn|ln_cross_attn"
    r"|(encoder_attn|cross_attn|cross_attention)_layer_?norm|(pre|post)_cross_attn_layernorm"
)


class Placement:
    """Puts every tensor into its group, from what one probe showed.

    Raises:
        AnatomyError: some names could not be placed, or contradict the cross-attention found.
    """

    def __init__(self, probe: Probe, tensors: dict[str, torch.Tensor]) -> None:
        self.probe = probe
        self.tensors = tensors
        self.stacks: dict[Stage, str] = {"encoder": encoder_stack(probe)}
        self.stacks["decoder"], self.blocks = cross_attentions(probe)
        self.entry = {stage: self._entry(stage, stack) for stage, stack in self.stacks.items()}
        self.tables = {"source": self._tables("encoder"), "target": self._tables("decoder")}
        self.output = self._output_projection()
        self._within = {path: block for block in self.blocks for path in (block.block, *block.norms)}
        self._check_tables()
        placed = {name: self._group(name) for name in tensors}
        self.groups = {name: group for name, group in placed.items() if group is not None}
        self.ties = self._ties()
        self.aliases = self._aliases()
        self._check_names()

    def _aliases(self) -> dict[str, tuple[str, ...]]:
        """What the names stand for that are in no group."""
        ties = {name: names for names in self.ties for name in names}
        aliases = {
            name: tuple(each for each in ties.get(name, ()) if each in self.groups)
            for name in self.tensors
            if name not in self.groups
        }
        unplaced = [
            name
            for name, others in aliases.items()
            # A table nobody looks anything up in is what untying leaves behind; anything else is a riddle.
            if not others and not isinstance(self.probe.module(owner_of(name)), nn.Embedding)
        ]
        if unplaced:
            raise AnatomyError(
                f"{len(unplaced)} tensors belong to neither side of the model: {_shown(unplaced)}; expected "
                "one encoder, one decoder, and outside them only shared embeddings and an output head"
            )
        return aliases

    def _ties(self) -> tuple[tuple[str, ...], ...]:
        sharing: dict[tuple[Any, ...], list[str]] = {}
        for name, tensor in self.tensors.items():
            sharing.setdefault(storage_key(tensor), []).append(name)
        return tuple(tuple(names) for names in sharing.values() if len(names) > 1)

    def layers(self) -> dict[str, int]:
        """Decoder layer of each cross-attention tensor."""
        found = {name: self._cross_attention(owner_of(name)) for name in self.groups}
        return {name: block.layer for name, block in found.items() if block is not None}

    def projections(self) -> dict[str, Role]:
        """Role of each cross-attention tensor."""
        return {f"{path}.{name}": role for _, path, role, name, _ in self._roles()}

    def heads(self) -> int:
        """Number of cross-attention heads, the same in every layer."""
        found = {block.layer: block.heads for block in self.blocks}
        if len(set(found.values())) > 1:
            raise AnatomyError(
                f"the decoder layers have different numbers of cross-attention heads ({found}); expected one"
            )
        return self.blocks[0].heads

    def head_axis(self) -> dict[str, int]:
        """Axis of the heads of each projection tensor whose heads have slices."""
        axes, width = {}, dict.fromkeys((block.layer for block in self.blocks), 0)
        for layer, path, role, name, tensor in sorted(self._roles(), key=lambda entry: entry[2] != "q"):
            module = self.probe.module(path)
            linear = isinstance(module, nn.Linear)
            # transformers' Conv1D (GPT-2) stores its matrix as (inputs, outputs), and `nf` outputs.
            if role == "norm" or not (linear or isinstance(getattr(module, "nf", None), int)):
                continue
            if tensor.dim() == 1 and role == "o":
                continue
            axis = 0 if tensor.dim() == 1 else int((role == "o") == linear)
            if role == "q":
                width[layer] = tensor.shape[axis]
            # Keys and values shared by several heads are narrower than the queries.
            if tensor.shape[axis] == width[layer]:
                axes[f"{path}.{name}"] = axis
        return axes

    def vocabulary(self) -> dict[str, tuple[Side, int]]:
        """Side and vocabulary axis of every tensor that has one."""
        found: dict[str, tuple[Side, int]] = {}
        for name, group in self.groups.items():
            owner, tensor = owner_of(name), self.tensors[name]
            if owner in self.tables["source"] and group == "src":
                found[name] = ("source", 0)
            elif owner in self.tables["target"] and group == "tgt":
                found[name] = ("target", 0)
            elif group == "tgt" and self._is_output(owner, tensor):
                found[name] = ("target", tuple(tensor.shape).index(self.probe.num_logits))
        return found

    def _check_names(self) -> None:
        """Compares the cross-attention found with names."""
        inside = [name for name in self.groups if is_under(name, self.probe.decoder)]
        found = {name for name in inside if self.groups[name] == "xattn"}
        named = {name for name in inside if any(map(_CROSS_ATTENTION_NAME.fullmatch, name.split(".")))}
        # Norms may be named after their place (T5, Moonshine); names that say nothing at all prove nothing.
        norms = {name for name in found if is_norm(self.probe.module(owner_of(name)))}
        if named and (wrong := sorted((named - found) | (found - named - norms))):
            raise AnatomyError(
                f"structure and names disagree on what is cross-attention: {_shown(wrong)}; expected what is "
                "named after cross-attention to be what reads the encoder states"
            )

    def _group(self, name: str) -> Group | None:
        owner = owner_of(name)
        if is_under(owner, self.probe.encoder):
            return self._group_in_side(name, owner, "encoder")
        if is_under(owner, self.probe.decoder):
            return self._group_in_side(name, owner, "decoder")
        return self._group_outside(name, owner)

    def _group_in_side(self, name: str, owner: str, stage: Literal["encoder", "decoder"]) -> Group:
        embeddings: Group = "src" if stage == "encoder" else "tgt"
        body: Group = "enc" if stage == "encoder" else "dec"
        if is_under(owner, self.stacks[stage]):
            return body if self._cross_attention(owner) is None else "xattn"
        module, first = self.probe.module(owner), self.probe.first(owner, stage)
        # What a side owns as a whole stands at its entrance, as wav2vec 2.0's mask vector does; a table that
        # is read without a call is an embedding (ProphetNet's n-gram table).
        at_entrance = (
            is_under(self.stacks[stage], owner)
            or (first is None and isinstance(module, nn.Embedding))
            or (first is not None and first < self.entry[stage])
        )
        is_output = stage == "decoder" and self._is_output(owner, self.tensors[name])
        return embeddings if at_entrance or is_output else body

    def _group_outside(self, name: str, owner: str) -> Group | None:
        if self._is_output(owner, self.tensors[name]):
            return "tgt"
        stages = [call.stage for call in self.probe.calls if owner in call.paths]
        contains_side = is_under(self.probe.encoder, owner) or is_under(self.probe.decoder, owner)
        if contains_side or not stages or {"encoder", "decoder"} & set(stages):
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

    def _roles(self) -> Iterator[tuple[int, str, Role, str, torch.Tensor]]:
        for block in self.blocks:
            for path, role in block.roles.items():
                for name, tensor in self.probe.module(path).named_parameters(recurse=False):
                    yield block.layer, path, role, name, tensor

    def _entry(self, stage: Stage, stack: str) -> int:
        """The position among the calls of the first one inside a stack."""
        return next(
            position
            for position, call in enumerate(self.probe.calls)
            if call.stage == stage and any(is_under(path, stack) and path != stack for path in call.paths)
        )

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
                "no output projection: nothing after the decoder layers has a matrix with "
                f"{self.probe.num_logits} rows, as many as logits; load the model with its generation head"
            )
        return found

    def _is_output(self, owner: str, tensor: torch.Tensor) -> bool:
        """Whether the tensor is the output projection, or a bias of the logits beside it."""
        if owner in self.output:
            return True
        # A bias of the logits hangs on a module with parts: on the model (BART) or on the output head (BERT).
        vector = max(tensor.shape, default=0) == tensor.numel() == self.probe.num_logits
        return vector and any(True for _ in self.probe.module(owner).children())


def owner_of(name: str) -> str:
    """Path of the module that a tensor's name belongs to."""
    return name.rpartition(".")[0]


def _shown(names: Iterable[str]) -> str:
    listed = list(names)
    more = f" and {len(listed) - _NAMES_SHOWN} more" if len(listed) > _NAMES_SHOWN else ""
    return ", ".join(listed[:_NAMES_SHOWN]) + more
