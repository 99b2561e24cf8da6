"""Every row from the mean of the parent's rows."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from crosslate.models.initialisers.initial_embeddings import Initialiser, TranslatedWord
from crosslate.text.vocabularies import Vocabulary

if TYPE_CHECKING:
    import torch


class Mean(Initialiser):
    """The mean of the parent's ordinary rows; a special piece has the row of the same role, padding zeros.

    Equal rows part as soon as they are trained, since no two pieces stand in the same sentences; noise around
    the mean was no better (docs/strategies.md). A subclass gives some pieces other rows.
    """

    def __init__(self, new: Vocabulary, old: Vocabulary, words: Sequence[TranslatedWord] = ()) -> None:
        super().__init__(new, old, words)
        roles, theirs = new.special.as_values(), old.special.as_values()
        shared = roles.keys() & theirs.keys() - {"pad"}
        self._special = [(roles[role], theirs[role]) for role in shared]
        self.counts = {"special": len(set(roles.values())), **self.find({*roles.values()})}
        self.counts["mean"] = len(new) - sum(self.counts.values())

    def find(self, taken: Collection[int]) -> dict[str, int]:
        """Finds pieces that start otherwise, none of them in ``taken``; their numbers by what that is."""
        return {}

    def put(self, table: torch.Tensor, rows: torch.Tensor) -> None:
        """Writes the rows of the pieces found; ``rows`` are those of the parent's pieces."""

    def fill(self, table: torch.Tensor, parents: torch.Tensor) -> None:
        import torch

        with torch.no_grad():
            rows = parents.detach()[: len(self.old)].to(table.dtype)  # they may be held in bfloat16
            ordinary = torch.ones(len(rows), dtype=torch.bool, device=rows.device)
            ordinary[list(self.old.special.as_values().values())] = False
            table.copy_(rows[ordinary].mean(dim=0).expand_as(table))
            self.put(table, rows)
            for index, other in self._special:
                table[index] = rows[other]
            table[self.new.special.pad] = 0
