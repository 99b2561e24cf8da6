"""The training objective: cross-entropy with label smoothing, summed over labelled positions."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

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
        logits = self.model(
            input_ids=batch.source,
            attention_mask=batch.source_mask,
            decoder_input_ids=batch.decoder_input,
            use_cache=False,
        ).logits
        labelled = batch.labels != IGNORED
        # Padding has no loss: leaving it out before the softmax saves the largest matrix of the model.
        return functional.cross_entropy(
            logits[labelled].float(),
            batch.labels[labelled],
            label_smoothing=self.label_smoothing,
            reduction="sum",
        )
