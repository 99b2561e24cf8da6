"""The training objective: cross-entropy with label smoothing, summed over labelled positions."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from torch.nn import functional
from transformers.modeling_outputs import MoeModelOutputWithPast

from crosslate.training.batches import IGNORED, Batch


class TranslationLoss(nn.Module):
    """Runs an encoder-decoder on a batch and returns its loss.

    Wrapping the model keeps the loss inside what a distributed wrapper calls.

    Args:
        model: a Hugging Face encoder-decoder.
        label_smoothing: share of the probability spread evenly over the vocabulary, in [0, 1).
    """

    def __init__(self, model: nn.Module, label_smoothing: float) -> None:
        super().__init__()
        self.model = model
        self.label_smoothing = label_smoothing

    def forward(self, batch: Batch) -> torch.Tensor:
        """The loss summed over labelled positions, in nats: a float32 scalar.

        Decoder input is always given: some families build it wrongly from labels where the two
        vocabularies differ in size.
        """
        labelled = batch.labels != IGNORED
        source: dict[str, Any] = {"input_ids": batch.source}
        if batch.states is not None:
            # Mixtures of experts also ask an encoder for what its routers did: nothing, in this class.
            source = {"encoder_outputs": MoeModelOutputWithPast(batch.states)}
        with _only_rows(self.model, labelled):
            logits = self.model(
                **source,
                attention_mask=batch.source_mask,
                decoder_input_ids=batch.decoder_input,
                use_cache=False,
            ).logits
        return functional.cross_entropy(
            (logits if logits.dim() == 2 else logits[labelled]).float(),
            batch.labels[labelled],
            label_smoothing=self.label_smoothing,
            reduction="sum",
        )


@contextmanager
def _only_rows(model: nn.Module, labelled: torch.Tensor) -> Iterator[None]:
    """Inside, a model's output layer sees only the positions that have a loss: (num_labels, width).

    Its logits, (num_labels, vocabulary), are the largest matrix of the model; padding has no part in it.
    Models without a plain output layer after the decoder compute all positions.
    """

    def select(layer: nn.Module, inputs: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...] | None:
        states = inputs[0]
        # Where the input embeddings are given as the output layer (FSMT), ids come through, not states.
        return (states[labelled],) if states.dim() == 3 and states.shape[:2] == labelled.shape else None

    layer = getattr(model, "get_output_embeddings", lambda: None)()
    if layer is None:
        yield
        return
    handle = layer.register_forward_pre_hook(select)
    try:
        yield
    finally:
        handle.remove()
