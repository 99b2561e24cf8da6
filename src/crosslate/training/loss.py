"""The training objective: cross-entropy with label smoothing, summed over labelled positions."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from torch.nn import functional
from transformers.modeling_outputs import MoeModelOutputWithPast

from crosslate.training.batches import IGNORED, Batch

_ROW_STEP = 64


class TranslationLoss(nn.Module):
    """Runs an encoder-decoder on a batch and returns its loss.

    Wrapping the model keeps the loss inside the call of a distributed wrapper. The output layer sees only
    labelled positions, since its logits, (num_labels, vocabulary), are the model's largest matrix. Models
    without a plain output layer compute all positions.

    Args:
        model: a Hugging Face encoder-decoder.
        label_smoothing: share of the probability spread evenly over the vocabulary, in [0, 1).
    """

    def __init__(self, model: nn.Module, label_smoothing: float) -> None:
        super().__init__()
        self.model = model
        self.label_smoothing = label_smoothing
        self._labelled = _LabelledRows()
        layer = getattr(model, "get_output_embeddings", lambda: None)()
        self._hook = layer and layer.register_forward_pre_hook(self._labelled)

    def close(self) -> None:
        """Removes the hook from the model."""
        if self._hook:
            self._hook.remove()

    def forward(self, batch: Batch) -> torch.Tensor:
        """The loss summed over labelled positions, in nats: a float32 scalar.

        Decoder input is always given: some families derive it wrongly from labels if the two vocabularies
        differ in size.
        """
        positions = labelled_positions(batch.labels)
        source: dict[str, Any] = {"input_ids": batch.source}
        if batch.states is not None:
            # Mixtures of experts also read router outputs from the encoder; this class has them as None.
            source = {"encoder_outputs": MoeModelOutputWithPast(batch.states)}
        with self._labelled.of(positions, batch.labels.shape):
            logits = self.model(
                **source, attention_mask=batch.source_mask, decoder_input_ids=batch.decoder_input,
                use_cache=False,
            ).logits  # fmt: skip
        return functional.cross_entropy(
            (logits if logits.dim() == 2 else logits.flatten(0, 1)[positions]).float(),
            batch.labels.flatten()[positions],
            label_smoothing=self.label_smoothing,
            ignore_index=IGNORED,
            reduction="sum",
        )


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


class _LabelledRows:
    """A hook before an output layer that selects some positions of the states (rows, length, width).

    Threads may share a model, each with its own batch.
    """

    def __init__(self) -> None:
        self._current = threading.local()

    def __deepcopy__(self, memo: dict[int, Any]) -> _LabelledRows:
        return self  # a copied model keeps the hook, which does nothing outside a loss

    @contextmanager
    def of(self, positions: torch.Tensor, shape: torch.Size) -> Iterator[None]:
        self._current.wanted = positions, shape
        try:
            yield
        finally:
            self._current.wanted = None

    def __call__(self, layer: nn.Module, inputs: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor] | None:
        states, wanted = inputs[0], getattr(self._current, "wanted", None)
        # FSMT returns its input embeddings as the output layer, so the input can be ids.
        if wanted is None or states.dim() != 3 or states.shape[:2] != wanted[1]:
            return None
        return (states.flatten(0, 1)[wanted[0]],)
