"""The gold bilingual dictionary: surface forms of one language to the forms of another."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from functools import cache

from crosslate.text.phrasebook import english, french_words, german_words, spanish_words, words
from crosslate.text.phrasebook.adjectives import INCOMPARABLE
from crosslate.text.phrasebook.lexicon import (
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


@cache
def dictionary(source: str, target: str) -> Mapping[str, frozenset[str]]:
    """Every one-word form of ``source`` with the one-word forms of ``target`` that share its features."""
    found: dict[str, set[str]] = {}
    for cells in _paradigms():
        for feature, forms in cells[source].items():
            translations = {form for form in cells[target].get(feature, ()) if " " not in form}
            for form in forms:
                if translations and " " not in form:
                    found.setdefault(form, set()).update(translations)
    return {form: frozenset(translations) for form, translations in sorted(found.items())}


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
