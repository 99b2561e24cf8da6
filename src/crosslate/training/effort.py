"""Effort: one dial for the strategy and the length of a training, and what each of its positions sets."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Literal

from crosslate.models.groups import Side
from crosslate.models.strategies import DEFAULT_BODY, Strategy, default_strategy

Effort = Literal["fast", "default", "best"]

_STRATEGY = "strategy"

EFFORTS: dict[Effort, dict[str, Any]] = {
    # The paper's strategy. A short warm-up, since a run on few pairs has 500 updates.
    "fast": {
        _STRATEGY: "xattn", "max_epochs": 5, "min_epoch_updates": 100, "schedule": "cosine",
        "warmup_updates": 100, "patience": 0,
    },
    "default": {"min_epoch_updates": 50},
    # A cosine has its gains at the end, so that patience only stops a run that has become worse for long.
    "best": {
        "max_epochs": 30, "min_epoch_updates": 100, "schedule": "cosine", "patience": 8, "ema_decay": 0.999,
    },
}  # fmt: skip
"""Values by field, which replace the fields' own defaults; a field that the user sets keeps the user's value.

``strategy`` is what is trained beside the new sides; the others are fields of ``TrainingSettings``.
"""


def strategy_of(effort: Effort, sides: Collection[Side]) -> Strategy:
    """The strategy for new languages on these sides."""
    return default_strategy(sides, EFFORTS[effort].get(_STRATEGY, DEFAULT_BODY))


def training_values(effort: Effort, given: set[str]) -> dict[str, Any]:
    """The training settings that an effort sets.

    Args:
        given: names of the settings that the user sets. Limits mean what they say: given ``max_epochs`` are
            passes over the text, however short it is.
    """
    left_out = given | {_STRATEGY} | ({"min_epoch_updates"} if "max_epochs" in given else set())
    return {name: value for name, value in EFFORTS[effort].items() if name not in left_out}
