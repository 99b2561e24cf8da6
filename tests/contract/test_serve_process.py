"""``crosslate serve`` as a process: real models, real sockets, packs that come and go, a clean end."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

import pytest

from crosslate.engines.decoding import DecodingOptions
from crosslate.translation.translator import Translator

OPTIONS = ("--beam", "1", "--max-new-tokens", "6")


class Process:
    """The server and what it logs."""

    def __init__(self, *arguments):
        command = [sys.executable, "-m", "crosslate", "serve", "--port", "0", *OPTIONS, *map(str, arguments)]
        self.running = subprocess.Popen(
            command, stderr=subprocess.PIPE, text=True, env=os.environ | {"OMP_NUM_THREADS": "1"}
        )
        self.log: list[str] = []
        threading.Thread(
            target=lambda: self.log.extend(iter(self.running.stderr.readline, "")), daemon=True
        ).start()
        line = self.wait_for(lambda: next((each for each in self.log if "serving at" in each), None))
        self.url = re.search(r"http://\S+?(?=/$)", line.strip())[0]
        self.port = int(self.url.rsplit(":", 1)[1])

    def wait_for(self, condition, seconds=60):
        deadline = time.monotonic() + seconds
        while not (found := condition()):
            assert self.running.poll() is None, "".join(self.log)
            assert time.monotonic() < deadline, "".join(self.log)
            time.sleep(0.05)
        return found

    def get(self, path):
        with urllib.request.urlopen(self.url + path, timeout=30) as response:
            return json.load(response)

    def translate(self, q, source, target):
        body = json.dumps({"q": q, "source": source, "target": target}).encode()
        request = urllib.request.Request(f"{self.url}/translate", body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=30) as response:
            return json.load(response)["translatedText"]

    def is_ready(self):
        try:
            return self.get("/health") == {"status": "ok"}
        except urllib.error.HTTPError as error:
            assert error.code == 503
            return False

    def targets(self):
        return {each["code"]: each["targets"] for each in self.get("/languages")}


@pytest.fixture(scope="module")
def world(tiny, tmp_path_factory):
    """A folder of packs with one pack, whose CTranslate2 models need not be built in the process."""
    root = tmp_path_factory.mktemp("world")
    packs = root / "packs"
    packs.mkdir()
    shutil.copytree(tiny / "packs" / "de-en", packs / "de-en")
    return root


@pytest.fixture(scope="module")
def process(tiny, world):
    made = Process("--parent", tiny / "parents" / "fr-en", "--packs", world / "packs", "--engine", "pytorch")
    yield made
    made.running.kill()
    made.running.wait()


def test_a_whole_life(tiny, world, process, crosslate):
    process.wait_for(process.is_ready)
    assert process.targets() == {"de": ["de", "en"], "en": ["en"], "fr": ["en", "fr"]}
    options = DecodingOptions(beam_size=1, max_new_tokens=6)
    translator = Translator.open(
        [tiny / "packs" / "de-en"], str(tiny / "parents" / "fr-en"), engine="pytorch", options=options
    )
    texts = ["Hund sieht Katze", "", "Kind"]
    expected = translator.translate(texts)
    found = process.translate(texts, "de", "en")
    # The last touches change letter case and final punctuation alone.
    assert [text.lower().rstrip(".") for text in found] == [text.lower().rstrip(".") for text in expected]

    ran = crosslate("pack", "install", tiny / "packs" / "fr-es", "--to", world / "packs")
    assert ran.code == 0 and ran.out.startswith("installed ")
    process.wait_for(lambda: "es" in process.targets())
    assert process.targets()["de"] == ["de", "en", "es"]
    assert process.translate("Hund", "de", "es")

    (world / "packs" / "bad").mkdir()
    (world / "packs" / "bad" / "pack.json").write_text("{}")
    process.wait_for(lambda: any("bad is refused" in line for line in process.log))
    assert process.targets()["de"] == ["de", "en", "es"]

    shutil.rmtree(world / "packs" / "fr-es")
    process.wait_for(lambda: "es" not in process.targets())
    assert process.translate("Hund", "de", "en") == process.translate(["Hund"], "de", "en")[0]

    process.running.send_signal(signal.SIGTERM)
    assert process.running.wait(30) in (0, -signal.SIGTERM)
    assert not any("Traceback" in line for line in process.log), "".join(process.log)


@pytest.fixture(scope="module")
def other(tiny):
    made = Process("--parent", tiny / "parents" / "fr-en", "--engine", "pytorch")
    made.wait_for(made.is_ready)
    yield made
    made.running.kill()
    made.running.wait()


def test_a_very_long_query_string(other):
    text = " ".join(["12:30"] * 40_000)
    query = urllib.parse.urlencode({"q": text, "source": "fr", "target": "en"})
    assert len(query) > 300_000
    with urllib.request.urlopen(
        urllib.request.Request(f"{other.url}/translate?{query}", method="POST"), timeout=30
    ) as response:
        assert json.load(response) == {"translatedText": text}


def test_what_is_no_http_harms_nothing(other):
    for data in (
        b"\0" * 100,
        b"GET / HTTP/9.9\r\n\r\n",
        b"POST /translate HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
    ):
        with socket.create_connection(("127.0.0.1", other.port), timeout=10) as connection:
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
            connection.settimeout(10)
            connection.recv(1000)
    assert other.is_ready()


def test_a_client_that_goes_away_harms_nothing(other):
    body = json.dumps({"q": "chien " * 2000, "source": "fr", "target": "en"}).encode()
    head = f"POST /translate HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
    with socket.create_connection(("127.0.0.1", other.port), timeout=10) as connection:
        connection.sendall(f"{head}\r\n\r\n".encode() + body)
    assert isinstance(other.translate("chien", "fr", "en"), str)


@pytest.mark.parametrize(
    ("arguments", "code", "expected"),
    [
        ((), 2, "give --parent"),
        (("--parent", "nowhere"), 4, "nowhere: no such folder"),
        (("--parent", "{tiny}/parents/fr-en", "--packs", "nothing"), 2, "nothing: no such folder"),
        (("--parent", "{tiny}/parents/fr-en", "--packs", "{tiny}/packs/de-en"), 2, "is a pack; give the folder"),
        (("--parent", "{tiny}/parents/fr-en", "--port", "99999"), 2, "port is 99999"),
        (("--parent", "{tiny}/parents/fr-en", "--memory", "much"), 2, "'much' is no size"),
        (("--parent", "{tiny}/parents/fr-en", "--require-key"), 2, "there is no file of keys"),
        (("--parent", "{tiny}/parents/fr-en", "--beam", "0"), 2, "beam_size is 0"),
        (("--parent", "{tiny}/parents/fr-en", "--engine", "x"), 2, "unknown engine 'x'"),
    ],
)  # fmt: skip
def test_refusals(crosslate, tiny, arguments, code, expected):
    ran = crosslate("serve", "--port", "0", *(each.format(tiny=tiny) for each in arguments))
    assert (ran.code, ran.out) == (code, "")
    assert ran.err.startswith("crosslate: ") and expected in ran.err and "Traceback" not in ran.err


def test_a_parent_that_cannot_be_loaded(crosslate, tiny, tmp_path):
    """That shows only after the server has begun to listen; it ends with the reason all the same."""
    shutil.copytree(tiny / "parents" / "fr-en", tmp_path / "parent")
    (tmp_path / "parent" / "model.safetensors").write_bytes(b"no tensors")
    ran = crosslate("serve", "--parent", tmp_path / "parent", "--engine", "pytorch", "--port", "0")
    assert ran.code == 4 and "cannot load the model" in ran.err and "Traceback" not in ran.err


def test_a_port_that_is_taken(crosslate, tiny):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ran = crosslate("serve", "--parent", tiny / "parents" / "fr-en", "--port", taken.getsockname()[1])
    assert ran.code == 3 and "cannot listen on 127.0.0.1 port" in ran.err


class TestKeys:
    def test_add_list_remove(self, crosslate, tmp_path):
        file = tmp_path / "keys.db"
        (secret,) = crosslate("serve", "keys", "add", 120, "--keys", file, "--label", "ann").lines
        assert len(secret) == 32
        (line,) = crosslate("serve", "keys", "list", "--keys", file).lines
        assert line.endswith("120 requests a minute  ann") and secret not in line
        identity = line.split()[0]
        assert crosslate("serve", "keys", "remove", identity, "--keys", file).code == 0
        assert crosslate("serve", "keys", "list", "--keys", file).lines == []
        assert crosslate("serve", "keys", "remove", identity, "--keys", file).code == 2


class TestInstall:
    def test_twice(self, crosslate, tiny, tmp_path):
        pack, folder = tiny / "packs" / "de-en", tmp_path / "packs"
        assert crosslate("pack", "install", pack, "--to", folder).code == 0
        again = crosslate("pack", "install", pack, "--to", folder)
        assert again.code == 3 and "exists" in again.err
        assert crosslate("pack", "install", pack, "--to", folder, "--force").code == 0
        assert [path.name for path in folder.iterdir()] == ["de-en"]

    def test_what_is_refused_is_not_installed(self, crosslate, tiny, tmp_path):
        (tmp_path / "bad").mkdir()
        ran = crosslate("pack", "install", tmp_path / "bad", "--to", tmp_path / "packs")
        assert ran.code == 4 and not (tmp_path / "packs").exists()
        other = tiny / "parents" / "other"
        ran = crosslate(
            "pack", "install", tiny / "packs/de-en", "--to", tmp_path / "packs", "--parent", other
        )
        assert ran.code == 4 and "another parent" in ran.err

    def test_into_a_pack(self, crosslate, tiny):
        ran = crosslate("pack", "install", tiny / "packs" / "de-en", "--to", tiny / "packs" / "fr-es")
        assert ran.code == 2 and "give the folder that packs lie in" in ran.err
