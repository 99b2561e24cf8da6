"""``auto=50%``: which heads of cross-attention are trained, found before training starts.

At the start of a child the gradient of cross-attention says little, since the new embeddings are random. So
the embeddings alone are trained for some updates first; what they have become then serves only to score the
heads, and training starts from the beginning with the heads that were chosen.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from crosslate.adaptation.run_folder import Run
from crosslate.files import read_json, sha256_text, write_json
from crosslate.models.child import Child
from crosslate.models.groups import ADDED, EMBEDDINGS, Side
from crosslate.models.methods.full import Limits
from crosslate.models.plan import make_plan
from crosslate.models.strategies import Strategy
from crosslate.training.batches import PairIds
from crosslate.training.checkpoints import MAY_CHANGE
from crosslate.training.importance import ROLES, head_importance, most_important
from crosslate.training.loop import train
from crosslate.training.optimiser import Trainee
from crosslate.training.progress import Progress
from crosslate.training.settings import TrainingSettings

WARMUP_UPDATES = 200
"""Updates of the embeddings alone before heads are scored; see docs/strategies.md for why so many."""

SCORED_BATCHES = 50


def without_choice(strategy: Strategy) -> Strategy:
    """The strategy that trains cross-attention as a whole, which heads are scored on."""
    return strategy.limited(Limits())


def choose_heads(
    child: Child,
    strategy: Strategy,
    pairs: PairIds,
    settings: TrainingSettings,
    run: Run,
    *,
    identity: dict[str, Any],
    progress: Progress | None = None,
) -> tuple[Strategy, dict[str, Any]]:
    """Resolves a share of heads into heads; called again, it finds what it has found before.

    Args:
        child: made by :func:`without_choice` of the strategy; it is used up.
        strategy: with ``auto``.
        pairs: of the training text.
        settings: of the training that follows.
        identity: hashes of what determines the child and its text.

    Returns:
        The strategy with heads, and the record: what was asked for, how heads were scored and their scores.

    Raises:
        StrategyError: heads have no slices of their own in this family of models, or the limits name a layer
            that it does not have.
        Interrupted: asked to stop; the state is saved.
    """
    limits = strategy.limits
    _check(child, strategy)
    warmup = _warmup(settings)
    path = run.encoded / f"heads-{_key(identity, warmup, limits)[:12]}" / "importance.json"
    trainee = Trainee.of(child, child.trained, strategy.reinitialise | {ADDED})
    title = f"{child.source_language}-{child.target_language} warm-up to choose heads"
    updates = 0
    if not path.is_file():
        updates = _warm_up(trainee, pairs, warmup, path.parent, identity, title, progress)
    with run.main_process_first():
        if not path.is_file():
            scores = head_importance(
                trainee, child.parent.anatomy, pairs, settings, roles=limits.projections or ROLES,
                max_batches=SCORED_BATCHES,
            )  # fmt: skip
            write_json(path, {"updates": updates, "importance": list(scores.items())})
    found = read_json(path)
    importance: dict[int, list[float]] = dict(found["importance"])
    if limits.layers is not None:
        importance = {layer: each for layer, each in importance.items() if layer in limits.layers}
    rounded = {str(layer): [float(f"{each:.4g}") for each in row] for layer, row in importance.items()}
    record = {
        "asked": str(strategy), "warmup_updates": found["updates"], "batches": SCORED_BATCHES,
        "importance": rounded,
    }  # fmt: skip
    return strategy.with_heads(most_important(importance, limits.auto or 100)), record


def _warm_up(
    trainee: Trainee,
    pairs: PairIds,
    settings: TrainingSettings,
    folder: Path,
    identity: dict[str, Any],
    title: str,
    progress: Progress | None,
) -> int:
    """Trains the embeddings alone; the number of updates that were made."""
    groups = {group: each for group, each in trainee.parameters.items() if group in EMBEDDINGS}
    embeddings = replace(trainee, parameters=groups)
    _require_gradients(trainee, groups)
    record = train(
        embeddings, pairs, settings, None, folder, identity=identity, title=title, progress=progress
    )
    _require_gradients(trainee, trainee.parameters)
    return int(record["updates"])


def _check(child: Child, strategy: Strategy) -> None:
    """Refuses what could not be chosen from, before any work."""
    parent = child.parent
    renewed = child.plan.renewed if child.plan else frozenset[Side]()
    sizes = {side: len(child.source if side == "source" else child.target) for side in renewed}
    some = strategy.with_heads({layer: [0] for layer in strategy.limits.layers or [0]})
    make_plan(parent.model, parent.anatomy, some, sizes)


def _warmup(settings: TrainingSettings) -> TrainingSettings:
    """A run at a constant rate, no longer than the training that follows."""
    updates = min(WARMUP_UPDATES, settings.max_updates or WARMUP_UPDATES)
    return settings.changed(
        max_updates=updates, schedule="constant", schedule_updates=0,
        warmup_updates=min(settings.warmup_updates, updates // 4), validate_every_updates=0, patience=0,
        # The states of all sentences would be computed for a fraction of an epoch.
        encoder_cache="off",
    )  # fmt: skip


def _key(identity: dict[str, Any], warmup: TrainingSettings, limits: Limits) -> str:
    """What the importance depends on; not what a resumed run may change, so that its heads stay."""
    settings = {name: value for name, value in warmup.to_values().items() if name not in MAY_CHANGE}
    described = [identity, settings, SCORED_BATCHES, sorted(limits.projections or ())]
    return sha256_text(json.dumps(described, sort_keys=True))


def _require_gradients(trainee: Trainee, groups: dict[str, Any]) -> None:
    for name, parameters in trainee.parameters.items():
        for parameter in parameters.values():
            parameter.requires_grad_(name in groups)
