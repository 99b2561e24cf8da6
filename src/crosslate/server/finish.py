"""Last touches to a translation: its final punctuation and its letter case follow the source."""

from __future__ import annotations

import unicodedata

# Marks that end a sentence, by what they say; the first of each is what most scripts use.
_ENDS = {
    "stop": ".。।۔։።｡။។",
    "question": "?？؟՞፧",
    "exclamation": "!！՜",
    "ellipsis": "…",
}
_KIND_OF = {mark: kind for kind, marks in _ENDS.items() for mark in marks}
# What a language writes instead of the first mark.
_OWN = {
    "zh": {"stop": "。", "question": "？", "exclamation": "！"},
    "ja": {"stop": "。", "question": "？", "exclamation": "！"},
    "hi": {"stop": "।"}, "bn": {"stop": "।"}, "ne": {"stop": "।"}, "pa": {"stop": "।"},
    "ar": {"question": "؟"}, "fa": {"question": "؟"},
    "ur": {"stop": "۔", "question": "؟"}, "el": {"question": ";"},
    "am": {"stop": "።"}, "ti": {"stop": "።"}, "hy": {"stop": "։"}, "my": {"stop": "။"}, "km": {"stop": "។"},
    "th": {"stop": ""}, "lo": {"stop": ""},
}  # fmt: skip
# Nouns keep their capitals whatever the source does.
_CAPITALISED_NOUNS = ("de", "lb")


def finished(source: str, translation: str, language: str) -> str:
    """A sentence's translation as it goes out.

    Args:
        language: public code of the translation's language.
    """
    return _with_case(source, _with_end(source, translation, language.split("-")[0]), language)


def has_words(text: str) -> bool:
    """Whether there is anything to translate: a letter of any script."""
    return any(unicodedata.category(character).startswith("L") for character in text)


def _with_end(source: str, text: str, language: str) -> str:
    wanted, found = _end_kind(source), _end_kind(text)
    stripped = text.rstrip()
    # A semicolon is a question mark in Greek and no end elsewhere.
    if wanted == found or not stripped or ";" in (source.rstrip()[-1:], stripped[-1]):
        return text
    trailing = text[len(stripped) :]
    if found is not None:
        bare = stripped.rstrip("".join(_KIND_OF)).rstrip()
        if not bare:
            return text
        stripped = bare
    elif not stripped[-1].isalnum() and not unicodedata.category(stripped[-1]).startswith("M"):
        return text  # it ends with a quotation mark, a bracket or the like: the mark may lie inside
    mark = "" if wanted is None else _OWN.get(language, {}).get(wanted, _ENDS[wanted][0])
    return stripped + mark + trailing


def _end_kind(text: str) -> str | None:
    stripped = text.rstrip()
    return "ellipsis" if stripped.endswith("...") else _KIND_OF.get(stripped[-1:])


def _with_case(source: str, text: str, language: str) -> str:
    letters = [character for character in source if character.isalpha()]
    if len(letters) > 1 and all(character.isupper() for character in letters):
        return text.upper()
    if not letters or not (letters[0].isupper() or letters[0].islower()):
        return text
    if source.islower():
        return _first_letter(text, upper=False) if language in _CAPITALISED_NOUNS else text.lower()
    return _first_letter(text, upper=True) if letters[0].isupper() else text


def _first_letter(text: str, *, upper: bool) -> str:
    for index, character in enumerate(text):
        if character.isalpha():
            changed = character.upper() if upper else character.lower()
            # Letters like "ß" become two; those stay.
            return text[:index] + changed + text[index + 1 :] if len(changed) == 1 else text
    return text
