"""What a sentence says, apart from any language.

A :class:`Sentence` is sampled once and realised by each language's grammar. Everything here is frozen,
so meanings can be compared and kept in sets.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

Tense = Literal["present", "past", "future"]
Polarity = Literal["positive", "negative", "never"]
Determiner = Literal["the", "a", "this", "owned", "count", "many", "mass", "plural", "all"]
Kind = Literal["statement", "polar", "who", "what", "where", "when", "why"]
Link = Literal["", "that", "because", "and", "but"]


@dataclass(frozen=True)
class Pronoun:
    """A personal pronoun. Person is 1, 2 or 3; there is no second person plural and no polite form."""

    person: int
    plural: bool = False
    feminine: bool = False


@dataclass(frozen=True)
class Name:
    """A person by first name."""

    name: str


@dataclass(frozen=True)
class Phrase:
    """A noun with what determines and describes it.

    Attributes:
        noun: key of the noun.
        determiner: ``a`` is singular, ``plural`` its bare plural, ``mass`` a bare mass noun, ``all`` the
            generic use ("dogs", "les chiens"), ``owned`` a possessive or genitive by ``owner``.
        count: the numeral with ``count``, else 0.
        relative: a clause in which this noun is the subject or object (the one that is None there).
    """

    noun: str
    determiner: Determiner = "the"
    plural: bool = False
    owner: Pronoun | Name | Phrase | None = None
    count: int = 0
    adjective: str = ""
    relative: Clause | None = None


@dataclass(frozen=True)
class Both:
    """Two people joined by "and"."""

    first: Name | Phrase
    second: Name | Phrase


Nominal: TypeAlias = Pronoun | Name | Phrase | Both


@dataclass(frozen=True)
class Place:
    """Where: ``relation`` is a preposition, or ``at``/``to`` (then each place has its own preposition).

    ``with``, ``without`` and ``for`` are said of people in the same way. ``ground`` may be a city's name.
    """

    relation: str
    ground: Nominal | str


@dataclass(frozen=True)
class Time:
    """When: ``word`` (an adverb), ``last``, ``next``, ``every`` (a weekday, period), ``clock`` (an hour)."""

    kind: Literal["word", "last", "next", "every", "clock"]
    word: str = ""
    hour: int = 0


@dataclass(frozen=True)
class Clause:
    """One predication.

    Attributes:
        subject: None where a question or relative clause asks for it.
        object: likewise, or where the verb takes none.
        habitual: said of what happens again and again ("reads"), not of now ("is reading").
        modal: key of a modal verb, or empty.
        gladly: "likes to …".
        frequency: an adverb of frequency, or empty.
        adjective, degree, standard: of a copula; ``standard`` is what something is compared with.
        place: location or goal; of a copula, the predicate.
        fronted: whether the time comes first.
    """

    verb: str
    subject: Nominal | None = None
    object: Nominal | None = None
    recipient: Nominal | None = None
    tense: Tense = "present"
    polarity: Polarity = "positive"
    habitual: bool = False
    modal: str = ""
    gladly: bool = False
    frequency: str = ""
    adjective: str = ""
    degree: str = ""
    standard: Nominal | None = None
    place: Place | None = None
    companion: Place | None = None
    manner: str = ""
    time: Time | None = None
    fronted: bool = False


@dataclass(frozen=True)
class Sentence:
    """A clause as a statement or question, perhaps with a second clause linked to it."""

    clause: Clause
    kind: Kind = "statement"
    link: Link = ""
    second: Clause | None = None


def persons(nominal: Nominal | None) -> tuple[int, bool]:
    """Grammatical person and plurality of a subject; of nobody ("who"), the third singular."""
    if isinstance(nominal, Pronoun):
        return nominal.person, nominal.plural
    if isinstance(nominal, Both):
        return 3, True
    if isinstance(nominal, Phrase):
        return 3, nominal.plural
    return 3, False
