"""Which words of two languages translate each other, learnt from sentence pairs alone.

IBM model 1 (Brown et al. 1993) with a prior for words that stand at like places in their sentences (Dyer,
Chahuneau & Smith 2013), learnt in both directions. A link counts as far as both agree, by the product of
their posteriors (Liang, Taskar & Klein 2006): so frequent words collect no rare ones. All of it is sums
over arrays, and the order of the sums is fixed: the same pairs give the same links.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

MOST_CELLS = 32_000_000
"""Pairs of words that stand in one sentence pair; beyond so many, no more sentence pairs are read."""

_ITERATIONS = 5
_NULL = 0.08  # the prior of a word that translates none
_TENSION = 4.0  # how much the diagonal is preferred; 0 is model 1 itself
_LEAST_SHARE = 0.02  # of a word's links; what has less is chance

Links = dict[str, dict[str, float]]
"""By word, the words of the other language that it is linked to, with how often: no whole numbers."""


def link_words(pairs: Iterable[tuple[Sequence[str], Sequence[str]]]) -> Links:
    """Links the words of sentences and of their translations, in time bounded by :data:`MOST_CELLS`.

    Words of the first language come in the order of their first occurrence, each with its links, the most
    frequent first. Words without any are left out.
    """
    text = _Text.of(pairs)
    if not len(text.ids):
        return {}
    agreed = _posteriors(text, text.second_tokens, text.of_types[0], text.second)
    agreed *= _posteriors(text, text.first_tokens, text.of_types[1], text.first)
    counts = np.bincount(text.ids, agreed, minlength=len(text.of_types[0]))
    ours, theirs = text.of_types
    totals = np.bincount(ours, counts, minlength=len(text.words[0]))
    kept = np.flatnonzero(counts > np.maximum(_LEAST_SHARE * totals[ours], np.finfo(np.float32).tiny))
    kept = kept[np.lexsort((theirs[kept], -counts[kept], ours[kept]))]
    links: Links = {}
    for one, other, count in zip(ours[kept].tolist(), theirs[kept].tolist(), counts[kept].tolist()):
        links.setdefault(text.words[0][one], {})[text.words[1][other]] = count
    return links


@dataclass(frozen=True)
class _Text:
    """Sentence pairs as arrays. A cell is a word of one sentence with a word of the other.

    Attributes:
        words: of both languages; elsewhere words are their positions in these lists.
        first: (tokens,) the words of all first sentences, one sentence after the other; ``second`` likewise.
        first_tokens: (cells,) the place in ``first`` of a cell's first word; ``second_tokens`` likewise.
        ids: (cells,) which two words a cell has, as a position in ``of_types``.
        of_types: (types,) the first words and the second words of all that stand in one pair somewhere.
        prior: (cells,) how likely two words are linked by their places alone, up to a factor.
    """

    words: tuple[list[str], list[str]]
    first: npt.NDArray[np.int32]
    second: npt.NDArray[np.int32]
    first_tokens: npt.NDArray[np.int32]
    second_tokens: npt.NDArray[np.int32]
    ids: npt.NDArray[np.int32]
    of_types: tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]
    prior: npt.NDArray[np.float32]

    @classmethod
    def of(cls, pairs: Iterable[tuple[Sequence[str], Sequence[str]]]) -> _Text:
        known: tuple[dict[str, int], dict[str, int]] = ({}, {})
        tokens: tuple[list[int], list[int]] = ([], [])
        lengths: tuple[list[int], list[int]] = ([], [])
        num_cells = 0
        for pair in pairs:
            num_cells += len(pair[0]) * len(pair[1])
            if num_cells > MOST_CELLS:
                break
            for side, sentence in enumerate(pair if all(pair) else ()):
                tokens[side].extend(known[side].setdefault(word, len(known[side])) for word in sentence)
                lengths[side].append(len(sentence))
        first, second = (np.array(each, dtype=np.int32) for each in tokens)
        rows, columns = (np.array(each, dtype=np.int32) for each in lengths)
        sizes = rows * columns
        total = int(sizes.sum())
        sentence_of_cell = np.repeat(np.arange(len(sizes), dtype=np.int32), sizes)
        within = np.arange(total, dtype=np.int32) - np.repeat(_starts(sizes), sizes)
        row, column = np.divmod(within, columns[sentence_of_cell])
        prior = np.exp(-_TENSION * np.abs(
            (row + 0.5) / rows[sentence_of_cell] - (column + 0.5) / columns[sentence_of_cell]
        )).astype(np.float32)  # fmt: skip
        row += _starts(rows)[sentence_of_cell]
        column += _starts(columns)[sentence_of_cell]
        keys = first[row].astype(np.int64) * max(1, len(known[1])) + second[column]
        types, ids = np.unique(keys, return_inverse=True)
        of_types = np.divmod(types, max(1, len(known[1])))
        return cls(
            (list(known[0]), list(known[1])), first, second, row, column, ids.astype(np.int32),
            (of_types[0].astype(np.int32), of_types[1].astype(np.int32)), prior,
        )  # fmt: skip


def _starts(lengths: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
    return np.cumsum(lengths, dtype=np.int32) - lengths


def _posteriors(
    text: _Text,
    made: npt.NDArray[np.int32],
    given: npt.NDArray[np.int32],
    words: npt.NDArray[np.int32],
) -> npt.NDArray[np.float64]:
    """(cells,) how likely it is that a word was made from the other word of its cell.

    Args:
        made: (cells,) the place in ``words`` of a cell's word of the language that is made.
        given: (types,) the word that it may be made from.
        words: (tokens,) of the language that is made.
    """
    prior = text.prior / np.bincount(made, text.prior, minlength=len(words))[made]
    unexplained = _NULL * np.bincount(words)[words] / len(words)
    posterior = prior * (1 - _NULL)
    for _ in range(_ITERATIONS):
        counts = np.bincount(text.ids, posterior, minlength=len(given))
        translation = counts / np.bincount(given, counts)[given]
        score = prior * translation[text.ids] * (1 - _NULL)
        posterior = score / (np.bincount(made, score, minlength=len(words)) + unexplained)[made]
    return posterior
