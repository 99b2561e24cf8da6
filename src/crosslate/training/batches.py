"""Batches filled by tokens, in a small set of fixed shapes.

Low-precision kernels (oneDNN on CPU, compiled graphs on GPU) are prepared per shape, so shapes must
recur: lengths are rounded up to a coarse grid, every shape has a fixed number of rows, and unused rows are
dummies without loss.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt
import torch

from crosslate.errors import TrainingError

IGNORED = -100
"""Label of a position without loss, as in PyTorch's cross-entropy."""

_ROW_STEP = 8
_MOST_POSITIONS = 16_384
"""Of recordings or images in a part of a batch."""
Integers = npt.NDArray[np.integer]


class PairIds(Protocol):
    """Ids of aligned pairs, each side ending in its end-of-sentence id."""

    @property
    def source_lengths(self) -> Integers: ...
    @property
    def target_lengths(self) -> Integers: ...
    def __len__(self) -> int: ...
    def source_ids(self, index: int) -> Integers: ...
    def target_ids(self, index: int) -> Integers: ...


class PairsInMemory:
    """A short text as :class:`PairIds`: ids of its sources, and as many of its targets."""

    def __init__(self, sources: Sequence[Sequence[int]], targets: Sequence[Sequence[int]]) -> None:
        self._sources, self._targets = (
            [np.array(ids, np.int32) for ids in side] for side in (sources, targets)
        )
        self.source_lengths, self.target_lengths = (
            np.array(list(map(len, side)), np.int32) for side in (self._sources, self._targets)
        )

    def __len__(self) -> int:
        return len(self._sources)

    def source_ids(self, index: int) -> Integers:
        return self._sources[index]

    def target_ids(self, index: int) -> Integers:
        return self._targets[index]


@runtime_checkable
class ChangingPairs(Protocol):
    """Pairs whose source sides change from epoch to epoch; source lengths are fixed upper bounds."""

    def set_epoch(self, epoch: int) -> None: ...


@runtime_checkable
class SampledPairs(Protocol):
    """Pairs of which each epoch uses some; lengths and ids are those of all."""

    def rows(self, epoch: int) -> Integers:
        """Indices of the pairs of a 0-based epoch; as many in every epoch."""
        ...


@runtime_checkable
class SignalPairs(Protocol):
    """Pairs whose sources are recordings or images, which have no ids.

    ``source_lengths`` are the target's, so that a batch has as many sentences as one of text.
    """

    @property
    def num_positions(self) -> Integers:
        """(pairs,) positions of the encoder's states."""
        ...

    def inputs(self, indices: Sequence[int], *, with_features: bool) -> SignalInputs: ...


class SignalInputs(NamedTuple):
    """What an encoder reads of several files.

    Attributes:
        name: the model's argument.
        features: (rows, …) float32; None if they were not asked for.
        mask: (rows, length) int64, 1 for what is not padding; None if nothing is padded.
    """

    name: str
    features: torch.Tensor | None
    mask: torch.Tensor | None


class BatchIds(NamedTuple):
    """Padding ids of each side and the id that the decoder starts with."""

    source_pad: int
    target_pad: int
    decoder_start: int


@dataclass(frozen=True)
class PlannedBatch:
    """Which pairs form a batch, and its fixed shape. ``len(indices) <= rows``."""

    indices: tuple[int, ...]
    rows: int
    src_len: int
    tgt_len: int


@dataclass(frozen=True)
class Batch:
    """One batch of tensors.

    Attributes:
        source: (rows, src_len) int64 token ids, or (rows, …) float32 features of recordings or images; None
            for these if the states are given.
        source_mask: (rows, src_len) int64, 1 for tokens or frames and 0 for padding; None for recordings and
            images that are not padded.
        decoder_input: (rows, tgt_len) int64, the target shifted right behind the start id.
        labels: (rows, tgt_len) int64 target ids; :data:`IGNORED` where there is no loss.
        num_labels: positions with loss.
        num_tokens: source and target tokens, without padding.
        states: (rows, src_len, width) output of a frozen encoder, in place of running it; None otherwise.
        source_name: the model's argument for the source.
        num_positions: positions of each recording or image, which are far more than a sentence's; 0 for text.
    """

    source: torch.Tensor | None
    source_mask: torch.Tensor | None
    decoder_input: torch.Tensor
    labels: torch.Tensor
    num_labels: int
    num_tokens: int
    states: torch.Tensor | None = None
    source_name: str = "input_ids"
    num_positions: int = 0

    @property
    def mask(self) -> dict[str, torch.Tensor]:
        """The mask of the source as the model's argument, if there is one."""
        return {} if self.source_mask is None else {"attention_mask": self.source_mask}

    @property
    def inputs(self) -> dict[str, torch.Tensor]:
        """The source as arguments of the model or its encoder."""
        source = {} if self.source is None else {self.source_name: self.source}
        return source | self.mask

    def to(self, device: torch.device) -> Batch:
        return self._mapped(lambda tensor: tensor.to(device, non_blocking=True))

    def rows(self, start: int, end: int) -> Batch:
        """The rows ``start`` to ``end``; counts remain those of the whole batch."""
        return self._mapped(lambda tensor: tensor[start:end])

    def parts(self) -> list[Batch]:
        """The batch in parts that fit into memory: itself, unless it has recordings or images."""
        rows = max(1, _MOST_POSITIONS // max(1, self.num_positions))
        if rows >= len(self.labels):
            return [self]
        return [self.rows(start, start + rows) for start in range(0, len(self.labels), rows)]

    def _mapped(self, change: Callable[[torch.Tensor], torch.Tensor]) -> Batch:
        tensors = {name: each for name, each in vars(self).items() if isinstance(each, torch.Tensor)}
        return replace(self, **{name: change(each) for name, each in tensors.items()})


def plan_batches(
    source_lengths: Integers,
    target_lengths: Integers,
    batch_tokens: int,
    seed: int,
    epoch: int,
    pairs: Integers | None = None,
) -> list[PlannedBatch]:
    """Groups all pairs of one epoch into batches; every pair appears exactly once.

    The order within shapes and of the batches depends only on ``(seed, epoch)``; the number of batches is
    the same for every epoch of the same pairs. Pairs that do not fill a batch of their shape share batches of
    a larger shape.

    Args:
        source_lengths, target_lengths: (num_pairs,) tokens, end of sentence included.
        batch_tokens: source plus target positions per batch, padding included.
        epoch: 0-based epoch.
        pairs: indices of the pairs to use; None uses all.

    Raises:
        TrainingError: ``batch_tokens`` cannot hold the longest pair.
    """
    random = np.random.default_rng([seed, epoch])
    order = random.permutation(len(source_lengths)) if pairs is None else random.permutation(pairs)
    src, tgt = _rounded(source_lengths[order]), _rounded(target_lengths[order])
    if not len(order):
        return []
    if (longest := int((src + tgt).max())) > batch_tokens:
        raise TrainingError(
            f"batches of {batch_tokens} tokens cannot hold the longest pair ({longest} tokens with padding); "
            f"set at least {longest} tokens per batch or drop longer pairs"
        )
    # A stable sort keeps the random order within a shape.
    by_shape = np.lexsort((tgt, src))
    src, tgt, order = src[by_shape], tgt[by_shape], order[by_shape]
    starts = np.flatnonzero(np.r_[True, (src[1:] != src[:-1]) | (tgt[1:] != tgt[:-1])])
    batches: list[PlannedBatch] = []
    left: list[int] = []
    for start, end in zip(starts, [*starts[1:], len(src)], strict=True):
        rows = _rows(int(src[start]), int(tgt[start]), batch_tokens)
        full = (end - start) // rows * rows
        for at in range(start, start + full, rows):
            indices = tuple(order[at : at + rows].tolist())
            batches.append(PlannedBatch(indices, rows, int(src[start]), int(tgt[start])))
        left.extend(range(start + full, end))
    batches += _leftovers(left, src, tgt, order, batch_tokens)
    return [batches[index] for index in random.permutation(len(batches))]


def _leftovers(
    left: list[int], src: Integers, tgt: Integers, order: Integers, batch_tokens: int
) -> list[PlannedBatch]:
    """Batches of mixed shapes: groups pairs of similar length in a shape large enough for all of them."""
    left.sort(key=lambda at: (max(src[at], tgt[at]), src[at] + tgt[at]))
    batches = []
    group: list[int] = []
    shape = (0, 0)
    for at in left:
        own = (int(src[at]), int(tgt[at]))
        grown = (max(shape[0], own[0]), max(shape[1], own[1]))
        if group and len(group) >= _rows(*grown, batch_tokens):
            batches.append(_mixed(order[group], shape, batch_tokens))
            group, grown = [], own
        group.append(at)
        shape = grown
    return [*batches, _mixed(order[group], shape, batch_tokens)] if group else batches


def _mixed(indices: Integers, shape: tuple[int, int], batch_tokens: int) -> PlannedBatch:
    # Square shapes recur; free combinations of two lengths rarely do.
    square = (max(shape),) * 2
    if len(indices) > _rows(*square, batch_tokens):
        square = shape
    return PlannedBatch(tuple(indices.tolist()), _rows(*square, batch_tokens), *square)


def longest_unpadded(max_positions: int) -> int:
    """The longest sentence that fits into ``max_positions`` after padding."""
    step = int(_steps(np.asarray(max_positions)))
    return max_positions // step * step


def _rounded(lengths: Integers) -> Integers:
    """Rounds lengths up to a multiple of 4 (up to 32), 8 (up to 64), 16 (up to 128) or 32.

    On captions of 15 tokens on average, a grid of 8 throughout fills 79 % of the positions, this one 88 %.
    """
    lengths = np.asarray(lengths, dtype=np.int64)
    steps = _steps(lengths)
    return (lengths + steps - 1) // steps * steps


def _steps(lengths: Integers) -> Integers:
    return np.select([lengths <= 32, lengths <= 64, lengths <= 128], [4, 8, 16], 32)


def _rows(src_len: int, tgt_len: int, batch_tokens: int) -> int:
    rows = batch_tokens // (src_len + tgt_len)
    return rows // _ROW_STEP * _ROW_STEP if rows >= _ROW_STEP else rows


def collate(pairs: PairIds, planned: PlannedBatch, ids: BatchIds, *, with_features: bool = True) -> Batch:
    """Builds the tensors of a planned batch.

    Args:
        with_features: of recordings or images; not needed if the encoder's states are there.
    """
    shape_tgt = (planned.rows, planned.tgt_len)
    decoder_input = np.full(shape_tgt, ids.target_pad, dtype=np.int64)
    decoder_input[:, 0] = ids.decoder_start
    labels = np.full(shape_tgt, IGNORED, dtype=np.int64)
    num_labels = 0
    for row, index in enumerate(planned.indices):
        tgt = pairs.target_ids(index)
        decoder_input[row, 1 : len(tgt)] = tgt[:-1]
        labels[row, : len(tgt)] = tgt
        num_labels += len(tgt)
    target = torch.from_numpy(decoder_input), torch.from_numpy(labels), num_labels
    if isinstance(pairs, SignalPairs):
        rows = filled(planned)
        name, features, signal_mask = pairs.inputs(rows, with_features=with_features)
        longest = int(pairs.num_positions[rows].max())
        return Batch(
            features, signal_mask, *target, 2 * num_labels, source_name=name, num_positions=longest
        )  # fmt: skip
    shape_src = (planned.rows, planned.src_len)
    source = np.full(shape_src, ids.source_pad, dtype=np.int64)
    mask = np.zeros(shape_src, dtype=np.int64)
    mask[:, 0] = 1  # dummy rows attend to one position: a fully masked softmax is undefined
    num_tokens = num_labels
    for row, index in enumerate(planned.indices):
        src = pairs.source_ids(index)
        source[row, : len(src)] = src
        mask[row, : len(src)] = 1
        num_tokens += len(src)
    return Batch(torch.from_numpy(source), torch.from_numpy(mask), *target, num_tokens)


def filled(planned: PlannedBatch) -> list[int]:
    """A pair for every row of a batch of recordings or images; dummy rows repeat one."""
    indices = planned.indices or (0,)
    return [*indices, *[indices[0]] * (planned.rows - len(indices))]


def pieces_in_targets(pairs: PairIds) -> npt.NDArray[np.int64]:
    """The ids that occur in any target, (num_pieces,) int64, ascending."""
    seen = np.zeros(2**16, bool)
    for index in range(len(pairs)):
        ids = pairs.target_ids(index)
        if (largest := int(ids.max(initial=0))) >= len(seen):
            seen = np.pad(seen, (0, largest + 2**16 - len(seen)))
        seen[ids] = True
    return np.flatnonzero(seen)


def shard(batches: Sequence[PlannedBatch], process: int, num_processes: int) -> Iterator[PlannedBatch]:
    """The batches of one process: every ``num_processes``-th, the same number for every process.

    The last round is filled with batches without pairs, so that no process waits for another.
    """
    for start in range(0, len(batches), num_processes):
        at = start + process
        yield batches[at] if at < len(batches) else replace(batches[start], indices=())
