"""Words of a text, and the scripts that write none."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from itertools import pairwise

import regex

# Scripts written without spaces between words, and their punctuation.
_UNSPACED = (
    r"\u0e00-\u0eff\u0f00-\u0fff\u1000-\u109f\u1780-\u17ff\u2e80-\u9fff\uf900-\ufaff\uff00-\uffef"
    r"\U00020000-\U0003ffff"
)
UNSPACED = re.compile(f"[{_UNSPACED}]")
"""A character of a script that is written without spaces between words."""
RUNS_ON = re.compile(rf"[{_UNSPACED}\u1100-\u11ff\u3130-\u318f\uac00-\ud7ff]")
"""A character that follows foreign words and addresses without a space: :data:`UNSPACED` and Hangul."""

_PUNCTUATION = (
    r"!-/:-@\[-`{-~¡-©«-±´-»¿×÷\u055a-\u055f\u05be\u05c3\u05f3\u05f4\u060c\u061b\u061f\u066a-\u066d\u06d4"
    r"\u0964\u0965\u1360-\u1368\u2010-\u205e\u2190-\u2bff"
)
_IN_WORDS = rf"[^\s{_PUNCTUATION}{_UNSPACED}]"
# What is written on, around or below the letter before it, also a further consonant in a stack.
_ON_LETTER = r"(?:[\p{M}\u0e33\u0eb3\u200c\u200d]|(?<=[\u1039\u17d2])[\u1000-\u102a\u1780-\u17b3])"
_SPAN = regex.compile(rf"{_IN_WORDS}+(?:['’.,·‧-]{_IN_WORDS}+)*|\S{_ON_LETTER}*")
_LETTERS = re.compile(r"[^\W\d_]+")
_LETTERS_AND_DIGITS = re.compile(r"\w+")


def word_spans(text: str) -> list[tuple[int, int]]:
    """Start and end of every word; a sign of punctuation, or of a script without spaces, is one by itself."""
    return [match.span() for match in _SPAN.finditer(text)]


def words_and_bigrams(text: str) -> list[str]:
    """Words with letters or digits; of scripts without spaces, all pairs of adjacent characters.

    A single character between spaces or punctuation stands alone.
    """
    if UNSPACED.search(text) is None:
        return [word for word in _SPAN.findall(text) if _has_letters_or_digits(word)]
    found: list[str] = []
    run: list[str] = []  # adjacent characters of a script without spaces
    end = -1
    for start, stop in word_spans(text):
        word = text[start:stop]
        is_unspaced = UNSPACED.match(word) is not None and word[0].isalpha()
        if run and not (is_unspaced and start == end):
            found += _bigrams(run)
            run = []
        if is_unspaced:
            run.append(word)
        elif _has_letters_or_digits(word):
            found.append(word)
        end = stop
    return found + _bigrams(run)


def _has_letters_or_digits(word: str) -> bool:
    return word.isalnum() or any(map(str.isalnum, word))


def _bigrams(run: list[str]) -> list[str]:
    return run if len(run) == 1 else [one + other for one, other in pairwise(run)]


def words_in(text: str, *, with_digits: bool = False) -> list[str]:
    """The words of a text as they are spelt, without punctuation.

    Args:
        with_digits: digits make words, too, as letters do.
    """
    return (_LETTERS_AND_DIGITS if with_digits else _LETTERS).findall(text)


def count_words(lines: Iterable[str], *, with_digits: bool = False) -> Counter[str]:
    """How often each word occurs as it is spelt; see :func:`words_in`."""
    counts: Counter[str] = Counter()
    for line in lines:
        counts.update(words_in(line, with_digits=with_digits))
    return counts
