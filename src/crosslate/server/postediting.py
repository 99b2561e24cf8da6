"""Post-editing: final punctuation and letter case follow the source; repetitions are noticed."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable

from crosslate.languages.orthography import CAPITALISES_NOUNS, END_MARKS, end_kind, end_mark

_MIN_REPEATS = 4
_MAX_PERIOD = 32
_MIN_CHARACTERS = 16


def finished(source: str, translation: str, language: str) -> str:
    """A sentence's translation as it goes out.

    Args:
        language: public code of the translation's language.
    """
    return _with_case(source, _with_end(source, translation, language), language)


def _with_end(source: str, text: str, language: str) -> str:
    wanted, found = end_kind(source), end_kind(text)
    stripped = text.rstrip()
    # A semicolon is a question mark in Greek and no end elsewhere.
    if wanted == found or not stripped or ";" in (source.rstrip()[-1:], stripped[-1]):
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


def _with_case(source: str, text: str, language: str) -> str:
    letters = [character for character in source if character.isalpha()]
    if len(letters) > 1 and all(character.isupper() for character in letters):
        return text.upper()
    if not letters or not (letters[0].isupper() or letters[0].islower()):
        return text
    if source.islower():
        return _first_letter(text, str.lower) if language in CAPITALISES_NOUNS else text.lower()
    return _first_letter(text, str.upper) if letters[0].isupper() else text


def _first_letter(text: str, change: Callable[[str], str]) -> str:
    for index, character in enumerate(text):
        if character.isalpha():
            changed = change(character)
            # Letters like "ß" become two; those stay.
            return text[:index] + changed + text[index + 1 :] if len(changed) == 1 else text
    return text


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
