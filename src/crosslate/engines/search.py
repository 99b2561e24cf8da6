"""Greedy and beam search over a model that scores one target token at a time, as in the PyTorch engine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy
from numpy.typing import NDArray

from crosslate.engines.decoding import DecodingOptions

Ids = NDArray[numpy.int64]
Numbers = NDArray[numpy.float32]
# Rows of finished texts stay in the batch until they are so large a share of it: removing them copies states.
_FINISHED_SHARE = 1 / 8
_NEVER = -1e9
_COLUMNS_PER_GROUP = 64
_ROWS_AT_ONCE = 8  # fit into a core's cache


class Steps(Protocol):
    """A model that holds the states of a batch; each row is the beginning of one translation."""

    def logits(self, tokens: Ids, order: Ids) -> Numbers:
        """Appends a token to rows and gives the logits of all next ones, ``(rows, vocabulary)``, to change.

        Args:
            tokens: ``(rows,)``.
            order: ``(rows,)``, the row of the previous call that each row continues; of the texts at first.
        """
        ...


@dataclass(frozen=True)
class Rules:
    """What a search must keep to.

    Attributes:
        start: id before the first token.
        end: id that ends a translation.
        forced_first: id of the first token, or None.
        suppressed: ids that are never generated.
    """

    start: int
    end: int
    forced_first: int | None
    suppressed: Ids


def search(
    steps: Steps, output_limits: Sequence[int], rules: Rules, options: DecodingOptions
) -> list[list[tuple[list[int], float]]]:
    """The ``n_best`` translations of each text: ids up to and including the end, and score.

    A text is finished with ``beam_size`` finished translations, or at its limit. A beam of one is greedy
    search.

    Args:
        output_limits: most tokens of a translation of each text.
    """
    beam, end, num_texts = options.beam_size, rules.end, len(output_limits)
    limits = numpy.array(output_limits)
    finished: list[list[tuple[list[int], float]]] = [[] for _ in range(num_texts)]
    texts = numpy.arange(num_texts)  # of each group of rows
    is_open = numpy.ones(num_texts, dtype=bool)
    order = numpy.arange(num_texts)
    tokens = numpy.full(num_texts, rules.start)
    written = numpy.zeros((num_texts, 1, 0), dtype=numpy.int64)
    totals = numpy.zeros((num_texts, 1))
    next_tokens = _next_tokens(steps, rules, options)
    for length in range(1, max(output_limits) + 1):
        scores, ids = next_tokens(tokens, order, written.reshape(len(tokens), -1))
        candidates = (totals[:, :, None] + scores.reshape(*totals.shape, -1)).reshape(len(texts), -1)
        chosen = numpy.argsort(-candidates, axis=1, kind="stable")
        totals = numpy.take_along_axis(candidates, chosen, 1)
        parents = chosen // scores.shape[1]
        chosen_ids = numpy.take_along_axis(ids.reshape(len(texts), -1), chosen, 1)
        written = numpy.concatenate(
            [numpy.take_along_axis(written, parents[:, :, None], 1), chosen_ids[:, :, None]], axis=2
        )
        ends = (chosen_ids == end) | (length == limits[texts, None])
        for group, rank in zip(*numpy.nonzero(ends[:, :beam] & is_open[:, None])):
            score = totals[group, rank] / length**options.length_penalty
            finished[texts[group]].append((written[group, rank].tolist(), float(score)))
        is_open = numpy.array([len(finished[text]) < beam for text in texts])
        if not is_open.any():
            break
        # The first candidates that go on; every row has at most one that ends.
        kept = numpy.argsort(ends, axis=1, kind="stable")[:, :beam]
        groups = numpy.arange(len(texts))
        if numpy.count_nonzero(~is_open) >= _FINISHED_SHARE * len(texts):
            groups = numpy.nonzero(is_open)[0]
        kept = kept[groups]
        first_rows = groups[:, None] * (len(tokens) // len(texts))
        order = (first_rows + numpy.take_along_axis(parents[groups], kept, 1)).reshape(-1)
        tokens = numpy.take_along_axis(chosen_ids[groups], kept, 1).reshape(-1)
        written = numpy.take_along_axis(written[groups], kept[:, :, None], 1)
        totals = numpy.take_along_axis(totals[groups], kept, 1)
        texts, is_open = texts[groups], is_open[groups]
    ranked = (sorted(found, key=lambda each: -each[1]) for found in finished)
    return [found[: options.n_best] for found in ranked]


def log_probabilities(steps: Steps, targets: Sequence[Sequence[int]], rules: Rules) -> list[list[float]]:
    """Log-probabilities of given translations of a batch, the end of each last; nothing is suppressed.

    Args:
        targets: ids of each translation, without the end and the forced first one.
    """
    before = [rules.start, *([] if rules.forced_first is None else [rules.forced_first])]
    width = max(map(len, targets)) + 1
    rows = numpy.array([[*before, *ids, *[rules.end] * (width - len(ids))] for ids in targets])
    order = numpy.arange(len(targets))
    found = numpy.empty((len(targets), width), dtype=numpy.float32)
    for position in range(rows.shape[1] - 1):
        logits = steps.logits(rows[:, position], order)
        column = position + 1 - len(before)
        if column >= 0:
            found[:, column] = logits[order, rows[:, position + 1]] - log_sums(logits)[:, 0]
    return [row[: len(ids) + 1].tolist() for row, ids in zip(found, targets, strict=True)]


def _next_tokens(
    steps: Steps, rules: Rules, options: DecodingOptions
) -> Callable[[Ids, Ids, Ids], tuple[Numbers, Ids]]:
    """A function from tokens, order and what rows have written to the best next tokens and their scores."""
    # A row has at most one candidate that ends, and in greedy search nothing follows it.
    count = 1 if options.beam_size == 1 else options.beam_size + 1

    def find(tokens: Ids, order: Ids, written: Ids) -> tuple[Numbers, Ids]:
        logits = steps.logits(tokens, order)
        if written.shape[1] == 0 and rules.forced_first is not None:
            scores = numpy.full((len(tokens), count), _NEVER, dtype=numpy.float32)
            scores[:, 0] = 0
            return scores, numpy.full((len(tokens), count), rules.forced_first)
        keep_rules(logits, written, rules, options)
        best, columns = best_of(logits, count)
        return best - log_sums(logits), columns

    return find


def keep_rules(logits: Numbers, written: Ids, rules: Rules, options: DecodingOptions) -> None:
    """Takes all probability from tokens that may not follow what rows have written, and guards repetition.

    Args:
        logits: ``(rows, vocabulary)``, changed in place.
        written: ``(rows, tokens)``.
    """
    if options.repetition_penalty != 1 or options.no_repeat_ngram:
        if options.beam_size > 1:  # where the PyTorch engine applies them
            logits -= log_sums(logits)
        for row, ids in zip(logits, written.tolist(), strict=True):
            _guard(row, ids, options)
    logits[:, rules.suppressed] = -numpy.inf
    # See Generation.min_new_tokens.
    if written.shape[1] < (1 if rules.forced_first is None else 2):
        logits[:, rules.end] = -numpy.inf


def best_of(values: Numbers, count: int) -> tuple[Numbers, Ids]:
    """The ``count`` largest values of each row, in descending order, and their columns."""
    num_rows, width = values.shape
    rows = numpy.arange(num_rows)[:, None]
    if count == 1:
        columns = values.argmax(1)[:, None]
        return values[rows, columns], columns
    if width >= 2 * count * _COLUMNS_PER_GROUP:
        # Maxima of groups of columns cost a fraction of a partial sort. The largest values are in the groups
        # with the largest maxima, or in the few columns after the last group.
        num_groups = width // _COLUMNS_PER_GROUP
        grouped = values[:, : num_groups * _COLUMNS_PER_GROUP].reshape(num_rows, -1, num_groups)
        groups = numpy.argpartition(grouped.max(1), -count, axis=1)[:, -count:]
        columns = groups[:, :, None] + num_groups * numpy.arange(_COLUMNS_PER_GROUP)
        rest = numpy.arange(num_groups * _COLUMNS_PER_GROUP, width)
        columns = numpy.concatenate([columns.reshape(num_rows, -1), numpy.tile(rest, (num_rows, 1))], axis=1)
    else:
        columns = numpy.tile(numpy.arange(width), (num_rows, 1))
    candidates = values[rows, columns]
    best = numpy.argsort(-candidates, axis=1, kind="stable")[:, :count]
    columns = columns[rows, best]
    return values[rows, columns], columns


def _guard(row: Numbers, written: list[int], options: DecodingOptions) -> None:
    """Makes repetition less likely, or impossible, after ``written``."""
    seen = list(set(written))
    values = row[seen]
    penalty = options.repetition_penalty
    row[seen] = numpy.where(values < 0, values * penalty, values / penalty)
    length = options.no_repeat_ngram
    if 0 < length <= len(written):
        last = written[len(written) - length + 1 :]
        for start in range(len(written) - length + 1):
            if written[start : start + length - 1] == last:
                row[written[start + length - 1]] = -numpy.inf


def log_sums(logits: Numbers) -> Numbers:
    """Logarithms of the sums of exponentials of each row, ``(rows, 1)``."""
    found = numpy.empty((len(logits), 1), dtype=numpy.float32)
    for start in range(0, len(logits), _ROWS_AT_ONCE):
        rows = logits[start : start + _ROWS_AT_ONCE]
        largest = rows.max(1, keepdims=True)
        shifted = rows - largest
        numpy.exp(shifted, out=shifted)
        found[start : start + _ROWS_AT_ONCE] = largest + numpy.log(shifted.sum(1, keepdims=True))
    return found
