"""Translation by CTranslate2: the fast engine on a CPU. Needs neither PyTorch nor transformers."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from crosslate.engines.decoding import (
    DecodingOptions,
    Hypothesis,
    empty_translations,
    encode_sources,
    group_sources,
    hypothesis,
)
from crosslate.engines.folders import load_description
from crosslate.errors import EngineError
from crosslate.models.vocabularies.saved_vocabularies import load_vocabulary

_MAX_INTER_THREADS = 8


class CTranslate2Engine:
    """Translates with a folder that :func:`crosslate.engines.export.export_ctranslate2` wrote.

    Several threads may call :meth:`translate` at once.

    Args:
        folder: the exported model.
        device: ``cpu``, ``cuda`` or ``auto``.
        inter_threads: batches translated at the same time; None chooses from the machine.
        intra_threads: threads that share one batch; None chooses from the machine.
        max_batch_tokens: padded source tokens that one batch may hold.

    Raises:
        EngineError: the folder is not such a model, or CTranslate2 cannot load it.
    """

    name = "ctranslate2"

    def __init__(
        self,
        folder: Path,
        *,
        device: str = "cpu",
        inter_threads: int | None = None,
        intra_threads: int | None = None,
        max_batch_tokens: int = 1024,
    ) -> None:
        import ctranslate2

        self._description = load_description(folder)
        self.source = load_vocabulary(folder, "source", self._description.source)
        self.target = load_vocabulary(folder, "target", self._description.target)
        self.max_source_tokens = self._description.max_source_tokens
        self._max_batch_tokens = max_batch_tokens
        chosen_inter, chosen_intra = default_threads(num_usable_cores())
        try:
            self._translator = ctranslate2.Translator(
                str(folder),
                device=device,
                inter_threads=chosen_inter if inter_threads is None else inter_threads,
                intra_threads=chosen_intra if intra_threads is None else intra_threads,
            )
        except (RuntimeError, ValueError) as error:
            raise EngineError(f"CTranslate2 cannot load {folder}: {error}") from error

    def translate(self, texts: Sequence[str], options: DecodingOptions) -> list[list[Hypothesis]]:
        """See :meth:`crosslate.engines.decoding.Engine.translate`."""
        encoded = encode_sources(self.source, texts, self.max_source_tokens)
        translations = empty_translations(len(texts), options)
        description, pieces = self._description, self.source.pieces
        suppressed = [*description.never_generated, *([] if options.allow_unknown else [description.unknown])]
        forced = description.forced_first
        pending = []
        for group in group_sources(
            encoded, options, description.max_target_tokens, self.source.num_frame_ids
        ):
            results = self._translator.translate_batch(
                [[pieces[index] for index in encoded[text]] for text in group.indices],
                target_prefix=None if forced is None else [[forced]] * len(group.indices),
                max_batch_size=self._max_batch_tokens,
                batch_type="tokens",
                asynchronous=True,  # groups share the workers instead of waiting for each other
                beam_size=options.beam_size,
                num_hypotheses=options.n_best,
                length_penalty=options.length_penalty,
                repetition_penalty=options.repetition_penalty,
                no_repeat_ngram_size=options.no_repeat_ngram,
                suppress_sequences=[[piece] for piece in suppressed],
                max_input_length=0,  # never cut: too long a text was refused above
                min_decoding_length=0,
                max_decoding_length=group.output_limit,
                return_scores=True,
            )
            pending.append((group.indices, results))
        for indices, results in pending:
            for index, result in zip(indices, results, strict=True):
                found = result.result()
                translations[index] = [
                    hypothesis(self.target, output, score, forced)
                    for output, score in zip(found.hypotheses, found.scores, strict=True)
                ]
        return translations


def num_usable_cores() -> int:
    """Processor cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return max(1, len(os.sched_getaffinity(0)))
    return os.cpu_count() or 1


def default_threads(num_cores: int) -> tuple[int, int]:
    """``(inter_threads, intra_threads)`` for a machine: every core its own batch, up to 8 batches.

    Threads that share a batch wait for each other at every small product of decoding; on busy cores
    they were measured to be several times slower than threads with batches of their own.
    """
    inter = min(_MAX_INTER_THREADS, num_cores)
    return inter, max(1, num_cores // inter)
