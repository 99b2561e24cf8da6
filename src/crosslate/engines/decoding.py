"""Decoding options, hypotheses, and code that all engines share; imports no engine's library."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from pydantic import Field

from crosslate.config import Settings
from crosslate.errors import EngineError, Faults
from crosslate.text.vocabularies import Vocabulary

_SMALLEST_BUCKET_TOKENS = 16
_SPARE_TOKENS = 16


class DecodingOptions(Settings):
    """Settings of the search for translations.

    An output may have ``max_length_factor`` times as many tokens as its source plus 16, but no more than
    ``max_new_tokens`` or the model's positions. The source length is first rounded up to a power of two (at
    least 16), so that the limit depends on the text alone, never on the batch.

    Raises:
        SettingsError: lists every value out of range.
    """

    beam_size: int = Field(5, ge=1, description="Hypotheses kept at each step; 1 is greedy search.")
    length_penalty: float = Field(
        1.0,
        ge=0,
        description="A hypothesis' log-probability is divided by its length to this power; 0 disables, "
        "values above 1 favour long translations.",
    )
    n_best: int = Field(1, ge=1, description="Translations per text, at most the beam size.")
    max_new_tokens: int = Field(
        512, ge=1, description="Maximum output length, in target tokens including the end of sentence."
    )
    max_length_factor: float = Field(
        2.0, gt=0, description="Maximum output length relative to its source, plus 16 tokens."
    )
    repetition_penalty: float = Field(
        1.0,
        gt=0,
        description="Makes tokens that were already generated less likely; 1 disables. The engines apply it "
        "at different points of beam search, so their translations may differ.",
    )
    no_repeat_ngram: int = Field(
        0, ge=0, description="No sequence of this many tokens occurs twice in a translation; 0 disables."
    )
    allow_unknown: bool = Field(False, description="Allow the unknown piece, shown as ⁇, in outputs.")

    def find_faults(self, faults: Faults) -> None:
        """Checks ``n_best`` against the beam size."""
        if self.n_best > self.beam_size:
            faults.add(
                f"n_best is {self.n_best}, but beam_size is {self.beam_size}; raise beam_size or lower n_best"
            )

    def output_limit(self, num_source_tokens: int, max_target_tokens: int) -> int:
        """Maximum output tokens for a source of ``num_source_tokens``."""
        bucket = max(_SMALLEST_BUCKET_TOKENS, 1 << (num_source_tokens - 1).bit_length())
        wanted = math.ceil(self.max_length_factor * bucket) + _SPARE_TOKENS
        return max(1, min(wanted, self.max_new_tokens, max_target_tokens))


class EngineChoice(Settings):
    """An engine, and how it translates."""

    engine: Literal["auto", "ctranslate2", "onnx", "pytorch"] = Field(
        "auto",
        description="auto uses PyTorch on a GPU, else the first of CTranslate2, ONNX Runtime (if installed) "
        "and PyTorch that supports the model.",
    )
    quantization: str = Field(
        "float32",
        description="Type of the weights: float32; with CTranslate2 or ONNX Runtime int8; with CTranslate2 "
        "also int16, float16, bfloat16, …",
    )
    decoding: DecodingOptions = Field(default_factory=DecodingOptions)


@dataclass(frozen=True)
class Hypothesis:
    """One translation.

    Attributes:
        text: the detokenised translation.
        score: natural logarithm of the probability of all tokens (end of sentence included, if it was
            reached), divided by their number raised to the length penalty; at most 0, higher is better.
            Pieces that are never generated have probability 0, the others sum to 1. All engines agree up to
            rounding, except that the scores of CTranslate2 and ONNX Runtime include the effect of repetition
            guards.
        pieces: target pieces, without special ones.
    """

    text: str
    score: float
    pieces: tuple[str, ...]


Pair = tuple[str, Sequence[int]]
"""A source text and the target ids of its translation, without special ones."""


class Engine(Protocol):
    """Interface of translation engines.

    Attributes:
        name: ``pytorch``, ``ctranslate2`` or ``onnx``.
        max_source_tokens: longest text accepted, in source tokens including the end of sentence.
    """

    name: str
    source: Vocabulary
    target: Vocabulary
    max_source_tokens: int

    def translate(self, texts: Sequence[str], options: DecodingOptions) -> list[list[Hypothesis]]:
        """Translates each text by itself; returns one list of ``n_best`` hypotheses per text, in order.

        A text without pieces (empty, only spaces) translates to the empty text, with score 0; any other one
        to at least one piece.

        Raises:
            EngineError: a text is longer than ``max_source_tokens``; texts are never truncated silently.
        """
        ...

    def log_probabilities(self, pairs: Sequence[Pair]) -> list[list[float]]:
        """How likely the model finds given translations: one forced pass, the same on all engines.

        Returns:
            For each pair, the natural logarithm of the probability of every target piece after those before
            it, then of the end of sentence. No piece is ruled out as in a search. Empty for a pair that is
            too long for the model, or whose source has no pieces.
        """
        ...


def encode_sources(source: Vocabulary, texts: Sequence[str], max_source_tokens: int) -> list[list[int]]:
    """Ids of every text in its frame; texts without pieces give only the frame's ids.

    Raises:
        EngineError: a text has more than ``max_source_tokens`` tokens.
    """
    encoded = source.encode_batch([valid_unicode(text) for text in texts])
    for index, ids in enumerate(encoded):
        if len(ids) > max_source_tokens:
            raise EngineError(
                f"text {index + 1} of {len(texts)} ({texts[index][:40]!r}...) has {len(ids)} tokens, but the "
                f"model reads at most {max_source_tokens}; split it first, as translate_lines does"
            )
    return encoded


def encode_pairs(
    source: Vocabulary, pairs: Sequence[Pair], max_source_tokens: int, max_target_tokens: int
) -> dict[int, list[int]]:
    """Source ids of the pairs that fit, by position, those with the fewest tokens first."""
    encoded = source.encode_batch([valid_unicode(text) for text, _ in pairs])
    lengths = [len(ids) + len(target) for ids, (_, target) in zip(encoded, pairs)]
    return {
        index: encoded[index]
        for index in sorted(range(len(pairs)), key=lengths.__getitem__)
        if source.num_frame_ids < len(encoded[index]) <= max_source_tokens
        # The end of sentence, and a first piece that is forced.
        and len(pairs[index][1]) + 2 <= max_target_tokens
    }


def group_sources(
    encoded: Sequence[Sequence[int]],
    options: DecodingOptions,
    max_target_tokens: int,
    num_frame_ids: int = 1,
) -> dict[int, list[int]]:
    """Positions of sources, grouped by maximum output tokens.

    Longest sources come first; those without pieces are left out.

    Args:
        num_frame_ids: number of ids around the pieces, such as end of sentence and language code.
    """
    groups: dict[int, list[int]] = {}
    for index in sorted(range(len(encoded)), key=lambda index: -len(encoded[index])):
        if len(encoded[index]) > num_frame_ids:
            limit = options.output_limit(len(encoded[index]), max_target_tokens)
            groups.setdefault(limit, []).append(index)
    return groups


def empty_translations(num_texts: int, options: DecodingOptions) -> list[list[Hypothesis]]:
    """Empty translations for all texts; engines overwrite those of texts with pieces."""
    return [[Hypothesis("", 0.0, ())] * options.n_best for _ in range(num_texts)]


def hypothesis(
    target: Vocabulary, pieces: Sequence[str], score: float, forced_first: str | None
) -> Hypothesis:
    """A hypothesis from generated pieces, without the forced first piece (a language code)."""
    if forced_first is not None and pieces and pieces[0] == forced_first:
        pieces = pieces[1:]
    return Hypothesis(target.decode_pieces(pieces), score, tuple(pieces))


def valid_unicode(text: str) -> str:
    """``text`` with surrogate pairs joined and lone surrogates, invalid in UTF-8, replaced by U+FFFD."""
    if text.isascii():
        return text
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text
