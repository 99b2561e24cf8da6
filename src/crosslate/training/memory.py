"""Training in less memory: layers computed twice instead of kept, and parents held in lower precision."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from crosslate.errors import TrainingError
from crosslate.models.lowered import is_mixed
from crosslate.training.devices import resolve_precision


@contextmanager
def checkpointed(model: Any) -> Iterator[None]:
    """Inside, every layer keeps its input alone and is computed again for its gradients.

    Raises:
        TrainingError: the family does not know how.
    """
    # Its name before transformers 5.22.
    old = getattr(model, "gradient_checkpointing_enable", None)
    enable = getattr(model, "activation_checkpointing_enable", old)
    disable = getattr(
        model, "activation_checkpointing_disable", getattr(model, "gradient_checkpointing_disable", None)
    )
    try:
        if enable is None or disable is None:
            raise ValueError
        enable({"use_reentrant": False})
    except ValueError as error:
        raise TrainingError(
            f"{type(model).__name__} does not know gradient checkpointing; train without it, "
            "with smaller batches"
        ) from error
    # Encoders would warn that they cannot use the cache that their configuration asks for by default.
    uses_cache, model.config.use_cache = getattr(model.config, "use_cache", None), False
    try:
        yield
    finally:
        disable()
        model.config.use_cache = uses_cache


def is_bf16_run(model: nn.Module, precision: str, device: torch.device) -> bool:
    """Whether matrix products are in bf16.

    Raises:
        TrainingError: fp32 is asked for with tensors that are held in bfloat16.
    """
    if not is_mixed(model):
        return resolve_precision(precision, device) == "bf16"
    if precision == "fp32":
        raise TrainingError(
            "the precision is fp32, but frozen tensors are held in bfloat16, which needs bf16; leave the "
            "precision out, or hold them in float32"
        )
    return True
