"""The server under hostile requests beside ordinary ones: what the ordinary ones notice.

    python -m benchmarks.robustness [--parent FOLDER --text FILE | --size small] [--seconds 15] [--turns 2]
        [--clients 4] [--strict] [--out FILE]

Ordinary clients translate sentences with pauses between them, at first alone, then beside clients that
send texts that are hard to split, one that keeps the model busy, a Word file of thousands of runs, huge
lists, and requests that never end, and half of which leave at once. In each turn both are measured, then the
server rests and its memory is read.

Expected, and with ``--strict`` otherwise the exit code is 1: p99 of ordinary clients grows by less than a
factor of two, all their requests are answered, ``/health`` answers within a second, no 5xx but 503 with
``Retry-After``, and the memory after the last turn is not more than after the first one.
"""

from __future__ import annotations

import argparse
import io
import json
import random
import socket
import statistics
import sys
import tempfile
import threading
import time
import zipfile
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

from benchmarks.load import Load, Request, put_load
from benchmarks.servers import ServerProcess, crosslate_server
from benchmarks.serving import OUTPUT_TOKENS, random_parent

MOST_FACTOR, MOST_HEALTH_SECONDS, MOST_GROWTH = 2.0, 1.0, 1.1
PAUSE_SECONDS, REST_SECONDS, LEAVE_SECONDS = 0.1, 8.0, 0.2
_BUSY = " ".join(f"Le chat {number} dort." for number in range(5000))
_TEXTS = (
    "<![CDATA[" * 53_334,
    "「こんにちは。」" * 25_000,
    "if(a.b){c[d]='e'};" * 25_000,
    "a. " * 20_000,
    _BUSY,
)
_WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
_ENDLESS = 40  # connections that never finish a request


def word_file(num_runs: int) -> bytes:
    """A Word file with a paragraph of so many runs."""
    runs = "<w:r><w:t>a</w:t></w:r>" * num_runs
    body = f'<w:document xmlns:w="{_WORD}"><w:body><w:p>{runs}</w:p></w:body></w:document>'
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("word/document.xml", body)
        archive.writestr(
            "[Content_Types].xml",
            '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>',
        )
    return file.getvalue()


def hostile_requests(languages: tuple[str, str]) -> list[tuple[str, str, bytes]]:
    """Path, type and body of each."""
    source, target = languages
    found = [
        ("/translate", "application/json", _json({"q": q, "source": source, "target": target}))
        for q in (*_TEXTS, [""] * 1_300_000, ["x"] * 1_000_000)
    ]
    fields = "".join(
        f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in (("source", source), ("target", target))
    ).encode()
    head = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.docx"\r\n\r\n'
    file = fields + head + word_file(4000) + b"\r\n--b--\r\n"
    return [*found, ("/translate_file", "multipart/form-data; boundary=b", file)]


def _json(values: Any) -> bytes:
    return json.dumps(values, ensure_ascii=False, separators=(",", ":")).encode()


class Hostile:
    """Clients that send hostile requests until they are stopped.

    Attributes:
        answers: how often each status came; "5xx" those that nothing excuses.
        slowest_health: seconds of the slowest answer of ``/health``.
    """

    def __init__(self, port: int, languages: tuple[str, str]) -> None:
        self.answers: Counter[str] = Counter()
        self.slowest_health = 0.0
        self._port, self._stopped = port, threading.Event()
        works: list[Callable[[], None]] = [self._watch, self._never_end]
        for position, request in enumerate(hostile_requests(languages)):
            works.append(partial(self._send, *request, random.Random(position)))
        self._threads = [threading.Thread(target=work) for work in works]

    def __enter__(self) -> Hostile:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        for thread in self._threads:
            thread.join()

    def _send(self, path: str, kind: str, body: bytes, chooser: random.Random) -> None:
        while not self._stopped.wait(0.5):
            leaves = chooser.random() < 0.5
            connection = HTTPConnection("127.0.0.1", self._port, timeout=LEAVE_SECONDS if leaves else 10)
            try:
                connection.request("POST", path, body, {"Content-Type": kind})
                answer = connection.getresponse()
                answer.read()
                is_excused = answer.status < 500 or (answer.status == 503 and answer.headers["Retry-After"])
                self.answers[str(answer.status) if is_excused else "5xx"] += 1
            except (OSError, HTTPException):
                self.answers["left"] += 1
            finally:
                connection.close()

    def _never_end(self) -> None:
        head = b"POST /translate HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        head += b"Content-Length: 99\r\n"
        connections: list[socket.socket] = []
        while not self._stopped.wait(0.5):
            with suppress(OSError):
                for begun in (b"", head, head + b"\r\n{"):
                    connections.append(socket.create_connection(("127.0.0.1", self._port), timeout=5))
                    connections[-1].sendall(begun)
            for each in connections:
                with suppress(OSError):
                    each.sendall(b" ")  # and never more than that at once
            while len(connections) > _ENDLESS:
                connections.pop(0).close()
        for each in connections:
            each.close()

    def _watch(self) -> None:
        while not self._stopped.wait(0.05):
            start = time.perf_counter()
            connection = HTTPConnection("127.0.0.1", self._port, timeout=60)
            try:
                connection.request("GET", "/health")
                connection.getresponse().read()
            except (OSError, HTTPException):
                self.answers["no health"] += 1
            finally:
                connection.close()
            self.slowest_health = max(self.slowest_health, time.perf_counter() - start)


def one_turn(
    server: ServerProcess,
    requests: Sequence[Request],
    languages: tuple[str, str],
    clients: int,
    seconds: float,
) -> tuple[Load, Load, Hostile, float]:
    """Ordinary clients alone and beside hostile ones; and the memory after a rest, in megabytes."""
    alone = put_load(server.port, requests, clients, seconds, PAUSE_SECONDS)
    with Hostile(server.port, languages) as hostile:
        beside = put_load(server.port, requests, clients, seconds, PAUSE_SECONDS)
    time.sleep(REST_SECONDS)
    return alone, beside, hostile, server.megabytes()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--parent", type=Path)
    parser.add_argument("--text", type=Path)
    parser.add_argument("--size", default="small", help="of a parent with random weights")
    parser.add_argument("--seconds", type=float, default=15, help="of one load")
    parser.add_argument("--turns", type=int, default=2)
    parser.add_argument("--clients", type=int, default=4)
    parser.add_argument("--strict", action="store_true", help="exit with 1 unless all is as expected")
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    if bool(arguments.parent) != bool(arguments.text):
        parser.error("give --parent and --text, or neither")
    languages = ("fr", "en")
    with tempfile.TemporaryDirectory() as folder:
        saved = arguments.parent or Path(folder, "parent")
        if arguments.parent:
            texts = arguments.text.read_text(encoding="utf-8").splitlines()[:1000]
        else:
            texts = random_parent(arguments.size, saved)
        requests = [Request.of(text, *languages, 1) for text in texts]
        options = ("--engine", "ctranslate2", "--max-new-tokens", str(OUTPUT_TOKENS), "--no-repetition-guard")
        with crosslate_server(saved, None, *options, "--arrival-timeout", "5", "--timeout", "20") as server:
            put_load(server.port, requests, 2, 2)  # the model is loaded at the first request
            before = server.megabytes()
            turns = [
                one_turn(server, requests, languages, arguments.clients, arguments.seconds)
                for _ in range(arguments.turns)
            ]
    rows: list[dict[str, Any]] = [
        {
            "p50": (alone.milliseconds(50), beside.milliseconds(50)),
            "p99": (alone.milliseconds(99), beside.milliseconds(99)),
            "requests": len(alone.latencies) + len(beside.latencies),
            "failed": alone.failed + beside.failed,
            "health_seconds": hostile.slowest_health,
            "hostile": dict(hostile.answers),
            "megabytes": megabytes,
        }
        for alone, beside, hostile, megabytes in turns
    ]
    if arguments.out:
        arguments.out.write_text(json.dumps(rows, indent=1), encoding="utf-8")
    print("| p50 alone, beside | p99 alone, beside | slowest /health | failed | memory | hostile answers |")
    print("|---|---|---|---|---|---|")
    for row in rows:
        times = " | ".join("{:.0f} ms, {:.0f} ms".format(*row[name]) for name in ("p50", "p99"))
        answers = ", ".join(f"{status}: {count}" for status, count in sorted(row["hostile"].items()))
        failed = f"{row['failed']} of {row['requests']}"
        memory = f"{row['megabytes']:.0f} MB"
        print(f"| {times} | {row['health_seconds']:.2f} s | {failed} | {memory} | {answers} |")
    factor = statistics.median(row["p99"][1] / row["p99"][0] for row in rows)
    faults = []
    if factor >= MOST_FACTOR:
        faults.append(f"p99 grew {factor:.1f} times, expected less than {MOST_FACTOR:g}")
    if any(row["failed"] for row in rows):
        faults.append("ordinary requests failed")
    if any(hostile.slowest_health > MOST_HEALTH_SECONDS for _, _, hostile, _ in turns):
        faults.append(f"/health took more than {MOST_HEALTH_SECONDS:g} s")
    if any(hostile.answers["5xx"] or hostile.answers["no health"] for _, _, hostile, _ in turns):
        faults.append("there were answers of 5xx other than 503 with Retry-After, or none from /health")
    if turns[-1][3] > MOST_GROWTH * turns[0][3]:
        faults.append(f"memory grew from {turns[0][3]:.0f} MB to {turns[-1][3]:.0f} MB")
    print(f"\np99 beside hostile clients: {factor:.2f} times; memory before: {before:.0f} MB. ", end="")
    print("; ".join(faults) or "As expected.")
    sys.exit(arguments.strict and bool(faults))


if __name__ == "__main__":
    main()
