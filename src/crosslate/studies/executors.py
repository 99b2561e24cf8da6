"""Executors of cells: in this process, in several processes that share the cores, or as Ray tasks."""

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
    """Two with two or more processor cores, one with a GPU.

    A small model leaves most of a second core idle, so two parallel cells are faster than two in sequence
    with two threads each. More would take more memory, which is for the user to decide.
    """
    return 1 if has_gpu() else min(2, num_usable_cores())


def has_gpu() -> bool:
    """Whether this machine has a GPU that CUDA finds."""
    import ctranslate2  # loads in a fraction of a second; plans do not need PyTorch

    return bool(ctranslate2.get_cuda_device_count())


class Here(Executor):
    """Runs cells one after another in this process."""

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
    """The worker of a cell has died."""


class _Elsewhere(Executor):
    """Runs cells outside this process, with a waiting thread for each."""

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
        """Runs a cell elsewhere; raises :class:`_LostError` if its worker dies."""
        raise NotImplementedError

    def stop(self) -> None:
        self._is_stopping = True
        self._interrupt()
        self._threads.shutdown()

    def _interrupt(self) -> None:
        """Asks all workers to save their state and exit."""


class Processes(_Elsewhere):
    """Runs cells in a fixed number of processes, which are reused.

    A process that dies (for example, out of memory) fails only its own cell and is replaced.
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
            raise _LostError(f"its process ended with code {code}, perhaps because memory ran out") from None
        return outcome

    def _interrupt(self) -> None:
        """Terminates the processes, and kills those that do not exit in time."""
        processes = [worker.process for worker in self._workers if worker.process.is_alive()]
        for process in processes:
            process.terminate()
        for process in processes:
            process.join(_STOP_SECONDS)
            process.kill()


class _Worker:
    """A process and the pipe that carries cells to it and outcomes back."""

    def __init__(self, place: Place, work: Work, threads: int) -> None:
        context = get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=_serve, args=(theirs, place, work, threads), daemon=True)
        self.process.start()
        theirs.close()


def _serve(pipe: Connection, place: Place, work: Work, threads: int) -> None:
    """Main function of a worker process."""
    # Ctrl-C must reach only the main process, which asks the workers to exit; a second signal would keep
    # them from saving.
    if hasattr(os, "setsid"):
        os.setsid()
    signal.signal(signal.SIGTERM, _interrupt)
    Thread(target=_follow, daemon=True).start()
    # PyTorch reads this when the first cell loads it.
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
    """Ends this process when the main process dies."""
    first = parent_process()
    if first is not None:
        wait([first.sentinel])
        os.kill(os.getpid(), signal.SIGTERM)


def _interrupt(number: int, frame: Any) -> None:
    signal.signal(number, signal.SIG_IGN)  # ignore repeated signals while saving
    raise KeyboardInterrupt


class OnRay(_Elsewhere):
    """Runs cells as Ray tasks, for studies on several machines with shared storage.

    The cluster comes from Ray's environment; without one, Ray starts locally.

    Args:
        cpus: CPUs per cell.
        gpus: GPUs per cell; a fraction shares a GPU.

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
            raise _LostError(f"Ray lost the task: {str(error).strip().splitlines()[0]}") from error
        return outcome

    def _interrupt(self) -> None:
        for reference in self._references:
            self._ray.cancel(reference, force=False)


def _ray_work(cell: Cell, place: Place, work: Work, threads: int) -> Outcome:
    import torch

    torch.set_num_threads(threads)
    return work_on(cell, place, work)
