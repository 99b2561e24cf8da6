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


class TorchEngine:
    """Translates with ``model.generate``, under a generation configuration made here from scratch.

    The model stays as it is: training modes, generation configuration and weights are the same after
    each call, so a model can be validated in the middle of its training. Calls from several threads
    wait for each other.

    Args:
        translation_model: a parent or a child; read anew at each call.
        max_batch_tokens: padded source tokens, times the beam size, that one batch may hold.
    """

    name = "pytorch"

    def __init__(self, translation_model: TranslationModel, *, max_batch_tokens: int = 8192) -> None:
        self._translation_model = translation_model
        self._max_batch_tokens = max_batch_tokens
        self._generation = Generation.of(translation_model)
        self._lock = threading.Lock()
        self.source = translation_model.source
        self.target = translation_model.target
        self.max_source_tokens = self._generation.max_source_tokens

    def translate(self, texts: Sequence[str], options: DecodingOptions) -> list[list[Hypothesis]]:
        """See :meth:`crosslate.engines.decoding.Engine.translate`."""
        encoded = encode_sources(self.source, texts, self.max_source_tokens)
        translations = empty_translations(len(texts), options)
        model = self._translation_model.model
        with self._lock, ready_to_translate(model), torch.inference_mode(), _arithmetic(model):
            for group in group_sources(
                encoded, options, self._generation.max_target_tokens, self.source.num_frame_ids
            ):
                config = self._configuration(options, group.output_limit)
                for batch in self._batches(group.indices, encoded, options.beam_size):
                    found = self._translate_batch(model, [encoded[index] for index in batch], config, options)
                    for index, hypotheses in zip(batch, found, strict=True):
                        translations[index] = hypotheses
        return translations

    def _batches(
        self, indices: Sequence[int], encoded: Sequence[Sequence[int]], beam_size: int
    ) -> Iterator[Sequence[int]]:
        """Cuts ``indices``, longest first, so that a batch is as wide as its first text."""
        start = 0
        while start < len(indices):
            row_tokens = len(encoded[indices[start]]) * beam_size
            size = max(1, self._max_batch_tokens // row_tokens)
            yield indices[start : start + size]
            start += size

    def _configuration(self, options: DecodingOptions, output_limit: int) -> Any:
        return generation_configuration(
            self._generation, self.target, options, output_limit, suppressed=self._never_generated(options)
        )

    def _never_generated(self, options: DecodingOptions) -> list[int]:
        return self._generation.never_generated(self.target, allow_unknown=options.allow_unknown)

    def _translate_batch(
        self, model: Any, rows: Sequence[Sequence[int]], config: Any, options: DecodingOptions
    ) -> list[list[Hypothesis]]:
        device = next(model.parameters()).device
        width = max(map(len, rows))
        pad = self.source.special.pad
        input_ids = torch.tensor([[*row, *[pad] * (width - len(row))] for row in rows], device=device)
        mask = torch.tensor([[1] * len(row) + [0] * (width - len(row)) for row in rows], device=device)
        encoded = model.get_encoder()(input_ids=input_ids, attention_mask=mask, return_dict=True)
        processors = repetition_guards(options)
        greedy_scores = GreedyScores()
        if options.beam_size == 1:
            processors.append(greedy_scores)
        # generate() fills what is None in our configuration from the model's own; that one must be empty.
        model.generation_config = GenerationConfig()
        generated = model.generate(
            input_ids=input_ids,
            attention_mask=mask,
            encoder_outputs=type(encoded)(**encoded),  # a copy: generate() repeats its entries in place
            generation_config=config,
            logits_processor=processors,
        )
        # The first column is the decoder's start.
        outputs = [trimmed(self.target, row) for row in generated[:, 1:].tolist()]
        if options.beam_size == 1:
            log_probabilities = greedy_scores.log_probabilities()
        else:
            inputs = {"input_ids": input_ids, "attention_mask": mask, "encoder_outputs": encoded}
            log_probabilities = self._log_probabilities(model, inputs, generated, options)
        scores = [
            sum(row[: len(output)]) / max(1, len(output)) ** options.length_penalty
            for row, output in zip(log_probabilities, outputs, strict=True)
        ]
        hypotheses = [self._hypothesis(output, score) for output, score in zip(outputs, scores, strict=True)]
        n_best = options.n_best
        return [hypotheses[start : start + n_best] for start in range(0, len(hypotheses), n_best)]

    def _hypothesis(self, ids: Sequence[int], score: float) -> Hypothesis:
        return hypothesis_of(self._generation, self.target, ids, score)

    def _log_probabilities(
        self, model: Any, inputs: Mapping[str, Any], generated: torch.Tensor, options: DecodingOptions
    ) -> list[list[float]]:
        """Log-probability of each generated token, by one pass over the finished outputs.

        Beam search returns its scores only together with the distribution of every step, which for a
        large vocabulary takes gigabytes.

        Args:
            inputs: ``input_ids`` (without them FSMT forgets its causal mask) and ``attention_mask``, both
                ``(batch, src_len)``, int64, and the encoder's outputs.
            generated: ``(batch * n_best, 1 + tgt_len)``, int64.
        """
        suppressed = torch.tensor(self._never_generated(options), dtype=torch.long, device=generated.device)
        ranks: list[list[list[float]]] = []
        # One hypothesis of every text at a time: n_best times less memory for the distributions.
        for rank in range(options.n_best):
            rows = generated[rank :: options.n_best]
            logits = model(
                **inputs, decoder_input_ids=rows[:, :-1], use_cache=False, return_dict=True
            ).logits.float()
            logits[..., suppressed] = -torch.inf
            chosen = logits.gather(2, rows[:, 1:].unsqueeze(2)).squeeze(2) - logits.logsumexp(2)
            if self._generation.forced_first is not None:
                chosen[:, 0] = 0.0
            ranks.append(chosen.tolist())
        return [row for rows in zip(*ranks, strict=True) for row in rows]


def generation_configuration(
    generation: Generation,
    target: Vocabulary,
    options: DecodingOptions,
    output_limit: int,
    suppressed: Sequence[int] | None = None,
) -> Any:
    """What ``model.generate`` is told, made from scratch.

    Args:
        suppressed: target ids that no output may hold; None where the caller sees to that.
    """
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
        suppress_tokens=suppressed,
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
