"""How languages write: what ends a sentence in each, and where it puts the percent sign."""

from __future__ import annotations

import re
from typing import Literal

EndKind = Literal["stop", "question", "exclamation", "ellipsis"]

# Marks that end a sentence, by what they say; the first of each is what most scripts use.
_ENDS: dict[EndKind, str] = {
    "stop": ".。।۔։።｡။។",
    "question": "?？؟՞፧",
    "exclamation": "!！՜",
    "ellipsis": "…",
}
_KIND_OF = {mark: kind for kind, marks in _ENDS.items() for mark in marks}
# What a language writes instead of the first mark.
_OWN: dict[str, dict[EndKind, str]] = {
    "zh": {"stop": "。", "question": "？", "exclamation": "！"},
    "ja": {"stop": "。", "question": "？", "exclamation": "！"},
    "hi": {"stop": "।"}, "bn": {"stop": "।"}, "ne": {"stop": "।"}, "pa": {"stop": "।"},
    "ar": {"question": "؟"}, "fa": {"question": "؟"},
    "ur": {"stop": "۔", "question": "؟"}, "el": {"question": ";"},
    "am": {"stop": "።"}, "ti": {"stop": "።"}, "hy": {"stop": "։"}, "my": {"stop": "။"}, "km": {"stop": "។"},
    "th": {"stop": ""}, "lo": {"stop": ""},
}  # fmt: skip
END_MARKS = "".join(_KIND_OF)
"""All marks that end a sentence in some script."""
# Turkish, Basque, Kurdish.
_PERCENT_FIRST = frozenset(["tr", "tur", "eu", "eus", "ku", "kur", "kmr"])


def end_kind(text: str) -> EndKind | None:
    """What the mark at the end of a text says; None where there is none."""
    stripped = text.rstrip()
    return "ellipsis" if stripped.endswith("...") else _KIND_OF.get(stripped[-1:])


def end_mark(kind: EndKind | None, language: str) -> str:
    """How a language, by its public code, writes an end of a kind; empty for none."""
    if kind is None:
        return ""
    return _OWN.get(language.split("-")[0], {}).get(kind, _ENDS[kind][0])


def writes_percent_first(language: str) -> bool:
    """Whether a language, by any of its codes, writes ``%50`` for fifty per cent."""
    return re.split("[-_]", language)[0].lower() in _PERCENT_FIRST


def has_letters(text: str) -> bool:
    """Whether there is anything to translate: a letter of any script."""
    return any(map(str.isalpha, text))
