"""A server without its HTTP: everything that answers need, from start to stop."""

from __future__ import annotations

import gc
import logging
from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily as Counter
from prometheus_client.core import GaugeMetricFamily as Gauge
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from crosslate.server.admission import Admission
from crosslate.server.answers import Refusal
from crosslate.server.backends import make_backend
from crosslate.server.batching import Batcher
from crosslate.server.catalogue import Catalogue, Snapshot
from crosslate.server.detection import detector
from crosslate.server.downloads import Downloads
from crosslate.server.following import Following
from crosslate.server.insight import Insight
from crosslate.server.metrics import Metrics
from crosslate.server.settings import ServerSettings
from crosslate.server.translation import Translations

log = logging.getLogger(__name__)


class Service(Collector):
    """What the routes use.

    Attributes:
        settings: everything that was asked for.
        backend: where models come from.
        translations: texts to translations.
        insight: what looks into the models.
        admission: who may ask for what.
        downloads: translated files.
        metrics: of requests, and of all of these.
    """

    def __init__(self, settings: ServerSettings) -> None:
        self.settings = settings
        self.metrics = Metrics(self)
        self.downloads = Downloads(settings.limits.kept_bytes)
        self.admission = Admission(settings)
        self.backend = make_backend(settings)
        self._catalogue = Catalogue(settings, self.backend.prepare, self.backend.retire)
        self._following = None
        if settings.collection and settings.packs:
            seconds = 60 * settings.collection_minutes
            self._following = Following(settings.collection, settings.packs, settings.parent, seconds)
        self._batcher = Batcher(settings.queue, self.backend.num_workers)
        self.translations = Translations(self.backend, self._batcher, settings)
        self.insight = Insight(self.backend.live)
        self.is_ready = False

    def load(self) -> None:
        """Reads parent and packs, and begins to watch; raises where the parent cannot be served."""
        if self._following:
            self._following.start()
        snapshot = self._catalogue.refresh()
        detector(snapshot.languages)  # its first use takes a while
        # Neither models nor modules are ever garbage; looking through them would stop all threads.
        gc.collect()
        gc.freeze()
        self.is_ready = True
        pairs = ", ".join(f"{source}-{target}" for source, target in snapshot.directions)
        log.info("ready: %s", pairs or "no direction yet; waiting for packs")
        self._catalogue.start()

    def stop(self) -> None:
        """Finishes what waits and lets go of everything."""
        if self._following:
            self._following.stop()
        self._catalogue.stop()
        self._batcher.close()
        for part in (self.translations, self.insight, self.downloads, self.admission):
            part.close()

    def snapshot(self) -> Snapshot:
        """What is served now; refused while nothing is yet."""
        if not self.is_ready:
            raise Refusal(503, "The server is still loading", retry_after=5)
        return self._catalogue.snapshot

    def collect(self) -> Iterator[Metric]:
        """Numbers of everything but requests, for Prometheus."""
        snapshot, counts = self._catalogue.snapshot, self._batcher.counts
        tickets, pieces = self._batcher.waiting
        yield Gauge("crosslate_ready", "Whether translations are served.", self.is_ready)
        yield Gauge("crosslate_directions", "Pairs that are served.", len(snapshot.directions))
        yield Gauge("crosslate_packs", "Packs that are served.", len(snapshot.packs))
        refused = Gauge("crosslate_packs_refused", "Folders that hold no usable pack.", labels=["pack"])
        for name in snapshot.refused:
            refused.add_metric([name], 1)
        yield refused
        resident = Gauge("crosslate_resident_bytes", "Bytes of the models in memory.", labels=["model"])
        for each in self.backend.residents():
            resident.add_metric([each.name], each.bytes)
        yield resident
        yield Gauge("crosslate_waiting_requests", "Requests with texts in the queue.", tickets)
        yield Gauge("crosslate_waiting_segments", "Texts in the queue.", pieces)
        yield Counter("crosslate_batches_total", "Batches translated.", counts.batches)
        yield Counter("crosslate_segments_total", "Sentences translated.", counts.pieces)
        yield Counter("crosslate_tokens_total", "Source tokens translated.", counts.tokens)
        yield Counter("crosslate_batch_seconds_total", "Time that batches took.", counts.seconds)
        yield Counter("crosslate_repetitions_total", "Sentences that repeated themselves.", counts.guarded)
        yield Counter("crosslate_overloads_total", "Requests refused with a full queue.", counts.refused)
