"""Translate files in shards by workers on Ray."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field

from crosslate.config import Settings
from crosslate.engines.decoding import DecodingOptions
from crosslate.errors import EngineError, MissingExtra
from crosslate.files import atomic_file, write_text
from crosslate.translation.shards import Shard, Shards, report

if TYPE_CHECKING:
    from crosslate.packs.stored_model import StoredModel

_RESTARTS = 3


class BulkSettings(Settings):
    """How files are cut and how workers are sized."""

    shard_lines: int = Field(
        10_000, ge=1, description="Lines of a shard: what a stopped run may lose for each worker."
    )
    worker_cpus: int = Field(1, ge=1, description="CPUs that a worker on Ray asks for and uses.")


@dataclass(frozen=True)
class Work:
    """What a worker needs: the folder of a CTranslate2 model, and the languages of its texts."""

    model: Path
    language: str
    target_language: str
    options: DecodingOptions


class ShardTranslator:
    """Translates shards with CTranslate2 on so many threads."""

    def __init__(self, work: Work, threads: int) -> None:
        from crosslate.engines.ctranslate2 import CTranslate2Engine

        self._work = work
        self._engine = CTranslate2Engine(work.model, inter_threads=1, intra_threads=threads)

    def translate(self, shard: Shard) -> Shard:
        """Writes a shard's translations, atomically."""
        from crosslate.translation.lines import translate_lines

        with shard.source.open(encoding="utf-8", newline="\n") as lines:
            found = translate_lines(
                self._engine, lines, self._work.options, language=self._work.language,
                target_language=self._work.target_language,
            )  # fmt: skip
            write_text(shard.target, "".join(line + "\n" for line in found))
        return shard


def translate_in_bulk(
    model: StoredModel,
    inputs: Sequence[str | Path],
    output: str | Path,
    *,
    quantization: str = "float32",
    options: DecodingOptions | None = None,
    settings: BulkSettings | None = None,
) -> int:
    """Translates files line by line into one; the same call again goes on where it was stopped.

    Args:
        inputs: files, compressed or not; their lines follow each other.
        output: file for the translations; beside it lies the state until it is done.

    Returns:
        How many lines were translated, now or before.

    Raises:
        InputError: an input cannot be read, the output exists, or the stopped run was about something else.
        EngineError: CTranslate2 cannot express the model, or a shard has not as many lines as it should.
        MissingExtra: Ray is not installed.
    """
    from crosslate.translation.translator import ctranslate2_folder_of

    started_ray()  # or refused before anything is written
    output, options = Path(output).resolve(), options or DecodingOptions()
    settings = settings or BulkSettings()
    pinned = {"packs or parent": model.key(), "quantization": quantization, **options.to_values()}
    shards = Shards(output, inputs, pinned, settings.shard_lines)
    if missing := shards.missing():
        folder = ctranslate2_folder_of(model, quantization).resolve()
        work = Work(folder, model.source_language, model.target_language, options)
        report(translate_on_ray(work, missing, settings.worker_cpus), missing)
    with atomic_file(output) as temporary, temporary.open("wb") as file:
        for data in shards.results():
            file.write(data)
    shards.remove()
    return shards.num_lines


def translate_on_ray(work: Work, shards: Sequence[Shard], cpus: int) -> Iterator[Shard]:
    """Translates shards by Ray actors of so many CPUs, in any order, and yields each when it is done.

    Each actor holds one model and gets the next shard when it is done with one. Ray restarts an actor that
    died, with the shard that it had. All machines must share the storage.
    """
    ray = started_ray()
    available = int(ray.cluster_resources().get("CPU", 0)) // cpus
    if available < 1:
        raise EngineError(f"Ray has fewer CPUs than the {cpus} that a worker asks for; ask for fewer")
    actor = ray.remote(num_cpus=cpus, max_restarts=_RESTARTS, max_task_retries=_RESTARTS)(ShardTranslator)
    actors = [actor.remote(work, cpus) for _ in range(min(available, len(shards)))]
    pool = ray.util.ActorPool(actors)
    try:
        yield from pool.map_unordered(lambda worker, shard: worker.translate.remote(shard), shards)
    except ray.exceptions.RayError as error:
        reason = str(getattr(error, "cause", None) or error).strip().splitlines()[0]
        raise EngineError(
            f"a shard in {shards[0].source.parent} was not translated: {reason}; "
            "the same call again goes on with what is missing"
        ) from error
    finally:
        for each in actors:
            ray.kill(each)


def started_ray() -> Any:
    """The module ``ray``, connected to a cluster: by default that of Ray's environment, or a new one here."""
    try:
        import ray
    except ImportError:
        raise MissingExtra("Ray is not installed; install it with: pip install 'crosslate[ray]'") from None
    if not ray.is_initialized():
        ray.init(log_to_driver=False, include_dashboard=False)
    return ray
