"""Translations of a new language's words without a dictionary, from the training text and the parent.

Word alignment of the text links the new language to the language that child and parent share. The parent
then links the shared language to its other language, whose rows the new ones start from: it translates the
words of its own vocabulary one at a time.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator, Mapping

from crosslate.engines.decoding import DecodingOptions
from crosslate.errors import InputError
from crosslate.languages.words import count_words, words_in
from crosslate.models.groups import Side
from crosslate.models.initialisers.initial_embeddings import TranslatedWord, with_capital_of
from crosslate.models.parent import Parent
from crosslate.text.corpora import SizedCorpus
from crosslate.text.segmenters import WORD_START
from crosslate.text.vocabularies import Vocabulary
from crosslate.text.word_alignment import Links, link_words
from crosslate.translation.translator import Translator

log = logging.getLogger(__name__)

_NUM_TRANSLATIONS = 5  # of each word, by the parent
_MOST_NEW_TOKENS = 16
_MOST_SHARES = 5  # further translations are mostly chance and add noise to the mean


def aligned_words(parent: Parent, side: Side, text: SizedCorpus) -> list[TranslatedWord]:
    """Words of a new language with translations into the parent's language on the same side.

    The weight of the translation p of a new word n is Σ_s P(s | n) P(p | s) over the words s of the shared
    language. P(s | n) comes from links in the text, P(p | s) from the parent's own translations. The five
    best translations of each word are kept.

    Args:
        parent: translates the words of its source vocabulary.
        side: of the new language in ``text``.
        text: sentence pairs; the other side is in the parent's language.

    Raises:
        InputError: no word of the text is linked.
    """
    at = 0 if side == "source" else 1
    new = link_words((words[at], words[1 - at]) for words in map(_lower_words, text))
    spellings, shared = _parent_links(parent, side)
    counts = count_words(text.lines(side))
    found: list[TranslatedWord] = []
    for word, count in sorted(counts.items()):
        weights = _through(new.get(word.lower(), {}), shared)
        if weights:
            best = sorted(weights, key=lambda each: (-weights[each], each))[:_MOST_SHARES]
            translations = with_capital_of(word, counts, (spellings[each] for each in best))
            shares = tuple(weights[each] for each in best)
            found.append(TranslatedWord(word, translations, float(count), shares))
    if not found:
        raise InputError(
            f"none of the {len(counts)} words of the new language could be linked to a word that the parent "
            "translates; check that the other side of the text is in the parent's language"
        )
    log.info(
        "aligned %s of %s words of the new language with words of the parent's language",
        f"{len(found):,}", f"{len(counts):,}",
    )  # fmt: skip
    return found


def _lower_words(pair: tuple[str, str]) -> tuple[list[str], list[str]]:
    return words_in(pair[0].lower()), words_in(pair[1].lower())


def _parent_links(parent: Parent, side: Side) -> tuple[dict[str, str], Links]:
    """Word translations by the parent.

    Returns:
        The spelling of each word in the parent's language on this side, and, for each word of the shared
        language, the weights of those words, which sum to 1. Keys are in lower case.
    """
    words = [piece.removeprefix(WORD_START) for piece in _whole_words(parent.source)]
    options = DecodingOptions(beam_size=_NUM_TRANSLATIONS, max_new_tokens=_MOST_NEW_TOKENS)
    # The only engine that needs no export and so works for every parent, including lower precision.
    translations = Translator(parent, engine="pytorch", options=options).n_best(words, _NUM_TRANSLATIONS)
    pairs = [(word, each.text) for word, found in zip(words, translations) for each in found]
    links = link_words(map(_lower_words, pairs))
    seen = words if side == "source" else [word for _, text in pairs for word in words_in(text)]
    spellings = _spellings(seen, parent.source if side == "source" else parent.target)
    return spellings, _to_side(links, side)


def _whole_words(vocabulary: Vocabulary) -> Iterator[str]:
    special = {index for index in vars(vocabulary.special).values() if index is not None}
    for index, piece in enumerate(vocabulary.marked_pieces):
        word = piece.removeprefix(WORD_START)
        if index not in special and word != piece and words_in(word) == [word]:
            yield piece


def _to_side(links: Links, side: Side) -> Links:
    """Links keyed by the word of the shared language.

    A link is weighted by its share of both words' links: a piece that is not a word gets arbitrary
    translations, and an article occurs in many of them.
    """
    columns: Counter[str] = Counter()
    for found in links.values():
        columns.update(found)
    turned: Links = {}
    for source, found in links.items():
        total = sum(found.values())
        for target, count in found.items():
            shared, theirs = (target, source) if side == "source" else (source, target)
            turned.setdefault(shared, {})[theirs] = count * count / (total * columns[target])
    return {shared: _normalised(found) for shared, found in turned.items()}


def _through(links: Mapping[str, float], shared: Links) -> dict[str, float]:
    """Weights of the parent's words for one new word, which sum to 1; empty if no link reaches any."""
    weights: dict[str, float] = {}
    for middle, share in links.items():
        for word, other in shared.get(middle, {}).items():
            weights[word] = weights.get(word, 0.0) + share * other
    return _normalised(weights)


def _normalised(weights: Mapping[str, float]) -> dict[str, float]:
    total = sum(weights.values())
    return {word: weight / total for word, weight in weights.items()}


def _spellings(words: list[str], vocabulary: Vocabulary) -> dict[str, str]:
    """How the parent spells words within a sentence: in lower case if its pieces or outputs have that."""
    forms: dict[str, dict[str, None]] = {}
    for word in words:
        forms.setdefault(word.lower(), {})[word] = None
    pieces = set(vocabulary.marked_pieces)
    found = {}
    for lower, seen in forms.items():
        whole = (form for form in (lower, *seen) if WORD_START + form in pieces)
        found[lower] = next(whole, lower if lower in seen else next(iter(seen)))
    return found
