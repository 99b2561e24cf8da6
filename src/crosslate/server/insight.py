"""What is read out of models beside translations: links between words, nearest words, a map of words.

All of it needs the models in PyTorch. One request at a time is worked on, in a thread of its own, so that it
takes no more than one core from those who translate.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple, TypeVar

from pydantic import Field

from crosslate.errors import EngineError, ParentError
from crosslate.languages.codes import public_code
from crosslate.languages.sentence_ends import Span, paired_sentences
from crosslate.languages.words import word_spans
from crosslate.models.groups import Side
from crosslate.server.answers import Answer, Refusal, invalid
from crosslate.server.catalogue import Direction, Snapshot
from crosslate.server.live_models import LiveModels
from crosslate.text.segmenters import WORD_START

if TYPE_CHECKING:
    import numpy

    from crosslate.evaluation.embeddings import Embeddings

T = TypeVar("T")
NumberPair = Annotated[list[int], Field(min_length=2, max_length=2)]

MOST_CHARACTERS = 5000
"""Of a text whose words are linked, and of its translation."""
MOST_WORD_CHARACTERS = 100
"""Of a word that is looked up."""
_MOST_WAITING = 16
_MOST_SPACES, _NUM_NEIGHBOURS, _MAP_PAIRS = 12, 8, 40


class Links(Answer):
    """Which words of a translation belong to which words of its text."""

    source: list[NumberPair] = Field(
        description="Words of the text: first character, and the one after the last."
    )
    target: list[NumberPair] = Field(description="Likewise of the translation.")
    links: list[NumberPair] = Field(description="Indices of a target word and a source word.")


class NearWord(Answer):
    """A word, how near it is (the cosine, -1 to 1), and its place on a plane."""

    word: str
    cosine: float
    x: float | None = None
    y: float | None = None


class NearWords(Answer):
    """The nearest words of a pack, or of the parent, whose name is empty."""

    pack: str
    language: str
    words: list[NearWord]


class Neighbours(Answer):
    """A word as it is spelt, and its nearest words, on the plane in which all of them differ most."""

    word: str
    language: str
    neighbours: list[NearWords]
    x: float | None = None
    y: float | None = None


class WordPair(Answer):
    """A word and a word of the parent that are each other's nearest, with their places."""

    word: str
    translation: str
    x: float
    y: float
    translation_x: float
    translation_y: float


class WordMap(Answer):
    """Frequent words of a pack and of the parent on a plane."""

    language: str
    parent_language: str
    share: float = Field(ge=0, le=1, description="How much of all variance the plane holds.")
    pairs: list[WordPair]


class Space(NamedTuple):
    """The embeddings of one side: the parent's, or those that a pack has renewed.

    Attributes:
        pack: its name; empty for the parent.
        direction: whose model has them.
    """

    pack: str
    side: Side
    direction: Direction


def spaces(snapshot: Snapshot) -> list[Space]:
    """All embeddings that can be looked at: the parent's two sides, then what each pack renews."""
    own = [each for each in snapshot.directions.values() if each.kind == "parent"]
    own += [pack.direction for pack in snapshot.packs]
    parents: list[Space] = [Space("", side, each) for each in own[:1] for side in ("source", "target")]
    return parents + [
        Space(pack.name, side, pack.direction) for pack in snapshot.packs for side in pack.manifest.renewed
    ]


def find_space(snapshot: Snapshot, pack: str, side: str) -> Space:
    """The embeddings that a request names, of a pack or else of the parent; without a side, the first."""
    if side not in ("", "source", "target"):
        raise invalid("side parameter is neither source nor target")
    for space in spaces(snapshot):
        if space.pack == pack and side in ("", space.side):
            return space
    whose = f"pack {pack[:80]}" if pack else "parent"
    raise Refusal(400, f"There is no {whose} with {side or 'new'} embeddings")


class Insight:
    """Looks into models for the page, within bounds."""

    def __init__(self, live: LiveModels) -> None:
        self._live = live
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="insight")
        self._num_waiting = 0

    def close(self) -> None:
        """Stops the thread."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def run(self, function: Callable[..., T], *arguments: object) -> T:
        """Runs one of the methods below when its turn comes; refuses if too many wait already."""
        if self._num_waiting >= _MOST_WAITING:
            raise Refusal(503, "Too many requests for words and maps are waiting", retry_after=2)
        self._num_waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, function, *arguments)
        finally:
            self._num_waiting -= 1

    def links(self, direction: Direction, text: str, translation: str) -> Links:
        """Which words of a translation belong to which words of its text, by cross-attention.

        Sentences that are too long for the model have no links. The direction is no pivot.
        """
        pairs = paired_sentences(text, translation, (direction.source, direction.target))
        texts = [(text[slice(*one)], translation[slice(*other)]) for one, other in pairs]
        try:
            linked = self._live.word_links(direction, texts)
        except (ParentError, EngineError):
            raise Refusal(400, "This model does not tell which words belong together") from None
        source: list[Span] = []
        target: list[Span] = []
        links: list[Span] = []
        for one, other in pairs:
            ours, theirs = _words_within(text, one), _words_within(translation, other)
            spelt = [text[slice(*each)] for each in ours], [translation[slice(*each)] for each in theirs]
            links += [(len(target) + to, len(source) + origin) for to, origin in linked(*spelt) or ()]
            source += ours
            target += theirs
        return Links.model_validate({"source": source, "target": target, "links": links})

    def neighbours(self, snapshot: Snapshot, space: Space, word: str) -> Neighbours:
        """The words nearest to a word, by cosine, in every other space of the same side."""
        import numpy

        from crosslate.evaluation.embeddings import neighbours
        from crosslate.evaluation.lexicon_map import principal_components
        from crosslate.evaluation.similarity import unit_rows

        own = self._embeddings(space)
        spelt = _spelling(own, word)
        vectors = [_row(own, spelt)]
        answer = Neighbours(word=spelt, language=public_code(own.language), neighbours=[])
        entries: list[Any] = [answer]
        others = [each for each in spaces(snapshot) if each.side == space.side and each != space]
        for other in others[:_MOST_SPACES]:
            table = self._embeddings(other)
            (near,) = neighbours(own, table, [spelt], _NUM_NEIGHBOURS)
            vectors += [_row(table, each) for each in near.words]
            found = [
                NearWord(word=each, cosine=round(cosine, 3)) for each, cosine in zip(near.words, near.cosines)
            ]
            entries += found
            answer.neighbours.append(
                NearWords(pack=other.pack, language=public_code(table.language), words=found)
            )
        if answer.neighbours:
            points, _ = principal_components(unit_rows(numpy.stack(vectors)))
            for entry, (x, y) in zip(entries, points):
                entry.x, entry.y = round(float(x), 3), round(float(y), 3)
        return answer

    def map(self, space: Space) -> WordMap:
        """Frequent words of a pack and of the parent that are each other's nearest, on a plane."""
        from crosslate.evaluation.lexicon_map import induced_dictionary, lexicon_map

        child = self._embeddings(space)
        parent = self._embeddings(Space("", space.side, space.direction))
        pairs, share = lexicon_map(child, parent, *induced_dictionary(child, parent), {}, _MAP_PAIRS)
        return WordMap(
            language=public_code(child.language),
            parent_language=public_code(parent.language),
            share=round(share, 3),
            pairs=[WordPair.model_validate(each, from_attributes=True) for each in pairs],
        )

    def _embeddings(self, space: Space) -> Embeddings:
        from crosslate.evaluation.embeddings import embeddings

        model = self._live.model(space.direction) if space.pack else self._live.parent(space.direction)
        return embeddings(model, space.side, space.pack or "the parent")


def _words_within(text: str, span: Span) -> list[Span]:
    return [(span[0] + start, span[0] + end) for start, end in word_spans(text[slice(*span)])]


def _spelling(table: Embeddings, word: str) -> str:
    """The word in the case in which it is one piece: as it was typed, else small, else with a capital."""
    for candidate in (word, word.lower(), word.capitalize()):
        if WORD_START + candidate in table.pieces:
            return candidate
    cut = " ".join(table.vocabulary.encode_pieces(word)) or "nothing"
    raise Refusal(400, f"{word} is not one piece of this vocabulary; it is cut into {cut}")


def _row(table: Embeddings, word: str) -> numpy.ndarray:
    row: numpy.ndarray = table.matrix[table.pieces.index(WORD_START + word)]
    return row
