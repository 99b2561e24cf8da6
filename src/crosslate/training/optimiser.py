"""The optimiser, with state for trained tensors only and a learning rate per group."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from crosslate.errors import TrainingError
from crosslate.models.sides import decoder_start
from crosslate.training.batches import BatchIds
from crosslate.training.settings import TrainingSettings

Parameters = dict[str, dict[str, nn.Parameter]]


def make_optimiser(trainee: Trainee, settings: TrainingSettings) -> torch.optim.Optimizer:
    """AdamW over the trained tensors, with one peak learning rate per parameter group.

    Raises:
        TrainingError: nothing is trained.
    """
    groups: list[dict[str, Any]] = []
    for group, named in trainee.parameters.items():
        rate = settings.learning_rate(group, is_fresh=group in trainee.fresh)
        groups.append({"params": list(named.values()), "lr": rate, "peak_lr": rate})
    if not groups:
        raise TrainingError("nothing to train: the strategy freezes every tensor; choose another strategy")
    return torch.optim.AdamW(
        groups,
        betas=(settings.adam_beta1, settings.adam_beta2),
        eps=settings.adam_epsilon,
        weight_decay=settings.weight_decay,
        fused=all(each.device.type in ("cpu", "cuda") for each in trainee.trained.values()),
    )


@dataclass(frozen=True)
class Trainee:
    """A model to train.

    Attributes:
        model: a Hugging Face encoder-decoder.
        parameters: trained parameters, by group and name; all others must not require gradients.
        fresh: groups that start from random values.
        ids: special ids of its batches.
    """

    model: nn.Module
    parameters: Parameters
    fresh: frozenset[str]
    ids: BatchIds

    @classmethod
    def of(cls, owner: Any, parameters: Parameters, fresh: Collection[str]) -> Trainee:
        """The trainee of a parent or a child."""
        pads = owner.source.special.pad, owner.target.special.pad
        start = decoder_start(owner.model)
        if start is None:
            raise TrainingError(
                "the model does not specify the start token of its decoder; set decoder_start_token_id in "
                "its generation configuration"
            )
        ids = BatchIds(*pads, start)
        return cls(owner.model, parameters, frozenset(fresh), ids)

    @property
    def trained(self) -> dict[str, nn.Parameter]:
        """All trained parameters by name."""
        return {name: each for group in self.parameters.values() for name, each in group.items()}

    @property
    def frozen_encoder(self) -> nn.Module | None:
        """The encoder if it is entirely frozen, including its embedding table; None otherwise."""
        encoder = getattr(self.model, "get_encoder", lambda: None)()
        if encoder is None or any(each.requires_grad for each in encoder.parameters()):
            return None
        return encoder


def learning_rate_factor(settings: TrainingSettings, update: int, *, total_updates: int) -> float:
    """Share of the peak learning rate at an update, in [0, 1].

    Args:
        update: 1-based number of the next update.
        total_updates: update at which ``linear`` and ``cosine`` reach 0; ignored by the others.
    """
    warmup = settings.warmup_updates
    if update <= warmup:
        return update / warmup
    progress = min(1.0, (update - warmup) / max(1, total_updates - warmup))
    shapes = {
        "constant": 1.0,
        "inverse_sqrt": math.sqrt(max(1, warmup) / update),
        "linear": 1.0 - progress,
        "cosine": 0.5 * (1.0 + math.cos(math.pi * progress)),
    }
    return shapes[settings.schedule]
