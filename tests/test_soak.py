"""The parts of ``python -m benchmarks.soak``: each finds what it is there to find."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from types import SimpleNamespace

import pytest
from benchmarks.counted_clients import Ask, Clients
from benchmarks.soak import Disk, end_faults, memory_of, table

DE_EN, FR_EN = ("de", "en"), ("fr", "en")
WELL, BUSY, FAILED, UNKNOWN = (200, "a"), (503, "x"), (500, "x"), (400, "x")


@pytest.fixture
def clients():
    """``clients(answers)``: clients of a server that gives these answers in turn."""
    servers = []

    def make(*answers, version="first"):
        left = list(answers)

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                self.rfile.read(int(self.headers["Content-Length"]))
                status, text = left.pop(0)
                self.send_response(status)
                if status == 503:
                    self.send_header("Retry-After", "0")
                self.end_headers()
                self.wfile.write(json.dumps({"translatedText": text}).encode())

            def log_message(self, *_): ...

        servers.append(HTTPServer(("127.0.0.1", 0), Handler))
        threading.Thread(target=servers[-1].serve_forever, args=(0.01,), daemon=True).start()
        return Clients(servers[-1].server_port, "de", version)

    yield make
    for server in servers:
        server.shutdown()
        server.server_close()


def asked(clients, pair, *versions):
    for version in versions:
        clients.version = version
        clients.ask(Ask.of(pair, "x"))
    return clients.faults


def test_a_busy_server_is_asked_again_and_all_is_counted(clients):
    made = clients(BUSY, BUSY, WELL, WELL)
    assert asked(made, FR_EN, "first", "first") == []
    assert made.retried == 2 and made.counts == {("/translate", "503"): 2, ("/translate", "200"): 2}
    name = "libretranslate_http_request_duration_seconds_count"
    lines = [f'{name}{{endpoint="/translate",status="{status}"}} 2.0' for status in (503, 200)]
    other = f'{name}{{endpoint="/health",status="200"}} 9.0'
    assert made.miscounts("\n".join([*lines, other])) == []
    assert made.miscounts(lines[0]) == ["/metrics counts 0 of /translate 200, the clients 2"]


def test_a_failure_and_another_translation_are_faults(clients):
    assert "500" in asked(clients(FAILED), FR_EN, "first")[0]
    assert "400" in asked(clients(UNKNOWN), DE_EN, "first")[0]
    assert "in place of" in asked(clients(WELL, (200, "b")), FR_EN, "first", "second")[0]
    assert "in place of" in asked(clients(WELL, (200, "b")), DE_EN, "first", "first")[0]


def test_a_pack_may_be_away_and_another_version_translates_otherwise(clients):
    assert asked(clients(UNKNOWN, WELL), DE_EN, None) == []
    assert asked(clients(WELL, (200, "b"), (200, "c"), WELL), DE_EN, "first", "second", None, "first") == []


def test_memory_is_compared_after_the_first_round():
    grown = [(seconds, 100.0 if seconds < 500 else 150.0) for seconds in range(0, 1000, 3)]
    assert memory_of(grown, 200) == (100.0, 150.0)
    assert memory_of(grown, 600) == (150.0, 150.0)
    assert memory_of(grown, 999) == memory_of([], 10) == (0.0, 0.0)


@pytest.mark.skipif(sys.platform != "linux", reason="limits of other processes are Linux's")
def test_a_full_disk_without_the_right_to_mount(tmp_path, monkeypatch):
    code = "import sys\nfrom pathlib import Path\nfor name in sys.stdin:\n"
    code += "    try: Path(name.strip()).write_text('x')\n"
    code += "    except OSError as error: print(error.strerror, flush=True)\n    else: print('written', flush=True)"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as writing:

        def written():
            print(tmp_path / "disk" / "temporary" / "x", file=writing.stdin, flush=True)
            return writing.stdout.readline().strip()

        monkeypatch.setattr(subprocess, "run", lambda *_, **__: SimpleNamespace(returncode=32))
        disk = Disk(tmp_path / "disk")
        assert not disk.is_mounted and written() == "written"
        with disk.full(writing.pid):
            assert written() == "File too large"
        assert written() == "written"
        disk.close()
        writing.stdin.close()


def test_what_is_left_after_the_end(tmp_path):
    for name in ("disk/temporary", "disk/cache", "packs/de-en", "packs/.crosslate-cache"):
        (tmp_path / name).mkdir(parents=True)
    assert end_faults(tmp_path, SimpleNamespace(returncode=0, log=lambda: "")) == []
    (tmp_path / "disk" / "temporary" / "upload").touch()
    (tmp_path / "disk" / "cache" / ".half").mkdir()
    (tmp_path / "packs" / ".de-en.tmp").mkdir()
    faults = end_faults(tmp_path, SimpleNamespace(returncode=1, log=lambda: "Traceback (most recent"))
    assert [fault.rpartition("/")[2] for fault in faults[:3]] == [
        "upload is left", ".half is left", ".de-en.tmp is left"
    ]  # fmt: skip
    assert faults[3:] == ["the server ended with 1", "there is a traceback in the log"]


def test_the_table():
    found = {
        "minutes": 30.0, "disk": "tmpfs", "events": {"keys change": ["added", "removed"], "the clock is set": []},
        "answered": {"lists": 1234}, "again": 3, "statuses": {"200": 1500, "503": 3}, "cores": 0.25,
        "megabytes": [300.0, 301.0], "faults": [],
    }  # fmt: skip
    text = table(found)
    assert "| keys change | 2 | removed |" in text and "| the clock is set | 0 |  |" in text
    assert "1,234 lists" in text and "300 MB" in text and text.endswith("As expected.")
    assert table({**found, "faults": ["a", "b"]}).endswith("a; b")
