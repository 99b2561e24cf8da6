"""Learning-rate schedules: a factor of the peak rate for every update."""

from __future__ import annotations

import math

from crosslate.training.settings import ScheduleName


def learning_rate_factor(
    schedule: ScheduleName, update: int, *, warmup_updates: int, total_updates: int
) -> float:
    """Share of the peak learning rate at an update, in [0, 1].

    Args:
        update: 1-based number of the update about to be made.
        warmup_updates: linear rise over so many updates; 0 for none.
        total_updates: where ``linear`` and ``cosine`` reach 0; ignored by the others.
    """
    if update <= warmup_updates:
        return update / warmup_updates
    if schedule == "constant":
        return 1.0
    if schedule == "inverse_sqrt":
        return math.sqrt(max(1, warmup_updates) / update)
    progress = min(1.0, (update - warmup_updates) / max(1, total_updates - warmup_updates))
    if schedule == "linear":
        return 1.0 - progress
    return 0.5 * (1.0 + math.cos(math.pi * progress))
