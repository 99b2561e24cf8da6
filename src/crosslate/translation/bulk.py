"""Translate files in shards, here or by workers on Ray: every line once, in order, resumable.

The input is cut into numbered shards in a folder beside the output. A translated shard is a file that
appears whole, so a killed run loses only the shards that were being translated. The output appears when all
shards are there and hold as many lines as went in.
"""

from __future__ import annotations

import hashlib
import logging
import shutil
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field

from crosslate.config import Settings
from crosslate.engines.decoding import DecodingOptions
from crosslate.errors import EngineError, InputError, MissingExtra
from crosslate.files import RUN_SUFFIX, atomic_file, described, read_json, write_json, write_text
from crosslate.text.streams import check_is_file, read_lines

if TYPE_CHECKING:
    from crosslate.packs.stored_model import StoredModel

log = logging.getLogger(__name__)

MANIFEST = "bulk.json"
_PINNED = "pinned"
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


@dataclass(frozen=True)
class Shard:
    """A run of lines of the input in a file; the file of its translations exists when they are done."""

    source: Path
    target: Path
    num_lines: int


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
    output, options, settings = (
        Path(output).resolve(),
        options or DecodingOptions(),
        settings or BulkSettings(),
    )
    for path in inputs:
        check_is_file(path)
    if output.exists():
        raise InputError(
            f"{output} already exists, {described(output)}; give another file or remove it first"
        )
    state = output.with_name(output.name + RUN_SUFFIX)
    pinned = {
        "packs or parent": model.key(),
        "quantization": quantization,
        "shard_lines": settings.shard_lines,
        **options.to_values(),
    }
    shards = _shards(state, pinned, inputs, settings.shard_lines)
    missing = [shard for shard in shards if not shard.target.is_file()]
    if len(missing) < len(shards):
        log.info("%d of %d shards are translated already", len(shards) - len(missing), len(shards))
    if missing:
        folder = ctranslate2_folder_of(model, quantization).resolve()
        work = Work(folder, model.source_language, model.target_language, options)
        _report(translate_on_ray(work, missing, settings.worker_cpus), missing)
    _assemble(shards, output)
    shutil.rmtree(state)
    return sum(shard.num_lines for shard in shards)


def _shards(
    state: Path, pinned: dict[str, Any], inputs: Sequence[str | Path], shard_lines: int
) -> list[Shard]:
    """The shards of a stopped run, or new ones; the manifest is written when all are cut."""
    manifest = state / MANIFEST
    digest = hashlib.sha256()
    shards: list[Shard] = []
    is_resumed = manifest.is_file()
    if not is_resumed:
        state.mkdir(parents=True, exist_ok=True)
        # The folder is removed at the end, so all in it must be ours.
        others = [path.name for path in state.iterdir() if not path.name.lstrip(".").startswith("shard-")]
        if others:
            raise InputError(
                f"{state} holds {others[0]}, expected the state of a run; give another output or move it away"
            )
    lines = chain.from_iterable(map(read_lines, inputs))
    while block := list(islice(lines, shard_lines)):
        # A line may hold what other readers take for the end of one, and lines end in LF alone here.
        text = "".join(line.replace("\n", " ") + "\n" for line in block)
        digest.update(text.encode())
        name = f"shard-{len(shards):06d}"
        shards.append(Shard(state / f"{name}.in", state / f"{name}.out", len(block)))
        if not is_resumed:
            write_text(shards[-1].source, text)
    pinned = {"inputs": digest.hexdigest(), **pinned}
    if is_resumed:
        before = read_json(manifest)[_PINNED]
        if differing := [name for name in pinned if before.get(name) != pinned[name]]:
            raise InputError(
                f"{state} holds the state of a run with other {', '.join(differing)}; "
                "expected the same call again: give another output, or remove that folder to begin anew"
            )
    else:
        write_json(manifest, {_PINNED: pinned})
    return shards


def _report(done: Iterable[Shard], wanted: Sequence[Shard]) -> None:
    """Waits for the shards and logs the progress."""
    started, num_lines = time.monotonic(), 0
    total = sum(shard.num_lines for shard in wanted)
    for number, shard in enumerate(done, start=1):
        num_lines += shard.num_lines
        speed = num_lines / max(time.monotonic() - started, 1e-3)
        log.info(
            "%s of %s lines (%d of %d shards), %.1f lines/s",
            f"{num_lines:,}", f"{total:,}", number, len(wanted), speed,
        )  # fmt: skip


def _assemble(shards: Sequence[Shard], output: Path) -> None:
    """Joins the shards in order, if each has as many lines as went in."""
    with atomic_file(output) as temporary, temporary.open("wb") as file:
        for shard in shards:
            data = shard.target.read_bytes() if shard.target.is_file() else b""
            if (found := data.count(b"\n")) != shard.num_lines:
                raise EngineError(
                    f"{shard.target} has {found} lines, expected {shard.num_lines}; "
                    "remove it and run the same again"
                )
            file.write(data)


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
