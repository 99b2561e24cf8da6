"""Shards translated by Ray actors; all machines must share the storage."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from crosslate.errors import EngineError, MissingExtra, UsageError
from crosslate.translation.bulk import Shard, ShardTranslator, Work

_RESTARTS = 3


def started_ray(address: str | None = None) -> Any:
    """The module ``ray``, connected.

    Args:
        address: of a cluster; None takes the one that Ray's environment names, or starts one here.

    Raises:
        MissingExtra: Ray is not installed.
    """
    try:
        import ray
    except ImportError:
        raise MissingExtra("Ray is not installed; install it with: pip install 'crosslate[ray]'") from None
    if not ray.is_initialized():
        ray.init(address=address, log_to_driver=False, include_dashboard=False)
    return ray


class ShardsOnRay:
    """Runs shards on Ray; see :data:`crosslate.translation.bulk.Run`.

    Each actor holds one model and gets the next shard when it is done with one. Ray starts an actor that died
    again, with the shard that it had.

    Args:
        cpus: that each actor asks for and uses.
        address: of a cluster; None takes the one that Ray's environment names, or starts one here.

    Raises:
        UsageError: ``cpus`` below 1.
        MissingExtra: Ray is not installed.
    """

    translator: type[ShardTranslator] = ShardTranslator

    def __init__(self, *, cpus: int = 1, address: str | None = None) -> None:
        if cpus < 1:
            raise UsageError(f"cpus is {cpus}, expected 1 or more")
        self._ray = started_ray(address)
        self._cpus = cpus

    def __call__(self, work: Work, shards: Sequence[Shard]) -> Iterator[Shard]:
        ray = self._ray
        available = int(ray.cluster_resources().get("CPU", 0)) // self._cpus
        if available < 1:
            raise EngineError(
                f"Ray has fewer CPUs than the {self._cpus} that a worker asks for; ask for fewer"
            )
        actor = ray.remote(
            num_cpus=self._cpus, max_restarts=_RESTARTS, max_task_retries=_RESTARTS
        )(self.translator)  # fmt: skip
        actors = [actor.remote(work, self._cpus) for _ in range(min(available, len(shards)))]
        waiting, idle = list(reversed(shards)), list(actors)
        running: dict[Any, tuple[Any, Shard]] = {}
        try:
            while waiting or running:
                while waiting and idle:
                    worker, shard = idle.pop(), waiting.pop()
                    running[worker.translate.remote(shard)] = worker, shard
                ended, _ = ray.wait(list(running), num_returns=1)
                worker, shard = running.pop(ended[0])
                yield self._result(ended[0], shard)
                idle.append(worker)
        finally:
            for each in actors:
                ray.kill(each)

    def _result(self, reference: Any, shard: Shard) -> Shard:
        try:
            found: Shard = self._ray.get(reference)
        except self._ray.exceptions.RayError as error:
            reason = str(getattr(error, "cause", None) or error).strip().splitlines()[0]
            raise EngineError(
                f"{shard.source} was not translated: {reason}; "
                "the same call again goes on with what is missing"
            ) from error
        return found
