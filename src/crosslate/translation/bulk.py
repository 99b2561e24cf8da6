"""Translation of files in shards that workers take: every line once, in order, resumable.

The input is cut into numbered shards in a folder beside the output. A translated shard is a file that appears
whole, so whatever is killed loses the shards that were being translated and nothing else. The output appears
when all shards are there and hold as many lines as went in.
"""

from __future__ import annotations

import logging
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any

from crosslate.engines.decoding import DecodingOptions
from crosslate.errors import EngineError, InputError, UsageError
from crosslate.files import RUN_SUFFIX, atomic_file, read_json, sha256_file, write_json, write_text
from crosslate.packs.stored import StoredModel
from crosslate.text.streams import check_is_file, read_lines
from crosslate.translation.translator import UNQUANTIZED, ctranslate2_folder_of

log = logging.getLogger(__name__)

MANIFEST = "bulk.json"
_PINNED = "pinned"


@dataclass(frozen=True)
class Work:
    """What a worker needs; paths are the same on every machine.

    Attributes:
        model: folder of the CTranslate2 model.
        language: code of the language of the lines.
        options: of the search.
    """

    model: str
    language: str
    options: DecodingOptions


@dataclass(frozen=True)
class Shard:
    """A run of lines of the input.

    Attributes:
        source: file with its lines.
        target: file that its translations are in, once they are done.
        num_lines: how many.
    """

    source: str
    target: str
    num_lines: int


Run = Callable[[Work, Sequence[Shard]], Iterator[Shard]]
"""Translates shards by :class:`ShardTranslator`, in any order, and gives each back when it is done."""


class ShardTranslator:
    """Translates shards with CTranslate2.

    Args:
        work: what to translate with.
        threads: that it uses.
    """

    def __init__(self, work: Work, threads: int = 1) -> None:
        from crosslate.engines.ctranslate2 import CTranslate2Engine

        self._work = work
        self._engine = CTranslate2Engine(Path(work.model), inter_threads=1, intra_threads=threads)

    def translate(self, shard: Shard) -> Shard:
        """Writes a shard's translations, atomically."""
        from crosslate.translation.lines import translate_lines

        lines = _stored_lines(Path(shard.source))
        found = translate_lines(self._engine, lines, self._work.options, language=self._work.language)
        write_text(Path(shard.target), "".join(line + "\n" for line in found))
        return shard


def translate_in_bulk(
    model: StoredModel,
    inputs: Sequence[str | Path],
    output: str | Path,
    run: Run,
    *,
    quantization: str = UNQUANTIZED,
    options: DecodingOptions | None = None,
    shard_lines: int = 10_000,
) -> int:
    """Translates files line by line into one; the same call again goes on where it was stopped.

    Args:
        inputs: files, compressed or not; their lines follow each other.
        output: file for the translations; beside it lies the state until it is done.
        run: where shards are translated: :class:`crosslate.translation.on_ray.ShardsOnRay`.
        shard_lines: lines of a shard, which is what a stopped run may lose for each worker.

    Returns:
        How many lines were translated, now or before.

    Raises:
        UsageError: ``shard_lines`` below 1.
        CorpusError: an input is missing or cannot be read.
        InputError: the output exists, or what is translated is not what the stopped run translated.
        EngineError: CTranslate2 cannot express the model, or a shard has not as many lines as it should.
    """
    if shard_lines < 1:
        raise UsageError(f"shard_lines is {shard_lines}, expected 1 or more")
    for path in inputs:
        check_is_file(path)
    output, options = Path(output).resolve(), options or DecodingOptions()
    if output.exists():
        raise InputError(f"{output} already exists; give another file or remove it first")
    state = output.with_name(output.name + RUN_SUFFIX)
    pinned = {
        "inputs": [sha256_file(Path(path)) for path in inputs],
        "packs or parent": model.key(),
        "quantization": quantization,
        "shard_lines": shard_lines,
        **options.to_values(),
    }
    shards = _shards(state, pinned, inputs, shard_lines)
    missing = [shard for shard in shards if not Path(shard.target).is_file()]
    if len(missing) < len(shards):
        log.info("%d of %d shards are translated already", len(shards) - len(missing), len(shards))
    if missing:
        folder = ctranslate2_folder_of(model, quantization).resolve()
        _report(run(Work(str(folder), model.source_language, options), missing), missing)
    total = _assemble(shards, output)
    shutil.rmtree(state)
    return total


def _shards(
    state: Path, pinned: dict[str, Any], inputs: Iterable[str | Path], shard_lines: int
) -> list[Shard]:
    """The shards of a stopped run, or new ones; the manifest is written when all are cut."""
    manifest = state / MANIFEST
    if manifest.is_file():
        recorded = read_json(manifest)
        before = recorded[_PINNED]
        differing = [name for name in pinned if before.get(name) != pinned[name]]
        if differing:
            raise InputError(
                f"{state} holds the state of a run with other {', '.join(differing)}; "
                "expected the same call again: give another output, or remove that folder to begin anew"
            )
        counts = recorded["lines"]
    else:
        state.mkdir(parents=True, exist_ok=True)
        # The folder is removed at the end, so all in it must be ours.
        if others := [
            path.name for path in state.iterdir() if not path.name.lstrip(".").startswith("shard-")
        ]:
            raise InputError(
                f"{state} holds {others[0]}, expected the state of a run; give another output or move it away"
            )
        lines, counts = chain.from_iterable(map(read_lines, inputs)), []
        while block := list(islice(lines, shard_lines)):
            # A line may hold what other readers take for the end of one, and lines end in LF alone here.
            text = "".join(line.replace("\n", " ") + "\n" for line in block)
            write_text(state / _name(len(counts), "in"), text)
            counts.append(len(block))
        write_json(manifest, {_PINNED: pinned, "lines": counts})
    return [
        Shard(str(state / _name(number, "in")), str(state / _name(number, "out")), count)
        for number, count in enumerate(counts)
    ]


def _name(number: int, ending: str) -> str:
    return f"shard-{number:06d}.{ending}"


def _stored_lines(path: Path) -> Iterator[str]:
    with path.open(encoding="utf-8", newline="\n") as file:
        for line in file:
            yield line.removesuffix("\n")


def _report(done: Iterable[Shard], wanted: Sequence[Shard]) -> None:
    started, num_lines = time.monotonic(), 0
    total = sum(shard.num_lines for shard in wanted)
    for number, shard in enumerate(done, start=1):
        num_lines += shard.num_lines
        speed = num_lines / max(time.monotonic() - started, 1e-3)
        log.info(
            "%s of %s lines (%d of %d shards), %.1f lines/s",
            f"{num_lines:,}", f"{total:,}", number, len(wanted), speed,
        )  # fmt: skip


def _assemble(shards: Sequence[Shard], output: Path) -> int:
    """Joins the shards in order, if each has as many lines as went in."""
    with atomic_file(output) as temporary, temporary.open("wb") as file:
        for shard in shards:
            data = Path(shard.target).read_bytes() if Path(shard.target).is_file() else b""
            if (found := data.count(b"\n")) != shard.num_lines:
                raise EngineError(
                    f"{shard.target} has {found} lines, expected {shard.num_lines}; "
                    "remove it and run the same again"
                )
            file.write(data)
    return sum(shard.num_lines for shard in shards)
