"""Numbers of a running server for Prometheus."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from prometheus_client import CollectorRegistry, Gauge, Summary, disable_created_metrics, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

# They double the number of series, and nothing here begins at another time than the server.
disable_created_metrics()


class Metrics:
    """Counts and times of requests, and whatever else is collected when somebody asks.

    The first two have the names that dashboards for this API know, without clients' addresses.

    Args:
        collect: gives the rest.
    """

    def __init__(self, collect: Callable[[], Iterable[Metric]]) -> None:
        self._registry = CollectorRegistry()
        self._seconds = Summary(
            "libretranslate_http_request_duration_seconds",
            "Time of requests.",
            ("endpoint", "status"),
            registry=self._registry,
        )
        self._in_flight = Gauge(
            "libretranslate_http_requests_in_flight",
            "Requests being answered.",
            ("endpoint",),
            registry=self._registry,
        )
        self._registry.register(_Collector(collect))

    def begin(self, endpoint: str) -> None:
        """A request has come in."""
        self._in_flight.labels(endpoint).inc()

    def end(self, endpoint: str, status: int, seconds: float) -> None:
        """It was answered."""
        self._in_flight.labels(endpoint).dec()
        self._seconds.labels(endpoint, str(status)).observe(seconds)

    def text(self) -> str:
        """Everything as Prometheus reads it (text format 0.0.4)."""
        return generate_latest(self._registry).decode()


class _Collector:
    def __init__(self, collect: Callable[[], Iterable[Metric]]) -> None:
        self.collect = collect


def counter(name: str, help: str, value: float) -> Metric:
    """A number that only grows."""
    return CounterMetricFamily(name, help, value)


def gauge(name: str, help: str, value: float) -> Metric:
    """A number that comes and goes."""
    return GaugeMetricFamily(name, help, value)


def gauge_of(name: str, help: str, label: str, values: Mapping[str, float]) -> Metric:
    """A number for each value of a label."""
    family = GaugeMetricFamily(name, help, labels=[label])
    for each, value in values.items():
        family.add_metric([each], value)
    return family
