"""Initial embeddings from translations in a dictionary; other pieces are copied or start from the mean."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import accumulate, chain
from typing import TYPE_CHECKING

from crosslate.models.initialisers.copied import Copied
from crosslate.text.segmenters import WORD_START
from crosslate.text.vocabularies import Frame, Vocabulary

if TYPE_CHECKING:
    import torch

Bag = list[tuple[int, float]]
"""Members of a weighted mean, with weights that sum to 1."""


class Dictionary(Copied):
    """A piece starts from the translations of words that contain it, by two weighted means.

    The vector v(w) of a word w is the mean of its translations by their shares, where a translation is the
    mean of its pieces' rows. A piece p gets the mean of v(w) over the words that contain it, weighted by
    count and by the piece's share of the letters: c(w) |p| / |w|. A piece that is a whole word is thus mostly
    that word.
    """

    words_from = "dictionary"

    def find(self, taken: Collection[int]) -> dict[str, int]:
        spelt = list(dict.fromkeys(chain.from_iterable(each.translations for each in self.words)))
        silent = self.old.special.as_values().values()
        pieces = {}
        for word, ids in zip(spelt, _ids_of_words(self.old, spelt)):
            if known := [index for index in ids if index not in silent]:
                pieces[word] = known
        words = [each for each in self.words if any(word in pieces for word in each.translations)]
        self._of_words: list[Bag] = []
        for each in words:
            shares = each.shares or (1.0,) * len(each.translations)
            known_shares = [(pieces[w], s) for w, s in zip(each.translations, shares) if w in pieces]
            total = sum(share for _, share in known_shares)
            self._of_words.append(
                [(index, share / (total * len(ids))) for ids, share in known_shares for index in ids]
            )
        letters = [len(piece.removeprefix(WORD_START)) for piece in self.new.marked_pieces]
        held: dict[int, Bag] = {}
        for number, (each, ids) in enumerate(zip(words, _ids_of_words(self.new, [w.word for w in words]))):
            for index in ids:
                if index not in taken and letters[index]:
                    weight = each.weight * letters[index] / len(each.word)
                    held.setdefault(index, []).append((number, weight))
        self._rows = sorted(held)
        self._of_rows = [_normalised(held[index]) for index in self._rows]
        name = type(self).__module__.rpartition(".")[2]
        return {name: len(self._rows), **super().find({*taken, *self._rows})}

    def put(self, table: torch.Tensor, rows: torch.Tensor) -> None:
        super().put(table, rows)
        table[self._rows] = _means(_means(rows, self._of_words), self._of_rows)


def _normalised(bag: Bag) -> Bag:
    total = sum(weight for _, weight in bag)
    return [(number, weight / total) for number, weight in bag]


def _means(rows: torch.Tensor, bags: Sequence[Bag]) -> torch.Tensor:
    """(bags, width): the weighted sum of each bag's rows."""
    import torch

    members = list(chain.from_iterable(bags))
    starts = torch.tensor(list(accumulate(map(len, bags), initial=0))[:-1], device=rows.device).long()
    indices = torch.tensor([index for index, _ in members], device=rows.device).long()
    weights = torch.tensor([weight for _, weight in members], dtype=rows.dtype, device=rows.device)
    return torch.nn.functional.embedding_bag(indices, rows, starts, mode="sum", per_sample_weights=weights)


def _ids_of_words(vocabulary: Vocabulary, words: Sequence[str]) -> list[list[int]]:
    """Ids of words as within a sentence, without a frame."""
    # Byte-level BPE marks words by the space before them, which the first word of a text lacks.
    first = vocabulary.segmenter.split("a")[:1]
    is_marked = bool(first) and vocabulary.segmenter.marked(first[0]).startswith(WORD_START)
    lead = "" if is_marked else " "
    return vocabulary.framed(Frame()).encode_batch([lead + word for word in words])
