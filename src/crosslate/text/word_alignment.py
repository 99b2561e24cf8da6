"""Which words of two languages translate each other, learnt from sentence pairs alone.

IBM model 1 (Brown et al. 1993) with a prior for words that stand at like places in their sentences (Dyer,
Chahuneau & Smith 2013), learnt in both directions. A link counts as far as both agree, by the product of
their posteriors (Liang, Taskar & Klein 2006): so frequent words collect no rare ones. All of it is sums
over arrays, and the order of the sums is fixed: the same pairs give the same links.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

MOST_CELLS = 32_000_000
"""Pairs of words that stand in one sentence pair; beyond so many, no more sentence pairs are read."""

_ITERATIONS = 5
_NULL = 0.08  # the prior of a word that translates none
_TENSION = 4.0  # how much the diagonal is preferred; 0 is model 1 itself
_LEAST_SHARE = 0.02  # of a word's links; what has less is chance

Integers = npt.NDArray[np.int32]
Links = dict[str, dict[str, float]]
"""By word, the words of the other language that it is linked to, with how often: no whole numbers."""


def link_words(pairs: Iterable[tuple[Sequence[str], Sequence[str]]]) -> Links:
    """Links the words of sentences and of their translations, in time bounded by :data:`MOST_CELLS`.

    Words of the first language come in the order of their first occurrence, each with its links, the most
    frequent first. Words without any are left out.
    """
    known: tuple[dict[str, int], dict[str, int]] = ({}, {})  # by word, its number in its language
    tokens: tuple[list[int], list[int]] = ([], [])  # of all sentences, one after the other
    lengths: tuple[list[int], list[int]] = ([], [])
    num_cells = 0
    for pair in pairs:
        num_cells += len(pair[0]) * len(pair[1])
        if num_cells > MOST_CELLS:
            break
        for side, sentence in enumerate(pair if all(pair) else ()):
            tokens[side].extend(known[side].setdefault(word, len(known[side])) for word in sentence)
            lengths[side].append(len(sentence))
    if not tokens[0]:
        return {}
    first, second = (np.array(each, dtype=np.int32) for each in tokens)
    # A cell is a word of one sentence with a word of the other, given by their places: (cells,) each.
    row, column, prior = _cells(*(np.array(each, dtype=np.int32) for each in lengths))
    # Which two words a cell has, as a position among all that stand in one pair somewhere.
    types, ids = np.unique(first[row].astype(np.int64) * len(known[1]) + second[column], return_inverse=True)
    ids = ids.astype(np.int32)
    ours, theirs = (each.astype(np.int32) for each in np.divmod(types, len(known[1])))
    agreed = _posteriors(prior, ids, column, ours, second)
    agreed *= _posteriors(prior, ids, row, theirs, first)
    counts = np.bincount(ids, agreed, minlength=len(ours))
    totals = np.bincount(ours, counts, minlength=len(known[0]))
    kept = np.flatnonzero(counts > np.maximum(_LEAST_SHARE * totals[ours], np.finfo(np.float32).tiny))
    kept = kept[np.lexsort((theirs[kept], -counts[kept], ours[kept]))]
    words, others = list(known[0]), list(known[1])
    links: Links = {}
    for one, other, count in zip(ours[kept].tolist(), theirs[kept].tolist(), counts[kept].tolist()):
        links.setdefault(words[one], {})[others[other]] = count
    return links


def _cells(rows: Integers, columns: Integers) -> tuple[Integers, Integers, npt.NDArray[np.float32]]:
    """(cells,) places of the first words, of the second words, and priors that these give, up to a factor.

    Args:
        rows: (sentences,) lengths of the first sentences; ``columns`` likewise of the second.
    """
    sizes = rows * columns
    sentence = np.repeat(np.arange(len(sizes), dtype=np.int32), sizes)
    within = np.arange(int(sizes.sum()), dtype=np.int32) - np.repeat(_starts(sizes), sizes)
    row, column = np.divmod(within, columns[sentence])
    distance = np.abs((row + 0.5) / rows[sentence] - (column + 0.5) / columns[sentence])
    prior = np.exp(-_TENSION * distance).astype(np.float32)
    row += _starts(rows)[sentence]
    column += _starts(columns)[sentence]
    return row, column, prior


def _starts(lengths: Integers) -> Integers:
    return np.cumsum(lengths, dtype=np.int32) - lengths


def _posteriors(
    prior: npt.NDArray[np.float32], ids: Integers, made: Integers, given: Integers, words: Integers
) -> npt.NDArray[np.float64]:
    """(cells,) how likely it is that a word was made from the other word of its cell.

    Args:
        ids: (cells,) the type of each cell.
        made: (cells,) the place in ``words`` of a cell's word of the language that is made.
        given: (types,) the word that it may be made from.
        words: (tokens,) of the language that is made.
    """
    share = prior / np.bincount(made, prior, minlength=len(words))[made]
    unexplained = _NULL * np.bincount(words)[words] / len(words)
    posterior = share * (1 - _NULL)
    for _ in range(_ITERATIONS):
        counts = np.bincount(ids, posterior, minlength=len(given))
        translation = counts / np.bincount(given, counts)[given]
        score = share * translation[ids] * (1 - _NULL)
        posterior = score / (np.bincount(made, score, minlength=len(words)) + unexplained)[made]
    return posterior
