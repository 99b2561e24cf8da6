"""The machine's measured matrix-product peak, the yardstick of the other benchmarks."""

from __future__ import annotations

import time

import torch


def matrix_product_peak(dtype: torch.dtype, size: int = 2048, repeats: int = 7) -> float:
    """Best rate of a square matrix product in operations per second, over ``repeats`` runs."""
    left, right = torch.randn(size, size).to(dtype), torch.randn(size, size).to(dtype)
    best = 0.0
    for _ in range(repeats):
        started = time.perf_counter()
        left @ right
        best = max(best, 2 * size**3 / (time.perf_counter() - started))
    return best
