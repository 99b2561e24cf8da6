"""What the training loop needs to know of a model."""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn


@dataclass(frozen=True)
class Trainee:
    """What the loop needs to know of a model.

    Attributes:
        model: a Hugging Face encoder-decoder.
        parameters: what is trained, by group and name; everything else must not require gradients.
        fresh: the groups that start from random values.
        source_pad: id that fills up source rows.
        target_pad: id that fills up target rows.
        decoder_start: id the decoder starts with.
    """

    model: nn.Module
    parameters: dict[str, dict[str, nn.Parameter]]
    fresh: frozenset[str]
    source_pad: int
    target_pad: int
    decoder_start: int

    @property
    def trained(self) -> dict[str, nn.Parameter]:
        """All trained parameters by name."""
        return {name: each for group in self.parameters.values() for name, each in group.items()}

    @property
    def frozen_encoder(self) -> nn.Module | None:
        """The encoder, where nothing in it (its table of embeddings included) is trained."""
        encoder = getattr(self.model, "get_encoder", lambda: None)()
        if encoder is None or any(each.requires_grad for each in encoder.parameters()):
            return None
        return encoder
