"""One frozen body for many packs: texts of different language pairs in one batch.

Children of one parent differ in few modules (embeddings, cross-attention, output layer). In an aliasing copy
of the parent's module tree, a routing module replaces each of these and sends every row of a batch through
its own child's module. Everything else runs once for all rows. No tensor is copied.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

import torch
from torch import nn
from torch.nn import functional
from transformers import LogitsProcessor, LogitsProcessorList

from crosslate.engines.decoding import (
    DecodingOptions,
    Hypothesis,
    empty_translations,
    encode_sources,
    group_sources,
)
from crosslate.engines.generation import Generation, TranslationModel
from crosslate.engines.pytorch import (
    cut_into_batches,
    encoded_sources,
    generate,
    generation_configuration,
    hypothesis_of,
    ready_to_translate,
    repetition_guards,
    trimmed,
)
from crosslate.models.methods.registry import added_modules
from crosslate.models.tensors import alias_model

_OUTPUT_BIAS = "final_logits_bias"
_TOLERANCE = 1e-4


@dataclass(eq=False)
class Member:
    """A model that uses a shared body.

    Attributes:
        model: the parent or one of its children.
        generation: its decoding properties.
        modules: its own modules at the paths where members differ.
    """

    model: TranslationModel
    generation: Generation
    modules: dict[str, nn.Module]

    @property
    def kind(self) -> tuple[int | None, ...]:
        """Properties that all rows of one search must share."""
        special = self.model.target.special
        return (self.generation.start, self.generation.forced_first, special.eos, special.pad)


@dataclass
class _Routes:
    """Members of the current batch with their numbers of texts, in order."""

    runs: list[tuple[Member, int]] = field(default_factory=list)

    def rows(self, num_rows: int) -> Iterator[tuple[Member, slice]]:
        """The rows of each member; in beam search a text has several consecutive rows."""
        num_texts = sum(count for _, count in self.runs)
        each, rest = divmod(num_rows, num_texts)
        if rest:
            raise ValueError(f"{num_rows} rows for {num_texts} texts")
        start = 0
        for member, count in self.runs:
            yield member, slice(start, start + count * each)
            start += count * each


class _Routed(nn.Module):
    """Replaces a module and sends every row through its own member's module."""

    def __init__(self, original: nn.Module, path: str, routes: _Routes) -> None:
        super().__init__()
        self.original, self._path, self._routes = original, path, routes

    def __getattr__(self, name: str) -> Any:
        try:
            return super().__getattr__(name)
        except AttributeError:
            # Some families read a module's weight or size.
            return getattr(super().__getattr__("original"), name)

    def forward(self, rows: torch.Tensor, *arguments: Any, **options: Any) -> torch.Tensor:
        parts: list[tuple[nn.Module, slice]] = []
        for member, place in self._routes.rows(rows.shape[0]):
            module = member.modules.get(self._path, self.original)
            if parts and _is_same(parts[-1][0], module):
                parts[-1] = (module, slice(parts[-1][1].start, place.stop))
            else:
                parts.append((module, place))
        found = [module(rows[place], *arguments, **options) for module, place in parts]
        return found[0] if len(found) == 1 else _stacked(found)


class _Biased(nn.Module):
    """An output layer with the bias that its model adds elsewhere."""

    def __init__(self, layer: nn.Module, bias: torch.Tensor) -> None:
        super().__init__()
        self.layer = layer
        self.register_buffer("bias_of_model", bias, persistent=False)

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.layer(states) + self.bias_of_model
        return logits


class SharedBody:
    """Translates texts for a parent and its children together.

    Translations are the same as with :class:`crosslate.engines.pytorch.TorchEngine` for each model alone, up
    to rounding. Scores are not computed and are 0.

    Args:
        parent: the owner of the body.
    """

    def __init__(self, parent: TranslationModel) -> None:
        self._parent = parent
        self._model: Any = alias_model(parent.model)
        self._routes = _Routes()
        self._routed: set[str] = set()
        self._lock = threading.Lock()
        self._output_path = _output_path(parent.model)
        if hasattr(self._model, _OUTPUT_BIAS) and self._output_path:
            # Its width fits one vocabulary only; the output layers add the bias themselves.
            device = self._model.final_logits_bias.device
            self._model._buffers[_OUTPUT_BIAS] = torch.zeros((1, 1), device=device)
            self._route(self._output_path)
        self._own = self._member(parent, set())

    def join(self, model: TranslationModel) -> Member | None:
        """Adds the parent or one of its children.

        Returns:
            A member for :meth:`translate`; None if the model differs too much from the parent to share its
            body, or if a trial in a mixed batch gives different results.
        """
        paths = _differing_paths(self._parent.model, model.model)
        # Added modules cannot be routed, and a trial misses them while they have no effect.
        if paths is None or not self._output_path or added_modules(model.model):
            return None
        with self._lock:
            for path in paths:
                self._route(path)
            member = self._member(model, paths)
            return member if self._agrees(member) else None

    @torch.inference_mode()
    def translate(
        self, items: Sequence[tuple[Member, str]], options: DecodingOptions
    ) -> list[list[Hypothesis]]:
        """Translates each text with its member's model, as :meth:`TorchEngine.translate` does.

        Raises:
            EngineError: a text is too long for its model.
        """
        translations = empty_translations(len(items), options)
        by_member: dict[Member, list[int]] = {}
        for index, (member, _) in enumerate(items):
            by_member.setdefault(member, []).append(index)
        encoded: dict[int, list[int]] = {}
        searches: dict[tuple[int, tuple[int | None, ...]], list[int]] = {}
        for member, indices in by_member.items():
            source, facts = member.model.source, member.generation
            rows = encode_sources(source, [items[index][1] for index in indices], facts.max_source_tokens)
            encoded |= dict(zip(indices, rows, strict=True))
            groups = group_sources(rows, options, facts.max_target_tokens, source.num_frame_ids)
            for output_limit, found in groups.items():
                search = searches.setdefault((output_limit, member.kind), [])
                search += [indices[each] for each in found]
        with self._lock, ready_to_translate(self._model):
            for (output_limit, _), indices in searches.items():
                for batch in cut_into_batches(indices, encoded, options):
                    batch.sort(key=indices.index)  # keeps texts of a member together
                    members = [items[index][0] for index in batch]
                    rows = [encoded[index] for index in batch]
                    for index, ranked in zip(batch, self._search(members, rows, options, output_limit)):
                        translations[index] = ranked
            self._routes.runs = []  # do not keep removed packs in memory
        return translations

    def _search(
        self,
        members: Sequence[Member],
        rows: Sequence[Sequence[int]],
        options: DecodingOptions,
        output_limit: int,
    ) -> list[list[Hypothesis]]:
        self._routes.runs = [(member, len(list(run))) for member, run in groupby(members)]
        first, n_best = members[0], options.n_best
        config = generation_configuration(first.generation, first.model.target, options, output_limit)
        processors = LogitsProcessorList(
            [_NeverGenerated(self._routes, options.allow_unknown), *repetition_guards(options)]
        )
        pads = [member.model.source.special.pad for member in members]
        generated = generate(self._model, encoded_sources(self._model, rows, pads), config, processors)
        outputs = generated[:, 1:].tolist()
        return [
            [
                hypothesis_of(member.generation, member.model.target, trimmed(member.model.target, row), 0.0)
                for row in outputs[position * n_best : (position + 1) * n_best]
            ]
            for position, member in enumerate(members)
        ]

    def _route(self, path: str) -> None:
        if path in self._routed:
            return
        above, _, name = path.rpartition(".")
        owner = self._model.get_submodule(above)
        owner._modules[name] = _Routed(owner._modules[name], path, self._routes)
        self._routed.add(path)

    def _member(self, model: TranslationModel, paths: set[str]) -> Member:
        """A member with its own modules at ``paths``, where its tensors differ from the parent's."""
        modules = dict(model.model.named_modules(remove_duplicate=False))
        found = {path: modules[path] for path in paths | self._routed if path in modules}
        bias = getattr(model.model, _OUTPUT_BIAS, None)
        if bias is not None and self._output_path in found:
            found[self._output_path] = _Biased(found[self._output_path], bias)
        return Member(model, Generation.of(model), found)

    @torch.inference_mode()
    def _agrees(self, member: Member) -> bool:
        """Whether the member's row in a batch with the parent gives the same result as its own model."""
        device = next(self._parent.model.parameters()).device
        width = min(8, *(len(each.source) for each in (member.model, self._parent)))
        length = min(6, *(len(each.target) for each in (member.model, self._parent)))
        sources = torch.arange(width, device=device).unsqueeze(0)
        targets = torch.arange(length, device=device).unsqueeze(0)
        model: Any = member.model.model
        try:
            with ready_to_translate(model), ready_to_translate(self._model):
                alone = model(input_ids=sources, decoder_input_ids=targets, use_cache=False).logits[0]
                self._routes.runs = [(self._own, 1), (member, 1)]
                together = self._model(
                    input_ids=sources.repeat(2, 1), decoder_input_ids=targets.repeat(2, 1), use_cache=False
                ).logits[1, :, : alone.shape[-1]]
        except Exception:  # families that use their modules differently may raise anything
            return False
        self._routes.runs = []
        return bool(torch.allclose(alone, together, rtol=_TOLERANCE, atol=_TOLERANCE))


class _NeverGenerated(LogitsProcessor):
    """Suppresses, in each row, the ids that its member must never generate."""

    def __init__(self, routes: _Routes, allow_unknown: bool) -> None:
        self._suppressed = [
            (member, member.generation.never_generated(member.model.target, allow_unknown=allow_unknown))
            for member, _ in routes.runs
        ]
        self._routes = routes

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        scores = scores.clone()
        places = self._routes.rows(scores.shape[0])
        for (_, rows), (_, ids) in zip(places, self._suppressed, strict=True):
            scores[rows, ids] = -torch.inf
        return scores


def _stacked(parts: Sequence[torch.Tensor]) -> torch.Tensor:
    """Concatenates rows; smaller vocabularies are padded with -inf, so that padding is never chosen."""
    widths = [part.shape[-1] for part in parts]
    if len(set(widths)) > 1:
        parts = [
            functional.pad(part, (0, max(widths) - width), value=-torch.inf)
            for part, width in zip(parts, widths)
        ]
    return torch.cat(list(parts))


def _is_same(one: nn.Module, other: nn.Module) -> bool:
    """Whether two modules hold the same tensors, so that one call serves both."""
    if one is other:
        return True
    pairs = zip([*one.parameters(), *one.buffers()], [*other.parameters(), *other.buffers()])
    return type(one) is type(other) and all(first is second for first, second in pairs)


def _differing_paths(parent: nn.Module, child: nn.Module) -> set[str] | None:
    """Paths of modules whose tensors differ in the child; None if one of them has submodules."""
    found, modules = set(), dict(child.named_modules(remove_duplicate=False))
    for path, module in parent.named_modules(remove_duplicate=False):
        if path not in modules:
            continue  # an alias of a shared table, which a child with one new side lacks
        others = modules[path]._parameters | modules[path]._buffers
        own = module._parameters | module._buffers
        changed = {name for name, tensor in own.items() if others.get(name) is not tensor}
        if not path:
            changed -= {_OUTPUT_BIAS}
        if changed and (not path or any(module.children())):
            return None
        if changed:
            found.add(path)
    return found


def _output_path(model: Any) -> str:
    layer = model.get_output_embeddings()
    return next((path for path, module in model.named_modules() if module is layer), "")
