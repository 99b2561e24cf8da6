"""The training objective: cross-entropy with label smoothing, summed over labelled positions."""

from __future__ import annotations

import threading
from typing import Any

import torch
from torch import nn
from torch.nn import functional
from transformers.modeling_outputs import MoeModelOutputWithPast

from crosslate.training.batches import IGNORED, Batch


class TranslationLoss(nn.Module):
    """Runs an encoder-decoder on a batch and returns its loss.

    Wrapping the model keeps the loss inside what a distributed wrapper calls. The model's output layer sees
    only the positions that have a loss: its logits, (num_labels, vocabulary), are the largest matrix of the
    model, and padding has no part in it. Models without a plain output layer compute all positions.

    Args:
        model: a Hugging Face encoder-decoder.
        label_smoothing: share of the probability spread evenly over the vocabulary, in [0, 1).
    """

    def __init__(self, model: nn.Module, label_smoothing: float) -> None:
        super().__init__()
        self.model = model
        self.label_smoothing = label_smoothing
        self._batch = threading.local()  # threads may share an objective
        layer = getattr(model, "get_output_embeddings", lambda: None)()
        self._hook = layer and layer.register_forward_pre_hook(self._select)

    def close(self) -> None:
        """Leaves the model as it was found."""
        if self._hook:
            self._hook.remove()

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
        self._batch.labelled = labelled
        try:
            logits = self.model(
                **source,
                attention_mask=batch.source_mask,
                decoder_input_ids=batch.decoder_input,
                use_cache=False,
            ).logits
        finally:
            self._batch.labelled = None
        return functional.cross_entropy(
            (logits if logits.dim() == 2 else logits[labelled]).float(),
            batch.labels[labelled],
            label_smoothing=self.label_smoothing,
            reduction="sum",
        )

    def _select(self, layer: nn.Module, inputs: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...] | None:
        states, labelled = inputs[0], getattr(self._batch, "labelled", None)
        # Where the input embeddings are given as the output layer (FSMT), ids come through, not states.
        if labelled is None or states.dim() != 3 or states.shape[:2] != labelled.shape:
            return None
        return (states[labelled],)
