"""The training objective: cross-entropy with label smoothing, summed over labelled positions."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import torch
from torch import nn
from torch.nn import functional
from transformers.modeling_outputs import MoeModelOutputWithPast

from crosslate.models.tensors import evaluating
from crosslate.training.batches import IGNORED, Batch

_ROW_STEP = 64
_MOST_LOGITS = 6_000_000
"""Logits computed at once over the pieces of a text; in float32 they take 24 MB (see ``kept_memory``)."""


class TranslationLoss(nn.Module):
    """Runs an encoder-decoder on a batch and returns its loss.

    Wrapping the model keeps the loss inside the call of a distributed wrapper. The output layer sees only
    labelled positions, since its logits, (num_labels, vocabulary), are the model's largest matrix. Models
    without a plain output layer compute all positions.

    Args:
        model: a Hugging Face encoder-decoder.
        label_smoothing: share of the probability spread evenly over the vocabulary, in [0, 1).
        encoder_noise: standard deviation of Gaussian noise on the encoder's states in training, as a share of
            their own deviation over the batch in the same dimension.
    """

    def __init__(self, model: nn.Module, label_smoothing: float, encoder_noise: float = 0.0) -> None:
        super().__init__()
        self.model = model
        self.label_smoothing = label_smoothing
        self._noise = _EncoderNoise(encoder_noise)
        self._labelled = _LabelledRows()
        self._pieces: _OutputPieces | None = None
        self._layer = getattr(model, "get_output_embeddings", lambda: None)()
        self._hooks = [self._layer.register_forward_pre_hook(self._labelled)] if self._layer else []
        if encoder_noise:
            self._hooks.append(model.get_encoder().register_forward_hook(self._noise))

    def close(self) -> None:
        """Removes the hooks from the model."""
        for hook in self._hooks:
            hook.remove()

    def restrict(self, pieces: torch.Tensor, probe: Batch) -> bool:
        """Makes the softmax run over some pieces of the target vocabulary, if this model allows it.

        A pretrained vocabulary of 32,000 pieces costs as much as a small model's layers, and a small corpus
        uses a few thousand of them. The model itself is not changed.

        Args:
            pieces: (num_pieces,) int64, ascending ids; every label must be among them.
            probe: a batch on which the logits of these pieces must be the model's own.

        Returns:
            Whether the loss is restricted. It is not for models that change the logits after the output layer
            by more than a bias.
        """
        if self._layer is None or not isinstance(self._layer, nn.Linear):
            return False
        restricted = _OutputPieces(self.model, self._layer, pieces)
        with evaluating(self.model), torch.no_grad():
            expected = self._scores(probe).index_select(1, restricted.pieces)
            self._pieces = restricted
            states = self._scores(probe)
            found = restricted.logits(states) if states.shape[-1] == self._layer.in_features else states
        is_exact = expected.dtype == torch.float32 and not torch.is_autocast_enabled(expected.device.type)
        tolerance = float(expected.abs().max()) * (1e-4 if is_exact else 1e-2)
        if expected.shape != found.shape or not bool(((expected - found).abs() <= tolerance).all()):
            self._pieces = None
        return self._pieces is not None

    def forward(self, batch: Batch) -> torch.Tensor:
        """The loss summed over labelled positions, in nats: a float32 scalar.

        Decoder input is always given: some families derive it wrongly from labels if the two vocabularies
        differ in size.
        """
        labels = batch.labels.flatten()[labelled_positions(batch.labels)]
        found = self._scores(batch)
        if self._pieces is None:
            return self._entropy(found, labels)
        # Blocks of logits that the C library keeps; fetching larger ones anew costs more than computing them.
        rows = max(1, _MOST_LOGITS // len(self._pieces.pieces))
        parts = zip(found.split(rows), self._pieces.places(labels).split(rows), strict=True)
        return torch.stack([self._entropy(self._pieces.logits(part), each) for part, each in parts]).sum()

    def _entropy(self, logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        return functional.cross_entropy(
            logits.float(),
            labels,
            label_smoothing=self.label_smoothing,
            ignore_index=IGNORED,
            reduction="sum",
        )

    def _scores(self, batch: Batch) -> torch.Tensor:
        """(num_labels, vocabulary) logits at the labelled positions; if restricted, states of (…, width)."""
        positions = labelled_positions(batch.labels)
        source: dict[str, Any] = batch.inputs
        if batch.states is not None:
            # Mixtures of experts also read router outputs from the encoder; this class has them as None.
            states = self._noise.noisy(batch.states, batch.source_mask) if self.training else batch.states
            source = {**batch.mask, "encoder_outputs": MoeModelOutputWithPast(states)}
        with (
            self._labelled.of(positions, batch.labels.shape, keep=self._pieces is not None) as kept,
            self._noise.of(batch.source_mask),
        ):
            logits = self.model(
                **source, decoder_input_ids=batch.decoder_input, use_cache=False,
            ).logits  # fmt: skip
        if kept:
            return kept[0]
        return logits if logits.dim() == 2 else logits.flatten(0, 1)[positions]


class _Hook:
    """A hook that works on the batch that its thread holds: threads may share a model."""

    def __init__(self) -> None:
        self._current = threading.local()

    def __deepcopy__(self, memo: dict[int, Any]) -> _Hook:
        return self  # a copied model keeps the hook, which does nothing outside a loss

    @property
    def held(self) -> Any:
        """What this thread holds; None for nothing."""
        return getattr(self._current, "value", None)

    @contextmanager
    def holding(self, value: Any) -> Iterator[None]:
        self._current.value = value
        try:
            yield
        finally:
            self._current.value = None


class _EncoderNoise(_Hook):
    """A hook after an encoder in training that adds Gaussian noise to its states (rows, length, width).

    Models that bear no dropout bear this, and it keeps their decoder from fitting a small text too closely.
    """

    def __init__(self, share: float) -> None:
        super().__init__()
        self._share = share

    def of(self, mask: torch.Tensor | None) -> AbstractContextManager[None]:
        """Adds noise inside the block; the mask (rows, length) is 1 for tokens, None for no padding."""
        return self.holding((mask,))

    def __call__(self, encoder: nn.Module, inputs: Any, output: Any) -> Any:
        held = self.held
        if held is None or not encoder.training:
            return None
        output.last_hidden_state = self.noisy(output.last_hidden_state, *held)
        return output

    def noisy(self, states: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
        """The states with noise, unless its share is 0."""
        if not self._share:
            return states
        # A mask of recordings is of their frames, of which an encoder makes fewer positions.
        counted = states.detach().float()
        if mask is not None and mask.shape == states.shape[:2]:
            counted = counted[mask.bool()]
        else:
            counted = counted.flatten(0, 1)
        deviation = counted.std(0, correction=0) * self._share
        return states + (torch.randn(states.shape, device=states.device) * deviation).to(states.dtype)


class _OutputPieces:
    """An output layer's logits of some pieces.

    Args:
        pieces: (num_pieces,) int64 ids.
    """

    def __init__(self, model: nn.Module, layer: nn.Linear, pieces: torch.Tensor) -> None:
        device = layer.weight.device
        self._layer, self.pieces = layer, pieces.to(device)
        self._places = torch.full((layer.weight.shape[0],), IGNORED, device=device)
        self._places[self.pieces] = torch.arange(len(pieces), device=device)
        self._frozen = None if layer.weight.requires_grad else layer.weight.detach()[self.pieces]
        bias = getattr(model, "final_logits_bias", None)  # of BART, Marian and their kind
        self._biases = [each for each in (layer.bias, bias) if each is not None]

    def places(self, labels: torch.Tensor) -> torch.Tensor:
        """The place of each label among the pieces; :data:`IGNORED` stays."""
        return torch.where(labels == IGNORED, IGNORED, self._places[labels.clamp_min(0)])

    def logits(self, states: torch.Tensor) -> torch.Tensor:
        """(num_labels, num_pieces) logits of states (num_labels, width)."""
        if self._frozen is None:
            weight = self._layer.weight.index_select(0, self.pieces).to(states.dtype)
        else:
            weight = self._frozen = self._frozen.to(states.dtype)
        logits = functional.linear(states, weight)
        for bias in self._biases:
            # In the bias's own precision, as models add it.
            logits = logits + bias.flatten().index_select(0, self.pieces)
        return logits


def labelled_positions(labels: torch.Tensor) -> torch.Tensor:
    """Indices, (num_rows,) int64, of labelled positions in the flattened labels.

    Unlabelled positions round their number up, since low-precision kernels are prepared per number of rows.

    Args:
        labels: (rows, length).
    """
    flat = labels.flatten() != IGNORED
    wanted = -(-int(flat.sum()) // _ROW_STEP) * _ROW_STEP
    # A stable sort moves unlabelled positions to the end.
    return flat.int().sort(descending=True, stable=True).indices[: min(wanted, len(flat))]


class _LabelledRows(_Hook):
    """A hook before an output layer that selects some positions of the states (rows, length, width)."""

    @contextmanager
    def of(self, positions: torch.Tensor, shape: torch.Size, *, keep: bool) -> Iterator[list[torch.Tensor]]:
        """Selects positions inside the block.

        Args:
            keep: give the layer a single state, and the selected ones to the caller.
        """
        kept: list[torch.Tensor] = []
        with self.holding((positions, shape, kept if keep else None)):
            yield kept

    def __call__(self, layer: nn.Module, inputs: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor] | None:
        states, wanted = inputs[0], self.held
        # FSMT returns its input embeddings as the output layer, so the input can be ids.
        if wanted is None or states.dim() != 3 or states.shape[:2] != wanted[1]:
            return None
        positions, _, kept = wanted
        selected = states.flatten(0, 1)[positions]
        if kept is None:
            return (selected,)
        kept.append(selected)
        return (selected[:1].detach(),)
