"""Texts of a request to translations: detection, sentences, the queue, and back into the text's shape."""

from __future__ import annotations

import asyncio
import html
import logging
from collections import deque
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing, suppress
from dataclasses import dataclass
from typing import TypeVar

from crosslate.documents import open_text
from crosslate.documents.document import TextDocument
from crosslate.engines.decoding import DecodingOptions, Hypothesis, valid_unicode
from crosslate.errors import CrosslateError
from crosslate.server.backends import Backend, Identity, Model
from crosslate.server.batching import Batcher, Found, Piece, Ticket
from crosslate.server.catalogue import Direction
from crosslate.server.contract import TextFormat
from crosslate.server.finish import finished
from crosslate.server.refusals import Overloaded, Refusal
from crosslate.translation.lines import Part, join_translations, split_text

log = logging.getLogger(__name__)

T = TypeVar("T")
_PREPARATION_THREADS = 8
# About a millisecond's work.
_SMALL_CHARACTERS = 2000
# Of a text that is streamed, so much at a time: its reader begins at the first sentence.
_STREAM_TOKENS = 192
_Item = tuple[Direction, str]


@dataclass(frozen=True)
class Job:
    """One text to translate.

    Attributes:
        direction: what translates it; None where the two languages are the same.
        format: ``text`` or ``html``.
    """

    text: str
    direction: Direction | None
    format: TextFormat = "text"


@dataclass(frozen=True)
class Sentence:
    """One translated sentence of a stream."""

    index: int
    source: str
    translation: str


class TranslationService:
    """Translates jobs with whatever models they need; many requests at once.

    Args:
        backend: where models come from.
        batcher: the queue that all requests share.
        options: how to search.
    """

    def __init__(self, backend: Backend, batcher: Batcher, options: DecodingOptions) -> None:
        self._backend, self._batcher, self._options = backend, batcher, options
        # Segmenting a long text and loading a model take time; neither may stop the others' requests.
        self._threads = ThreadPoolExecutor(_PREPARATION_THREADS, thread_name_prefix="preparation")

    def close(self) -> None:
        """Stops the threads."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def beside(self, function: Callable[[], T], num_characters: int) -> T:
        """Runs something beside the requests of others, unless it is so small that a thread costs more."""
        return function() if num_characters <= _SMALL_CHARACTERS else await self.in_thread(function)

    async def in_thread(self, function: Callable[[], T]) -> T:
        """Runs something slow beside the requests of others."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, function)

    async def translate(self, jobs: Sequence[Job], num_best: int = 1) -> list[list[str]]:
        """The ``num_best`` best translations of each job's text, the best first.

        Raises:
            Overloaded: too much waits already.
            Refusal: a model cannot be used.
        """
        size = sum(len(job.text) for job in jobs)
        documents = await self.beside(lambda: [_document(job) for job in jobs], size)
        items = [
            (job.direction, segment.text)
            for job, document in zip(jobs, documents, strict=True)
            if job.direction is not None and document is not None
            for segment in document.segments
        ]
        ranked = iter(await self.translate_segments(items, num_best))
        own = [[next(ranked) for _ in document.segments] if document else [] for document in documents]
        return await self.beside(
            lambda: [
                [_rendered(job, document, [ranks[rank] for ranks in found]) for rank in range(num_best)]
                for job, document, found in zip(jobs, documents, own, strict=True)
            ],
            size,
        )

    async def translate_segments(self, items: Sequence[_Item], num_best: int = 1) -> list[list[str]]:
        """The best translations of segments, each by its own direction; through two where it is a pivot."""
        current = [text for _, text in items]
        results: list[list[str]] = [[text] * num_best for text in current]
        for stage in range(max((len(direction.models) for direction, _ in items), default=0)):
            for is_last in (False, True):
                chosen = [
                    index
                    for index, (direction, _) in enumerate(items)
                    if stage < len(direction.models) and (stage == len(direction.models) - 1) == is_last
                ]
                options = self._with_n_best(num_best if is_last else 1)
                staged = [(items[index][0].models[stage], current[index]) for index in chosen]
                found = await self._translate_directly(staged, options)
                for index, ranks in zip(chosen, found, strict=True):
                    current[index] = ranks[0]
                    if is_last:
                        results[index] = ranks
        return [
            [finished(text, each, direction.target) for each in ranks]
            for (direction, text), ranks in zip(items, results, strict=True)
        ]

    async def stream(self, job: Job) -> AsyncGenerator[Sentence | str, None]:
        """The sentences of a text as they are translated, in order; at the end the whole translation."""
        document = await self.in_thread(lambda: _document(job))
        translations: list[str] = []
        if job.direction is not None and document is not None:
            *before, last = job.direction.models
            current = [segment.text for segment in document.segments]
            for direction in before:
                ranks = await self._translate_directly(
                    [(direction, text) for text in current], self._with_n_best(1)
                )
                current = [rank[0] for rank in ranks]
            items = [(last, text) for text in current]
            options = self._with_n_best(1)
            async with aclosing(self._in_order(items, options, _STREAM_TOKENS)) as arriving:
                async for best, *_ in arriving:
                    source = document.segments[len(translations)].text
                    text = finished(source, best, last.target)
                    translations.append(text)
                    yield Sentence(len(translations) - 1, source, text)
        yield _rendered(job, document, translations)

    def _with_n_best(self, num_best: int) -> DecodingOptions:
        return self._options.changed(n_best=num_best, beam_size=max(num_best, self._options.beam_size))

    async def _translate_directly(self, items: Sequence[_Item], options: DecodingOptions) -> list[list[str]]:
        if not items:
            return []
        async with aclosing(self._in_order(items, options)) as found:
            return [ranks async for ranks in found]

    async def _in_order(
        self, items: Sequence[_Item], options: DecodingOptions, most_tokens: int | None = None
    ) -> AsyncGenerator[list[str], None]:
        """The translations of items in their order, each as soon as it and all before it are there."""
        plan = await self._plan(items)
        known: dict[int, list[Hypothesis]] = {}
        position = 0
        async with aclosing(self._found(plan.pieces, options, most_tokens)) as arriving:
            async for found in arriving:
                known.update(found)
                while position < len(items) and all(index in known for index in plan.needs[position]):
                    yield plan.joined(position, known, options.n_best)
                    position += 1

    async def _plan(self, items: Sequence[_Item]) -> _Plan:
        directions = {direction.identity: direction for direction, _ in items}
        loaded = {identity: self._backend.loaded(each) for identity, each in directions.items()}
        models = {identity: model for identity, model in loaded.items() if model is not None}
        if len(models) < len(directions):
            models = await self.in_thread(lambda: _load(self._backend, directions))
        return await self.beside(lambda: _Plan.of(models, items), sum(len(text) for _, text in items))

    async def _found(
        self, pieces: Sequence[Piece], options: DecodingOptions, most_tokens: int | None
    ) -> AsyncGenerator[Found, None]:
        """What the queue finds, batch by batch; an empty list first, for items without pieces."""
        yield []
        if not pieces:
            return
        loop = asyncio.get_running_loop()
        arrived: asyncio.Queue[Found | Exception] = asyncio.Queue()

        def put(found: Found | Exception) -> None:
            with suppress(RuntimeError):  # the loop was closed: nobody waits
                loop.call_soon_threadsafe(arrived.put_nowait, found)

        ticket = Ticket(deque(pieces), options, put, put, most_tokens)
        self._batcher.submit(ticket)
        left = len(pieces)
        try:
            while left:
                found = await arrived.get()
                if isinstance(found, Exception):
                    raise _as_refusal(found)
                left -= len(found)
                yield found
        finally:
            self._batcher.cancel(ticket)


@dataclass(frozen=True)
class _Plan:
    """Items cut into pieces that fit their models; the same piece again is translated once.

    Attributes:
        needs: for each item, the pieces it is made of, by index.
        segments: for each item, how its pieces join.
    """

    pieces: list[Piece]
    needs: list[list[int]]
    segments: list[list[Part]]

    @classmethod
    def of(cls, models: Mapping[Identity, Model], items: Sequence[_Item]) -> _Plan:
        plan = cls([], [], [])
        index_of: dict[tuple[tuple[str, ...], str], int] = {}
        for direction, text in items:
            model = models[direction.identity]
            segments = _fitting(model, direction.source, text)
            needs = []
            for segment in segments:
                key = (direction.identity, segment.text)
                if key not in index_of:
                    index_of[key] = len(plan.pieces)
                    num_tokens = len(model.engine.source.encode(segment.text))
                    plan.pieces.append(Piece(index_of[key], model, segment.text, num_tokens))
                needs.append(index_of[key])
            plan.needs.append(needs)
            plan.segments.append(segments)
        return plan

    def joined(self, position: int, known: dict[int, list[Hypothesis]], num_best: int) -> list[str]:
        """The translations of the item at ``position``, the best first."""
        ranked = [known[index] for index in self.needs[position]]
        return [
            join_translations(self.segments[position], [each[rank].text for each in ranked])
            for rank in range(num_best)
        ]


def _load(backend: Backend, directions: Mapping[Identity, Direction]) -> dict[Identity, Model]:
    models = {}
    for identity, direction in directions.items():
        try:
            models[identity] = backend.model(direction)
        except (CrosslateError, OSError) as error:
            log.error("cannot load %s: %s", direction.label, error)
            raise Overloaded(
                f"The model of {direction.source} to {direction.target} cannot be used at the moment", 5
            ) from error
    return models


def _fitting(model: Model, language: str, text: str) -> list[Part]:
    def num_tokens(part: str) -> int:
        return len(model.engine.source.encode(part))

    return split_text(valid_unicode(text), num_tokens, model.engine.max_source_tokens, language)


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


def _as_refusal(error: Exception) -> Exception:
    if isinstance(error, Refusal):
        return error
    return Refusal(500, "The translation failed; the server's log says why")
