"""Texts of a request to translations: the work on the texts, and the queue of what models shall translate."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncGenerator, Callable, Generator, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing, closing, suppress
from dataclasses import InitVar, dataclass, field, replace
from functools import partial
from typing import Any, TypeVar

from crosslate.engines.decoding import Hypothesis
from crosslate.errors import CrosslateError
from crosslate.languages.sentence_ends import paired_sentences
from crosslate.languages.words import word_spans
from crosslate.packs.manifest import calibration_of
from crosslate.server import texts
from crosslate.server.answers import Refusal
from crosslate.server.backends import Backend, Model, own_body
from crosslate.server.batching import Batcher, Found, Piece, Ticket
from crosslate.server.catalogue import Direction, Identity, Snapshot
from crosslate.server.detection import MAX_CHARACTERS, Detection, detections
from crosslate.server.scores import SentenceScore
from crosslate.server.settings import ServerSettings
from crosslate.server.texts import Reader, Route, Sentence, Task, TextFormat
from crosslate.server.worker import Done, RemoteWork, Worker, begun, step
from crosslate.text.glossaries import Glossary, Term
from crosslate.translation.confidence import confidences
from crosslate.translation.glossary_engine import GlossaryEngine
from crosslate.translation.postediting import finished

log = logging.getLogger(__name__)

T = TypeVar("T")
AUTO = "auto"
"""In place of a source language: find out which it is."""
# About two milliseconds' work, less than to hand it over; and about half a second's.
_SMALL_CHARACTERS, _LONG_CHARACTERS = 3000, 200_000
# What a text takes, however short it is, in characters of a long one.
_CHARACTERS_PER_TEXT = 50
# Models are loaded one at a time in any case, and looked into by one request at a time.
_MODEL_THREADS = 2
# Of a text that is streamed, so many tokens at a time: its reader begins at the first sentence.
_STREAM_TOKENS = 192
# So many sentences of a stream are sent before others get their turn.
_SENTENCES_PER_TURN = 20
# Less confidence than that is no guess.
_MIN_CONFIDENCE = 10.0
# Sentences that are scored in one go; a request that is given up stops after one.
_SCORED_AT_ONCE = 64


@dataclass(frozen=True)
class Job:
    """One text to translate; ``direction`` is None where the two languages are the same."""

    text: str
    direction: Direction | None
    format: TextFormat = "text"


@dataclass
class Usage:
    """What the models of a request had to do; sentences that occur again count once.

    Attributes:
        source_tokens: that they read, with the special ones.
        target_tokens: that they wrote in the best translations, without special ones.
        missed_terms: of glossaries, that are missing from the best translations.
    """

    source_tokens: int = 0
    target_tokens: int = 0
    missed_terms: list[Term] = field(default_factory=list)


class Translations:
    """Translates jobs with whatever models they need; many requests at once, through one queue."""

    def __init__(self, backend: Backend, batcher: Batcher, settings: ServerSettings) -> None:
        self._backend, self._batcher = backend, batcher
        self._options, self._logs_text = settings.options, settings.log_text
        self._worker = Worker(settings.queue.waiting_requests)
        self._num_scoring, self._most_scoring = 0, settings.queue.waiting_requests
        self._model_threads = ThreadPoolExecutor(_MODEL_THREADS, thread_name_prefix="models")

    def close(self) -> None:
        """Ends the worker and the threads."""
        self._worker.close()
        self._model_threads.shutdown(wait=False, cancel_futures=True)

    async def beside(self, function: Callable[..., T], *arguments: Any, size: int) -> T:
        """Runs a module's function, in the worker unless that would take longer than the work itself.

        Args:
            size: of the work, in characters of a text that is cut into sentences.
        """
        with closing(self._begun(function, arguments, size)) as work:
            result: T = (await work.send(None)).value
            return result

    async def detect(self, snapshot: Snapshot, texts: Sequence[str]) -> list[list[Detection]]:
        """The languages that each text may be in, the best first."""
        samples = [text[:MAX_CHARACTERS] for text in texts]
        return await self.beside(detections, snapshot.languages, samples, size=_size(samples))

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

    async def translate(
        self,
        jobs: Sequence[Job],
        alternatives: int = 0,
        usage: Usage | None = None,
        glossary: Glossary | None = None,
    ) -> list[list[str]]:
        """The best translation of each job's text, then up to ``alternatives`` others.

        Args:
            usage: adds what it takes to this.
            glossary: goes before those of packs; for directions of one model.
        """
        directions = [job.direction for job in jobs if job.direction is not None]
        tasks = [Task(job.text, _route(job.direction), job.format) for job in jobs]
        results: list[list[str]] = await self._run(
            texts.translated,
            (tasks, alternatives + 1),
            _Request(directions, usage or Usage(), glossary),
            _size([job.text for job in jobs]),
        )
        if self._logs_text:
            for job, (best, *_) in zip(jobs, results, strict=True):
                log.info("%s: %r -> %r", job.direction.label if job.direction else "same", job.text, best)
        return results

    async def scores(self, jobs: Sequence[Job], translations: Sequence[str]) -> list[list[SentenceScore]]:
        """How sure models are of each sentence; empty for HTML, and where two models translate in a row."""
        if self._num_scoring >= self._most_scoring:
            raise Refusal(503, "Too many requests for scores are waiting", retry_after=2)
        self._num_scoring += 1
        try:
            return await self._scores(jobs, translations)
        finally:
            self._num_scoring -= 1

    async def _scores(self, jobs: Sequence[Job], translations: Sequence[str]) -> list[list[SentenceScore]]:
        found: list[list[SentenceScore]] = [[] for _ in jobs]
        groups: dict[Identity, tuple[Direction, list[int]]] = {}
        for index, job in enumerate(jobs):
            if job.direction is not None and not job.direction.legs and job.format == "text":
                groups.setdefault(job.direction.identity, (job.direction, []))[1].append(index)
        for identity, (direction, indices) in groups.items():
            languages = direction.source, direction.target
            places = []
            for index in indices:
                both = jobs[index].text, translations[index]
                spans = await self.beside(paired_sentences, *both, languages, size=_size(both))
                places += [(index, *span) for span in spans]
            engine = (await self._model(_Request([direction]), identity)).engine
            calibration = calibration_of([pack.manifest for pack in direction.packs])
            for start in range(0, len(places), _SCORED_AT_ONCE):
                part = places[start : start + _SCORED_AT_ONCE]
                pairs = [
                    (jobs[index].text[slice(*one)], translations[index][slice(*other)])
                    for index, one, other in part
                ]
                work = partial(confidences, engine, pairs, languages, calibration)
                scored = await asyncio.get_running_loop().run_in_executor(self._model_threads, work)
                for (index, _, span), confidence in zip(part, scored, strict=True):
                    if confidence is not None:
                        found[index].append(SentenceScore.of(confidence, span))
        return found

    async def translate_file(
        self,
        name: str,
        data: bytes,
        direction: Direction,
        size: int,
        usage: Usage | None = None,
        glossary: Glossary | None = None,
    ) -> bytes:
        """A file in its format, translated; see :meth:`translate`."""
        arguments = name, data, _route(direction)
        request = _Request([direction], usage or Usage(), glossary)
        translated: bytes = await self._run(texts.file_translated, arguments, request, size)
        return translated

    async def stream(
        self, job: Job, alternatives: int = 0, glossary: Glossary | None = None
    ) -> AsyncGenerator[tuple[str, dict[str, Any]], None]:
        """Events: each sentence of a text, in order, as soon as it is translated; at the end the whole.

        A sentence has up to ``alternatives`` other translations, where some are asked for; then the end has
        all sentences once more as they stand in the whole, with their tags and placeholders.
        """
        request = _Request([job.direction] if job.direction is not None else [], Usage(), glossary)
        task = Task(job.text, _route(job.direction), job.format)
        with closing(self._begun(texts.streamed, (task, alternatives + 1), len(job.text))) as work:
            wanted = await work.send(None)
            while not isinstance(wanted, Done):
                if isinstance(wanted, texts.WantsTranslations) and request.sentences:
                    reply: Any = []
                    async with aclosing(self._in_order(request, wanted.num_best)) as arriving:
                        async for sentence, (best, *others) in arriving:
                            values = {"index": len(reply), "source": sentence.text, "translation": best}
                            yield "sentence", values | ({"alternatives": others} if alternatives else {})
                            reply.append([best, *others])
                else:
                    reply = await self._reply(request, wanted)
                wanted = await work.send(reply)
            request.log_terms()
            missed = request.usage.missed_terms
            yield "end", wanted.value | ({"missedTerms": as_pairs(missed)} if missed else {})

    def _begun(self, function: Callable[..., Any], arguments: tuple[Any, ...], size: int) -> _Work:
        if size <= _SMALL_CHARACTERS:
            return _WorkHere(begun(function, arguments, {}))
        return self._worker.begin(function, arguments, is_long=size > _LONG_CHARACTERS)

    async def _run(
        self, function: Callable[..., Any], arguments: tuple[Any, ...], request: _Request, size: int
    ) -> Any:
        """Runs work on texts that wants models."""
        with closing(self._begun(function, arguments, size)) as work:
            wanted = await work.send(None)
            while not isinstance(wanted, Done):
                wanted = await work.send(await self._reply(request, wanted))
            request.log_terms()
            return wanted.value

    async def _reply(self, request: _Request, wanted: texts.Wanted) -> Any:
        """What the work on the texts of a request wants to know."""
        match wanted:
            case texts.WantsReader(identity):
                engine = (await self._model(request, identity)).engine
                return Reader(engine.source, engine.max_source_tokens)
            case texts.Pieces(pieces):
                for identity, text, num_tokens in pieces:
                    model = await self._model(request, identity)
                    model = self._with_terms(request, model, identity, text)
                    request.pieces.append(Piece(len(request.pieces), model, text, num_tokens))
            case texts.Sentences(sentences):
                request.sentences += sentences
            case texts.WantsTranslations(num_best):
                waiting, request.pieces = request.pieces, []
                request.usage.source_tokens += sum(piece.num_tokens for piece in waiting)
                found: list[list[str]] = [[""] * num_best] * len(waiting)
                async with aclosing(self._arriving(waiting, num_best)) as arriving:
                    async for some in arriving:
                        for index, hypotheses in some:
                            request.note_terms(waiting[index], hypotheses[0])
                            found[index] = [each.text for each in hypotheses]
                            request.usage.target_tokens += len(hypotheses[0].pieces)
                return found
            case texts.WantsLinks(pairs):
                loop = asyncio.get_running_loop()
                return await loop.run_in_executor(self._model_threads, self._links, request, pairs)
        return None

    async def _model(self, request: _Request, identity: Identity) -> Model:
        """The model of an identity; the same one throughout a request."""
        if identity not in request.models:
            direction = request.directions[identity]
            model = self._backend.loaded(direction)
            if model is None:
                loop = asyncio.get_running_loop()
                model = await loop.run_in_executor(self._model_threads, _load, self._backend, direction)
            request.models[identity] = model
        return request.models[identity]

    def _with_terms(self, request: _Request, model: Model, identity: Identity, text: str) -> Model:
        """A model that uses the terms of a text, or the same one if the text has none."""
        glossary = request.glossaries.get(identity)
        if glossary is None or not glossary.matches(text):
            return model
        if identity not in request.with_terms:
            direction = request.directions[identity]
            engine = GlossaryEngine(model.engine, glossary, lambda: self._backend.live.model(direction))
            request.with_terms[identity] = replace(model, body=own_body(engine), member=None)
        return request.with_terms[identity]

    def _links(
        self, request: _Request, pairs: Mapping[Route, Sequence[tuple[str, str]]]
    ) -> dict[Route, texts.LinkTable | None]:
        """Links between the words of sentences and of their translations, where the models give some."""
        tables: dict[Route, texts.LinkTable | None] = {}
        for route, found in pairs.items():
            align = self._backend.align(request.routes[route], found)
            words = [(_words(text), _words(translation)) for text, translation in found]
            tables[route] = align and {each: align(*each) for each in words}
        return tables

    async def _in_order(
        self, request: _Request, num_best: int
    ) -> AsyncGenerator[tuple[Sentence, list[str]], None]:
        """The translations of a stream's sentences in their order, as soon as all before them are there."""
        known: dict[int, list[str]] = {}
        async with aclosing(self._arriving(request.pieces, num_best, _STREAM_TOKENS)) as arriving:
            for position, sentence in enumerate(request.sentences, start=1):
                if position % _SENTENCES_PER_TURN == 0:
                    await asyncio.sleep(0)
                while not all(index in known for _, index in sentence.parts):
                    found = await anext(arriving)
                    for index, hypotheses in found:
                        request.note_terms(request.pieces[index], hypotheses[0])
                    known.update((index, [each.text for each in hypotheses]) for index, hypotheses in found)
                ranks = (sentence.joined(known, rank) for rank in range(num_best))
                yield (
                    sentence,
                    texts.distinct(finished(sentence.text, each, sentence.target) for each in ranks),
                )

    async def _arriving(
        self, pieces: Sequence[Piece], num_best: int, most_tokens: int | None = None
    ) -> AsyncGenerator[Found, None]:
        """The translations of pieces as they come, until all are there."""
        loop = asyncio.get_running_loop()
        arrived: asyncio.Queue[Found | BaseException] = asyncio.Queue()

        def deliver(found: Found | BaseException) -> None:
            with suppress(RuntimeError):  # the loop was closed: nobody waits
                loop.call_soon_threadsafe(arrived.put_nowait, found)

        options = self._options.changed(n_best=num_best, beam_size=max(num_best, self._options.beam_size))
        ticket = Ticket(deque(pieces), options, deliver, most_tokens)
        if pieces:
            self._batcher.submit(ticket)
        num_left = len(pieces)
        try:
            while num_left:
                found = await arrived.get()
                if isinstance(found, BaseException):
                    raise Refusal(500, "The translation failed; the server's log says why")
                num_left -= len(found)
                yield found
        finally:
            self._batcher.cancel(ticket)


@dataclass
class _Request:
    """What is known of a request whose texts are worked on.

    Attributes:
        directions: of its models.
        routes: its directions, also those of two models.
        pieces: for models to translate.
        sentences: of a stream.
        glossaries: by model: the pack's, with the terms of the request.
        with_terms: by model: what translates texts with terms.
    """

    given: InitVar[Iterable[Direction]]
    usage: Usage = field(default_factory=Usage)
    own_terms: InitVar[Glossary | None] = None
    directions: dict[Identity, Direction] = field(init=False)
    routes: dict[Route | None, Direction] = field(init=False)
    models: dict[Identity, Model] = field(default_factory=dict)
    pieces: list[Piece] = field(default_factory=list)
    sentences: list[Sentence] = field(default_factory=list)
    glossaries: dict[Identity, Glossary] = field(default_factory=dict)
    with_terms: dict[Identity, Model] = field(default_factory=dict)

    def __post_init__(self, given: Iterable[Direction], own_terms: Glossary | None) -> None:
        self.routes = {_route(direction): direction for direction in given}
        self.directions = {
            model.identity: model for direction in self.routes.values() for model in direction.models
        }
        for identity, model in self.directions.items():
            found = model.glossary
            if own_terms is not None:
                found = own_terms if found is None else found.updated(own_terms)
            if found is not None:
                self.glossaries[identity] = found.for_model(model.term_markers)

    def note_terms(self, piece: Piece, best: Hypothesis) -> None:
        """Notes the terms that are missing from the translation of a piece."""
        glossary = self.glossaries.get(piece.model.direction.identity)
        if glossary is not None and (matches := glossary.matches(piece.text)):
            self.usage.missed_terms += glossary.missed(matches, best.text)

    def log_terms(self) -> None:
        """Says how many terms are missing, without texts of users."""
        if self.usage.missed_terms:
            log.info("%d terms of glossaries are missing", len(self.usage.missed_terms))


class _WorkHere:
    """Work in this process, as :class:`RemoteWork`."""

    def __init__(self, steps: Generator[Any, Any, Any]) -> None:
        self._steps = steps

    async def send(self, value: Any) -> Any:
        return step(self._steps, value)

    def close(self) -> None:
        self._steps.close()


_Work = _WorkHere | RemoteWork


def _route(direction: Direction | None) -> Route | None:
    if direction is None:
        return None
    legs = tuple((leg.identity, leg.source) for leg in direction.models)
    return Route(direction.source, direction.target, legs)


def as_pairs(terms: Iterable[Term]) -> list[list[str]]:
    """Terms as answers show them."""
    return [[term.source, term.target] for term in terms]


def _words(text: str) -> tuple[str, ...]:
    return tuple(text[start:end] for start, end in word_spans(text))


def _size(texts: Sequence[str]) -> int:
    """How much work texts are, in characters."""
    return sum(map(len, texts)) + _CHARACTERS_PER_TEXT * (len(texts) - 1)


def _load(backend: Backend, direction: Direction) -> Model:
    try:
        return backend.model(direction)
    except (CrosslateError, OSError) as error:
        log.error("cannot load %s: %s", direction.label, error)
        pair = f"{direction.source} to {direction.target}"
        message = f"The model of {pair} cannot be used at the moment"
        raise Refusal(503, message, retry_after=5) from error


def _first_fitting(snapshot: Snapshot, guesses: Sequence[Detection], target: str) -> Detection | None:
    """The likeliest language that can be translated."""
    for position, guess in enumerate(guesses):
        is_served = guess.language == target or (guess.language, target) in snapshot.directions
        # Of nothing at all, the confidence is 0.
        if is_served and guess.confidence > (_MIN_CONFIDENCE if position else 0.0):
            return guess
    return None
