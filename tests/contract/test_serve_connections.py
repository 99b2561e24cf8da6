"""Clients that are silent, slow, too many or gone: none of them costs others anything."""

from __future__ import annotations

import json
import socket
import time
import urllib.request
from contextlib import ExitStack, closing
from http.client import HTTPConnection

import pytest
from benchmarks.servers import crosslate_server

from toy_server import wait_for

ARRIVAL = 1.5
POST = b"POST /translate HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"


def serve(tiny, *options):
    options = ("--engine", "pytorch", "--beam", "1", "--max-new-tokens", "6", *options)
    return crosslate_server(tiny / "parents" / "fr-en", None, *options)


@pytest.fixture(scope="module")
def process(tiny):
    with serve(tiny, "--arrival-timeout", str(ARRIVAL), "--connection-limit", "20") as running:
        yield running


def connect(process, data=b""):
    connection = socket.create_connection(("127.0.0.1", process.port), timeout=20)
    connection.sendall(data)
    return connection


def received(connection):
    """All that comes until the server closes the connection."""
    found = b""
    try:
        while data := connection.recv(65536):
            found += data
    except ConnectionResetError:
        pass
    return found


def statuses(process):
    with urllib.request.urlopen(f"{process.url}/metrics") as response:
        text = response.read().decode()
    counts = [
        line
        for line in text.splitlines()
        if line.startswith("libretranslate_http_request_duration_seconds_count")
    ]
    return {line.split('status="')[1].split('"')[0] for line in counts if "/translate" in line}


@pytest.mark.parametrize(
    ("begun", "is_told"),
    [
        (b"", False), (b"GET /hea", True), (b"POST /translate HTTP/1.1\r\nHost: x\r\n", True),
        (POST % 100, True), (POST % 100 + b'{"q": "chi', True),
        (POST.replace(b"Content-Length: %d", b"Transfer-Encoding: chunked") + b'5\r\n{"q":\r\n', True),
    ],
)  # fmt: skip
@pytest.mark.parametrize("trickles", [False, True])
def test_a_request_that_never_ends_is_answered_with_408(process, begun, is_told, trickles):
    if trickles and not begun:
        pytest.skip("nothing trickles")
    with closing(connect(process, begun)) as connection:
        if trickles:  # in a header or in a body
            connection.settimeout(0.2)
            answer = b""
            for _ in range(50):
                try:
                    connection.sendall(b"a")
                    if answer := connection.recv(65536):
                        connection.settimeout(10)
                        answer += received(connection)
                    break
                except TimeoutError:
                    pass
                except OSError:
                    break
        else:
            answer = received(connection)
    if is_told and (answer or not trickles):
        head, _, body = answer.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 408 ") and b"connection: close" in head.lower()
        assert "did not arrive within 1.5 s" in json.loads(body)["error"]
    else:
        assert answer == b""


def test_what_is_no_http_is_answered_in_json(process):
    with closing(connect(process, b"\0\0\0\r\n\r\n")) as connection:
        head, _, body = received(connection).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 ") and json.loads(body) == {
        "error": "Invalid HTTP request received."
    }


def test_the_whole_address_may_be_named(process):
    asked = b"GET http://example.org//health HTTP/1.1\r\nHost: example.org\r\nConnection: close\r\n\r\n"
    with closing(connect(process, asked)) as connection:
        assert received(connection).endswith(b'{"status":"ok"}')


def test_a_connection_may_rest_longer_than_a_request_may_take_to_arrive(process):
    with closing(HTTPConnection("127.0.0.1", process.port)) as connection:
        for seconds in (0, ARRIVAL + 0.3, ARRIVAL + 0.3):
            time.sleep(seconds)
            connection.request("GET", "/health")
            assert json.load(connection.getresponse()) == {"status": "ok"}
            connection.auto_open = 0


def test_a_large_body_may_take_longer(process):
    body = json.dumps({"q": "12:30 " * 8000, "source": "fr", "target": "en"}).encode()
    with closing(connect(process, POST % len(body))) as connection:
        for start in range(0, len(body), 8000):
            connection.sendall(body[start : start + 8000])
            time.sleep(0.4)
        assert connection.recv(65536).startswith(b"HTTP/1.1 200 ")


def test_silent_connections_give_way(process):
    with ExitStack() as stack:
        for _ in range(60):
            stack.enter_context(closing(connect(process)))
        assert process.get("/health") == {"status": "ok"}


def test_who_leaves_is_no_failure_of_the_server(process):
    connect(process, POST % 100 + b'{"q": ').close()
    wait_for(lambda: "499" in statuses(process))
    assert "500" not in statuses(process) and "failed" not in process.log()


HOSTILE = {
    "markup": "<![CDATA[" * 53_334, "quotation marks": "「こんにちは。」" * 25_000, "empty texts": [""] * 1_000_000,
    "one word": "x" * 500_000, "spaces": " " * 3_000_000 + "x", "line ends": "a.\n" * 300_000,
    "marks": ".?!" * 300_000, "code": "if(a.b){c[d]='e'};" * 20_000,
}  # fmt: skip


USUAL = ("markup", "empty texts", "spaces")


@pytest.mark.parametrize(
    "q",
    [
        pytest.param(q, id=name, marks=() if name in USUAL else pytest.mark.full)
        for name, q in HOSTILE.items()
    ],
)
def test_health_is_told_beside_whatever_is_sent(process, q):
    """How fast, ``python -m benchmarks.robustness`` measures; here nothing waits for the hostile text."""
    body = json.dumps({"q": q, "source": "fr", "target": "en"}, ensure_ascii=False).encode()
    with closing(connect(process, POST % len(body) + body)):
        for _ in range(20):
            assert process.get("/health") == {"status": "ok"}
            time.sleep(0.05)  # and leaves
    assert process.get("/health") == {"status": "ok"}


def test_the_end_is_not_delayed_by_a_request_that_never_arrives(tiny):
    with serve(tiny) as running, closing(connect(running, POST % 100 + b"{")):
        assert running.get("/health") == {"status": "ok"}
        running._running.terminate()
        running._running.wait(20)  # a request in progress may take 30 seconds
