"""Where cells are worked on: in this process, in several with a share of the cores each, or as Ray tasks."""

from __future__ import annotations

import os
import signal
from concurrent.futures import Future, ThreadPoolExecutor
from multiprocessing import get_context, parent_process
from multiprocessing.connection import Connection, wait
from threading import Thread, local
from typing import Any

from crosslate.engines.ctranslate2 import num_usable_cores
from crosslate.studies.cells import Cell
from crosslate.studies.run import Executor, Outcome, Place, Work, work_on
from crosslate.studies.store import Store

_STOP_SECONDS = 60.0


def default_jobs() -> int:
    """Two where there are two processor cores or more, one where a GPU does the work.

    A small model leaves most of a second core idle, so two cells at a time take less than one after the other
    with two threads. More would hold as many models in memory: a choice for who knows their size.
    """
    import ctranslate2  # answers in a fraction of a second; a plan alone needs no PyTorch

    return 1 if ctranslate2.get_cuda_device_count() else min(2, num_usable_cores())


class Here(Executor):
    """Cells one after the other in this process."""

    def __init__(self, place: Place, work: Work) -> None:
        self.capacity = 1
        self._place, self._work = place, work

    def submit(self, cell: Cell) -> Future[Outcome]:
        future: Future[Outcome] = Future()
        future.set_result(work_on(cell, self._place, self._work))
        return future

    def stop(self) -> None:
        """Nothing runs between two calls."""


class _LostError(Exception):
    """What worked on a cell is gone."""


class _Elsewhere(Executor):
    """Cells that are worked on outside this process; for each, a thread here waits."""

    def __init__(self, place: Place, work: Work, capacity: int) -> None:
        self.capacity = capacity
        self._place, self._work = place, work
        self._threads = ThreadPoolExecutor(capacity)
        self._is_stopping = False

    def submit(self, cell: Cell) -> Future[Outcome]:
        return self._threads.submit(self._outcome, cell)

    def _outcome(self, cell: Cell) -> Outcome:
        try:
            return self._wait_for(cell)
        except _LostError as error:
            if self._is_stopping:
                return Outcome("interrupted")
            Store(self._place.study).record_failure(cell, str(error), "")
            return Outcome("failed", error=str(error))

    def _wait_for(self, cell: Cell) -> Outcome:
        """Has a cell worked on; raises :class:`_LostError` where what worked on it is gone."""
        raise NotImplementedError

    def stop(self) -> None:
        self._is_stopping = True
        self._interrupt()
        self._threads.shutdown()

    def _interrupt(self) -> None:
        """Asks all that work on cells to save their state and end."""


class Processes(_Elsewhere):
    """Works on cells in a fixed number of processes; they live on from cell to cell.

    A process that dies (for want of memory, say) fails its cell alone, and another takes its place.
    """

    def __init__(self, place: Place, work: Work, jobs: int) -> None:
        super().__init__(place, work, jobs)
        self._own = local()
        self._workers: list[_Worker] = []

    def _wait_for(self, cell: Cell) -> Outcome:
        worker: _Worker | None = getattr(self._own, "worker", None)
        if worker is None or not worker.process.is_alive():
            worker = _Worker(self._place, self._work, max(1, num_usable_cores() // self.capacity))
            self._own.worker = worker
            self._workers.append(worker)
        try:
            worker.pipe.send(cell)
            outcome: Outcome = worker.pipe.recv()
        except (EOFError, OSError):
            worker.process.join()
            code = worker.process.exitcode
            raise _LostError(f"its process ended with code {code}, perhaps for want of memory") from None
        return outcome

    def _interrupt(self) -> None:
        """As by Ctrl-C, and by force where that does not help in time."""
        processes = [worker.process for worker in self._workers if worker.process.is_alive()]
        for process in processes:
            process.terminate()
        for process in processes:
            process.join(_STOP_SECONDS)
            process.kill()


class _Worker:
    """A process, and the pipe by which it gets cells and gives outcomes."""

    def __init__(self, place: Place, work: Work, threads: int) -> None:
        context = get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=_serve, args=(theirs, place, work, threads), daemon=True)
        self.process.start()
        theirs.close()


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
        status = "done"
        while status != "interrupted":
            outcome = work_on(pipe.recv(), place, work)
            pipe.send(outcome)
            status = outcome.status
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


class OnRay(_Elsewhere):
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
        total = ray.cluster_resources()
        capacity = int(total.get("CPU", 1) // cpus) if cpus else 1
        if gpus:
            capacity = min(capacity, int(total.get("GPU", 0) // gpus))
        super().__init__(place, work, max(1, capacity))
        self._task = ray.remote(num_cpus=cpus, num_gpus=gpus, max_retries=0)(_ray_work)
        self._cpus = max(1, int(cpus))
        self._references: list[Any] = []

    def _wait_for(self, cell: Cell) -> Outcome:
        reference = self._task.remote(cell, self._place, self._work, self._cpus)
        self._references.append(reference)
        try:
            outcome: Outcome = self._ray.get(reference)
        except self._ray.exceptions.RayError as error:
            raise _LostError(f"Ray lost it: {str(error).strip().splitlines()[0]}") from error
        return outcome

    def _interrupt(self) -> None:
        for reference in self._references:
            self._ray.cancel(reference, force=False)


def _ray_work(cell: Cell, place: Place, work: Work, threads: int) -> Outcome:
    import torch

    torch.set_num_threads(threads)
    return work_on(cell, place, work)
