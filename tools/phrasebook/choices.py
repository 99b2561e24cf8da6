"""Choosing words for a meaning: evenly, so that no lexeme is rare, and only where they make sense."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cache
from typing import TypeVar

from tools.phrasebook.lexicon import Adjective, Noun, all_adjectives, all_nouns, all_numerals, all_words
from tools.phrasebook.meaning import Both, Determiner, Name, Nominal, Phrase, Pronoun, persons
from tools.phrasebook.words import MEN, WOMEN

Choice = TypeVar("Choice")

NAMES = WOMEN + MEN
SPEAKERS = (Pronoun(1), Pronoun(2), Pronoun(1, plural=True))
_TOURNAMENT = 4
_SENSELESS = {  # adjectives that contradict what happens to the thing
    "clean": {"clean", "wash"},
    "old": {"build", "write", "draw", "prepare"},
    "new": {"repair"},
    "famous": {"build"},
}
_UNOWNED = {"building", "place", "structure", "word"}
_FITTING = {  # adjectives that are only natural as objects of some verbs
    "broken": {"repair", "have", "seek"},
    "dirty": {"wash", "clean"},
    "clean": {"take", "bring", "need", "want", "use"},
    "empty": {"take", "bring", "open", "find", "see", "wash"},
    "full": {"take", "bring", "open", "find", "see"},
    "heavy": {"take", "bring", "open", "find", "see", "lend"},
    "boring": {"read", "watch", "write", "forget"},
    "bad": {"read", "watch", "write"},
    "dangerous": {"see", "photograph"},
}


@cache
def nouns_with(tags: frozenset[str]) -> tuple[Noun, ...]:
    """The nouns that have any of ``tags``, in table order."""
    return tuple(noun for noun in all_nouns().values() if noun.tags & tags)


@cache
def adjectives_for(noun: str) -> tuple[Adjective, ...]:
    """The adjectives that may stand beside a noun."""
    tags = all_nouns()[noun].tags
    return tuple(each for each in all_adjectives().values() if each.tags & tags and not each.is_state)


def is_feminine_person(n: Nominal) -> bool:
    """Whether "she" would refer to ``n``."""
    if isinstance(n, Pronoun):
        return n.feminine
    if isinstance(n, Name):
        return n.name in WOMEN
    if isinstance(n, Phrase):
        return all_nouns()[n.noun].forms["es"].gender == "f"
    return is_feminine_person(n.first) and is_feminine_person(n.second)


def reference_to(n: Nominal | None) -> Pronoun | None:
    """The pronoun that refers back to ``n``, or None where languages would disagree about it."""
    if n is None:
        return None
    if isinstance(n, Pronoun):
        return n
    if isinstance(n, Phrase):
        tags = all_nouns()[n.noun].tags
        if "person" not in tags or ("unpronounced" in tags and not n.plural):
            return None
    person, plural = persons(n)
    return Pronoun(person, plural, feminine=is_feminine_person(n))


class Choices:
    """Random choices that even out how often each lexeme is used.

    Only ``Random.random`` is drawn from, whose sequence is the same on every machine and Python.
    """

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._counts: Counter[str] = Counter()

    def chance(self, probability: float) -> bool:
        return self._random.random() < probability

    def one(self, options: Sequence[Choice]) -> Choice:
        return options[int(self._random.random() * len(options))]

    def weighted(self, options: Iterable[tuple[Choice, float]]) -> Choice:
        """One of ``(option, weight)``; weights sum to about 1, the last option takes the rest."""
        left = self._random.random()
        chosen = None
        for option, weight in options:
            chosen = option
            left -= weight
            if left < 0:
                break
        return chosen  # type: ignore[return-value]

    def even(self, kind: str, keys: Sequence[str]) -> str:
        """The least used of a few drawn keys; its use is counted."""
        drawn = [self.one(keys) for _ in range(min(_TOURNAMENT, len(keys)))]
        chosen = min(drawn, key=lambda key: self._counts[f"{kind}:{key}"])
        self._counts[f"{kind}:{chosen}"] += 1
        return chosen

    def noun(self, candidates: Sequence[Noun]) -> Noun:
        return all_nouns()[self.even("noun", [noun.key for noun in candidates])]

    def word(self, keys: Sequence[str]) -> str:
        return self.even("word", keys)

    def words_of(self, kind: str) -> tuple[str, ...]:
        return _words_of(kind)

    def name(self, *, other_than: Nominal | None = None) -> Name:
        taken = other_than.name if isinstance(other_than, Name) else ""
        return Name(self.even("name", [name for name in NAMES if name != taken]))

    def numeral(self, smallest: int, largest: int) -> int:
        return int(self.even("numeral", [str(n) for n in all_numerals() if smallest <= n <= largest]))

    def adjective(self, noun: Noun, verb: str = "") -> str:
        """An adjective that suits the noun (and what ``verb`` does to it), or nothing."""
        fitting = [
            each.key
            for each in adjectives_for(noun.key)
            if verb not in _SENSELESS.get(each.key, ()) and verb in _FITTING.get(each.key, (verb,))
        ]
        return self.even("adjective", fitting) if fitting else ""

    def person(self, candidates: Sequence[Noun], *, plain: bool = False, definite: bool = False) -> Phrase:
        """A person as a noun phrase: relatives always with a possessive, others mostly with an article."""
        noun = self.noun(candidates)
        plural = noun.has_plural and self.chance(0.28)
        if "kin" in noun.tags or ("close" in noun.tags and self.chance(0.85)):
            owner: Pronoun | Name | Phrase = self.one(SPEAKERS)
            if self.chance(0.25):
                owner = self.name()
            elif self.chance(0.12):
                owner = Phrase(self.noun(nouns_with(frozenset({"worker"}))).key)
            return Phrase(noun.key, "owned", plural, owner)
        determiners: list[tuple[Determiner, float]] = [
            ("the", 0.72),
            ("this", 0.13),
            ("a", 0.06),
            ("count", 0.05),
        ]
        determiner = self.weighted([*determiners, ("many", 0.04)])
        if (definite and determiner not in {"the", "this"}) or not noun.has_plural:
            determiner = "the"
        if determiner == "a":
            plural = False
        count = self._headcount() if determiner == "count" else 0
        plural = plural or determiner in {"count", "many"}
        adjective = "" if plain or not self.chance(0.3) else self.adjective(noun)
        return Phrase(noun.key, determiner, plural, count=count, adjective=adjective)

    def _headcount(self) -> int:
        return self.numeral(15, 56) if self.chance(0.6) else self.numeral(2, 6)

    def known_person(self, subject: Nominal | None) -> Nominal:
        """Somebody definite other than the subject: a name or a definite person."""
        if self.chance(0.4):
            return self.name(other_than=subject)
        while True:
            found = self.person(nouns_with(frozenset({"person"})), plain=True, definite=True)
            if not isinstance(subject, Phrase) or subject.noun != found.noun:
                return found

    def speaker_other_than(self, subject: Nominal | None) -> Pronoun:
        """I, you or we, whichever leaves out the subject."""
        person = persons(subject)[0]
        return self.one([each for each in SPEAKERS if each.person != person])

    def subject(self, tags: frozenset[str], *, plain: bool = False) -> Nominal:
        """Who or what does something, out of the nouns with ``tags``."""
        candidates = nouns_with(tags)
        people = [noun for noun in candidates if "person" in noun.tags]
        is_anybody = bool(tags & {"person", "adult"}) or len(people) > 12
        if is_anybody and self.chance(0.54):
            kind = self.weighted([("name", 0.5), ("pronoun", 0.4), ("both", 0.1)])
            if kind == "name":
                return self.name()
            if kind == "pronoun":
                third = (Pronoun(3), Pronoun(3, feminine=True), Pronoun(3, plural=True))
                return self.one([*SPEAKERS, *third])
            first = self.name()
            return Both(first, self.name(other_than=first))
        noun = self.noun(candidates)
        if "person" in noun.tags:
            return self.person([noun], plain=plain)
        return self.thing(noun, "dddtio" if "pet" in noun.tags else "dddti", None, plain=plain)

    def thing(
        self,
        noun: Noun,
        letters: str,
        subject: Nominal | None,
        *,
        verb: str = "",
        plain: bool = False,
        is_single: bool = False,
    ) -> Phrase:
        """A noun phrase for something, determined in one of the ways that ``letters`` allow."""
        allowed = [letter for letter in letters if letter in ("dmto" if noun.is_mass else "dtoipnk")]
        if noun.tags & _UNOWNED and "home" not in noun.tags:
            allowed = [letter for letter in allowed if letter != "o"]
        letter = self.one(allowed or ["d"])
        plural = not noun.is_mass and noun.has_plural and letter in "dto" and self.chance(0.3)
        plural = (plural or bool(noun.tags & {"paired", "tiny"} and letter in "dto")) and not is_single
        adjective = "" if plain or letter == "k" or not self.chance(0.38) else self.adjective(noun, verb)
        if letter == "o":
            return Phrase(noun.key, "owned", plural, self._owner(subject), adjective=adjective)
        if letter in "nk":
            bounds = (15, 56) if letter == "k" else (2, 5) if verb in {"eat", "order"} else (2, 12)
            return Phrase(noun.key, "count", True, count=self.numeral(*bounds), adjective=adjective)
        determiner: Determiner = {"d": "the", "t": "this", "i": "a", "p": "plural", "m": "mass"}[letter]  # type: ignore[assignment]
        return Phrase(noun.key, determiner, plural or letter == "p", adjective=adjective)

    def _owner(self, subject: Nominal | None) -> Pronoun | Name | Phrase:
        own = reference_to(subject)
        if own is not None and self.chance(0.7):
            return own
        if self.chance(0.45):
            return self.name(other_than=subject)
        if self.chance(0.4):
            return self.person_owner(subject)
        return self.speaker_other_than(subject)

    def person_owner(self, subject: Nominal | None) -> Phrase:
        taken = subject.noun if isinstance(subject, Phrase) else ""
        people = nouns_with(frozenset({"worker", "young", "neighbor"}))
        return Phrase(self.noun([noun for noun in people if noun.key != taken]).key)


@cache
def _words_of(kind: str) -> tuple[str, ...]:
    return tuple(key for key, word in all_words().items() if kind in word.kind.split())
