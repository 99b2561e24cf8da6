"""Lines in, as many lines out, in order, whatever they hold; long ones are cut and joined again."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import chain

from crosslate.documents import open_text
from crosslate.documents.flow import LINE_BREAKS
from crosslate.documents.placement import Align
from crosslate.engines.decoding import DecodingOptions, Engine, Hypothesis, valid_unicode
from crosslate.errors import UsageError
from crosslate.languages.letter_case import in_sentence_case, upper
from crosslate.languages.orthography import CLAUSE_MARKS
from crosslate.languages.sentence_ends import cut_after, sentences
from crosslate.languages.words import UNSPACED, are_joined
from crosslate.text.placeholders import placeholders

Aligner = Callable[[Sequence[tuple[str, str]]], "Align | None"]
"""Links the words of sentences and of their translations; None where that cannot be told."""

_MAX_WINDOW_CHARACTERS = 4_000_000
# A comma inside a number has no space after it.
_CLAUSE_END = re.compile(rf"[{CLAUSE_MARKS}]\s+|\s[–—-]+\s+|[，、；：၊]\s*")
# Also after the syllables of Tibetan, the older words of Ethiopic, and words that a line may be broken at.
_WORD_END = re.compile(r"[\s\u0f0b\u1361\u200b]+")
_MAX_COMBINING_MARKS = 16
# Tokens are shorter on average, in any language, so a longer text need not be encoded to know that it is cut.
_MAX_CHARACTERS_PER_TOKEN = 16


def translate_lines(
    engine: Engine,
    lines: Iterable[str],
    options: DecodingOptions | None = None,
    *,
    language: str,
    target_language: str = "",
    aligner: Aligner | None = None,
    window_lines: int = 1024,
) -> Iterator[str]:
    """Translates a stream of lines: N in, N out, in order, in bounded memory.

    Lines are taken in windows; the engine sorts a window by length and restores its order. A line that
    is too long for the model is cut (see :func:`split_text`), and its translations are joined.

    A line without visible text gives an empty line, and one without letters and digits stays. Characters
    that some reader takes for the end of a line (U+2028, U+0085, carriage return, ...) count as a space
    inside a line, and none is ever put out; those at the end of a line go.

    A line with parts that must not be translated (see :func:`crosslate.text.placeholders.placeholders`) is
    read as a document of plain text: its sentences are translated without them, and they come back exactly
    once. Capitals throughout are read as small letters and put out as capitals.

    Args:
        lines: with or without their line ends.
        language: code of the language of ``lines``, for the rules of sentence ends and letter case.
        target_language: code of the language of the translations, for their letter case.
        aligner: links words, so that what is not translated finds its place; None goes by equal words and
            proportion.
        window_lines: at most so many lines are read ahead; 1 answers each line at once.
    """
    ranked = n_best_lines(
        engine, lines, options, language=language, target_language=target_language, aligner=aligner,
        window_lines=window_lines,
    )  # fmt: skip
    return (hypotheses[0].text for hypotheses in ranked)


def n_best_lines(
    engine: Engine,
    lines: Iterable[str],
    options: DecodingOptions | None = None,
    *,
    language: str,
    target_language: str = "",
    aligner: Aligner | None = None,
    window_lines: int = 1024,
) -> Iterator[list[Hypothesis]]:
    """The ``options.n_best`` best translations of each line of a stream; see :func:`translate_lines`.

    Of a line that was cut, the k-th translation joins the k-th ones of its parts; its score is the mean of
    theirs, weighted by their numbers of pieces.
    """
    if window_lines < 1:
        raise UsageError(f"window_lines is {window_lines}, expected 1 or more")
    windows = _windows(lines, window_lines)
    options = options or DecodingOptions()

    def translated(window: Sequence[str]) -> Iterator[list[Hypothesis]]:
        opened = [_Line(line, language, target_language) for line in window]
        texts = [text for each in opened for text in each.texts]
        found = iter(_translated(engine, texts, options, language, target_language))
        ranked = [[next(found) for _ in each.texts] for each in opened]
        align = None
        if aligner and (
            pairs := [pair for each, ranks in zip(opened, ranked) for pair in each.marked_pairs(ranks)]
        ):
            align = aligner(pairs)
        return (each.joined(ranks, options.n_best, align) for each, ranks in zip(opened, ranked))

    return (ranked for window in windows for ranked in translated(window))


class _Line:
    """A line as the texts that a model gets: itself, or its sentences where something is not translated."""

    def __init__(self, line: str, language: str, target_language: str) -> None:
        self._line = line
        self._document = None
        self.texts = [line] if any(map(str.isalnum, line)) else []  # of "---" a model makes anything
        if placeholders(line, language):
            self._document = open_text(line, "text", language, target_language)
            self.texts = [segment.text for segment in self._document.segments]

    def marked_pairs(self, ranked: Sequence[Sequence[Hypothesis]]) -> Iterator[tuple[str, str]]:
        """The sentences that something was taken out of, each with all of its translations."""
        for segment, ranks in zip(self._document.segments if self._document else (), ranked):
            if segment.has_marks:
                yield from ((segment.text, each.text) for each in ranks)

    def joined(
        self, ranked: Sequence[Sequence[Hypothesis]], n_best: int, align: Align | None
    ) -> list[Hypothesis]:
        """The best translations of the line."""
        if not ranked:
            return [Hypothesis(self._line, 0.0, ())] * n_best
        if self._document is None:
            return list(ranked[0])
        return [
            replace(_mean(ranks), text=self._document.render([each.text for each in ranks], align))
            for ranks in zip(*ranked)
        ]


def _translated(
    engine: Engine, texts: Sequence[str], options: DecodingOptions, language: str, target_language: str
) -> list[list[Hypothesis]]:
    """The best translations of texts of any length."""
    num_tokens = cache(lambda word: len(engine.source.encode(word)))
    cased = [in_sentence_case(text, language, num_tokens) for text in texts]
    ranked = _translated_in_parts(engine, cased, options, language)
    return [
        [replace(each, text=upper(each.text, target_language)) for each in ranks] if read != text else ranks
        for text, read, ranks in zip(texts, cased, ranked, strict=True)
    ]


def _translated_in_parts(
    engine: Engine, texts: Sequence[str], options: DecodingOptions, language: str
) -> list[list[Hypothesis]]:
    cut = _cut(engine, texts, language)
    # The same part again (headings, "Yes.") is translated once.
    distinct = list(dict.fromkeys(part.text for parts in cut for part in parts))
    translations = dict(zip(distinct, engine.translate(distinct, options), strict=True))
    empty = [Hypothesis("", 0.0, ())] * options.n_best
    return [
        [_joined(parts, ranks) for ranks in zip(*(translations[part.text] for part in parts))] or empty
        for parts in cut
    ]


def _windows(lines: Iterable[str], window_lines: int) -> Iterator[list[str]]:
    window: list[str] = []
    num_characters = 0
    for line in lines:
        window.append(LINE_BREAKS.sub(" ", valid_unicode(line)).strip())
        num_characters += len(line)
        if len(window) >= window_lines or num_characters >= _MAX_WINDOW_CHARACTERS:
            yield window
            window, num_characters = [], 0
    if window:
        yield window


def _cut(engine: Engine, texts: Sequence[str], language: str) -> list[list[Part]]:
    """The parts of every text."""

    def num_tokens(text: str) -> int:
        return len(engine.source.encode(text))

    limit = engine.max_source_tokens
    # In one call, since nearly all texts fit.
    lengths = [len(ids) for ids in engine.source.encode_batch(texts)]
    return [
        ([Part(text)] if text else []) if length <= limit else split_text(text, num_tokens, limit, language)
        for text, length in zip(texts, lengths, strict=True)
    ]


def _joined(parts: Sequence[Part], hypotheses: Sequence[Hypothesis]) -> Hypothesis:
    """One translation of a line from those of its parts, on one line."""
    text = LINE_BREAKS.sub(" ", join_translations(parts, [each.text for each in hypotheses]))
    return replace(_mean(hypotheses), text=text)


def _mean(hypotheses: Sequence[Hypothesis]) -> Hypothesis:
    """The score and the pieces of parts together."""
    if len(hypotheses) == 1:
        return hypotheses[0]
    # The end of each sentence counts as a piece, as in the scores.
    weights = [len(each.pieces) + 1 for each in hypotheses]
    total = sum(weight * each.score for weight, each in zip(weights, hypotheses))
    pieces = tuple(chain.from_iterable(each.pieces for each in hypotheses))
    return Hypothesis("", total / sum(weights), pieces)


@dataclass(frozen=True)
class Part:
    """A part of a text that fits the model, without surrounding spaces; it may begin inside a word."""

    text: str
    is_inside_word: bool = False


def split_text(text: str, num_tokens: Callable[[str], int], limit: int, language: str) -> list[Part]:
    """Cuts ``text`` into parts of at most ``limit`` tokens; nothing but spaces is left out.

    A text that fits is one part: models are trained on whole lines, and several sentences are translated
    better with their context. In one that does not, every sentence becomes a part, and a sentence that still
    is too long is cut into as few runs of clauses, then words, then characters as fit.

    Args:
        num_tokens: how many source tokens a text has, end of sentence included.
        limit: at least 2; a single character that takes more becomes a part of its own.
    """
    most_characters = limit * _MAX_CHARACTERS_PER_TOKEN

    def counted(text: str) -> int:
        return num_tokens(text) if len(text) <= most_characters else limit + 1

    stripped = text.strip()
    if stripped and counted(stripped) <= limit:
        return [Part(stripped)]
    return [
        part
        for sentence in sentences(stripped, language)
        for part in _fitted(sentence, counted, limit, (_CLAUSE_END, _WORD_END))
    ]


def join_translations(parts: Sequence[Part], translations: Sequence[str]) -> str:
    """The translations of a text's parts as one text, with spaces where the script uses them."""
    joined = ""
    for part, translation in zip(parts, translations, strict=True):
        if joined and translation and not _touch(joined[-1], translation[0], part):
            joined += " "
        joined += translation
    return joined


def _touch(left: str, right: str, part: Part) -> bool:
    # A word cut in the middle goes on without a space; in a script without spaces one cannot know
    # that it was a word, and the translation's script decides.
    if part.is_inside_word and not UNSPACED.match(part.text):
        return True
    return bool(UNSPACED.match(left) or UNSPACED.match(right))


def _fitted(
    text: str, num_tokens: Callable[[str], int], limit: int, boundaries: Sequence[re.Pattern[str]]
) -> list[Part]:
    """``text`` in parts that fit, cut at the first of ``boundaries`` as far as that goes."""
    stripped = text.strip()
    if not stripped:
        return []
    if num_tokens(stripped) <= limit:
        return [Part(stripped)]
    if not boundaries:
        return _characters(stripped, num_tokens, limit)
    runs: list[str] = []
    run, run_tokens = "", 1  # the end of sentence, counted once for the run
    for piece in cut_after(text, boundaries[0]):
        tokens = num_tokens(piece) - 1
        if run and run_tokens + tokens > limit:
            runs.append(run)
            run, run_tokens = "", 1
        run += piece  # in place, which a tuple would prevent
        run_tokens += tokens
    # Counts add up nearly, not exactly, so runs are checked again.
    return [part for each in [*runs, run] for part in _fitted(each, num_tokens, limit, boundaries[1:])]


def _characters(word: str, num_tokens: Callable[[str], int], limit: int) -> list[Part]:
    """A word that does not fit, in runs of characters; what is read as one stays together."""
    parts: list[Part] = []
    start = 0
    while start < len(word):
        # A token is rarely less than a character, so few runs are tried.
        size = limit
        while size > 1 and num_tokens(word[start : start + size]) > limit:
            size = size // 2
        end = start + size
        cuts = range(end, max(start, end - _MAX_COMBINING_MARKS), -1)
        end = next((cut for cut in cuts if cut >= len(word) or not are_joined(word[cut - 1], word[cut])), end)
        if part := word[start:end].strip():
            parts.append(Part(part, is_inside_word=start > 0))
        start = end
    return parts
