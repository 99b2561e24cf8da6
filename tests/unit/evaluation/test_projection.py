"""Principal components of points whose directions are known."""

import numpy
import pytest

from crosslate.errors import InputError
from crosslate.evaluation.projection import principal_components


def test_the_widest_direction_comes_first_and_its_largest_component_is_positive():
    # Spread 3 along (0, -1, 0), 1 along (0, 0, 1), nothing else; centre (5, 5, 5).
    rows = numpy.array([[5, 2, 5], [5, 8, 5], [5, 5, 4], [5, 5, 6]], dtype=numpy.float32)
    points, share = principal_components(rows)
    assert points == pytest.approx(numpy.array([[-3, 0], [3, 0], [0, -1], [0, 1]], dtype=float))
    assert share == pytest.approx(1.0)
    (first, share) = principal_components(rows, 1)
    assert first[:, 0] == pytest.approx([-3, 3, 0, 0])
    assert share == pytest.approx(18 / 20)


def test_points_without_spread_stay_at_the_centre():
    points, share = principal_components(numpy.ones((3, 4)))
    assert (points == 0).all() and share == 0


def test_too_few_rows_are_refused():
    with pytest.raises(InputError, match=r"shape \(1, 4\) have no 2 directions"):
        principal_components(numpy.ones((1, 4)))
