"""Servers in processes of their own, from their start to their end."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any


class ServerProcess:
    """A local server that reports at ``/health`` when it is ready.

    Args:
        command: ``{port}`` in it becomes the port.
        environment: beside what this process has.
        ready_seconds: how long it may take until it is ready.
    """

    def __init__(
        self,
        command: Sequence[str],
        environment: Mapping[str, str] | None = None,
        *,
        ready_seconds: float = 180,
    ) -> None:
        self._command, self._ready_seconds = command, ready_seconds
        self._environment = {**os.environ, **(environment or {})}
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> ServerProcess:
        self._log = tempfile.TemporaryFile()
        command = [part.format(port=self.port) for part in self._command]
        self._running = subprocess.Popen(
            command, stdout=self._log, stderr=self._log, env=self._environment
        )  # fmt: skip
        deadline = time.monotonic() + self._ready_seconds
        while not self._is_ready():
            if self._running.poll() is not None or time.monotonic() > deadline:
                self.__exit__(None, None, None)
                raise SystemExit(f"{' '.join(command)} did not become ready:\n{self.log()[-3000:]}")
            time.sleep(0.1)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._running.terminate()
        try:
            self._running.wait(40)
        except subprocess.TimeoutExpired:
            self._running.kill()
            self._running.wait()

    def log(self) -> str:
        """What it has written so far."""
        self._log.seek(0)
        return self._log.read().decode("utf-8", "replace")

    def megabytes(self) -> float:
        """Resident memory now, with that of the processes that it has started."""
        return sum(map(_megabytes, [self.pid, *self.children()]))

    @property
    def pid(self) -> int:
        """Of the server itself."""
        return self._running.pid

    @property
    def returncode(self) -> int | None:
        """How it ended; None while it runs."""
        return self._running.poll()

    def children(self) -> list[int]:
        """The processes that it has started and that run now."""
        found: list[int] = []
        for file in Path(f"/proc/{self.pid}/task").glob("*/children"):
            with suppress(OSError):  # its thread has just ended
                found += map(int, file.read_text(encoding="ascii").split())
        return found

    def post(self, path: str, fields: Mapping[str, Any]) -> Any:
        """The JSON that a POST of JSON is answered with."""
        headers = {"Content-Type": "application/json"}
        return _json(urllib.request.Request(self.url + path, json.dumps(fields).encode(), headers))

    def get(self, path: str) -> Any:
        """The JSON that a GET is answered with."""
        return _json(urllib.request.Request(self.url + path))

    def _is_ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/health", timeout=10) as response:
                return bool(response.status == 200)
        except (urllib.error.URLError, OSError):
            return False


def _megabytes(pid: int) -> float:
    with suppress(OSError, IndexError):  # it has just ended
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
        return int(status.split("VmRSS:")[1].split()[0]) / 1024
    return 0.0


def _json(request: urllib.request.Request) -> Any:
    with urllib.request.urlopen(request, timeout=120) as response:
        return json.load(response)


def crosslate_server(
    parent: Path, packs: Path | None, *options: str, environment: Mapping[str, str] | None = None
) -> ServerProcess:
    """``crosslate serve`` of this Python's Crosslate, fetching nothing."""
    command = [sys.executable, "-m", "crosslate", "serve", "--port", "{port}", "--parent", str(parent)]
    command += [] if packs is None else ["--packs", str(packs)]
    offline = {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
    return ServerProcess([*command, *options], {**offline, **(environment or {})})
