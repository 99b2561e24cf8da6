"""A process of low priority beside the server, for long texts and files.

Python runs one thread of a process at a time, and a thread that computes takes a core from the models, too.
So short requests would wait for the preparation of long ones if both shared a process. The worker is started
when it is first needed, and again after it has died.

Server and worker exchange pickled pairs through the worker's standard input and output: the number of a work
and what to do, the number and what came of it.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Generator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from inspect import isgeneratorfunction
from itertools import count
from pathlib import Path
from typing import IO, Any, cast

from crosslate.abandoned import Abandoned, abandoned_if
from crosslate.errors import CrosslateError
from crosslate.server.answers import Refusal, without_texts
from crosslate.server.memory import give_back_memory
from crosslate.server.texts import Readers

log = logging.getLogger(__name__)

# What the worker gets of a core that a model wants too: about a tenth.
_NICENESS = 10
# Work of usual length does not wait for that of extraordinary length.
_USUAL_THREADS, _LONG_THREADS = 2, 1
# A worker that goes on with dropped work for so long hangs, and is replaced.
_MOST_SECONDS_AFTER_DROP = 30.0
_MOST_READERS = 8
_COMMAND = "from crosslate.server.worker import serve; serve()"
if hasattr(os, "nice"):  # not on Windows
    _COMMAND = f"import os; os.nice({_NICENESS}); {_COMMAND}"


@dataclass(frozen=True)
class Done:
    """What a work has come to."""

    value: Any


@dataclass(frozen=True)
class _Begin:
    function: Callable[..., Any]
    arguments: tuple[Any, ...]
    is_long: bool


@dataclass(frozen=True)
class _Send:
    value: Any


@dataclass(frozen=True)
class _Raised:
    """An error of ours; or where another one was raised, and of which type."""

    error: Exception | str


_Message = _Begin | _Send | None  # None drops the work


def begun(
    function: Callable[..., Any], arguments: tuple[Any, ...], readers: Readers
) -> Generator[Any, Any, Any]:
    """The generator of a generator function; of another function, one that yields nothing."""
    if isgeneratorfunction(function):
        generator: Generator[Any, Any, Any] = function(readers, *arguments)
        return generator

    def at_once() -> Generator[Any, Any, Any]:
        return function(*arguments)
        yield

    return at_once()


def step(work: Generator[Any, Any, Any], value: Any) -> Any:
    """What a work wants next, or :class:`Done`."""
    try:
        return work.send(value)
    except StopIteration as end:
        return Done(end.value)


class Worker:
    """The server's side of the process.

    Args:
        most_works: more at the same time are refused.
    """

    def __init__(self, most_works: int) -> None:
        self._most_works, self._num_works = most_works, 0
        self._numbers = count()
        self._process: _Process | None = None
        self._is_closed = False
        # One thread, so that messages keep their order; and no request waits while a large one is written.
        self._writing = ThreadPoolExecutor(1, thread_name_prefix="to worker")

    def begin(self, function: Callable[..., Any], arguments: tuple[Any, ...], *, is_long: bool) -> RemoteWork:
        """A work in the process; a function of a module, a generator function gets its readers first.

        Raises:
            Refusal: there is too much work.
        """
        if self._num_works >= self._most_works:
            raise Refusal(503, "Too many requests are waiting; try again soon", retry_after=2)
        self._num_works += 1
        return RemoteWork(self, next(self._numbers), _Begin(function, arguments, is_long))

    def close(self) -> None:
        """Ends the process."""
        self._is_closed = True
        self._writing.shutdown(wait=False, cancel_futures=True)
        if self._process is not None:
            self._process.kill()

    def ask(self, number: int, message: _Message) -> Future[Any]:
        """What comes of a message."""
        reply: Future[Any] = Future()
        self._writing.submit(self._write, number, message, reply)
        return reply

    def drop(self, number: int) -> None:
        """Ends a work that nobody waits for."""
        self._num_works -= 1
        with suppress(RuntimeError):  # the server stops
            self._writing.submit(self._write, number, None, None)

    def _write(self, number: int, message: _Message, reply: Future[Any] | None) -> None:
        if self._process is not None and self._process.hangs():
            log.warning("the process for long texts does not end its work and is replaced")
            self._process.kill()
        try:
            if self._process is None or not self._process.is_alive:
                if reply is None or self._is_closed:
                    return
                self._process = _Process()
            self._process.write(number, message, reply)
        except Exception as error:  # it cannot be pickled, or no process be started
            if reply is not None:
                reply.set_exception(error)


class RemoteWork:
    """A work in the process; to be closed in the end."""

    def __init__(self, worker: Worker, number: int, begin: _Begin) -> None:
        self._worker, self._number = worker, number
        self._begin: _Begin | None = begin

    async def send(self, value: Any) -> Any:
        """See :func:`step`.

        Raises:
            Refusal: the work failed or refuses the text, or the process has died.
        """
        message, self._begin = self._begin or _Send(value), None
        reply = await asyncio.wrap_future(self._worker.ask(self._number, message))
        if not isinstance(reply, _Raised):
            return reply
        if isinstance(reply.error, str):
            log.error("the work on a text failed: %s", reply.error)
            raise Refusal(500, "The server failed; its log says where")
        raise reply.error

    def close(self) -> None:
        """Ends it, done or not."""
        self._worker.drop(self._number)


class _Process:
    """A process that runs; what it has been asked, and what it has been told to drop."""

    def __init__(self) -> None:
        self.is_alive = True
        self._replies: dict[int, Future[Any]] = {}
        self._dropped: dict[int, float] = {}
        self._lock = threading.Lock()
        own = {"PYTHONPATH": os.pathsep.join(sys.path), "PYTHONSAFEPATH": "1", "OMP_NUM_THREADS": "1"}
        command = [sys.executable, "-c", _COMMAND]
        self._running = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={**os.environ, **own}
        )
        self._to, self._from = cast("IO[bytes]", self._running.stdin), cast("IO[bytes]", self._running.stdout)
        threading.Thread(target=self._read, name="from worker", daemon=True).start()

    def write(self, number: int, message: _Message, reply: Future[Any] | None) -> None:
        data = pickle.dumps((number, message))
        with self._lock:
            if reply is not None:
                self._replies[number] = reply
                if not self.is_alive:
                    self._fail(number)
                    return
            elif number in self._replies:
                self._dropped[number] = time.monotonic()
        with suppress(OSError):  # it has died, and whoever reads from it tells those who wait
            self._to.write(data)
            self._to.flush()

    def hangs(self) -> bool:
        """Whether it goes on with what it was told to drop long ago."""
        latest = time.monotonic() - _MOST_SECONDS_AFTER_DROP
        with self._lock:
            return any(dropped <= latest for dropped in self._dropped.values())

    def kill(self) -> None:
        self.is_alive = False
        self._running.kill()

    def _read(self) -> None:
        with suppress(EOFError, OSError, pickle.UnpicklingError):
            while True:
                number, value = pickle.load(self._from)  # noqa: S301 (our own process)
                with self._lock:
                    self._dropped.pop(number, None)
                    reply = self._replies.pop(number)
                if reply.set_running_or_notify_cancel():
                    reply.set_result(value)
        with self._lock:
            self.is_alive = False
            for number in list(self._replies):
                self._fail(number)
        self._running.kill()
        self._running.wait()

    def _fail(self, number: int) -> None:
        reply = self._replies.pop(number)
        if reply.set_running_or_notify_cancel():
            reply.set_result(_Raised(_interrupted()))


def _interrupted() -> Refusal:
    return Refusal(503, "The work on the text was interrupted; try again soon", retry_after=2)


@dataclass(eq=False)
class _Work:
    steps: Generator[Any, Any, Any]
    is_long: bool
    is_dropped: threading.Event = field(default_factory=threading.Event)
    running: Future[None] | None = None


def serve() -> None:
    """The worker's side: does what it is told until its standard input ends."""
    # It ends with the server, which may have something to finish when both are told to end.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    with suppress(OSError):  # where memory runs out, this process shall die and not the server
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")
    reading, writing = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what anything prints is no message
    gc.freeze()
    _Works(writing).run(reading)
    os._exit(0)  # whatever still runs, nobody waits for it


class _Works:
    """All works of the process."""

    def __init__(self, writing: IO[bytes]) -> None:
        self._writing, self._lock = writing, threading.Lock()
        self._works: dict[int, _Work] = {}
        self._readers: Readers = {}
        self._usual, self._long = ThreadPoolExecutor(_USUAL_THREADS), ThreadPoolExecutor(_LONG_THREADS)

    def run(self, reading: IO[bytes]) -> None:
        with suppress(EOFError):
            while True:
                self._take(*pickle.load(reading))  # noqa: S301 (our own server)

    def _take(self, number: int, message: _Message) -> None:
        if message is None:
            work = self._works.pop(number, None)
            if work is not None:
                work.is_dropped.set()
                if work.running is not None and work.running.cancel():
                    self._answer(number, None)
            return
        if isinstance(message, _Begin):
            if len(self._readers) > _MOST_READERS:
                self._readers.clear()
            steps = begun(message.function, message.arguments, self._readers)
            self._works[number] = _Work(steps, message.is_long)
        work = self._works.get(number)
        if work is None:  # it was lost with the process before
            self._answer(number, _Raised(_interrupted()))
            return
        value = message.value if isinstance(message, _Send) else None
        threads = self._long if work.is_long else self._usual
        work.running = threads.submit(self._advance, number, work, value)

    def _advance(self, number: int, work: _Work, value: Any) -> None:
        reply: Any
        try:
            with abandoned_if(work.is_dropped.is_set):
                reply = step(work.steps, value)
        except Abandoned:
            reply = None
        except (Refusal, CrosslateError) as error:
            reply = _Raised(error.with_traceback(None))
        except BaseException as error:  # libraries in Rust raise what is no Exception
            reply = _Raised(without_texts(error))
        is_over = reply is None or isinstance(reply, Done | _Raised)
        if is_over:
            self._works.pop(number, None)
        self._answer(number, reply)
        if is_over and work.is_long:
            del reply
            work.steps.close()
            give_back_memory()

    def _answer(self, number: int, reply: Any) -> None:
        try:
            data = pickle.dumps((number, reply))
        except Exception as error:
            data = pickle.dumps((number, _Raised(without_texts(error))))
        with self._lock, suppress(OSError):
            self._writing.write(data)
            self._writing.flush()
