"""Time estimates for cells, from counted operations and the times of finished cells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median

from crosslate.models.groups import GROUPS
from crosslate.models.sizes import parse_size
from crosslate.studies.cells import ANALYSIS_OPERATIONS, Cell
from crosslate.training.settings import TrainingSettings

TOKENS_PER_SIDE = 16
"""Typical sentence length of captions and phrases; news has about twice as many."""

OPERATIONS_PER_SECOND = 8e10
"""Of one core with low-precision matrix products; used until a cell of the study is done."""

GPU_OPERATIONS_PER_SECOND = 5e12
"""Of one GPU, likewise. Not measured: a third of the 15.7e12 in float32 of NVIDIA's data sheet of the V100,
since batches of a few thousand tokens leave a part of a GPU idle. Newer GPUs are several times as fast."""

_TYPICAL_VOCABULARY = 8_000


def training_operations(
    size: str, num_pairs: int, settings: TrainingSettings, trained: frozenset[str] = frozenset(GROUPS)
) -> float:
    """Approximate floating-point operations of a training run up to its limit.

    Per token, a trained weight costs six operations (forward, gradients of input and weight), a frozen one
    four.
    """
    model = parse_size(size)
    attention, feed_forward = 4 * model.width**2, 2 * model.width * model.feed_forward
    encoder = model.layers * (attention + feed_forward)
    decoder = encoder + model.layers * attention + _TYPICAL_VOCABULARY * model.width
    each = 6 if trained >= {"enc", "dec"} else 4
    pairs_per_update = settings.batch_tokens * settings.accumulate_batches / (2 * TOKENS_PER_SIDE)
    pairs = settings.max_epochs * max(float(num_pairs), settings.min_epoch_updates * pairs_per_update)
    if settings.max_updates:
        limit = settings.max_updates * pairs_per_update
        pairs = min(pairs, limit) if pairs else limit
    return each * TOKENS_PER_SIDE * (encoder + decoder) * pairs + ANALYSIS_OPERATIONS


def estimated_seconds(
    cells: Sequence[Cell], seconds: Mapping[str, float], num_cores: int, *, has_gpu: bool = False
) -> tuple[dict[str, float], bool]:
    """Estimated seconds per cell by key, and whether they are based on finished cells.

    Args:
        seconds: measured times of finished cells, by key.
        num_cores: cores per cell; ignored if there are finished cells, or a GPU.
        has_gpu: whether cells run on a GPU; ignored if there are finished cells.
    """
    done = [cell for cell in cells if cell.key in seconds and seconds[cell.key] > 0 and cell.operations]
    paces: dict[str, float] = {}
    for kind in {cell.kind for cell in done}:
        paces[kind] = median(seconds[cell.key] / cell.operations for cell in done if cell.kind == kind)
    speed = GPU_OPERATIONS_PER_SECOND if has_gpu else OPERATIONS_PER_SECOND * num_cores
    overall = median(paces.values()) if paces else 1 / speed
    return {cell.key: cell.operations * paces.get(cell.kind, overall) for cell in cells}, bool(done)


def duration(seconds: float) -> str:
    """Formats seconds: ``40 s``, ``12 min``, ``3 h 20 min``, ``2 d 4 h``."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes:02d} min"
    return f"{hours // 24} d {hours % 24} h"
