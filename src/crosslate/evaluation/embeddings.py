"""The embeddings of one side of a model, and the words nearest to its words.

Source: Gheini, Ren & May 2021, section 4.2.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast

from crosslate.errors import Faults, InputError, UsageError
from crosslate.evaluation.similarity import nearest_neighbours
from crosslate.models.groups import Side
from crosslate.text.segmenters import WORD_START

if TYPE_CHECKING:
    import numpy

    from crosslate.models.child import Child
    from crosslate.models.parent import Parent
    from crosslate.packs.pack import Pack
    from crosslate.text.vocabularies import Vocabulary


@dataclass(frozen=True)
class Embeddings:
    """The embeddings of one side of a model.

    Attributes:
        name: display name of the model.
        matrix: ``(pieces, width)`` float32.
    """

    name: str
    language: str
    vocabulary: Vocabulary
    matrix: numpy.ndarray

    @property
    def pieces(self) -> Sequence[str]:
        """The piece of every row, with its word-start mark."""
        return self.vocabulary.marked_pieces

    @property
    def whole_words(self) -> dict[int, str]:
        """Words by row, for pieces with a word-start mark and text."""
        return {
            row: piece.removeprefix(WORD_START)
            for row, piece in enumerate(self.pieces)
            if piece.startswith(WORD_START) and len(piece) > len(WORD_START)
        }


@dataclass(frozen=True)
class Neighbours:
    """The nearest words of a word, nearest first, with their cosines (-1 to 1)."""

    word: str
    words: tuple[str, ...]
    cosines: tuple[float, ...]


def embeddings(model: Parent | Child, side: Side, name: str) -> Embeddings:
    """The input embeddings of one side, without rows beyond the vocabulary."""
    from crosslate.models.sides import token_tables  # loads PyTorch, which is already loaded with a model

    parent: Any = getattr(model, "parent", model)
    vocabulary = model.source if side == "source" else model.target
    language = model.source_language if side == "source" else model.target_language
    table = token_tables(model.model, parent.anatomy, side)[0].weight.detach()[: len(vocabulary)]
    return Embeddings(name, language, vocabulary, table.float().cpu().numpy())


def renewed_side(packs: Sequence[Pack], side: str | None = None) -> Side:
    """The side whose new embeddings are compared; all packs must replace it.

    Args:
        side: ``source`` or ``target``; None uses the side that the first pack replaces.

    Raises:
        UsageError: a pack does not replace the side, or the first replaces both and ``side`` is None.
    """
    manifests = [pack.manifest for pack in packs]
    if side is None and len(manifests[0].renewed) > 1:
        raise UsageError(f"pack {manifests[0].name!r} replaces both sides; choose source or target")
    wanted = side or next(iter(manifests[0].renewed), "source or target")
    for manifest in manifests:
        if wanted not in manifest.renewed:
            has = " and ".join(manifest.renewed) or "neither"
            raise UsageError(f"pack {manifest.name!r} replaces {has}, so it has no new {wanted} embeddings")
    return cast("Side", wanted)


def neighbours(child: Embeddings, others: Embeddings, words: Sequence[str], k: int = 10) -> list[Neighbours]:
    """The ``k`` whole words of ``others`` nearest to each of ``words``, by cosine.

    Raises:
        InputError: lists every word that is not a single piece, with its pieces.
    """
    rows = {piece: row for row, piece in enumerate(child.pieces)}
    faults = Faults(f"only words that are single pieces of {child.name} have an embedding")
    for word in words:
        if WORD_START + word not in rows:
            pieces = " ".join(child.vocabulary.encode_pieces(word)) or "nothing"
            faults.add(f"{word!r} is split into {pieces}")
    faults.raise_as(InputError)
    if not words:
        return []
    candidates = list(others.whole_words.items())
    found, cosines = nearest_neighbours(
        child.matrix[[rows[WORD_START + word] for word in words]],
        others.matrix[[row for row, _ in candidates]],
        min(k, len(candidates)),
    )
    return [
        Neighbours(word, tuple(candidates[each][1] for each in near), tuple(map(float, of_word)))
        for word, near, of_word in zip(words, found, cosines)
    ]


def through(one: Embeddings, middle: Embeddings) -> Embeddings:
    """Embeddings with each row replaced by that of the nearest whole word in ``middle``, by cosine.

    Looking these up in a third model compares words by their nearest word in the parent.
    """
    words = middle.matrix[list(middle.whole_words)]
    found, _ = nearest_neighbours(one.matrix, words, 1)
    return replace(one, matrix=words[found[:, 0]])


def words_of_languages(
    model: Parent | Child, side: Side, words: Mapping[Side, Collection[str]]
) -> tuple[Embeddings, Embeddings]:
    """Embeddings of the words of each language, for a shared vocabulary.

    In a shared table, a word of both languages is one row and its own nearest neighbour, so words that occur
    on both sides are left out.

    Args:
        side: side whose words come first.
        words: words in the text of each side, in lower case.
    """
    other: Side = "target" if side == "source" else "source"
    found = []
    for each, opposite in ((side, other), (other, side)):
        own = set(words[each]) - set(words[opposite])
        table = embeddings(model, each, each)
        rows = [row for row, word in table.whole_words.items() if word.lower() in own]
        vocabulary, kept = table.vocabulary.restricted(rows)
        found.append(replace(table, vocabulary=vocabulary, matrix=table.matrix[kept]))
    return found[0], found[1]
