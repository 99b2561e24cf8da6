"""An engine whose translations use the terms of a glossary."""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache, partial
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from crosslate.documents.placement import Links
from crosslate.engines.constrained import (
    START,
    Constraint,
    Spelling,
    Wanted,
    spellings_of,
    translate_constrained,
)
from crosslate.engines.decoding import DecodingOptions, Engine, Hypothesis, Pair
from crosslate.errors import ParentError
from crosslate.text.glossaries import Glossary, Match, Term, Words, words_and_signs
from crosslate.text.term_annotations import is_spelt

if TYPE_CHECKING:
    from crosslate.engines.pytorch import TorchEngine
    from crosslate.models.child import Child
    from crosslate.models.parent import Parent

log = logging.getLogger(__name__)

# In one text; the time of a search grows with their square.
_MOST_PHRASES = 32
# Phrases, and words of translations, whose spellings are remembered.
_MOST_SPELT = 20_000


@dataclass
class TermUse:
    """What became of the terms of a glossary.

    Attributes:
        num_found: terms found in texts, each as often as it occurred.
        missed: those whose translation is missing, with how often.
    """

    num_found: int = 0
    missed: Counter[Term] = field(default_factory=Counter)

    @property
    def num_missed(self) -> int:
        return self.missed.total()

    def described(self, most: int = 5) -> str:
        """For people: ``117 of 120 terms used; missing: dog → perro, red → rojo (2)``."""
        text = f"{self.num_found - self.num_missed} of {self.num_found} terms used"
        if not self.missed:
            return text
        shown = [
            f"{term.source} → {term.target}" + (f" ({count})" if count > 1 else "")
            for term, count in self.missed.most_common(most)
        ]
        more = len(self.missed) - len(shown)
        return f"{text}; missing: {', '.join(shown)}" + (f" and {more} more" if more else "")


class GlossaryEngine:
    """Translates with an engine, and again where terms of a glossary are missing from a translation.

    A model that has learnt terms reads their translations in the text, as far as its source vocabulary can
    spell them and the text stays short enough. Any other model reads the text as it is. The second
    translation is that of the text as it is, searched among those that contain all terms of the text, by
    :func:`crosslate.engines.constrained.translate_constrained`. If it finds none, the first one stays.

    Args:
        engine: the first one.
        glossary: for its pair of languages, and for its model (:meth:`Glossary.for_model`).
        live: gives the same model in PyTorch for the second translation; called when it is needed.

    Attributes:
        use: counts terms in the best translations of all texts so far.
    """

    def __init__(self, engine: Engine, glossary: Glossary, live: Callable[[], Parent | Child]) -> None:
        self.name, self.source, self.target = engine.name, engine.source, engine.target
        self.max_source_tokens = engine.max_source_tokens
        self.use = TermUse()
        self._engine, self._glossary, self._live = engine, glossary, live
        self._is_read = lru_cache(_MOST_SPELT)(partial(is_spelt, vocabulary=engine.source))
        self._spelt = lru_cache(_MOST_SPELT)(partial(spellings_of, engine.target))
        self._lock = threading.Lock()

    def translate(self, texts: Sequence[str], options: DecodingOptions) -> list[list[Hypothesis]]:
        """See :meth:`crosslate.engines.decoding.Engine.translate`.

        Where fewer than ``n_best`` translations with all terms were found, the best others follow.
        """
        matches = [self._glossary.matches(text) for text in texts]
        ranked = self._engine.translate([*map(self._annotated, texts, matches)], options)
        lacking = {
            index: constraints
            for index, (found, (first, *_)) in enumerate(zip(matches, ranked, strict=True))
            if found and (constraints := self._lacking(found, first.text))
        }
        if lacking:
            rows = [(texts[index], ranked[index][0], matches[index], lacking[index]) for index in lacking]
            with self._lock:
                again = self._with_terms(rows, options)
            for index, better in zip(lacking, again, strict=True):
                known = {each.pieces for each in better}
                others = [each for each in ranked[index] if each.pieces not in known]
                ranked[index] = [*better, *others][: options.n_best]
        for found, (best, *_) in zip(matches, ranked, strict=True):
            self.use.num_found += len(found)
            self.use.missed.update(self._glossary.missed(found, best.text))
        return ranked

    def log_probabilities(self, pairs: Sequence[Pair]) -> list[list[float]]:
        """See :meth:`crosslate.engines.decoding.Engine.log_probabilities`; the first engine's."""
        return self._engine.log_probabilities(pairs)

    def _annotated(self, text: str, matches: Sequence[Match]) -> str:
        """The text as the model reads it: with its terms, if it has learnt to use these."""
        if self._glossary.markers is None:
            return text
        readable = [match for match in matches if self._is_read(match.term.target)]
        if not readable:
            return text
        annotated = self._glossary.annotated(text, readable)
        fits = len(self.source.encode(annotated)) <= self.max_source_tokens
        return annotated if fits else text

    def _lacking(self, matches: Sequence[Match], translation: str) -> dict[str, Constraint]:
        """The phrases wanted for a text, by their text, if its translation lacks one that can be written."""
        found = {
            phrase.text: Constraint(spellings, count, phrase.occurrences)
            for phrase, count in self._glossary.wanted(matches)
            if (spellings := self._spellings(phrase.text, phrase.as_first))
        }
        # Those that are there already come last, and are the first to be given up.
        lacks = {text: each.count > each.occurrences(translation) for text, each in found.items()}
        kept = sorted(found, key=lambda text: not lacks[text])[:_MOST_PHRASES]
        return {text: found[text] for text in kept} if any(lacks.values()) else {}

    def _with_terms(
        self,
        rows: Sequence[tuple[str, Hypothesis, Sequence[Match], Mapping[str, Constraint]]],
        options: DecodingOptions,
    ) -> list[list[Hypothesis]]:
        """Translations with all terms of texts; of each, a first one is known, and what it must have."""
        links_of = self._links([(text, first.text) for text, first, *_ in rows])
        wanted = []
        for text, first, matches, constraints in rows:
            ours, theirs = words_and_signs(text), words_and_signs(first.text)
            of_phrases = [match for match in matches if match.term.target in constraints]
            found = replaced_words(of_phrases, theirs, links_of(ours, theirs) or ())
            words = {form for place in found for form in _forms(theirs[place])}
            replaced = frozenset(each.ids for word in words for each in self._spellings(word))
            placed = [self._placed(each, phrase, theirs, found) for phrase, each in constraints.items()]
            wanted.append(Wanted(placed, replaced, len(first.pieces) + 1))
        return translate_constrained(self._torch_engine, [text for text, *_ in rows], wanted, options)

    def _links(self, pairs: Sequence[tuple[str, str]]) -> Callable[[Words, Words], Links | None]:
        """Links between the words of texts and translations; none if the model gives no attention."""
        from crosslate.translation.word_links import anatomy_of, attention_links

        try:
            model = self._torch_engine.translation_model
            return attention_links(model, anatomy_of(self._live()), pairs, is_mutual=True)
        except ParentError as error:
            log.info("it is not known which words the terms replace: %s", error)
            return lambda *_: None

    def _placed(
        self, constraint: Constraint, phrase: str, translation: Words, replaced: Mapping[int, str]
    ) -> Constraint:
        """A constraint with the place of the words that its phrase replaces.

        Args:
            translation: words and signs of a first translation.
            replaced: places in it of words that stand for terms, with the phrases for them.
        """
        places = [place for place, text in replaced.items() if text == phrase]
        after = {START} if 0 in places else set()
        for place in places:
            if place and place - 1 not in places:
                after |= {each.ids[-1] for each in self._spellings(translation[place - 1])}
        return replace(constraint, after=frozenset(after), place=min(places, default=None))

    def _spellings(self, text: str, as_first: str = "") -> tuple[Spelling, ...]:
        return self._spelt(text, as_first or text)

    @cached_property
    def _torch_engine(self) -> TorchEngine:
        from crosslate.engines.pytorch import TorchEngine
        from crosslate.models.tensors import alias_model

        model = self._live()
        # A module tree of its own: attention is switched over in it while others may translate.
        view: Any = SimpleNamespace(model=alias_model(model.model), source=model.source, target=model.target)
        return TorchEngine(view)


def replaced_words(matches: Sequence[Match], translation: Words, links: Links) -> dict[int, str]:
    """The words of a first translation that stand for nothing but terms, wherever they occur in it.

    Words that the translations of terms contain are left out.

    Args:
        translation: its words and signs.
        links: places of words in the translation and in the text.

    Returns:
        The translation of the term by the place of the word.
    """
    terms = {place: match.term.target for match in matches for place in match.words}
    kept = {translation[ours] for ours, theirs in links if theirs not in terms}
    kept.update(*(words_and_signs(target) for target in terms.values()))
    return {
        ours: terms[theirs]
        for ours, theirs in links
        if translation[ours] not in kept and any(map(str.isalnum, translation[ours]))
    }


def _forms(word: str) -> set[str]:
    """A word in the cases that it may have elsewhere in a sentence."""
    return {word, word.lower(), word[:1].upper() + word[1:]}
