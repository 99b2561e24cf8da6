"""Find the dropout that a pretrained model bears.

A model that was trained without dropout, such as a distilled student, can lose all it knows when units are
dropped: the published Portuguese-English student has a loss of 0.97 nats per token without dropout, 1.83 with
0.02 and 10.9 with 0.1. A model trained with dropout hardly moves.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from itertools import islice
from typing import Any

import torch
from torch.nn import functional

from crosslate.engines.decoding import DecodingOptions
from crosslate.engines.generation import Generation
from crosslate.engines.pytorch import TorchEngine, arithmetic
from crosslate.engines.signals import SignalEngine
from crosslate.models.parent import Parent
from crosslate.models.signals import processor_of
from crosslate.models.strategies import Strategy
from crosslate.models.tensors import alias_model
from crosslate.training.batches import Batch, BatchIds, PairsInMemory, PlannedBatch, collate
from crosslate.training.cpu import SeededRandom
from crosslate.training.devices import dropout_of, set_dropout
from crosslate.training.file_pairs import FilePairs
from crosslate.training.loss import labelled_positions
from crosslate.training.optimiser import Trainee
from crosslate.training.settings import TrainingSettings

log = logging.getLogger(__name__)

LIMIT_NATS = 0.15
"""Mean divergence per token that a model bears.

A parent of 1.3 million parameters that was trained with dropout 0.1 moves by 0.08 to 0.12 nats at 0.1; the
published student moves by 0.22 to 0.38 at 0.01 and by more than 10 at 0.1.
"""
ENCODER_NOISE = 0.1
"""Noise for parents that bear no dropout; docs/log.md has what was tried."""
_CANDIDATES = (0.1, 0.05, 0.02, 0.01)
_LINES_READ = 200
_NUM_LINES = 16
_NUM_FILES = 4  # an encoder takes long over one of them
_MAX_TOKENS = 48
_NUM_DRAWS = 2


def choose_dropout(
    parent: Parent, strategy: Strategy, lines: Iterable[str], settings: TrainingSettings
) -> tuple[TrainingSettings, dict[str, Any]]:
    """Resolves ``dropout: auto`` for a parent, and warns if a given value ruins it.

    The parent translates some text greedily, whatever language it is in. Its distribution of every next token
    is then compared with and without dropout. The parent's own dropout is kept if the divergence is at most
    :data:`LIMIT_NATS`; otherwise the first smaller candidate is taken, or none. A parent without dropout in
    its configuration, such as one imported from a program that does not record it, is tried with the largest
    candidate first.

    Args:
        lines: text in any language, or names of recordings or images; the first are used.

    Returns:
        The settings, with dropout set if it is not the parent's own; and a record of the choice: the value
        and the Kullback-Leibler divergence in nats per token of every value that was tried. The record is
        empty if the strategy initialises the body, dropout is 0, or no line is short enough.
    """
    own, attention = dropout_of(parent.model)
    given = settings.dropout
    if {"enc", "dec"} & strategy.reinitialise or given == 0:
        return settings, {}
    sample = _sample(parent, lines)
    if sample is None:
        return settings, {}
    divergence = _Divergence(parent, sample, settings.seed)
    if given is not None:
        moved = divergence(given, settings.attention_dropout)
        if moved > LIMIT_NATS:
            log.warning(
                "dropout %s moves the parent's predictions by %.2f nats per token (limit: %.2f), so the "
                "child will start from little of what the parent knows; use auto or a smaller value",
                given, moved, LIMIT_NATS,
            )  # fmt: skip
        return settings, {"dropout": {"given": given, "nats_per_token": {str(given): round(moved, 4)}}}
    tried: dict[str, float] = {}
    for value in (own or _CANDIDATES[0], *(each for each in _CANDIDATES[1:] if not own or each < own), 0.0):
        on_weights = settings.attention_dropout
        if on_weights is None:
            on_weights = attention * value / own if own else attention
        tried[str(value)] = round(moved := divergence(value, on_weights), 4) if value else 0.0
        if not value or moved <= LIMIT_NATS:
            break
    record = {"dropout": {"chosen": value, "parent": own, "nats_per_token": tried}}
    if value == own and len(tried) == 1:
        return settings, record
    first, moved = next(iter(tried.items()))
    log.info(
        "dropout: %s, since %s would move the parent's predictions by %.2f nats per token (limit: %.2f)",
        value or "none", first, moved, LIMIT_NATS,
    )  # fmt: skip
    changes = {"dropout": value, "attention_dropout": on_weights}
    if not value and settings.encoder_noise is None:
        changes["encoder_noise"] = ENCODER_NOISE
        log.info("encoder noise: %s, in place of dropout", ENCODER_NOISE)
    return settings.model_copy(update=changes), record


class _Divergence:
    """How far dropout moves a parent's predictions of the labels of a batch."""

    def __init__(self, parent: Parent, batch: Batch, seed: int) -> None:
        self._model, self._batch, self._seed = alias_model(parent.model), batch, seed
        self._positions = labelled_positions(batch.labels)[: batch.num_labels]
        self._expected = self._log_probabilities()

    def __call__(self, dropout: float, attention_dropout: float | None) -> float:
        """Mean divergence of the predictions with dropout from those without, in nats per token."""
        set_dropout(self._model, dropout, attention_dropout)
        self._model.train()
        try:
            with SeededRandom(self._seed):
                draws = [self._log_probabilities() for _ in range(_NUM_DRAWS)]
        finally:
            self._model.eval()
        moved = [functional.kl_div(each, self._expected, reduction="batchmean", log_target=True)
                 for each in draws]  # fmt: skip
        return float(torch.stack(moved).mean())

    @torch.no_grad()
    def _log_probabilities(self) -> torch.Tensor:
        """(num_labels, vocabulary) float32 log-probabilities of the next token."""
        batch = self._batch
        with arithmetic(self._model):
            logits = self._model(
                **batch.inputs, decoder_input_ids=batch.decoder_input, use_cache=False
            ).logits
        return logits.flatten(0, 1)[self._positions].float().log_softmax(-1)


def _sample(parent: Parent, lines: Iterable[str]) -> Batch | None:
    """The first lines that are short enough with the parent's own translations; None without such lines."""
    if not parent.reads_text:
        return _sample_of_files(parent, islice(lines, _NUM_FILES))
    engine = TorchEngine(parent)
    longest = min(engine.max_source_tokens, _MAX_TOKENS)
    lines = [line for line in islice(lines, _LINES_READ) if line.strip()]
    encoded = zip(lines, parent.source.encode_batch(lines))
    kept = [(line, ids) for line, ids in encoded if len(ids) <= longest][:_NUM_LINES]
    if not kept:
        return None
    options = DecodingOptions(beam_size=1, max_new_tokens=longest)
    translated = [hypotheses[0].text for hypotheses in engine.translate([line for line, _ in kept], options)]
    # Encoded again, a translation can have more pieces than were generated.
    generation = Generation.of(parent)
    most = min(_MAX_TOKENS, generation.max_target_tokens)
    targets = [ids[:most] for ids in parent.target.encode_batch(translated)]
    pairs = PairsInMemory([ids for _, ids in kept], targets)
    planned = PlannedBatch(
        tuple(range(len(kept))), len(kept), int(pairs.source_lengths.max()), int(pairs.target_lengths.max())
    )
    special = BatchIds(parent.source.special.pad, parent.target.special.pad, generation.start)
    return collate(pairs, planned, special).to(parent.model.device)


def _sample_of_files(parent: Parent, files: Iterable[str]) -> Batch | None:
    """A few recordings or images with the text that the parent itself writes for them."""
    names = list(files)
    most = min(_MAX_TOKENS, Generation.of(parent, reads_files=True).max_target_tokens)
    options = DecodingOptions(beam_size=1, max_new_tokens=most)
    written = [hypotheses[0].text for hypotheses in SignalEngine(parent).translate(names, options)]
    targets = [ids[:most] for ids in parent.target.encode_batch(written)]
    pairs = FilePairs(names, targets, processor_of(parent.source), parent.model)
    longest = int(pairs.target_lengths.max())
    planned = PlannedBatch(tuple(range(len(names))), len(names), longest, longest)
    return collate(pairs, planned, Trainee.of(parent, {}, ()).ids).to(parent.model.device)
