"""Training pairs whose sources say how some of their words are translated, from which a model learns terms.

The terms are words and phrases that the training text itself aligns. Of these, rarer ones are taken more
often, since the terms of glossaries are rare. In half of the copies, a word of a translation stands in the
form that its source word is mostly translated by, so that the model learns to inflect what it is given.

Sources: Dinu et al. 2019, https://aclanthology.org/P19-1294; other forms: Bergmanis & Pinnis 2021,
https://aclanthology.org/2021.eacl-main.271, who take lemmas of a tagger. Annotated pairs are copies beside
all pairs, where Dinu et al. annotate a part of these.
"""

from __future__ import annotations

import logging
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from itertools import combinations
from pathlib import Path
from typing import NamedTuple

from crosslate.adaptation.data import Prepared
from crosslate.adaptation.settings import NewLanguages, TermSettings
from crosslate.errors import CorpusError
from crosslate.languages.letter_case import lower
from crosslate.languages.word_forms import are_forms
from crosslate.models.parent import Parent
from crosslate.packs.pack import Pack
from crosslate.text.corpora import SizedCorpus, stored_like
from crosslate.text.glossaries import word_and_sign_spans
from crosslate.text.reading import Pairs
from crosslate.text.term_annotations import AnnotatedText, Insertion, TermMarkers, choose_markers, is_spelt
from crosslate.text.vocabularies import Vocabulary
from crosslate.text.word_alignment import Links, link_words

log = logging.getLogger(__name__)

_MOST_PAIRS = 500_000  # an epoch draws few of them
_MOST_TERMS, _MOST_WORDS, _MOST_UNITS = 3, 4, 256  # of a sentence, of a term, of a sentence that is looked at
_LEAST_SHARE = 0.1  # of a word's links
_OTHER_FORM = 0.5  # how often a translation stands in its most usual form
_MOST_SPELT = 100_000


def with_learnt_terms(
    prepared: Prepared,
    parent: Parent,
    new: NewLanguages | Pack,
    settings: TermSettings,
    seed: int,
    folder: Path,
) -> Prepared:
    """Adds annotated copies of training pairs, if terms are to be learnt.

    A pack that has learnt terms and goes on keeps its markers, and always learns them further, or it would
    forget them. Where the source vocabulary is kept, a translation that it cannot spell is not put in; a new
    one learns their spelling.

    Args:
        new: the new languages, or the pack that goes on.
        folder: where the copies of a corpus in files are stored.

    Raises:
        CorpusError: no words of the text could be aligned.
        VocabularyError: the vocabulary that is kept has no signs to mark terms with.
    """
    markers = new.manifest.terms if isinstance(new, Pack) else None
    if not settings.learn and markers is None:
        return prepared
    if isinstance(new, Pack):
        kept: Vocabulary | None = new.vocabularies.get("source", parent.source)
    else:
        kept = None if "source" in new.renewed else parent.source
    corpus = prepared.train
    if markers is None:
        markers = choose_markers(corpus.lines("source"), kept, parent.name)
    annotator = _Annotator(corpus, markers, kept, seed)
    pairs = stored_like(annotator.pairs(), corpus, folder)
    if not len(pairs):
        raise CorpusError(
            f"{corpus.origin}: terms are to be learnt, but none of its {len(corpus)} pairs has words that "
            "could be aligned and spelt; expected sentences that translate each other: do not learn terms"
        )
    log.info(
        "%s of %s pairs are annotated with %s terms, marked by %s",
        f"{len(pairs):,}", f"{len(corpus):,}", f"{annotator.num_terms:,}", " ".join(markers.signs),
    )  # fmt: skip
    prepared.record["annotated"] = {
        "origin": corpus.origin, "pairs": len(pairs), "terms": annotator.num_terms, "share": settings.share,
        "sha256": pairs.content_hash,
    }  # fmt: skip
    return replace(prepared, annotated=AnnotatedText(pairs, settings.share, markers))


class _Words(NamedTuple):
    """The words and signs of a sentence: where they stand, and in small letters, "" for those without any."""

    spans: list[tuple[int, int]]
    small: list[str]


@dataclass(frozen=True)
class _Phrase:
    """Neighbouring words and those that translate them, by their places."""

    ours: range
    theirs: range


class _Annotator:
    """Annotates pairs of a corpus by its own word alignment.

    Args:
        source: the vocabulary that must spell translations; None spells any.

    Attributes:
        num_terms: put in so far.
    """

    def __init__(
        self, corpus: SizedCorpus, markers: TermMarkers, source: Vocabulary | None, seed: int
    ) -> None:
        self._corpus, self._markers = corpus, markers
        self._random, self.num_terms = random.Random(f"terms {seed}"), 0
        self._is_spelt = lru_cache(_MOST_SPELT)(
            (lambda _: True) if source is None else partial(is_spelt, vocabulary=source)
        )
        self._links: Links = link_words(
            (list(filter(None, ours.small)), list(filter(None, theirs.small)))
            for _, ours, _, theirs in self._read()
        )
        self._totals = {word: sum(found.values()) for word, found in self._links.items()}
        self._their_totals: dict[str, float] = {}
        for found in self._links.values():
            for word, count in found.items():
                self._their_totals[word] = self._their_totals.get(word, 0.0) + count
        self._counts: Counter[str] = Counter()
        spellings: Counter[tuple[str, str]] = Counter()
        for _, ours, target, theirs in self._read():
            self._counts.update(ours.small)
            # The first word may have its capital from the sentence.
            spellings.update(
                (small, target[start:end]) for small, (start, end) in zip(theirs.small[1:], theirs.spans[1:])
            )
        self._usual = {small: spelt for (small, spelt), _ in reversed(spellings.most_common())}

    def _read(self) -> Iterator[tuple[str, _Words, str, _Words]]:
        """The pairs that are looked at, evenly spread over the corpus."""
        source_language, target_language = self._corpus.languages
        count = len(self._corpus)
        for row, (source, target) in enumerate(self._corpus):
            is_chosen = row * _MOST_PAIRS // count != (row - 1) * _MOST_PAIRS // count
            if (count > _MOST_PAIRS and not is_chosen) or any(map(self._markers.are_in, (source, target))):
                continue
            ours, theirs = _words(source, source_language), _words(target, target_language)
            if max(len(ours.small), len(theirs.small)) <= _MOST_UNITS:
                yield source, ours, target, theirs

    def pairs(self) -> Pairs:
        """The pairs in which terms are found, with their sources annotated."""
        for source, ours, target, theirs in self._read():
            terms = self._terms(ours, target, theirs)
            if terms:
                self.num_terms += len(terms)
                yield self._markers.annotated(source, terms), target

    def _terms(self, ours: _Words, target: str, theirs: _Words) -> list[Insertion]:
        """Some of the terms of a pair, with the translations to put in."""
        links = self._linked(ours.small, theirs.small)
        weighed = []
        for phrase in _phrases(links, ours, theirs):
            commonest = max(self._counts[ours.small[place]] for place in phrase.ours)
            # Efraimidis & Spirakis 2006: drawn by these weights, each only once. Few terms have many words.
            weight = commonest**-0.5 / 2 ** (len(phrase.ours) + len(phrase.theirs))
            weighed.append((self._random.random() ** (1 / weight), phrase))
        num_wanted = self._random.randint(1, _MOST_TERMS)
        terms: list[Insertion] = []
        taken: set[int] = set()
        for _, phrase in sorted(weighed, key=lambda each: -each[0]):
            if len(terms) < num_wanted and taken.isdisjoint(phrase.ours):
                text = self._translation(phrase, links, ours, target, theirs)
                if self._is_spelt(text):
                    terms.append((ours.spans[phrase.ours[0]][0], ours.spans[phrase.ours[-1]][1], text))
                    taken.update(phrase.ours)
        return sorted(terms)

    def _translation(
        self, phrase: _Phrase, links: set[tuple[int, int]], ours: _Words, target: str, theirs: _Words
    ) -> str:
        """The translation of a phrase as its sentence has it, or with its words in their usual forms."""
        is_other = self._random.random() < _OTHER_FORM
        text, done = "", theirs.spans[phrase.theirs[0]][0]
        for place in phrase.theirs:
            start, end = theirs.spans[place]
            word, small = target[start:end], theirs.small[place]
            if place == 0:
                word = self._usual.get(small, word)
            if is_other:
                linked = [ours.small[one] for one, other in links if other == place]
                form = self._usual_form(small, sorted(linked))
                word = word if form == small else self._usual.get(form, form)
            text += target[done:start] + word
            done = end
        return " ".join(text.split())

    def _usual_form(self, word: str, linked: Sequence[str]) -> str:
        """The form of a word by which the words that it translates are translated most."""
        counts = {word: 0.0}
        for source in linked:
            for other, count in self._links[source].items():
                if count >= _LEAST_SHARE * self._totals[source] and are_forms(word, other):
                    counts[other] = counts.get(other, 0.0) + count
        return max(counts, key=lambda each: (counts[each], each))

    def _linked(self, ours: Sequence[str], theirs: Sequence[str]) -> set[tuple[int, int]]:
        """Each word with its likeliest translation in a sentence, in both directions, if likely enough."""
        best: dict[tuple[str, int], tuple[float, float, tuple[int, int]]] = {}
        for one, source in enumerate(ours):
            found = self._links.get(source, {})
            for other, target in enumerate(theirs):
                if (count := found.get(target, 0.0)) == 0.0:
                    continue
                near = -abs((one + 0.5) / len(ours) - (other + 0.5) / len(theirs))
                shares = (
                    (("source", one), count / self._totals[source]),
                    (("target", other), count / self._their_totals[target]),
                )
                for key, share in shares:
                    if share >= _LEAST_SHARE and (key not in best or (share, near, (one, other)) > best[key]):
                        best[key] = share, near, (one, other)
        return {link for _, _, link in best.values()}


def _phrases(links: set[tuple[int, int]], ours: _Words, theirs: _Words) -> Iterator[_Phrase]:
    """Neighbouring words whose links all lead to neighbouring words, and these back to them.

    Their first and last words are linked, and none is a sign.

    Source: Koehn, Och & Marcu 2003, https://aclanthology.org/N03-1017.
    """
    linked = sorted({one for one, _ in links})
    for start, last in [*((one, one) for one in linked), *combinations(linked, 2)]:
        if last - start >= _MOST_WORDS:
            continue
        inside = [other for one, other in links if start <= one <= last]
        first, end = min(inside), max(inside) + 1
        back = [one for one, other in links if first <= other < end]
        words = [*ours.small[start : last + 1], *theirs.small[first:end]]
        if end - first <= _MOST_WORDS and start <= min(back) and max(back) <= last and all(words):
            yield _Phrase(range(start, last + 1), range(first, end))


def _words(text: str, language: str) -> _Words:
    spans = word_and_sign_spans(text)
    small = lower("\n".join(text[start:end] for start, end in spans), language).split("\n")  # none has any
    return _Words(spans, [word if any(map(str.isalpha, word)) else "" for word in small] if spans else [])
