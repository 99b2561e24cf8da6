"""Where the rows of a new vocabulary start: random values, or rows of the parent's table.

The paper draws them at random (section 3.1). The other methods take them from the parent's embeddings of the
same side, and each adds a source before that of the one above it: the mean of all rows, the row of the same
piece, the rows of a translation, which a dictionary gives or an alignment of the training text.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, chain
from typing import TYPE_CHECKING, Any, Literal, get_args

from crosslate.errors import InputError, UsageError, nearest
from crosslate.models.groups import SIDES, Side
from crosslate.models.strategies import Strategy
from crosslate.text.segmenters import WORD_START
from crosslate.text.vocabularies import Frame, Vocabulary

if TYPE_CHECKING:
    import torch

Method = Literal["random", "mean", "copied", "dictionary", "aligned"]
METHODS: tuple[Method, ...] = get_args(Method)
RANDOM: Method = "random"
MEAN: Method = "mean"
ALIGNED: Method = "aligned"
TRANSLATED: tuple[Method, ...] = ("dictionary", ALIGNED)
"""Methods that start from rows of translations."""


@dataclass(frozen=True)
class TranslatedWord:
    """A word of a new language as its text spells it.

    Attributes:
        word: the word.
        translations: into the parent's language of the side; at least one.
        weight: how much it counts, above 0: how often it occurs.
        shares: how much each translation counts, above 0; empty if all count alike.
    """

    word: str
    translations: tuple[str, ...]
    weight: float = 1.0
    shares: tuple[float, ...] = ()


@dataclass(frozen=True)
class InitialEmbeddings:
    """How renewed tables start.

    Attributes:
        method: ``random`` (normal values, as in the paper), ``mean``, ``copied``, ``dictionary`` or
            ``aligned``.
        words: by side, what ``dictionary`` and ``aligned`` start from; see :func:`translated_words`.
    """

    method: Method = RANDOM
    words: Mapping[Side, Sequence[TranslatedWord]] = field(default_factory=dict)


def default_method(renewed: Collection[Side], strategy: Strategy, *, is_appended: bool) -> Method:
    """What new embeddings start from when nothing is said.

    The mean of the parent's rows was better than random values with every size of text that was tried, and
    asks for nothing (docs/strategies.md). Where the parent's rows mean nothing, or stay beside the new ones,
    values are random.
    """
    takes_parents = renewed and "enc" not in strategy.reinitialise and not is_appended
    return MEAN if takes_parents else RANDOM


def check_initial(
    method: str, known: Collection[Side], renewed: Collection[Side], strategy: Strategy
) -> None:
    """Refuses initial embeddings that do not exist or would mean nothing.

    Args:
        method: how renewed tables are to start.
        known: the sides whose words have translations, from a dictionary or an alignment.
        renewed: the sides that get a new vocabulary.
        strategy: what is trained.

    Raises:
        UsageError: an unknown method; nothing is renewed; the whole model starts from random values; a
            renewed side has no dictionary; or there is no kept side that an alignment could lead through.
    """
    if method not in METHODS:
        raise UsageError(f"unknown initial embeddings {method!r}; {nearest(method, METHODS)}")
    if method == RANDOM:
        return
    if not renewed:
        raise UsageError(
            f"{strategy} renews no side, so no embeddings start anew; expected {RANDOM} initial embeddings, "
            f"not {method}"
        )
    if "enc" in strategy.reinitialise:
        raise UsageError(
            f"{strategy} starts the whole model from random values, to which the parent's embeddings mean "
            f"nothing; expected {RANDOM} initial embeddings, not {method}"
        )
    if method == ALIGNED and len(renewed) > 1:
        raise UsageError(
            "both sides are new, so the text has no language of the parent's to align with; expected mean, "
            f"copied or dictionary initial embeddings, not {method}"
        )
    missing = [side for side in SIDES if side in renewed and side not in known]
    if method in TRANSLATED and missing:
        raise UsageError(
            f"no {'dictionary' if method != ALIGNED else 'alignment'} is given for the new "
            f"{' and the new '.join(missing)} language; expected one into the parent's language of that side"
        )


def with_capital_of(word: str, counts: Mapping[str, int], translations: Iterable[str]) -> tuple[str, ...]:
    """Translations of a word in lower case, as its place has them.

    If the text has a capitalised word in lower case, too, its capital is due to its place, and its
    translations get one.
    """
    if word[:1].isupper() and word.lower() in counts:
        return tuple(each[:1].upper() + each[1:] for each in translations)
    return tuple(translations)


def translated_words(
    dictionary: Mapping[str, Collection[str]], counts: Mapping[str, int] | None = None
) -> list[TranslatedWord]:
    """The words of a text that a dictionary translates, in the order of their spelling.

    Dictionaries are mostly in lower case. A word that is not found as it is spelt is looked up in lower case:
    see :func:`with_capital_of`.

    Args:
        dictionary: translations of words of the new language into the parent's.
        counts: how often each word occurs in the training text; None takes every word of the dictionary once.

    Raises:
        InputError: none of the words is in the dictionary.
    """
    folded: dict[str, set[str]] = {}
    for word, translations in dictionary.items():
        folded.setdefault(word.lower(), set()).update(translations)
    counts = dict.fromkeys(dictionary, 1) if counts is None else counts
    found = []
    for word, count in sorted(counts.items()):
        translations = tuple(sorted(dictionary.get(word, ()) or folded.get(word.lower(), ())))
        if word not in dictionary:
            translations = with_capital_of(word, counts, translations)
        if translations and count > 0:
            found.append(TranslatedWord(word, translations, float(count)))
    if not found:
        raise InputError(
            f"none of the {len(counts)} words of the text is among the {len(dictionary)} of the dictionary; "
            "expected words of the new language first, then of the parent's"
        )
    return found


class RowSources:
    """Which rows of a parent's table the rows of a new vocabulary start from.

    Args:
        method: any but ``random``.
        new: the new vocabulary.
        old: the parent's vocabulary of the same side.
        words: what ``dictionary`` and ``aligned`` start from.

    Attributes:
        counts: rows by what they start from: ``special`` (the parent's row of the same role; padding is
            zero), ``dictionary`` or ``aligned``, ``copied``, ``mean``.
    """

    def __init__(
        self, method: Method, new: Vocabulary, old: Vocabulary, words: Sequence[TranslatedWord] = ()
    ) -> None:
        self.new, self.old = new, old
        roles = {role: index for role, index in vars(new.special).items() if index is not None}
        theirs = vars(old.special)
        self._special = [(index, theirs[role]) for role, index in roles.items()
                         if role != "pad" and theirs[role] is not None]  # fmt: skip
        taken = {*roles.values()}
        self._bags = _Bags(words, new, old, taken) if method in TRANSLATED else None
        translated = set() if self._bags is None else set(self._bags.rows)
        copies = method in ("copied", *TRANSLATED)
        self._copied = _same_pieces(new, old, taken | translated) if copies else []
        self.counts = {"special": len(taken)}
        if method in TRANSLATED:
            self.counts[method] = len(translated)
        if copies:
            self.counts["copied"] = len(self._copied)
        self.counts["mean"] = len(new) - sum(self.counts.values())

    def fill(self, table: torch.Tensor, parents: torch.Tensor) -> None:
        """Writes the rows of a new table.

        Args:
            table: (new pieces, width); every row is written.
            parents: (rows, width), the parent's table of the same side; rows beyond its pieces are ignored.
        """
        import torch

        with torch.no_grad():
            rows = parents.detach()[: len(self.old)].to(table.dtype)  # they may be held in bfloat16
            special = [index for index in vars(self.old.special).values() if index is not None]
            ordinary = torch.ones(len(rows), dtype=torch.bool, device=rows.device)
            ordinary[special] = False
            # Equal rows part as soon as they are trained, since no two pieces stand in the same sentences;
            # noise around the mean was no better (docs/strategies.md).
            table.copy_(rows[ordinary].mean(dim=0).expand_as(table))
            if self._copied:
                ours, theirs = map(list, zip(*self._copied))
                table[ours] = rows[theirs]
            if self._bags is not None:
                table[self._bags.rows] = self._bags.means(rows)
            for index, other in self._special:
                table[index] = rows[other]
            table[self.new.special.pad] = 0


def _same_pieces(new: Vocabulary, old: Vocabulary, taken: Collection[int]) -> list[tuple[int, int]]:
    """Ids of the pieces that both vocabularies have, as readable text; special ones are none."""
    special = {index for index in vars(old.special).values() if index is not None}
    theirs = {piece: index for index, piece in enumerate(old.marked_pieces) if index not in special}
    return [
        (index, theirs[piece])
        for index, piece in enumerate(new.marked_pieces)
        if index not in taken and piece in theirs
    ]


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
