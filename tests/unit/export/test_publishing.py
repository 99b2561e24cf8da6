"""Publishing, against a stand-in of the hub on this machine that keeps what it is sent."""

from __future__ import annotations

import base64
import hashlib
import json
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

FILES = {
    "config.json": b'{"model_type": "marian"}\n',
    "README.md": b"---\nlicense: cc0-1.0\n---\n\n# German to English\n",
    "target/target.spm": bytes(range(256)),
    "model.safetensors": b"weights" * 1000,
}
# In a process of its own, since huggingface_hub reads its environment when it is imported.
PROGRAM = """
import sys
from pathlib import Path
from crosslate.errors import CrosslateError
from crosslate.packs.hub import publish
try:
    print(publish(Path(sys.argv[1]), sys.argv[2], is_private=sys.argv[3] == "private"))
except CrosslateError as error:
    print(type(error).__name__, error)
"""


class Hub(ThreadingHTTPServer):
    """As much of the hub's API as creating a repository and uploading a folder use."""

    def __init__(self, *, is_writable: bool = True, existing: dict[str, bool] | None = None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.is_writable = is_writable
        self.private = dict(existing or {})
        self.files: dict[str, bytes] = {}
        self.objects: dict[str, bytes] = {}
        self.tokens: set[str | None] = set()
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: Hub

    def log_message(self, *arguments): ...

    def do_GET(self):
        if self.path.startswith("/api/models/"):
            name = self.path.removeprefix("/api/models/").partition("?")[0]
            if name not in self.server.private:
                return self._answer({"error": "Repository not found"}, 404, "RepoNotFound")
            described = {"id": name, "private": self.server.private[name], "siblings": [], "tags": []}
            return self._answer(described)
        return self._answer({"name": "ann", "type": "user", "orgs": [], "auth": {}})

    def do_PUT(self):
        self.server.objects[self.path.removeprefix("/objects/")] = self._body()
        self._answer({})

    def do_POST(self):
        body = self._body()
        self.server.tokens.add(self.headers.get("Authorization"))
        if self.path == "/api/repos/create":
            return self._create(json.loads(body))
        if self.path.endswith("/preupload/main"):
            files = json.loads(body)["files"]
            for each in files:
                each["uploadMode"] = "lfs" if each["path"].endswith(".safetensors") else "regular"
                each["shouldIgnore"] = False
            return self._answer({"files": files})
        if self.path.endswith("/objects/batch"):
            objects = json.loads(body)["objects"]
            for each in objects:
                each["actions"] = {"upload": {"href": f"{self.server.address}/objects/{each['oid']}"}}
            return self._answer({"transfer": "basic", "objects": objects})
        if "/commit/main" in self.path:
            return self._commit(body)
        return self._answer({"errors": [], "warnings": []})

    def _create(self, asked):
        name = f"{asked.get('organization') or 'ann'}/{asked['name']}"
        if not self.server.is_writable:
            return self._answer({"error": "You don't have the rights to create a model here"}, 403)
        is_new = name not in self.server.private
        is_private = asked.get("visibility") == "private" or bool(asked.get("private"))
        self.server.private.setdefault(name, is_private)
        return self._answer({"url": f"{self.server.address}/{name}", "name": name}, 200 if is_new else 409)

    def _commit(self, body):
        for line in map(json.loads, body.splitlines()):
            value = line["value"]
            if line["key"] == "file":
                self.server.files[value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "lfsFile":
                content = self.server.objects[value["oid"]]
                assert hashlib.sha256(content).hexdigest() == value["oid"]
                self.server.files[value["path"]] = content
        self._answer({"commitUrl": f"{self.server.address}/ann/de-en/commit/0", "commitOid": "0" * 40})

    def _body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _answer(self, value, status=200, code=None):
        content = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        if code:
            self.send_header("X-Error-Code", code)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


@pytest.fixture
def folder(tmp_path):
    for name, content in FILES.items():
        path = tmp_path / "merged" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return tmp_path / "merged"


def publish(folder, address, *, name="ann/de-en", privacy="public", token="hf_secret", offline="0"):
    import os

    environment = {key: value for key, value in os.environ.items() if not key.startswith(("HF_", "HUGGING"))}
    environment |= {
        "HF_HOME": str(folder.parent / "home"), "HF_ENDPOINT": address, "HF_HUB_OFFLINE": offline,
        "HF_HUB_DISABLE_XET": "1", "HF_HUB_DISABLE_PROGRESS_BARS": "1", "NO_PROXY": "127.0.0.1",
        **({"HF_TOKEN": token} if token else {}),
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, folder, name, privacy],
        env=environment, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_every_file_arrives(folder):
    hub = Hub()
    assert publish(folder, hub.address) == f"{hub.address}/ann/de-en"
    assert hub.files == FILES
    assert hub.private == {"ann/de-en": False}
    assert hub.tokens == {"Bearer hf_secret"}


def test_a_private_repository_is_made_and_used_again(folder):
    hub = Hub()
    for _ in range(2):
        publish(folder, hub.address, privacy="private")
    assert hub.private == {"ann/de-en": True} and hub.files == FILES


def test_nothing_meant_to_be_private_goes_to_a_public_repository(folder):
    hub = Hub(existing={"ann/de-en": False})
    said = publish(folder, hub.address, privacy="private")
    assert said.startswith("HubError ann/de-en is a public repository, expected a private one")
    assert hub.files == {} and hub.objects == {}


def test_a_refusal_says_what_the_hub_says(folder):
    hub = Hub(is_writable=False)
    said = publish(folder, hub.address)
    assert "the hub refused ann/de-en (status 403" in said and "check that the token may write there" in said
    assert "hf_secret" not in said and str(folder) in said
    assert hub.files == {}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"token": None}, "HubError cannot publish ann/de-en: there is no token of the hub; log in with"),
        ({"offline": "1"}, "HubError cannot publish ann/de-en: HF_HUB_OFFLINE is set"),
        ({"name": "no name/at all"}, "UsageError 'no name/at all' is no name of a repository"),
        ({}, "HubError cannot reach the hub at http://127.0.0.1:9 "),
    ],
)
def test_what_cannot_work_is_one_clear_error(folder, changes, expected):
    assert publish(folder, "http://127.0.0.1:9", **changes).startswith(expected)
