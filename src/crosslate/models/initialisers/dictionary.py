"""Rows of the translations that a dictionary gives, copied rows for other pieces, and the mean."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from itertools import accumulate, chain
from typing import TYPE_CHECKING, Any

from crosslate.models.initialisers.copied import Copied
from crosslate.models.initialisers.initial_embeddings import TranslatedWord
from crosslate.text.segmenters import WORD_START
from crosslate.text.vocabularies import Frame, Vocabulary

if TYPE_CHECKING:
    import torch


class Dictionary(Copied):
    """A piece starts from the translations of the words that hold it."""

    words_from = "dictionary"

    def find(self, taken: Collection[int]) -> dict[str, int]:
        self._bags = _Bags(self.words, self.new, self.old, taken)
        name = type(self).__module__.rpartition(".")[2]
        return {name: len(self._bags.rows), **super().find({*taken, *self._bags.rows})}

    def put(self, table: torch.Tensor, rows: torch.Tensor) -> None:
        super().put(table, rows)
        table[self._bags.rows] = self._bags.means(rows)


class _Bags:
    """Weighted means of a parent's rows, in two steps: of each word's translations, of each piece's words.

    A word w has the mean v(w) of its translations by their shares, each the mean of its pieces' rows. A
    piece p gets the mean of v(w) over the words that hold it, weighted by how often the word occurs and by
    the share of its letters that the piece has: c(w) |p| / |w|. So a piece that is a word is mostly that
    word.

    Attributes:
        rows: the new ids that get a value, ascending.
    """

    def __init__(
        self,
        words: Sequence[TranslatedWord],
        new: Vocabulary,
        old: Vocabulary,
        taken: Collection[int],
    ) -> None:
        translations = list(dict.fromkeys(chain.from_iterable(each.translations for each in words)))
        silent = {index for index in vars(old.special).values() if index is not None}
        pieces = {
            word: known
            for word, ids in zip(translations, _ids_of_words(old, translations))
            if (known := [index for index in ids if index not in silent])
        }
        words = [each for each in words if any(word in pieces for word in each.translations)]
        self._parents = _flat([_word_bag(each, pieces) for each in words])
        letters = [len(piece.removeprefix(WORD_START)) for piece in new.marked_pieces]
        holds = [
            (index, number, each.weight * letters[index] / len(each.word))
            for number, (each, ids) in enumerate(zip(words, _ids_of_words(new, [w.word for w in words])))
            for index in ids
            if index not in taken and letters[index]
        ]
        holds.sort(key=lambda entry: entry[:2])
        by_piece: dict[int, list[tuple[int, float]]] = {}
        for index, number, weight in holds:
            by_piece.setdefault(index, []).append((number, weight))
        self.rows = list(by_piece)
        self._words = _flat([_normalised(bag) for bag in by_piece.values()])

    def means(self, rows: torch.Tensor) -> torch.Tensor:
        """(n, width) values for the rows of a parent's table (pieces, width)."""
        return _sums(_sums(rows, self._parents), self._words)


def _word_bag(word: TranslatedWord, pieces: Mapping[str, list[int]]) -> list[tuple[int, float]]:
    shares = word.shares or (1.0,) * len(word.translations)
    known = [(pieces[each], share) for each, share in zip(word.translations, shares) if each in pieces]
    total = sum(share for _, share in known)
    return [(index, share / (total * len(ids))) for ids, share in known for index in ids]


def _normalised(bag: list[tuple[int, float]]) -> list[tuple[int, float]]:
    total = sum(weight for _, weight in bag)
    return [(number, weight / total) for number, weight in bag]


Flat = tuple[list[int], list[int], list[float]]
"""Bags one after the other: where each starts, all members, all weights."""


def _flat(bags: Sequence[Sequence[tuple[int, float]]]) -> Flat:
    ends = accumulate(map(len, bags), initial=0)
    members = list(chain.from_iterable(bags))
    return list(ends)[:-1], [member for member, _ in members], [weight for _, weight in members]


def _sums(rows: torch.Tensor, bags: Flat) -> torch.Tensor:
    """(bags, width): the weighted sum of each bag's rows."""
    import torch

    starts, members = (torch.tensor(each, dtype=torch.int64, device=rows.device) for each in bags[:2])
    weights = torch.tensor(bags[2], dtype=rows.dtype, device=rows.device)
    return torch.nn.functional.embedding_bag(members, rows, starts, mode="sum", per_sample_weights=weights)


def _ids_of_words(vocabulary: Vocabulary, words: Sequence[str]) -> list[list[int]]:
    """Ids of words as they stand inside a sentence, without a frame."""
    # Byte-level BPE marks a word by the space before it, which the first word of a text does not have.
    first: Any = vocabulary.segmenter.split("a")[:1]
    is_marked = bool(first) and vocabulary.segmenter.marked(first[0]).startswith(WORD_START)
    lead = "" if is_marked else " "
    return vocabulary.framed(Frame()).encode_batch([lead + word for word in words])
