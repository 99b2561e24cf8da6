"""``auto=50%``: choose the cross-attention heads to train, before training starts.

While the new embeddings are random, the gradient of cross-attention says little. So the embeddings are
first trained alone for some updates. They are used only to score the heads; training then starts from the
beginning with the chosen heads.
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
"""Updates of the embeddings alone before heads are scored; docs/strategies.md explains the number."""

SCORED_BATCHES = 50


def without_choice(strategy: Strategy) -> Strategy:
    """The strategy with all of cross-attention, used to score heads."""
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
    """Resolves ``auto`` into named heads; the result is stored, so that a later call returns the same.

    Args:
        child: made with :func:`without_choice` of the strategy; its embeddings are trained and not restored.
        strategy: with ``auto``.
        pairs: training pairs.
        settings: of the training that follows.
        identity: hashes of everything that determines the child and its text.

    Returns:
        The strategy with named heads, and a record of the request, the method and the scores.

    Raises:
        StrategyError: this model family does not expose its heads, or the limits name a layer that the model
            lacks.
        Interrupted: the run was asked to stop; its state is saved.
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
    """Trains the embeddings alone and returns the number of updates."""
    groups = {group: each for group, each in trainee.parameters.items() if group in EMBEDDINGS}
    embeddings = replace(trainee, parameters=groups)
    _require_gradients(trainee, groups)
    record = train(
        embeddings, pairs, settings, None, folder, identity=identity, title=title, progress=progress
    )
    _require_gradients(trainee, trainee.parameters)
    return int(record["updates"])


def _check(child: Child, strategy: Strategy) -> None:
    """Raises before any work if heads cannot be chosen."""
    parent = child.parent
    renewed = child.plan.renewed if child.plan else frozenset[Side]()
    sizes = {side: len(child.source if side == "source" else child.target) for side in renewed}
    some = strategy.with_heads({layer: [0] for layer in strategy.limits.layers or [0]})
    make_plan(parent.model, parent.anatomy, some, sizes)


def _warmup(settings: TrainingSettings) -> TrainingSettings:
    """Settings of the warm-up: a constant rate, and no more updates than the training that follows."""
    updates = min(WARMUP_UPDATES, settings.max_updates or WARMUP_UPDATES)
    return settings.changed(
        max_updates=updates, schedule="constant", schedule_updates=0,
        warmup_updates=min(settings.warmup_updates, updates // 4), validate_every_updates=0, patience=0,
        ema_decay=0.0,  # the state after the last update is scored
        # Caching the states of all sentences does not pay within a fraction of an epoch.
        encoder_cache="off",
    )  # fmt: skip


def _key(identity: dict[str, Any], warmup: TrainingSettings, limits: Limits) -> str:
    """Hash of everything the importance depends on, without settings that a resumed run may change."""
    settings = {name: value for name, value in warmup.to_values().items() if name not in MAY_CHANGE}
    described = [identity, settings, SCORED_BATCHES, sorted(limits.projections or ())]
    return sha256_text(json.dumps(described, sort_keys=True))


def _require_gradients(trainee: Trainee, groups: dict[str, Any]) -> None:
    for name, parameters in trainee.parameters.items():
        for parameter in parameters.values():
            parameter.requires_grad_(name in groups)
