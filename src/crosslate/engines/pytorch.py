"""Translation with the live PyTorch model; works for every model, and with current weights in training."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import numpy
import torch
from transformers import (
    GenerationConfig,
    LogitsProcessor,
    LogitsProcessorList,
    NoRepeatNGramLogitsProcessor,
    RepetitionPenaltyLogitsProcessor,
)
from transformers.modeling_outputs import BaseModelOutput

from crosslate.engines.decoding import (
    DecodingOptions,
    Hypothesis,
    Pair,
    empty_translations,
    encode_pairs,
    encode_sources,
    group_sources,
    hypothesis,
)
from crosslate.engines.generation import Generation, TranslationModel
from crosslate.engines.search import Ids, Numbers, Rules
from crosslate.models.cache_name import CACHE_NAME
from crosslate.models.tensors import is_mixed
from crosslate.text.vocabularies import Vocabulary

MAX_BATCH_TOKENS = 8192
"""Maximum padded source tokens per batch, times the beam size."""
_MAX_SCORED_TOKENS = 1024
"""Maximum padded tokens of a side per batch of given translations, each with logits of all pieces."""


class TorchEngine:
    """Translates with ``model.generate`` and its own generation configuration.

    Training modes, generation configuration and weights are unchanged after each call, so a model can be
    validated during training. Calls from several threads wait for each other.

    Args:
        translation_model: a parent or a child; each call uses its current weights.
    """

    name = "pytorch"
    reads_files = False
    _num_prompt_ids = 1  # that every output starts with
    _most_rows = _MAX_SCORED_TOKENS  # of a batch of given translations

    def __init__(self, translation_model: TranslationModel) -> None:
        self.translation_model = translation_model
        self._generation = Generation.of(translation_model, reads_files=self.reads_files)
        self._lock = threading.Lock()
        self.source = translation_model.source
        self.target = translation_model.target
        self.max_source_tokens = self._generation.max_source_tokens
        self.max_target_tokens = self._generation.max_target_tokens

    def translate(self, texts: Sequence[str], options: DecodingOptions) -> list[list[Hypothesis]]:
        """See :meth:`crosslate.engines.decoding.Engine.translate`."""
        encoded = encode_sources(self.source, texts, self.max_source_tokens)
        translations = empty_translations(len(texts), options)
        groups = group_sources(encoded, options, self.max_target_tokens, self.source.num_frame_ids)
        model = self.translation_model.model
        with self._lock, ready_to_translate(model), torch.inference_mode(), arithmetic(model):
            for output_limit, indices in groups.items():
                for batch in cut_into_batches(indices, encoded, options):
                    rows = [encoded[index] for index in batch]
                    for index, found in zip(batch, self._search(model, rows, options, output_limit)):
                        translations[index] = found
        return translations

    def log_probabilities(self, pairs: Sequence[Pair]) -> list[list[float]]:
        """See :meth:`crosslate.engines.decoding.Engine.log_probabilities`."""
        sources = self._sources(pairs)
        found: list[list[float]] = [[] for _ in pairs]
        model = self.translation_model.model
        with self._lock, ready_to_translate(model), torch.inference_mode(), arithmetic(model):
            lengths = {index: max(len(source), len(pairs[index][1]) + 1) for index, source in sources.items()}
            for batch in _cut_by_length(lengths, self._most_rows):
                states = self._encoded(model, [sources[index] for index in batch])
                rows = self._forced(model, states, [pairs[index][1] for index in batch])
                for index, row in zip(batch, rows, strict=True):
                    found[index] = row
        return found

    def _sources(self, pairs: Sequence[Pair]) -> Mapping[int, Any]:
        """What the model reads of the pairs that fit it, by position."""
        most = self._generation.max_target_tokens
        return encode_pairs(self.source, pairs, self.max_source_tokens, most)

    def _prompt_ids(self) -> list[int]:
        """The ids that every output starts with."""
        return [self._generation.start]

    def _forced(
        self, model: Any, inputs: Mapping[str, Any], targets: Sequence[Sequence[int]]
    ) -> list[list[float]]:
        """Log-probabilities of given translations, the end of each last.

        Args:
            inputs: as for :meth:`_log_probabilities`.
        """
        special, forced = self.target.special, self._generation.forced_first
        before = [*self._prompt_ids(), *([] if forced is None else [forced])]
        width = max(map(len, targets)) + 1
        rows = torch.tensor(
            [[*before, *ids, special.eos, *[special.pad] * (width - 1 - len(ids))] for ids in targets],
            device=next(model.parameters()).device,
        )
        output = model(**inputs, decoder_input_ids=rows[:, :-1], use_cache=False, return_dict=True)
        logits = output.logits[:, len(before) - 1 :].float()
        labels = rows[:, len(before) :].unsqueeze(2)
        chosen = (logits.gather(2, labels).squeeze(2) - logits.logsumexp(2)).tolist()
        return [row[: len(ids) + 1] for row, ids in zip(chosen, targets, strict=True)]

    def rules(self, options: DecodingOptions) -> Rules:
        """What a search from outside, with :meth:`steps`, must keep to."""
        facts, suppressed = self._generation, self._never_generated(self.translation_model.model, options)
        return Rules(facts.start, self.target.special.eos, facts.forced_first, numpy.array(suppressed))

    @contextmanager
    def steps(self, rows: Sequence[Sequence[int]]) -> Iterator[TorchSteps]:
        """The states of a batch of sources, given as ids, for a search from outside.

        Other calls wait until the context is left.
        """
        model = self.translation_model.model
        with self._lock, ready_to_translate(model), torch.inference_mode(), arithmetic(model):
            yield TorchSteps(model, rows, self.source.special.pad)

    def _search(
        self, model: Any, rows: Sequence[Any], options: DecodingOptions, output_limit: int
    ) -> list[list[Hypothesis]]:
        suppressed = self._never_generated(model, options)
        config = generation_configuration(self._generation, self.target, options, output_limit)
        config.suppress_tokens = suppressed
        processors, greedy_scores = repetition_guards(options, self._num_prompt_ids), GreedyScores()
        if options.beam_size == 1:
            processors.append(greedy_scores)
        generated, inputs = self._generate(model, rows, config, processors)
        outputs = [trimmed(self.target, row) for row in generated[:, self._num_prompt_ids :].tolist()]
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

    def _never_generated(self, model: Any, options: DecodingOptions) -> list[int]:
        return self._generation.never_generated(self.target, allow_unknown=options.allow_unknown)

    def _generate(
        self, model: Any, rows: Sequence[Any], config: Any, processors: LogitsProcessorList
    ) -> tuple[torch.Tensor, Mapping[str, Any]]:
        """Ids, with those that every output starts with, and the source arguments for calling the model."""
        inputs = self._encoded(model, rows)
        return generate(model, inputs, config, processors), inputs

    def _encoded(self, model: Any, rows: Sequence[Any]) -> dict[str, Any]:
        """The source arguments for calling the model, with the encoder's outputs."""
        return encoded_sources(model, rows, [self.source.special.pad] * len(rows))

    def _log_probabilities(
        self,
        model: Any,
        inputs: Mapping[str, Any],
        generated: torch.Tensor,
        options: DecodingOptions,
        suppressed: Sequence[int],
    ) -> list[list[float]]:
        """Log-probability of each generated token, in one pass over the finished outputs.

        Beam search returns scores only together with the distribution of every step, which takes gigabytes
        for a large vocabulary.

        Args:
            inputs: ``input_ids`` (FSMT drops its causal mask without them) and ``attention_mask``, both
                ``(batch, src_len)``, int64, and the encoder's outputs; of files, those of their features.
            generated: ``(batch * n_best, num_prompt_ids + tgt_len)``, int64.
            suppressed: target ids that are never generated.
        """
        ranks: list[list[list[float]]] = []
        # One hypothesis per text at a time, so that distributions take n_best times less memory.
        for rank in range(options.n_best):
            rows = generated[rank :: options.n_best]
            prompt = self._num_prompt_ids
            logits = (
                model(**inputs, decoder_input_ids=rows[:, :-1], use_cache=False, return_dict=True)
                .logits[:, prompt - 1 :]
                .float()
            )
            logits[..., list(suppressed)] = -torch.inf
            logits[:, : self._generation.min_new_tokens, self.target.special.eos] = -torch.inf
            chosen = logits.gather(2, rows[:, prompt:].unsqueeze(2)).squeeze(2) - logits.logsumexp(2)
            if self._generation.forced_first is not None:
                chosen[:, 0] = 0.0
            ranks.append(chosen.tolist())
        return [row for rows in zip(*ranks, strict=True) for row in rows]


class TorchSteps:
    """Steps of the live model; see :class:`crosslate.engines.search.Steps`.

    Args:
        rows: ids of the sources.
        pad: padding id of the source.
    """

    def __init__(self, model: Any, rows: Sequence[Sequence[int]], pad: int) -> None:
        self._model = model
        sources = padded_sources(model, rows, [pad] * len(rows))
        self._mask = sources["attention_mask"]
        self._states = model.get_encoder()(**sources, return_dict=True).last_hidden_state
        self._texts = torch.arange(len(rows), device=self._mask.device)
        self._cache: Any = None

    def logits(self, tokens: Ids, order: Ids) -> Numbers:
        """See :meth:`crosslate.engines.search.Steps.logits`."""
        device = self._mask.device
        rows = torch.as_tensor(order, device=device)
        self._texts = self._texts[rows]
        if self._cache is not None:
            self._cache.reorder_cache(rows)
        found = self._model(
            encoder_outputs=BaseModelOutput(last_hidden_state=self._states[self._texts]),
            attention_mask=self._mask[self._texts],
            decoder_input_ids=torch.as_tensor(tokens, device=device)[:, None],
            use_cache=True,
            return_dict=True,
            **{CACHE_NAME: self._cache},
        )
        self._cache = getattr(found, CACHE_NAME)
        logits: Numbers = found.logits[:, -1].float().cpu().numpy()
        return logits


def cut_into_batches(
    indices: Sequence[int],
    encoded: Mapping[int, Sequence[int]] | Sequence[Sequence[int]],
    options: DecodingOptions,
) -> Iterator[list[int]]:
    """Groups texts of similar length, longest first."""
    order = sorted(indices, key=lambda index: -len(encoded[index]))
    start = 0
    while start < len(order):
        row_tokens = len(encoded[order[start]]) * options.beam_size
        size = max(1, MAX_BATCH_TOKENS // row_tokens)
        yield order[start : start + size]
        start += size


def _cut_by_length(lengths: Mapping[int, int], most_rows: int) -> Iterator[list[int]]:
    """Positions of pairs of similar length, the shortest first."""
    batch: list[int] = []
    for index in sorted(lengths, key=lengths.__getitem__):
        if batch and ((len(batch) + 1) * lengths[index] > _MAX_SCORED_TOKENS or len(batch) >= most_rows):
            yield batch
            batch = []
        batch.append(index)
    if batch:
        yield batch


def encoded_sources(model: Any, rows: Sequence[Sequence[int]], pads: Sequence[int]) -> dict[str, Any]:
    """The source arguments for calling the model, with the encoder's outputs.

    Args:
        rows: ids of the sources.
        pads: padding id of each row.
    """
    inputs = padded_sources(model, rows, pads)
    return inputs | {"encoder_outputs": model.get_encoder()(**inputs, return_dict=True)}


def generate(
    model: Any, inputs: Mapping[str, Any], config: Any, processors: LogitsProcessorList
) -> torch.Tensor:
    """Generates outputs for a batch.

    Args:
        inputs: of :func:`encoded_sources`.

    Returns:
        Ids, ``(batch * n_best, 1 + tgt_len)``, int64, starting with the decoder's start id.
    """
    states = inputs["encoder_outputs"]
    # A copy: generate() repeats its entries in place.
    given = {**inputs, "encoder_outputs": type(states)(**states)}
    generated: torch.Tensor = model.generate(**given, generation_config=config, logits_processor=processors)
    return generated


def padded_sources(model: Any, rows: Sequence[Sequence[int]], pads: Sequence[int]) -> dict[str, torch.Tensor]:
    """``input_ids`` and ``attention_mask`` of sources on the model's device, ``(batch, src_len)``, int64."""
    device, width = next(model.parameters()).device, max(map(len, rows))
    padded = [[*row, *[pad] * (width - len(row))] for row, pad in zip(rows, pads, strict=True)]
    mask = [[1] * len(row) + [0] * (width - len(row)) for row in rows]
    return {
        "input_ids": torch.tensor(padded, device=device),
        "attention_mask": torch.tensor(mask, device=device),
    }


def generation_configuration(
    generation: Generation, target: Vocabulary, options: DecodingOptions, output_limit: int
) -> Any:
    """A generation configuration from our options, without the ids to suppress."""
    is_beam_search = options.beam_size > 1
    return GenerationConfig(
        do_sample=False,
        use_cache=True,
        num_beams=options.beam_size,
        num_return_sequences=options.n_best,
        max_new_tokens=output_limit,
        min_new_tokens=min(generation.min_new_tokens, output_limit),
        decoder_start_token_id=generation.start,
        forced_bos_token_id=generation.forced_first,
        eos_token_id=target.special.eos,
        pad_token_id=target.special.pad,
        # Redistribute the probability of suppressed ids, as CTranslate2 does.
        renormalize_logits=True,
        # Stop at beam_size finished hypotheses, as CTranslate2 does.
        early_stopping=True if is_beam_search else None,
        length_penalty=float(options.length_penalty) if is_beam_search else None,
    )


def trimmed(target: Vocabulary, ids: list[int]) -> list[int]:
    """``ids`` up to and including the end of sentence, or up to padding after the length limit."""
    special = target.special
    for position, index in enumerate(ids):
        if index == special.eos:
            return ids[: position + 1]
        if index == special.pad:
            return ids[:position]
    return ids


def hypothesis_of(generation: Generation, target: Vocabulary, ids: Sequence[int], score: float) -> Hypothesis:
    """The hypothesis of generated ids."""
    forced = generation.forced_first
    pieces = [target.pieces[index] for index in ids if index != target.special.eos]
    return hypothesis(target, pieces, score, None if forced is None else target.pieces[forced])


class GreedyScores(LogitsProcessor):
    """Records the log-probability of each step's best token in greedy search; must be the last processor."""

    def __init__(self) -> None:
        self._steps: list[torch.Tensor] = []

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        self._steps.append(scores.float().log_softmax(-1).amax(-1))
        return scores

    def log_probabilities(self) -> list[list[float]]:
        """One row per text, one column per step; values after a row's end are meaningless."""
        rows: list[list[float]] = torch.stack(self._steps, dim=1).tolist()
        return rows


class AfterStart(LogitsProcessor):
    """A repetition guard that does not count what an output starts with as generated tokens."""

    def __init__(self, guard: Any, num_prompt_ids: int = 1) -> None:
        self._guard, self._num_prompt_ids = guard, num_prompt_ids

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        guarded: torch.Tensor = self._guard(input_ids[:, self._num_prompt_ids :], scores)
        return guarded


@contextmanager
def ready_to_translate(model: Any) -> Iterator[None]:
    """Evaluation mode inside the block; restores the mode of every module, not only the root's."""
    modes = [(module, module.training) for module in model.modules()]
    generation_config = model.generation_config
    model.eval()
    # generate() fills None values in our configuration from the model's own, so that must be empty.
    model.generation_config = GenerationConfig()
    try:
        yield
    finally:
        model.generation_config = generation_config
        for module, mode in modes:
            module.training = mode


def arithmetic(model: Any) -> AbstractContextManager[Any]:
    """Half precision on a GPU, and for models held in bfloat16 in part, which cannot compute otherwise."""
    device = next(model.parameters()).device.type
    is_mixed_model, is_gpu = is_mixed(model), device == "cuda"
    has_bf16 = is_mixed_model or (is_gpu and torch.cuda.is_bf16_supported(including_emulation=False))
    dtype = torch.bfloat16 if has_bf16 or not is_gpu else torch.float16
    return torch.autocast(device, dtype, enabled=is_mixed_model or is_gpu)


def repetition_guards(options: DecodingOptions, num_prompt_ids: int = 1) -> LogitsProcessorList:
    """Processors that prevent repetition, according to the options."""
    guards: list[Any] = []
    if options.repetition_penalty != 1:
        guards.append(RepetitionPenaltyLogitsProcessor(float(options.repetition_penalty)))
    if options.no_repeat_ngram:
        guards.append(NoRepeatNGramLogitsProcessor(options.no_repeat_ngram))
    return LogitsProcessorList([AfterStart(guard, num_prompt_ids) for guard in guards])
