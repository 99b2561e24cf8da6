"""Compact forms in which a pack stores changed tensors.

Nothing here imports torch, since manifests contain forms and are read without it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from itertools import pairwise
from typing import TYPE_CHECKING, Any, ClassVar

from crosslate.config import Settings

if TYPE_CHECKING:
    import torch


class Form(Settings, ABC):
    """How to make a child's tensor from its parent's and a smaller, stored one.

    Attributes:
        kind: its name in a manifest.
        fate: display text for trained tensors, with fields in braces.
        shape: of the child's tensor.
    """

    kind: ClassVar[str]
    fate: ClassVar[str]
    shape: tuple[int, ...]

    @property
    @abstractmethod
    def stored_shape(self) -> tuple[int, ...]: ...

    @property
    @abstractmethod
    def fault(self) -> str:
        """Why the form is invalid; empty if it is valid."""

    @abstractmethod
    def combined(self, base: torch.Tensor, stored: torch.Tensor) -> torch.Tensor:
        """The child's tensor; both arguments have the same type."""

    def applied(self, original: torch.Tensor, stored: torch.Tensor) -> torch.Tensor:
        """The child's tensor, in the type of ``original``; computed in at least float32."""
        base = original.detach() if original.dtype.itemsize >= 4 else original.detach().float()
        return self.combined(base, stored.to(base)).to(original.dtype)


def half_open_ranges(numbers: Iterable[int]) -> tuple[tuple[int, int], ...]:
    """{0, 1, 2, 5} as (0, 3), (5, 6)."""
    ranges: list[tuple[int, int]] = []
    for number in sorted(set(numbers)):
        if ranges and ranges[-1][1] == number:
            ranges[-1] = (ranges[-1][0], number + 1)
        else:
            ranges.append((number, number + 1))
    return tuple(ranges)


class Slices(Form):
    """Some slices of a tensor, which replace the parent's.

    Attributes:
        ranges: half-open ``(start, stop)`` pairs along the axis, ascending and not adjacent.
    """

    kind: ClassVar[str] = "slices"
    fate: ClassVar[str] = "trained in part"
    axis: int
    ranges: tuple[tuple[int, int], ...]

    @classmethod
    def of(cls, shape: tuple[int, ...], axis: int, indices: Iterable[int]) -> Slices:
        """The slices ``indices`` (any order, repeats count once) of a tensor of ``shape``."""
        return cls(shape=shape, axis=axis, ranges=half_open_ranges(indices))

    @property
    def indices(self) -> list[int]:
        """All slices in ascending order, as stored."""
        return [index for start, stop in self.ranges for index in range(start, stop)]

    @property
    def stored_shape(self) -> tuple[int, ...]:
        count = sum(stop - start for start, stop in self.ranges)
        return (*self.shape[: self.axis], count, *self.shape[self.axis + 1 :])

    @property
    def fault(self) -> str:
        if not 0 <= self.axis < len(self.shape):
            return f"axis is {self.axis}, expected 0 to {len(self.shape) - 1}"
        bounds = [bound for pair in self.ranges for bound in pair]
        is_ascending = all(one < other for one, other in pairwise(bounds))
        if not (bounds and is_ascending and bounds[0] >= 0 and bounds[-1] <= self.shape[self.axis]):
            return (
                f"ranges are {[list(pair) for pair in self.ranges]}, expected ascending pairs within 0 to "
                f"{self.shape[self.axis]} that do not touch"
            )
        return ""

    def combined(self, base: torch.Tensor, stored: torch.Tensor) -> torch.Tensor:
        import torch

        return base.index_copy(self.axis, torch.tensor(self.indices, device=base.device), stored)


class LowRank(Form):
    """The parent's matrix plus a low-rank product.

    Both factors are stored as one tensor (rank, rows + columns):
    ``parent + stored[:, :rows].T @ stored[:, rows:]``.
    """

    kind: ClassVar[str] = "low-rank"
    fate: ClassVar[str] = "trained as a delta of rank {rank}"
    rank: int

    @property
    def stored_shape(self) -> tuple[int, ...]:
        return (self.rank, sum(self.shape))

    @property
    def fault(self) -> str:
        is_valid = len(self.shape) == 2 and self.rank >= 1
        return "" if is_valid else "a low-rank form needs a shape of two axes and a rank of at least 1"

    def combined(self, base: torch.Tensor, stored: torch.Tensor) -> torch.Tensor:
        rows = self.shape[0]
        return base + stored[:, :rows].T @ stored[:, rows:]


class Scale(Form):
    """The parent's tensor with one factor per slice."""

    kind: ClassVar[str] = "scale"
    fate: ClassVar[str] = "scaled"
    axis: int

    @property
    def stored_shape(self) -> tuple[int, ...]:
        return (self.shape[self.axis],)

    @property
    def fault(self) -> str:
        return "" if 0 <= self.axis < len(self.shape) else "a scale needs an axis within its shape"

    def combined(self, base: torch.Tensor, stored: torch.Tensor) -> torch.Tensor:
        return base * stored.view([-1 if axis == self.axis else 1 for axis in range(len(self.shape))])


def form_values(form: Form) -> dict[str, Any]:
    """The plain values of a form, as ``registry.read_form`` reads them."""
    return {"kind": form.kind, **vars(form)}
