"""A server in this process, with an engine that shows what it was given."""

from __future__ import annotations

import json
import threading
import time
from types import SimpleNamespace

import pytest
from starlette.testclient import TestClient

from crosslate.engines.decoding import Hypothesis
from crosslate.server.app import create_app
from crosslate.server.backends import Model
from crosslate.server.live_models import LiveModels, ResidentModel
from crosslate.server.service import Service
from crosslate.server.settings import Limits, QueueSettings, ServerSettings


class Vocabulary:
    """A token per character and the end of sentence."""

    def encode(self, text):
        return [*text, 0]


class MarkingBackend:
    """Translates ``Hund.`` to ``En:hund.``; further hypotheses get marks. Counts what it is given."""

    name, num_workers = "marking", 1

    def __init__(self, parent):
        self.live = LiveModels(parent)
        self.batches: list[list[str]] = []
        self.gate: threading.Event | None = None
        self.entered = threading.Event()

    def prepare(self, direction): ...

    def retire(self, needed): ...

    def align(self, direction, pairs): ...

    def residents(self):
        return [ResidentModel(name="parent", bytes=1000)]

    def loaded(self, direction):
        return None

    def model(self, direction):
        engine = SimpleNamespace(source=Vocabulary(), max_source_tokens=200)
        return Model(direction, engine, self.translate)

    def translate(self, items, options):
        self.batches.append([text for _, text in items])
        self.entered.set()
        if self.gate:
            assert self.gate.wait(10)
        if any("explode" in text.lower() for _, text in items):
            raise RuntimeError("the engine's own failure, with the text in it: explode")
        return [
            [
                Hypothesis(f"{model.direction.target}:{text.lower()}{'*' * rank}", 0.0, (*text.split(),))
                for rank in range(options.n_best)
            ]
            for model, text in items
        ]


class Server:
    """A server in this process, with its backend at hand."""

    def __init__(self, service, backend):
        self.service, self.backend = service, backend
        self.client = TestClient(create_app(service), raise_server_exceptions=False)

    def post(self, path, fields=None, headers=()):
        """Posts fields as JSON, also those that JSON knows only by Python's leave."""
        return self.client.post(path, content=json.dumps(fields), headers=JSON | dict(headers))

    def get(self, path, **options):
        return self.client.get(path, **options)

    def upload(self, name="a.txt", data=b"Hund.\nKatze.\n", path="/translate_file", **fields):
        fields = {"source": "de", "target": "en"} | fields
        return self.client.post(path, files={"file": (name, data)}, data=fields)

    def translate(self, q, source="de", target="en", **more):
        return self.post("/translate", {"q": q, "source": source, "target": target, **more})


def error(response, status):
    assert response.status_code == status, response.text
    assert response.headers["content-type"].startswith("application/json")
    body = response.json()
    assert set(body) == {"error"}
    return body["error"]


JSON = {"Content-Type": "application/json"}
HUND = {"q": "Hund.", "source": "de", "target": "en"}
TRANSLATED = {"translatedText": "En:hund."}
GERMAN = "Der Hund schläft in dem großen Haus und die Katze sieht das nicht."
FRENCH = "Le chien dort dans la grande maison et le chat ne le voit pas."


def wait_for(condition, seconds=10):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def events(response):
    assert response.headers["content-type"].startswith("text/event-stream")
    found = []
    for block in response.text.strip().split("\n\n"):
        name, data = block.split("\n")
        found.append((name.removeprefix("event: "), json.loads(data.removeprefix("data: "))))
    return found


def build(parent, packs, *, is_loaded=True, **settings):
    """A server of these folders; ``limits`` are given by name, the rest is :class:`ServerSettings`."""
    backend = MarkingBackend(str(parent))
    limits = Limits(**settings.pop("limits", {}))
    queue = QueueSettings(**{"window_milliseconds": 0.0, **settings.pop("queue", {})})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("crosslate.server.service.make_backend", lambda *args, **options: backend)
        service = Service(
            ServerSettings(parent=str(parent), packs=packs, limits=limits, queue=queue, **settings)
        )
    if is_loaded:
        service.load()
    return Server(service, backend)
