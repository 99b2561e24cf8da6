"""Alignment jobs: do a pack's new embeddings lie where their translations lie?

Source: Gheini, Ren & May 2021, section 4.2.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from crosslate.errors import Faults, InputError, UsageError
from crosslate.evaluation.lexicon import WORD_START, LexiconScore, Way, induce, nearest_neighbours
from crosslate.text.streams import read_lines

if TYPE_CHECKING:
    import numpy

    from crosslate.models.child import Child
    from crosslate.models.groups import Side
    from crosslate.models.parent import Parent
    from crosslate.packs.pack import Pack
    from crosslate.text.vocabularies import Vocabulary

_FAULTS_SHOWN = 3
LEXICON = "lexicon"
"""What measurements beside training call precision@1 by cosine, in percent."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Embeddings:
    """The embeddings of one side of a model.

    Attributes:
        name: whose they are, for people.
        language: code of the side's language.
        vocabulary: what the rows stand for.
        matrix: ``(pieces, width)`` float32.
    """

    name: str
    language: str
    vocabulary: Vocabulary
    matrix: numpy.ndarray


@dataclass(frozen=True)
class Neighbours:
    """The nearest words of one word.

    Attributes:
        word: as it was asked for.
        words: the nearest first.
        cosines: theirs, -1 to 1.
    """

    word: str
    words: tuple[str, ...]
    cosines: tuple[float, ...]


def renewed_side(packs: Sequence[Pack], side: str | None = None) -> Side:
    """The side whose new embeddings are looked at; all packs must renew it.

    Args:
        side: ``source`` or ``target``; None takes the one that the first pack renews.

    Raises:
        UsageError: the pack renews both sides and none was named, or no side, or the packs differ.
    """
    renewed = packs[0].manifest.renewed
    if side is None and len(renewed) > 1:
        raise UsageError(f"pack {packs[0].manifest.name!r} renews both sides; name one: source or target")
    chosen: Side | None = next((each for each in renewed if side in (None, each)), None)
    for pack in packs:
        if chosen is None or chosen not in pack.manifest.renewed:
            has = " and ".join(pack.manifest.renewed) or "no"
            wanted = chosen or side or "source or target"
            raise UsageError(
                f"pack {pack.manifest.name!r} renews {has} vocabulary, so it has no new {wanted} embeddings"
            )
    if chosen is None:
        raise UsageError("no pack was given")
    return chosen


def embeddings(model: Parent | Child, side: Side, name: str) -> Embeddings:
    """The input embeddings of one side, without the rows that stand for no piece."""
    half = model.model.get_encoder() if side == "source" else model.model.get_decoder()
    vocabulary = model.source if side == "source" else model.target
    language = model.source_language if side == "source" else model.target_language
    table = half.get_input_embeddings().weight.detach()[: len(vocabulary)]
    return Embeddings(name, language, vocabulary, table.float().cpu().numpy())


def read_entries(path: str | Path) -> list[tuple[str, str]]:
    """Reads a dictionary in MUSE's format: a word and a translation per line, a word as often as it has some.

    The two are separated by a tab, or by other space where there is no tab. Compressed files are read
    directly, by their ending.

    Raises:
        CorpusError: the file cannot be read as text.
        InputError: a line without exactly two words, or no line at all.
    """
    entries: list[tuple[str, str]] = []
    faults = Faults("cannot read the dictionary")
    num_faults = 0
    for number, line in enumerate(read_lines(path), start=1):
        if not line.strip():
            continue
        cells = [cell.strip() for cell in (line.split("\t") if "\t" in line else line.split())]
        if len(cells) != 2 or not all(cells):
            num_faults += 1
            if num_faults <= _FAULTS_SHOWN:
                faults.add(
                    f"{path}, line {number}: expected a word and its translation with a tab or a space "
                    f"between, found {line[:60]!r}"
                )
            continue
        entries.append((cells[0], cells[1]))
    if num_faults > _FAULTS_SHOWN:
        faults.add(f"{path}: {num_faults - _FAULTS_SHOWN} more such lines")
    faults.raise_as(InputError)
    if not entries:
        raise InputError(f"{path} holds no words; expected a word and its translation per line")
    return entries


def read_dictionary(path: str | Path) -> dict[str, set[str]]:
    """All translations of each word; see :func:`read_entries` for the format and the faults."""
    dictionary: dict[str, set[str]] = {}
    for word, translation in read_entries(path):
        dictionary.setdefault(word, set()).add(translation)
    return dictionary


def compose_dictionaries(
    first: Mapping[str, Collection[str]], second: Mapping[str, Collection[str]]
) -> dict[str, list[str]]:
    """A dictionary through a third language, in the order of the two; words without a way are left out."""
    composed = {
        word: list(dict.fromkeys(end for middle in translations for end in second.get(middle, ())))
        for word, translations in first.items()
    }
    return {word: ends for word, ends in composed.items() if ends}


def through(one: Embeddings, middle: Embeddings) -> Embeddings:
    """Embeddings with each row replaced by the nearest whole word's of ``middle``, by cosine.

    What is looked up among a third model's words is then not the word itself but what it means in the parent.
    """
    words = whole_word_rows(middle.vocabulary)
    found, _ = nearest_neighbours(one.matrix, middle.matrix[words], 1)
    return replace(one, matrix=middle.matrix[words][found[:, 0]])


def whole_word_rows(vocabulary: Vocabulary) -> list[int]:
    """Ids of the pieces that start a word and hold more than its mark."""
    return [
        row
        for row, piece in enumerate(vocabulary.marked_pieces)
        if piece.startswith(WORD_START) and len(piece) > len(WORD_START)
    ]


def words_of_languages(
    model: Parent | Child, side: Side, words: Mapping[Side, Collection[str]]
) -> tuple[Embeddings, Embeddings]:
    """The embeddings of the words of one side's language and of the other's, for one shared vocabulary.

    Where both languages share a table, a word that both have is one row and its own nearest neighbour, so
    words that occur on both sides are left out.

    Args:
        model: both sides have the same vocabulary, as children of denoising parents do.
        side: whose words come first.
        words: those that occur in the text of each side, in lower case.
    """
    found = []
    for each in (side, other_side(side)):
        own = set(words[each]) - set(words[other_side(each)])
        table = embeddings(model, each, each)
        rows = [
            row
            for row in whole_word_rows(table.vocabulary)
            if table.vocabulary.marked_pieces[row].removeprefix(WORD_START).lower() in own
        ]
        vocabulary, kept = table.vocabulary.restricted(rows)
        found.append(replace(table, vocabulary=vocabulary, matrix=table.matrix[kept]))
    return found[0], found[1]


def other_side(side: Side) -> Side:
    return "target" if side == "source" else "source"


def measure_against_parent(
    parent: Parent, side: Side, dictionary: Mapping[str, Collection[str]]
) -> Callable[[Child], dict[str, float]]:
    """A measurement beside training: how many of a child's words lie nearest to a translation in its parent.

    Args:
        parent: its embeddings are read once; training does not change them.
        side: which the child renews.
        dictionary: from the child's language to the parent's.

    Returns:
        Gives ``{"lexicon": precision@1}`` of a child, by cosine, 0-100; nothing where no word can be tested.
    """
    others = embeddings(parent, side, "parent")
    return lambda child: _precision(embeddings(child, side, "child"), others, dictionary)


def measure_between_languages(
    words: Mapping[Side, Collection[str]], side: Side, dictionary: Mapping[str, Collection[str]]
) -> Callable[[Child], dict[str, float]]:
    """The same for children whose two languages share a vocabulary: one side's words among the other's.

    Args:
        words: see :func:`words_of_languages`.
        side: whose words are looked up.
        dictionary: from that side's language to the other's.
    """
    return lambda child: _precision(*words_of_languages(child, side, words), dictionary)


def _precision(
    one: Embeddings, other: Embeddings, dictionary: Mapping[str, Collection[str]]
) -> dict[str, float]:
    try:
        found = lexicon_score(one, other, dictionary, 0)
    except InputError as error:
        # A training must not end because what it is watched with finds nothing to measure.
        log.warning("no lexicon precision: %s", error)
        return {}
    return {LEXICON: round(found.precision_at_1, 3)}


def lexicon_score(
    child: Embeddings,
    others: Embeddings,
    dictionary: Mapping[str, Collection[str]],
    num_examples: int = 10,
    *,
    way: Way = "cosine",
    child_words: Collection[str] | None = None,
    parent_words: Collection[str] | None = None,
) -> LexiconScore:
    """How often a word is found by its nearest pieces: :func:`crosslate.evaluation.lexicon.induce`."""
    return induce(
        child.vocabulary.marked_pieces,
        child.matrix,
        others.vocabulary.marked_pieces,
        others.matrix,
        dictionary,
        num_examples=num_examples,
        way=way,
        child_words=child_words,
        parent_words=parent_words,
    )


def neighbours(child: Embeddings, others: Embeddings, words: Sequence[str], k: int = 10) -> list[Neighbours]:
    """The ``k`` whole words of ``others`` that are nearest to each of ``words``.

    Args:
        words: words that are one piece of the child's vocabulary.

    Raises:
        InputError: lists every word that is not one piece, with the pieces that it is split into.
    """
    rows = {piece: row for row, piece in enumerate(child.vocabulary.marked_pieces)}
    faults = Faults(f"only words that are one piece of {child.name} have embeddings of their own")
    for word in words:
        if WORD_START + word not in rows:
            pieces = " ".join(child.vocabulary.encode_pieces(word)) or "nothing"
            faults.add(f"{word!r} is split into {pieces}")
    faults.raise_as(InputError)
    candidates = whole_word_rows(others.vocabulary)
    if not words:
        return []
    asked = [rows[WORD_START + word] for word in words]
    found, cosines = nearest_neighbours(
        child.matrix[asked], others.matrix[candidates], min(k, len(candidates))
    )
    return [
        Neighbours(
            word,
            tuple(others.vocabulary.marked_pieces[candidates[each]].removeprefix(WORD_START) for each in row),
            tuple(float(cosine) for cosine in near),
        )
        for word, row, near in zip(words, found, cosines)
    ]
