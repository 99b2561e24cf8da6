"""Cells in processes of their own, each with its share of the cores."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from multiprocessing import get_context, parent_process
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from threading import Thread
from typing import Any

from crosslate.engines.ctranslate2 import num_usable_cores
from crosslate.studies.cells import Cell
from crosslate.studies.run import Outcome, Place, Work, work_on
from crosslate.studies.store import Store

_STOP_SECONDS = 60.0


def default_jobs() -> int:
    """Two where there are two processor cores or more, one where a GPU does the work.

    A small model leaves most of a second core idle, so two cells at a time take less than one after the other
    with two threads. More would hold as many models in memory, which only who knows their size should choose.
    """
    import ctranslate2  # answers in a fraction of a second; a plan alone needs no PyTorch

    return 1 if ctranslate2.get_cuda_device_count() else min(2, num_usable_cores())


class Processes:
    """Works on cells in a fixed number of processes; they live on from cell to cell.

    A process that dies (for want of memory, say) fails its cell alone, and another takes its place.

    Args:
        place: where the work is done.
        work: see :data:`crosslate.studies.run.Work`.
        jobs: how many processes.
    """

    def __init__(self, place: Place, work: Work, jobs: int) -> None:
        self.capacity = jobs
        self._place, self._work = place, work
        self._threads = max(1, num_usable_cores() // jobs)
        self._idle: list[_Worker] = []
        self._busy: dict[str, _Worker] = {}

    def submit(self, cell: Cell) -> None:
        worker = self._living() or _Worker(self._place, self._work, self._threads)
        self._busy[cell.key] = worker
        with suppress(OSError):  # it has died at once, which is found out by waiting for it
            worker.start(cell)

    def wait(self) -> list[Outcome]:
        workers = list(self._busy.values())
        ready = set(wait([end for worker in workers for end in (worker.pipe, worker.process.sentinel)]))
        ended = [worker for worker in workers if {worker.pipe, worker.process.sentinel} & ready]
        return [self._end_of(worker) for worker in ended]

    def stop(self) -> None:
        """Workers at work are asked to save their state (as by Ctrl-C); the others just end."""
        busy = list(self._busy.values())
        for worker in busy:
            if worker.process.pid is not None and worker.process.is_alive():
                os.kill(worker.process.pid, signal.SIGTERM)
        for worker in (*busy, *self._idle):
            worker.end(_STOP_SECONDS if worker in busy else 5.0)
        self._busy.clear()
        self._idle.clear()

    def _living(self) -> _Worker | None:
        """An idle worker; what has killed others in their idleness must not stop the study."""
        while self._idle:
            worker = self._idle.pop()
            if worker.process.is_alive():
                return worker
            worker.end(0.0)
        return None

    def _end_of(self, worker: _Worker) -> Outcome:
        cell = worker.cell
        del self._busy[cell.key]
        try:
            outcome: Outcome = worker.pipe.recv()
        except (EOFError, OSError):
            worker.process.join()
            error = f"its process ended with code {worker.process.exitcode}, perhaps for want of memory"
            Store(self._place.study).record_failure(cell, error, "")
            return Outcome(cell.key, "failed", error=error)
        self._idle.append(worker)
        return outcome


class _Worker:
    """A process and the cell that it works on."""

    def __init__(self, place: Place, work: Work, threads: int) -> None:
        context = get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.process: BaseProcess = context.Process(
            target=_serve, args=(theirs, place, work, threads), daemon=True
        )
        self.process.start()
        theirs.close()

    def start(self, cell: Cell) -> None:
        self.cell = cell
        self.pipe.send(cell)

    def end(self, seconds: float) -> None:
        """Ends the process: by closing its pipe, and by force where that does not help in time."""
        self.pipe.close()
        self.process.join(seconds)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()


def _serve(pipe: Connection, place: Place, work: Work, threads: int) -> None:
    """The life of a worker process."""
    # Ctrl-C at a terminal must reach the first process alone: it asks the others to end, and a second
    # signal would not let them save.
    if hasattr(os, "setsid"):
        os.setsid()
    signal.signal(signal.SIGTERM, _interrupt)
    Thread(target=_follow, daemon=True).start()
    # Read by PyTorch when the first cell loads it.
    os.environ["OMP_NUM_THREADS"] = str(threads)
    try:
        while True:
            pipe.send(work_on(pipe.recv(), place, work))
    except (EOFError, OSError, KeyboardInterrupt):
        return


def _follow() -> None:
    """Ends this process when the first one has died: nobody would take its result, or stop it."""
    first = parent_process()
    if first is not None:
        wait([first.sentinel])
        os.kill(os.getpid(), signal.SIGTERM)


def _interrupt(number: int, frame: Any) -> None:
    signal.signal(number, signal.SIG_IGN)  # asked again, it is saving its state already
    raise KeyboardInterrupt
