"""One tiny translation step, watched: which module of an encoder-decoder does what, and when.

The step runs without gradients, in evaluation mode, on a copy of the module tree whose tensors ARE the
model's own: hooks, caches and everything else that a forward pass may leave behind (BigBirdPegasus, for one,
swaps its attention modules on a short input) die with the copy, and the model itself is never called.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import torch
from torch import nn

from crosslate.errors import AnatomyError
from crosslate.models.tensors import alias_model, is_mixed

Stage = Literal["before", "encoder", "between", "decoder", "after"]

_WAVEFORM_SAMPLES = 4000
_NUM_FRAMES = 32
_SPECIAL_ID_ENDINGS = ("_id", "_ids", "_index", "_idx")


@dataclass(eq=False)
class Call:
    """One call of one module during the step."""

    paths: tuple[str, ...]
    """Every path under which the model knows the module."""
    stage: Stage
    """Whether the encoder or the decoder was at work, or neither."""
    fed: bool = False
    """An argument is the encoder states that the decoder was given."""
    looks_up: bool = False
    """An argument is the token ids, and equal ids gave equal rows: a table of token embeddings."""
    keeps_shape: bool = False
    """The output has the shape of a three-dimensional float argument, as a Transformer layer's has."""


class Probe:
    """One tiny step on an aliasing copy of a model, and what it showed.

    Attributes:
        reads_tokens: whether the encoder reads token ids (False for speech and images).
        calls: every module call of the step, in order.
        num_logits: size of the last axis of the logits, which is the size of the target vocabulary.

    Raises:
        AnatomyError: the model is not an encoder-decoder, or cannot make the step.
    """

    def __init__(self, model: Any) -> None:
        kind = type(model).__name__
        encoder, decoder = _sides(model)
        self.encoder, self.decoder = _paths(model)[encoder][0], _paths(model)[decoder][0]
        inputs, self.reads_tokens = _step_inputs(model, encoder)
        self._model = alias_model(model).eval()
        self._modules = dict(self._model.named_modules(remove_duplicate=False))
        self._paths = _paths(self._model)
        self.calls: list[Call] = []
        self._open: list[Call] = []
        self._stage: Stage = "before"
        source_ids, target_ids = inputs.get("input_ids"), inputs["decoder_input_ids"]
        self._ids = {"encoder": source_ids, "before": source_ids, "decoder": target_ids}
        self._states: int | None = None
        self._decoder_arguments: tuple[tuple[Any, ...], dict[str, Any]] = ((), {})
        handles: list[Any] = []
        for module in self._model.modules():
            handles.append(module.register_forward_pre_hook(self._enter, with_kwargs=True))
            handles.append(module.register_forward_hook(self._leave, with_kwargs=True))
        try:
            output = self._run(self._model, use_cache=False, return_dict=True, **inputs)
        except Exception as error:
            raise AnatomyError(
                f"{kind} cannot make one tiny translation step ({type(error).__name__}: {error}); "
                f"expected a model that takes {' and '.join(inputs)}, as AutoModelForSeq2SeqLM loads them"
            ) from error
        finally:
            for handle in handles:
                handle.remove()
        if getattr(output, "logits", None) is None:
            raise AnatomyError(
                f"{kind} gives no logits, so it has no output projection; load it with its generation head "
                "(AutoModelForSeq2SeqLM, for example)"
            )
        self.num_logits: int = output.logits.shape[-1]

    def first(self, path: str, stage: Stage) -> int | None:
        """The position among the calls at which the module at ``path`` is first called, if it ever is."""
        calls = enumerate(self.calls)
        return next((at for at, call in calls if path in call.paths and call.stage == stage), None)

    def module(self, path: str) -> nn.Module:
        """The module at ``path``."""
        return self._modules[path]

    def silences(self, mouths: Iterable[str], ears: Iterable[str]) -> set[str]:
        """Of the modules at ``ears``, those that hear only zeros once the modules at ``mouths`` say zero."""
        silent: set[str] = set()

        def listen(path: str, module: nn.Module, inputs: tuple[Any, ...]) -> None:
            if inputs and not bool(inputs[0].any()):
                silent.add(path)

        def hush(module: nn.Module, inputs: tuple[Any, ...], output: torch.Tensor) -> torch.Tensor:
            return torch.zeros_like(output)

        handles = [self.module(path).register_forward_hook(hush) for path in mouths]
        handles += [self.module(path).register_forward_pre_hook(partial(listen, path)) for path in ears]
        arguments, keywords = self._decoder_arguments
        try:
            self._run(self.module(self.decoder), *arguments, **keywords)
        finally:
            for handle in handles:
                handle.remove()
        return silent

    def _run(self, module: nn.Module, *arguments: Any, **keywords: Any) -> Any:
        parameters = list(self._model.parameters())
        devices = {each.device for each in parameters if each.device.type == "cuda"}
        # A parent that is held in bfloat16 in part computes under mixed precision only.
        arithmetic = torch.autocast(parameters[0].device.type, torch.bfloat16, enabled=is_mixed(self._model))
        with torch.no_grad(), torch.random.fork_rng(sorted(devices, key=str)), arithmetic:
            return module(*arguments, **keywords)

    def _enter(self, module: nn.Module, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> None:
        if module is self.module(self.encoder):
            self._stage = "encoder"
        elif module is self.module(self.decoder):
            self._stage = "decoder"
            self._decoder_arguments = (arguments, keywords)
            self._states = _encoder_states(arguments, keywords)
        call = Call(self._paths.get(module, ()), self._stage)
        # The states live as long as the decoder runs, so no other tensor can have their storage meanwhile.
        call.fed = self._stage == "decoder" and any(
            _storage(tensor) == self._states for tensor in _tensors(arguments, keywords)
        )
        self.calls.append(call)
        self._open.append(call)

    def _leave(
        self, module: nn.Module, arguments: tuple[Any, ...], keywords: dict[str, Any], output: Any
    ) -> None:
        call = self._open.pop()
        result = next(_tensors((output,), {}), None)
        for tensor in _tensors(arguments, keywords):
            if result is None:
                continue
            if tensor.is_floating_point():
                call.keeps_shape |= tensor.dim() == 3 and tensor.shape == result.shape
            else:
                call.looks_up |= self._is_lookup(tensor, result)
        if module is self.module(self.encoder):
            self._stage = "between"
        elif module is self.module(self.decoder):
            self._stage = "after"

    def _is_lookup(self, given: torch.Tensor, rows: torch.Tensor) -> bool:
        ids = self._ids.get(self._stage)
        if ids is None or rows.dim() != 3 or given.dim() != 2 or rows.shape[1] < ids.shape[1]:
            return False
        # Position tables take the ids too, for their shape; but their rows differ where the ids repeat.
        # A family may pad its input (LED does), so only the beginning counts.
        same_ids = torch.equal(given[:, : ids.shape[1]].to(ids.device), ids)
        return same_ids and torch.equal(rows[:, 0], rows[:, 2])


def _sides(model: Any) -> tuple[nn.Module, nn.Module]:
    kind = type(model).__name__
    config = getattr(model, "config", None)
    if config is None or not hasattr(model, "get_encoder") or not hasattr(model, "get_decoder"):
        raise AnatomyError(f"{kind} is not a Hugging Face model with get_encoder() and get_decoder()")
    encoder, decoder = model.get_encoder(), model.get_decoder()
    if not config.is_encoder_decoder or encoder is model or decoder is model or encoder is decoder:
        raise AnatomyError(
            f"{kind} (model_type {config.model_type!r}) is not an encoder-decoder, so it has no "
            "cross-attention to train; expected a sequence-to-sequence model such as Marian, mBART, "
            "M2M100/NLLB or T5"
        )
    return encoder, decoder


def _paths(model: nn.Module) -> dict[nn.Module, tuple[str, ...]]:
    """Every path of every module."""
    found: dict[nn.Module, tuple[str, ...]] = {}
    for path, module in model.named_modules(remove_duplicate=False):
        found[module] = (*found.get(module, ()), path)
    return found


def _tensors(arguments: tuple[Any, ...], keywords: dict[str, Any]) -> Iterator[torch.Tensor]:
    """The tensors among the arguments; of an argument that is a tuple or a model output, its first one."""
    for value in (*arguments, *keywords.values()):
        if isinstance(value, dict):
            value = next(iter(value.values()), None)
        elif isinstance(value, tuple | list):
            value = value[0] if value else None
        if isinstance(value, torch.Tensor):
            yield value


def _storage(tensor: torch.Tensor) -> int:
    return tensor.untyped_storage().data_ptr()


def _encoder_states(arguments: tuple[Any, ...], keywords: dict[str, Any]) -> int | None:
    """The storage of the encoder states among the decoder's arguments (FSMT passes them by position)."""
    given = [keywords.get("encoder_hidden_states"), *_tensors(arguments, {})]
    states = (each for each in given if each is not None and each.is_floating_point() and each.dim() == 3)
    return next((_storage(each) for each in states), None)


def _step_inputs(model: Any, encoder: nn.Module) -> tuple[dict[str, torch.Tensor], bool]:
    """Arguments of the tiny step, and whether the encoder reads token ids."""
    first, second = _plain_ids(model.config.to_dict())
    parameter = next(model.parameters())
    target = torch.tensor([[second, first, second, first]], device=parameter.device)
    kind = getattr(encoder, "main_input_name", None) or model.main_input_name
    if kind == "input_ids":
        source = torch.tensor([[first, second, first, second, first]], device=parameter.device)
        return {"input_ids": source, "decoder_input_ids": target}, True
    shape = _signal_shape(kind, getattr(encoder, "config", model.config))
    if shape is None:
        raise AnatomyError(
            f"the encoder {type(encoder).__name__} of {type(model).__name__} reads {kind!r}, for which no "
            "tiny example is known; expected input_ids, input_features, input_values or pixel_values"
        )
    signal = torch.linspace(-1.0, 1.0, torch.Size(shape).numel(), device=parameter.device).reshape(shape)
    accepted = inspect.signature(model.forward).parameters
    name = kind if kind in accepted else model.main_input_name
    return {name: signal.to(parameter.dtype), "decoder_input_ids": target}, False


def _signal_shape(kind: str, config: Any) -> tuple[int, ...] | None:
    """Shape of a tiny speech or image input, ``None`` for an unknown kind."""
    if kind == "input_values":
        return (1, _WAVEFORM_SAMPLES)
    if kind == "pixel_values":
        size = config.image_size
        height, width = (size, size) if isinstance(size, int) else tuple(size)
        return (1, getattr(config, "num_channels", 3), height, width)
    if kind == "input_features":
        if hasattr(config, "input_feat_per_channel"):
            return (1, _NUM_FRAMES, config.input_feat_per_channel * config.input_channels)
        if hasattr(config, "num_mel_bins"):
            # Whisper takes no other length; its second convolution halves the frames.
            return (1, config.num_mel_bins, 2 * config.max_source_positions)
    return None


def _plain_ids(values: dict[str, Any]) -> tuple[int, int]:
    """The two smallest token ids that a configuration does not call special."""
    special: set[Any] = set()

    def collect(node: dict[str, Any]) -> None:
        for key, value in node.items():
            if isinstance(value, dict):
                collect(value)
            elif str(key).endswith(_SPECIAL_ID_ENDINGS):
                listed = value if isinstance(value, list) else [value]
                special.update(item for item in listed if type(item) is int)

    collect(values)
    first, second, *_ = (token for token in range(len(special) + 2) if token not in special)
    return first, second
