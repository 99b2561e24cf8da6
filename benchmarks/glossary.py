"""Terms that a model would not use by itself: how many come out, and what that costs the rest.

    python -m benchmarks.glossary --parent FOLDER --train FILE FILE --text FILE FILE [--random]

For each of 200 sentences (``--sentences``), a word of the reference that the model's translation lacks
becomes the translation of the source word that it is aligned to; the alignment is learnt from the training
text. With ``--random``, a random word of the training text takes its place, as unlikely as a translation can
be. Each sentence has a glossary of its own, so no term is met by chance. Prints the share of terms used, and
BLEU without and with the glossaries: of the whole, and of what remains of references and translations without
the words (in translations without the glossary: without the word that attention links to the source word).
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import sacrebleu

from crosslate.languages.bleu_tokenizers import bleu_tokenizer
from crosslate.languages.words import word_spans, words_in
from crosslate.packs.stored_model import StoredModel
from crosslate.text.glossaries import Glossary
from crosslate.text.streams import read_lines
from crosslate.text.word_alignment import Links, link_words
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
    """A text without the first occurrence of each of some words."""
    for word in words:
        head, found, tail = text.partition(word)
        text = head + tail if found else text
    return text


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--parent", type=Path, required=True)
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
    stored = StoredModel((), str(arguments.parent))
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
    started = time.monotonic()
    constrained, num_missed = [], 0
    for row in rows:
        glossary = Glossary([row.term], stored.source_language, stored.target_language)
        with_terms = translator.with_glossary(glossary)
        constrained += with_terms.translate([row.source])
        num_missed += with_terms.term_use.num_missed
    seconds = time.monotonic() - started
    report(rows, constrained, words_for(translator, rows), num_missed, stored.target_language)
    print(f"{seconds / max(1, len(rows)):.2f} s a sentence, one by one")


def report(
    rows: Sequence[Row],
    constrained: Sequence[str],
    own_words: Sequence[Sequence[str]],
    num_missed: int,
    language: str,
) -> None:
    """Prints the share of terms used, and BLEU without and with the glossary."""
    references, terms = [row.reference for row in rows], [[row.term[1]] for row in rows]
    words = [[row.word] for row in rows]
    plain = [row.translation for row in rows]
    share = 100 * (1 - num_missed / max(1, len(rows)))
    print(f"{len(rows)} terms planted, {share:.1f} % used\n")
    print("| glossary | BLEU | BLEU of the rest |\n|---|---|---|")
    rest = list(map(without, references, words))
    for name, texts, left_out in (("without", plain, own_words), ("with", constrained, terms)):
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
