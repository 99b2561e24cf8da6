"""Learning-rate schedules, stated by hand."""

from __future__ import annotations

import math

import pytest

from crosslate.training.optimiser import learning_rate_factor
from crosslate.training.settings import TrainingSettings


def factors(schedule: str, updates: list[int], warmup: int = 4, total: int = 12) -> list[float]:
    settings = TrainingSettings(schedule=schedule, warmup_updates=warmup)
    return [learning_rate_factor(settings, update, total_updates=total) for update in updates]


@pytest.mark.parametrize("schedule", ["inverse_sqrt", "linear", "cosine", "constant"])
def test_the_rate_rises_linearly_to_its_peak(schedule: str):
    assert factors(schedule, [1, 2, 3, 4]) == [0.25, 0.5, 0.75, 1.0]


@pytest.mark.parametrize("schedule", ["inverse_sqrt", "linear", "cosine", "constant"])
def test_without_a_warm_up_the_first_update_is_near_the_peak(schedule: str):
    assert factors(schedule, [1], warmup=0, total=1_000)[0] == pytest.approx(1.0, abs=0.002)


def test_constant_stays():
    assert factors("constant", [5, 100]) == [1.0, 1.0]


def test_inverse_square_root_halves_when_updates_quadruple():
    assert factors("inverse_sqrt", [16, 64]) == [0.5, 0.25]
    assert factors("inverse_sqrt", [9], warmup=0) == [pytest.approx(1 / 3)]


def test_linear_falls_evenly_to_zero_and_stays():
    assert factors("linear", [5, 8, 12, 13]) == [0.875, 0.5, 0.0, 0.0]


def test_cosine_falls_to_zero_and_stays():
    assert factors("cosine", [6, 8, 10, 12, 20]) == pytest.approx(
        [0.5 + math.sqrt(0.125), 0.5, 0.5 - math.sqrt(0.125), 0.0, 0.0]
    )


def test_a_run_shorter_than_its_warm_up_never_divides_by_zero():
    assert factors("linear", [1, 2], warmup=4, total=2) == [0.25, 0.5]
    assert factors("cosine", [5], warmup=4, total=2) == [0.0]
