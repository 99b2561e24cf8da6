"""The work on a request's texts beside the models: sentences, pieces that fit, and back into their shape.

It runs in the server for short texts and in its worker process for long ones, see
:mod:`crosslate.server.worker`. Where it needs a model, it is a generator: it yields what it wants and is sent
the answer.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from crosslate.abandoned import stop_if_abandoned
from crosslate.documents import format_of, open_text
from crosslate.documents.document import Document
from crosslate.documents.flow import Segment
from crosslate.documents.placement import Align, Links, or_in_proportion
from crosslate.engines.decoding import valid_unicode
from crosslate.errors import InputError
from crosslate.languages.letter_case import in_sentence_case
from crosslate.server.answers import invalid
from crosslate.text.placeholders import without_references
from crosslate.translation.lines import Part, join_translations, split_text
from crosslate.translation.postediting import finished

if TYPE_CHECKING:
    from crosslate.server.catalogue import Identity
    from crosslate.text.vocabularies import Vocabulary

T = TypeVar("T")
TextFormat = Literal["text", "html"]
# So many are handed over at a time, so that the server never reads a long message while others wait.
_MOST_AT_ONCE = 500


@dataclass(frozen=True)
class Route:
    """A direction, as far as texts need it.

    Attributes:
        legs: the identity and the source language of each model, in order.
    """

    source: str
    target: str
    legs: tuple[tuple[Identity, str], ...]


@dataclass(frozen=True)
class Task:
    """A text to translate; ``route`` is None where it stays as it is."""

    text: str
    route: Route | None
    format: TextFormat = "text"


@dataclass(frozen=True)
class Reader:
    """What a model can read."""

    vocabulary: Vocabulary
    max_source_tokens: int


@dataclass(frozen=True)
class WantsReader:
    """Wants the :class:`Reader` of a model."""

    identity: Identity


@dataclass(frozen=True)
class Pieces:
    """Texts that models shall translate: the model's identity, the text and its tokens. Wants nothing yet."""

    pieces: Sequence[tuple[Identity, str, int]]


@dataclass(frozen=True)
class Sentence:
    """A sentence of a text that is streamed, and which pieces its parts are."""

    text: str
    target: str
    parts: Sequence[tuple[Part, int]]

    def joined(self, found: Mapping[int, Sequence[str]] | Sequence[Sequence[str]], rank: int) -> str:
        """Its translation of a rank, from those of the pieces."""
        return join_translations([part for part, _ in self.parts], [found[at][rank] for _, at in self.parts])


@dataclass(frozen=True)
class Sentences:
    """The next sentences of a text that is streamed. Wants nothing yet."""

    sentences: Sequence[Sentence]


@dataclass(frozen=True)
class WantsTranslations:
    """Wants the best translations of each piece so far; of a stream, those of each sentence."""

    num_best: int


LinkTable = Mapping[tuple[tuple[str, ...], tuple[str, ...]], Links]
"""Links between the words of sentences and of their translations."""


@dataclass(frozen=True)
class WantsLinks:
    """Wants a :data:`LinkTable` or None for each route, of sentences with their translations."""

    pairs: Mapping[Route, Sequence[tuple[str, str]]] = field(default_factory=dict)


Wanted = WantsReader | Pieces | Sentences | WantsTranslations | WantsLinks
Steps = Generator[Wanted, Any, T]
Readers = dict["Identity", Reader]
"""Readers of models that are known already."""
_Item = tuple["Identity", str, str]  # a model, its source language and a text for it


def translated(readers: Readers, tasks: Sequence[Task], num_best: int) -> Steps[list[list[str]]]:
    """The translations of each text, the best first; further ones only where they differ."""
    opened = [_Opened(task) for task in tasks]
    routes = [
        task.route for task, each in zip(tasks, opened, strict=True) for _ in each.segments if task.route
    ]
    segments = [segment for each in opened for segment in each.segments]
    ranked = yield from _segments_translated(readers, routes, segments, num_best)
    links = yield from _links(routes, segments, ranked)
    rows = iter(ranked)
    own = [[next(rows) for _ in each.segments] for each in opened]
    return [
        distinct(each.rendered([ranks[rank] for ranks in found], links) for rank in range(num_best))
        for each, found in zip(opened, own, strict=True)
    ]


def streamed(readers: Readers, task: Task, num_best: int) -> Steps[dict[str, Any]]:
    """The end of a stream; all sentences of the text are yielded before they are translated.

    With alternatives, the end also has the sentences as they stand in the whole.
    """
    opened = _Opened(task)
    if task.route is None:
        return {"translatedText": task.text}
    items = yield from _before_last_model(readers, [task.route] * len(opened.segments), opened.segments)
    parts = yield from _cut(readers, items)
    sentences = [
        Sentence(segment.text, task.route.target, each)
        for segment, each in zip(opened.segments, parts, strict=True)
    ]
    for chunk in _chunks(sentences):
        yield Sentences(chunk)
    ranked = yield WantsTranslations(num_best)
    links = yield from _links([task.route] * len(ranked), opened.segments, ranked)
    end: dict[str, Any] = {"translatedText": opened.rendered([best for best, *_ in ranked], links)}
    return end | ({"sentences": opened.sentences(ranked, links)} if num_best > 1 and ranked else {})


def file_translated(readers: Readers, name: str, data: bytes, route: Route) -> Steps[bytes]:
    """A file in its format."""
    with _refused_as_input("file"):
        document = opened_file(name, data, route.source, route.target)
        routes = [route] * len(document.segments)
        ranked = yield from _segments_translated(readers, routes, document.segments, 1)
        links = yield from _links(routes, document.segments, ranked)
        return document.rebuild([best for best, *_ in ranked], _align(links.get(route)))


def file_sample(name: str, data: bytes, language: str, target: str, num_segments: int) -> str:
    """The first sentences of a file, to tell its language."""
    with _refused_as_input("file"):
        document = opened_file(name, data, language, target)
        return "\n".join(segment.text for segment in document.segments[:num_segments])


def opened_file(name: str, data: bytes, source: str, target: str) -> Document:
    return format_of(name).open(data, source, target)


def distinct(ranked: Iterable[str]) -> list[str]:
    """The best, and what differs from it and each other and is not empty."""
    best, *others = ranked
    return [best, *(text for text in dict.fromkeys(others) if text and text != best)]


class _Opened:
    """A text as sentences; none where it stays as it is."""

    def __init__(self, task: Task) -> None:
        self._task = task
        self.segments: Sequence[Segment] = ()
        if task.route is not None:
            with _refused_as_input("text"):
                text, route = self._as_characters(task.text), task.route
                self._document = open_text(text, task.format, route.source, route.target)
            self.segments = self._document.segments

    def rendered(self, translations: Sequence[str], links: Mapping[Route, LinkTable | None]) -> str:
        """The text with its sentences translated."""
        if not self.segments or self._task.route is None:
            return self._task.text
        align = _align(links.get(self._task.route))
        return self._document.render(list(map(self._as_characters, translations)), align)

    def sentences(
        self, ranked: Sequence[Sequence[str]], links: Mapping[Route, LinkTable | None]
    ) -> list[dict[str, Any]]:
        """Every sentence as it stands in the text, with what was not translated, and its alternatives."""
        align = _align(links.get(self._task.route)) if self._task.route else None
        written = [
            self._document.sentences(
                [self._as_characters(ranks[min(rank, len(ranks) - 1)]) for ranks in ranked], align
            )
            for rank in range(max(map(len, ranked)))
        ]
        return [
            {"translation": best, "alternatives": others[: len(ranks) - 1]}
            for ranks, (best, *others) in zip(ranked, zip(*written), strict=True)
        ]

    def _as_characters(self, text: str) -> str:
        # Clients expect characters in plain text, even where the source or a model spells them as entities.
        return text if self._task.format == "html" else without_references(text)


@contextmanager
def _refused_as_input(what: str) -> Iterator[None]:
    try:
        yield
    except InputError as error:
        raise invalid(f"the {what} cannot be read: {error}") from None


def _align(table: LinkTable | None) -> Align | None:
    if table is None:
        return None
    return or_in_proportion(lambda source, target: table.get((tuple(source), tuple(target))))


def _links(
    routes: Sequence[Route], segments: Sequence[Segment], ranked: Sequence[Sequence[str]]
) -> Steps[Mapping[Route, LinkTable | None]]:
    """Links for the sentences with tags or placeholders, whose places follow the words."""
    pairs: dict[Route, list[tuple[str, str]]] = {}
    for route, segment, ranks in zip(routes, segments, ranked, strict=True):
        if segment.has_marks:
            pairs.setdefault(route, []).extend((segment.text, each) for each in ranks)
    if not pairs:
        return {}
    found: Mapping[Route, LinkTable | None] = yield WantsLinks(pairs)
    return found


def _segments_translated(
    readers: Readers, routes: Sequence[Route], segments: Sequence[Segment], num_best: int
) -> Steps[list[list[str]]]:
    """The best translations of each segment, by its own route."""
    items = yield from _before_last_model(readers, routes, segments)
    ranked = yield from _ranked(readers, items, num_best)
    return [
        [finished(segment.text, each, route.target) for each in ranks]
        for route, segment, ranks in zip(routes, segments, ranked, strict=True)
    ]


def _before_last_model(
    readers: Readers, routes: Sequence[Route], segments: Sequence[Segment]
) -> Steps[list[_Item]]:
    """Texts as they stand before their last model: those of a pivot in its third language."""
    texts = [segment.text for segment in segments]
    pivots = [at for at, route in enumerate(routes) if len(route.legs) > 1]
    if pivots:
        firsts = [(*routes[at].legs[0], texts[at]) for at in pivots]
        thirds = yield from _ranked(readers, firsts, 1)
        for at, (third,) in zip(pivots, thirds, strict=True):
            texts[at] = third
    return [(*route.legs[-1], text) for route, text in zip(routes, texts, strict=True)]


def _ranked(readers: Readers, items: Sequence[_Item], num_best: int) -> Steps[list[list[str]]]:
    """The translations of texts by their models, the best first."""
    parts = yield from _cut(readers, items)
    if not items:
        return []
    found = yield WantsTranslations(num_best)
    rows = [Sentence("", "", each) for each in parts]
    return [[row.joined(found, rank) for rank in range(num_best)] for row in rows]


def _cut(readers: Readers, items: Sequence[_Item]) -> Steps[list[list[tuple[Part, int]]]]:
    """Yields pieces that fit their models, each once; the parts of every text, with their piece's index."""
    indices: dict[tuple[Identity, str], int] = {}
    pieces: list[tuple[Identity, str, int]] = []
    counts: dict[Identity, tuple[Callable[[str], int], Callable[[str], int], int]] = {}
    parts_of_items = []
    for identity, language, text in items:
        stop_if_abandoned()
        if identity not in counts:
            reader = readers.get(identity) or (yield WantsReader(identity))
            readers[identity] = reader
            num_tokens = _token_counter(reader.vocabulary)
            counts[identity] = num_tokens, cache(num_tokens), reader.max_source_tokens
        num_tokens, num_word_tokens, limit = counts[identity]
        text = in_sentence_case(valid_unicode(text), language, num_word_tokens)
        parts = []
        for part in split_text(text, num_tokens, limit, language):
            index = indices.setdefault((identity, part.text), len(pieces))
            if index == len(pieces):
                pieces.append((identity, part.text, num_tokens(part.text)))
            parts.append((part, index))
        parts_of_items.append(parts)
    for chunk in _chunks(pieces):
        yield Pieces(chunk)
    return parts_of_items


def _token_counter(vocabulary: Vocabulary) -> Callable[[str], int]:
    return lambda text: len(vocabulary.encode(text))


def _chunks(items: Sequence[T]) -> Iterator[Sequence[T]]:
    for start in range(0, len(items), _MOST_AT_ONCE):
        yield items[start : start + _MOST_AT_ONCE]
