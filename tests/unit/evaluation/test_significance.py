"""The paired bootstrap against what is known by hand and by simulation, over several seeds, and Holm's correction."""

import numpy
import pytest

from crosslate.evaluation.significance import Run, holm, interval, paired_bootstrap, resampled_scores


def column(values):
    return numpy.array(values, dtype=float)[:, None]


def mean_of(num_units):
    return lambda sums: sums[:, 0] / num_units


def compared(runs, num_units, num_samples=10_000):
    return paired_bootstrap(runs, mean_of(num_units), num_samples)


def test_the_interval_of_a_mean_is_the_normal_one():
    values = numpy.random.default_rng(1).normal(3.0, 2.0, size=400)
    (means,) = resampled_scores([column(values)], mean_of(400))
    low, high = interval(means)
    error = values.std() / 20
    assert low == pytest.approx(values.mean() - 1.96 * error, abs=0.02)
    assert high == pytest.approx(values.mean() + 1.96 * error, abs=0.02)


def test_the_p_value_is_two_sided_and_agrees_with_the_interval():
    # Paired differences of mean 0.2 and deviation 1 on 100 sentences: z = 2, two-sided p = 0.0455.
    noise = numpy.random.default_rng(2).normal(size=100)
    differences = 0.2 + (noise - noise.mean()) / noise.std()
    shared = numpy.random.default_rng(3).normal(size=100) * 50
    one, other = column(shared + differences), column(shared)
    found = compared([Run(one, other)], 100)
    assert found.value == pytest.approx(0.2) and found.p_value == pytest.approx(0.0455, abs=0.008)
    assert 0 < found.interval[0] < 0.02 and 0.38 < found.interval[1] < 0.42
    back = compared([Run(other, one)], 100)
    assert back.p_value == found.p_value and back.interval == pytest.approx(
        (-found.interval[1], -found.interval[0])
    )


def test_a_copy_differs_by_nothing():
    one = column(range(20))
    found = compared([Run(one, one)], 20, 100)
    assert (found.value, found.interval, found.p_value) == (0.0, (0.0, 0.0), 1.0)


def seeds(effects, parent=""):
    """Runs whose second system is the same for all; each first one is better by its effect, on every sentence."""
    base = column(numpy.arange(50))
    return [Run(base + effect, base, parent=parent) for effect in effects]


def test_the_interval_of_several_seeds_holds_the_variation_between_them():
    # Sentences do not vary at all, so one seed alone seems certain. Of three, the same one is drawn three times
    # in 1 of 27 resamples, which is more than 2.5 %: half the range, spread by the root of 3/2.
    assert compared(seeds([0.5]), 50).interval == pytest.approx((0.5, 0.5))
    found = compared(seeds([0.5, 1.0, 1.5]), 50)
    low, high = found.interval
    assert found.value == pytest.approx(1.0) and found.p_value < 0.05
    assert (low, high) == pytest.approx((1 - 0.5 * 1.5**0.5, 1 + 0.5 * 1.5**0.5))
    assert compared(seeds([-1.0, 1.0, 2.0]), 50).p_value > 0.05


def test_more_seeds_narrow_the_interval():
    def width(count):
        low, high = compared(seeds([0.0, 1.0] * count), 50, 2000).interval
        return high - low

    widths = [width(count) for count in (1, 2, 5, 20)]
    assert widths == sorted(widths, reverse=True) and widths[-1] < widths[0] / 4


def test_parents_are_drawn_too():
    # Seeds agree, parents do not: the interval is that of two parents, not of six runs.
    runs = [*seeds([0.0] * 3, "a"), *seeds([1.0] * 3, "b")]
    as_seeds = compared([Run(run.first, run.second) for run in runs], 50)
    as_parents = compared(runs, 50)
    assert as_parents.value == as_seeds.value == pytest.approx(0.5)
    assert numpy.diff(as_parents.interval) > 1.5 * numpy.diff(as_seeds.interval)


def test_tests_that_share_a_system_draw_its_seeds_together():
    # Two systems against two: the mean over the four tests is the difference of two means, seed by seed.
    ours, theirs = [[0.0, 1.0, 2.0], [0.5, 0.0, 1.5]], [[1.0, -1.0, 0.0], [0.5, 0.5, 0.0]]
    base = column(numpy.arange(50))
    runs = [
        Run(base + one, base + other, test=f"{first} {second}", group="all")
        for first, of_first in enumerate(ours) for second, of_second in enumerate(theirs)
        for one, other in zip(of_first, of_second)
    ]  # fmt: skip
    means = [sum(one) / 2 - sum(other) / 2 for one, other in zip(zip(*ours), zip(*theirs))]
    together = compared(runs, 50)
    assert together.interval == pytest.approx(compared(seeds(means), 50).interval)
    apart = compared([Run(run.first, run.second, run.test) for run in runs], 50)
    assert apart.value == pytest.approx(together.value)
    assert numpy.diff(apart.interval) < 0.8 * numpy.diff(together.interval)


def test_seeds_that_cancel_out_lie_on_both_sides_of_zero():
    # Two seeds of one effect each way: half of the resamples are 0 but for rounding.
    found = compared(seeds([0.1, -0.1]), 50)
    assert found.p_value == 1.0 and found.value == pytest.approx(0.0)


def test_tests_have_equal_weight_and_are_not_drawn():
    one, other = seeds([1.0])[0], Run(column([3.0] * 50), column([0.0] * 50), test="other")
    found = compared([one, one, one, other], 50)
    assert found.value == pytest.approx(2.0) and found.interval == pytest.approx((2.0, 2.0))


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, 0.7]) == [1.0, 1.0] and holm([0.02]) == [0.02] and holm([]) == []
