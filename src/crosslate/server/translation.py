"""Texts of a request to translations: languages, sentences, the queue, and back into the text's shape."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import deque
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing, suppress
from dataclasses import dataclass
from functools import cache, partial
from typing import Any, Literal, TypeVar

from crosslate.abandoned import abandoned_if, stop_if_abandoned
from crosslate.documents import open_text
from crosslate.documents.flow import Segment
from crosslate.documents.placement import Align
from crosslate.engines.decoding import Hypothesis, valid_unicode
from crosslate.errors import CrosslateError
from crosslate.languages.letter_case import in_sentence_case
from crosslate.server.answers import Refusal
from crosslate.server.backends import Backend, Model
from crosslate.server.batching import Batcher, Found, Piece, Ticket
from crosslate.server.catalogue import Direction, Identity, Snapshot
from crosslate.server.detection import Detection, detector
from crosslate.server.memory import give_back_memory
from crosslate.server.postediting import finished
from crosslate.server.settings import ServerSettings
from crosslate.text.placeholders import without_references
from crosslate.translation.lines import Part, join_translations, split_text

log = logging.getLogger(__name__)

T = TypeVar("T")
TextFormat = Literal["text", "html"]
AUTO = "auto"
"""In place of a source language: find out which it is."""
# Long texts and files have threads of their own, so that shorter ones do not wait for them; and so has the
# loading of models, which is done one at a time in any case.
# There are few: Python runs one at a time, and each of the others may delay the one that answers.
_PREPARATION_THREADS, _LONG_THREADS, _LOADING_THREADS = 2, 1, 2
# About a millisecond's work, and about half a second's.
_SMALL_CHARACTERS, _LONG_CHARACTERS = 2000, 200_000
# What a text takes, however short it is, in characters of a long one.
_CHARACTERS_PER_TEXT = 50
# After a long text, until its memory is given back.
_TIDY_SECONDS = 5.0
# So many results are put together before others get their turn.
_RESULTS_PER_TURN = 500
# Of a text that is streamed, so much at a time: its reader begins at the first sentence.
_STREAM_TOKENS = 192
# Less confidence than that is no guess.
_MIN_CONFIDENCE = 10.0
_Item = tuple[Direction, str]
Aligns = Mapping[Identity, "Align | None"]
"""By direction, what finds the places of tags and placeholders in translations."""


@dataclass(frozen=True)
class Job:
    """One text to translate; ``direction`` is None where the two languages are the same."""

    text: str
    direction: Direction | None
    format: TextFormat = "text"


class Translations:
    """Translates jobs with whatever models they need; many requests at once, through one queue."""

    def __init__(self, backend: Backend, batcher: Batcher, settings: ServerSettings) -> None:
        self._backend, self._batcher = backend, batcher
        self._options, self._logs_text = settings.options, settings.log_text
        self._is_closed = threading.Event()
        self._tidying: asyncio.TimerHandle | None = None
        # Segmenting a long text and loading a model take time; neither may stop the others' requests.
        self._short = ThreadPoolExecutor(_PREPARATION_THREADS, thread_name_prefix="preparation")
        self._long = ThreadPoolExecutor(_LONG_THREADS, thread_name_prefix="long preparation")
        self._loading = ThreadPoolExecutor(_LOADING_THREADS, thread_name_prefix="models")

    def close(self) -> None:
        """Stops the threads."""
        self._is_closed.set()
        for threads in (self._short, self._long, self._loading):
            threads.shutdown(wait=False, cancel_futures=True)

    async def beside(self, function: Callable[[], T], num_characters: int) -> T:
        """Runs work beside the requests of others, unless it is so little that a thread costs more.

        Work that is long ends early when nobody waits for it any more; see :mod:`crosslate.abandoned`.
        """
        if num_characters <= _SMALL_CHARACTERS:
            return function()
        threads = self._short if num_characters <= _LONG_CHARACTERS else self._long
        is_abandoned = threading.Event()

        def run() -> T:
            with abandoned_if(lambda: is_abandoned.is_set() or self._is_closed.is_set()):
                return function()

        try:
            return await asyncio.get_running_loop().run_in_executor(threads, run)
        finally:
            is_abandoned.set()
            if threads is self._long and self._tidying is None:
                self._tidying = asyncio.get_running_loop().call_later(_TIDY_SECONDS, self._tidy)

    def _tidy(self) -> None:
        self._tidying = None
        if not self._is_closed.is_set():
            self._long.submit(give_back_memory)

    async def detect(self, snapshot: Snapshot, texts: Sequence[str]) -> list[list[Detection]]:
        """The languages that each text may be in, the best first."""
        found = detector(snapshot.languages)
        return await self.beside(lambda: [found.detect(text) for text in texts], _size(texts))

    async def sources(
        self, snapshot: Snapshot, texts: Sequence[str], source: str, target: str
    ) -> tuple[list[str], list[Detection]]:
        """The language of each text, and where it was not given, what it was taken for.

        A text whose likeliest language cannot be translated into the target is taken for the next likely
        one that can; a text of a list, for what the list as a whole is; and one of which nothing can be
        told stays as it is, as if it were in the target language.

        Raises:
            Refusal: the text is in a language that cannot be translated into the target.
        """
        if source != AUTO:
            return [source] * len(texts), []
        whole: list[Detection] | None = None
        sources, chosen = [], []
        for found in await self.detect(snapshot, texts):
            fitting = _first_fitting(snapshot, found, target)
            if fitting is None and len(texts) > 1 and found[0].confidence:
                if whole is None:
                    (whole,) = await self.detect(snapshot, ["\n".join(texts)])
                fitting = _first_fitting(snapshot, whole, target)
            if fitting is None and found[0].confidence:
                snapshot.direction(found[0].language, target)
            chosen.append(fitting or found[0])
            sources.append(fitting.language if fitting else target)
        return sources, chosen

    async def translate(self, jobs: Sequence[Job], alternatives: int = 0) -> list[list[str]]:
        """The best translation of each job's text, then up to ``alternatives`` others."""
        size = _size([job.text for job in jobs])
        opened = await self.beside(lambda: [_Opened(job) for job in jobs], size)
        items = [item for each in opened for item in each.items]
        ranked = iter(await self.translate_segments(items, alternatives + 1))
        own = [[next(ranked) for _ in each.items] for each in opened]
        aligns = await self.aligns(
            (direction, segment, ranks)
            for each, found in zip(opened, own, strict=True)
            for (direction, _), segment, ranks in zip(each.items, each.segments, found, strict=True)
        )

        def rendered() -> list[list[str]]:
            return [
                _distinct(
                    each.rendered([ranks[rank] for ranks in found], aligns)
                    for rank in range(alternatives + 1)
                )
                for each, found in zip(opened, own, strict=True)
            ]

        results = await self.beside(rendered, size)
        if self._logs_text:
            for job, (best, *_) in zip(jobs, results, strict=True):
                log.info("%s: %r -> %r", job.direction.label if job.direction else "same", job.text, best)
        return results

    async def translate_segments(self, items: Sequence[_Item], num_best: int = 1) -> list[list[str]]:
        """The best translations of segments, each by its own direction."""
        ranked = await self._ranked(await self._through_first_legs(items), num_best)
        size = _size([text for _, text in items])
        return await self.beside(
            lambda: [
                [finished(text, each, direction.target) for each in ranks]
                for (direction, text), ranks in zip(items, ranked, strict=True)
            ],
            size,
        )

    async def aligns(self, translated: Iterable[tuple[Direction, Segment, Sequence[str]]]) -> Aligns:
        """What finds the places of tags and placeholders, for every direction that has some."""
        directions: dict[Identity, Direction] = {}
        pairs: dict[Identity, list[tuple[str, str]]] = {}
        for direction, segment, ranks in translated:
            if segment.has_marks:
                directions[direction.identity] = direction
                pairs.setdefault(direction.identity, []).extend((segment.text, each) for each in ranks)
        if not pairs:
            return {}
        size = _size([text for found in pairs.values() for text, _ in found])
        return await self.beside(
            lambda: {key: self._backend.align(directions[key], found) for key, found in pairs.items()}, size
        )

    async def stream(
        self, job: Job, alternatives: int = 0
    ) -> AsyncGenerator[tuple[str, dict[str, Any]], None]:
        """Events: each sentence of a text, in order, as soon as it is translated; at the end the whole.

        A sentence has up to ``alternatives`` other translations, where some are asked for; then the end has
        all sentences once more as they stand in the whole, with their tags and placeholders.
        """
        opened = await self.beside(lambda: _Opened(job), len(job.text))
        translations: list[list[str]] = []
        last = await self._through_first_legs(opened.items)
        async with aclosing(self._in_order(last, alternatives + 1, _STREAM_TOKENS)) as arriving:
            async for ranks in arriving:
                index = len(translations)
                direction, source = opened.items[index]
                best, *others = _distinct(finished(source, each, direction.target) for each in ranks)
                translations.append([best, *others])
                values = {"index": index, "source": source, "translation": best}
                yield "sentence", values | ({"alternatives": others} if alternatives else {})
        aligns = await self.aligns(
            (direction, segment, ranks)
            for (direction, _), segment, ranks in zip(
                opened.items, opened.segments, translations, strict=True
            )
        )
        yield (
            "end",
            await self.beside(lambda: opened.whole(translations, aligns, bool(alternatives)), len(job.text)),
        )

    async def _through_first_legs(self, items: Sequence[_Item]) -> list[_Item]:
        """Items as they stand before their last model: those of a pivot in its third language."""
        firsts = [(direction.legs[0], text) for direction, text in items if direction.legs]
        thirds = iter(await self._ranked(firsts, 1))
        return [
            (direction.legs[1], next(thirds)[0]) if direction.legs else (direction, text)
            for direction, text in items
        ]

    async def _ranked(self, items: Sequence[_Item], num_best: int) -> list[list[str]]:
        async with aclosing(self._in_order(items, num_best)) as found:
            return [ranks async for ranks in found]

    async def _in_order(
        self, items: Sequence[_Item], num_best: int, most_tokens: int | None = None
    ) -> AsyncGenerator[list[str], None]:
        """The translations of items in their order, each as soon as it and all before it are there."""
        pieces, parts_of_items = await self._cut(items)
        loop = asyncio.get_running_loop()
        arrived: asyncio.Queue[Found | BaseException] = asyncio.Queue()

        def deliver(found: Found | BaseException) -> None:
            with suppress(RuntimeError):  # the loop was closed: nobody waits
                loop.call_soon_threadsafe(arrived.put_nowait, found)

        options = self._options.changed(n_best=num_best, beam_size=max(num_best, self._options.beam_size))
        ticket = Ticket(deque(pieces), options, deliver, most_tokens)
        if pieces:
            self._batcher.submit(ticket)
        known: dict[int, list[Hypothesis]] = {}
        try:
            for position, parts in enumerate(parts_of_items, start=1):
                if position % _RESULTS_PER_TURN == 0:
                    await asyncio.sleep(0)
                while not all(index in known for _, index in parts):
                    found = await arrived.get()
                    if isinstance(found, BaseException):
                        raise Refusal(500, "The translation failed; the server's log says why")
                    known.update(found)
                cut = [part for part, _ in parts]
                yield [
                    join_translations(cut, [known[index][rank].text for _, index in parts])
                    for rank in range(num_best)
                ]
        finally:
            self._batcher.cancel(ticket)

    async def _cut(self, items: Sequence[_Item]) -> tuple[list[Piece], list[list[tuple[Part, int]]]]:
        """Pieces that fit their models, each once; and the parts of every item, with the piece's index."""
        directions = {direction.identity: direction for direction, _ in items}
        loaded = {identity: self._backend.loaded(each) for identity, each in directions.items()}
        models = {identity: model for identity, model in loaded.items() if model is not None}
        if len(models) < len(directions):
            loop = asyncio.get_running_loop()
            models = await loop.run_in_executor(self._loading, lambda: _load(self._backend, directions))
        return await self.beside(lambda: _cut(items, models), _size([text for _, text in items]))


class _Opened:
    """A job's text as sentences; none where it stays as it is."""

    def __init__(self, job: Job) -> None:
        self._job, direction = job, job.direction
        self.items: list[_Item] = []
        self.segments: Sequence[Segment] = ()
        if direction is not None:
            text = self._as_characters(job.text)
            self._document = open_text(text, job.format, direction.source, direction.target)
            self.segments = self._document.segments
            self.items = [(direction, segment.text) for segment in self.segments]

    def rendered(self, translations: Sequence[str], aligns: Aligns) -> str:
        """The text with its sentences translated."""
        if not self.items or self._job.direction is None:
            return self._job.text
        align = aligns.get(self._job.direction.identity)
        return self._document.render(list(map(self._as_characters, translations)), align)

    def whole(
        self, translations: Sequence[Sequence[str]], aligns: Aligns, has_alternatives: bool
    ) -> dict[str, Any]:
        """The end of a stream: the text translated, and its sentences where they have alternatives."""
        values: dict[str, Any] = {
            "translatedText": self.rendered([best for best, *_ in translations], aligns)
        }
        if has_alternatives and self.items and self._job.direction is not None:
            align = aligns.get(self._job.direction.identity)
            written = [
                self._document.sentences(
                    [self._as_characters(ranks[min(rank, len(ranks) - 1)]) for ranks in translations], align
                )
                for rank in range(max(map(len, translations)))
            ]
            values["sentences"] = [
                {"translation": best, "alternatives": others[: len(ranks) - 1]}
                for ranks, (best, *others) in zip(translations, zip(*written), strict=True)
            ]
        return values

    def _as_characters(self, text: str) -> str:
        # Clients expect characters in plain text, even where the source or a model spells them as entities.
        return text if self._job.format == "html" else without_references(text)


def _cut(
    items: Sequence[_Item], models: Mapping[Identity, Model]
) -> tuple[list[Piece], list[list[tuple[Part, int]]]]:
    pieces: dict[tuple[Identity, str], Piece] = {}
    counts: dict[Identity, Callable[[str], int]] = {}
    parts_of_items: list[list[tuple[Part, int]]] = []
    for direction, text in items:
        stop_if_abandoned()
        model = models[direction.identity]
        num_tokens = partial(_num_tokens, model)
        num_word_tokens = counts.setdefault(direction.identity, cache(num_tokens))
        text = in_sentence_case(valid_unicode(text), direction.source, num_word_tokens)
        parts = split_text(text, num_tokens, model.engine.max_source_tokens, direction.source)
        for part in parts:
            key = (direction.identity, part.text)
            if key not in pieces:
                pieces[key] = Piece(len(pieces), model, part.text, num_tokens(part.text))
        parts_of_items.append([(part, pieces[direction.identity, part.text].index) for part in parts])
    return list(pieces.values()), parts_of_items


def _size(texts: Sequence[str]) -> int:
    """How much work texts are, in characters."""
    return sum(map(len, texts)) + _CHARACTERS_PER_TEXT * (len(texts) - 1)


def _num_tokens(model: Model, text: str) -> int:
    return len(model.engine.source.encode(text))


def _load(backend: Backend, directions: Mapping[Identity, Direction]) -> dict[Identity, Model]:
    models = {}
    for identity, direction in directions.items():
        try:
            models[identity] = backend.model(direction)
        except (CrosslateError, OSError) as error:
            log.error("cannot load %s: %s", direction.label, error)
            pair = f"{direction.source} to {direction.target}"
            message = f"The model of {pair} cannot be used at the moment"
            raise Refusal(503, message, retry_after=5) from error
    return models


def _first_fitting(snapshot: Snapshot, guesses: Sequence[Detection], target: str) -> Detection | None:
    """The likeliest language that can be translated."""
    for position, guess in enumerate(guesses):
        is_served = guess.language == target or (guess.language, target) in snapshot.directions
        # Of nothing at all, the confidence is 0.
        if is_served and guess.confidence > (_MIN_CONFIDENCE if position else 0.0):
            return guess
    return None


def _distinct(ranked: Iterable[str]) -> list[str]:
    """The best, and what differs from it and each other and is not empty."""
    best, *others = ranked
    return [best, *(text for text in dict.fromkeys(others) if text and text != best)]
