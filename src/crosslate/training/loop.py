"""The training loop on Accelerate: can be interrupted at any time and resumes bit-identically on CPU.

An update depends only on the settings, the data and its number: batches follow from ``(seed, epoch)``,
dropout from ``(seed, update, batch, process)``. Checkpoints therefore need no random state, and a resumed run
makes the same updates as an uninterrupted one.
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import closing, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.utils import broadcast_object_list

from crosslate.errors import Interrupted, TrainingError
from crosslate.training.averaging import AveragedWeights
from crosslate.training.batches import (
    ChangingPairs,
    PairIds,
    PlannedBatch,
    SampledPairs,
    collate,
    pieces_in_targets,
    plan_batches,
    shard,
)
from crosslate.training.checkpoints import (
    TORN,
    RunState,
    load_best,
    load_checkpoint,
    remove_torn,
    save_best,
    save_checkpoint,
)
from crosslate.training.cpu import cheaper_on_cpu
from crosslate.training.devices import machine, make_accelerator, on_device, set_dropout, versions
from crosslate.training.encoder_states import (
    MAX_BYTES,
    EncoderStates,
    compute_states,
    states_path,
    states_size,
)
from crosslate.training.gradients import Gradients, HalvedGradients, PlainGradients
from crosslate.training.loss import TranslationLoss
from crosslate.training.memory import checkpointed, memory_errors, run_precision, shards, spread_frozen
from crosslate.training.optimiser import Trainee, learning_rate_factor, make_optimiser
from crosslate.training.progress import Progress, RunLog
from crosslate.training.settings import TrainingSettings
from crosslate.training.stopping import StopRequest

_WINDOW_UPDATES = 50
"""Window for the mean loss and tokens/s, and interval between log entries."""


_FEW_PIECES = 0.5
"""Share of the target vocabulary; above it, leaving pieces out of the softmax saves little."""
_FEWEST_PIECES = 4_000
"""With fewer pieces to compare with, those left out could come to win when the model translates."""

_LEAST_SCALE = 2.0**-10
"""Below, gradients in fp16 overflow at any scale."""


@dataclass(frozen=True)
class Validation:
    """Result of a validation. Higher ``score`` is better.

    Attributes:
        details: recorded beside the score.
        translations: of the validation text, if it was translated; not recorded.
    """

    metric: str
    score: float
    signature: str = ""
    details: dict[str, Any] = field(default_factory=dict)
    translations: Sequence[str] = ()


Validate = Callable[[], Validation]


def train(
    trainee: Trainee,
    pairs: PairIds,
    settings: TrainingSettings,
    validate: Validate | None,
    folder: Path,
    *,
    identity: dict[str, Any] | None = None,
    title: str = "training",
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Trains in place; at the end the model holds the tensors with the best validation score.

    After an interruption, a call with the same arguments resumes the run. At the end the model is moved back
    to its original device.

    Args:
        validate: called with the model in evaluation mode, in the main process; None trains to the limit
            and keeps the last state.
        folder: for checkpoints and the log.
        identity: hashes of data and model; a resumed run must match them.

    Returns:
        The run's record: settings, updates, seconds, tokens, scores, versions and machine.

    Raises:
        Interrupted: SIGINT or SIGTERM came, or the terminal was closed; the state is saved.
        OutOfMemory: a batch does not fit into the device's memory.
        TrainingError: the loss is not finite, the run cannot be resumed as asked, the disk is full, or memory
            cannot be saved as asked.
    """
    if not len(pairs):
        raise TrainingError("nothing to train on: no pairs are left after cleaning")
    accelerator = make_accelerator()
    device = accelerator.device
    is_bf16 = run_precision(trainee.model, settings.precision, device) == "bf16"
    if settings.shard_frozen:
        spread_frozen(trainee.model, accelerator)
    is_main = accelerator.is_main_process
    values = settings.to_values()
    log = RunLog(folder, progress, trackers=settings.trackers, settings=values) if is_main else Progress()
    with (
        closing(log),
        memory_errors(settings.batch_tokens, device),
        on_device(trainee.model, device),
        cheaper_on_cpu(trainee.model, is_bf16=is_bf16) if device.type == "cpu" else nullcontext(),
        checkpointed(trainee.model) if settings.gradient_checkpointing else nullcontext(),
    ):
        run = _Run(accelerator, trainee, pairs, settings, validate, folder, identity or {}, log)
        with closing(run.loss):
            return run.run(title)


class _Run:
    def __init__(
        self,
        accelerator: Accelerator,
        trainee: Trainee,
        pairs: PairIds,
        settings: TrainingSettings,
        validate: Validate | None,
        folder: Path,
        identity: dict[str, Any],
        log: Progress,
    ) -> None:
        self.accelerator, self.device = accelerator, accelerator.device
        self.precision = run_precision(trainee.model, settings.precision, self.device)
        self.is_bf16 = self.precision == "bf16"
        self.scaler = torch.amp.GradScaler(self.device.type, enabled=self.precision == "fp16")
        self.trainee, self.pairs, self.settings = trainee, pairs, settings
        self.validate, self.folder, self.log = validate, folder, log
        set_dropout(trainee.model, settings.dropout, settings.attention_dropout)
        self.optimiser = make_optimiser(trainee, settings)
        self.loss = TranslationLoss(trainee.model, settings.label_smoothing, settings.encoder_noise or 0.0)
        spread = shards(self.loss)
        self.loss._ddp_params_and_buffers_to_ignore = spread  # they have no gradients to sum
        self.is_sharded = bool(spread)
        self.output_pieces = self._restrict_softmax()
        self.objective = accelerator.prepare(self.loss)
        self.per_update = settings.accumulate_batches * accelerator.num_processes
        self.passes = self._passes()
        self.limit = self._limit()
        has_end = settings.schedule not in ("inverse_sqrt", "constant")
        self.schedule_end = (settings.schedule_updates or self.limit) if has_end else 0
        self.described = {
            "settings": settings.to_values() | {"schedule_updates": self.schedule_end},
            "identity": identity,
            "processes": accelerator.num_processes,
        }
        self.gradients = self._gradients()
        # Before a checkpoint is loaded, so that a resumed run is drawn to the same values.
        self.origin = [each.detach().clone() for each in trainee.trained.values()] if settings.l2_sp else []
        # Now that all processes have the weights of the first.
        self.average = AveragedWeights(trainee.trained, settings.ema_decay) if settings.ema_decay else None
        self.averages = self.average.tensors if self.average else {}
        self.state = RunState()
        self.states: EncoderStates | None = None
        self.stop = StopRequest()
        self.must_stop = False
        self.saved: tuple[int, int] | None = None  # updates and validations of the checkpoint
        self.saved_at = time.monotonic()
        self.window: deque[tuple[float, int, float, int]] = deque(maxlen=_WINDOW_UPDATES)

    def run(self, title: str) -> dict[str, Any]:
        trained = self.trainee.trained
        if self.accelerator.is_main_process:
            remove_torn(self.folder, *TORN)
        loaded = load_checkpoint(self.folder, trained, self.optimiser, self.described, self.averages)
        self.state = state = loaded or RunState()
        if state.loss_scaling:
            self.scaler.load_state_dict(state.loss_scaling)
        self.saved = (state.updates, len(state.history)) if loaded else None
        self.log.start(title, self.limit, state.updates)
        self.log.event("resumed" if state.updates else "started", {"updates": state.updates})
        with self.stop:
            if not self._reason_to_stop():
                self._prepare_states()
            while not self._reason_to_stop():
                self._pass()
            if not state.history or state.history[-1]["updates"] != state.updates:
                # If a limit falls between validations, validate the last updates too.
                self._validate(state.epoch / self.passes)
            self._save()
            self._stop_if_asked()
            state.finished = self._reason_to_stop()
        if state.best_score is not None:
            load_best(self.folder, trained)
        elif self.average:
            self.average.swap()
        # Cleaning up must not remove files that another process still reads.
        self.accelerator.wait_for_everyone()
        self.log.event("finished", {"reason": state.finished, "updates": state.updates})
        return self._record()

    def _restrict_softmax(self) -> int | None:
        """Runs the softmax over the pieces in the targets, if they are few; returns their number."""
        layer = getattr(self.trainee.model, "get_output_embeddings", lambda: None)()
        if self.settings.full_softmax or self.is_sharded or layer is None:
            return None
        # Against pieces that never occur, a table that learns would drift.
        if any(each is layer.weight for group in self.trainee.parameters.values() for each in group.values()):
            return None
        pieces = pieces_in_targets(self.pairs)
        if not _FEWEST_PIECES <= len(pieces) <= layer.weight.shape[0] * _FEW_PIECES:
            return None
        probe = collate(self.pairs, self._plan(0)[0], self.trainee.ids).to(self.device)
        dtype = torch.float16 if self.precision == "fp16" else torch.bfloat16
        with torch.autocast(self.device.type, dtype, enabled=self.precision != "fp32"):
            return len(pieces) if self.loss.restrict(torch.from_numpy(pieces), probe) else None

    def _passes(self) -> int:
        """Passes over the pairs that count as one epoch."""
        fewest = self.settings.min_epoch_updates
        return math.ceil(fewest / self._updates_of(0)) if fewest else 1

    def _limit(self) -> int:
        """Maximum updates of the run; every pass over the same pairs has the same number of batches."""
        passes, max_updates = self.settings.max_epochs * self.passes, self.settings.max_updates
        if isinstance(self.pairs, SampledPairs):
            limit = sum(self._updates_of(each) for each in range(passes))
        else:
            limit = passes * self._updates_of(0)
        return min(limit, max_updates) if limit and max_updates else limit or max_updates

    def _updates_of(self, epoch: int) -> int:
        return math.ceil(len(self._plan(epoch)) / self.per_update)

    def _plan(self, epoch: int) -> list[PlannedBatch]:
        pairs, settings = self.pairs, self.settings
        lengths = pairs.source_lengths, pairs.target_lengths
        rows = pairs.rows(epoch) if isinstance(pairs, SampledPairs) else None
        return plan_batches(*lengths, settings.batch_tokens, settings.seed, epoch, rows)

    def _gradients(self) -> Gradients:
        threads, is_checkpointed = torch.get_num_threads(), self.settings.gradient_checkpointing
        is_alone = self.device.type == "cpu" and self.accelerator.num_processes == 1
        if is_alone and threads > 1 and not is_checkpointed and not self.scaler.is_enabled():
            return HalvedGradients(self.loss, self.trainee.trained.values(), threads, is_bf16=self.is_bf16)
        return PlainGradients(
            self.accelerator, self.objective, is_bf16=self.is_bf16, is_checkpointed=is_checkpointed,
            scaler=self.scaler,
        )  # fmt: skip

    def _prepare_states(self) -> None:
        """Computes the states of a frozen encoder, or opens those of an interrupted run."""
        encoder = self.trainee.frozen_encoder
        dtype = torch.bfloat16 if self.is_bf16 else torch.float32
        is_off = self.settings.encoder_cache == "off" or isinstance(self.pairs, ChangingPairs)
        # The main process cannot compute a sharded encoder alone.
        if encoder is None or is_off or self.is_sharded:
            return
        if states_size(encoder, self.pairs, dtype, self.device) > MAX_BYTES:
            self.log.event("encoder recomputed in every epoch", {})
            return
        path = states_path(self.folder, self.pairs, dtype, self.described["identity"])
        if self.accelerator.is_main_process and not path.is_file():
            compute_states(
                encoder, self.pairs, path, dtype=dtype, source_pad=self.trainee.ids.source_pad,
                batch_tokens=self.settings.batch_tokens, device=self.device, check_stop=self._stop_if_asked,
            )  # fmt: skip
        self.accelerator.wait_for_everyone()
        self.states = EncoderStates(path, self.pairs, dtype)

    def _pass(self) -> None:
        state, settings = self.state, self.settings
        if isinstance(self.pairs, ChangingPairs):
            self.pairs.set_epoch(state.epoch)
        batches = self._plan(state.epoch)
        self.objective.train()
        for start in range(state.batches_done, len(batches), self.per_update):
            group = batches[start : start + self.per_update]
            self._update(group)
            state.batches_done = start + len(group)
            is_pass_end = state.batches_done >= len(batches)
            if is_pass_end:
                state.epoch, state.batches_done = state.epoch + 1, 0
            is_epoch_end = is_pass_end and state.epoch % self.passes == 0
            every = settings.validate_every_updates
            is_due = bool(every) and state.updates % every == 0
            if is_due or (is_epoch_end and (not every or settings.validate_every_epoch)):
                self._validate((state.epoch + state.batches_done / len(batches)) / self.passes)
            self._stop_if_asked()
            every_seconds = settings.checkpoint_every_seconds
            if every_seconds and time.monotonic() - self.saved_at >= every_seconds:
                self._save()
            if self._reason_to_stop():
                return

    def _update(self, group: list[PlannedBatch]) -> None:
        """One optimiser step on the gradients of a group of batches, each process taking its share."""
        started = time.monotonic()
        state, accelerator = self.state, self.accelerator
        processes = accelerator.num_processes
        pairs = [index for batch in group for index in batch.indices]
        num_labels = int(self.pairs.target_lengths[pairs].sum())
        num_tokens = num_labels + int(self.pairs.source_lengths[pairs].sum())
        mine = list(shard(group, accelerator.process_index, processes))
        total = torch.zeros((), device=self.device)
        for index, planned in enumerate(mine):
            batch = collate(self.pairs, planned, self.trainee.ids, with_features=self.states is None)
            if self.states is not None:
                batch = replace(batch, states=self.states.gather(planned))
            seed = _mix(self.settings.seed, state.updates, index, accelerator.process_index)
            # Undo the averaging over processes: we want the sum over all labels.
            is_last = index == len(mine) - 1
            total += self.gradients(batch.to(self.device), seed, processes / num_labels, is_last)
        # All processes stop after the same update, whichever of them got the signal.
        asked = torch.tensor(float(self.stop.number != 0), device=self.device)
        loss_sum, num_asked = accelerator.reduce(torch.stack([total, asked]), "sum").tolist()
        self.must_stop = num_asked > 0
        self._check_finite("loss", loss_sum)
        self._step()
        state.updates += 1
        if self.average:
            self.average.update(state.updates)
        state.tokens += num_tokens
        seconds = time.monotonic() - started
        state.seconds += seconds
        self.window.append((loss_sum, num_labels, seconds, num_tokens))
        self._show()

    def _step(self) -> None:
        settings = self.settings
        factor = learning_rate_factor(settings, self.state.updates + 1, total_updates=self.schedule_end)
        for parameters in self.optimiser.param_groups:
            parameters["lr"] = parameters["peak_lr"] * factor
        # Without fp16 the scaler does nothing but make the step. With it, gradients that overflow are normal:
        # the step is left out, and the scale halved.
        self.scaler.unscale_(self.optimiser)
        if settings.clip_norm:
            norm = self.accelerator.clip_grad_norm_(self.trainee.trained.values(), settings.clip_norm)
            if not self.scaler.is_enabled():
                self._check_finite("norm of the gradient", float(norm))
        self.scaler.step(self.optimiser)
        if self.origin:
            self._decay_to_origin()
        self.scaler.update()
        self.state.loss_scaling = self.scaler.state_dict()
        if self.scaler.is_enabled() and self.scaler.get_scale() < _LEAST_SCALE:
            self._check_finite("norm of the gradient", math.inf)
        self.optimiser.zero_grad(set_to_none=True)

    @torch.no_grad()
    def _decay_to_origin(self) -> None:
        """Moves every trained tensor towards its first value by its rate times ``l2_sp``.

        Decoupled from the gradient, as AdamW's weight decay is.

        Source: Li, Grandvalet & Davoine 2018 (https://arxiv.org/abs/1802.01483); Loshchilov & Hutter 2019.
        """
        rates = {id(each): group["lr"] for group in self.optimiser.param_groups for each in group["params"]}
        for tensor, origin in zip(self.trainee.trained.values(), self.origin, strict=True):
            tensor.lerp_(origin, min(1.0, self.settings.l2_sp * rates[id(tensor)]))

    def _check_finite(self, name: str, value: float) -> None:
        if not math.isfinite(value):
            raise TrainingError(
                f"the {name} is {value} at update {self.state.updates + 1}; use lower learning rates, a "
                "longer warm-up or fp32 precision, and start in a new folder"
            )

    def _show(self) -> None:
        losses, labels, times, tokens = (sum(column) for column in zip(*self.window, strict=True))
        values = {"loss": losses / labels, "tokens_per_second": tokens / max(times, 1e-9)}
        if self.state.best_score is not None:
            values["best"] = self.state.best_score
        self.log.update(self.state.updates, values)
        if self.state.updates % _WINDOW_UPDATES == 0:
            self.log.event("training", {"updates": self.state.updates, **values})

    def _validate(self, epoch: float) -> None:
        if self.validate is None:
            return
        state = self.state
        self.log.validating()
        self.objective.eval()
        found: list[Any] = [None, 0]
        with self.average.swapped() if self.average else nullcontext():
            if self.accelerator.is_main_process or self.is_sharded:
                with torch.no_grad():
                    found = [self.validate(), self.stop.number]
            broadcast_object_list(found)  # the other processes wait here for the main one
            is_best = self._note_score(found[0].score)
        result: Validation = found[0]
        self.must_stop = self.must_stop or found[1] != 0
        self.objective.train()
        entry = result.details | {
            "epoch": round(epoch, 3),
            "updates": state.updates,
            "metric": result.metric,
            "score": result.score,
            "signature": result.signature,
            "training_seconds": round(state.seconds, 1),
        }
        state.history.append(entry)
        self.log.event("validation", entry | {"is_best": is_best})
        self._save()

    def _note_score(self, score: float) -> bool:
        """Counts a validation and saves the weights if they are the best so far; returns whether they are."""
        state = self.state
        state.validations_since_best += 1
        is_best = state.best_score is None or score > state.best_score
        if is_best:
            state.best_score, state.best_updates = score, state.updates
            state.validations_since_best = 0
            if self.accelerator.is_main_process:
                save_best(self.folder, self.trainee.trained)
        return is_best

    def _reason_to_stop(self) -> str:
        state, settings = self.state, self.settings
        if settings.patience and state.validations_since_best >= settings.patience:
            return f"stopped, no better score in {settings.patience} validations"
        if settings.max_updates and state.updates >= settings.max_updates:
            return "reached the limit of updates"
        if settings.max_epochs and state.epoch >= settings.max_epochs * self.passes:
            return "reached the limit of epochs"
        return ""

    def _stop_if_asked(self) -> None:
        if self.must_stop or (self.stop.number and self.accelerator.num_processes == 1):
            self._save()
            raise Interrupted(
                f"stopped by {self.stop.name} after {self.state.updates} updates; "
                f"the state is saved in {self.folder}: run the same command again to resume"
            )

    def _save(self) -> None:
        """Writes the checkpoint if anything has changed since the last one."""
        described = (self.state.updates, len(self.state.history))
        if self.accelerator.is_main_process and described != self.saved:
            trained, optimiser = self.trainee.trained, self.optimiser
            save_checkpoint(self.folder, self.state, trained, optimiser, self.described, self.averages)
        self.saved, self.saved_at = described, time.monotonic()

    def _record(self) -> dict[str, Any]:
        state = self.state
        return {
            "settings": self.described["settings"],
            "updates": state.updates,
            "best_updates": state.best_updates or state.updates,
            "epochs": state.epoch // self.passes,
            "training_seconds": round(state.seconds, 1),
            "tokens": state.tokens,
            "tokens_per_second": round(state.tokens / max(state.seconds, 1e-9)),
            "finished": state.finished,
            "validations": state.history,
            "precision": self.precision,
            **({"output_pieces": self.output_pieces} if self.output_pieces else {}),
            "processes": self.accelerator.num_processes,
            "machine": machine(self.device),
            "versions": versions(),
        }


def _mix(seed: int, update: int, batch: int, process: int) -> int:
    """A generator seed for each batch; neighbouring numbers give distant seeds."""
    mixed = 0
    for value in (seed, update, batch, process):
        mixed = (mixed * 0x9E3779B97F4A7C15 + value + 0x632BE59BD9B4E019) % (1 << 64)
        mixed ^= mixed >> 29
    return mixed >> 1
