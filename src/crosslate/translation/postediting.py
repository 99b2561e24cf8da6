"""Post-editing: final punctuation and letter case follow the source; repetitions are noticed."""

from __future__ import annotations

import unicodedata

from crosslate.languages.letter_case import with_case_of
from crosslate.languages.orthography import END_MARKS, end_kind, end_mark, may_lack_stop

_MIN_REPEATS = 4
_MAX_PERIOD = 32
_MIN_CHARACTERS = 16


def finished(source: str, translation: str, language: str) -> str:
    """A sentence's translation as it goes out.

    Args:
        language: public code of the translation's language.
    """
    return with_case_of(source, _with_end(source, translation, language), language)


def _with_end(source: str, text: str, language: str) -> str:
    wanted, found = end_kind(source), end_kind(text)
    stripped = text.rstrip()
    # A semicolon is a question mark in Greek and no end elsewhere.
    if wanted == found or not stripped or ";" in (source.rstrip()[-1:], stripped[-1]):
        return text
    if wanted is None and may_lack_stop(source):
        return text
    trailing = text[len(stripped) :]
    if found is not None:
        bare = stripped.rstrip(END_MARKS).rstrip()
        if not bare:
            return text
        stripped = bare
    elif not stripped[-1].isalnum() and not unicodedata.category(stripped[-1]).startswith("M"):
        return text  # it ends with a quotation mark, a bracket or the like: the mark may lie inside
    return stripped + end_mark(wanted, language) + trailing


def repeats_itself(text: str) -> bool:
    """Whether the same words, or in scripts without spaces the same characters, follow upon each other.

    Four times in a row at least, over 16 characters at least: "no, no, no" does not count.
    """
    words = text.split()
    # A text of one long word repeats itself inside the word.
    units = words if len(words) >= _MIN_REPEATS else list(text)
    for period in range(1, min(_MAX_PERIOD, len(units) // _MIN_REPEATS) + 1):
        run = 0
        for position in range(period, len(units)):
            run = run + 1 if units[position] == units[position - period] else 0
            if run >= period * (_MIN_REPEATS - 1):
                repeated = units[position - run - period + 1 : position + 1]
                if sum(map(len, repeated)) >= _MIN_CHARACTERS:
                    return True
    return False
