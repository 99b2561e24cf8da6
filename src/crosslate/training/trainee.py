"""What the training loop needs to know of a model."""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn

_BEFORE_DECODER = frozenset({"src", "enc"})


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
        """The encoder, where nothing that its output depends on is trained."""
        if not _BEFORE_DECODER.isdisjoint(self.parameters) or not hasattr(self.model, "get_encoder"):
            return None
        return self.model.get_encoder()
