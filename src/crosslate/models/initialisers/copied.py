"""Initial embeddings copied from the parent's row of the same piece; the mean for other pieces."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from crosslate.models.initialisers.initial_embeddings import Initialiser

if TYPE_CHECKING:
    import torch


class Copied(Initialiser):
    """Copies the parent's row of the same piece, except for special pieces."""

    def find(self, taken: Collection[int]) -> dict[str, int]:
        special = self.old.special.as_values().values()
        theirs = {piece: index for index, piece in enumerate(self.old.marked_pieces) if index not in special}
        self._copied = [
            (index, theirs[piece])
            for index, piece in enumerate(self.new.marked_pieces)
            if index not in taken and piece in theirs
        ]
        return {"copied": len(self._copied)}

    def put(self, table: torch.Tensor, rows: torch.Tensor) -> None:
        if self._copied:
            ours, theirs = map(list, zip(*self._copied))
            table[ours] = rows[theirs]
