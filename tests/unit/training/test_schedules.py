"""Learning-rate schedules, stated by hand."""

from __future__ import annotations

from math import sqrt

import pytest

from crosslate.training.optimiser import learning_rate_factor
from crosslate.training.settings import TrainingSettings

RISING = {1: 0.25, 2: 0.5, 3: 0.75, 4: 1.0}


@pytest.mark.parametrize(
    ("schedule", "warmup", "total", "expected"),
    [
        ("constant", 4, 12, RISING | {5: 1.0, 100: 1.0}),
        ("inverse_sqrt", 4, 12, RISING | {16: 0.5, 64: 0.25}),
        ("linear", 4, 12, RISING | {5: 0.875, 8: 0.5, 12: 0.0, 13: 0.0}),
        ("cosine", 4, 12, RISING | {6: 0.5 + sqrt(0.125), 8: 0.5, 10: 0.5 - sqrt(0.125), 12: 0.0, 20: 0.0}),
        # Without a warm-up the first update is near the peak.
        ("constant", 0, 1_000, {1: 1.0}),
        ("inverse_sqrt", 0, 1_000, {1: 1.0, 9: 1 / 3}),
        ("linear", 0, 1_000, {1: 0.999}),
        ("cosine", 0, 1_000, {1: 0.9999975}),
        # A run shorter than its warm-up divides by nothing.
        ("linear", 4, 2, {1: 0.25, 2: 0.5}),
        ("cosine", 4, 2, {5: 0.0}),
    ],
)
def test_the_rate_rises_linearly_and_falls_by_its_schedule(
    schedule: str, warmup: int, total: int, expected: dict[int, float]
):
    settings = TrainingSettings(schedule=schedule, warmup_updates=warmup)
    found = {update: learning_rate_factor(settings, update, total_updates=total) for update in expected}
    assert found == pytest.approx(expected, abs=1e-7)
