"""Normal values, as in the paper.

Source: Gheini, Ren & May 2021, section 3.1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from crosslate.models.initialisers.initial_embeddings import Initialiser

if TYPE_CHECKING:
    import torch


class Random(Initialiser):
    """Every table keeps the random values that it was made with."""

    reads_parent = False

    def fill(self, table: torch.Tensor, parents: torch.Tensor) -> None:
        pass
