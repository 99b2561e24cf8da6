"""Validate the model in training: by its translations of a text, or by its loss on it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import replace
from functools import cache
from typing import Any

import torch

from crosslate.adaptation.settings import ValidationMetric
from crosslate.adaptation.signals import longest_target, pair_files
from crosslate.engines.decoding import DecodingOptions
from crosslate.engines.signals import SignalEngine
from crosslate.errors import CorpusError, EngineError
from crosslate.evaluation.calibration import FEWEST_SENTENCES, calibrate
from crosslate.evaluation.scores import Metric, check_references, score_translations
from crosslate.models.child import Child, plain_child
from crosslate.models.parent import Parent
from crosslate.models.tensors import evaluating, is_mixed
from crosslate.packs.manifest import Calibration
from crosslate.text.corpora import ParallelCorpus
from crosslate.training.batches import (
    IGNORED,
    BatchIds,
    PairIds,
    PairsInMemory,
    collate,
    longest_unpadded,
    plan_batches,
)
from crosslate.training.cpu import kept_threads
from crosslate.training.loop import Validation
from crosslate.training.memory import shards
from crosslate.training.optimiser import Trainee
from crosslate.translation.translator import EngineName, Translator, reason_of

_VALIDATION_TOKENS = 4096
_MOST_MEASURED = 500  # sentences; more would hardly move two numbers

log = logging.getLogger(__name__)


def make_validate(
    model: Parent | Child,
    valid: ParallelCorpus,
    metric: ValidationMetric,
    measure: Callable[[], dict[str, float]] | None = None,
    *,
    label_smoothing: float = 0.0,
) -> Callable[[], Validation]:
    """Makes the callable that scores greedy translations of ``valid`` by ``metric``, or gives the loss on it.

    Args:
        measure: called after each validation; its values are recorded but do not select the best state.
        label_smoothing: of the loss.

    Raises:
        InputError: every reference is empty.
        CorpusError: the metric is the loss, and every pair is too long for the model.
    """
    check_references(valid)
    if metric == "loss":
        loss = _loss_on(model, valid, label_smoothing)
        return lambda: replace(loss(), details={} if measure is None else dict(measure()))
    if not model.source.is_text:
        return _validate_on_files(model, valid, metric, measure)
    engine: EngineName = "ctranslate2"

    @kept_threads()
    def validate() -> Validation:
        nonlocal engine
        translator = _greedy_translator(model, engine)
        if translator.engine.name == "pytorch":
            engine = "pytorch"  # do not retry what CTranslate2 does not support
        translations = list(translator.translate_lines(valid.source))
        found = score_translations(translations, valid, metric, num_samples=0)
        details = {} if measure is None else dict(measure())
        return Validation(metric, found.value, found.signature, details, translations)

    return validate


def _greedy_translator(model: Parent | Child, engine: EngineName = "ctranslate2") -> Translator:
    """Translates texts with the current weights of a model in training."""
    # Exporting a model held in lower precision or in shards would undo the memory savings.
    if is_mixed(model.model) or shards(model.model) or next(model.model.parameters()).device.type != "cpu":
        engine = "pytorch"
    # Fold the tensors that a method adds into the model's, so that any engine can translate.
    current = plain_child(model) if isinstance(model, Child) else model
    options = DecodingOptions(beam_size=1)
    try:
        return Translator(current, engine=engine, options=options)
    except EngineError as error:
        if engine == "pytorch":
            raise
        _say_why_pytorch(reason_of(error))
        return Translator(current, engine="pytorch", options=options)


@cache
def _say_why_pytorch(reason: str) -> None:
    """Logs it once in a process: a run opens several translators, in training and for the stored pack."""
    log.info("validating with PyTorch: %s", reason)


@kept_threads()
def measure_confidence(
    model: Parent | Child, valid: ParallelCorpus, translations: Sequence[str] = ()
) -> Calibration | None:
    """What the confidence of a model's translations is worth on a text, of which a part is enough.

    None for a text of few sentences, and for recordings and images, of which each would be read again.

    Args:
        translations: of the text, if they are there; else they are made by greedy search.
    """
    if not model.source.is_text or len(valid) < FEWEST_SENTENCES:
        return None
    spread = slice(None, None, -(-len(valid) // _MOST_MEASURED))
    sources, references = valid.source[spread], valid.target[spread]
    translator = _greedy_translator(model)
    translations = translations[spread] or translator.translate(sources)
    rows = zip(translator.confidences(sources, translations), translations, references, strict=True)
    known = [(found, text, reference) for found, text, reference in rows if found and reference.strip()]
    return calibrate(
        [found.probability for found, _, _ in known],
        [
            [(text[word.start : word.end], word.probability) for word in found.words]
            for found, text, _ in known
        ],
        [text for _, text, _ in known],
        [reference for _, _, reference in known],
    )


def _validate_on_files(
    model: Parent | Child,
    valid: ParallelCorpus,
    metric: Metric,
    measure: Callable[[], dict[str, float]] | None,
) -> Callable[[], Validation]:
    """Scores what the model writes for recordings or images; a frozen encoder reads them once."""
    is_frozen = not any(each.requires_grad for each in model.model.get_encoder().parameters())
    kept: dict[str, torch.Tensor] | None = {} if is_frozen else None
    # An untrained decoder does not end its outputs; twice the longest reference says enough of them.
    longest = max(map(len, model.target.encode_batch(valid.target)))
    options = DecodingOptions(beam_size=1, max_new_tokens=2 * longest + 16)

    @kept_threads()
    def validate() -> Validation:
        current = plain_child(model) if isinstance(model, Child) else model
        ranked = SignalEngine(current, kept).translate(valid.source, options)
        found = score_translations([each.text for (each,) in ranked], valid, metric, num_samples=0)
        return Validation(metric, found.value, found.signature, {} if measure is None else dict(measure()))

    return validate


def make_loss(
    model: Any, pairs: PairIds, ids: BatchIds, label_smoothing: float = 0.0
) -> Callable[[], Validation]:
    """Makes the callable that gives the negative loss per target token, in nats; higher is better."""
    batches = plan_batches(pairs.source_lengths, pairs.target_lengths, _VALIDATION_TOKENS, 0, 0)

    @torch.no_grad()
    def validate() -> Validation:
        device = next(model.parameters()).device
        total, num_labels = 0.0, 0
        is_lowered = is_mixed(model)
        with evaluating(model), torch.autocast(device.type, torch.bfloat16) if is_lowered else nullcontext():
            for planned in batches:
                batch = collate(pairs, planned, ids).to(device)
                logits = model(**batch.inputs, decoder_input_ids=batch.decoder_input, use_cache=False).logits
                loss = torch.nn.functional.cross_entropy(
                    logits.flatten(0, 1).float(), batch.labels.flatten(), ignore_index=IGNORED,
                    label_smoothing=label_smoothing, reduction="sum",
                )  # fmt: skip
                total += float(loss)
                num_labels += batch.num_labels
        smoothed = f", label smoothing {label_smoothing:g}" if label_smoothing else ""
        return Validation("negative loss", -total / num_labels, f"nats per target token{smoothed}")

    return validate


def _loss_on(
    model: Parent | Child, valid: ParallelCorpus, label_smoothing: float
) -> Callable[[], Validation]:
    """The loss on the pairs of a text that fit the model, as in fairseq."""
    ids = Trainee.of(model, {}, ()).ids
    if not model.source.is_text:
        files = pair_files(valid, model, longest_target(model, _VALIDATION_TOKENS), {})
        return make_loss(model.model, files, ids, label_smoothing)
    most = longest_unpadded((model.parent if isinstance(model, Child) else model).max_tokens)
    encoded = zip(model.source.encode_batch(valid.source), model.target.encode_batch(valid.target))
    fitting = [pair for pair in encoded if max(map(len, pair)) <= most]
    if not fitting:
        raise CorpusError(f"{valid.origin}: all {len(valid)} pairs have more than {most} tokens on a side")
    if len(fitting) < len(valid):
        log.info("validating without %d pairs of more than %d tokens", len(valid) - len(fitting), most)
    return make_loss(model.model, PairsInMemory(*zip(*fitting)), ids, label_smoothing)
