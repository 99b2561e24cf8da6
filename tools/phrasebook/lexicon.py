"""The tables read into values: nouns, adjectives, verbs, names and small words by their English key."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from types import MappingProxyType

from tools.phrasebook import adjectives, nouns, verbs, words

LANGUAGES = ("en", "fr", "de", "es")


@dataclass(frozen=True)
class NounForms:
    """A noun in one language. ``genitive`` and ``weak`` matter in German only."""

    singular: str
    plural: str
    gender: str = "n"
    genitive: str = ""
    weak: bool = False


@dataclass(frozen=True)
class Noun:
    """A noun: its forms by language and its semantic tags (its key among them)."""

    key: str
    forms: dict[str, NounForms] = field(hash=False)
    tags: frozenset[str] = frozenset()

    @property
    def is_mass(self) -> bool:
        return "mass" in self.tags

    @property
    def has_plural(self) -> bool:
        return not self.tags & {"mass", "single"}


@dataclass(frozen=True)
class Adjective:
    """An adjective; ``cells`` holds the words of each language's table cell."""

    key: str
    cells: dict[str, tuple[str, ...]] = field(hash=False)
    tags: frozenset[str] = frozenset()

    @property
    def is_state(self) -> bool:
        """Whether it is a passing state of a person or animal, which is only said predicatively."""
        return "!state" in self.tags


@dataclass(frozen=True)
class Verb:
    """A verb; ``cells`` holds infinitive and government as in the table."""

    key: str
    cells: dict[str, str] = field(hash=False)


@dataclass(frozen=True)
class Frame:
    """One way to use a verb: who does it to what, where and how (see :data:`verbs.FRAMES`)."""

    verb: str
    subject: frozenset[str]
    object: frozenset[str]
    determination: str
    places: tuple[str, ...]
    manners: tuple[str, ...]
    flags: frozenset[str]


@dataclass(frozen=True)
class Word:
    """An uninflected word (or name) in every language, with the gender of calendar nouns."""

    key: str
    cells: dict[str, str] = field(hash=False)
    kind: str = ""
    genders: dict[str, str] = field(hash=False, default_factory=dict)


def _rows(table: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.split("|")] for line in table.splitlines() if line.strip()]


@lru_cache(maxsize=1)
def all_nouns() -> MappingProxyType[str, Noun]:
    """Every noun by its English singular."""
    found = {}
    for english, french, german, spanish, tags in _rows(nouns.ALL):
        singular, *plural = english.split()
        forms = {
            "en": NounForms(singular, plural[0] if plural else english_plural(singular)),
            "fr": _romance(french, french_plural),
            "de": _german(german),
            "es": _romance(spanish, spanish_plural),
        }
        found[singular] = Noun(singular, forms, frozenset([*tags.split(), singular]))
    return MappingProxyType(found)


@lru_cache(maxsize=1)
def all_adjectives() -> MappingProxyType[str, Adjective]:
    """Every adjective by its English form."""
    found = {}
    for english, french, german, spanish, tags in _rows(adjectives.ALL):
        cells = dict(zip(LANGUAGES, (tuple(cell.split()) for cell in (english, french, german, spanish))))
        key = cells["en"][0]
        found[key] = Adjective(key, cells, frozenset(tags.split()))
    return MappingProxyType(found)


@lru_cache(maxsize=1)
def all_verbs() -> MappingProxyType[str, Verb]:
    """Every verb by its key (the English infinitive, but for homographs)."""
    return MappingProxyType({key: Verb(key, dict(zip(LANGUAGES, cells))) for key, *cells in _rows(verbs.ALL)})


@lru_cache(maxsize=1)
def all_frames() -> tuple[Frame, ...]:
    """Every verb frame."""

    def selection(cell: str) -> frozenset[str]:
        return frozenset(tag.strip() for tag in cell.split(",") if tag.strip())

    return tuple(
        Frame(
            verb,
            selection(subject),
            selection(things),
            determination.replace(" ", ""),
            tuple(places.split()),
            tuple(manners.split()),
            frozenset(flags.split()),
        )
        for verb, subject, things, determination, places, manners, flags in _rows(verbs.FRAMES)
    )


@lru_cache(maxsize=1)
def all_words() -> MappingProxyType[str, Word]:
    """Adverbs, weekdays, calendar periods and prepositions by their English form."""
    found = {}
    for table, kind in (
        (words.ADVERBS, ""),
        (words.WEEKDAYS, "weekday"),
        (words.PERIODS, "period"),
        (words.PREPOSITIONS, "preposition"),
        (words.CITIES, "city"),
    ):
        for row in _rows(table):
            cells, genders = {}, {}
            for language, cell in zip(LANGUAGES, row):
                word, _, gender = cell.rpartition(" ") if kind == "period" else ("", "", "")
                cells[language] = word or cell
                genders[language] = gender
            found[row[0]] = Word(row[0], cells, kind or row[4], genders)
    return MappingProxyType(found)


@lru_cache(maxsize=1)
def all_numerals() -> MappingProxyType[int, Word]:
    """The numerals by value."""
    return MappingProxyType(
        {int(value): Word(value, dict(zip(LANGUAGES, cells))) for value, *cells in _rows(words.NUMERALS)}
    )


@lru_cache(maxsize=1)
def place_prepositions() -> MappingProxyType[str, tuple[str, str, str, str, str]]:
    """English rest, French rest and motion, German rest and motion, by noun."""
    found = {}
    for noun, english, french, german in _rows(nouns.PLACE_PREPOSITIONS):
        french_rest, french_motion = french.split()
        german_rest, german_motion = german.split()
        found[noun] = (english, french_rest, french_motion, german_rest, german_motion)
    return MappingProxyType(found)


def lexeme_keys() -> tuple[str, ...]:
    """One key per lexeme, as ``class:key``."""
    adverbs = [key for key, word in all_words().items()]
    groups = (
        ("noun", list(all_nouns())),
        ("adjective", list(all_adjectives())),
        ("verb", list(all_verbs())),
        ("word", adverbs),
        ("numeral", [str(value) for value in all_numerals()]),
        ("name", [*words.WOMEN, *words.MEN]),
    )
    return tuple(f"{kind}:{key}" for kind, keys in groups for key in keys)


def english_plural(word: str) -> str:
    """The regular English plural."""
    if word.endswith(("s", "x", "ch", "sh", "z")) or word == "tomato":
        return word + "es"
    if word.endswith("y") and word[-2] not in "aeiou":
        return word[:-1] + "ies"
    return word + "s"


def french_plural(word: str) -> str:
    """The regular French plural."""
    if word.startswith("grand-"):
        return "grands-" + french_plural(word.removeprefix("grand-"))
    if word.endswith(("s", "x", "z")):
        return word
    if word.endswith("al"):
        return word[:-2] + "aux"
    if word.endswith("eau"):
        return word + "x"
    return word + "s"


def spanish_plural(word: str) -> str:
    """The regular Spanish plural; a written accent that has become needless is dropped."""
    if word[-1] in "aeioáéóú":
        return word + "s"
    if word.endswith("z"):
        return word[:-1].translate(_UNACCENTED) + "ces" if word != "lápiz" else "lápices"
    if word == "joven":
        return "jóvenes"
    if word[-1] in "ns" and word[-2] in "áéíóú":
        return word[:-2] + word[-2].translate(_UNACCENTED) + word[-1] + "es"
    return word + "es"


_UNACCENTED = str.maketrans("áéíóú", "aeiou")


def _romance(cell: str, pluralise: Callable[[str], str]) -> NounForms:
    word, gender, *plural = cell.split()
    return NounForms(word, plural[0] if plural else pluralise(word), gender)


def _german(cell: str) -> NounForms:
    word, gender, plural, *rest = cell.split()
    weak = rest == ["weak"]
    genitive = rest[0] if rest and not weak else word if gender == "f" else word + "s"
    if weak:
        genitive = plural
    return NounForms(word, plural, gender, genitive, weak)
