"""Clients of a server that ask again as soon as they are answered, and what that took."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

_ANSWER_SECONDS = 300


@dataclass(frozen=True)
class Request:
    """A request, ready to be sent.

    Attributes:
        data: all of its bytes.
        sentences: in it.
        is_list: the answer must hold a list of as many texts.
    """

    data: bytes
    sentences: int
    is_list: bool = False

    @classmethod
    def of(cls, q: str | list[str], source: str, target: str, sentences: int, **more: object) -> Request:
        """A request for translations, as JSON."""
        body = json.dumps({"q": q, "source": source, "target": target, **more}).encode()
        head = "POST /translate HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        head += f"Content-Length: {len(body)}\r\n\r\n"
        return cls(head.encode() + body, sentences, isinstance(q, list))

    def is_answered_by(self, status: int, body: bytes) -> bool:
        """Whether every text has come back translated."""
        if status != 200:
            return False
        found = json.loads(body)["translatedText"]
        texts = found if self.is_list else [found]
        return isinstance(texts, list) and all(isinstance(each, str) and each.strip() for each in texts)


@dataclass
class Load:
    """What some clients saw.

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


class _Connection:
    """A connection that is kept open, with as little work as possible beside the server's."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._socket: socket.socket | None = None

    def ask(self, data: bytes) -> tuple[int, bytes]:
        """Status and body of the answer."""
        if self._socket is None:
            self._socket = socket.create_connection(("127.0.0.1", self._port), timeout=_ANSWER_SECONDS)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.sendall(data)
        received = b""
        while b"\r\n\r\n" not in received:
            received += self._receive()
        head, _, body = received.partition(b"\r\n\r\n")
        lines = head.lower().split(b"\r\n")
        length = next(int(line[15:]) for line in lines if line.startswith(b"content-length:"))
        parts, left = [body], length - len(body)
        while left > 0:
            parts.append(self._receive())
            left -= len(parts[-1])
        if b"connection: close" in lines:
            self.close()
        return int(lines[0].split()[1]), b"".join(parts)

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _receive(self) -> bytes:
        assert self._socket is not None
        if not (data := self._socket.recv(1 << 16)):
            raise ConnectionError("the server has closed the connection")
        return data


def put_load(port: int, requests: Sequence[Request], clients: int, seconds: float) -> Load:
    """Lets so many clients ask for so long; each asks for every ``clients``-th of the requests in turn.

    What is under way at the end is waited for, and the seconds are those until the last answer.
    """
    load, lock = Load(clients, seconds), threading.Lock()
    start = time.perf_counter()
    end = start + seconds

    def client(number: int) -> None:
        connection, position = _Connection(port), number
        while (began := time.perf_counter()) < end:
            request = requests[position % len(requests)]
            position += clients
            try:
                is_well = request.is_answered_by(*connection.ask(request.data))
            except (OSError, ValueError, KeyError, StopIteration):
                is_well = False
                connection.close()
            took = time.perf_counter() - began
            with lock:
                load.failed += not is_well
                load.latencies.append(took)
                load.sentences += request.sentences * is_well
        connection.close()

    threads = [threading.Thread(target=client, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    load.seconds = time.perf_counter() - start
    return load
