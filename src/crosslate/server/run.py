"""Runs a server until it is told to stop."""

from __future__ import annotations

import logging
import socket
import sys
import threading
from functools import partial

from crosslate.errors import InputError, MissingExtra
from crosslate.server.settings import ServerSettings

log = logging.getLogger(__name__)

_SHUTDOWN_SECONDS = 30
# Some clients put the whole text into the query string; h11 alone would end at 64 kB.
_MAX_HEADER_BYTES = 1 << 20
# How long a thread that prepares a text may keep the interpreter from the thread that answers.
_SWITCH_SECONDS = 0.001


def serve(settings: ServerSettings) -> None:
    """Serves until the process is asked to end; then finishes what it has begun.

    Raises:
        MissingExtra: what serving needs is not installed.
        CrosslateError: parent or packs cannot be served.
        InputError: the address cannot be listened on.
    """
    try:
        import uvicorn

        from crosslate.server.app import create_app
        from crosslate.server.connections import Connection
    except ImportError as error:
        raise MissingExtra(
            f"serving needs {error.name}, which is not installed; pip install 'crosslate[serve]'"
        ) from None
    from crosslate.server.service import Service

    listener = _listen(settings.host, settings.port)
    service = Service(settings)
    config = uvicorn.Config(
        create_app(service),
        log_config=None,
        ws="none",
        access_log=False,  # it would write query strings, and with them texts and keys
        http=partial(Connection, settings.limits),  # type: ignore[arg-type]  # called like the class
        h11_max_incomplete_event_size=_MAX_HEADER_BYTES,
        proxy_headers=False,  # the application reads them itself, and only from the proxy in front
        server_header=False,
        timeout_graceful_shutdown=_SHUTDOWN_SECONDS,
        timeout_keep_alive=30,
        lifespan="on",
    )
    sys.setswitchinterval(_SWITCH_SECONDS)
    server = uvicorn.Server(config)
    failures: list[Exception] = []

    def load() -> None:
        try:
            service.load()
        except Exception as error:  # whatever it is: a server that cannot load ends
            failures.append(error)
            server.should_exit = True

    # Beside the server: until it is done, requests are told to come again.
    threading.Thread(target=load, name="loading", daemon=True).start()
    host, port = listener.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    log.info("serving at http://%s:%d%s/", shown, port, settings.url_prefix)
    server.run(sockets=[listener])
    if failures:
        raise failures[0]


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With the protocol named, asyncio sends small answers at once; without, each may wait 40 ms.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(2048)
    except OSError as error:
        listener.close()
        raise InputError(
            f"cannot listen on {host} port {port}: {error.strerror or error}; give another port or host"
        ) from None
    return listener
