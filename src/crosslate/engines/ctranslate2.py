"""Translation with CTranslate2, the fastest engine on CPU; needs neither PyTorch nor transformers."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from crosslate.config import Settings
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
from crosslate.engines.model_cache import read_description
from crosslate.errors import EngineError
from crosslate.models.vocabularies.saved_vocabularies import SideDescription, load_vocabulary

log = logging.getLogger(__name__)

_MAX_INTER_THREADS = 8
_MAX_BATCH_TOKENS = 1024  # padded source tokens
FORMAT_VERSION: Literal[1] = 1


class CTranslate2Engine:
    """Translates with a model exported by :func:`crosslate.engines.conversion.export_ctranslate2`.

    Several threads may call :meth:`translate` at once.

    Args:
        folder: the exported model.
        inter_threads: batches translated at the same time on a CPU; None chooses from the machine.
        intra_threads: threads that share one batch on a CPU; None chooses from the machine.

    Raises:
        EngineError: the folder is not an exported model, or CTranslate2 cannot load it.
    """

    name = "ctranslate2"

    def __init__(
        self, folder: Path, *, inter_threads: int | None = None, intra_threads: int | None = None
    ) -> None:
        self._description = read_description(folder, FolderDescription, "a CTranslate2")
        self.source = load_vocabulary(folder, "source", self._description.source)
        self.target = load_vocabulary(folder, "target", self._description.target)
        self.max_source_tokens = self._description.max_source_tokens
        chosen_inter, chosen_intra = default_threads(num_usable_cores())
        self._translator = _load(
            folder,
            chosen_inter if inter_threads is None else inter_threads,
            chosen_intra if intra_threads is None else intra_threads,
        )

    def translate(self, texts: Sequence[str], options: DecodingOptions) -> list[list[Hypothesis]]:
        """See :meth:`crosslate.engines.decoding.Engine.translate`."""
        encoded = encode_sources(self.source, texts, self.max_source_tokens)
        translations = empty_translations(len(texts), options)
        description, pieces = self._description, self.source.pieces
        suppressed = [*description.never_generated, *([] if options.allow_unknown else [description.unknown])]
        forced = description.forced_first
        pending = []
        groups = group_sources(encoded, options, description.max_target_tokens, self.source.num_frame_ids)
        for output_limit, indices in groups.items():
            results = self._translator.translate_batch(
                [[pieces[index] for index in encoded[text]] for text in indices],
                target_prefix=None if forced is None else [[forced]] * len(indices),
                max_batch_size=_MAX_BATCH_TOKENS,
                batch_type="tokens",
                asynchronous=True,  # groups share the workers instead of waiting for each other
                beam_size=options.beam_size,
                num_hypotheses=options.n_best,
                length_penalty=options.length_penalty,
                repetition_penalty=options.repetition_penalty,
                no_repeat_ngram_size=options.no_repeat_ngram,
                suppress_sequences=[[piece] for piece in suppressed],
                max_input_length=0,  # no truncation: encode_sources refused longer texts
                min_decoding_length=1 if forced is None else 2,  # at least one piece of text
                max_decoding_length=output_limit,
                return_scores=True,
            )
            pending.append((indices, results))
        for indices, results in pending:
            for index, result in zip(indices, results, strict=True):
                found = result.result()
                translations[index] = [
                    hypothesis(self.target, output, score, forced)
                    for output, score in zip(found.hypotheses, found.scores, strict=True)
                ]
        return translations

    def log_probabilities(self, pairs: Sequence[Pair]) -> list[list[float]]:
        """See :meth:`crosslate.engines.decoding.Engine.log_probabilities`."""
        description, forced = self._description, self._description.forced_first
        encoded = encode_pairs(self.source, pairs, self.max_source_tokens, description.max_target_tokens)
        targets = [
            [*([] if forced is None else [forced]), *(self.target.pieces[each] for each in pairs[index][1])]
            for index in encoded
        ]
        results = self._translator.score_batch(
            [[self.source.pieces[each] for each in ids] for ids in encoded.values()],
            targets,
            max_batch_size=_MAX_BATCH_TOKENS,
            batch_type="tokens",
            max_input_length=0,
        )
        found: list[list[float]] = [[] for _ in pairs]
        for index, result in zip(encoded, results, strict=True):
            found[index] = list(result.log_probs)[-len(pairs[index][1]) - 1 :]
        return found


def _load(folder: Path, inter_threads: int, intra_threads: int) -> Any:
    """CTranslate2's translator: on the GPU if there is one that it can use, else on the CPU."""
    import ctranslate2

    if ctranslate2.get_cuda_device_count():
        try:
            return ctranslate2.Translator(str(folder), device="cuda")  # one batch fills it
        except (RuntimeError, ValueError) as error:  # its libraries (cuBLAS) are missing, for example
            log.warning("CTranslate2 cannot use the GPU, so it translates on the CPU: %s", error)
    try:
        return ctranslate2.Translator(
            str(folder), device="cpu", inter_threads=inter_threads, intra_threads=intra_threads
        )
    except (RuntimeError, ValueError) as error:
        raise EngineError(f"CTranslate2 cannot load {folder}: {error}") from error


def num_usable_cores() -> int:
    """Number of processor cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return max(1, len(os.sched_getaffinity(0)))
    return os.cpu_count() or 1


def default_threads(num_cores: int) -> tuple[int, int]:
    """``(inter_threads, intra_threads)`` for a machine: one batch per core, up to 8 batches.

    Threads that share a batch wait for each other at every small matrix product of decoding; on busy cores
    that was several times slower than one batch per thread.
    """
    inter = min(_MAX_INTER_THREADS, num_cores)
    return inter, max(1, num_cores // inter)


class FolderDescription(Settings):
    """Facts that the engine needs and CTranslate2 does not store.

    Attributes:
        format: version of this layout.
        family: Hugging Face model type.
        quantization: type of the stored weights.
        max_source_tokens: longest input, end of sentence included.
        max_target_tokens: longest output.
        forced_first: piece that every output begins with, or None.
        never_generated: pieces that no output may contain.
        unknown: the target's unknown piece, allowed by option.
    """

    format: Literal[1]
    family: str
    quantization: str
    source: SideDescription
    target: SideDescription
    max_source_tokens: int
    max_target_tokens: int
    forced_first: str | None
    never_generated: list[str]
    unknown: str
