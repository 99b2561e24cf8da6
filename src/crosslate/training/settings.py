"""Settings of a training run, with the presets ``default`` and ``paper``."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from math import inf
from typing import Any, Literal, get_args

from crosslate.errors import Faults, SettingsError, nearest
from crosslate.models.groups import ADDED, EMBEDDINGS, GROUPS

Precision = Literal["auto", "fp32", "bf16"]
EncoderCache = Literal["auto", "off"]
ScheduleName = Literal["inverse_sqrt", "linear", "cosine", "constant"]

MAX_SEED = 2**63 - 1
"""Of 64 bits with a sign, wherever a seed goes; PyTorch refuses those beyond 64 bits."""
_FRESH_EMBEDDINGS_RATE = 3e-3


@dataclass(frozen=True)
class TrainingSettings:
    """How a model is trained. A run folder and a pack hold the resolved values.

    Attributes:
        max_epochs: passes over the data at most; 0 sets no limit.
        max_updates: optimiser steps at most; 0 sets no limit. One of the two limits must be set.
        batch_tokens: source plus target positions of one batch on one process, padding included.
        accumulate_batches: batches whose gradients are summed into one update.
        fresh_learning_rate: peak rate of groups that start from random values.
        pretrained_learning_rate: peak rate of groups that start from the parent's values.
        learning_rates: peak rates of single groups (src, tgt, enc, dec, xattn, and added for what a method
            such as LoRA trains beside the model's tensors, which starts fresh) that differ from these.
        schedule: shape of the learning rate after the warm-up.
        warmup_updates: updates over which the rate rises linearly from 0 to its peak; 0 starts at the peak.
        schedule_updates: update at which ``linear`` and ``cosine`` reach 0; 0 takes the run's limit.
        label_smoothing: share of the probability spread evenly over the vocabulary, in [0, 1).
        dropout: probability in every dropout layer; None leaves the model's own.
        attention_dropout: probability on attention weights; None leaves the model's own.
        weight_decay: decoupled weight decay (AdamW); 0 disables.
        adam_beta1: decay of the first moment.
        adam_beta2: decay of the second moment.
        adam_epsilon: added to the denominator.
        clip_norm: gradients are scaled down to this global norm; 0 disables.
        precision: arithmetic of matrix products; ``auto`` takes bf16 where the processor has it natively.
        encoder_cache: ``auto`` computes the states of an encoder that is frozen with its source side once
            and without dropout; ``off`` in every epoch.
        validate_every_updates: 0 validates at the end of every epoch.
        patience: validations without a better score after which training stops; 0 disables.
        checkpoint_every_seconds: how often the state is saved between validations; 0 saves only there.
        seed: seed of initialisation, data order and dropout, below 2**63.
    """

    max_epochs: int = 15
    max_updates: int = 0
    batch_tokens: int = 2048
    accumulate_batches: int = 1
    fresh_learning_rate: float = 1e-3
    pretrained_learning_rate: float = 3e-4
    learning_rates: dict[str, float] = field(default_factory=dict)
    schedule: ScheduleName = "inverse_sqrt"
    warmup_updates: int = 500
    schedule_updates: int = 0
    label_smoothing: float = 0.1
    dropout: float | None = None
    attention_dropout: float | None = None
    weight_decay: float = 0.0
    adam_beta1: float = 0.9
    adam_beta2: float = 0.98
    adam_epsilon: float = 1e-8
    clip_norm: float = 1.0
    precision: Precision = "auto"
    encoder_cache: EncoderCache = "auto"
    validate_every_updates: int = 0
    patience: int = 4
    checkpoint_every_seconds: float = 60.0
    seed: int = 1

    def __post_init__(self) -> None:
        faults = Faults("cannot use the training settings")
        if self.max_epochs <= 0 and self.max_updates <= 0:
            faults.add("neither max_epochs nor max_updates sets a limit; set one of them above 0")
        choices = {"schedule": ScheduleName, "precision": Precision, "encoder_cache": EncoderCache}
        for name, known in ((name, get_args(choice)) for name, choice in choices.items()):
            if (word := getattr(self, name)) not in known:
                faults.add(f"{name} is {word!r}; {nearest(str(word), known)}")
        for name in ("max_epochs", "max_updates", "warmup_updates", "schedule_updates", "patience",
                     "validate_every_updates", "weight_decay", "clip_norm", "checkpoint_every_seconds",
                     "seed"):  # fmt: skip
            if not 0 <= getattr(self, name) < inf:  # also when it is not a number
                faults.add(f"{name} is {getattr(self, name)}, expected 0 or more and finite")
        for name in ("fresh_learning_rate", "pretrained_learning_rate", "adam_epsilon"):
            if not 0 < getattr(self, name) < inf:
                faults.add(f"{name} is {getattr(self, name)}, expected a positive, finite number")
        if self.seed > MAX_SEED:
            faults.add(f"seed is {self.seed}, expected at most {MAX_SEED}")
        for name in ("batch_tokens", "accumulate_batches"):
            if getattr(self, name) < 1:
                faults.add(f"{name} is {getattr(self, name)}, expected 1 or more")
        for name in ("label_smoothing", "dropout", "attention_dropout", "adam_beta1", "adam_beta2"):
            value = getattr(self, name)
            if value is not None and not 0 <= value < 1:
                faults.add(f"{name} is {value}, expected 0 or more and below 1")
        for group, rate in self.learning_rates.items():
            if group not in (*GROUPS, ADDED):
                faults.add(f"learning_rates has a group {group!r}; {nearest(group, (*GROUPS, ADDED))}")
            elif not 0 < rate < inf:
                faults.add(f"the learning rate of {group} is {rate}, expected a positive, finite number")
        faults.raise_as(SettingsError)

    def learning_rate(self, group: str, *, is_fresh: bool) -> float:
        """Peak learning rate of a group."""
        default = self.fresh_learning_rate if is_fresh else self.pretrained_learning_rate
        return self.learning_rates.get(group, default)


def preset(
    name: str,
    *,
    trained_groups: frozenset[str] = frozenset(),
    fresh_groups: frozenset[str] = frozenset(GROUPS),
    **changes: Any,
) -> TrainingSettings:
    """Named settings, with ``changes`` applied.

    ``default`` converges in about ten epochs on tens of thousands of pairs. Embeddings that are all that
    starts from random values learn at 3e-3: on Multi30k German-English that was ahead of 1e-3 by several
    BLEU on validation, while a whole model does not survive such a rate. ``paper`` is the released set-up
    of Gheini, Ren & May 2021, meant for up to 150,000 updates: 2048 tokens x 8 accumulated batches; rate
    3e-4 with inverse square root decay for embeddings alone, 3e-5 with linear decay where cross-attention
    or the body is trained too.

    Args:
        trained_groups: which groups will be trained; ``paper`` depends on it.
        fresh_groups: which groups will start from random values; ``default`` depends on it.

    Raises:
        SettingsError: unknown preset, setting or value.
    """
    known = [each.name for each in fields(TrainingSettings)]
    for change in changes:
        if change not in known:
            raise SettingsError(f"unknown training setting {change!r}; {nearest(change, known)}")
    if name == "default":
        rate = _FRESH_EMBEDDINGS_RATE if fresh_groups <= EMBEDDINGS else TrainingSettings.fresh_learning_rate
        return replace(TrainingSettings(fresh_learning_rate=rate), **changes)
    if name == "paper":
        return replace(_paper(trained_groups), **changes)
    raise SettingsError(f"unknown preset {name!r}; {nearest(name, ['default', 'paper'])}")


def _paper(trained_groups: frozenset[str]) -> TrainingSettings:
    """Source: Gheini, Ren & May 2021, section 3.2 and the released training scripts (fairseq 0.9)."""
    embeddings_only = trained_groups <= EMBEDDINGS
    rate = 3e-4 if embeddings_only else 3e-5
    return TrainingSettings(
        max_epochs=0,
        max_updates=150_000,
        batch_tokens=4096,  # fairseq counts 2048 positions of the longer side
        accumulate_batches=8,
        fresh_learning_rate=rate,
        pretrained_learning_rate=rate,
        schedule="inverse_sqrt" if embeddings_only else "linear",
        warmup_updates=4000 if embeddings_only else 2500,
        label_smoothing=0.1,
        dropout=0.1,
        attention_dropout=0.1,
        adam_epsilon=1e-6,
        clip_norm=0.0,
        encoder_cache="off",
        patience=25,
    )
