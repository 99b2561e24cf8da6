"""Numbers of a running server for Prometheus."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Gauge, Summary, disable_created_metrics, generate_latest
from prometheus_client.registry import Collector

# They double the number of series, and nothing here begins at another time than the server.
disable_created_metrics()


class Metrics:
    """Counts and times of requests, under names that dashboards for this API know, and other numbers.

    Args:
        others: collects the other numbers when somebody asks.
    """

    def __init__(self, others: Collector) -> None:
        self._registry = CollectorRegistry()
        self._registry.register(others)
        name = "libretranslate_http_request"
        # Without labels for clients, whose addresses are private.
        self._seconds = Summary(
            f"{name}_duration_seconds", "Time of requests.", ("endpoint", "status"), registry=self._registry
        )
        self._in_flight = Gauge(
            f"{name}s_in_flight", "Requests being answered.", ("endpoint",), registry=self._registry
        )

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
