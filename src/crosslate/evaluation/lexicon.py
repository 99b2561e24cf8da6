"""Bilingual lexicon induction: do embeddings of two vocabularies align into a dictionary?

A child's new embeddings were never trained to resemble the parent's. Where they do, the nearest
parent piece of a word is its translation. Source: section 4.2 of "Cross-Attention is All You Need",
arXiv 2104.08771. Two deviations: pieces are compared by cosine, as the text says (the authors' code takes
the largest dot product), and every translation in the dictionary counts (their code keeps one per word).
Their own way is there too, under that name.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy

from crosslate.errors import InputError, UsageError, nearest
from crosslate.evaluation.similarity import Measure, nearest_neighbours
from crosslate.text.segmenters import WORD_START

__all__ = ["WORD_START", "LexiconExample", "LexiconScore", "Way", "induce", "nearest_neighbours"]

Way = Literal["cosine", "csls", "authors"]
WAYS: tuple[Way, ...] = get_args(Way)
_MEASURES: dict[Way, Measure] = {"cosine": "cosine", "csls": "csls", "authors": "dot"}
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


def induce(
    child_pieces: Sequence[str],
    child_matrix: numpy.ndarray,
    parent_pieces: Sequence[str],
    parent_matrix: numpy.ndarray,
    dictionary: Mapping[str, Collection[str]],
    *,
    ignore_case: bool = True,
    whole_words_only: bool = True,
    child_words: Collection[str] | None = None,
    parent_words: Collection[str] | None = None,
    num_examples: int = 10,
    chunk: int = 1024,
    way: Way = "cosine",
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
        child_words: only pieces that are one of these words are tested; None: no such limit.
        parent_words: candidates are only pieces that are one of these words, for example the words of
            a corpus (as the authors' code does); None: no such limit.
        num_examples: how many words to show.
        chunk: see :func:`crosslate.evaluation.similarity.nearest_neighbours`.
        way: ``cosine``, ``csls`` (whose neighbourhoods are the whole words of either side), or ``authors``:
            the largest dot product, and of a word's translations the one listed last, as a mapping filled
            line by line keeps it, so the dictionary must hold them in order. Their code also looks at words
            of the corpus alone: ``child_words`` and ``parent_words``.

    Raises:
        UsageError: an unknown way.
        InputError: as many pieces as rows are not given, the dictionary is empty or no mapping to
            collections of words, or none of its words can be tested.
    """
    if way not in WAYS:
        raise UsageError(f"unknown way {way!r} of lexicon induction; {nearest(str(way), WAYS)}")
    _check_rows(child_pieces, child_matrix, "child")
    _check_rows(parent_pieces, parent_matrix, "parent")
    if way == "authors":
        dictionary = {word: list(found)[-1:] for word, found in dictionary.items()}
    translations = _normalised(dictionary, ignore_case)
    child_side = [_word(piece, ignore_case) for piece in child_pieces]
    parent_side = [_word(piece, ignore_case) for piece in parent_pieces]
    candidates = _candidates(parent_side, whole_words_only, _folded(parent_words, ignore_case))
    reachable = {parent_side[index] for index in candidates}
    whole_words = _candidates(child_side, True, _folded(child_words, ignore_case))
    queries = [
        index
        for index in whole_words
        if not reachable.isdisjoint(translations.get(child_side[index] or "", frozenset()))
    ]
    if not queries:
        raise InputError(
            f"no word can be tested: none of the {len(child_pieces)} child pieces is a word of the "
            f"dictionary ({len(translations)} words) with a translation among the {len(candidates)} "
            "parent pieces; are the dictionary's languages the right way round?"
        )
    found, _ = nearest_neighbours(
        numpy.asarray(child_matrix)[queries],
        numpy.asarray(parent_matrix)[candidates],
        min(_MAX_RANK, len(candidates)),
        chunk,
        measure=_MEASURES[way],
        context=numpy.asarray(child_matrix)[whole_words] if way == "csls" else None,
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


def _folded(words: Collection[str] | None, ignore_case: bool) -> set[str] | None:
    return None if words is None else {_fold(word, ignore_case) for word in words}


def _fold(word: str, ignore_case: bool) -> str:
    return word.lower() if ignore_case else word


def _spread(examples: Sequence[LexiconExample], wanted: int) -> tuple[LexiconExample, ...]:
    number = min(wanted, len(examples))
    return tuple(examples[index * len(examples) // number] for index in range(number))
