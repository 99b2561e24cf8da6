"""What is read out of models beside translations: links between words, nearest words, a map of words.

All of it needs the models in PyTorch. One request at a time is worked on, in a thread of its own, so that
whoever is curious never slows those down who translate by more than a core.
"""

from __future__ import annotations

import asyncio
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from crosslate.errors import EngineError, ParentError
from crosslate.languages.codes import public_code
from crosslate.languages.sentence_ends import sentences
from crosslate.languages.words import word_spans
from crosslate.server.catalogue import Direction, Snapshot
from crosslate.server.live_models import LiveModels
from crosslate.server.refusals import Overloaded, Refusal
from crosslate.server.spaces import Space, spaces
from crosslate.text.segmenters import WORD_START

if TYPE_CHECKING:
    import numpy

    from crosslate.evaluation.embeddings import Embeddings

T = TypeVar("T")
Span = tuple[int, int]

MOST_CHARACTERS = 5000
"""Of a text whose words are linked, and of its translation."""
MOST_WORD_CHARACTERS = 100
"""Of a word that is looked up."""
_MOST_WAITING = 16
_MOST_SPACES, _NUM_NEIGHBOURS = 12, 8
_MAP_PAIRS, _MOST_MAPS = 40, 32


class Insight:
    """Looks into models for the page, within bounds.

    Args:
        live: where the models come from.
    """

    def __init__(self, live: LiveModels) -> None:
        self._live = live
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="insight")
        self._num_waiting = 0
        # By the pack's checksum, so that a changed pack has a new map. Each is a few kilobytes.
        self._maps: OrderedDict[tuple[str, str], dict[str, Any]] = OrderedDict()
        self._lock = threading.Lock()

    def close(self) -> None:
        """Stops the thread."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def run(self, function: Callable[[], T]) -> T:
        """Runs one of the methods below when its turn comes.

        Raises:
            Overloaded: too many wait already.
            Refusal: what the method refuses.
        """
        if self._num_waiting >= _MOST_WAITING:
            raise Overloaded("Too many requests for words and maps are waiting", 2)
        self._num_waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, function)
        finally:
            self._num_waiting -= 1

    def links(self, direction: Direction, text: str, translation: str) -> dict[str, Any]:
        """Which words of a translation belong to which words of its text, by cross-attention.

        Args:
            direction: what translates the text; no pivot.
            text: of at most :data:`MOST_CHARACTERS`; ``translation`` likewise.

        Returns:
            ``source`` and ``target``, the words as pairs of offsets in characters; ``links``, pairs of a
            target word and a source word by index. Sentences that are too long for the model have none.

        Raises:
            Refusal: the model does not give its attention.
        """
        from crosslate.models.child import alias_model
        from crosslate.translation.word_links import attention_links

        pairs = list(paired_sentences(text, translation, direction.source, direction.target))
        model = self._live.model(direction)
        # A module tree of its own: attention is switched over in it while others translate.
        view = _View(alias_model(model.model), model.source, model.target)
        try:
            linked = attention_links(
                view,
                self._live.parent(direction).anatomy,
                [(text[slice(*one)], translation[slice(*other)]) for one, other in pairs],
            )
        except (ParentError, EngineError):
            raise Refusal(400, "This model does not tell which words belong together") from None
        found: dict[str, list[Any]] = {"source": [], "target": [], "links": []}
        for one, other in pairs:
            ours, theirs = _words_within(text, one), _words_within(translation, other)
            spelt = [text[slice(*each)] for each in ours], [translation[slice(*each)] for each in theirs]
            found["links"] += [
                (len(found["target"]) + target, len(found["source"]) + source)
                for target, source in linked(*spelt) or ()
            ]
            found["source"] += ours
            found["target"] += theirs
        return found

    def neighbours(self, snapshot: Snapshot, space: Space, word: str) -> dict[str, Any]:
        """The words nearest to a word, by cosine, in every other space of the same side.

        Returns:
            The word as it is spelt there, and by space its nearest words with cosines (-1 to 1); all with
            their places on the plane in which they differ most.

        Raises:
            Refusal: the word is not one piece of the vocabulary.
        """
        import numpy

        from crosslate.evaluation.embeddings import neighbours
        from crosslate.evaluation.lexicon_map import principal_components
        from crosslate.evaluation.similarity import unit_rows

        own = self._embeddings(space)
        spelt = _spelling(own, word)
        vectors = [_row(own, spelt)]
        entries: list[dict[str, Any]] = []
        lists: list[dict[str, Any]] = []
        for other in spaces(snapshot):
            if other.side != space.side or other == space or len(lists) == _MOST_SPACES:
                continue
            table = self._embeddings(other)
            (near,) = neighbours(own, table, [spelt], _NUM_NEIGHBOURS)
            found = [
                {"word": each, "cosine": round(cosine, 3)} for each, cosine in zip(near.words, near.cosines)
            ]
            vectors += [_row(table, each) for each in near.words]
            entries += found
            lists.append({"pack": other.name, "language": public_code(table.language), "words": found})
        answer: dict[str, Any] = {"word": spelt, "language": public_code(own.language), "neighbours": lists}
        points, _ = principal_components(unit_rows(numpy.stack(vectors), "the words'")) if lists else ((), 0)
        for entry, (x, y) in zip([answer, *entries], points):
            entry.update(x=round(float(x), 3), y=round(float(y), 3))
        return answer

    def map(self, space: Space) -> dict[str, Any]:
        """Frequent words of a pack and of the parent that are each other's nearest, on a plane.

        Returns:
            ``pairs`` with coordinates, and ``share``, how much of all variance the plane holds (0-1).

        Raises:
            Refusal: the space is the parent's own.
        """
        from crosslate.evaluation.embeddings import embeddings
        from crosslate.evaluation.lexicon_map import induced_dictionary, lexicon_map

        if space.pack is None:
            raise Refusal(400, "A map shows the words of a pack beside the parent's; name a pack")
        key = (space.pack.manifest.checksum, space.side)
        with self._lock:
            known = self._maps.get(key)
        if known is not None:
            return known
        child = self._embeddings(space)
        parent = embeddings(self._live.parent(space.direction), space.side, "parent")
        dictionary, counts = induced_dictionary(child, parent)
        pairs, share = lexicon_map(child, parent, dictionary, counts, {}, _MAP_PAIRS)
        found = {
            "language": public_code(child.language),
            "parentLanguage": public_code(parent.language),
            "share": round(share, 3),
            "pairs": [
                {
                    "word": each.word,
                    "translation": each.translation,
                    "x": each.x,
                    "y": each.y,
                    "translationX": each.translation_x,
                    "translationY": each.translation_y,
                }
                for each in pairs
            ],
        }
        with self._lock:
            self._maps[key] = found
            while len(self._maps) > _MOST_MAPS:
                self._maps.popitem(last=False)
        return found

    def _embeddings(self, space: Space) -> Embeddings:
        from crosslate.evaluation.embeddings import embeddings

        if space.pack is None:
            return embeddings(self._live.parent(space.direction), space.side, "the parent")
        return embeddings(self._live.model(space.direction), space.side, space.name)


def paired_sentences(
    text: str, translation: str, source_language: str, target_language: str
) -> Iterator[tuple[Span, Span]]:
    """Places of sentences and of their translations: line by line, and sentence by sentence.

    Translating keeps lines and nearly always the number of sentences. Where a line has another number of
    them it is one pair, and where the number of lines differs, so is the whole text.
    """
    lines, translated = _lines(text), _lines(translation)
    if len(lines) != len(translated):
        lines, translated = [(0, len(text))], [(0, len(translation))]
    for one, other in zip(lines, translated):
        ours = _sentences_within(text, one, source_language)
        theirs = _sentences_within(translation, other, target_language)
        yield from zip(ours, theirs) if len(ours) == len(theirs) else [(one, other)]


@dataclass(frozen=True)
class _View:
    """A model to look into."""

    model: Any
    source: Any
    target: Any


def _lines(text: str) -> list[Span]:
    """Places of the lines that are not blank."""
    found, start = [], 0
    for line in text.split("\n"):
        if line.strip():
            found.append((start, start + len(line)))
        start += len(line) + 1
    return found


def _sentences_within(text: str, span: Span, language: str) -> list[Span]:
    found, start = [], span[0]
    for sentence in sentences(text[slice(*span)], language):
        if sentence.strip():
            found.append((start, start + len(sentence)))
        start += len(sentence)
    return found


def _words_within(text: str, span: Span) -> list[Span]:
    return [(span[0] + start, span[0] + end) for start, end in word_spans(text[slice(*span)])]


def _spelling(table: Embeddings, word: str) -> str:
    """The word in the case in which it is one piece: as it was typed, else small, else with a capital.

    Raises:
        Refusal: it is none in any case; says what it is cut into.
    """
    pieces = set(table.vocabulary.marked_pieces)
    for candidate in (word, word.lower(), word.capitalize()):
        if WORD_START + candidate in pieces:
            return candidate
    cut = " ".join(table.vocabulary.encode_pieces(word)) or "nothing"
    raise Refusal(400, f"{word} is not one piece of this vocabulary; it is cut into {cut}")


def _row(table: Embeddings, word: str) -> numpy.ndarray:
    row: numpy.ndarray = table.matrix[table.vocabulary.marked_pieces.index(WORD_START + word)]
    return row
