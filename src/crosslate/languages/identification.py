"""Identification of languages: the model, and whether a text is in another language than expected."""

from __future__ import annotations

from functools import cache
from typing import Any

from crosslate.errors import MissingExtra
from crosslate.languages.codes import base_code, resolve_code
from crosslate.languages.scripts import scripts_of
from crosslate.languages.words import words_and_bigrams

_MARGIN = 20.0
"""How many times as likely as the expected language another one must be.

The model is less sure of shorter texts. With this margin, 3 in 10,000 sentences of 6 words were taken for
another language.
"""
_LEAST_WORDS = 4  # fewer may be a name
_MAX_CHARACTERS = 200  # more tells no more


@cache
def identifier() -> Any:
    """py3langid's model with all its languages; nobody may restrict it, since it is shared.

    Raises:
        MissingExtra: py3langid is not installed.
    """
    try:
        from py3langid.langid import MODEL_FILE, LanguageIdentifier
    except ImportError:
        raise MissingExtra(
            "identifying languages needs py3langid, which is not installed; pip install 'crosslate[mined]'"
        ) from None
    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)


def label_of(language: str) -> str | None:
    """The identifier's name of a language; None if it does not know it, or not in the script of the code."""
    is_usual = scripts_of(language) <= scripts_of(base_code(language))
    return resolve_code(base_code(language), identifier().labels) if is_usual else None


def best_label(text: str) -> str | None:
    """The identifier's name of the likeliest language of a text; None for a text of too few words."""
    sample = text[:_MAX_CHARACTERS]
    if len(words_and_bigrams(sample)) < _LEAST_WORDS:
        return None
    return str(identifier().classify(sample)[0])


def is_other_language(text: str, label: str) -> bool:
    """Whether a text of some words is surely in another language than the one with this label."""
    sample = text[:_MAX_CHARACTERS]
    best, probability = identifier().classify(sample)
    return (
        best != label
        and probability > _MARGIN * dict(identifier().rank(sample))[label]
        and len(words_and_bigrams(sample)) >= _LEAST_WORDS
    )
