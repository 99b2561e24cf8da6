"""Bilingual lexicon induction: do embeddings of two vocabularies align into a dictionary?

A child's new embeddings were never trained to resemble the parent's. Where they do, the nearest
parent piece of a word is its translation. Source: section 4.2 of "Cross-Attention is All You Need",
arXiv 2104.08771. Two deviations: pieces are compared by cosine, as the text says (the authors' code takes
the largest dot product), and every translation in the dictionary counts (their code keeps one per word).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy

from crosslate.errors import InputError, UsageError

WORD_START = "▁"
_MAX_RANK = 10


@dataclass(frozen=True)
class LexiconExample:
    """One word of the test.

    Attributes:
        word: the child's piece without its word-start mark.
        found: words of the nearest parent pieces, the nearest first (at most 5).
        expected: its translations in the dictionary, sorted.
        rank: rank of the nearest right one, from 1; None where it is not among the 10 nearest.
    """

    word: str
    found: tuple[str, ...]
    expected: tuple[str, ...]
    rank: int | None


@dataclass(frozen=True)
class LexiconScore:
    """How often a translation is among the nearest parent pieces of a child's word.

    Attributes:
        precision_at_1: percent (0-100) of the words whose nearest candidate is a translation.
        precision_at_5: the same for any of the 5 nearest; ``precision_at_10`` likewise.
        num_words: child pieces tested.
        num_pieces: pieces of the child's vocabulary in all.
        num_candidates: parent pieces that could be found.
        coverage: percent of the dictionary's words that are tested.
        examples: words in the order of their ids, spread evenly over the vocabulary.
    """

    precision_at_1: float
    precision_at_5: float
    precision_at_10: float
    num_words: int
    num_pieces: int
    num_candidates: int
    coverage: float
    examples: tuple[LexiconExample, ...]


def nearest_neighbours(
    child: numpy.ndarray, parent: numpy.ndarray, k: int, chunk: int = 1024
) -> tuple[numpy.ndarray, numpy.ndarray]:
    """The ``k`` rows of ``parent`` that are nearest to each row of ``child`` by cosine.

    Memory beyond the two matrices (normalised copies in float32) is ``chunk`` times the rows of ``parent``,
    4 bytes each: 125 MB for 30,000 rows and the default.

    Args:
        child: ``(n, width)`` floating point.
        parent: ``(m, width)`` floating point.
        k: 1 to m; time grows with it.
        chunk: rows of ``child`` compared at a time.

    Returns:
        Indices into ``parent`` ``(n, k)`` int64 and cosines ``(n, k)`` float32, the nearest first; of equal
        ones the lower index first. A row of zeros has cosine 0 with everything.

    Raises:
        InputError: other shapes, unequal widths, or values that are not finite.
        UsageError: ``k`` or ``chunk`` out of range.
    """
    queries, candidates = _unit_rows(child, "the child's"), _unit_rows(parent, "the parent's")
    if queries.shape[1] != candidates.shape[1]:
        raise InputError(
            f"the child's embeddings have width {queries.shape[1]}, the parent's {candidates.shape[1]}; "
            "only embeddings of one model can be compared"
        )
    if not 1 <= k <= len(candidates):
        raise UsageError(f"{k} nearest neighbours asked for, expected 1 to {len(candidates)}")
    if chunk < 1:
        raise UsageError(f"chunk is {chunk}, expected at least 1")
    indices = numpy.empty((len(queries), k), dtype=numpy.int64)
    cosines = numpy.empty((len(queries), k), dtype=numpy.float32)
    for start in range(0, len(queries), chunk):
        similar = queries[start : start + chunk] @ candidates.T
        rows = numpy.arange(len(similar))
        # One maximum after the other: faster than sorting for a small k, and ties go to the lower index.
        for rank in range(k):
            best = similar.argmax(axis=1)
            indices[start : start + chunk, rank] = best
            cosines[start : start + chunk, rank] = similar[rows, best]
            similar[rows, best] = -numpy.inf
    return indices, cosines


def induce(
    child_pieces: Sequence[str],
    child_matrix: numpy.ndarray,
    parent_pieces: Sequence[str],
    parent_matrix: numpy.ndarray,
    dictionary: Mapping[str, Collection[str]],
    *,
    ignore_case: bool = True,
    whole_words_only: bool = True,
    parent_words: Collection[str] | None = None,
    num_examples: int = 10,
    chunk: int = 1024,
) -> LexiconScore:
    """Looks up words of a child's vocabulary among the parent's pieces and checks them in a dictionary.

    Tested is every child piece that starts a word (SentencePiece's ``▁``), is a word of the dictionary as
    it stands, and has a translation that is itself one candidate piece.

    Args:
        child_pieces: piece of every row of ``child_matrix`` ``(n, width)``.
        parent_pieces: piece of every row of ``parent_matrix`` ``(m, width)``.
        dictionary: translations into the parent's language of words of the child's.
        ignore_case: compare in lower case, on both sides. Pieces that differ in case only stay
            different pieces: each is tested, and each is a candidate.
        whole_words_only: candidates are parent pieces that start a word; else all of them, as long as
            one that continues a word never counts as right.
        parent_words: candidates are only pieces that are one of these words, for example the words of
            a corpus (as the authors' code does); None: no such limit.
        num_examples: how many words to show.
        chunk: see :func:`nearest_neighbours`.

    Raises:
        InputError: as many pieces as rows are not given, the dictionary is empty or no mapping to
            collections of words, or none of its words can be tested.
    """
    _check_rows(child_pieces, child_matrix, "child")
    _check_rows(parent_pieces, parent_matrix, "parent")
    translations = _normalised(dictionary, ignore_case)
    parent_side = [_word(piece, ignore_case) for piece in parent_pieces]
    allowed = None if parent_words is None else {_fold(word, ignore_case) for word in parent_words}
    candidates = _candidates(parent_side, whole_words_only, allowed)
    reachable = {parent_side[index] for index in candidates}
    queries = [
        index
        for index, piece in enumerate(child_pieces)
        if (word := _word(piece, ignore_case)) is not None
        and not reachable.isdisjoint(translations.get(word, frozenset()))
    ]
    if not queries:
        raise InputError(
            f"no word can be tested: none of the {len(child_pieces)} child pieces is a word of the "
            f"dictionary ({len(translations)} words) with a translation among the {len(candidates)} "
            "parent pieces; are the dictionary's languages the right way round?"
        )
    k = min(_MAX_RANK, len(candidates))
    found, _ = nearest_neighbours(
        numpy.asarray(child_matrix)[queries], numpy.asarray(parent_matrix)[candidates], k, chunk
    )
    examples = [
        _example(
            child_pieces[index].removeprefix(WORD_START),
            [(parent_side[candidates[each]], parent_pieces[candidates[each]]) for each in neighbours],
            translations[_fold(child_pieces[index].removeprefix(WORD_START), ignore_case)],
        )
        for index, neighbours in zip(queries, found)
    ]
    ranks = [example.rank for example in examples]
    tested = {_fold(example.word, ignore_case) for example in examples}
    return LexiconScore(
        precision_at_1=_precision(ranks, 1),
        precision_at_5=_precision(ranks, 5),
        precision_at_10=_precision(ranks, 10),
        num_words=len(queries),
        num_pieces=len(child_pieces),
        num_candidates=len(candidates),
        coverage=100 * len(tested) / len(translations),
        examples=_spread(examples, num_examples),
    )


def _candidates(
    parent_side: Sequence[str | None], whole_words_only: bool, allowed: set[str] | None
) -> list[int]:
    return [
        index
        for index, word in enumerate(parent_side)
        if (word is not None or not whole_words_only) and (allowed is None or word in allowed)
    ]


def _example(word: str, found: list[tuple[str | None, str]], right: frozenset[str]) -> LexiconExample:
    ranks = [rank for rank, (found_word, _) in enumerate(found, start=1) if found_word in right]
    shown = tuple(piece.removeprefix(WORD_START) for _, piece in found[:5])
    return LexiconExample(word, shown, tuple(sorted(right)), ranks[0] if ranks else None)


def _precision(ranks: Sequence[int | None], limit: int) -> float:
    """Percent of ``ranks`` that are at most ``limit``."""
    return 100 * sum(rank is not None and rank <= limit for rank in ranks) / len(ranks)


def _unit_rows(matrix: numpy.ndarray, whose: str) -> numpy.ndarray:
    rows = numpy.array(matrix, dtype=numpy.float32)
    if rows.ndim != 2 or not rows.size:
        raise InputError(f"{whose} embeddings have shape {rows.shape}, expected (pieces, width), neither 0")
    if not numpy.isfinite(rows).all():
        raise InputError(f"{whose} embeddings hold values that are not finite; training went astray")
    # Scaled by the largest value first, so that no square overflows or vanishes.
    rows /= numpy.maximum(numpy.abs(rows).max(axis=1, keepdims=True), numpy.finfo(numpy.float32).tiny)
    rows /= numpy.maximum(numpy.linalg.norm(rows, axis=1, keepdims=True), numpy.finfo(numpy.float32).tiny)
    return rows


def _check_rows(pieces: Sequence[str], matrix: numpy.ndarray, side: str) -> None:
    shape = numpy.shape(matrix)
    if len(shape) != 2 or shape[0] != len(pieces):
        raise InputError(
            f"the {side} has {len(pieces)} pieces and a matrix of shape {shape}; expected a row per piece"
        )


def _normalised(dictionary: Mapping[str, Collection[str]], ignore_case: bool) -> dict[str, frozenset[str]]:
    merged: dict[str, set[str]] = {}
    for word, translations in dictionary.items():
        if isinstance(translations, str):
            raise InputError(
                f"the dictionary maps {word!r} to the text {translations!r}; expected a collection of words"
            )
        merged.setdefault(_fold(word, ignore_case), set()).update(
            _fold(translation, ignore_case) for translation in translations
        )
    if not merged:
        raise InputError("the dictionary is empty; expected words with their translations")
    return {word: frozenset(translations) for word, translations in merged.items()}


def _word(piece: str, ignore_case: bool) -> str | None:
    """The word that a piece spells from its start; None for a piece that continues a word."""
    if not piece.startswith(WORD_START) or len(piece) == len(WORD_START):
        return None
    return _fold(piece[len(WORD_START) :], ignore_case)


def _fold(word: str, ignore_case: bool) -> str:
    return word.lower() if ignore_case else word


def _spread(examples: Sequence[LexiconExample], wanted: int) -> tuple[LexiconExample, ...]:
    number = min(wanted, len(examples))
    return tuple(examples[index * len(examples) // number] for index in range(number))
