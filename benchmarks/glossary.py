"""Terms that a model would not use by itself: how many come out, and what that costs the rest.

    python -m benchmarks.glossary --parent FOLDER --train FILE FILE --text FILE FILE [--random]
    python -m benchmarks.glossary --packs FOLDER --parent FOLDER --train FILE FILE --text FILE FILE

For each of 200 sentences (``--sentences``), a word of the reference that the model's translation lacks
becomes the translation of the source word that it is aligned to; the alignment is learnt from the training
text. With ``--random``, a random word of the training text takes its place, as unlikely as a translation can
be. Each sentence has a glossary of its own, so no term is met by chance. Prints the share of terms used, and
BLEU without and with the glossaries: of the whole, and of what remains of references and translations without
the words (in translations without the glossary: without the word that attention links to the source word).

A pack that has learnt terms is measured three times: by the search alone, as for any other pack; by the terms
in its text alone; and by both, as it is used. The forms of a term that such a pack may write count as used.
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import sacrebleu

from crosslate.engines.decoding import DecodingOptions, Engine, Hypothesis
from crosslate.languages.bleu_tokenizers import bleu_tokenizer
from crosslate.languages.word_forms import are_forms
from crosslate.languages.words import word_spans, words_in
from crosslate.packs.stored_model import StoredModel
from crosslate.text.glossaries import Glossary
from crosslate.text.streams import read_lines
from crosslate.text.word_alignment import Links, link_words
from crosslate.translation.glossary_engine import GlossaryEngine
from crosslate.translation.lines import translate_lines
from crosslate.translation.translator import Translator
from crosslate.translation.word_links import anatomy_of, attention_links

_TRAINING_PAIRS = 50_000
_LEAST_SHARE = 0.1  # of a source word's links


class Row(NamedTuple):
    """A sentence with a term planted.

    Attributes:
        word: of the reference, that the term's translation is or stands for.
    """

    source: str
    reference: str
    translation: str
    word: str
    term: tuple[str, str]


def planted(source: str, reference: str, translation: str, links: Links) -> tuple[str, str] | None:
    """A word of a source and the word of its reference that translates it, if the translation lacks that."""
    ours, theirs, known = (words_in(text) for text in (source, reference, translation))
    lacking = (
        {word for word in theirs if theirs.count(word) == 1} - {word.lower() for word in known} - {*known}
    )
    best = None
    for word in ours:
        found = links.get(word.lower(), {})
        total = sum(found.values())
        for other in lacking:
            share = found.get(other.lower(), 0.0) / total if total else 0.0
            if share >= _LEAST_SHARE and ours.count(word) == 1 and (best is None or share > best[0]):
                best = share, word, other
    return best and (best[1], best[2])


def without(text: str, words: Sequence[str]) -> str:
    """A text without the first occurrence of each of some words, or of a form of it."""
    for word in words:
        forms = (each for each in words_in(text) if are_forms(each.lower(), word.lower()))
        head, found, tail = text.partition(word if word in text else next(forms, word))
        text = head + tail if found else text
    return text


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--parent", type=Path)
    parser.add_argument("--packs", type=Path, nargs="*", default=[])
    parser.add_argument("--train", type=Path, nargs=2, required=True)
    parser.add_argument("--text", type=Path, nargs=2, required=True)
    parser.add_argument("--sentences", type=int, default=200)
    parser.add_argument("--random", action="store_true")
    arguments = parser.parse_args()
    train = zip(*map(read_lines, arguments.train), strict=True)
    links = link_words(
        ([word.lower() for word in words_in(one)], [word.lower() for word in words_in(other)])
        for one, other in islice(train, _TRAINING_PAIRS)
    )
    known, choice = sorted({word for found in links.values() for word in found}), random.Random(1)
    stored = StoredModel(arguments.packs, arguments.parent)
    translator = Translator.of_stored(stored, engine="pytorch")
    sources, references = (list(read_lines(path)) for path in arguments.text)
    rows: list[Row] = []
    translations = translator.translate_lines(sources, window_lines=64)
    for source, reference, translation in zip(sources, references, translations):
        if len(rows) < arguments.sentences and (term := planted(source, reference, translation, links)):
            word, other = term
            rows.append(
                Row(
                    source,
                    reference,
                    translation,
                    other,
                    (word, choice.choice(known) if arguments.random else other),
                )
            )
        elif len(rows) == arguments.sentences:
            break
    results = [measured(name, engine, rows, stored) for name, engine in ways(translator, stored)]
    report(rows, results, words_for(translator, rows), stored.target_language)


class Result(NamedTuple):
    """What one way of using a glossary gave.

    Attributes:
        translations: of the rows.
        share: of terms that are used, 0-100.
        seconds: for a sentence, one by one.
    """

    name: str
    translations: list[str]
    share: float
    seconds: float


Way = Callable[[Glossary], Engine]
"""Makes an engine that uses a glossary."""


def ways(translator: Translator, stored: StoredModel) -> list[tuple[str, Way]]:
    """The ways to use a glossary, by name: the search, and for a pack that has learnt terms the others."""
    engine, live, markers = translator.engine, translator.live_model, stored.term_markers
    found: list[tuple[str, Way]] = [("searched", lambda glossary: GlossaryEngine(engine, glossary, live))]
    if markers is not None:
        found += [
            ("in the text", lambda glossary: _Annotating(engine, glossary.for_model(markers))),
            ("both", lambda glossary: GlossaryEngine(engine, glossary.for_model(markers), live)),
        ]
    return found


class _Annotating:
    """Translates texts with their terms in them, and searches for none."""

    def __init__(self, engine: Engine, glossary: Glossary) -> None:
        self.name, self.source, self.target = engine.name, engine.source, engine.target
        self.max_source_tokens, self._engine, self._glossary = engine.max_source_tokens, engine, glossary
        self.log_probabilities = engine.log_probabilities

    def translate(self, texts: Sequence[str], options: DecodingOptions) -> list[list[Hypothesis]]:
        annotated = [self._glossary.annotated(text, self._glossary.matches(text)) for text in texts]
        return self._engine.translate(annotated, options)


def measured(name: str, way: Way, rows: Sequence[Row], stored: StoredModel) -> Result:
    """Translates each row with a glossary of its own."""
    pair, translations, num_missed = (stored.source_language, stored.target_language), [], 0
    started = time.monotonic()
    for row in rows:
        glossary = Glossary([row.term], *pair)
        lines = translate_lines(
            way(glossary), [row.source], DecodingOptions(), language=pair[0], target_language=pair[1]
        )
        translations += lines
        # Whatever the way, forms count if the model has learnt them, so that shares can be compared.
        judge = glossary.for_model(stored.term_markers)
        num_missed += len(judge.missed(judge.matches(row.source), translations[-1]))
    count = max(1, len(rows))
    return Result(name, translations, 100 * (1 - num_missed / count), (time.monotonic() - started) / count)


def report(
    rows: Sequence[Row], results: Sequence[Result], own_words: Sequence[Sequence[str]], language: str
) -> None:
    """Prints the share of terms used, and BLEU without the glossary and with it in every way."""
    references, terms = [row.reference for row in rows], [[row.term[1]] for row in rows]
    plain = [row.translation for row in rows]
    print(f"{len(rows)} terms planted\n")
    for each in results:
        print(f"{each.name}: {each.share:.1f} % used, {each.seconds:.2f} s a sentence, one by one")
    print("\n| glossary | BLEU | BLEU of the rest |\n|---|---|---|")
    rest = [without(row.reference, [row.word]) for row in rows]
    compared = [("without", plain, own_words), *((each.name, each.translations, terms) for each in results)]
    for name, texts, left_out in compared:
        scores = [
            sacrebleu.corpus_bleu(
                list(one), [list(other)], tokenize=bleu_tokenizer(language, references)
            ).score
            for one, other in ((texts, references), (map(without, texts, left_out), rest))
        ]
        print(f"| {name} | {scores[0]:.1f} | {scores[1]:.1f} |")


def words_for(translator: Translator, rows: Sequence[Row]) -> list[list[str]]:
    """The word of each translation that attention links to the source word of the term, if there is one."""
    model = translator.live_model()
    pairs = [(row.source, row.translation) for row in rows]
    links_of = attention_links(model, anatomy_of(model), pairs, is_mutual=True)
    found = []
    for row in rows:
        ours, theirs = ([text[a:b] for a, b in word_spans(text)] for text in (row.source, row.translation))
        links = links_of(ours, theirs) or []
        found.append([theirs[one] for one, other in links if ours[other] == row.term[0]])
    return found


if __name__ == "__main__":
    main()
