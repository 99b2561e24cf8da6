"""Bilingual lexicon induction: whether embeddings of two vocabularies align into a dictionary.

A child's new embeddings are not trained to resemble the parent's. If they are aligned, the nearest parent
piece of a word is its translation.

Source: section 4.2 of "Cross-Attention is All You Need", arXiv 2104.08771. Deviations: pieces are compared by
cosine, as in the text (the authors' code uses the largest dot product), and every translation in the
dictionary counts (their code keeps one per word). The way ``authors`` follows their code.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

from crosslate.errors import InputError
from crosslate.evaluation.dictionaries import Dictionary
from crosslate.evaluation.embeddings import Embeddings, embeddings, words_of_languages
from crosslate.evaluation.similarity import Measure, nearest_neighbours
from crosslate.models.groups import Side

if TYPE_CHECKING:
    from crosslate.models.child import Child
    from crosslate.models.parent import Parent

Way = Literal["cosine", "csls", "authors"]
WAYS: tuple[Way, ...] = get_args(Way)
LEXICON = "lexicon"
"""Name of precision@1 by cosine, in percent, in measurements during training."""

_MEASURES: dict[Way, Measure] = {"cosine": "cosine", "csls": "csls", "authors": "dot"}
_MAX_RANK = 10
_NUM_BANDS = 4

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class LexiconExample:
    """One word of the test.

    Attributes:
        word: the child's piece without its word-start mark.
        found: words of the nearest parent pieces, nearest first (at most 5).
        expected: its translations in the dictionary, sorted.
        rank: rank of the nearest translation, from 1; None if not among the 10 nearest.
    """

    word: str
    found: tuple[str, ...]
    expected: tuple[str, ...]
    rank: int | None


@dataclass(frozen=True)
class LexiconScore:
    """The result of lexicon induction.

    Attributes:
        precisions: percent (0-100) of words with a translation among the 1, 5 and 10 nearest words, as
            ``precision_at_1``, ``precision_at_5`` and ``precision_at_10``.
        num_words: child pieces tested.
        num_pieces: pieces of the child's vocabulary in all.
        num_candidates: parent pieces searched.
        coverage: percent of the dictionary's words that are tested.
        examples: words in the order of their ids, spread evenly over the vocabulary.
    """

    precisions: dict[str, float]
    num_words: int
    num_pieces: int
    num_candidates: int
    coverage: float
    examples: tuple[LexiconExample, ...]

    @property
    def precision_at_1(self) -> float:
        return self.precisions["precision_at_1"]


def _precisions(examples: Sequence[LexiconExample]) -> dict[str, float]:
    ranks = [example.rank or _MAX_RANK + 1 for example in examples]
    return {
        f"precision_at_{limit}": 100 * sum(rank <= limit for rank in ranks) / len(ranks)
        for limit in (1, 5, _MAX_RANK)
    }


def induce(
    child: Embeddings,
    parent: Embeddings,
    dictionary: Dictionary,
    *,
    way: Way = "cosine",
    num_examples: int = 10,
    child_words: Collection[str] | None = None,
    parent_words: Collection[str] | None = None,
) -> LexiconScore:
    """Looks up words of a child's vocabulary among the parent's pieces and checks them in a dictionary.

    Tested is every child piece that starts a word (SentencePiece's ``▁``), is a word of the dictionary as
    it stands, and has a translation that is itself one piece of the parent that starts a word. Words are
    compared in lower case. Of pieces that differ in case only, the first in the vocabulary stands for the
    word, both among the tested words and among the candidates.

    Args:
        dictionary: translations into the parent's language of words of the child's.
        way: ``cosine``, ``csls`` (whose neighbourhoods are the whole words of either side), or ``authors``:
            the largest dot product, and of a word's translations the one listed last. Their code also looks
            at words of the corpus alone: ``child_words`` and ``parent_words``.
        num_examples: how many words to show.
        child_words: only pieces that are one of these words are tested; None: no such limit.
        parent_words: candidates are only pieces that are one of these words; None: no such limit.

    Raises:
        InputError: none of the dictionary's words can be tested.
    """
    if way == "authors":
        dictionary = {word: list(found)[-1:] for word, found in dictionary.items()}
    translations = _folded(dictionary)
    candidates = _limited(parent, parent_words)
    reachable = {word.lower() for word in candidates.values()}
    words = _limited(child, child_words)
    tested = {
        row: word
        for row, word in words.items()
        if not reachable.isdisjoint(translations.get(word.lower(), frozenset()))
    }
    if not tested:
        raise InputError(
            f"no word can be tested: none of the {len(child.pieces)} child pieces is a word of the "
            f"dictionary ({len(translations)} words) with a translation among the {len(candidates)} "
            "parent pieces; are the dictionary's languages the right way round?"
        )
    found, _ = nearest_neighbours(
        child.matrix[list(tested)],
        parent.matrix[list(candidates)],
        min(_MAX_RANK, len(candidates)),
        measure=_MEASURES[way],
        context=child.matrix[list(words)] if way == "csls" else None,
    )
    spelt = list(candidates.values())
    examples = [
        _example(word, [spelt[each] for each in near], translations[word.lower()])
        for word, near in zip(tested.values(), found)
    ]
    shown = min(num_examples, len(examples))
    return LexiconScore(
        precisions=_precisions(examples),
        num_words=len(tested),
        num_pieces=len(child.pieces),
        num_candidates=len(candidates),
        coverage=100 * len(tested) / len(translations),
        examples=tuple(examples[index * len(examples) // shown] for index in range(shown)),
    )


def _limited(table: Embeddings, allowed: Collection[str] | None) -> dict[int, str]:
    """Whole words by row, one for each word in lower case; None allows all words."""
    lowered = None if allowed is None else {word.lower() for word in allowed}
    found: dict[str, int] = {}
    for row, word in table.whole_words.items():
        if lowered is None or word.lower() in lowered:
            found.setdefault(word.lower(), row)
    return {row: table.whole_words[row] for row in found.values()}


def _folded(dictionary: Dictionary) -> dict[str, frozenset[str]]:
    """The dictionary in lower case."""
    merged: dict[str, set[str]] = {}
    for word, translations in dictionary.items():
        merged.setdefault(word.lower(), set()).update(each.lower() for each in translations)
    return {word: frozenset(translations) for word, translations in merged.items()}


def _example(word: str, found: Sequence[str], right: frozenset[str]) -> LexiconExample:
    ranks = [rank for rank, each in enumerate(found, start=1) if each.lower() in right]
    return LexiconExample(word, tuple(found[:5]), tuple(sorted(right)), ranks[0] if ranks else None)


def frequency_bands(examples: Sequence[LexiconExample], counts: Mapping[str, int]) -> list[dict[str, float]]:
    """Splits tested words into four bands of (nearly) equal size, the most frequent words first.

    Returns:
        Of each band its precisions, ``most`` and ``least`` (occurrences of its most and its least frequent
        word in the training text) and ``num_words``.
    """
    ranked = sorted(examples, key=lambda each: -counts.get(each.word.lower(), 0))
    num_bands = min(_NUM_BANDS, len(ranked))
    bands = []
    for band in range(num_bands):
        inside = ranked[band * len(ranked) // num_bands : (band + 1) * len(ranked) // num_bands]
        most, least = (counts.get(each.word.lower(), 0) for each in (inside[0], inside[-1]))
        bands.append(_precisions(inside) | {"most": most, "least": least, "num_words": len(inside)})
    return bands


def measure_against_parent(
    parent: Parent, side: Side, dictionary: Dictionary
) -> Callable[[Child], dict[str, float]]:
    """A measurement during training: how many of a child's words are nearest to a translation in the parent.

    Returns:
        A callable that returns ``{"lexicon": precision@1}`` of a child, by cosine, 0-100; empty if no word
        can be tested.
    """
    others = embeddings(parent, side, "parent")
    return lambda child: _precision(embeddings(child, side, "child"), others, dictionary)


def measure_between_languages(
    words: Mapping[Side, Collection[str]], side: Side, dictionary: Dictionary
) -> Callable[[Child], dict[str, float]]:
    """The same for children whose two languages share a vocabulary: one side's words among the other's."""
    return lambda child: _precision(*words_of_languages(child, side, words), dictionary)


def _precision(one: Embeddings, other: Embeddings, dictionary: Dictionary) -> dict[str, float]:
    try:
        found = induce(one, other, dictionary, num_examples=0)
    except InputError as error:
        # A failed measurement must not end training.
        log.warning("no lexicon precision: %s", error)
        return {}
    return {LEXICON: round(found.precision_at_1, 3)}
