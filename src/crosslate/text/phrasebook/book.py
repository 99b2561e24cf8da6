"""The phrasebook as corpora: meanings realised in four languages and split without overlap."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Literal

from crosslate.errors import CorpusError, UsageError
from crosslate.text.parallel import ParallelCorpus
from crosslate.text.phrasebook import english, french, german, lexicon, spanish
from crosslate.text.phrasebook.dictionary import dictionary
from crosslate.text.phrasebook.sampler import meanings

Part = Literal["parent", "child"]

LANGUAGES = lexicon.LANGUAGES
MAX_WORDS = 14
MIN_WORDS = 3
MIN_LONGEST = 5  # words, in the language that needs most of them
MAX_SENTENCES = 400_000
_GRAMMARS = {"en": english, "fr": french, "de": german, "es": spanish}
# Which share a sentence belongs to, by its position in the stream: 28 of 60 each train parent and
# children, 2 each validate and test.
_SHARES = ("test", "valid", *["parent", "child"] * 14) * 2

_Line = tuple[str, ...]


class Phrasebook:
    """Parallel sentences in English, French, German and Spanish with a gold dictionary.

    Meanings are sampled once and said in each language by that language's own grammar. All sentences
    of a book differ from each other in every language, so what is in one part is in no other. French
    has a plain space before the question mark.

    Args:
        seed: the same seed gives the same book on every machine.
    """

    def __init__(self, seed: int = 1) -> None:
        self.seed = seed
        self._stream = _stream(seed)

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
            source: ``en``, ``fr``, ``de`` or ``es``.
            target: another of them.
            train: training sentences (likewise ``valid``, ``test``).
            part: whose training sentences.

        Raises:
            UsageError: an unknown language, the same language twice, an unknown part or a negative number.
            CorpusError: more sentences than the phrasebook has.
        """
        columns = self._columns(source, target)
        if part not in ("parent", "child"):
            raise UsageError(f"{part!r} is no part of the phrasebook; expected 'parent' or 'child'")
        wanted = {part: train, "valid": valid, "test": test}
        for name, number in wanted.items():
            if number < 0:
                raise UsageError(f"{number} {name} sentences were asked for; expected 0 or more")
        shares = self._stream.shares(wanted)
        train_corpus, valid_corpus, test_corpus = (
            ParallelCorpus(
                tuple(line[columns[0]] for line in shares[share]),
                tuple(line[columns[1]] for line in shares[share]),
                source,
                target,
                f"phrasebook seed {self.seed}, {share}",
            )
            for share in (part, "valid", "test")
        )
        return train_corpus, valid_corpus, test_corpus

    def dictionary(self, source: str, target: str) -> Mapping[str, frozenset[str]]:
        """The gold dictionary: each one-word form with its one-word translations.

        Forms are spelt as inside a sentence (German nouns with capitals). Translations share the form's
        features: number of nouns and adjectives; tense, person and number of verbs, the past being that of
        the word that carries the meaning ("gekauft", "acheté", "bought", "compró"). Of German separable
        verbs only forms in one word are listed.

        Raises:
            UsageError: an unknown language, or the same language twice.
        """
        self._columns(source, target)
        return dictionary(source, target)

    def lexemes(self) -> tuple[str, ...]:
        """One key per lexeme, as ``class:word`` with the English word ("noun:dog")."""
        return lexicon.lexeme_keys()

    @property
    def num_lexemes(self) -> int:
        """How many lexemes the phrasebook has."""
        return len(self.lexemes())

    def _columns(self, source: str, target: str) -> tuple[int, int]:
        for language in (source, target):
            if language not in LANGUAGES:
                raise UsageError(
                    f"the phrasebook does not speak {language!r}; expected one of {', '.join(LANGUAGES)}"
                )
        if source == target:
            raise UsageError(f"source and target are both {source!r}; expected two languages")
        return LANGUAGES.index(source), LANGUAGES.index(target)


class _Stream:
    """The sentences of one seed in order, made as they are needed and kept."""

    def __init__(self, seed: int) -> None:
        self._lines = _distinct_lines(seed)
        self._shares: dict[str, list[_Line]] = {"test": [], "valid": [], "parent": [], "child": []}
        self._num_made = 0

    def shares(self, wanted: Mapping[str, int]) -> dict[str, list[_Line]]:
        """The first so many lines of each share asked for."""
        while any(len(self._shares[share]) < number for share, number in wanted.items()):
            if self._num_made >= MAX_SENTENCES:
                raise CorpusError(
                    f"the phrasebook was asked for {dict(wanted)} sentences; it makes at most "
                    f"{MAX_SENTENCES} in all, 28 of 60 of them for each part; ask for fewer"
                )
            self._shares[_SHARES[self._num_made % len(_SHARES)]].append(next(self._lines))
            self._num_made += 1
        return {share: self._shares[share][:number] for share, number in wanted.items()}


@lru_cache(maxsize=4)
def _stream(seed: int) -> _Stream:
    return _Stream(seed)


def _distinct_lines(seed: int) -> Iterator[_Line]:
    """Sentences in all languages, none equal to an earlier one in any of them."""
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
