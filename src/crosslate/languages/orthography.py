"""How languages write: what ends a sentence in each, and where it puts the percent sign."""

from __future__ import annotations

import re
from typing import Literal

from crosslate.languages.scripts import script_of

EndKind = Literal["stop", "question", "exclamation", "ellipsis"]

WIDE_END_MARKS = "。！？｡။"
"""Of :data:`END_MARKS`, those after which the next sentence follows without a space."""
# Marks that end a sentence, by what they say; the first of each is what most scripts use.
_ENDS: dict[EndKind, str] = {
    "stop": ".。।॥۔։።፨｡။។៕།༎᙮᠃᠉᱾᱿܀܁܂",
    "question": "?？؟՞፧",
    "exclamation": "!！՜߹",
    "ellipsis": "…",
}
_KIND_OF = {mark: kind for kind, marks in _ENDS.items() for mark in marks}
# What languages write instead of the first mark.
_OWN: dict[EndKind, dict[str, str]] = {
    "stop": {
        "。": "zh yue ja", "।": "hi bn ne pa or as sa mai", "۔": "ur", "።": "am ti", "։": "hy", "။": "my",
        "។": "km", "།": "bo dz", "᱾": "sat", "᠃": "mvf", "": "th lo",
    },
    # Armenian says so inside a word, which cannot be told from outside.
    "question": {"？": "zh yue ja", "؟": "ar fa ur ps ckb ug sd dv syr nqo", ";": "el", "։": "hy"},
    "exclamation": {"！": "zh yue ja", "߹": "nqo", "։": "hy"},
}  # fmt: skip
_OWN_MARKS = {
    (kind, language): mark
    for kind, marks in _OWN.items()
    for mark, languages in marks.items()
    for language in languages.split()
}
_ARMENIAN_STOP, _ARMENIAN_TONES = "։", "՞՜"
_WITHOUT_STOP = ("Thai", "Laoo")
END_MARKS = "".join(_KIND_OF)
"""All marks that end a sentence in some script."""
_COMMAS, _COLONS = ",،、，՝፣᠂߸⹁၊", ";:؛；：፤፥᠄៖܆"
CLAUSE_MARKS = _COMMAS + _COLONS
"""Marks inside a sentence that end a part of it."""
COMMON_MARKS = {mark: _ENDS[kind][0] for mark, kind in _KIND_OF.items()} | dict.fromkeys(_COMMAS, ",")
"""What most scripts write in place of a mark."""
# Turkish, Basque, Kurdish.
_PERCENT_FIRST = frozenset(["tr", "tur", "eu", "eus", "ku", "kur", "kmr"])


def end_kind(text: str) -> EndKind | None:
    """What the mark at the end of a sentence says; None where there is none."""
    stripped = text.rstrip()
    if stripped.endswith(_ARMENIAN_STOP):
        tone = next((each for each in stripped if each in _ARMENIAN_TONES), _ARMENIAN_STOP)
        return _KIND_OF[tone]
    return "ellipsis" if stripped.endswith("...") else _KIND_OF.get(stripped[-1:])


def end_mark(kind: EndKind | None, language: str) -> str:
    """How a language, by its public code, writes an end of a kind; empty for none."""
    if kind is None:
        return ""
    return _OWN_MARKS.get((kind, language.split("-")[0]), _ENDS[kind][0])


def may_lack_stop(text: str) -> bool:
    """Whether a text without a mark at its end may still be a whole sentence, as in Thai and Lao."""
    return script_of(text) in _WITHOUT_STOP


def writes_percent_first(language: str) -> bool:
    """Whether a language, by any of its codes, writes ``%50`` for fifty per cent."""
    return re.split("[-_]", language)[0].lower() in _PERCENT_FIRST


def has_letters(text: str) -> bool:
    """Whether there is anything to translate: a letter of any script."""
    return any(map(str.isalpha, text))
