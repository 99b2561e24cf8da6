"""Words of a text, and the scripts that write none."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from itertools import pairwise

import regex

from crosslate.languages.scripts import UNSPACED_SCRIPTS

# With the signs that Chinese and Japanese share, which are of no script.
_UNSPACED = "".join(rf"\p{{sc={script}}}" for script in UNSPACED_SCRIPTS) + (
    r"\u2e80-\u312f\u3190-\u33ff\uff00-\uffef"
)
UNSPACED = regex.compile(f"[{_UNSPACED}]")
"""A character of a script that is written without spaces between words."""
RUNS_ON = regex.compile(rf"[{_UNSPACED}\p{{sc=Hang}}]")
"""A character that follows foreign words and addresses without a space: :data:`UNSPACED` and Hangul."""

# Marks of tone that Armenian puts on the vowel of a word, and what joins or divides its letters unseen.
_INSIDE = r"\u055b\u055c\u055e\u200c\u200d"
# Signs that stand between the parts of one word, and of a number.
_JOINING = r"['’.,·‧\u05be\u05f3\u05f4-]"
# What puts the next letter under the one before (Burmese, Khmer, Tai Tham); vowels of Thai and Lao that are
# written before their consonant, and after it.
_STACKER, _BEFORE, _AFTER = "[\u1039\u17d2\u1a60]", "[เ-ไເ-ໄ]", "[ำຳ]"

_CLUSTER = rf"{_BEFORE}?\S\p{{M}}*(?:(?<={_STACKER})\S\p{{M}}*)*{_AFTER}?"
_JOINED = regex.compile(rf"(?s)\X|.\p{{M}}|{_BEFORE}.|{_STACKER}.|.{_AFTER}|.*\u200d.*")
_IN_WORDS = rf"[[^\s\p{{P}}\p{{S}}{_UNSPACED}][{_INSIDE}]]"
_SPAN = regex.compile(rf"(?V1){_IN_WORDS}+(?:{_JOINING}{_IN_WORDS}+)*|{_CLUSTER}")
_LETTERS = regex.compile(rf"\p{{L}}[\p{{L}}\p{{M}}{_INSIDE}]*")
_LETTERS_AND_DIGITS = regex.compile(rf"[\p{{L}}\p{{N}}_][\p{{L}}\p{{M}}\p{{N}}_{_INSIDE}]*")


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


def are_joined(left: str, right: str) -> bool:
    """Whether two characters that follow upon each other are read as one, so that no text is cut there."""
    return _JOINED.fullmatch(left + right) is not None


def count_words(lines: Iterable[str], *, with_digits: bool = False) -> Counter[str]:
    """How often each word occurs as it is spelt; see :func:`words_in`."""
    counts: Counter[str] = Counter()
    for line in lines:
        counts.update(words_in(line, with_digits=with_digits))
    return counts
