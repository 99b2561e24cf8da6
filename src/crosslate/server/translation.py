"""Texts of a request to translations: languages, sentences, the queue, and back into the text's shape."""

from __future__ import annotations

import asyncio
import html
import logging
from collections import deque
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing, suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, TypeVar

from crosslate.documents import open_text
from crosslate.documents.document import TextDocument
from crosslate.engines.decoding import DecodingOptions, Hypothesis, valid_unicode
from crosslate.errors import CrosslateError
from crosslate.server.answers import Refusal
from crosslate.server.backends import Backend, Model
from crosslate.server.batching import Batcher, Found, Piece, Ticket
from crosslate.server.catalogue import Direction, Identity, Snapshot
from crosslate.server.detection import Detection, detector
from crosslate.server.postediting import finished
from crosslate.translation.lines import Part, join_translations, split_text

log = logging.getLogger(__name__)

T = TypeVar("T")
TextFormat = Literal["text", "html"]
AUTO = "auto"
"""In place of a source language: find out which it is."""
_PREPARATION_THREADS = 8
# About a millisecond's work.
_SMALL_CHARACTERS = 2000
# Of a text that is streamed, so much at a time: its reader begins at the first sentence.
_STREAM_TOKENS = 192
# Less confidence than that is no guess.
_MIN_CONFIDENCE = 10.0
_Item = tuple[Direction, str]


@dataclass(frozen=True)
class Job:
    """One text to translate; ``direction`` is None where the two languages are the same."""

    text: str
    direction: Direction | None
    format: TextFormat = "text"


class Translations:
    """Translates jobs with whatever models they need; many requests at once.

    Args:
        backend: where models come from.
        batcher: the queue that all requests share.
        options: how to search.
        logs_text: write texts and translations to the log.
    """

    def __init__(
        self, backend: Backend, batcher: Batcher, options: DecodingOptions, *, logs_text: bool = False
    ) -> None:
        self._backend, self._batcher, self._options, self._logs_text = backend, batcher, options, logs_text
        # Segmenting a long text and loading a model take time; neither may stop the others' requests.
        self._threads = ThreadPoolExecutor(_PREPARATION_THREADS, thread_name_prefix="preparation")

    def close(self) -> None:
        """Stops the threads."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def in_thread(self, function: Callable[[], T]) -> T:
        """Runs something slow beside the requests of others."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, function)

    async def _beside(self, function: Callable[[], T], num_characters: int) -> T:
        """:meth:`in_thread`, unless it is so little work that a thread costs more."""
        return function() if num_characters <= _SMALL_CHARACTERS else await self.in_thread(function)

    async def detect(self, snapshot: Snapshot, texts: Sequence[str]) -> list[list[Detection]]:
        """The languages that each text may be in, the best first."""
        found = detector(snapshot.languages)
        return await self._beside(lambda: [found.detect(text) for text in texts], sum(map(len, texts)))

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
        """The best translation of each job's text, then up to ``alternatives`` others.

        Raises:
            Refusal: too much waits already, or a model cannot be used.
        """
        size = sum(len(job.text) for job in jobs)
        documents = await self._beside(lambda: [_document(job) for job in jobs], size)
        items = [
            (job.direction, segment.text)
            for job, document in zip(jobs, documents, strict=True)
            if job.direction is not None and document is not None
            for segment in document.segments
        ]
        ranked = iter(await self.translate_segments(items, alternatives + 1))
        own = [[next(ranked) for _ in document.segments] if document else [] for document in documents]

        def rendered() -> list[list[str]]:
            return [
                _distinct(
                    _rendered(job, document, [ranks[rank] for ranks in found])
                    for rank in range(alternatives + 1)
                )
                for job, document, found in zip(jobs, documents, own, strict=True)
            ]

        results = await self._beside(rendered, size)
        if self._logs_text:
            for job, (best, *_) in zip(jobs, results, strict=True):
                log.info("%s: %r -> %r", job.direction.label if job.direction else "same", job.text, best)
        return results

    async def translate_segments(self, items: Sequence[_Item], num_best: int = 1) -> list[list[str]]:
        """The best translations of segments, each by its own direction."""
        ranked = await self._ranked(await self._through_first_legs(items), num_best)
        return [
            [finished(text, each, direction.target) for each in ranks]
            for (direction, text), ranks in zip(items, ranked, strict=True)
        ]

    async def stream(self, job: Job) -> AsyncGenerator[tuple[str, dict[str, Any]], None]:
        """Events: each sentence of a text, in order, as soon as it is translated; at the end the whole."""
        document = await self.in_thread(lambda: _document(job))
        translations: list[str] = []
        if job.direction is not None and document is not None:
            items = [(job.direction, segment.text) for segment in document.segments]
            last = await self._through_first_legs(items)
            async with aclosing(self._in_order(last, 1, _STREAM_TOKENS)) as arriving:
                async for best, *_ in arriving:
                    index, source = len(translations), document.segments[len(translations)].text
                    translations.append(finished(source, best, job.direction.target))
                    yield "sentence", {"index": index, "source": source, "translation": translations[-1]}
        yield "end", {"translatedText": _rendered(job, document, translations)}

    async def _through_first_legs(self, items: Sequence[_Item]) -> list[_Item]:
        """Items as they stand before their last model: those of a pivot in its third language."""
        found = list(items)
        pivots = [index for index, (direction, _) in enumerate(items) if direction.legs]
        firsts = [(items[index][0].legs[0], items[index][1]) for index in pivots]
        for index, (best, *_) in zip(pivots, await self._ranked(firsts, 1), strict=True):
            found[index] = (items[index][0].legs[1], best)
        return found

    async def _ranked(self, items: Sequence[_Item], num_best: int) -> list[list[str]]:
        async with aclosing(self._in_order(items, num_best)) as found:
            return [ranks async for ranks in found]

    async def _in_order(
        self, items: Sequence[_Item], num_best: int, most_tokens: int | None = None
    ) -> AsyncGenerator[list[str], None]:
        """The translations of items in their order, each as soon as it and all before it are there."""
        plan = await self._plan(items)
        loop = asyncio.get_running_loop()
        arrived: asyncio.Queue[Found | Exception] = asyncio.Queue()

        def deliver(found: Found | Exception) -> None:
            with suppress(RuntimeError):  # the loop was closed: nobody waits
                loop.call_soon_threadsafe(arrived.put_nowait, found)

        options = self._options.changed(n_best=num_best, beam_size=max(num_best, self._options.beam_size))
        ticket = Ticket(deque(plan.pieces), options, deliver, most_tokens)
        if plan.pieces:
            self._batcher.submit(ticket)
        known: dict[int, list[Hypothesis]] = {}
        try:
            for position in range(len(items)):
                while not plan.is_known(position, known):
                    found = await arrived.get()
                    if isinstance(found, Exception):
                        raise Refusal(500, "The translation failed; the server's log says why")
                    known.update(found)
                yield plan.joined(position, known, num_best)
        finally:
            self._batcher.cancel(ticket)

    async def _plan(self, items: Sequence[_Item]) -> _Plan:
        directions = {direction.identity: direction for direction, _ in items}
        loaded = {identity: self._backend.loaded(each) for identity, each in directions.items()}
        models = {identity: model for identity, model in loaded.items() if model is not None}
        if len(models) < len(directions):
            models = await self.in_thread(lambda: _load(self._backend, directions))
        return await self._beside(lambda: _Plan(models, items), sum(len(text) for _, text in items))


class _Plan:
    """Items cut into pieces that fit their models; the same piece again is translated once."""

    def __init__(self, models: Mapping[Identity, Model], items: Sequence[_Item]) -> None:
        self.pieces: list[Piece] = []
        self._parts: list[list[tuple[Part, int]]] = []  # of each item, with the index of the piece
        index_of: dict[tuple[Identity, str], int] = {}
        for direction, text in items:
            model, parts = models[direction.identity], []
            num_tokens, most = partial(_num_tokens, model), model.engine.max_source_tokens
            for part in split_text(valid_unicode(text), num_tokens, most, direction.source):
                index = index_of.setdefault((direction.identity, part.text), len(self.pieces))
                if index == len(self.pieces):
                    self.pieces.append(Piece(index, model, part.text, num_tokens(part.text)))
                parts.append((part, index))
            self._parts.append(parts)

    def is_known(self, position: int, known: Mapping[int, list[Hypothesis]]) -> bool:
        """Whether all pieces of the item at ``position`` are translated."""
        return all(index in known for _, index in self._parts[position])

    def joined(self, position: int, known: Mapping[int, list[Hypothesis]], num_best: int) -> list[str]:
        """The translations of the item at ``position``, the best first."""
        parts = [part for part, _ in self._parts[position]]
        ranked = [known[index] for _, index in self._parts[position]]
        return [join_translations(parts, [each[rank].text for each in ranked]) for rank in range(num_best)]


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
        if is_served and (position == 0 or guess.confidence >= _MIN_CONFIDENCE):
            return guess
    return None


def _document(job: Job) -> TextDocument | None:
    """The text as sentences; None where it stays as it is."""
    if job.direction is None:
        return None
    return open_text(job.text, job.format, job.direction.source, job.direction.target)


def _rendered(job: Job, document: TextDocument | None, translations: Sequence[str]) -> str:
    if document is None or not document.segments:
        return job.text
    text = document.render(translations)
    # Clients expect characters in plain text, even where the source spelt them as entities.
    return text if job.format == "html" else html.unescape(text)


def _distinct(ranked: Iterable[str]) -> list[str]:
    """The best, and what differs from it and each other and is not empty."""
    best, *others = ranked
    return [best, *(text for text in dict.fromkeys(others) if text and text != best)]
