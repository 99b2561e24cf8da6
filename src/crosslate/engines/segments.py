"""Cuts a text that is too long for the model: at sentence ends, else clauses, else words, else characters."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from crosslate.languages.sentence_ends import UNSPACED, cut_after, sentences

# A comma inside a number has no space after it.
_CLAUSE_END = re.compile(r"[,;:،؛]\s+|\s[–—-]+\s+|[，、；：]\s*")
_WORD_END = re.compile(r"\s+")
_MAX_MARKS = 16


@dataclass(frozen=True)
class Segment:
    """A part of a text that fits the model.

    Attributes:
        text: without surrounding spaces.
        is_inside_word: the text goes on, before this segment, in the middle of a word.
    """

    text: str
    is_inside_word: bool = False


def split_text(text: str, num_tokens: Callable[[str], int], limit: int, language: str) -> list[Segment]:
    """Cuts ``text`` into segments of at most ``limit`` tokens; nothing but spaces is left out.

    A text that fits is one segment: models are trained on whole lines, which may well hold several
    sentences. In one that does not, every sentence becomes a segment, and a sentence that still is too
    long is cut into as few runs of clauses, then words, then characters as fit.

    Args:
        num_tokens: how many source tokens a text has, end of sentence included.
        limit: at least 2; a single character that takes more becomes a segment of its own.
        language: of ``text``; chooses the rules for sentence ends.
    """
    stripped = text.strip()
    if not stripped:
        return []
    if num_tokens(stripped) <= limit:
        return [Segment(stripped)]
    segments: list[Segment] = []
    for sentence in sentences(stripped, language):
        segments += _fitted(sentence, num_tokens, limit, (_CLAUSE_END, _WORD_END))
    return segments


def join_translations(segments: Sequence[Segment], translations: Sequence[str]) -> str:
    """The translations of a text's segments as one text, with spaces where the script uses them."""
    joined = ""
    for segment, translation in zip(segments, translations, strict=True):
        if joined and translation and not _touch(joined[-1], translation[0], segment):
            joined += " "
        joined += translation
    return joined


def _touch(left: str, right: str, segment: Segment) -> bool:
    # A word cut in the middle goes on without a space; in a script without spaces one cannot know
    # that it was a word, and the translation's script decides.
    if segment.is_inside_word and not UNSPACED.match(segment.text):
        return True
    return bool(UNSPACED.match(left) or UNSPACED.match(right))


def _fitted(
    text: str, num_tokens: Callable[[str], int], limit: int, boundaries: Sequence[re.Pattern[str]]
) -> list[Segment]:
    """``text`` in segments that fit, cut at the first of ``boundaries`` as far as that goes."""
    stripped = text.strip()
    if not stripped:
        return []
    if num_tokens(stripped) <= limit:
        return [Segment(stripped)]
    if not boundaries:
        return _characters(stripped, num_tokens, limit)
    segments: list[Segment] = []
    run, run_tokens = "", 1  # the end of sentence, counted once for the run
    for part in cut_after(text, boundaries[0]):
        tokens = num_tokens(part) - 1
        # Counts add up nearly, not exactly: a run is checked again below.
        if run and run_tokens + tokens > limit:
            segments += _checked(run, num_tokens, limit, boundaries)
            run, run_tokens = "", 1
        run, run_tokens = run + part, run_tokens + tokens
    return segments + _checked(run, num_tokens, limit, boundaries)


def _checked(
    run: str, num_tokens: Callable[[str], int], limit: int, boundaries: Sequence[re.Pattern[str]]
) -> list[Segment]:
    return _fitted(run, num_tokens, limit, boundaries[1:])


def _characters(word: str, num_tokens: Callable[[str], int], limit: int) -> list[Segment]:
    """A word that does not fit, in runs of characters; a combining mark stays with its letter."""
    segments: list[Segment] = []
    start = 0
    while start < len(word):
        # A token is rarely less than a character, so few runs are tried.
        size = limit
        while size > 1 and num_tokens(word[start : start + size]) > limit:
            size = size // 2
        end = _before_marks(word, start, start + size)
        if part := word[start:end].strip():
            segments.append(Segment(part, is_inside_word=start > 0))
        start = end
    return segments


def _before_marks(word: str, start: int, end: int) -> int:
    for cut in range(end, max(start, end - _MAX_MARKS), -1):
        if cut >= len(word) or not _continues(word[cut - 1], word[cut]):
            return cut
    return end


def _continues(before: str, character: str) -> bool:
    return "\u200d" in (before, character) or unicodedata.category(character).startswith("M")
