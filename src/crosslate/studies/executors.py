"""Where cells are worked on: in this process, in several with a share of the cores each, or as Ray tasks."""

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
    with two threads. More would hold as many models in memory: a choice for who knows their size.
    """
    import ctranslate2  # answers in a fraction of a second; a plan alone needs no PyTorch

    return 1 if ctranslate2.get_cuda_device_count() else min(2, num_usable_cores())


class Here:
    """Cells one after the other in this process."""

    capacity = 1

    def __init__(self, place: Place, work: Work) -> None:
        self._place, self._work = place, work
        self._submitted: list[Cell] = []

    def submit(self, cell: Cell) -> None:
        self._submitted.append(cell)

    def wait(self) -> list[Outcome]:
        return [work_on(self._submitted.pop(0), self._place, self._work)]

    def stop(self) -> None:
        self._submitted.clear()


class Processes:
    """Works on cells in a fixed number of processes; they live on from cell to cell.

    A process that dies (for want of memory, say) fails its cell alone, and another takes its place.
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


class OnRay:
    """Cells as Ray tasks, for studies past one machine; all machines must share the storage.

    Ray's environment names the cluster; without one it starts here.

    Args:
        cpus: that a cell asks for.
        gpus: that a cell asks for; a part of one shares it.

    Raises:
        MissingExtra: Ray is not installed.
    """

    def __init__(self, place: Place, work: Work, *, cpus: float = 1.0, gpus: float = 0.0) -> None:
        from crosslate.translation.bulk import started_ray

        ray = self._ray = started_ray()
        self._place, self._work = place, work
        self._task = ray.remote(num_cpus=cpus, num_gpus=gpus, max_retries=0)(_ray_work)
        self._running: dict[Any, Cell] = {}
        total = ray.cluster_resources()
        by_cpu = int(total.get("CPU", 1) // cpus) if cpus else 1
        self.capacity = max(1, min(by_cpu, int(total.get("GPU", 0) // gpus)) if gpus else by_cpu)
        self._cpus = max(1, int(cpus))

    def submit(self, cell: Cell) -> None:
        self._running[self._task.remote(cell, self._place, self._work, self._cpus)] = cell

    def wait(self) -> list[Outcome]:
        ended, _ = self._ray.wait(list(self._running), num_returns=1)
        outcomes = []
        for reference in ended:
            cell = self._running.pop(reference)
            try:
                outcomes.append(self._ray.get(reference))
            except self._ray.exceptions.RayError as error:
                message = f"Ray lost it: {str(error).strip().splitlines()[0]}"
                Store(self._place.study).record_failure(cell, message, str(error))
                outcomes.append(Outcome(cell.key, "failed", error=message))
        return outcomes

    def stop(self) -> None:
        for reference in self._running:
            self._ray.cancel(reference, force=False)
        self._running.clear()


def _ray_work(cell: Cell, place: Place, work: Work, threads: int) -> Outcome:
    import torch

    torch.set_num_threads(threads)
    return work_on(cell, place, work)
