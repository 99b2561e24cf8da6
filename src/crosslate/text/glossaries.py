"""Glossaries: how terms shall be translated, read from TSV or TBX and found in sentences."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from unicodedata import normalize

import regex

from crosslate.errors import CorpusError, Faults, InputError
from crosslate.languages.codes import match_pair, names_columns
from crosslate.languages.letter_case import first_letter_upper, lower
from crosslate.languages.word_forms import are_forms
from crosslate.languages.words import word_spans
from crosslate.text.streams import FileFaults, bare_name, checked_lines, read_blocks
from crosslate.text.tbx import Concept, TbxTerm, read_concepts
from crosslate.text.term_annotations import TermMarkers

_TBX = ".tbx"
# "l'ordinateur", "the dog's": the parts are words of their own.
_PARTS = regex.compile("['’]|[^'’]+")
# Korean writes particles right after a word.
_HANGUL = regex.compile(r"\p{sc=Hang}")
_LANGUAGES_SHOWN = 20
_BETWEEN = "\n \n"  # no word is a space

Words = tuple[str, ...]


@dataclass(frozen=True)
class Term:
    """A term and its translation."""

    source: str
    target: str


@dataclass(frozen=True)
class Match:
    """A term in a text.

    Attributes:
        words: its places in :func:`words_and_signs` of the text.
    """

    term: Term
    words: range


class Glossary:
    """How the terms of one pair of languages are translated.

    A term is found as whole words, by :func:`crosslate.languages.words.word_spans`, so character by character
    in scripts without spaces; what has the same case goes before what has not, the longest term before
    others, and no word belongs to two terms. In Korean a particle may follow.

    Args:
        pairs: source terms with their translations. Spaces around and repeated ones inside do not count.
        source_language: code of the language of the source terms.
        target_language: code of the language of their translations.

    Attributes:
        markers: of a model that has learnt to use terms which its text is annotated with, and to inflect
            them; None for any other.

    Raises:
        InputError: names every empty or repeated term.
    """

    markers: TermMarkers | None = None

    def __init__(self, pairs: Iterable[tuple[str, str]], source_language: str, target_language: str) -> None:
        found = FileFaults("the glossary", unit="term")
        terms = _checked(((pair, number) for number, pair in enumerate(pairs, start=1)), found)
        _raise(found)
        self._take(terms, source_language, target_language)

    @classmethod
    def read(cls, path: str | Path, source_language: str, target_language: str) -> Glossary:
        """Reads a glossary: ``.tbx`` is TBX 2 or 3, anything else TSV; both may be compressed.

        TSV has two columns, source and target. A first row may name their languages, in either order. Of TBX,
        all source terms of a concept get the same translation: its preferred target term, or else the first
        one that is not deprecated or superseded. Concepts without both languages are passed over.

        Raises:
            CorpusError: the file cannot be read, is for other languages, has no terms, or has empty or
                repeated ones; the message names the lines.
        """
        found = FileFaults(path)
        languages = source_language, target_language
        is_tbx = bare_name(path).endswith(_TBX)
        terms = _checked((_tbx_rows if is_tbx else _tsv_rows)(path, languages, found), found)
        if not terms and not found:
            found.break_off(f"{found.name}: has no terms, expected a source and a target term in each line")
        _raise(found)
        return cls._of(terms, source_language, target_language)

    @classmethod
    def _of(cls, terms: Sequence[Term], source_language: str, target_language: str) -> Glossary:
        glossary = cls.__new__(cls)
        glossary._take(terms, source_language, target_language)
        return glossary

    def _take(self, terms: Sequence[Term], source_language: str, target_language: str) -> None:
        self.terms = tuple(terms)
        self.source_language, self.target_language = source_language, target_language
        # By folded first word, the longest first.
        self._index: dict[str, list[tuple[Words, Words, Term]]] = {}
        for term in terms:
            spelt = words_and_signs(term.source)
            folded = self._folded(spelt)
            self._index.setdefault(folded[0], []).append((folded, spelt, term))
        for entries in self._index.values():
            entries.sort(key=_shortness)
        # Made when they are first wanted, since a text has few of the terms.
        self._phrases: dict[str, Phrase] = {}

    def updated(self, other: Glossary) -> Glossary:
        """All terms of both; where both have a term, its translation is ``other``'s."""
        updated = copy(self)
        updated.terms = tuple({term.source: term for term in (*self.terms, *other.terms)}.values())
        updated._phrases = {}
        # A server does this for every request with terms, beside a glossary that may have very many.
        updated._index = dict(self._index)
        for first, entries in other._index.items():
            replaced = {term.source for *_, term in entries}
            kept = [entry for entry in self._index.get(first, ()) if entry[2].source not in replaced]
            updated._index[first] = sorted([*kept, *entries], key=_shortness)
        return updated

    def for_model(self, markers: TermMarkers | None) -> Glossary:
        """The glossary for a model with these markers, in whose translations inflected terms count, too."""
        if markers is None:
            return self
        learnt = copy(self)
        learnt.markers, learnt._phrases = markers, {}
        return learnt

    def annotated(self, text: str, matches: Iterable[Match]) -> str:
        """The text with translations of its terms put in, for a model that has markers.

        The text stays as it is if it has a marker itself; so does a term whose translation has one.
        """
        markers = self.markers
        if markers is None or markers.are_in(text):
            return text
        text = normalize("NFC", text)
        spans = word_and_sign_spans(text)
        return markers.annotated(
            text,
            [
                (spans[match.words[0]][0], spans[match.words[-1]][1], match.term.target)
                for match in matches
                if not markers.are_in(match.term.target)
            ],
        )

    def matches(self, text: str) -> list[Match]:
        """The terms in a text, in order, each as often as it occurs."""
        words = words_and_signs(normalize("NFC", text))
        folded = self._folded(words)
        found: list[Match] = []
        place = 0
        while place < len(words):
            entry = self._entry_at(words, folded, place)
            if entry is not None:
                found.append(Match(entry[2], range(place, place + len(entry[0]))))
            place += 1 if entry is None else len(entry[0])
        return found

    def wanted(self, matches: Sequence[Match]) -> list[tuple[Phrase, int]]:
        """What the translation of a text with these terms must hold, and how often.

        A translation that is a part of another one (``red``, ``red wine``) occurs in that, too.
        """
        own = Counter(match.term.target for match in matches)
        phrases = {self._phrase(target): count for target, count in own.items()}
        # One search for each phrase, however many there are; nothing goes on from one to the next.
        everything = _BETWEEN.join(each.marked for each, count in phrases.items() for _ in range(count))
        return [(phrase, phrase.count_exact(everything)) for phrase in phrases]

    def missed(self, matches: Sequence[Match], translation: str) -> list[Term]:
        """Those of the terms found in a text that its translation lacks."""
        lacking = {
            phrase.text: count - phrase.occurrences(translation) for phrase, count in self.wanted(matches)
        }
        found: list[Term] = []
        for match in matches:
            if lacking[match.term.target] > 0:
                lacking[match.term.target] -= 1
                found.append(match.term)
        return found

    def _phrase(self, target: str) -> Phrase:
        if target not in self._phrases:
            is_inflected = self.markers is not None
            self._phrases[target] = Phrase(target, self.target_language, is_inflected=is_inflected)
        return self._phrases[target]

    def _entry_at(self, words: Words, folded: Words, place: int) -> tuple[Words, Words, Term] | None:
        best = None
        for key in _beginnings(folded[place]):
            for entry in self._index.get(key, ()):
                if best is not None and len(entry[2].source) < len(best[2].source):
                    break
                if _stands_at(entry[0], folded, place):
                    if _stands_at(entry[1], words, place):
                        return entry
                    best = best or entry
            if best is not None:
                break
        return best

    def _folded(self, words: Words) -> Words:
        if not words:
            return ()
        together = lower("\n".join(words), self.source_language)  # no word has a space in it
        return tuple(together.casefold().replace("’", "'").split("\n"))


class Phrase:
    """A translation that is asked for, as whole words, also with a capital as sentences begin.

    Attributes:
        text: as asked for.
        as_first: it as sentences begin.
        marked: words and signs, with a line end on both sides of each.
        is_inflected: whether forms of its words count, too; see
            :func:`crosslate.languages.word_forms.are_forms`.
    """

    def __init__(self, text: str, language: str, *, is_inflected: bool = False) -> None:
        self.text = text
        self.as_first = first_letter_upper(text, language)
        self.marked, self.is_inflected = _marked(text), is_inflected
        spelt = dict.fromkeys((self.marked, _marked(self.as_first)))
        # In Korean a particle may follow, that is, the last word may go on.
        self._spelt = [each[:-1] if _HANGUL.match(each[-2:-1]) else each for each in spelt]

    def occurrences(self, text: str) -> int:
        """How often it stands in a text, without overlaps."""
        return self.count(_marked(text))

    def count(self, marked: str) -> int:
        """How often it stands in a text that is marked like :attr:`marked`."""
        exact = self.count_exact(marked)
        return max(exact, self._count_forms(marked)) if self.is_inflected else exact

    def count_exact(self, marked: str) -> int:
        """:meth:`count` without other forms of its words."""
        # A string is searched much faster than with a pattern, which only overlaps need.
        counts = [count for each in self._spelt if (count := marked.count(each))]
        return sum(counts) if len(counts) < 2 else len(self._pattern.findall(marked))

    def _count_forms(self, marked: str) -> int:
        words, wanted = _unmarked(marked), [_unmarked(each) for each in self._spelt]
        count = place = 0
        while place < len(words):
            fitting = (each for each in wanted if _are_forms(words[place : place + len(each)], each))
            found = next(fitting, None)
            count, place = (count, place + 1) if found is None else (count + 1, place + len(found))
        return count

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        return re.compile("|".join(map(re.escape, self._spelt)))


def parsed_rows(text: str, languages: tuple[str, str], name: str) -> list[tuple[str, str]]:
    """The pairs of terms in TSV, as :meth:`Glossary.read` reads it from a file.

    Raises:
        CorpusError: names the lines at fault.
    """
    found = FileFaults(name)
    rows = [pair for pair, _ in _rows(text.replace("\r\n", "\n").split("\n"), languages, found)]
    _raise(found)
    return rows


def words_and_signs(text: str) -> Words:
    """Words and signs; an apostrophe divides words."""
    return tuple(text[start:end] for start, end in word_and_sign_spans(text))


def word_and_sign_spans(text: str) -> list[tuple[int, int]]:
    """Start and end of each of :func:`words_and_signs`."""
    spans = word_spans(text)
    if "'" not in text and "’" not in text:
        return spans
    return [part.span() for start, end in spans for part in _PARTS.finditer(text, start, end)]


def _shortness(entry: tuple[Words, Words, Term]) -> int:
    return -len(entry[2].source)


def _marked(text: str) -> str:
    """Words and signs with a line end on both sides of each, which none of them has in it.

    Vocabularies may know compatible characters only: "A" for a full-width one.
    """
    return "".join(f"\n{word}\n" for word in words_and_signs(normalize("NFKC", text)))


def _unmarked(marked: str) -> Words:
    return tuple(word for word in marked.split("\n") if word)


def _are_forms(words: Words, wanted: Words) -> bool:
    return len(words) == len(wanted) and all(map(are_forms, words, wanted))


def _beginnings(word: str) -> Iterator[str]:
    """A word, and in Korean what may stand before its particles, the longest first."""
    yield word
    if _HANGUL.match(word):
        yield from (word[:end] for end in range(len(word) - 1, 0, -1))


def _stands_at(term: Words, words: Words, place: int) -> bool:
    last = place + len(term) - 1
    if last >= len(words) or term[:-1] != words[place:last]:
        return False
    return words[last] == term[-1] or (
        words[last].startswith(term[-1]) and _HANGUL.match(term[-1][-1]) is not None
    )


_Rows = Iterator[tuple[tuple[str, str], int]]
"""Pairs of terms with their lines."""


def _checked(rows: Iterable[tuple[tuple[str, str], int]], found: FileFaults) -> list[Term]:
    """Terms in one spelling; those that are empty or not the first go to ``found``."""
    terms: dict[str, Term] = {}
    lines: dict[str, int] = {}
    for (source, target), number in rows:
        source, target = (normalize("NFC", " ".join(each.split())) for each in (source, target))
        if not source or not target:
            side = "target" if source else "source"
            found.add(f"the {side} term is empty; write one, or remove the {found.unit}", number)
        elif source in terms:
            found.add(
                f"the term {source!r} is in {found.unit} {lines[source]} already; keep one of them", number
            )
        else:
            terms[source], lines[source] = Term(source, target), number
    return list(terms.values())


def _tsv_rows(path: str | Path, languages: tuple[str, str], found: FileFaults) -> _Rows:
    return _rows(checked_lines(path, found), languages, found)


def _rows(lines: Iterable[str | None], languages: tuple[str, str], found: FileFaults) -> _Rows:
    is_reversed = False
    for number, line in enumerate(lines, start=1):
        if line is None or not line.strip():
            continue
        cells = line.split("\t")
        if len(cells) != 2:
            found.add(f"has {len(cells)} column(s), expected a source and a target term, one tab", number)
        elif number == 1 and set(named := match_pair(languages, cells)) == set(cells):
            is_reversed = named[0] != cells[0]
        elif number == 1 and names_columns(cells, languages):
            found.break_off(
                f"{found.name}: the first row names the columns {cells[0]!r} and {cells[1]!r}; expected "
                f"{languages[0]!r} and {languages[1]!r}, the model's languages. If these two are terms, put "
                "a row with the languages before them"
            )
            return
        else:
            yield (cells[1], cells[0]) if is_reversed else (cells[0], cells[1]), number


def _tbx_rows(path: str | Path, languages: tuple[str, str], found: FileFaults) -> _Rows:
    seen: Counter[str] = Counter()
    pairs: set[tuple[str, str]] = set()  # two concepts may share both terms
    num_concepts = num_used = 0
    try:
        for concept in read_concepts(read_blocks(path), found.name):
            num_concepts += 1
            seen.update(concept.keys())
            source, target = match_pair(languages, concept)
            chosen = _chosen(concept, target)
            if source is None or chosen is None:
                continue
            num_used += 1
            for each in concept[source]:
                if (each.text, chosen.text) not in pairs:
                    pairs.add((each.text, chosen.text))
                    yield (each.text, chosen.text), each.line
    except InputError as error:
        found.break_off(str(error))
        return
    if not num_used:
        found.break_off(
            f"{found.name}: none of its {num_concepts} concepts has usable terms in both {languages[0]!r} "
            f"and {languages[1]!r}; languages there: {_listed(seen)}"
        )


def _chosen(concept: Mapping[str, list[TbxTerm]] | Concept, language: str | None) -> TbxTerm | None:
    """The term that is written in a language."""
    usable = [term for term in concept.get(language or "", ()) if not term.is_outdated] if language else []
    return next((term for term in usable if term.is_preferred), usable[0] if usable else None)


def _listed(seen: Counter[str]) -> str:
    return ", ".join(code or "none given" for code, _ in seen.most_common(_LANGUAGES_SHOWN)) or "none"


def _raise(found: FileFaults) -> None:
    faults = Faults("cannot read the glossary")
    found.report(faults)
    faults.raise_as(CorpusError)
