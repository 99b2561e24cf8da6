"""``crosslate serve`` as a process: real models, real sockets, packs that come and go, a clean end."""

from __future__ import annotations

import json
import shutil
import signal
import socket
import urllib.parse
import urllib.request

import pytest
from benchmarks.servers import crosslate_server

from crosslate.engines.decoding import DecodingOptions
from crosslate.server.run import _listen
from crosslate.translation.translator import Translator
from toy_server import wait_for


@pytest.fixture(scope="module")
def packs(tiny, tmp_path_factory):
    """The folder of packs that is served: one pack."""
    folder = tmp_path_factory.mktemp("served") / "packs"
    shutil.copytree(tiny / "packs" / "de-en", folder / "de-en")
    return folder


@pytest.fixture(scope="module")
def process(tiny, packs):
    """A server, which must end cleanly when it is asked to."""
    options = ("--engine", "pytorch", "--beam", "1", "--max-new-tokens", "6")
    with crosslate_server(tiny / "parents" / "fr-en", packs, *options) as running:
        yield running
    log = running.log()
    assert f"serving at http://127.0.0.1:{running.port}/" in log and "Traceback" not in log, log
    assert running._running.returncode in (0, -signal.SIGTERM)


def translate(process, q, source, target):
    return process.post("/translate", {"q": q, "source": source, "target": target})["translatedText"]


def test_translations_and_packs_that_come_and_go(tiny, packs, process, crosslate):
    def targets():
        return {each["code"]: each["targets"] for each in process.get("/languages")}

    assert targets() == {"de": ["de", "en"], "en": ["en"], "fr": ["en", "fr"]}
    options = DecodingOptions(beam_size=1, max_new_tokens=6)
    parent = str(tiny / "parents" / "fr-en")
    translator = Translator.open([packs / "de-en"], parent, engine="pytorch", options=options)
    texts = ["Hund sieht Katze", "", "Kind"]
    # Post-editing changes letter case and final punctuation alone.
    found, expected = (
        [text.lower().rstrip(".") for text in translations]
        for translations in (translate(process, texts, "de", "en"), translator.translate(texts))
    )
    assert found == expected

    ran = crosslate("pack", "install", tiny / "packs" / "fr-es", "--to", packs)
    assert ran.code == 0 and ran.out.startswith("installed ")
    (packs / "bad").mkdir()
    (packs / "bad" / "pack.json").write_text("{}")
    wait_for(lambda: targets()["de"] == ["de", "en", "es"], 60)
    wait_for(lambda: "bad is refused" in process.log(), 60)
    assert translate(process, "Hund", "de", "es")

    shutil.rmtree(packs / "fr-es")
    wait_for(lambda: "es" not in targets(), 60)
    assert translate(process, "Hund", "de", "en") == translate(process, ["Hund"], "de", "en")[0]


def test_what_real_sockets_bring(process):
    """A very long query string, what is no HTTP, and a client that goes away."""
    text = " ".join(["12:30"] * 40_000)
    query = urllib.parse.urlencode({"q": text, "source": "fr", "target": "en"})
    request = urllib.request.Request(f"{process.url}/translate?{query}", method="POST")
    with urllib.request.urlopen(request, timeout=30) as response:
        assert len(query) > 300_000 and json.load(response) == {"translatedText": text}
    body = json.dumps({"q": "chien " * 2000, "source": "fr", "target": "en"})
    head = "POST /translate HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    for data, is_answered in (
        (b"\0" * 100, True),
        (b"GET / HTTP/9.9\r\n\r\n", True),
        (b"POST /translate HTTP/1.1\r\nContent-Length: -1\r\n\r\n", True),
        (f"{head}Content-Length: {len(body)}\r\n\r\n{body}".encode(), False),
    ):
        with socket.create_connection(("127.0.0.1", process.port), timeout=10) as connection:
            connection.sendall(data)
            if is_answered:
                connection.shutdown(socket.SHUT_WR)
                connection.recv(1000)
    assert isinstance(translate(process, "chien", "fr", "en"), str)


@pytest.mark.parametrize(
    ("arguments", "code", "expected"),
    [
        ((), 2, "--parent is missing; give the folder or hub id"),
        (("--parent", "nowhere"), 4, "nowhere: no such folder"),
        (("--parent", "{tiny}/parents/fr-en", "--packs", "nothing"), 2, "nothing: no such folder"),
        (("--parent", "{tiny}/parents/fr-en", "--packs", "{tiny}/packs/de-en"), 2, "is a pack; give the folder"),
        (("--parent", "{tiny}/parents/fr-en", "--port", "99999"), 2, "--port is 99999"),
        (("--parent", "{tiny}/parents/fr-en", "--memory", "much"), 2, "--memory: 'much' is no size"),
        (("--parent", "{tiny}/parents/fr-en", "--require-key"), 2, "there is no file of keys"),
        (("--parent", "{tiny}/parents/fr-en", "--beam", "0"), 2, "--beam is 0"),
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


def test_listening(crosslate, tiny):
    with _listen("127.0.0.1", 0) as listener:
        port = listener.getsockname()[1]
        ran = crosslate("serve", "--parent", tiny / "parents" / "fr-en", "--port", port)
        assert ran.code == 3 and f"cannot listen on 127.0.0.1 port {port}" in ran.err
        # asyncio sends small answers at once only where the socket says that it is TCP.
        with socket.create_connection(listener.getsockname()), listener.accept()[0] as accepted:
            assert listener.proto == accepted.proto == socket.IPPROTO_TCP


def test_keys(crosslate, tmp_path):
    file = tmp_path / "keys.db"
    (secret,) = crosslate("serve", "keys", "add", 120, "--keys", file, "--label", "ann").lines
    assert len(secret) == 32
    (line,) = crosslate("serve", "keys", "list", "--keys", file).lines
    assert line.endswith("120 requests a minute  ann") and secret not in line
    identity = line.split()[0]
    copied = crosslate("serve", "keys", "copy", tmp_path / "copy.db", "--keys", file)
    assert copied.lines == [f"copied 1 keys to {tmp_path / 'copy.db'}"]
    assert crosslate("serve", "keys", "remove", identity, "--keys", file).code == 0
    assert crosslate("serve", "keys", "list", "--keys", file).lines == []
    assert crosslate("serve", "keys", "remove", identity, "--keys", file).code == 2
    assert crosslate("serve", "keys", "copy", file, "--keys", tmp_path / "copy.db").code == 0
    assert crosslate("serve", "keys", "list", "--keys", file).lines == [line]
    ran = crosslate("serve", "keys", "copy", file, "--keys", tmp_path / "mistyped.db")
    assert ran.code == 3 and "no such file" in ran.err


class TestInstall:
    def test_twice(self, crosslate, tiny, tmp_path):
        pack, folder = tiny / "packs" / "de-en", tmp_path / "packs"
        assert crosslate("pack", "install", pack, "--to", folder).code == 0
        again = crosslate("pack", "install", pack, "--to", folder)
        assert again.code == 3 and "exists" in again.err
        assert crosslate("pack", "install", pack, "--to", folder, "--force").code == 0
        assert [path.name for path in folder.iterdir()] == ["de-en"]

    def test_a_copy_of_the_folder_of_packs_is_a_backup(self, crosslate, tiny, tmp_path):
        """As the guide says: copied with ``cp -a``, restored by installing, which verifies every file."""
        ignored = shutil.ignore_patterns(".crosslate-cache")
        shutil.copytree(tiny / "packs", tmp_path / "backup", ignore=ignored)
        for name in ("de-en", "fr-es"):
            assert (
                crosslate("pack", "install", tmp_path / "backup" / name, "--to", tmp_path / "packs").code == 0
            )
        for path in (tiny / "packs").glob("*/*"):
            if path.parent.name != ".crosslate-cache":
                assert (tmp_path / "packs" / path.parent.name / path.name).read_bytes() == path.read_bytes()
        damaged = tmp_path / "backup" / "de-en" / "weights.safetensors"
        damaged.write_bytes(damaged.read_bytes()[:-1])
        ran = crosslate(
            "pack", "install", tmp_path / "backup" / "de-en", "--to", tmp_path / "packs", "--force"
        )
        assert ran.code == 4 and "damaged" in ran.err

    def test_what_is_refused_is_not_installed(self, crosslate, tiny, tmp_path):
        (tmp_path / "bad").mkdir()
        ran = crosslate("pack", "install", tmp_path / "bad", "--to", tmp_path / "packs")
        assert ran.code == 4 and not (tmp_path / "packs").exists()
        options = ("--to", tmp_path / "packs", "--parent", tiny / "parents" / "other")
        ran = crosslate("pack", "install", tiny / "packs/de-en", *options)
        assert ran.code == 4 and "another parent" in ran.err

    def test_into_a_pack(self, crosslate, tiny):
        ran = crosslate("pack", "install", tiny / "packs" / "de-en", "--to", tiny / "packs" / "fr-es")
        assert ran.code == 2 and "give the folder that contains packs" in ran.err
