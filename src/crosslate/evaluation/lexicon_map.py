"""Maps of translation pairs: whether a child's new words are close to its parent's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy

from crosslate.evaluation.dictionaries import Dictionary
from crosslate.evaluation.embeddings import Embeddings
from crosslate.evaluation.similarity import nearest_neighbours, unit_rows

_SHORTEST = 3
"""Minimum letters of a word; shorter pieces are often parts of numbers or names."""
_NUM_INDUCED = 4000
"""The first words of both vocabularies, the most frequent ones, that are compared; time grows with the square
(0.5 s for width 512 on one core)."""


@dataclass(frozen=True)
class MappedPair:
    """A word of the child and its translation in the parent, with coordinates."""

    word: str
    translation: str
    x: float
    y: float
    translation_x: float
    translation_y: float


def lexicon_map(
    child: Embeddings,
    parent: Embeddings,
    dictionary: Dictionary,
    child_counts: Mapping[str, int],
    parent_counts: Mapping[str, int],
    num_pairs: int,
) -> tuple[list[MappedPair], float]:
    """The principal components of frequent words and their translations: unit vectors, both sides together.

    Chosen are the child's most frequent whole words with a translation that is a whole word of the parent, of
    several the most frequent one. The choice looks at vocabularies and counts alone, so that children of the
    same text show the same words, whatever their strategy.

    Args:
        dictionary: compared in lower case.
        child_counts: occurrences in the child's text by word in lower case.
        parent_counts: likewise; without any, the dictionary's order decides.

    Returns:
        The pairs, the most frequent first (coordinates to 3 digits), and the share of variance that the plane
        holds (0-1); nothing where there are fewer than two pairs.
    """
    pairs = _frequent(child, parent, dictionary, child_counts, parent_counts)[:num_pairs]
    if len(pairs) < 2:
        return [], 0.0
    ours, theirs = (list(rows) for rows in zip(*pairs))
    vectors = numpy.concatenate([unit_rows(child.matrix[ours]), unit_rows(parent.matrix[theirs])])
    points, share = principal_components(vectors)
    points = points.round(3) + 0.0  # no negative zero
    our_words, their_words = child.whole_words, parent.whole_words
    shown = [
        MappedPair(our_words[one], their_words[other], *map(float, (*point, *opposite)))
        for (one, other), point, opposite in zip(pairs, points, points[len(pairs) :])
    ]
    return shown, share


def _frequent(
    child: Embeddings,
    parent: Embeddings,
    dictionary: Dictionary,
    child_counts: Mapping[str, int],
    parent_counts: Mapping[str, int],
) -> list[tuple[int, int]]:
    """Rows of words and their translations, the child's most frequent word first; no word twice."""
    translations: dict[str, list[str]] = {}
    for word, found in dictionary.items():
        translations.setdefault(word.lower(), []).extend(each.lower() for each in found)
    theirs: dict[str, int] = {}
    for row, word in parent.whole_words.items():
        theirs.setdefault(word.lower(), row)
    words = [(word.lower(), row) for row, word in child.whole_words.items()]
    words.sort(key=lambda each: (-child_counts.get(each[0], 0), *each))
    used: set[str] = set()
    taken: set[str] = set()
    pairs = []
    for word, row in words:
        known = [each for each in translations.get(word, ()) if each in theirs and each not in taken]
        if known and word not in used and len(word) >= _SHORTEST:
            best = max(known, key=lambda each: parent_counts.get(each, 0))
            used.add(word)
            taken.add(best)
            pairs.append((row, theirs[best]))
    return pairs


def induced_dictionary(child: Embeddings, parent: Embeddings) -> tuple[dict[str, list[str]], dict[str, int]]:
    """Words of a child with the parent's word that is nearest to them, where that holds both ways.

    Returns:
        A dictionary, and for each of its words a number that is greater the more frequent it is.
    """
    ours, theirs = (
        dict([(row, word) for row, word in each.whole_words.items() if len(word) >= _SHORTEST][:_NUM_INDUCED])
        for each in (child, parent)
    )
    if not ours or not theirs:
        return {}, {}
    there, _ = nearest_neighbours(child.matrix[list(ours)], parent.matrix[list(theirs)], 1)
    back, _ = nearest_neighbours(parent.matrix[list(theirs)], child.matrix[list(ours)], 1)
    words, translations = list(ours.values()), list(theirs.values())
    dictionary: dict[str, list[str]] = {}
    counts: dict[str, int] = {}
    for position, (found,) in enumerate(there.tolist()):
        if int(back[found, 0]) == position:
            dictionary[words[position]] = [translations[found]]
            counts.setdefault(words[position].lower(), len(words) - position)
    return dictionary, counts


def principal_components(rows: numpy.ndarray) -> tuple[numpy.ndarray, float]:
    """Projects rows ``(n, width)``, both at least 2, onto the two directions in which they differ most.

    Returns:
        Coordinates ``(n, 2)`` float64 around 0, the first direction first, and the share of all variance that
        they hold (0-1). The largest component of a direction is positive.
    """
    rows = numpy.asarray(rows, dtype=numpy.float64)
    centred = rows - rows.mean(axis=0)
    _, scales, directions = numpy.linalg.svd(centred, full_matrices=False)
    directions = directions[:2]
    largest = numpy.abs(directions).argmax(axis=1)
    directions = directions * numpy.sign(directions[numpy.arange(2), largest])[:, None]
    variance = scales**2
    total = float(variance.sum())
    return centred @ directions.T, float(variance[:2].sum()) / total if total else 0.0
