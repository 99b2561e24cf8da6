"""Points of many dimensions on a plane: principal components."""

from __future__ import annotations

import numpy

from crosslate.errors import InputError


def principal_components(rows: numpy.ndarray, count: int = 2) -> tuple[numpy.ndarray, float]:
    """Projects rows onto the directions in which they differ most.

    Args:
        rows: ``(n, width)`` floating point.
        count: how many directions; at most the smaller of n and width.

    Returns:
        Coordinates ``(n, count)`` float64 around 0, the first direction first, and the share of all variance
        that they hold (0-1). A direction's sign, which is arbitrary, is such that its largest component is
        positive.

    Raises:
        InputError: fewer rows or columns than directions.
    """
    rows = numpy.asarray(rows, dtype=numpy.float64)
    if rows.ndim != 2 or min(rows.shape) < count:
        raise InputError(f"rows of shape {rows.shape} have no {count} directions; expected at least as many")
    centred = rows - rows.mean(axis=0)
    _, scales, directions = numpy.linalg.svd(centred, full_matrices=False)
    directions = directions[:count]
    largest = numpy.abs(directions).argmax(axis=1)
    directions = directions * numpy.sign(directions[numpy.arange(count), largest])[:, None]
    variance = scales**2
    total = float(variance.sum())
    return centred @ directions.T, float(variance[:count].sum()) / total if total else 0.0
