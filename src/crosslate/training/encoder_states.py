"""States of a frozen encoder, computed once per run and read in every epoch.

If neither the source embeddings nor the encoder are trained, a sentence has the same encoder states in every
epoch. They are kept in a memory-mapped file, so memory does not grow with the corpus. The encoder then runs
without dropout.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from crosslate.errors import TrainingError
from crosslate.files import atomic_file
from crosslate.models.tensors import evaluating
from crosslate.training.batches import BatchIds, PairIds, PlannedBatch, collate, plan_batches

MAX_BYTES = 32 * 2**30
"""Larger states are recomputed in every epoch."""

# numpy has no bfloat16: store the bits and reinterpret them in PyTorch.
_BITS = {torch.bfloat16: torch.int16, torch.float32: torch.int32}


class EncoderStates:
    """The states of all pairs' source sentences, end of sentence included.

    Args:
        path: file written by :func:`compute_states` for the same pairs.
        pairs: their source lengths locate each sentence's rows.
        dtype: of the file, bfloat16 or float32.
    """

    def __init__(self, path: Path, pairs: PairIds, dtype: torch.dtype) -> None:
        self._starts = _starts(pairs)
        bits = torch.empty(0, dtype=_BITS[dtype]).numpy().dtype
        self._rows = np.memmap(path, bits, "r").reshape(int(self._starts[-1]), -1)
        self._dtype = dtype

    def gather(self, planned: PlannedBatch) -> torch.Tensor:
        """(rows, src_len, width) states of a batch, zero at padding."""
        gathered = np.zeros((planned.rows, planned.src_len, self._rows.shape[1]), self._rows.dtype)
        for row, index in enumerate(planned.indices):
            start, end = self._starts[index : index + 2]
            gathered[row, : end - start] = self._rows[start:end]
        return torch.from_numpy(gathered).view(self._dtype)


def states_size(encoder: nn.Module, pairs: PairIds, dtype: torch.dtype, device: torch.device) -> int:
    """Size in bytes of the states of all source tokens."""
    one = torch.ones(1, 1, dtype=torch.int64, device=device)
    with evaluating(encoder), torch.no_grad():
        width = _states(encoder, one, one, dtype).shape[-1]
    return int(np.sum(pairs.source_lengths, dtype=np.int64)) * width * dtype.itemsize


def states_path(folder: Path, pairs: PairIds, dtype: torch.dtype, identity: dict[str, Any]) -> Path:
    """File of the states, named by a hash of corpus, model and precision."""
    key = hashlib.sha256(json.dumps([identity, str(dtype)], sort_keys=True).encode())
    key.update(np.ascontiguousarray(pairs.source_lengths).tobytes())
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
    """Writes the encoder's output for every source sentence to ``path``, atomically.

    Args:
        encoder: called in evaluation mode with ``input_ids`` and ``attention_mask``.
        dtype: of the file; bfloat16 also sets the precision of the computation.
        batch_tokens: source plus target positions of a batch, as in training.
        check_stop: called after every batch; may raise to end the computation.

    Raises:
        TrainingError: the file cannot be written (a full disk).
    """
    starts, lengths = _starts(pairs), pairs.source_lengths
    try:
        with evaluating(encoder), atomic_file(path) as temporary, temporary.open("wb") as file:
            for planned in plan_batches(lengths, pairs.target_lengths, batch_tokens, seed=0, epoch=0):
                batch = collate(pairs, planned, BatchIds(source_pad, 0, 0)).to(device)
                states = _states(encoder, batch.source, batch.source_mask, dtype)
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


def _states(encoder: nn.Module, ids: torch.Tensor, mask: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    with torch.autocast(ids.device.type, torch.bfloat16, enabled=dtype == torch.bfloat16):
        states: torch.Tensor = encoder(input_ids=ids, attention_mask=mask)[0]
    return states


def _starts(pairs: PairIds) -> np.ndarray:
    """(num_pairs + 1,) first row of each sentence."""
    return np.concatenate([[0], np.cumsum(pairs.source_lengths, dtype=np.int64)])
