"""Lines in, as many lines out, in order, whatever the lines hold."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from crosslate.engines.decoding import DecodingOptions, Engine, Hypothesis, valid_unicode
from crosslate.engines.segments import Segment, join_translations, split_text
from crosslate.errors import UsageError

# Whatever some reader takes for the end of a line: the characters that str.splitlines() splits at.
_LINE_BREAKS = re.compile(r"[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]+")
_MAX_WINDOW_CHARACTERS = 4_000_000


def translate_lines(
    engine: Engine,
    lines: Iterable[str],
    options: DecodingOptions | None = None,
    *,
    language: str,
    window_lines: int = 1024,
    max_segment_tokens: int | None = None,
) -> Iterator[str]:
    """Translates a stream of lines: N in, N out, in order, in bounded memory.

    Lines are taken in windows; the engine sorts a window by length and restores its order. A line that
    is too long for the model is cut at sentence ends, then clauses, words and characters, and its
    translations are joined; one that fits is translated as it is, since lines are what models are
    trained on, and a line of several sentences is translated better with its context.

    A line without visible text (empty, only spaces) gives an empty line. Characters that some reader
    takes for the end of a line (U+2028, U+0085, carriage return, ...) count as a space inside a line,
    and none is ever put out; those at the end of a line go.

    Args:
        lines: with or without their line ends.
        language: code of the language of ``lines``, for the rules of sentence ends.
        window_lines: at most so many lines are read ahead; 1 answers each line at once.
        max_segment_tokens: cut lines longer than this many source tokens; None is the model's limit.

    Yields:
        One translation per line, without a line end.

    Raises:
        UsageError: ``window_lines`` below 1 or ``max_segment_tokens`` below 2.
    """
    ranked = n_best_lines(
        engine,
        lines,
        options,
        language=language,
        window_lines=window_lines,
        max_segment_tokens=max_segment_tokens,
    )
    return (hypotheses[0].text for hypotheses in ranked)


def n_best_lines(
    engine: Engine,
    lines: Iterable[str],
    options: DecodingOptions | None = None,
    *,
    language: str,
    window_lines: int = 1024,
    max_segment_tokens: int | None = None,
) -> Iterator[list[Hypothesis]]:
    """The ``options.n_best`` best translations of each line of a stream; see :func:`translate_lines`.

    Of a line that was split, the k-th translation joins the k-th ones of its segments; its score is the
    mean of theirs, weighted by their numbers of pieces.
    """
    if window_lines < 1:
        raise UsageError(f"window_lines is {window_lines}, expected 1 or more")
    limit = engine.max_source_tokens
    if max_segment_tokens is not None:
        if max_segment_tokens < 2:
            raise UsageError(f"max_segment_tokens is {max_segment_tokens}, expected 2 or more")
        limit = min(limit, max_segment_tokens)
    return _translated(engine, lines, options or DecodingOptions(), language, window_lines, limit)


def _translated(
    engine: Engine,
    lines: Iterable[str],
    options: DecodingOptions,
    language: str,
    window_lines: int,
    limit: int,
) -> Iterator[list[Hypothesis]]:
    for window in _windows(lines, window_lines):
        segmented = _segments(engine, window, language, limit)
        # The same segment again (headings, "Yes.") is translated once.
        distinct = list(dict.fromkeys(segment.text for segments in segmented for segment in segments))
        translations = dict(zip(distinct, engine.translate(distinct, options), strict=True))
        for segments in segmented:
            ranked = [translations[segment.text] for segment in segments]
            if not ranked:
                yield [Hypothesis("", 0.0, ())] * options.n_best
            else:
                yield [_joined(segments, rank) for rank in zip(*ranked)]


def _joined(segments: Sequence[Segment], hypotheses: Sequence[Hypothesis]) -> Hypothesis:
    """One translation of a line from those of its segments, on one line."""
    text = _LINE_BREAKS.sub(" ", join_translations(segments, [each.text for each in hypotheses]))
    if len(hypotheses) == 1:
        return replace(hypotheses[0], text=text)
    # The end of each sentence counts as a piece, as in the scores.
    weights = [len(each.pieces) + 1 for each in hypotheses]
    total = sum(weight * each.score for weight, each in zip(weights, hypotheses))
    return Hypothesis(
        text, total / sum(weights), tuple(piece for each in hypotheses for piece in each.pieces)
    )


def _windows(lines: Iterable[str], window_lines: int) -> Iterator[list[str]]:
    window: list[str] = []
    num_characters = 0
    for line in lines:
        window.append(_LINE_BREAKS.sub(" ", valid_unicode(line)).strip())
        num_characters += len(line)
        if len(window) >= window_lines or num_characters >= _MAX_WINDOW_CHARACTERS:
            yield window
            window, num_characters = [], 0
    if window:
        yield window


def _segments(engine: Engine, window: Sequence[str], language: str, limit: int) -> list[list[Segment]]:
    def num_tokens(text: str) -> int:
        return len(engine.source.encode(text))

    # In one call, since nearly all lines fit.
    lengths = [len(ids) for ids in engine.source.encode_batch(window)]
    return [
        ([Segment(line)] if line else [])
        if length <= limit
        else split_text(line, num_tokens, limit, language)
        for line, length in zip(window, lengths, strict=True)
    ]
