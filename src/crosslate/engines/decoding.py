"""How to decode, what comes out, and what both engines share; neither PyTorch nor CTranslate2 here."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from pydantic import Field

from crosslate.config import Settings
from crosslate.errors import EngineError, Faults
from crosslate.text.vocabularies import Vocabulary

_SMALLEST_BUCKET_TOKENS = 16
_SPARE_TOKENS = 16


class DecodingOptions(Settings):
    """How translations are searched for.

    An output may get ``max_length_factor`` times as long as its source, plus 16 tokens, and never longer
    than ``max_new_tokens`` or than the model's positions reach. The source's length is first rounded up
    to a power of two (16 at least), so that the limit depends on the text alone, never on the batch.

    Raises:
        SettingsError: lists every value out of range.
    """

    beam_size: int = Field(5, ge=1, description="Hypotheses kept at each step; 1 is greedy search.")
    length_penalty: float = Field(
        1.0,
        ge=0,
        description="Exponent of the length that a hypothesis' log-probability is divided by; 0 disables, "
        "above 1 favours long translations.",
    )
    n_best: int = Field(1, ge=1, description="Translations returned for each text, at most the beam size.")
    max_new_tokens: int = Field(
        512, ge=1, description="No output gets longer than this, in target tokens with the end of sentence."
    )
    max_length_factor: float = Field(
        2.0, gt=0, description="How many times as long as its source an output may get, plus 16 tokens."
    )
    repetition_penalty: float = Field(
        1.0,
        gt=0,
        description="Tokens already generated become less likely; 1 disables. The engines apply it at "
        "different points of beam search, so their translations may differ.",
    )
    no_repeat_ngram: int = Field(
        0, ge=0, description="No sequence of so many tokens occurs twice in a translation; 0 disables."
    )
    allow_unknown: bool = Field(False, description="Allow the unknown piece, which shows as ⁇, in outputs.")

    def find_faults(self, faults: Faults) -> None:
        """Checks ``n_best`` against the beam size."""
        if self.n_best > self.beam_size:
            faults.add(
                f"n_best is {self.n_best} and beam_size {self.beam_size}, expected n_best up to beam_size; "
                "raise beam_size or lower n_best"
            )

    def output_limit(self, num_source_tokens: int, max_target_tokens: int) -> int:
        """The longest output, in tokens, that a source of ``num_source_tokens`` may lead to."""
        bucket = max(_SMALLEST_BUCKET_TOKENS, 1 << (num_source_tokens - 1).bit_length())
        wanted = math.ceil(self.max_length_factor * bucket) + _SPARE_TOKENS
        return max(1, min(wanted, self.max_new_tokens, max_target_tokens))


@dataclass(frozen=True)
class Hypothesis:
    """One translation.

    Attributes:
        text: the detokenised translation.
        score: natural logarithm of the probability of all tokens (end of sentence included, if it was
            reached), divided by their number raised to the length penalty; at most 0, higher is better.
            Pieces that are never generated have probability 0, the others sum to 1. Equal in both
            engines up to rounding, except that CTranslate2's includes what a repetition guard changed.
        pieces: target pieces, special ones left out.
    """

    text: str
    score: float
    pieces: tuple[str, ...]


class Engine(Protocol):
    """What translates texts.

    Attributes:
        name: ``pytorch`` or ``ctranslate2``.
        max_source_tokens: the longest text accepted, in source tokens with the end of sentence.
    """

    name: str
    source: Vocabulary
    target: Vocabulary
    max_source_tokens: int

    def translate(self, texts: Sequence[str], options: DecodingOptions) -> list[list[Hypothesis]]:
        """Translates each text alone: N lists for N texts, in order, each of ``n_best`` hypotheses.

        A text without any piece (empty, only spaces) translates to the empty text, with score 0.

        Raises:
            EngineError: a text is longer than ``max_source_tokens``; nothing is ever cut silently.
        """
        ...


def encode_sources(source: Vocabulary, texts: Sequence[str], max_source_tokens: int) -> list[list[int]]:
    """Ids of every text in its frame; texts without pieces give the frame's ids alone.

    Raises:
        EngineError: a text has more than ``max_source_tokens`` tokens.
    """
    encoded = source.encode_batch([valid_unicode(text) for text in texts])
    for index, ids in enumerate(encoded):
        if len(ids) > max_source_tokens:
            raise EngineError(
                f"text {index + 1} of {len(texts)} has {len(ids)} tokens, the model reads at most "
                f"{max_source_tokens}; split it first, as translate_lines does: {texts[index][:40]!r}..."
            )
    return encoded


def group_sources(
    encoded: Sequence[Sequence[int]],
    options: DecodingOptions,
    max_target_tokens: int,
    num_frame_ids: int = 1,
) -> dict[int, list[int]]:
    """Positions of sources by the longest output that they may lead to, in target tokens.

    Longest sources come first; those without pieces are left out.

    Args:
        num_frame_ids: how many ids stand around the pieces: the end of sentence, a language's code.
    """
    groups: dict[int, list[int]] = {}
    for index in sorted(range(len(encoded)), key=lambda index: -len(encoded[index])):
        if len(encoded[index]) > num_frame_ids:
            limit = options.output_limit(len(encoded[index]), max_target_tokens)
            groups.setdefault(limit, []).append(index)
    return groups


def empty_translations(num_texts: int, options: DecodingOptions) -> list[list[Hypothesis]]:
    """What texts without pieces translate to; engines overwrite the entries of all other texts."""
    return [[Hypothesis("", 0.0, ())] * options.n_best for _ in range(num_texts)]


def hypothesis(
    target: Vocabulary, pieces: Sequence[str], score: float, forced_first: str | None
) -> Hypothesis:
    """A hypothesis from generated pieces; the forced first piece (a language's code) is not text."""
    if forced_first is not None and pieces and pieces[0] == forced_first:
        pieces = pieces[1:]
    return Hypothesis(target.decode_pieces(pieces), score, tuple(pieces))


def valid_unicode(text: str) -> str:
    """``text`` with surrogate pairs joined and lone surrogates, which UTF-8 cannot hold, as U+FFFD."""
    if text.isascii():
        return text
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text
