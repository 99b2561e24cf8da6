"""Initial embeddings of a new vocabulary: random values, or rows derived from the parent's table.

The paper uses random values (section 3.1). Every other method is a class in the module of its name, such as
``mean``, and uses the parent's embeddings of the same side.
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
"""Methods that use translations."""
INITIALISERS: Registry[Initialiser] = Registry(
    "crosslate.models.initialisers", f"{__name__}:Initialiser", "initial embeddings"
)
"""By name, except ``random``."""
METHODS = tuple(dict.fromkeys((RANDOM, MEAN, "copied", *TRANSLATED, *INITIALISERS.names)))
"""All names, from the least to the most demanding for the user; further ones come last."""


def _known(name: str) -> str:
    if name not in METHODS:
        raise UsageError(f"unknown initial embeddings {name!r}; {nearest(name, METHODS)}")
    return name


Method = Annotated[str, AfterValidator(_known)]


@dataclass(frozen=True)
class TranslatedWord:
    """A word of a new language, spelled as in its text.

    Attributes:
        translations: into the parent's language on that side; at least one.
        weight: its count in the text, above 0.
        shares: weight of each translation, above 0; empty for equal weights.
    """

    word: str
    translations: tuple[str, ...]
    weight: float = 1.0
    shares: tuple[float, ...] = ()


@dataclass(frozen=True)
class InitialEmbeddings:
    """Initial values of replaced tables.

    Attributes:
        method: one of :data:`METHODS`.
        words: translated words by side, for ``dictionary`` and ``aligned``; see :func:`translated_words`.
    """

    method: str = RANDOM
    words: Mapping[Side, Sequence[TranslatedWord]] = field(default_factory=dict)


class Initialiser:
    """Initialises new tables of one side, by default with the mean of the parent's ordinary rows.

    Special pieces get the row of the same role, padding gets zeros. Subclasses give some pieces other rows.

    Args:
        old: the parent's vocabulary of the same side.
        words: translated words, if the class needs them.

    Attributes:
        counts: number of rows by origin, such as ``copied``.
    """

    words_from: ClassVar[str] = ""
    """Origin of translated words: ``dictionary`` or ``alignment``; empty if not needed."""

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
        """Raises :class:`UsageError` if the class does not support these replaced sides."""

    def find(self, taken: Collection[int]) -> dict[str, int]:
        """Finds pieces outside ``taken`` with other initial rows; returns their numbers by origin."""
        return {}

    def put(self, table: torch.Tensor, rows: torch.Tensor) -> None:
        """Writes the rows of the pieces found, given the ``rows`` of the parent's pieces."""

    def fill(self, table: torch.Tensor, parents: torch.Tensor) -> None:
        """Writes the rows of a new table.

        Args:
            table: (new pieces, width), with random values.
            parents: (rows, width), the parent's table of the same side; rows beyond its pieces are ignored.
        """
        import torch

        with torch.no_grad():
            rows = parents.detach()[: len(self.old)].to(table.dtype)  # may be in bfloat16
            ordinary = torch.ones(len(rows), dtype=torch.bool, device=rows.device)
            ordinary[list(self.old.special.as_values().values())] = False
            table.copy_(rows[ordinary].mean(dim=0).expand_as(table))
            self.put(table, rows)
            for index, other in self._special:
                table[index] = rows[other]
            table[self.new.special.pad] = 0


def default_method(renewed: Collection[Side], strategy: Strategy, *, is_appended: bool) -> str:
    """The default method for new embeddings.

    The mean of the parent's rows beat random values for every size of text tried (docs/strategies.md).
    Random values are the default if the parent's rows are meaningless for the child or stay in the table.
    """
    takes_parents = renewed and "enc" not in strategy.reinitialise and not is_appended
    return MEAN if takes_parents else RANDOM


def check_initial(
    method: str, known: Collection[Side], renewed: Collection[Side], strategy: Strategy
) -> None:
    """Checks that a method for initial embeddings exists and fits the strategy.

    Args:
        known: sides with translated words.

    Raises:
        UsageError: the method is unknown, no side is replaced, the whole model starts from random values, or
            a replaced side lacks the translations that the method needs.
    """
    if _known(method) == RANDOM:
        return
    expected = f"expected {RANDOM} initial embeddings, not {method}"
    if not renewed:
        raise UsageError(f"{strategy} keeps all embeddings, so there are none to initialise; {expected}")
    if "enc" in strategy.reinitialise:
        raise UsageError(
            f"{strategy} starts the whole model from random values, so the parent's embeddings are "
            f"meaningless for it; {expected}"
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
    """Lower-case translations of a word, capitalised to match the word's position.

    If a capitalised word also occurs in lower case, it is capitalised because of its position, and so are its
    translations.
    """
    if word[:1].isupper() and word.lower() in counts:
        return tuple(each[:1].upper() + each[1:] for each in translations)
    return tuple(translations)


def translated_words(
    dictionary: Mapping[str, Collection[str]], counts: Mapping[str, int] | None = None
) -> list[TranslatedWord]:
    """The words of a text that have translations in a dictionary, in alphabetical order.

    Since dictionaries are mostly in lower case, a word that is not found is looked up in lower case; see
    :func:`with_capital_of`.

    Args:
        dictionary: translations of words of the new language into the parent's.
        counts: counts of words in the training text; None counts every word of the dictionary once.

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
            f"none of the {len(counts)} words of the text is in the dictionary of {len(dictionary)} words; "
            "check that each line has the new language first, then the parent's"
        )
    return found
