"""The gold dictionary: which surface forms of the four languages translate each other."""

from __future__ import annotations

from collections.abc import Hashable, Iterator

from tools.phrasebook import english, french_words, german_words, spanish_words, words
from tools.phrasebook.adjectives import INCOMPARABLE
from tools.phrasebook.lexicon import (
    LANGUAGES,
    Verb,
    all_adjectives,
    all_nouns,
    all_numerals,
    all_verbs,
    all_words,
)

# Said with a noun or clause structure of its own in some language, so not with one word for one word.
_IDIOMATIC = {"like", "be"}
_ONLY_PRESENT = {"can", "must"}
_GRAMMARS = {"en": english, "fr": french_words, "de": german_words, "es": spanish_words}


def rows() -> Iterator[tuple[str, ...]]:
    """The words of each language that share a lexeme and its features, in the order of ``LANGUAGES``.

    Words of one language are separated by ``|``. Forms of more than one word are left out, and rows with
    words of a single language. Each word of a row translates each word of another language in it.
    """
    for cells in _paradigms():
        for feature in dict.fromkeys(feature for forms in cells.values() for feature in forms):
            words_of = [
                sorted(form for form in cells[language].get(feature, ()) if " " not in form)
                for language in LANGUAGES
            ]
            if sum(map(bool, words_of)) > 1:
                yield tuple(map("|".join, words_of))


def _paradigms() -> Iterator[dict[str, dict[Hashable, set[str]]]]:
    """One lexeme at a time: by language, forms by features that mean the same in every language."""
    for noun in all_nouns().values():
        cells = {language: dict(_GRAMMARS[language].noun_cells(noun)) for language in LANGUAGES}
        yield {
            language: {
                number: forms for number, forms in by_number.items() if number != "plural" or noun.has_plural
            }
            for language, by_number in cells.items()
        }
    for adjective in all_adjectives().values():
        cells = {language: dict(_GRAMMARS[language].adjective_cells(adjective)) for language in LANGUAGES}
        if adjective.key in INCOMPARABLE:
            for forms in cells.values():
                forms.pop("comparative", None)
        yield cells
    for verb in all_verbs().values():
        if verb.key not in _IDIOMATIC:
            yield {language: _verb_forms(verb, language) for language in LANGUAGES}
    for word in [*all_words().values(), *all_numerals().values()]:
        yield {language: {"form": {word.cells[language]}} for language in LANGUAGES}
    for name in (*words.WOMEN, *words.MEN):
        yield {language: {"form": {name}} for language in LANGUAGES}


def _verb_forms(verb: Verb, language: str) -> dict[Hashable, set[str]]:
    if language == "fr" and verb.cells["fr"].startswith("avoir "):
        return {}  # "avoir besoin de" is no one word
    forms = dict(_GRAMMARS[language].verb_cells(verb))
    if verb.key in _ONLY_PRESENT:
        return {feature: words_ for feature, words_ in forms.items() if feature[0] == "present"}
    return forms
