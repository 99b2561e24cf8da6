"""States of a frozen encoder, computed once per run and read in every epoch.

If neither the source embeddings nor the encoder are trained, a sentence or a recording has the same encoder
states in every epoch. They are kept in a memory-mapped file, so memory does not grow with the corpus. The
encoder then runs without dropout.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from crosslate.errors import TrainingError
from crosslate.files import atomic_file
from crosslate.models.tensors import evaluating
from crosslate.training.batches import (
    Batch,
    BatchIds,
    Integers,
    PairIds,
    PlannedBatch,
    SignalPairs,
    collate,
    filled,
    plan_batches,
)

MAX_BYTES = 32 * 2**30
"""Larger states are recomputed in every epoch."""

_FILES_AT_ONCE = 8
"""Recordings or images that the encoder reads at once."""

# numpy has no bfloat16: store the bits and reinterpret them in PyTorch.
_BITS = {torch.bfloat16: torch.int16, torch.float32: torch.int32}


class EncoderStates:
    """The states of all pairs' source sentences, end of sentence included, or of recordings or images.

    Args:
        path: file written by :func:`compute_states` for the same pairs.
        pairs: the lengths of their sources locate each one's rows.
        dtype: of the file, bfloat16 or float32.
    """

    def __init__(self, path: Path, pairs: PairIds, dtype: torch.dtype) -> None:
        self._is_signal = isinstance(pairs, SignalPairs)
        self._starts, self._lengths = _starts(pairs), _lengths(pairs)
        bits = torch.empty(0, dtype=_BITS[dtype]).numpy().dtype
        self._rows = np.memmap(path, bits, "r").reshape(int(self._starts[-1]), -1)
        self._dtype = dtype

    def gather(self, planned: PlannedBatch) -> torch.Tensor:
        """(rows, src_len, width) states of a batch, zero at padding.

        Those of recordings or images are as long as the longest, since most models do not mask them.
        """
        indices: Sequence[int] = filled(planned) if self._is_signal else planned.indices
        length = int(self._lengths[list(indices)].max()) if self._is_signal else planned.src_len
        gathered = np.zeros((planned.rows, length, self._rows.shape[1]), self._rows.dtype)
        for row, index in enumerate(indices):
            start, end = self._starts[index : index + 2]
            gathered[row, : end - start] = self._rows[start:end]
        return torch.from_numpy(gathered).view(self._dtype)


def states_size(encoder: nn.Module, pairs: PairIds, dtype: torch.dtype, device: torch.device) -> int:
    """Size in bytes of the states of all sources."""
    shortest = int(np.argmin(_lengths(pairs)))
    probe = PlannedBatch(
        (shortest,), 1, int(pairs.source_lengths[shortest]), int(pairs.target_lengths[shortest])
    )
    with evaluating(encoder), torch.no_grad():
        width = _states(encoder, collate(pairs, probe, BatchIds(0, 0, 0)).to(device), dtype).shape[-1]
    return int(np.sum(_lengths(pairs), dtype=np.int64)) * width * dtype.itemsize


def states_path(folder: Path, pairs: PairIds, dtype: torch.dtype, identity: dict[str, Any]) -> Path:
    """File of the states, named by a hash of corpus, model and precision."""
    key = hashlib.sha256(json.dumps([identity, str(dtype)], sort_keys=True).encode())
    key.update(np.ascontiguousarray(_lengths(pairs)).tobytes())
    return folder / f"encoder-states-{key.hexdigest()[:16]}.bin"


@torch.no_grad()
def compute_states(
    encoder: nn.Module,
    pairs: PairIds,
    path: Path,
    *,
    dtype: torch.dtype,
    source_pad: int,
    batch_tokens: int,
    device: torch.device,
    check_stop: Callable[[], None] = lambda: None,
) -> None:
    """Writes the encoder's output for every source to ``path``, atomically.

    Args:
        encoder: called in evaluation mode with a batch's source and mask.
        dtype: of the file; bfloat16 also sets the precision of the computation.
        batch_tokens: source plus target positions of a batch, as in training.
        check_stop: called after every batch; may raise to end the computation.

    Raises:
        TrainingError: the file cannot be written (a full disk).
    """
    starts, lengths = _starts(pairs), _lengths(pairs)
    try:
        with evaluating(encoder), atomic_file(path) as temporary, temporary.open("wb") as file:
            for planned in _batches(pairs, batch_tokens):
                batch = collate(pairs, planned, BatchIds(source_pad, 0, 0)).to(device)
                states = _states(encoder, batch, dtype)
                values = states.to("cpu", dtype).view(_BITS[dtype]).numpy()
                row_bytes = values.shape[-1] * values.itemsize
                for row, index in enumerate(planned.indices):
                    file.seek(int(starts[index]) * row_bytes)
                    file.write(values[row, : lengths[index]].tobytes())
                check_stop()
    except OSError as error:
        raise TrainingError(
            f"cannot write the encoder's states ({starts[-1]:,} tokens) to {path.parent}: "
            f"{error.strerror}; free some space, or recompute them in every epoch with encoder_cache=off"
        ) from error


def _batches(pairs: PairIds, batch_tokens: int) -> list[PlannedBatch]:
    if not isinstance(pairs, SignalPairs):
        return plan_batches(pairs.source_lengths, pairs.target_lengths, batch_tokens, seed=0, epoch=0)
    # Convolutions see a little of the padding, so only files of one length are read together.
    is_padded = len(np.unique(pairs.num_positions)) > 1
    rows, longest = 1 if is_padded else _FILES_AT_ONCE, int(pairs.target_lengths.max())
    cut = (range(start, min(start + rows, len(pairs))) for start in range(0, len(pairs), rows))
    return [PlannedBatch(tuple(each), len(each), longest, longest) for each in cut]


def _states(encoder: nn.Module, batch: Batch, dtype: torch.dtype) -> torch.Tensor:
    with torch.autocast(batch.labels.device.type, torch.bfloat16, enabled=dtype == torch.bfloat16):
        states: torch.Tensor = encoder(**batch.inputs)[0]
    return states


def _lengths(pairs: PairIds) -> Integers:
    """(num_pairs,) rows of each source."""
    return pairs.num_positions if isinstance(pairs, SignalPairs) else pairs.source_lengths


def _starts(pairs: PairIds) -> np.ndarray:
    """(num_pairs + 1,) first row of each source."""
    return np.concatenate([[0], np.cumsum(_lengths(pairs), dtype=np.int64)])
