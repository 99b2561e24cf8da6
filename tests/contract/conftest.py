"""The command line, run in this process, on tiny models built once."""

from __future__ import annotations

import io
import sys
import threading
from dataclasses import dataclass

import pytest


@dataclass(frozen=True)
class Ran:
    """What a command did: its exit code, standard output and standard error."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        """Standard output, cut at line feeds alone; the last line must be ended."""
        assert self.out == "" or self.out.endswith("\n")
        return self.out.split("\n")[:-1]


@pytest.fixture
def crosslate(capsysbinary, monkeypatch):
    """``crosslate(*arguments, stdin=b"")`` runs a command as the installed program would."""
    from crosslate.cli.app import run

    monkeypatch.setenv("COLUMNS", "100")

    def call(*arguments: object, stdin: bytes = b"") -> Ran:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        capsysbinary.readouterr()
        with pytest.raises(SystemExit) as stop:
            run([str(argument) for argument in arguments])
        out, err = capsysbinary.readouterr()
        return Ran(stop.value.code, out.decode("utf-8"), err.decode("utf-8"))

    return call


@pytest.fixture(scope="session")
def make_server(tiny):
    """``make_server(is_loaded=True, **settings)``: a server in this process, see :mod:`toy_server`."""
    import toy_server

    made = []

    def make(**settings):
        made.append(toy_server.build(tiny / "parents" / "fr-en", tiny / "packs", **settings))
        return made[-1]

    yield make
    for each in made:
        each.service.stop()


@pytest.fixture(scope="session")
def server(make_server):
    """One that no test changes."""
    return make_server()


@pytest.fixture(scope="module")
def chromium():
    """A browser; not for longer than a module, since it keeps asyncio's loop from others."""
    import browser

    with browser.running_chromium() as running:
        yield running


class Listening:
    """Toy servers that listen on loopback: ``listen(**settings)`` gives the address of one."""

    def __init__(self, make_server):
        self._make_server, self._running = make_server, {}

    def __call__(self, server=None, **settings):
        import uvicorn

        import toy_server
        from crosslate.server.app import create_app

        app = create_app((server or self._make_server(**settings)).service)
        server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, lifespan="off"))
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        toy_server.wait_for(lambda: server.started, 20)
        port = server.servers[0].sockets[0].getsockname()[1]
        site = f"http://127.0.0.1:{port}{settings.get('url_prefix', '')}/"
        self._running[site] = server, thread
        return site

    def stop(self, site):
        """Ends the server of an address."""
        server, thread = self._running.pop(site)
        server.should_exit = server.force_exit = True
        thread.join(20)

    def stop_all(self):
        for site in [*self._running]:
            self.stop(site)


@pytest.fixture(scope="module")
def listen(make_server):
    """:class:`Listening`, until the module's tests are done."""
    listening = Listening(make_server)
    yield listening
    listening.stop_all()
