"""Nearest rows of one matrix to rows of another: by cosine, by CSLS, by dot product; block by block."""

from __future__ import annotations

from typing import Literal, get_args

import numpy

from crosslate.errors import InputError, UsageError, nearest

Measure = Literal["cosine", "csls", "dot"]
MEASURES: tuple[Measure, ...] = get_args(Measure)
NEIGHBOURHOOD = 10
"""Rows whose mean cosine tells how crowded a place is (Conneau et al. 2018)."""

_CHUNK = 1024
_BLOCK = 32


def nearest_neighbours(
    child: numpy.ndarray,
    parent: numpy.ndarray,
    k: int,
    *,
    chunk: int = _CHUNK,
    measure: Measure = "cosine",
    context: numpy.ndarray | None = None,
) -> tuple[numpy.ndarray, numpy.ndarray]:
    """The ``k`` rows of ``parent`` that are nearest to each row of ``child``.

    CSLS (cross-domain similarity local scaling) is twice the cosine less the mean cosine of either row with
    its 10 nearest on the other side, so that rows near to everything are found less often.

    Args:
        child: ``(n, width)`` floating point.
        parent: ``(m, width)`` floating point.
        chunk: rows of ``child`` compared at a time; each takes 4 bytes for every row of ``parent``.
        measure: ``cosine``, ``csls`` or ``dot`` (rows as they are, not normalised).
        context: for CSLS, the rows ``(c, width)`` of the child's side that may crowd a place; None takes
            ``child``.

    Returns:
        Indices into ``parent`` ``(n, k)`` int64 and similarities ``(n, k)`` float32, the nearest first; of
        equal ones the lower index first. A row of zeros has cosine 0 with everything.

    Raises:
        InputError: other shapes, unequal widths, or values that are not finite.
        UsageError: ``k`` or ``chunk`` out of range, or an unknown measure.

    Source: Conneau et al. 2018, "Word Translation Without Parallel Data", section 2.3.
    """
    if measure not in MEASURES:
        raise UsageError(f"unknown measure {measure!r}; {nearest(str(measure), MEASURES)}")
    prepare = _plain_rows if measure == "dot" else unit_rows
    queries, candidates = prepare(child, "the child's"), prepare(parent, "the parent's")
    if queries.shape[1] != candidates.shape[1]:
        raise InputError(
            f"the child's embeddings have width {queries.shape[1]}, the parent's {candidates.shape[1]}; "
            "only embeddings of one model can be compared"
        )
    if not 1 <= k <= len(candidates):
        raise UsageError(f"{k} nearest neighbours asked for, expected 1 to {len(candidates)}")
    if chunk < 1:
        raise UsageError(f"chunk is {chunk}, expected at least 1")
    crowding = query_crowding = None
    if measure == "csls":
        around = queries if context is None else unit_rows(context, "the context's")
        crowding = mean_similarity(candidates, around, chunk=chunk)
        query_crowding = mean_similarity(queries, candidates, chunk=chunk)
    indices = numpy.empty((len(queries), k), dtype=numpy.int64)
    found = numpy.empty((len(queries), k), dtype=numpy.float32)
    for start in range(0, len(queries), chunk):
        similar = queries[start : start + chunk] @ candidates.T
        if crowding is not None and query_crowding is not None:
            similar *= 2
            similar -= crowding
            similar -= query_crowding[start : start + chunk, None]
        rows = numpy.arange(len(similar))
        # One maximum after the other: faster than sorting for a small k, and ties go to the lower index.
        for rank in range(k):
            best = similar.argmax(axis=1)
            indices[start : start + chunk, rank] = best
            found[start : start + chunk, rank] = similar[rows, best]
            similar[rows, best] = -numpy.inf
    return indices, found


def mean_similarity(
    rows: numpy.ndarray, others: numpy.ndarray, k: int = NEIGHBOURHOOD, chunk: int = _CHUNK
) -> numpy.ndarray:
    """Mean of the ``k`` largest dot products of each row with ``others``: ``(n,)`` float32."""
    k = min(k, len(others))
    means = numpy.empty(len(rows), dtype=numpy.float32)
    for start in range(0, len(rows), chunk):
        largest = _some_of_the_largest(rows[start : start + chunk] @ others.T, k)
        means[start : start + chunk] = numpy.partition(largest, -k, axis=1)[:, -k:].mean(axis=1)
    return means


def _some_of_the_largest(similar: numpy.ndarray, k: int) -> numpy.ndarray:
    """Columns among which the ``k`` largest values of each row are.

    The k blocks with the largest maxima hold them: one pass for the maxima instead of a partition of all.
    """
    num_blocks = similar.shape[1] // _BLOCK
    if num_blocks <= 2 * k:
        return similar
    whole = num_blocks * _BLOCK
    # A block is every num_blocks-th column, so that its maximum is one of whole rows, which is fast.
    blocks = similar[:, :whole].reshape(len(similar), _BLOCK, num_blocks)
    chosen = numpy.argpartition(blocks.max(axis=1), -k, axis=1)[:, -k:]
    inside = numpy.take_along_axis(blocks, chosen[:, None, :], axis=2).reshape(len(similar), _BLOCK * k)
    return numpy.concatenate([inside, similar[:, whole:]], axis=1)


def unit_rows(matrix: numpy.ndarray, whose: str) -> numpy.ndarray:
    """Rows of length 1 in float32; rows of zeros stay.

    Raises:
        InputError: not two dimensions, nothing in it, or values that are not finite.
    """
    rows = _plain_rows(matrix, whose)
    # Scaled by the largest value first, so that no square overflows or vanishes.
    rows /= numpy.maximum(numpy.abs(rows).max(axis=1, keepdims=True), numpy.finfo(numpy.float32).tiny)
    rows /= numpy.maximum(numpy.linalg.norm(rows, axis=1, keepdims=True), numpy.finfo(numpy.float32).tiny)
    return rows


def _plain_rows(matrix: numpy.ndarray, whose: str) -> numpy.ndarray:
    rows = numpy.array(matrix, dtype=numpy.float32)
    if rows.ndim != 2 or not rows.size:
        raise InputError(f"{whose} embeddings have shape {rows.shape}, expected (pieces, width), neither 0")
    if not numpy.isfinite(rows).all():
        raise InputError(f"{whose} embeddings hold values that are not finite; training has diverged")
    return rows
