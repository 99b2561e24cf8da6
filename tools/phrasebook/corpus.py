"""Sentences in four languages, none of which occurs twice in any of them."""

from __future__ import annotations

from collections.abc import Iterator

from tools.phrasebook import english, french, german, spanish
from tools.phrasebook.lexicon import LANGUAGES
from tools.phrasebook.sampler import meanings

MAX_WORDS = 14
MIN_WORDS = 3
MIN_LONGEST = 5  # words, in the language that needs most of them
_GRAMMARS = {"en": english, "fr": french, "de": german, "es": spanish}


def sentences(seed: int) -> Iterator[tuple[str, ...]]:
    """One meaning after the other in the order of ``LANGUAGES``, the same for the same seed.

    None is equal to an earlier one in any language. French has a plain space before the question mark.
    """
    seen: dict[str, set[str]] = {language: set() for language in LANGUAGES}
    for meaning in meanings(seed):
        line = tuple(_GRAMMARS[language].sentence(meaning) for language in LANGUAGES)
        lengths = [text.count(" ") + 1 for text in line]
        if not MIN_LONGEST <= max(lengths) <= MAX_WORDS or min(lengths) < MIN_WORDS:
            continue
        if any(text in seen[language] for language, text in zip(LANGUAGES, line)):
            continue
        for language, text in zip(LANGUAGES, line):
            seen[language].add(text)
        yield line
