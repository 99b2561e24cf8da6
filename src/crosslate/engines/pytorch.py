"""Translation by the live PyTorch model: works for every model, and sees training's latest weights."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import torch
from transformers import (
    GenerationConfig,
    LogitsProcessor,
    LogitsProcessorList,
    NoRepeatNGramLogitsProcessor,
    RepetitionPenaltyLogitsProcessor,
)

from crosslate.engines.decoding import (
    DecodingOptions,
    Hypothesis,
    empty_translations,
    encode_sources,
    group_sources,
    hypothesis,
)
from crosslate.engines.generation import Generation, TranslationModel
from crosslate.models.tensors import is_mixed
from crosslate.text.vocabularies import Vocabulary

MAX_BATCH_TOKENS = 8192
"""Padded source tokens, times the beam size, that one batch may hold."""


class TorchEngine:
    """Translates with ``model.generate``, under a generation configuration made here from scratch.

    The model stays as it is: training modes, generation configuration and weights are the same after
    each call, so a model can be validated in the middle of its training. Calls from several threads
    wait for each other.

    Args:
        translation_model: a parent or a child; read anew at each call.
    """

    name = "pytorch"

    def __init__(self, translation_model: TranslationModel) -> None:
        self.translation_model = translation_model
        self._generation = Generation.of(translation_model)
        self._lock = threading.Lock()
        self.source = translation_model.source
        self.target = translation_model.target
        self.max_source_tokens = self._generation.max_source_tokens

    def translate(self, texts: Sequence[str], options: DecodingOptions) -> list[list[Hypothesis]]:
        """See :meth:`crosslate.engines.decoding.Engine.translate`."""
        encoded = encode_sources(self.source, texts, self.max_source_tokens)
        translations = empty_translations(len(texts), options)
        groups = group_sources(
            encoded, options, self._generation.max_target_tokens, self.source.num_frame_ids
        )
        model = self.translation_model.model
        with self._lock, ready_to_translate(model), torch.inference_mode(), _arithmetic(model):
            for output_limit, indices in groups.items():
                for batch in cut_into_batches(indices, encoded, options):
                    rows = [encoded[index] for index in batch]
                    for index, found in zip(batch, self._search(model, rows, options, output_limit)):
                        translations[index] = found
        return translations

    def _search(
        self, model: Any, rows: Sequence[Sequence[int]], options: DecodingOptions, output_limit: int
    ) -> list[list[Hypothesis]]:
        suppressed = self._generation.never_generated(self.target, allow_unknown=options.allow_unknown)
        config = generation_configuration(self._generation, self.target, options, output_limit)
        config.suppress_tokens = suppressed
        processors, greedy_scores = repetition_guards(options), GreedyScores()
        if options.beam_size == 1:
            processors.append(greedy_scores)
        pads = [self.source.special.pad] * len(rows)
        generated, inputs = generate(model, rows, pads, config, processors)
        outputs = [trimmed(self.target, row) for row in generated[:, 1:].tolist()]
        if options.beam_size == 1:
            log_probabilities = greedy_scores.log_probabilities()
        else:
            log_probabilities = self._log_probabilities(model, inputs, generated, options, suppressed)
        scores = [
            sum(row[: len(output)]) / max(1, len(output)) ** options.length_penalty
            for row, output in zip(log_probabilities, outputs, strict=True)
        ]
        hypotheses = [
            hypothesis_of(self._generation, self.target, output, score)
            for output, score in zip(outputs, scores)
        ]
        n_best = options.n_best
        return [hypotheses[start : start + n_best] for start in range(0, len(hypotheses), n_best)]

    def _log_probabilities(
        self,
        model: Any,
        inputs: Mapping[str, Any],
        generated: torch.Tensor,
        options: DecodingOptions,
        suppressed: Sequence[int],
    ) -> list[list[float]]:
        """Log-probability of each generated token, by one pass over the finished outputs.

        Beam search returns its scores only together with the distribution of every step, which for a
        large vocabulary takes gigabytes.

        Args:
            inputs: ``input_ids`` (without them FSMT forgets its causal mask) and ``attention_mask``, both
                ``(batch, src_len)``, int64, and the encoder's outputs.
            generated: ``(batch * n_best, 1 + tgt_len)``, int64.
            suppressed: target ids that are never generated.
        """
        ranks: list[list[list[float]]] = []
        # One hypothesis of every text at a time: n_best times less memory for the distributions.
        for rank in range(options.n_best):
            rows = generated[rank :: options.n_best]
            logits = model(
                **inputs, decoder_input_ids=rows[:, :-1], use_cache=False, return_dict=True
            ).logits.float()
            logits[..., list(suppressed)] = -torch.inf
            chosen = logits.gather(2, rows[:, 1:].unsqueeze(2)).squeeze(2) - logits.logsumexp(2)
            if self._generation.forced_first is not None:
                chosen[:, 0] = 0.0
            ranks.append(chosen.tolist())
        return [row for rows in zip(*ranks, strict=True) for row in rows]


def cut_into_batches(
    indices: Sequence[int],
    encoded: Mapping[int, Sequence[int]] | Sequence[Sequence[int]],
    options: DecodingOptions,
) -> Iterator[list[int]]:
    """Texts of about one length together, the longest first."""
    order = sorted(indices, key=lambda index: -len(encoded[index]))
    start = 0
    while start < len(order):
        row_tokens = len(encoded[order[start]]) * options.beam_size
        size = max(1, MAX_BATCH_TOKENS // row_tokens)
        yield order[start : start + size]
        start += size


def generate(
    model: Any,
    rows: Sequence[Sequence[int]],
    pads: Sequence[int],
    config: Any,
    processors: LogitsProcessorList,
) -> tuple[torch.Tensor, dict[str, Any]]:
    """What a model generates, and what its decoder was given.

    Args:
        rows: ids of the sources.
        pads: the padding's id in each row.

    Returns:
        Ids, ``(batch * n_best, 1 + tgt_len)``, int64, of which the first is the decoder's start; and the
        arguments of a model's call that stand for the sources.
    """
    device, width = next(model.parameters()).device, max(map(len, rows))
    padded = [[*row, *[pad] * (width - len(row))] for row, pad in zip(rows, pads, strict=True)]
    mask = [[1] * len(row) + [0] * (width - len(row)) for row in rows]
    inputs = {
        "input_ids": torch.tensor(padded, device=device),
        "attention_mask": torch.tensor(mask, device=device),
    }
    states = model.get_encoder()(**inputs, return_dict=True)
    generated: torch.Tensor = model.generate(
        **inputs,
        encoder_outputs=type(states)(**states),  # a copy: generate() repeats its entries in place
        generation_config=config,
        logits_processor=processors,
    )
    return generated, {**inputs, "encoder_outputs": states}


def generation_configuration(
    generation: Generation, target: Vocabulary, options: DecodingOptions, output_limit: int
) -> Any:
    """What ``model.generate`` is told, made from scratch, but for the ids that no output may hold."""
    is_beam_search = options.beam_size > 1
    return GenerationConfig(
        do_sample=False,
        use_cache=True,
        num_beams=options.beam_size,
        num_return_sequences=options.n_best,
        max_new_tokens=output_limit,
        decoder_start_token_id=generation.start,
        forced_bos_token_id=generation.forced_first,
        eos_token_id=target.special.eos,
        pad_token_id=target.special.pad,
        # The mass of what is suppressed goes to the rest, as in CTranslate2.
        renormalize_logits=True,
        # Stop at beam_size finished hypotheses, as CTranslate2 does.
        early_stopping=True if is_beam_search else None,
        length_penalty=float(options.length_penalty) if is_beam_search else None,
    )


def trimmed(target: Vocabulary, ids: list[int]) -> list[int]:
    """``ids`` up to the end of sentence, included, or to the padding that follows the length limit."""
    special = target.special
    for position, index in enumerate(ids):
        if index == special.eos:
            return ids[: position + 1]
        if index == special.pad:
            return ids[:position]
    return ids


def hypothesis_of(generation: Generation, target: Vocabulary, ids: Sequence[int], score: float) -> Hypothesis:
    """The hypothesis that generated ids stand for."""
    forced = generation.forced_first
    pieces = [target.pieces[index] for index in ids if index != target.special.eos]
    return hypothesis(target, pieces, score, None if forced is None else target.pieces[forced])


class GreedyScores(LogitsProcessor):
    """Keeps, in greedy search, the log-probability of each step's best token; must be the last processor."""

    def __init__(self) -> None:
        self._steps: list[torch.Tensor] = []

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        self._steps.append(scores.float().log_softmax(-1).amax(-1))
        return scores

    def log_probabilities(self) -> list[list[float]]:
        """One row per text, one column per step; columns after a row's end mean nothing."""
        rows: list[list[float]] = torch.stack(self._steps, dim=1).tolist()
        return rows


class AfterStart(LogitsProcessor):
    """A repetition guard that does not count the decoder's start as a generated token."""

    def __init__(self, guard: Any) -> None:
        self._guard = guard

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        guarded: torch.Tensor = self._guard(input_ids[:, 1:], scores)
        return guarded


@contextmanager
def ready_to_translate(model: Any) -> Iterator[None]:
    """Evaluation mode for the time of the block; every module's mode is put back, not only the root's."""
    modes = [(module, module.training) for module in model.modules()]
    generation_config = model.generation_config
    model.eval()
    # generate() fills what is None in our configuration from the model's own; that one must be empty.
    model.generation_config = GenerationConfig()
    try:
        yield
    finally:
        model.generation_config = generation_config
        for module, mode in modes:
            module.training = mode


def _arithmetic(model: Any) -> AbstractContextManager[Any]:
    """Mixed precision for a model that is held in bfloat16 in part, which cannot compute otherwise."""
    return torch.autocast(next(model.parameters()).device.type, torch.bfloat16, enabled=is_mixed(model))


def repetition_guards(options: DecodingOptions) -> LogitsProcessorList:
    """What keeps a translation from repeating itself, as options ask for."""
    guards: list[Any] = []
    if options.repetition_penalty != 1:
        guards.append(RepetitionPenaltyLogitsProcessor(float(options.repetition_penalty)))
    if options.no_repeat_ngram:
        guards.append(NoRepeatNGramLogitsProcessor(options.no_repeat_ngram))
    return LogitsProcessorList([AfterStart(guard) for guard in guards])
