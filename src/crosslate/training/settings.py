"""Settings of a training run, with the presets ``default`` and ``paper``."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from crosslate.config import Settings
from crosslate.errors import Faults, nearest
from crosslate.models.groups import ADDED, EMBEDDINGS, GROUPS

MAX_SEED = 2**63 - 1
"""Of 64 bits with a sign, wherever a seed goes; PyTorch refuses those beyond 64 bits."""
_FRESH_EMBEDDINGS_RATE = 3e-3

ScheduleName = Literal["inverse_sqrt", "linear", "cosine", "constant"]
Rate = Annotated[float, Field(gt=0)]


def _not_set(value: bool) -> bool:
    return not value


class TrainingSettings(Settings):
    """How a model is trained. A run folder and a pack hold the resolved values."""

    max_epochs: int = Field(15, ge=0, description="Passes over the data at most; 0 sets no limit.")
    max_updates: int = Field(
        0, ge=0, description="Optimiser steps at most; 0 sets no limit. One of the two limits must be set."
    )
    batch_tokens: int = Field(
        2048, ge=1, description="Source plus target tokens of one batch on one process, padding included."
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
        description="Peak learning rates of single groups (src, tgt, enc, dec, xattn, and added for what a "
        "method such as LoRA trains beside the model's tensors, which starts fresh) that differ from these.",
    )
    schedule: ScheduleName = Field(
        "inverse_sqrt", description="Shape of the learning rate after the warm-up."
    )
    warmup_updates: int = Field(
        500, ge=0, description="Updates over which the rate rises from 0 to its peak; 0 starts at the peak."
    )
    schedule_updates: int = Field(
        0, ge=0, description="Update at which linear and cosine schedules reach 0; 0 takes the run's limit."
    )
    label_smoothing: float = Field(
        0.1, ge=0, lt=1, description="Share of the probability spread evenly over the vocabulary."
    )
    dropout: float | None = Field(
        None, ge=0, lt=1, description="Dropout probability; the model's own if not given."
    )
    attention_dropout: float | None = Field(
        None, ge=0, lt=1, description="Dropout of attention weights; the model's own if not given."
    )
    weight_decay: float = Field(0.0, ge=0, description="Decoupled weight decay (AdamW); 0 disables.")
    adam_beta1: float = Field(0.9, ge=0, lt=1, description="Decay of the first moment.")
    adam_beta2: float = Field(0.98, ge=0, lt=1, description="Decay of the second moment.")
    adam_epsilon: float = Field(1e-8, gt=0, description="Added to the denominator.")
    clip_norm: float = Field(
        1.0, ge=0, description="Gradients are scaled down to this global norm; 0 disables."
    )
    precision: Literal["auto", "fp32", "bf16", "fp16"] = Field(
        "auto",
        description="Arithmetic of matrix products; auto takes bf16 where the processor has it natively, and "
        "fp16 with loss scaling on GPUs that have only that (T4, V100).",
    )
    encoder_cache: Literal["auto", "off"] = Field(
        "auto",
        description="auto computes the states of an encoder that is frozen with its source side once and "
        "without dropout; off in every epoch.",
    )
    validate_every_updates: int = Field(0, ge=0, description="0 validates at the end of every epoch.")
    patience: int = Field(
        4, ge=0, description="Stop after so many validations without a better score; 0 never."
    )
    checkpoint_every_seconds: float = Field(
        60.0, ge=0, description="How often the state is saved between validations; 0 saves only there."
    )
    seed: int = Field(1, ge=0, le=MAX_SEED, description="Seed of initialisation, data order and dropout.")
    # How a run saves memory and is logged is no part of the values unless it is asked for.
    gradient_checkpointing: bool = Field(
        False,
        exclude_if=_not_set,
        description="Keep only the input of each layer and compute the layer again for its gradients.",
    )
    shard_frozen: bool = Field(
        False,
        exclude_if=_not_set,
        description="With several processes (accelerate launch): each holds a part of the frozen matrices.",
    )
    tensorboard: bool = Field(False, exclude_if=_not_set, description="Also log for TensorBoard.")

    def find_faults(self, faults: Faults) -> None:
        if self.max_epochs == 0 and self.max_updates == 0:
            faults.add("neither max_epochs nor max_updates sets a limit; set one of them above 0")
        for group in self.learning_rates:
            if group not in (*GROUPS, ADDED):
                faults.add(f"learning_rates has a group {group!r}; {nearest(group, (*GROUPS, ADDED))}")

    def learning_rate(self, group: str, *, is_fresh: bool) -> float:
        """Peak learning rate of a group."""
        default = self.fresh_learning_rate if is_fresh else self.pretrained_learning_rate
        return self.learning_rates.get(group, default)


class TrainingChanges(TrainingSettings):
    """Changes to the settings of a preset: only what is set counts.

    ``default`` converges in about ten epochs on tens of thousands of pairs. Embeddings that are all that
    starts from random values learn at 3e-3: on Multi30k German-English that was ahead of 1e-3 by several
    BLEU on validation, while a whole model does not survive such a rate. ``paper`` is the released set-up
    of Gheini, Ren & May 2021, meant for up to 150,000 updates: 2048 tokens x 8 accumulated batches; rate
    3e-4 with inverse square root decay for embeddings alone, 3e-5 with linear decay where cross-attention
    or the body is trained too.
    """

    spoken_name = "the training settings"
    preset: Literal["default", "paper"] = Field(
        "default",
        description="default: for tens of thousands of pairs, about ten epochs; paper: the paper's settings.",
    )

    def find_faults(self, faults: Faults) -> None:
        """None: the changes may be right with a preset's values only; see :meth:`resolved`."""

    def resolved(
        self,
        *,
        trained_groups: frozenset[str] = frozenset(GROUPS),
        fresh_groups: frozenset[str] = frozenset(GROUPS),
    ) -> TrainingSettings:
        """The settings in full.

        Args:
            trained_groups: which groups will be trained; ``paper`` depends on it.
            fresh_groups: which groups will start from random values; ``default`` depends on it.

        Raises:
            SettingsError: the changes contradict each other.
        """
        values: dict[str, Any] = {}
        if self.preset == "paper":
            values = _paper(trained_groups)
        elif fresh_groups <= EMBEDDINGS:
            values = {"fresh_learning_rate": _FRESH_EMBEDDINGS_RATE}
        changes = {name: getattr(self, name) for name in self.model_fields_set - {"preset"}}
        return TrainingSettings(**values | changes)


def _paper(trained_groups: frozenset[str]) -> dict[str, Any]:
    """Source: Gheini, Ren & May 2021, section 3.2 and the released training scripts (fairseq 0.9)."""
    embeddings_only = trained_groups <= EMBEDDINGS
    rate = 3e-4 if embeddings_only else 3e-5
    return {
        "max_epochs": 0,
        "max_updates": 150_000,
        "batch_tokens": 4096,  # fairseq counts 2048 positions of the longer side
        "accumulate_batches": 8,
        "fresh_learning_rate": rate,
        "pretrained_learning_rate": rate,
        "schedule": "inverse_sqrt" if embeddings_only else "linear",
        "warmup_updates": 4000 if embeddings_only else 2500,
        "label_smoothing": 0.1,
        "dropout": 0.1,
        "attention_dropout": 0.1,
        "adam_epsilon": 1e-6,
        "clip_norm": 0.0,
        "encoder_cache": "off",
        "patience": 25,
    }
