"""Nearest rows of one matrix to rows of another: by cosine, by CSLS, by dot product; block by block."""

from __future__ import annotations

from typing import Literal

import numpy

from crosslate.errors import InputError

Measure = Literal["cosine", "csls", "dot"]
NEIGHBOURHOOD = 10
"""Rows whose mean cosine tells how crowded a place is (Conneau et al. 2018)."""

_CHUNK = 1024
"""Rows compared at a time; each takes 4 bytes for every row of the other matrix."""


def nearest_neighbours(
    child: numpy.ndarray,
    parent: numpy.ndarray,
    k: int,
    *,
    measure: Measure = "cosine",
    context: numpy.ndarray | None = None,
) -> tuple[numpy.ndarray, numpy.ndarray]:
    """The ``k`` rows of ``parent`` that are nearest to each row of ``child``.

    CSLS (cross-domain similarity local scaling) is twice the cosine less the mean cosine of either row with
    its 10 nearest on the other side, so that rows near to everything are found less often.

    Args:
        child: ``(n, width)`` floating point.
        parent: ``(m, width)`` floating point, with at least ``k`` rows.
        measure: ``cosine``, ``csls`` or ``dot`` (rows as they are, not normalised).
        context: for CSLS, the rows ``(c, width)`` of the child's side that may crowd a place; None takes
            ``child``.

    Returns:
        Indices into ``parent`` ``(n, k)`` int64 and similarities ``(n, k)`` float32, the nearest first; of
        equal ones the lower index first. A row of zeros has cosine 0 with everything.

    Raises:
        InputError: values that are not finite.

    Source: Conneau et al. 2018, "Word Translation Without Parallel Data", section 2.3.
    """
    prepare = _plain_rows if measure == "dot" else unit_rows
    queries, candidates = prepare(child), prepare(parent)
    if measure == "csls":
        crowding = mean_similarity(candidates, queries if context is None else unit_rows(context))
        query_crowding = mean_similarity(queries, candidates)
    indices = numpy.empty((len(queries), k), dtype=numpy.int64)
    found = numpy.empty((len(queries), k), dtype=numpy.float32)
    for start in range(0, len(queries), _CHUNK):
        similar = queries[start : start + _CHUNK] @ candidates.T
        if measure == "csls":
            similar = 2 * similar - crowding - query_crowding[start : start + _CHUNK, None]
        rows = numpy.arange(len(similar))
        # One maximum after the other: faster than sorting for a small k, and ties go to the lower index.
        for rank in range(k):
            best = similar.argmax(axis=1)
            indices[start : start + _CHUNK, rank] = best
            found[start : start + _CHUNK, rank] = similar[rows, best]
            similar[rows, best] = -numpy.inf
    return indices, found


def mean_similarity(rows: numpy.ndarray, others: numpy.ndarray) -> numpy.ndarray:
    """Mean of the 10 largest dot products of each row with ``others``: ``(n,)`` float32."""
    k = min(NEIGHBOURHOOD, len(others))
    means = numpy.empty(len(rows), dtype=numpy.float32)
    for start in range(0, len(rows), _CHUNK):
        similar = rows[start : start + _CHUNK] @ others.T
        means[start : start + _CHUNK] = numpy.partition(similar, -k, axis=1)[:, -k:].mean(axis=1)
    return means


def unit_rows(matrix: numpy.ndarray) -> numpy.ndarray:
    """Rows of length 1 in float32; rows of zeros stay.

    Raises:
        InputError: values that are not finite.
    """
    rows = _plain_rows(matrix)
    # Scaled by the largest value first, so that no square overflows or vanishes.
    rows /= numpy.maximum(numpy.abs(rows).max(axis=1, keepdims=True), numpy.finfo(numpy.float32).tiny)
    rows /= numpy.maximum(numpy.linalg.norm(rows, axis=1, keepdims=True), numpy.finfo(numpy.float32).tiny)
    return rows


def _plain_rows(matrix: numpy.ndarray) -> numpy.ndarray:
    rows = numpy.array(matrix, dtype=numpy.float32)
    if not numpy.isfinite(rows).all():
        raise InputError("embeddings hold values that are not finite; training has diverged")
    return rows
