"""A stand-in for the Hugging Face Hub: the part of its HTTP API that packs need, in memory, on this machine.

Repositories have branches and commits. Every upload is inline; a private repository needs the token.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

TOKEN = "hf_of_ann"


@dataclass
class Repository:
    """A repository with its files by commit."""

    is_private: bool = False
    commits: dict[str, dict[str, bytes]] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=dict)
    messages: list[str] = field(default_factory=list)

    def commit(self, files: dict[str, bytes], branch: str = "main", message: str = "") -> str:
        """Adds a commit with exactly these files to a branch; returns its id."""
        oid = hashlib.sha1(f"{len(self.commits)} {branch}".encode()).hexdigest()
        self.commits[oid] = files
        self.branches[branch] = oid
        self.messages.append(message)
        return oid

    def resolve(self, revision: str) -> str | None:
        """The commit of a branch or of an id."""
        return self.branches.get(revision) or (revision if revision in self.commits else None)

    def files(self, revision: str = "main") -> dict[str, bytes]:
        """The files of a revision."""
        return self.commits[self.branches.get(revision, revision)]


@dataclass
class Hub:
    """The stand-in.

    Attributes:
        repositories: by id.
        requests: method and path of all requests so far.
        cards: contents of the cards that were sent for validation.
        collections: ids of the models in each collection, by its slug.
    """

    url: str = ""
    repositories: dict[str, Repository] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    cards: list[str] = field(default_factory=list)
    collections: dict[str, list[str]] = field(default_factory=dict)

    def make(self, repo_id: str, *, is_private: bool = False) -> Repository:
        made = self.repositories[repo_id] = Repository(is_private)
        made.commit({".gitattributes": b""})
        return made


@contextmanager
def running() -> Iterator[Hub]:
    """A hub that answers on this machine."""
    hub = Hub()
    handler = type("Handler", (_Handler,), {"hub": hub})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    hub.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    hub: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        pass

    def do_GET(self) -> None:
        self._answer(b"")

    do_HEAD = do_GET

    def do_POST(self) -> None:
        self._answer(self.rfile.read(int(self.headers.get("Content-Length") or 0)))

    @property
    def _is_known(self) -> bool:
        return self.headers.get("Authorization") == f"Bearer {TOKEN}"

    def _answer(self, body: bytes) -> None:
        path = unquote(urlsplit(self.path).path)
        self.hub.requests.append(f"{self.command} {path}")
        if path == "/api/repos/create":
            self._create(json.loads(body))
        elif path == "/api/validate-yaml":
            self.hub.cards.append(json.loads(body)["content"])
            self._send(200, {"errors": [], "warnings": []})
        elif found := re.fullmatch(r"/api/collections/(.+)", path):
            self._collection(found[1])
        elif found := re.fullmatch(r"/api/models/([^/]+/[^/]+?)(?:/(\w+)/(.+))?", path):
            repository = self._repository(found[1])
            if repository is not None:
                self._api(found[1], repository, found[2] or "revision", found[3] or "main", body)
        elif found := re.fullmatch(r"/([^/]+/[^/]+)/resolve/(.+)/([^/]+)", path):
            repository = self._repository(found[1])
            if repository is not None:
                self._file(repository, found[2], found[3])
        else:
            self._send(404, {"error": f"no such place {path}"})

    def _repository(self, repo_id: str) -> Repository | None:
        found = self.hub.repositories.get(repo_id)
        if found is None or (found.is_private and not self._is_known):
            self._send(401, {"error": "Repository not found"}, {"X-Error-Code": "RepoNotFound"})
            return None
        return found

    def _collection(self, slug: str) -> None:
        if slug not in self.hub.collections:
            self._send(404, {"error": "Collection not found"})
            return
        items = [{"_id": str(at), "id": name, "type": "model", "position": at}
                 for at, name in enumerate(self.hub.collections[slug])]  # fmt: skip
        self._send(
            200,
            {"slug": slug, "title": "Packs", "owner": {}, "items": items, "position": 0, "private": False,
             "lastUpdated": "2026-11-29T12:00:00.000Z", "theme": "blue", "upvotes": 0},
        )  # fmt: skip

    def _create(self, asked: dict[str, Any]) -> None:
        repo_id = f"{asked['organization']}/{asked['name']}"
        if not self._is_known:
            self._send(401, {"error": "Invalid username or password."})
        elif repo_id in self.hub.repositories:
            self._send(
                409, {"error": "You already created this model repo", "url": f"{self.hub.url}/{repo_id}"}
            )
        else:
            self.hub.make(repo_id, is_private=bool(asked.get("private")))
            self._send(200, {"url": f"{self.hub.url}/{repo_id}", "name": repo_id})

    def _api(self, repo_id: str, repository: Repository, verb: str, revision: str, body: bytes) -> None:
        if verb == "branch":
            if not self._is_known:
                self._send(403, {"error": "you may not write"})
            elif revision in repository.branches:
                self._send(409, {"error": "branch exists"})
            else:
                repository.branches[revision] = repository.branches["main"]
                self._send(200, {})
            return
        commit = repository.resolve(revision)
        if commit is None:
            self._send(404, {"error": f"Invalid rev id: {revision}"}, {"X-Error-Code": "RevisionNotFound"})
            return
        files = repository.commits[commit]
        if verb == "revision":
            siblings = [{"rfilename": name} for name in files]
            self._send(
                200,
                {"id": repo_id, "sha": commit, "private": repository.is_private, "siblings": siblings, "tags": [],
                 "downloads": 0, "likes": 0},
            )  # fmt: skip
        elif verb == "tree":
            self._send(
                200, [{"type": "file", "path": name, "size": len(data), "oid": hashlib.sha1(data).hexdigest()}
                      for name, data in files.items()],
            )  # fmt: skip
        elif verb == "preupload":
            asked = json.loads(body)["files"]
            modes = [{"path": each["path"], "uploadMode": "regular", "shouldIgnore": False} for each in asked]
            self._send(200, {"files": modes})
        elif verb == "commit":
            self._commit(repo_id, repository, revision, body)
        else:
            self._send(404, {"error": f"no such verb {verb}"})

    def _commit(self, repo_id: str, repository: Repository, revision: str, body: bytes) -> None:
        if not self._is_known:
            self._send(403, {"error": "you may not write"})
            return
        files, message = dict(repository.files(revision)), ""
        for line in map(json.loads, body.splitlines()):
            value = line["value"]
            if line["key"] == "header":
                message = value["summary"]
            elif line["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "deletedFile":
                del files[value["path"]]
        oid = repository.commit(files, revision, message)
        self._send(
            200, {"success": True, "commitOid": oid, "commitUrl": f"{self.hub.url}/{repo_id}/commit/{oid}"}
        )

    def _file(self, repository: Repository, revision: str, name: str) -> None:
        commit = repository.resolve(revision)
        if commit is None or name not in repository.commits[commit]:
            code = "RevisionNotFound" if commit is None else "EntryNotFound"
            self._send(404, {"error": "not here"}, {"X-Error-Code": code})
            return
        data = repository.commits[commit][name]
        headers = {"ETag": f'"{hashlib.sha1(data).hexdigest()}"', "X-Repo-Commit": commit}
        self._send(200, data, headers)

    def _send(self, status: int, value: Any, headers: dict[str, str] | None = None) -> None:
        data = value if isinstance(value, bytes) else json.dumps(value).encode()
        self.send_response(status)
        for name, text in (headers or {}).items():
            self.send_header(name, text)
        self.send_header("Content-Type", "application/octet-stream" if value is data else "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)
