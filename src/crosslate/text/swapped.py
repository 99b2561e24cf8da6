"""Whether the sides of a corpus are in the wrong order: each in the language of the other."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import islice

from crosslate.errors import CorpusError, MissingExtra
from crosslate.languages.codes import language_name
from crosslate.languages.identification import best_label, label_of
from crosslate.languages.scripts import known_scripts_of, share_in_scripts
from crosslate.text.corpora import Corpus, TextFiles
from crosslate.text.streams import STANDARD_INPUT

_SAMPLE_PAIRS = 100
_LEAST_TEXTS = 5  # fewer say little
_MOST = 0.8  # of the texts that say something; names and loans look like any language

Rule = Callable[[str], bool | None]
"""Whether a text is in the language of the other side; None where it does not say."""


def check_order(corpus: Corpus) -> None:
    """Refuses a corpus whose sides surely are swapped.

    Both sides must be in the other one's script, or be taken for the other one's language by the identifier.
    So nothing is refused where a script or language is unknown, or where the identifier is not installed.
    Standard input is not checked, since it can be read only once.

    Raises:
        CorpusError: the source text is in the target language, and the target text in the source language.
    """
    if isinstance(corpus, TextFiles) and STANDARD_INPUT in corpus.paths:
        return
    source, target = corpus.languages
    pairs = list(islice(corpus, _SAMPLE_PAIRS))
    sides = [[pair[side] for pair in pairs] for side in (0, 1)]
    for make in (_script_rule, _language_rule):
        rules = make(source, target), make(target, source)
        if all(rule and _mostly(map(rule, texts)) for rule, texts in zip(rules, sides)):
            break
    else:
        return
    first, second = language_name(source), language_name(target)
    raise CorpusError(
        f"{corpus.origin}: the sides are swapped: the source text ({_example(sides[0])}) is in {second}, the "
        f"target text ({_example(sides[1])}) in {first}; expected {first} first: give the two files, or the "
        "two columns, in the other order"
    )


def _script_rule(own: str, other: str) -> Rule | None:
    expected, found = known_scripts_of(own), known_scripts_of(other)
    if expected is None or found is None or expected & found:
        return None

    def is_in_other(text: str) -> bool | None:
        share = share_in_scripts(text, found)
        return None if share is None else share > _MOST

    return is_in_other


def _language_rule(own: str, other: str) -> Rule | None:
    try:
        expected, found = label_of(own), label_of(other)
    except MissingExtra:
        return None
    if expected is None or found is None or expected == found:
        return None

    def is_in_other(text: str) -> bool | None:
        label = best_label(text)
        return None if label is None else label == found

    return is_in_other


def _mostly(answers: Iterable[bool | None]) -> bool:
    told = [answer for answer in answers if answer is not None]
    return len(told) >= _LEAST_TEXTS and sum(told) > _MOST * len(told)


def _example(texts: list[str]) -> str:
    longest = max(texts[:5], key=len)
    return repr(longest if len(longest) <= 40 else f"{longest[:39]}…")
