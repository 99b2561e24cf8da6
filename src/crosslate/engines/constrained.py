"""Beam search for translations that contain given phrases.

Hypotheses compete only with those that have as much of the phrases (Post & Vilar 2018, "Fast lexically
constrained decoding with dynamic beam allocation"; the beam is shared out as in Hu et al. 2019). Unlike
there, a phrase has several spellings in pieces, and counts if the decoded text has it as whole words.

Sources: https://aclanthology.org/N18-1119, https://aclanthology.org/N19-1090
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import zip_longest
from typing import TYPE_CHECKING
from unicodedata import category

import numpy

from crosslate.engines.decoding import DecodingOptions, Hypothesis, encode_sources, hypothesis
from crosslate.engines.search import Numbers, Rules, Steps, best_of, keep_rules, log_sums
from crosslate.languages.words import UNSPACED
from crosslate.text.segmenters import WORD_START
from crosslate.text.vocabularies import Frame, Vocabulary

if TYPE_CHECKING:
    from crosslate.engines.pytorch import TorchEngine

REPLACED_COST, MISPLACED_COST, SHORT_COST = 10.0, 5.0, 1.0
"""Nats by which a hypothesis ranks lower: for each word that a phrase should have replaced; for a phrase that
does not follow what it should follow, or comes before one that it should follow; and for each missing token.

A model that is sure of a word of its own would otherwise write that, too, and put the phrase anywhere; and
nothing else is unlikely in as short a translation as can be.
"""
START = -1
"""Stands for the beginning of a translation in :attr:`Constraint.after`."""
_MAX_BEAM, _ROWS_PER_BANK = 20, 3
_MAX_BATCH_ROWS, _MAX_BATCH_TOKENS = 240, 8192  # the latter of padded sources, times the beam size
# What may stand before a phrase, and between the two: after a space it is cut otherwise than after a sign.
_COMMAS = ",;،؛、，；"
_BEFORE = (("", ""), ("(", " "), ("(", ""), ("-", ""), ("、", ""))


@dataclass(frozen=True)
class Spelling:
    """A phrase in pieces.

    Attributes:
        ids: of the target vocabulary.
        is_inside: its pieces would go on with a word that stands before them.
        is_first: it has a capital because a sentence begins with it.
    """

    ids: tuple[int, ...]
    is_inside: bool = False
    is_first: bool = False


@dataclass(frozen=True)
class Constraint:
    """A phrase that a translation must contain.

    Attributes:
        spellings: ways to write it, at least one.
        count: how often it must occur.
        occurrences: how often it occurs in a text, as whole words.
        after: ids that it probably follows, :data:`START` for the beginning. Empty if that is not known.
        place: constraints probably follow each other by these numbers; None if that is not known.
    """

    spellings: tuple[Spelling, ...]
    count: int
    occurrences: Callable[[str], int]
    after: frozenset[int] = frozenset()
    place: int | None = None

    @cached_property
    def num_tokens(self) -> int:
        """Tokens of one occurrence, in its longest spelling."""
        return max(len(each.ids) for each in self.spellings)


@dataclass(frozen=True)
class Wanted:
    """What is wanted of the translation of a text.

    Attributes:
        replaced: pieces of words that the phrases replace, each of which costs :data:`REPLACED_COST`.
        num_tokens: of a translation without the phrases; less costs :data:`SHORT_COST`.
    """

    constraints: Sequence[Constraint]
    replaced: frozenset[tuple[int, ...]] = frozenset()
    num_tokens: int = 0

    @cached_property
    def num_constrained(self) -> int:
        """Tokens of all phrases."""
        return sum(each.count * each.num_tokens for each in self.constraints)


def spellings_of(target: Vocabulary, text: str, as_first: str) -> tuple[Spelling, ...]:
    """The ways in which a vocabulary writes a phrase; none if it lacks characters of it.

    Args:
        as_first: the same as sentences begin, perhaps with a capital.
    """
    bare = target.framed(Frame())
    found: dict[tuple[int, ...], Spelling] = {}
    for each in dict.fromkeys((text, as_first)):
        for before, between in _BEFORE:
            first, whole = bare.encode(before), bare.encode(before + between + each)
            ids = tuple(whole[len(first) :])
            if ids and whole[: len(first)] == first and target.special.unk not in whole and ids not in found:
                begins_word = target.marked_pieces[ids[0]].startswith(WORD_START)
                is_inside = not begins_word and _is_inside_words(each[0])
                found[ids] = Spelling(ids, is_inside, is_first=each != text)
    return tuple(found.values())


def translate_constrained(
    engine: TorchEngine,
    texts: Sequence[str],
    wanted: Sequence[Wanted],
    options: DecodingOptions,
) -> list[list[Hypothesis]]:
    """Up to ``n_best`` translations of each text that meet its constraints; none if no such one was found.

    The beam is as wide as the options say, or as the tokens of the constraints need, up to 20. A translation
    may be longer by these tokens than without them.

    Raises:
        EngineError: a text is longer than the model can read.
    """
    encoded = encode_sources(engine.source, texts, engine.max_source_tokens)
    rules, target = engine.rules(options), engine.target
    forced = None if rules.forced_first is None else target.pieces[rules.forced_first]
    found: list[list[Hypothesis]] = [[] for _ in texts]
    for batch, beam in _batches(encoded, wanted, options):
        searches = []
        for index in batch:
            limit = options.output_limit(len(encoded[index]), engine.max_target_tokens)
            limit = min(limit + wanted[index].num_constrained, engine.max_target_tokens)
            searches.append(_Search(wanted[index], limit, target, options))
        with engine.steps([encoded[index] for index in batch]) as steps:
            _search(steps, searches, rules, options, beam)
        for index, each in zip(batch, searches, strict=True):
            ranked = sorted(each.finished, key=lambda row: -row.rank)[: options.n_best]
            found[index] = [
                hypothesis(
                    target,
                    [target.pieces[i] for i in row.ids if i != rules.end],
                    row.score / len(row.ids) ** options.length_penalty,
                    forced,
                )
                for row in ranked
            ]
    return found


@dataclass(frozen=True)
class _Row:
    """The beginning of a translation.

    Attributes:
        score: logarithm of its probability.
        met: occurrences of each constraint's phrase, no more than wanted.
        partial: constraint, spelling and number of its tokens, of phrases that have begun.
        fresh: constraints whose phrase has just ended; the next token may show that the word goes on.
        at: the row of the model's batch that it continues.
        cost: of replaced words and the like; not part of the score.
    """

    ids: tuple[int, ...]
    score: float
    met: tuple[int, ...]
    partial: tuple[tuple[int, int, int], ...] = ()
    fresh: tuple[int, ...] = ()
    at: int = 0
    cost: float = 0.0

    @property
    def rank(self) -> float:
        """What it is compared by.

        It is not divided by the length, which would make cheap tokens after an unlikely phrase pay.
        """
        return self.score - self.cost


@dataclass
class _Search:
    """The search for one text."""

    wanted: Wanted
    limit: int
    target: Vocabulary
    options: DecodingOptions
    rows: list[_Row] = field(default_factory=list)
    finished: list[_Row] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.constraints = self.wanted.constraints
        self._starts: dict[int, list[tuple[int, int]]] = {}
        for number, constraint in enumerate(self.constraints):
            for place, spelling in enumerate(constraint.spellings):
                self._starts.setdefault(spelling.ids[0], []).append((number, place))

    def is_met(self, row: _Row) -> bool:
        return all(count == each.count for count, each in zip(row.met, self.constraints, strict=True))

    def bank(self, row: _Row) -> int:
        """How many tokens of the constraints a row has, as if all spellings were as long as the longest."""
        whole = sum(count * each.num_tokens for count, each in zip(row.met, self.constraints, strict=True))
        begun = (
            length * constraint.num_tokens // len(constraint.spellings[place].ids)
            for number, place, length in row.partial
            if row.met[number] < (constraint := self.constraints[number]).count
        )
        return whole + max(begun, default=0)

    def next_tokens(self, row: _Row) -> set[int]:
        """Tokens that go on with a phrase, or begin one that is still wanted."""
        tokens = {
            self.constraints[number].spellings[place].ids[length] for number, place, length in row.partial
        }
        return tokens.union(token for token, places in self._starts.items() if self._begun(row, places))

    def advanced(self, row: _Row, token: int, score: float, at: int) -> _Row:
        """A row with one more token."""
        partial = []
        for number, place, length in row.partial:
            if self.constraints[number].spellings[place].ids[length] == token:
                partial.append((number, place, length + 1))
        if token in self._starts:
            partial += self._begun(row, self._starts[token])
        ids, met, ended = (*row.ids, token), row.met, dict[int, int]()
        for number, place, length in partial:
            if length == len(self.constraints[number].spellings[place].ids):
                ended[number] = length
        if recounted := {*ended, *row.fresh}:
            text = self.target.decode(ids)
            met = tuple(
                min(each.count, each.occurrences(text)) if number in recounted else count
                for number, (count, each) in enumerate(zip(met, self.constraints, strict=True))
            )
        going = tuple(each for each in partial if each[0] not in ended)
        cost = row.cost + REPLACED_COST * sum(ids[-len(each) :] == each for each in self.wanted.replaced)
        cost += MISPLACED_COST * sum(
            self._num_misplaced(number, row.ids[: len(ids) - length], row.met)
            for number, length in ended.items()
            if met[number] > row.met[number]
        )
        return _Row(ids, score, met, going, tuple(sorted(ended)), at, cost)

    def _num_misplaced(self, number: int, before: Sequence[int], met: Sequence[int]) -> int:
        """In how many ways a phrase is in another place than it should be."""
        after, place = self.constraints[number].after, self.constraints[number].place
        is_first = not before or before[-1] in self.target.silent
        is_early = place is not None and any(
            each.place is not None and each.place < place and not count
            for each, count in zip(self.constraints, met, strict=True)
        )
        return (bool(after) and (START if is_first else before[-1]) not in after) + is_early

    def finish(self, row: _Row) -> None:
        """Adds a translation, if its text has all phrases."""
        text = self.target.decode(row.ids)
        if all(each.occurrences(text) >= each.count for each in self.constraints):
            num_missing = max(0, self.wanted.num_tokens - len(row.ids))
            self.finished.append(replace(row, cost=row.cost + SHORT_COST * num_missing))

    def is_done(self) -> bool:
        """Whether no better translation is to be expected: more tokens only lower the rank of a row.

        With as many translations as a beam is wide, rows that lack something are given up.
        """
        if len(self.finished) < self.options.n_best or not self.rows:
            return not self.rows
        worst = sorted((row.rank for row in self.finished), reverse=True)[self.options.n_best - 1]
        is_full = len(self.finished) >= self.options.beam_size
        return not any(row.rank > worst for row in self.rows if not is_full or self.is_met(row))

    def _begun(self, row: _Row, places: Sequence[tuple[int, int]]) -> list[tuple[int, int, int]]:
        """Those of the spellings that may follow a row, with their first token."""
        before = ""
        if row.ids and row.ids[-1] not in self.target.silent:
            before = self.target.marked_pieces[row.ids[-1]][-1:]
        found = []
        for number, place in places:
            constraint = self.constraints[number]
            spelling = constraint.spellings[place]
            is_kept_out = (spelling.is_inside and _is_inside_words(before)) or (
                spelling.is_first and before and (before in _COMMAS or category(before)[0] != "P")
            )
            if row.met[number] < constraint.count and not is_kept_out:
                found.append((number, place, 1))
        return found


def _search(
    steps: Steps, searches: Sequence[_Search], rules: Rules, options: DecodingOptions, beam: int
) -> None:
    """Fills :attr:`_Search.finished` of each text of a batch."""
    for number, each in enumerate(searches):
        each.rows = [_Row((), 0.0, (0,) * len(each.constraints), at=number)]
    for length in range(1, max(each.limit for each in searches) + 1):
        rows = [row for each in searches for row in each.rows]
        tokens = numpy.array([row.ids[-1] if row.ids else rules.start for row in rows])
        logits = steps.logits(tokens, numpy.array([row.at for row in rows]))
        if length == 1 and rules.forced_first is not None:
            logits[:] = -numpy.inf
            logits[:, rules.forced_first] = 0
        else:
            written = numpy.array([row.ids for row in rows], dtype=numpy.int64).reshape(len(rows), -1)
            keep_rules(logits, written, rules, options)
            logits -= log_sums(logits)
        best, columns = best_of(logits, min(beam + 1, logits.shape[1]))
        start = 0
        for each in searches:
            place = slice(start, start + len(each.rows))
            _step(
                each, logits[place], (best[place].tolist(), columns[place].tolist()), start, rules.end, beam
            )
            start = place.stop
            if length == each.limit:
                for row in each.rows:
                    if each.is_met(row):
                        each.finish(row)
                each.rows = []
            elif each.is_done():
                each.rows = []
        if not any(each.rows for each in searches):
            return


def _step(
    search: _Search,
    scores: Numbers,
    best: tuple[list[list[float]], list[list[int]]],
    start: int,
    end: int,
    beam: int,
) -> None:
    """One token more for the rows of one text.

    Args:
        scores: log-probabilities of all tokens, ``(rows, vocabulary)``.
        best: the largest of them in each row, and their tokens.
        start: place of the text's first row in the batch.
    """
    banks: dict[int, list[_Row]] = {}
    for place, row in enumerate(search.rows):
        found = dict(zip(best[1][place], best[0][place], strict=True))
        found |= {token: float(scores[place, token]) for token in search.next_tokens(row)}
        for token, score in found.items():
            if score == -numpy.inf or (token == end and not search.is_met(row)):
                continue
            moved = search.advanced(row, token, row.score + score, start + place)
            banks.setdefault(search.bank(moved), []).append(moved)
    for rows in banks.values():
        rows.sort(key=lambda row: -row.rank)
        for row in rows[:beam]:
            if row.ids[-1] == end:
                search.finish(row)
        rows[:] = [row for row in rows if row.ids[-1] != end][:beam]
    # The best of each bank, then the second best, and so on; fuller banks first.
    rounds = zip_longest(*(banks[key] for key in sorted(banks, reverse=True)))
    search.rows = [row for each in rounds for row in each if row is not None][:beam]


def _batches(
    encoded: Sequence[Sequence[int]], wanted: Sequence[Wanted], options: DecodingOptions
) -> Iterator[tuple[list[int], int]]:
    """Texts of one beam and similar length; no text depends on the others of its batch."""
    by_beam: dict[int, list[int]] = {}
    for index, each in enumerate(wanted):
        needed = _ROWS_PER_BANK * (1 + each.num_constrained)
        beam = max(options.beam_size, min(needed, _MAX_BEAM))
        by_beam.setdefault(beam, []).append(index)
    for beam, indices in by_beam.items():
        indices.sort(key=lambda index: -len(encoded[index]))
        start = 0
        while start < len(indices):
            rows = min(_MAX_BATCH_ROWS, _MAX_BATCH_TOKENS // len(encoded[indices[start]]))
            end = start + max(1, rows // beam)
            yield indices[start:end], beam
            start = end


def _is_inside_words(character: str) -> bool:
    """Whether a character is a part of words that spaces divide."""
    return bool(character) and category(character)[0] in "LMN" and not UNSPACED.match(character)
