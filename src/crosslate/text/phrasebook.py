"""The embedded corpus: simple sentences in English, French, German and Spanish, with a gold dictionary.

``tools/phrasebook`` in the repository is the grammar that wrote the files in ``phrasebook_data``.
"""

from __future__ import annotations

import bz2
import random
from collections.abc import Mapping, Sequence
from functools import cache, lru_cache
from itertools import islice
from pathlib import Path
from typing import Literal

from crosslate.errors import CorpusError, UsageError
from crosslate.text.corpora import ParallelCorpus

Part = Literal["parent", "child"]

LANGUAGES = ("en", "fr", "de", "es")
_FOLDER = Path(__file__).parent / "phrasebook_data"
# Which share a sentence belongs to, by its position in a book: of 30, one tests, one validates, 14 train the
# parent and 14 its children.
_PERIOD = 30
_PLACES = {
    "test": (0,),
    "valid": (1,),
    "parent": tuple(range(2, _PERIOD, 2)),
    "child": tuple(range(3, _PERIOD, 2)),
}


class Phrasebook:
    """Parallel sentences in English, French, German and Spanish with a gold dictionary.

    All sentences of a book differ from each other in every language, so what is in one part is in no
    other. There are 60,000: 28,000 each to train a parent and its children, 2,000 each to validate and test.

    Args:
        seed: the same seed gives the same book on every machine. Books of other seeds than 1 are the
            sentences of book 1 in another order, so in other parts.
    """

    def __init__(self, seed: int = 1) -> None:
        self.seed = seed

    def corpora(
        self,
        source: str,
        target: str,
        *,
        train: int = 8000,
        valid: int = 300,
        test: int = 500,
        part: Part = "child",
    ) -> tuple[ParallelCorpus, ParallelCorpus, ParallelCorpus]:
        """Training, validation and test sentences for a pair.

        The i-th line means the same for every pair of a book, so pairs of one part are multi-parallel.
        Validation and test are shared by both parts; parent and child train on different meanings.

        Args:
            source: ``en``, ``fr``, ``de`` or ``es``; the target is another of them.
            train: how many training sentences (likewise ``valid``, ``test``), those of ``part``.

        Raises:
            UsageError: an unknown language, the same language twice, an unknown part or a negative number.
            CorpusError: more sentences than the phrasebook has.
        """
        _check_pair(source, target)
        if part not in ("parent", "child"):
            raise UsageError(f"{part!r} is not a part of the phrasebook; expected 'parent' or 'child'")
        parts = {part: train, "valid": valid, "test": test}
        first, second, third = (self._share(source, target, *each) for each in parts.items())
        return first, second, third

    def _share(self, source: str, target: str, name: str, number: int) -> ParallelCorpus:
        """The first sentences of a part."""
        places, order = _PLACES[name], _order(self.seed)
        if number < 0:
            raise UsageError(f"{number} {name} sentences were requested; expected 0 or more")
        if number > (most := len(order) // _PERIOD * len(places)):
            raise CorpusError(
                f"{number:,} {name} sentences were requested and the phrasebook has {most:,} of them; "
                "request fewer"
            )
        positions = (start + place for start in range(0, len(order), _PERIOD) for place in places)
        rows = [order[position] for position in islice(positions, number)]
        ones, others = ([_sentences(language)[row] for row in rows] for language in (source, target))
        return ParallelCorpus(ones, others, source, target, f"phrasebook seed {self.seed}, {name}")

    def dictionary(self, source: str, target: str) -> Mapping[str, frozenset[str]]:
        """The gold dictionary: each one-word form with its one-word translations.

        Forms are spelt as inside a sentence (German nouns with capitals). Translations share the form's
        features: number of nouns and adjectives; tense, person and number of verbs, the past being that of
        the word that carries the meaning ("gekauft", "acheté", "bought", "compró"). Of German separable
        verbs only forms in one word are listed.
        """
        _check_pair(source, target)
        found: dict[str, set[str]] = {}
        for cells in _dictionary():
            translations = cells[LANGUAGES.index(target)]
            for form in cells[LANGUAGES.index(source)] if translations else ():
                found.setdefault(form, set()).update(translations)
        return {form: frozenset(translations) for form, translations in sorted(found.items())}


def _check_pair(source: str, target: str) -> None:
    for language in (source, target):
        if language not in LANGUAGES:
            raise UsageError(
                f"the phrasebook does not speak {language!r}; expected one of {', '.join(LANGUAGES)}"
            )
    if source == target:
        raise UsageError(f"source and target are both {source!r}; expected two languages")


@lru_cache(maxsize=4)
def _order(seed: int) -> Sequence[int]:
    """The rows of a book's sentences in the data."""
    rows = range(len(_sentences(LANGUAGES[0])))
    if seed == 1:
        return rows
    # Random.random alone gives the same numbers in every version of Python; shuffle may not.
    chosen = random.Random(seed)
    return sorted(rows, key=[chosen.random() for _ in rows].__getitem__)


@cache
def _sentences(language: str) -> list[str]:
    return _lines(f"{language}.txt.bz2")


@cache
def _dictionary() -> list[list[list[str]]]:
    """By row, the words of each language, which translate those of the others in the row."""
    rows = _lines("dictionary.tsv.bz2")[1:]
    return [[cell.split("|") if cell else [] for cell in row.split("\t")] for row in rows]


def _lines(name: str) -> list[str]:
    return bz2.decompress((_FOLDER / name).read_bytes()).decode().removesuffix("\n").split("\n")
