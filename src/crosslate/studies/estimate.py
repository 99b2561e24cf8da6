"""How long cells will take: from counted operations, and from the time of cells that are done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median

from crosslate.models.groups import GROUPS
from crosslate.models.sizes import parse_size
from crosslate.studies.cells import ANALYSIS_OPERATIONS, Cell
from crosslate.training.settings import TrainingSettings

TOKENS_PER_SIDE = 16
"""Of a sentence; captions and phrases have about as many, news text twice as many."""

OPERATIONS_PER_SECOND = 8e10
"""Of one core with low-precision matrix products; only used until a cell of the study is done."""

_TYPICAL_VOCABULARY = 8_000


def training_operations(
    size: str, num_pairs: int, settings: TrainingSettings, trained: frozenset[str] = frozenset(GROUPS)
) -> float:
    """Floating-point operations of a training run that reaches its limit, roughly.

    A trained weight costs six operations a token (forward, gradient of the input, gradient of the weight),
    a frozen one four.
    """
    model = parse_size(size)
    attention, feed_forward = 4 * model.width**2, 2 * model.width * model.feed_forward
    encoder = model.layers * (attention + feed_forward)
    decoder = encoder + model.layers * attention + _TYPICAL_VOCABULARY * model.width
    each = 6 if trained >= {"enc", "dec"} else 4
    pairs = float(num_pairs * settings.max_epochs)
    if settings.max_updates:
        pairs_per_update = settings.batch_tokens * settings.accumulate_batches / (2 * TOKENS_PER_SIDE)
        limit = settings.max_updates * pairs_per_update
        pairs = min(pairs, limit) if pairs else limit
    return each * TOKENS_PER_SIDE * (encoder + decoder) * pairs + ANALYSIS_OPERATIONS


def estimated_seconds(
    cells: Sequence[Cell], seconds: Mapping[str, float], num_cores: int
) -> tuple[dict[str, float], bool]:
    """Seconds per cell by key, and whether they rest on cells that are done.

    Args:
        seconds: that done cells took, by key.
        num_cores: that one cell may use; ignored where cells are done, which used as many.
    """
    done = [cell for cell in cells if cell.key in seconds and seconds[cell.key] > 0 and cell.operations]
    paces: dict[str, float] = {}
    for kind in {cell.kind for cell in done}:
        paces[kind] = median(seconds[cell.key] / cell.operations for cell in done if cell.kind == kind)
    overall = median(paces.values()) if paces else 1 / (OPERATIONS_PER_SECOND * num_cores)
    return {cell.key: cell.operations * paces.get(cell.kind, overall) for cell in cells}, bool(done)


def duration(seconds: float) -> str:
    """Seconds as people say them: ``40 s``, ``12 min``, ``3 h 20 min``, ``2 d 4 h``."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes:02d} min"
    return f"{hours // 24} d {hours % 24} h"
