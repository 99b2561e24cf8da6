"""The characters of a text: which are common enough for a piece each, and how others are read."""

from __future__ import annotations

import sys
import unicodedata
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from functools import cache

WHITE_SPACE = "\t\n\v\f\r\x1c\x1d\x1e\x1f\x85\u2028\u2029\u2581"
"""Characters that are a space to every new vocabulary: breaks, and SentencePiece's own mark of a space.

No-break spaces, the ideographic space and those without width are text.
"""

_RESERVED = "\u2585"  # SentencePiece passes over a line with it
_FEW = 1_000
_MIN_OCCURRENCES, _MAX_OCCURRENCES = 5, 100
_ONE_IN = 100_000
_LARGEST_RARE_SHARE = 0.01


@dataclass(frozen=True)
class Alphabet:
    """The characters of a text.

    Attributes:
        common: those that get a piece each.
        rare: the others; their UTF-8 bytes are their pieces.
    """

    common: frozenset[str]
    rare: frozenset[str] = frozenset()

    @classmethod
    def whole(cls, counts: Counter[str]) -> Alphabet:
        """A piece for every character."""
        rare = counts.keys() & set(_RESERVED)
        return cls(frozenset(counts.keys() - rare), frozenset(rare))

    @classmethod
    def frequent(cls, counts: Counter[str]) -> Alphabet:
        """A piece for every character but the rarest.

        Rare is what occurs less often than once in 100,000 characters, where that is between 5 and 100 times;
        together at most 1 % of the text. So the letters of an alphabet stay, however few, and Chinese keeps
        its thousands of characters, while those that stray into a text from the web do not.
        """
        enough = min(max(_MIN_OCCURRENCES, counts.total() // _ONE_IN), _MAX_OCCURRENCES)
        left = counts.total() * _LARGEST_RARE_SHARE
        rare = counts.keys() & set(_RESERVED)
        for count, character in sorted((count, character) for character, count in counts.items()):
            left -= count
            if count >= enough or left < 0:
                break
            rare.add(character)
        return cls(frozenset(counts.keys() - rare), frozenset(rare))

    @classmethod
    def candidates(cls, counts: Counter[str]) -> list[Alphabet]:
        """Both, the better first: up to 1,000 characters all of them, else the frequent ones."""
        return [cls.whole(counts), cls.frequent(counts)][:: 1 if len(counts) <= _FEW else -1]


# Of these, the plain form says something else: 10⁻³ is not 10−3.
_MEANINGFUL = ("<super>", "<sub>", "<fraction>")
_ZERO_WIDTH_SPACE = "\u200b"


@cache
def _plain_forms() -> dict[str, str]:
    """The plain form of every character that has one, or of which nothing is seen."""
    forms = {}
    for character in map(chr, range(0x80, sys.maxunicode + 1)):
        decomposition = unicodedata.decomposition(character)
        if unicodedata.category(character) == "Cf":
            forms[character] = " " if character == _ZERO_WIDTH_SPACE else ""
        elif decomposition and not decomposition.startswith(_MEANINGFUL):
            forms[character] = unicodedata.normalize("NFKC", character)
    return forms


def reading_rules(known: Collection[str]) -> dict[str, str]:
    """What a vocabulary reads in place of a text's characters: white space, and those that it never learnt.

    Characters of ``known`` are read as they are. Of the others, those whose compatibility form is known are
    read as that (a ligature or a full-width letter), invisible ones as nothing, and accents that stand alone
    together with their letter.
    """
    readable = frozenset(known) | {" "}
    rules = dict.fromkeys(WHITE_SPACE, " ")
    for character, plain in _plain_forms().items():
        if character not in readable and character != plain and readable.issuperset(plain):
            rules.setdefault(character, plain)
    for character in sorted(known):
        apart = unicodedata.normalize("NFD", character)
        if apart != character and not readable.issuperset(apart):
            rules[apart] = character
    return rules
