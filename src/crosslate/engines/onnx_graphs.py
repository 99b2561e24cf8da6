"""A live model as ONNX graphs: its encoder, and steps of its decoder with whatever its cache holds."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from torch import nn

from crosslate.errors import EngineError
from crosslate.models.cache_name import CACHE_NAME

_OPSET = 17
_KEY_NAMES = {"keys": "key", "values": "value"}
# Two probes differ in every size, so that each axis of a state shows what it counts.
ANY_SOURCE = 0
"""An id that every source vocabulary has; the decoder's start may be none of the source's."""
_PROBES = ({"rows": 2, "source": 6, "past": 1}, {"rows": 3, "source": 10, "past": 5})

Part = Literal["decoder", "encoder"]


@dataclass(frozen=True)
class State:
    """One tensor of a cache, or a number that it counts.

    Attributes:
        part: ``decoder`` for what grows or changes with every token, ``encoder`` for what is made of the
            source once.
        layer: of the decoder.
        attribute: name in the cache's layer.
        axes: the axes that vary, by number: ``rows``, ``source`` or ``past``.
        is_number: whether the cache holds an int instead of a tensor.
    """

    part: Part
    layer: int
    attribute: str
    axes: Mapping[int, str]
    is_number: bool = False

    @property
    def name(self) -> str:
        """For example ``0.decoder.key``."""
        return f"{self.layer}.{self.part}.{_KEY_NAMES.get(self.attribute, self.attribute)}"


class Cache:
    """How to read and rebuild the cache of a model.

    Args:
        model: an encoder-decoder on a CPU, in evaluation mode.
        start: id that the decoder starts with.

    Raises:
        EngineError: the model has no cache for both attentions, or one that ONNX cannot hold.
    """

    def __init__(self, model: Any, start: int) -> None:
        self._template, first = _probe(model, start, **_PROBES[0])
        _, second = _probe(model, start, **_PROBES[1])
        self.states = []
        for (part, layer, attribute), value in first.items():
            state = _state(part, layer, attribute, value, second[part, layer, attribute])
            if state is not None:
                self.states.append(state)

    def of(self, part: Part) -> list[State]:
        """The states of one part."""
        return [state for state in self.states if state.part == part]

    def read(self, cache: Any, part: Part) -> tuple[torch.Tensor, ...]:
        """The states of one part in a model's cache."""
        layers = _layers(cache, part)
        return tuple(
            torch.as_tensor(getattr(layers[state.layer], state.attribute)) for state in self.of(part)
        )

    def filled(self, **values: Sequence[torch.Tensor]) -> Any:
        """A cache for the model, with the states of each part."""
        filled = copy.copy(self._template)
        for part, attribute in _PARTS.items():
            half = copy.copy(getattr(filled, attribute))
            half.layers = [copy.copy(layer) for layer in half.layers]
            for state, value in zip(self.of(part), values[part], strict=True):
                setattr(half.layers[state.layer], state.attribute, value)
            setattr(filled, attribute, half)
        filled.is_updated = dict(filled.is_updated)
        return filled


_PARTS: dict[Part, str] = {"decoder": "self_attention_cache", "encoder": "cross_attention_cache"}


def _layers(cache: Any, part: Part) -> list[Any]:
    return list(getattr(cache, _PARTS[part]).layers)


@torch.no_grad()
def _probe(
    model: Any, start: int, *, rows: int, source: int, past: int
) -> tuple[Any, dict[tuple[Part, int, str], Any]]:
    """The cache after ``past`` tokens, and all its tensors and counts."""
    cache = None
    sources = torch.full((rows, source), ANY_SOURCE)
    states = model.get_encoder()(input_ids=sources, attention_mask=torch.ones_like(sources), return_dict=True)
    for _ in range(past):
        found = model(
            encoder_outputs=type(states)(**states), attention_mask=torch.ones_like(sources),
            decoder_input_ids=torch.full((rows, 1), start), use_cache=True, return_dict=True,
            **{CACHE_NAME: cache},
        )  # fmt: skip
        cache = getattr(found, CACHE_NAME)
    if not all(hasattr(cache, attribute) for attribute in _PARTS.values()):
        raise EngineError(
            f"the model's cache is of type {type(cache).__name__}, expected one for self-attention and one "
            "for cross-attention; use the PyTorch engine"
        )
    return cache, {
        (part, index, attribute): value
        for part in _PARTS
        for index, layer in enumerate(_layers(cache, part))
        for attribute, value in vars(layer).items()
        if torch.is_tensor(value) or type(value) is int
    }


def _state(part: Part, layer: int, attribute: str, value: Any, other: Any) -> State | None:
    """A state from its values in both probes; None for a number that does not change."""
    if not torch.is_tensor(value):
        return None if value == other else State(part, layer, attribute, {}, is_number=True)
    sizes = {tuple(probe[name] for probe in _PROBES): name for name in _PROBES[0]}
    axes = {}
    for axis, pair in enumerate(zip(value.shape, other.shape, strict=True)):
        if pair[0] != pair[1] and pair not in sizes:
            raise EngineError(
                f"axis {axis} of the cache's {attribute} in layer {layer} has {pair[0]} entries, then "
                f"{pair[1]}, expected the number of texts, source or target tokens; use the PyTorch engine"
            )
        if pair[0] != pair[1]:
            axes[axis] = sizes[pair]
    return State(part, layer, attribute, axes)


class Decoder(nn.Module):
    """Decoder steps of a model.

    Args:
        model: see :class:`Cache`.
        start: id that the decoder starts with.
    """

    def __init__(self, model: Any, start: int) -> None:
        super().__init__()
        self.model, self.start, self.cache = model, start, Cache(model, start)
        with torch.no_grad():
            states = model.get_encoder()(input_ids=torch.tensor([[ANY_SOURCE]]), return_dict=True)
        self.width = states.last_hidden_state.shape[-1]
        self._output_type = type(states)

    def encode(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        """The encoder's states, ``(rows, source, width)``."""
        states: torch.Tensor = self.model.get_encoder()(
            input_ids=input_ids, attention_mask=attention_mask, return_dict=True
        ).last_hidden_state
        return states

    def step(
        self, input_ids: torch.Tensor, mask: torch.Tensor, states: torch.Tensor | None, cache: Any
    ) -> tuple[torch.Tensor, Any]:
        """Logits ``(rows, tokens, vocabulary)`` and the cache after more target tokens.

        Args:
            states: of the encoder; None if the cache has what is made of them.
        """
        if states is None:  # only their shape is read
            states = torch.zeros(mask.shape[0], mask.shape[1], self.width)
        found = self.model(
            encoder_outputs=self._output_type(last_hidden_state=states), attention_mask=mask,
            decoder_input_ids=input_ids, use_cache=True, return_dict=True, **{CACHE_NAME: cache},
        )  # fmt: skip
        return found.logits, getattr(found, CACHE_NAME)

    def split(self, states: Sequence[torch.Tensor]) -> dict[str, Sequence[torch.Tensor]]:
        """States of both parts, the decoder's first, by part."""
        count = len(self.cache.of("decoder"))
        return {"decoder": states[:count], "encoder": states[count:]}


def exported(
    graph: nn.Module,
    path: Path,
    inputs: Mapping[str, torch.Tensor],
    outputs: Sequence[str],
    axes: Mapping[str, Mapping[int, str]],
) -> None:
    """Writes a module as an ONNX file.

    Args:
        graph: takes ``inputs`` in their order.
        inputs: examples by name.
        outputs: names.
        axes: of inputs and outputs, the axes that vary, with a name for each.

    Raises:
        EngineError: the module cannot be expressed in ONNX.
    """
    try:
        with torch.no_grad(), _quietly():
            # The exporter based on torch.export takes ten times as long and needs another package.
            torch.onnx.export(
                graph.eval(), tuple(inputs.values()), str(path), dynamo=False, opset_version=_OPSET,
                input_names=list(inputs), output_names=list(outputs),
                dynamic_axes={name: dict(each) for name, each in axes.items()},
            )  # fmt: skip
    except Exception as error:  # torch raises a dozen unrelated types
        reason = " ".join(str(error).split())[:300]
        raise EngineError(
            f"cannot express the model in ONNX ({type(error).__name__}: {reason}); use the PyTorch engine"
        ) from error


@contextmanager
def plain_attention(model: Any) -> Iterator[None]:
    """Attention as plain products inside the block, which ONNX Runtime fuses.

    PyTorch's fused attention would copy all keys in every step. Other implementations stay, such as that of
    prefixes.
    """
    is_fused = getattr(model.config, "_attn_implementation", None) == "sdpa"
    if is_fused:
        model.set_attn_implementation("eager")
    try:
        yield
    finally:
        if is_fused:
            model.set_attn_implementation("sdpa")


@contextmanager
def matrix_of_logits(model: Any) -> Iterator[None]:
    """Logits ``(rows, vocabulary)`` of the last token inside the block, if a linear layer makes them.

    ONNX Runtime then adds the output bias during the matrix product. Otherwise, it would go through the
    logits once more for the bias, and again to select the last token.
    """
    layer = model.get_output_embeddings()
    if not isinstance(layer, nn.Linear):  # FSMT gives its embeddings
        yield
        return
    hook = layer.register_forward_pre_hook(lambda _, inputs: (inputs[0][:, -1],))
    try:
        yield
    finally:
        hook.remove()


@contextmanager
def _quietly() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about each branch in Python; exports are checked instead
        yield
