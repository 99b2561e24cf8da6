"""The optimiser: state for trained tensors only, a learning rate per group."""

from __future__ import annotations

from typing import Any

import torch

from crosslate.errors import TrainingError
from crosslate.training.settings import TrainingSettings
from crosslate.training.trainee import Trainee


def make_optimiser(trainee: Trainee, settings: TrainingSettings) -> torch.optim.Optimizer:
    """AdamW over the trained tensors alone, one group of peak learning rate per group of parameters.

    Raises:
        TrainingError: nothing is trained.
    """
    groups: list[dict[str, Any]] = []
    for group, named in trainee.parameters.items():
        rate = settings.learning_rate(group, is_fresh=group in trainee.fresh)
        groups.append({"params": list(named.values()), "lr": rate, "peak_lr": rate})
    if not groups:
        raise TrainingError("nothing is to be trained: the strategy leaves every tensor frozen")
    return torch.optim.AdamW(
        groups,
        betas=(settings.adam_beta1, settings.adam_beta2),
        eps=settings.adam_epsilon,
        weight_decay=settings.weight_decay,
        fused=all(each.device.type in ("cpu", "cuda") for each in trainee.trained.values()),
    )
