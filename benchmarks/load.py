"""Clients of a server that ask again once they are answered, and what that took."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException

_ANSWER_SECONDS = 300
_HEADERS = {"Content-Type": "application/json"}


@dataclass(frozen=True)
class Request:
    """A request for translations.

    Attributes:
        body: as JSON.
        sentences: in it.
        is_list: the answer must hold a list of as many texts.
    """

    body: bytes
    sentences: int
    is_list: bool = False

    @classmethod
    def of(cls, q: str | list[str], source: str, target: str, sentences: int, **more: object) -> Request:
        body = json.dumps({"q": q, "source": source, "target": target, **more}).encode()
        return cls(body, sentences, isinstance(q, list))

    def is_answered_by(self, status: int, body: bytes) -> bool:
        """Whether every text has come back translated."""
        if status != 200:
            return False
        found = json.loads(body)["translatedText"]
        texts = found if self.is_list else [found]
        return isinstance(texts, list) and all(isinstance(each, str) and each.strip() for each in texts)


@dataclass
class Load:
    """Results of a load test.

    Attributes:
        latencies: seconds of each answered request, in order of their answers.
        failed: requests with an error, an empty translation or none.
    """

    clients: int
    seconds: float
    sentences: int = 0
    failed: int = 0
    latencies: list[float] = field(default_factory=list)

    @property
    def sentences_per_second(self) -> float:
        return self.sentences / self.seconds

    def milliseconds(self, percent: float) -> float:
        """The time within which so many percent of the requests were answered."""
        ordered = sorted(self.latencies)
        return 1000 * ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))] if ordered else 0.0


def put_load(
    port: int, requests: Sequence[Request], clients: int, seconds: float, pause_seconds: float = 0.0
) -> Load:
    """Lets so many clients ask for so long; each asks for every ``clients``-th of the requests in turn.

    They rest for ``pause_seconds`` between an answer and the next request.
    What is under way at the end is waited for, and the seconds are those until the last answer.
    """
    load, lock = Load(clients, seconds), threading.Lock()
    start = time.perf_counter()
    end = start + seconds

    def client(number: int) -> None:
        connection, position = HTTPConnection("127.0.0.1", port, timeout=_ANSWER_SECONDS), number
        while (began := time.perf_counter()) < end:
            request = requests[position % len(requests)]
            position += clients
            try:
                connection.request("POST", "/translate", request.body, _HEADERS)
                answer = connection.getresponse()
                is_well = request.is_answered_by(answer.status, answer.read())
            except (OSError, HTTPException, ValueError, KeyError):
                is_well = False
                connection.close()
            took = time.perf_counter() - began
            with lock:
                load.failed += not is_well
                load.latencies.append(took)
                load.sentences += request.sentences * is_well
            time.sleep(pause_seconds)
        connection.close()

    threads = [threading.Thread(target=client, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    load.seconds = time.perf_counter() - start
    return load
