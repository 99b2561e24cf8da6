"""Compact forms of a changed tensor: what is stored beside the parent's tensor to make the child's.

Nothing here imports torch: a manifest holds forms, and is read without it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Form:
    """How a child's tensor is made of its parent's and of a smaller one.

    Attributes:
        kind: ``low-rank``: the parent's matrix plus a product of two thin ones, which are stored side by side
            as one tensor (rank, rows + columns): ``parent + stored[:, :rows].T @ stored[:, rows:]``.
            ``scale``: the parent's tensor times one factor for each slice along ``axis``.
        shape: of the whole tensor.
        rank: of the product; None for a scale.
        axis: of the slices; None for a low-rank form.
    """

    kind: Literal["low-rank", "scale"]
    shape: tuple[int, ...]
    rank: int | None = None
    axis: int | None = None

    @property
    def stored_shape(self) -> tuple[int, ...]:
        """Shape of what is stored."""
        return (self.rank or 0, sum(self.shape)) if self.axis is None else (self.shape[self.axis],)

    @property
    def fault(self) -> str:
        """What makes this no form; empty where nothing does."""
        if self.kind == "low-rank":
            if len(self.shape) != 2 or self.rank is None or self.rank < 1 or self.axis is not None:
                return "a low-rank form needs two lengths in its shape, a rank from 1, and no axis"
        elif self.axis is None or not 0 <= self.axis < len(self.shape) or self.rank is not None:
            return "a scale needs an axis of its shape, and no rank"
        return ""

    def applied(self, original: torch.Tensor, stored: torch.Tensor) -> torch.Tensor:
        """The child's tensor, in the type of ``original``; computed in float32 at least.

        Args:
            original: the parent's tensor, of ``shape``.
            stored: of ``stored_shape``.
        """
        base = original.detach() if original.dtype.itemsize >= 4 else original.detach().float()
        stored = stored.to(base)
        if self.axis is None:
            rows = self.shape[0]
            made = base + stored[:, :rows].T @ stored[:, rows:]
        else:
            made = base * stored.view([-1 if axis == self.axis else 1 for axis in range(len(self.shape))])
        return made.to(original.dtype)
