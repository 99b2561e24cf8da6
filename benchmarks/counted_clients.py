"""Clients of a server that insist on an answer, count all that they get and compare translations."""

from __future__ import annotations

import json
import random
import re
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from http.client import HTTPConnection
from typing import Any

from benchmarks.robustness import word_file

PATIENCE_SECONDS = 240.0
_LONGEST_WAIT_SECONDS = 3.0
_LIST = 6
_COUNT = re.compile(
    r'libretranslate_http_request_duration_seconds_count\{endpoint="(.*?)",status="(\d+)"\} (.*)'
)
_UNCOUNTED = ("/health", "/metrics")  # asked for before there are clients, and by the count itself


@dataclass(frozen=True)
class Ask:
    """A request that has one right answer as long as its packs are the same."""

    kind: str
    pair: tuple[str, str]
    path: str
    body: bytes
    media: str = "application/json"

    @classmethod
    def of(cls, pair: tuple[str, str], q: str | list[str], kind: str = "sentences", **more: object) -> Ask:
        """Texts to translate."""
        fields = {"q": q, "source": pair[0], "target": pair[1], **more}
        return cls(kind, pair, "/translate", json.dumps(fields).encode())

    @classmethod
    def chat(cls, pair: tuple[str, str], text: str) -> Ask:
        """The same in the shape of OpenAI's API."""
        fields = {"model": "-".join(pair), "messages": [{"role": "user", "content": text}]}
        return cls("OpenAI", pair, "/v1/chat/completions", json.dumps(fields).encode())

    @classmethod
    def document(cls, pair: tuple[str, str], name: str, data: bytes, **more: str) -> Ask:
        """A file to translate, and to fetch."""
        fields = {"source": pair[0], "target": pair[1], **more}
        head = "".join(
            f'--b\r\nContent-Disposition: form-data; name="{each}"\r\n\r\n{value}\r\n'
            for each, value in fields.items()
        )
        head += f'--b\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'
        body = head.encode() + data + b"\r\n--b--\r\n"
        return cls("documents", pair, "/translate_file", body, "multipart/form-data; boundary=b")


def asks_of(pair: tuple[str, str], texts: Sequence[str], key: Mapping[str, str]) -> Iterator[Ask]:
    """Requests of every kind; one in four has a key."""
    for number, text in enumerate(texts[:4]):
        some = list(texts[number * _LIST :][:_LIST])
        more = key if number == 0 else {}
        yield Ask.of(pair, text, **more)
        yield Ask.of(pair, some, "lists", **more)
        yield Ask.of(pair, f"<p>{some[0]} <b>{some[1]}</b></p>", "HTML", format="html", **more)
        yield Ask.chat(pair, text)
        file = ("a.docx", word_file(3 + number)) if number % 2 else ("a.txt", "\n".join(some).encode())
        yield Ask.document(pair, *file, **more)


@dataclass
class Clients:
    """Clients, and what they have counted.

    Attributes:
        renewed: a language whose pack changes while they ask.
        version: of that pack; None while it changes or is away.
        counts: answers by endpoint and status.
        answers: of each request, by the version that it needs.
        answered: requests by their kind.
        retried: requests that were sent again.
    """

    port: int
    renewed: str
    version: str | None
    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    answers: dict[tuple[Ask, str], Any] = field(default_factory=dict)
    answered: Counter[str] = field(default_factory=Counter)
    retried: int = 0
    faults: list[str] = field(default_factory=list)
    stopped: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def send(
        self, method: str, path: str, body: bytes | None = None, media: str = ""
    ) -> tuple[int, Any, bytes]:
        """Status, headers and body of an answer."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_SECONDS)
        try:
            connection.request(method, path, body, {"Content-Type": media} if media else {})
            answer = connection.getresponse()
            found = answer.status, answer.headers, answer.read()
        finally:
            connection.close()
        with self._lock:
            endpoint = "/download_file" if path.startswith("/download_file/") else path
            self.counts[endpoint, str(found[0])] += 1
        return found

    def once(self, ask: Ask) -> tuple[int, Any, bytes]:
        """The first answer, whatever it is."""
        return self.send("POST", ask.path, ask.body, ask.media)

    def ask(self, ask: Ask) -> None:
        """Asks until there is an answer, and compares it with that of the same request before."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        is_renewed = self.renewed in ask.pair
        while True:
            before = self.version
            status, headers, body = self.once(ask)
            if status == 200:
                break
            is_away = status in (400, 404) and is_renewed and None in (before, self.version)
            is_busy = status == 503 and "Retry-After" in headers
            if not (is_away or is_busy) or time.monotonic() > deadline:
                self.faults.append(f"{ask.kind}: {status} {body[:200].decode(errors='replace')}")
                return
            with self._lock:
                self.retried += 1
            time.sleep(min(_LONGEST_WAIT_SECONDS, float(headers.get("Retry-After", 1))))
        answer = self._read(json.loads(body))
        with self._lock:
            self.answered[ask.kind] += 1
            if is_renewed and (before is None or before != self.version):
                return  # both versions are right
            version = str(before) if is_renewed else ""
            expected = self.answers.setdefault((ask, version), answer)
        if answer != expected:
            pair = "-".join(ask.pair)
            self.faults.append(f"{ask.kind}, {pair}: {answer!r:.200} in place of {expected!r:.200}")

    def _read(self, values: dict[str, Any]) -> Any:
        """The translation in an answer, fetched if need be."""
        if "translatedFileUrl" not in values:
            return (
                values["choices"][0]["message"]["content"]
                if "choices" in values
                else values["translatedText"]
            )
        status, _, data = self.send("GET", file_path(values))
        if status != 200:
            self.faults.append(f"a document cannot be fetched: {status}")
        return data

    def run(self, asks: Sequence[Ask], pause_seconds: float, number: int) -> None:
        """One client, until all are stopped."""
        chooser = random.Random(number)
        while not self.stopped.wait(pause_seconds * chooser.uniform(0.5, 1.5)):
            try:
                self.ask(chooser.choice(asks))
            except Exception as error:  # no answer, or one that cannot be read
                self.faults.append(f"no answer: {error!r}")

    def miscounts(self, metrics: str) -> list[str]:
        """Where the server's counts are not those of the clients."""
        found = [each for line in metrics.splitlines() if (each := _COUNT.fullmatch(line))]
        served = {(each[1], each[2]): int(float(each[3])) for each in found}
        names = sorted(name for name in served.keys() | self.counts.keys() if name[0] not in _UNCOUNTED)
        return [
            f"/metrics counts {served.get(name, 0)} of {' '.join(name)}, the clients {self.counts[name]}"
            for name in names
            if served.get(name, 0) != self.counts[name]
        ]


def file_path(values: Mapping[str, Any]) -> str:
    """Where a translated document is fetched."""
    return "/download_file/" + str(values["translatedFileUrl"]).rpartition("/")[2]
