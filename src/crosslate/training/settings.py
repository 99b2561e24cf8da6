"""Settings of a training run, with the presets ``default`` and ``paper``."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from crosslate.config import Settings
from crosslate.errors import Faults, nearest
from crosslate.models.groups import ADDED, EMBEDDINGS, GROUPS
from crosslate.models.strategies import Strategy
from crosslate.training.effort import Effort, training_values

MAX_SEED = 2**63 - 1
"""The largest signed 64-bit integer."""
_FRESH_EMBEDDINGS_RATE = 3e-3
# At three times this rate low-rank factors of rank 96 diverge, and those of rank 32 learn slower
# (docs/log.md).
_ADDED_RATE = 1e-3
_L2_SP_OF_A_PACK = 300.0
"""For a pack that goes on without its earlier text; docs/log.md has the measurement."""

ScheduleName = Literal["inverse_sqrt", "linear", "cosine", "constant"]
Rate = Annotated[float, Field(gt=0)]


def _not_set(value: object) -> bool:
    return not value


def _count(number: int, word: str) -> str:
    return f"{number:,} {word}{'' if number == 1 else 's'}"


def _not_given(value: float | None) -> bool:
    return value is None


def _auto(value: Any) -> Any:
    """Reads ``auto``, and a number that the command line gives as text."""
    if value == "auto":
        return None
    try:
        return float(value) if isinstance(value, str) else value
    except ValueError:
        return value


class TrainingSettings(Settings):
    """How a model is trained. A run folder and a pack hold the resolved values."""

    max_epochs: int = Field(15, ge=0, description="Maximum passes over the data; 0 sets no limit.")
    min_epoch_updates: int = Field(
        0,
        ge=0,
        exclude_if=_not_set,
        description="Fewest optimiser steps of an epoch: one over a shorter text consists of several passes, "
        "in max_epochs and between validations. 0 makes every pass an epoch. [default: the effort's; 0 if "
        "max_epochs is given]",
    )
    max_updates: int = Field(
        0, ge=0, description="Maximum optimiser steps; 0 sets no limit. Set at least one of the two limits."
    )
    batch_tokens: int = Field(
        2048, ge=1, description="Source plus target tokens per batch and process, padding included."
    )
    accumulate_batches: int = Field(
        1, ge=1, description="Batches whose gradients are summed into one update."
    )
    fresh_learning_rate: Rate = Field(
        1e-3, description="Peak learning rate of groups that start from random values."
    )
    pretrained_learning_rate: Rate = Field(
        3e-4, description="Peak learning rate of groups that start from the parent's values."
    )
    learning_rates: dict[str, Rate] = Field(
        default_factory=dict,
        description="Peak learning rates of single groups that differ from these: src, tgt, enc, dec, xattn, "
        "or added for tensors that a method such as LoRA adds to the model.",
    )
    schedule: ScheduleName = Field(
        "inverse_sqrt", description="Shape of the learning rate after the warm-up."
    )
    warmup_updates: int = Field(
        500, ge=0, description="Updates over which the rate rises from 0 to its peak; 0 starts at the peak."
    )
    schedule_updates: int = Field(
        0, ge=0, description="Update at which linear and cosine schedules reach 0; 0 uses the run's limit."
    )
    label_smoothing: float = Field(
        0.1, ge=0, lt=1, description="Share of the probability spread evenly over the vocabulary."
    )
    dropout: Annotated[float | None, BeforeValidator(_auto)] = Field(
        None,
        ge=0,
        lt=1,
        description="Dropout probability, or auto: the parent's own if its predictions bear it, else the "
        "most that they bear, which for distilled models is usually none. [default: auto]",
    )
    attention_dropout: float | None = Field(
        None,
        ge=0,
        lt=1,
        description="Dropout of attention weights. [default: the model's own, scaled as auto scales dropout]",
    )
    encoder_noise: Annotated[float | None, BeforeValidator(_auto)] = Field(
        None,
        ge=0,
        exclude_if=_not_given,
        description="Gaussian noise on the encoder's states, as a share of their deviation, or auto: 0.1 if "
        "auto finds that the parent bears no dropout, else none. [default: auto]",
    )
    weight_decay: float = Field(0.0, ge=0, description="Decoupled weight decay (AdamW); 0 disables.")
    l2_sp: float = Field(
        0.0,
        ge=0,
        exclude_if=_not_set,
        description="Decoupled decay towards the values that training starts from (L2-SP), against "
        "forgetting; 0 disables. [default: 0; from a pack, without its earlier text, 300]",
    )
    adam_beta1: float = Field(0.9, ge=0, lt=1, description="Decay of the first moment.")
    adam_beta2: float = Field(0.98, ge=0, lt=1, description="Decay of the second moment.")
    adam_epsilon: float = Field(1e-8, gt=0, description="Added to the denominator for numerical stability.")
    clip_norm: float = Field(
        1.0, ge=0, description="Gradients are scaled down to at most this global norm; 0 disables."
    )
    ema_decay: float = Field(
        0.0,
        ge=0,
        lt=1,
        exclude_if=_not_set,
        description="Decay of an exponential moving average of the trained weights, which is validated and "
        "stored in their place: at the t-th update min(ema_decay, (1 + t) / (10 + t)); 0 trains without.",
    )
    precision: Literal["auto", "fp32", "bf16", "fp16"] = Field(
        "auto",
        description="Arithmetic of matrix products; auto takes bf16 where the processor has it natively, and "
        "fp16 with loss scaling on GPUs that have only that (T4, V100).",
    )
    encoder_cache: Literal["auto", "off"] = Field(
        "auto",
        description="auto computes the states of a fully frozen encoder once, without dropout; off "
        "recomputes them in every epoch.",
    )
    validate_every_updates: int = Field(
        0, ge=0, description="Updates between validations; 0 validates at the end of every epoch."
    )
    validate_every_epoch: bool = Field(
        False,
        exclude_if=_not_set,
        description="Also validate at the end of every epoch where validate_every_updates is set.",
    )
    patience: int = Field(
        4, ge=0, description="Stop after this many validations without a better score; 0 disables."
    )
    checkpoint_every_seconds: float = Field(
        60.0, ge=0, description="Seconds between checkpoints; 0 saves only at validations."
    )
    seed: int = Field(1, ge=0, le=MAX_SEED, description="Seed of initialisation, data order and dropout.")
    # Left out of the saved values unless turned on.
    gradient_checkpointing: bool = Field(
        False,
        exclude_if=_not_set,
        description="Save memory: keep only the input of each layer and recompute the rest for gradients.",
    )
    shard_frozen: bool = Field(
        False,
        exclude_if=_not_set,
        description="Split the frozen matrices over several processes (accelerate launch).",
    )
    full_softmax: bool = Field(
        False,
        exclude_if=_not_set,
        description="Train with a softmax over the whole target vocabulary. Otherwise, if its "
        "table is not trained, and at least 4,000 and at most half of its pieces occur in the training text, "
        "it runs over these, to save time.",
    )
    trackers: list[Literal["tensorboard", "wandb", "mlflow", "trackio"]] = Field(
        [], exclude_if=_not_set, description="Trackers of experiments to log to, which must be installed."
    )

    def find_faults(self, faults: Faults) -> None:
        if self.max_epochs == 0 and self.max_updates == 0:
            faults.add("max_epochs and max_updates are both 0; set at least one of them above 0")
        for group in self.learning_rates:
            if group not in (*GROUPS, ADDED):
                faults.add(f"learning_rates: unknown group {group!r}; {nearest(group, (*GROUPS, ADDED))}")

    @property
    def summary(self) -> str:
        """The length of the training in words: all that an effort sets, wherever it comes from."""
        epochs, updates = self.max_epochs, self.max_updates
        least = f" of at least {self.min_epoch_updates} updates" if epochs and self.min_epoch_updates else ""
        limits = [f"{_count(epochs, 'epoch')}{least}"] if epochs else []
        limits += [_count(updates, "update")] if updates else []
        average = f"moving average {self.ema_decay:g}" if self.ema_decay else "no averaging"
        return (
            f"at most {' and '.join(limits)}, {self.schedule} schedule after "
            f"{self.warmup_updates:,} updates of warm-up, patience {self.patience or 'off'}, {average}"
        )

    def learning_rate(self, group: str, *, is_fresh: bool) -> float:
        """Peak learning rate of a group."""
        default = self.fresh_learning_rate if is_fresh else self.pretrained_learning_rate
        return self.learning_rates.get(group, default)


class TrainingChanges(TrainingSettings):
    """Changes to the settings of a preset; fields that are not set keep the preset's values.

    ``default`` converges in about ten epochs on tens of thousands of pairs. If only embeddings start from
    random values, they learn at 3e-3: on Multi30k German-English that beat 1e-3 by several BLEU on
    validation, but a whole model diverges at such a rate. What a method adds, such as low-rank factors,
    learns at 1e-3. ``paper`` is the released set-up of Gheini, Ren &
    May 2021 for up to 150,000 updates of 8 batches of 2048 tokens a side: rate 3e-4 with inverse square root
    decay for new embeddings alone, 3e-5 with linear decay, which would end at update 1,000,000, if anything
    else is trained too. For models from scratch, which the released scripts do not cover, it is 5e-4 with
    inverse square root decay.
    """

    spoken_name = "the training settings"
    preset: Literal["default", "paper"] = Field(
        "default",
        description="default: for tens of thousands of pairs, about ten epochs; paper: the paper's settings.",
    )
    effort: Effort = Field(
        "default",
        description="What sets strategy and length of the training, unless they are given: fast, default or "
        "best. See docs/strategies.md.",
    )

    def find_faults(self, faults: Faults) -> None:
        """The changes themselves are checked with the preset's values, in :meth:`resolved`."""
        if self.preset != "default" and self.effort != "default":
            faults.add(
                f"the preset {self.preset} has settings of its own, which the effort {self.effort} would "
                "change; leave one of the two out"
            )

    def resolved(self, strategy: Strategy | None = None) -> TrainingSettings:
        """The settings in full.

        Args:
            strategy: what is trained, on which the rates depend; None is a model from scratch.

        Raises:
            SettingsError: the changes contradict each other.
        """
        if strategy is None:
            return self._in_full(frozenset(GROUPS), frozenset(GROUPS))
        rates = {ADDED: _ADDED_RATE} if strategy.adds_tensors and self.preset != "paper" else {}
        return self._in_full(strategy.train, strategy.reinitialise, rates=rates)

    def going_on(self, *, has_earlier: bool) -> TrainingSettings:
        """The settings in full for a pack that is trained further: nothing starts from random values.

        Args:
            has_earlier: whether its earlier text is replayed; else a decay towards its values is the default.

        Raises:
            SettingsError: the changes contradict each other.
        """
        return self._in_full(frozenset(GROUPS), frozenset(), l2_sp=0.0 if has_earlier else _L2_SP_OF_A_PACK)

    def _in_full(
        self,
        trained_groups: frozenset[str],
        fresh_groups: frozenset[str],
        *,
        rates: Mapping[str, float] = MappingProxyType({}),
        l2_sp: float = 0.0,
    ) -> TrainingSettings:
        """The settings of a training of these groups.

        Args:
            fresh_groups: those that start from random values.
            rates: learning rates of single groups if they are not set.
            l2_sp: its value if it is not set.
        """
        if self.preset == "paper":
            values = _paper(trained_groups, fresh_groups)
        else:
            values = training_values(self.effort, self.model_fields_set)
            if fresh_groups <= EMBEDDINGS:
                values["fresh_learning_rate"] = _FRESH_EMBEDDINGS_RATE
        values |= {"l2_sp": l2_sp} if l2_sp else {}
        changes = {name: getattr(self, name) for name in self.model_fields_set - {"preset", "effort"}}
        changes |= {"learning_rates": {**rates, **self.learning_rates}} if rates else {}
        return TrainingSettings(**values | changes)


def _paper(trained_groups: frozenset[str], fresh_groups: frozenset[str]) -> dict[str, Any]:
    """Source: Gheini, Ren & May 2021, section 3.2 and the released training scripts (fairseq 0.9).

    Deviations are listed in docs/recipes.md.
    """
    is_new = fresh_groups >= frozenset(GROUPS)
    rate = 5e-4 if is_new else 3e-4 if fresh_groups and trained_groups <= EMBEDDINGS else 3e-5
    decays_slowly = rate == 3e-5
    return {
        "max_epochs": 0,
        "max_updates": 150_000,
        "batch_tokens": 4096,  # fairseq counts 2048 positions of the longer side
        "accumulate_batches": 8,
        "fresh_learning_rate": rate,
        "pretrained_learning_rate": rate,
        "schedule": "linear" if decays_slowly else "inverse_sqrt",
        "warmup_updates": 2500 if decays_slowly else 4000,
        # The scripts leave fairseq's default, so at the limit 85 % of the peak rate is left.
        "schedule_updates": 1_000_000 if decays_slowly else 0,
        "label_smoothing": 0.1,
        "dropout": 0.1,
        "attention_dropout": 0.1,
        "adam_epsilon": 1e-6,
        "clip_norm": 0.0,
        "precision": "fp32",
        "encoder_cache": "off",
        "full_softmax": True,
        "validate_every_updates": 500,
        "validate_every_epoch": True,
        "patience": 25,
    }
