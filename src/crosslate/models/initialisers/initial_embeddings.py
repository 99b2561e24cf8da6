"""Where the rows of a new vocabulary start: random values, or rows of the parent's table.

The paper draws the rows at random (section 3.1). Every other way is a class in a module of this package that
has its name, such as ``mean``, and takes them from the parent's embeddings of the same side.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import AfterValidator

from crosslate.errors import InputError, UsageError, nearest
from crosslate.models.groups import SIDES, Side
from crosslate.models.strategies import Strategy
from crosslate.registry import Registry
from crosslate.text.vocabularies import Vocabulary

if TYPE_CHECKING:
    import torch

RANDOM = "random"
MEAN = "mean"
ALIGNED = "aligned"
TRANSLATED = ("dictionary", ALIGNED)
"""Those that start from rows of translations."""
INITIALISERS: Registry[Initialiser] = Registry(
    "crosslate.models.initialisers", f"{__name__}:Initialiser", "initial embeddings"
)
"""By name, except ``random``."""
METHODS = tuple(dict.fromkeys((RANDOM, MEAN, "copied", *TRANSLATED, *INITIALISERS.names)))
"""All names, from what asks least of the user to what asks most; those that are not listed here come last."""


def _known(name: str) -> str:
    if name not in METHODS:
        raise UsageError(f"unknown initial embeddings {name!r}; {nearest(name, METHODS)}")
    return name


Method = Annotated[str, AfterValidator(_known)]


@dataclass(frozen=True)
class TranslatedWord:
    """A word of a new language as its text spells it.

    Attributes:
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
        method: one of :data:`METHODS`.
        words: by side, what ``dictionary`` and ``aligned`` start from; see :func:`translated_words`.
    """

    method: str = RANDOM
    words: Mapping[Side, Sequence[TranslatedWord]] = field(default_factory=dict)


class Initialiser:
    """Where the rows of one side's new tables start: by default from the mean of the parent's ordinary rows.

    A special piece has the row of the same role, padding zeros. A subclass gives some pieces other rows.

    Args:
        old: the parent's vocabulary of the same side.
        words: with translations, for a class that names their origin.

    Attributes:
        counts: rows by what they start from, such as ``copied``.
    """

    words_from: ClassVar[str] = ""
    """Where translations of words come from: a ``dictionary``, an ``alignment``; empty if none are needed."""

    def __init__(self, new: Vocabulary, old: Vocabulary, words: Sequence[TranslatedWord] = ()) -> None:
        self.new, self.old, self.words = new, old, words
        roles, theirs = new.special.as_values(), old.special.as_values()
        self._special = [
            (index, theirs[role]) for role, index in roles.items() if role in theirs and role != "pad"
        ]
        self.counts = {"special": len(set(roles.values())), **self.find({*roles.values()})}
        self.counts["mean"] = len(new) - sum(self.counts.values())

    @classmethod
    def check(cls, renewed: Collection[Side]) -> None:
        """Raises :class:`UsageError` where the renewed sides are not for this class."""

    def find(self, taken: Collection[int]) -> dict[str, int]:
        """Finds pieces that start otherwise, none of them in ``taken``; their numbers by what that is."""
        return {}

    def put(self, table: torch.Tensor, rows: torch.Tensor) -> None:
        """Writes the rows of the pieces found; ``rows`` are those of the parent's pieces."""

    def fill(self, table: torch.Tensor, parents: torch.Tensor) -> None:
        """Writes the rows of a new table.

        Args:
            table: (new pieces, width), with random values.
            parents: (rows, width), the parent's table of the same side; rows beyond its pieces are ignored.
        """
        import torch

        with torch.no_grad():
            rows = parents.detach()[: len(self.old)].to(table.dtype)  # they may be held in bfloat16
            ordinary = torch.ones(len(rows), dtype=torch.bool, device=rows.device)
            ordinary[list(self.old.special.as_values().values())] = False
            table.copy_(rows[ordinary].mean(dim=0).expand_as(table))
            self.put(table, rows)
            for index, other in self._special:
                table[index] = rows[other]
            table[self.new.special.pad] = 0


def default_method(renewed: Collection[Side], strategy: Strategy, *, is_appended: bool) -> str:
    """What new embeddings start from by default.

    The mean of the parent's rows was better than random values with every size of text that was tried
    (docs/strategies.md). Values are random where the parent's rows mean nothing or stay beside the new ones.
    """
    takes_parents = renewed and "enc" not in strategy.reinitialise and not is_appended
    return MEAN if takes_parents else RANDOM


def check_initial(
    method: str, known: Collection[Side], renewed: Collection[Side], strategy: Strategy
) -> None:
    """Refuses initial embeddings that do not exist or would mean nothing.

    Args:
        known: the sides whose words have translations, from a dictionary or an alignment.

    Raises:
        UsageError: an unknown method; nothing is renewed; the whole model starts from random values; or a
            renewed side has no translations that the method needs.
    """
    if _known(method) == RANDOM:
        return
    expected = f"expected {RANDOM} initial embeddings, not {method}"
    if not renewed:
        raise UsageError(f"{strategy} renews no side, so no embeddings start anew; {expected}")
    if "enc" in strategy.reinitialise:
        raise UsageError(
            f"{strategy} starts the whole model from random values, to which the parent's embeddings mean "
            f"nothing; {expected}"
        )
    kind = INITIALISERS[method]
    kind.check(renewed)
    missing = [side for side in SIDES if side in renewed and side not in known]
    if kind.words_from and missing:
        raise UsageError(
            f"no {kind.words_from} is given for the new {' and the new '.join(missing)} language; expected "
            "one into the parent's language of that side"
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
