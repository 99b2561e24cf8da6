"""Numbers of a running server in Prometheus' text format."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

Labels = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Metric:
    """A family of numbers.

    Attributes:
        kind: ``counter``, ``gauge`` or ``summary``.
        values: suffix (``_sum`` of a summary, else empty), labels and number.
    """

    name: str
    kind: str
    help: str
    values: Sequence[tuple[str, Labels, float]]


class RequestMetrics:
    """Counts and times of requests by route and status, and how many are in flight."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._count: dict[tuple[str, str], int] = defaultdict(int)
        self._seconds: dict[tuple[str, str], float] = defaultdict(float)
        self._in_flight: dict[str, int] = defaultdict(int)

    def begin(self, endpoint: str) -> None:
        """A request has come in."""
        with self._lock:
            self._in_flight[endpoint] += 1

    def end(self, endpoint: str, status: int, seconds: float) -> None:
        """It was answered."""
        with self._lock:
            self._in_flight[endpoint] -= 1
            self._count[(endpoint, str(status))] += 1
            self._seconds[(endpoint, str(status))] += seconds

    def collect(self) -> list[Metric]:
        """The numbers now, under the names that dashboards for this API know, without clients' addresses."""
        with self._lock:
            times = [
                (suffix, (("endpoint", endpoint), ("status", status)), float(value))
                for suffix, values in (("_count", self._count), ("_sum", self._seconds))
                for (endpoint, status), value in values.items()
            ]
            running = [
                ("", (("endpoint", endpoint),), float(value)) for endpoint, value in self._in_flight.items()
            ]
        return [
            Metric("libretranslate_http_request_duration_seconds", "summary", "Time of requests.", times),
            Metric("libretranslate_http_requests_in_flight", "gauge", "Requests being answered.", running),
        ]


def counter(name: str, help: str, value: float) -> Metric:
    """A number that only grows."""
    return Metric(name, "counter", help, [("", (), value)])


def gauge(name: str, help: str, values: Mapping[Labels, float] | float) -> Metric:
    """A number, or one per set of labels."""
    by_labels = values if isinstance(values, Mapping) else {(): values}
    return Metric(name, "gauge", help, [("", labels, value) for labels, value in by_labels.items()])


def exposition(metrics: Iterable[Metric]) -> str:
    """The metrics as Prometheus reads them (text format 0.0.4)."""
    lines = []
    for metric in metrics:
        lines += [f"# HELP {metric.name} {metric.help}", f"# TYPE {metric.name} {metric.kind}"]
        for suffix, labels, value in metric.values:
            inside = ",".join(f'{name}="{_escaped(text)}"' for name, text in labels)
            number = repr(int(value)) if float(value).is_integer() else repr(float(value))
            lines.append(f"{metric.name}{suffix}{'{' + inside + '}' if inside else ''} {number}")
    return "\n".join(lines) + "\n"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
