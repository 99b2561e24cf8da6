"""A server without its HTTP: everything that answers need, from start to stop."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace

from crosslate.errors import CrosslateError
from crosslate.server.backends import make_backend
from crosslate.server.batching import Batcher
from crosslate.server.catalogue import Catalogue, Snapshot
from crosslate.server.contract import AUTO, TextFormat, check_pair, distinct_alternatives
from crosslate.server.detection import Detection, Guess
from crosslate.server.downloads import Downloads
from crosslate.server.insight import Insight
from crosslate.server.keys import Key, KeyStore
from crosslate.server.limits import RateLimiter
from crosslate.server.metrics import Labels, Metric, RequestMetrics, counter, gauge
from crosslate.server.refusals import Overloaded, Refusal
from crosslate.server.settings import Limits, ServerSettings
from crosslate.server.translation import Job, TranslationService
from crosslate.server.watcher import PackWatcher

log = logging.getLogger(__name__)


class Service:
    """What the routes use.

    Args:
        settings: everything that was asked for.

    Attributes:
        metrics: of requests; the rest is collected when asked for.
    """

    def __init__(self, settings: ServerSettings, *, watch_seconds: float = 1.0) -> None:
        self.settings = settings
        self.metrics = RequestMetrics()
        self.downloads = Downloads()
        self.detection = Detection()
        self.failure: BaseException | None = None
        self._keys = KeyStore(settings.keys) if settings.keys else None
        self._limiter = RateLimiter(settings.limits.refusals_per_hour)
        self._backend = make_backend(
            settings.parent,
            engine=settings.engine,
            quantization=settings.quantization,
            memory_bytes=settings.memory_bytes,
        )
        self._catalogue = Catalogue(
            settings.parent,
            settings.packs,
            prepare=self._backend.prepare,
            parent_languages=settings.parent_languages,
            pivot=settings.pivot,
        )
        self._watcher = PackWatcher(self._catalogue, self._backend, interval_seconds=watch_seconds)
        self._batcher = Batcher(
            settings.batching,
            num_workers=self._backend.num_workers,
            waiting_requests=settings.limits.waiting_requests,
            waiting_tokens=settings.limits.waiting_tokens,
            repetition_guard=settings.repetition_guard,
        )
        self.translation = TranslationService(self._backend, self._batcher, settings.options)
        self._insight = Insight(self._backend.live)
        self._is_ready = False

    def start(self, failed: Callable[[], None] | None = None) -> None:
        """Loads beside the caller; until that is done, requests are told to come again.

        Args:
            failed: called where nothing can be served; ``failure`` says why.
        """

        def load() -> None:
            try:
                self.load()
            except (CrosslateError, OSError) as error:
                log.error("cannot serve: %s", error)
                self.failure = error
                if failed is not None:
                    failed()

        threading.Thread(target=load, name="loading", daemon=True).start()

    def load(self) -> None:
        """Reads parent and packs, and begins to watch.

        Raises:
            ParentError: the parent cannot be used.
            EngineError: the engine that was asked for cannot express it.
        """
        snapshot = self._catalogue.refresh()
        self.detection.of(snapshot.languages)
        self._is_ready = True
        pairs = ", ".join(f"{source}-{target}" for source, target in snapshot.directions)
        log.info("ready: %s", pairs or "no direction yet; waiting for packs")
        self._watcher.start()

    def stop(self) -> None:
        """Finishes what waits and lets go of everything."""
        self._watcher.stop()
        self._batcher.close()
        self.translation.close()
        self._insight.close()
        self.downloads.close()
        if self._keys is not None:
            self._keys.close()

    @property
    def is_ready(self) -> bool:
        """Whether anything can be translated."""
        return self._is_ready

    @property
    def has_keys(self) -> bool:
        """Whether keys are read."""
        return self._keys is not None

    @property
    def engine(self) -> str:
        """Name of the engine."""
        return self._backend.name

    @property
    def insight(self) -> Insight:
        """What looks into the models.

        Raises:
            Refusal: it is switched off.
        """
        if not self.settings.insight:
            raise Refusal(403, "Looking into models is disabled on this server.")
        return self._insight

    def snapshot(self) -> Snapshot:
        """What is served now.

        Raises:
            Overloaded: nothing yet.
        """
        if not self._is_ready:
            raise Overloaded("The server is still loading", retry_after=5)
        return self._catalogue.snapshot

    def admit(self, secret: str, address: str, route: str, cost: int) -> Limits:
        """Lets a request in, and says what it may ask for.

        Args:
            secret: the key that came with it; empty for none.
            cost: in ordinary requests.

        Raises:
            Refusal: the key is wrong or missing, or the client has asked too often.
        """
        limits = self.settings.limits
        key: Key | None = None
        if self._keys is not None and secret:
            key = self._keys.find(secret)
            if key is None:
                raise Refusal(403, "Invalid API key")
        is_for_keys = self.settings.require_key or (
            self._keys is not None and limits.requests_per_minute == 0
        )
        if is_for_keys and key is None:
            where = f"Visit {self.settings.key_url}" if self.settings.key_url else ""
            raise Refusal(400, f"{where or 'Please contact the server operator'} to get an API key")
        per_minute = limits.requests_per_minute
        if key is not None and key.requests_per_minute is not None:
            per_minute = key.requests_per_minute
        client = f"address {address}" if key is None else f"key {key.id}"
        self._limiter.charge(client, route, cost, per_minute)
        if key is None or key.characters is None:
            return limits
        return replace(limits, characters=key.characters)

    def limit_rate(self, address: str, route: str) -> None:
        """Lets a request in that needs no key.

        Raises:
            Refusal: the client has asked too often.
        """
        limit = self.settings.limits.requests_per_minute
        # A limit of 0 says that the rest is for holders of keys.
        self._limiter.charge(f"address {address}", route, 1, limit or -1)

    async def detect(self, texts: Sequence[str]) -> list[list[Guess]]:
        """The languages that each text may be in."""
        detector = self.detection.of(self.snapshot().languages)
        return await self.translation.beside(
            lambda: [detector.detect(text) for text in texts], sum(map(len, texts))
        )

    async def sources(
        self, snapshot: Snapshot, texts: Sequence[str], source: str, target: str
    ) -> tuple[list[str], list[Guess]]:
        """The language of each text, and where it was not given, what it was taken for.

        A text whose likeliest language cannot be translated into the target is taken for the next likely
        one that can; a text of a list, for what the list as a whole is; and one of which nothing can be
        told stays as it is, as if it were in the target language.

        Raises:
            Refusal: the text is in a language that cannot be translated into the target.
        """
        if source != AUTO:
            return [source] * len(texts), []
        guesses = await self.detect(texts)
        whole: list[Guess] | None = None
        sources, chosen = [], []
        for found in guesses:
            fitting = _first_fitting(snapshot, found, target)
            if fitting is None and len(texts) > 1 and found[0].confidence:
                if whole is None:
                    (whole,) = await self.detect(["\n".join(texts)])
                fitting = _first_fitting(snapshot, whole, target)
            if fitting is None and found[0].confidence:
                check_pair(snapshot, found[0].language, target)
            chosen.append(fitting or found[0])
            sources.append(fitting.language if fitting else target)
        return sources, chosen

    async def translate(
        self,
        snapshot: Snapshot,
        texts: Sequence[str],
        sources: Sequence[str],
        target: str,
        *,
        format: TextFormat = "text",
        alternatives: int = 0,
    ) -> tuple[list[str], list[list[str]]]:
        """The translation of each text, and the alternatives to it."""
        jobs = [
            Job(text, check_pair(snapshot, source, target), format)
            for text, source in zip(texts, sources, strict=True)
        ]
        wanted = 0 if format == "html" else alternatives
        ranked = await self.translation.translate(jobs, wanted + 1)
        if self.settings.log_text:
            for job, found in zip(jobs, ranked, strict=True):
                log.info("%s: %r -> %r", job.direction.label if job.direction else "same", job.text, found[0])
        return [found[0] for found in ranked], [distinct_alternatives(found, wanted) for found in ranked]

    def collect(self) -> list[Metric]:
        """Every number there is, for ``/metrics``."""
        snapshot, counts = self._catalogue.snapshot, self._batcher.counts
        tickets, pieces = self._batcher.waiting
        resident: dict[Labels, float] = {
            (("model", each.name),): float(each.num_bytes) for each in self._backend.residents()
        }
        refused: dict[Labels, float] = {(("pack", name),): 1.0 for name in snapshot.refused}
        return [
            *self.metrics.collect(),
            gauge("crosslate_ready", "Whether translations are served.", float(self._is_ready)),
            gauge("crosslate_directions", "Pairs that are served.", float(len(snapshot.directions))),
            gauge("crosslate_packs", "Packs that are served.", float(len(snapshot.packs))),
            gauge("crosslate_packs_refused", "Folders that hold no usable pack.", refused),
            gauge("crosslate_resident_bytes", "Bytes of the models in memory.", resident),
            gauge("crosslate_waiting_requests", "Requests with texts in the queue.", float(tickets)),
            gauge("crosslate_waiting_segments", "Texts in the queue.", float(pieces)),
            counter("crosslate_batches_total", "Batches translated.", counts.batches),
            counter("crosslate_segments_total", "Sentences translated.", counts.pieces),
            counter("crosslate_tokens_total", "Source tokens translated.", counts.tokens),
            counter("crosslate_batch_seconds_total", "Time that batches took.", counts.seconds),
            counter("crosslate_repetitions_total", "Sentences that ran in circles.", counts.guarded),
            counter("crosslate_overloads_total", "Requests refused with a full queue.", counts.refused),
        ]

    def residents(self) -> list[dict[str, object]]:
        """What is in memory, for people."""
        return [{"name": each.name, "bytes": each.num_bytes} for each in self._backend.residents()]


def _first_fitting(snapshot: Snapshot, guesses: Sequence[Guess], target: str) -> Guess | None:
    """The likeliest language that can be translated; guesses below a tenth are no guesses."""
    for position, guess in enumerate(guesses):
        is_served = guess.language == target or (guess.language, target) in snapshot.directions
        if is_served and (position == 0 or guess.confidence >= 10.0):
            return guess
    return None
