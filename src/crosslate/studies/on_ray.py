"""Cells as Ray tasks, for studies past one machine; all machines must share the storage."""

from __future__ import annotations

from typing import Any

from crosslate.studies.cells import Cell
from crosslate.studies.run import Outcome, Place, Work, work_on
from crosslate.studies.store import Store
from crosslate.translation.bulk import started_ray


class OnRay:
    """Works on cells as Ray tasks, each of which asks for its CPUs and GPUs.

    Args:
        place: where the work is done; the same path on every machine.
        work: see :data:`crosslate.studies.run.Work`.
        cpus: that a cell asks for.
        gpus: that a cell asks for; a part of one shares it.
        address: of a cluster; None takes the one that Ray's environment names, or starts one here.

    Raises:
        MissingExtra: Ray is not installed.
    """

    def __init__(
        self, place: Place, work: Work, *, cpus: float = 1.0, gpus: float = 0.0, address: str | None = None
    ) -> None:
        ray = self._ray = started_ray(address)
        self._place = place
        self._task = ray.remote(num_cpus=cpus, num_gpus=gpus, max_retries=0)(_ray_work)
        self._work = work
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
