"""The input of a long translation in numbered shards: every line once, in order, resumable.

The input is cut into shards in a folder beside the output. The result of a shard is a file that appears
whole, so a killed run loses only the shards that were being translated. The output appears when all shards
are there and hold as many lines as went in.
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
from typing import Any

from crosslate.errors import EngineError, InputError
from crosslate.files import RUN_SUFFIX, described, read_json, write_json, write_text
from crosslate.text.streams import check_is_file, read_lines

log = logging.getLogger(__name__)

MANIFEST = "shards.json"
_PINNED = "pinned"


@dataclass(frozen=True)
class Shard:
    """A run of lines of the input in a file; the file of their results exists when they are done."""

    source: Path
    target: Path
    num_lines: int


class Shards:
    """The shards of a stopped run, or new ones, in the folder ``<output>.run``.

    Args:
        inputs: files, compressed or not; their lines follow each other.
        pinned: what a resumed run must have in common with the stopped one, by name.

    Attributes:
        input_hash: hex sha256 of all lines, each ended by a line feed.

    Raises:
        InputError: an input cannot be read, the output exists, or the stopped run was about something else.
    """

    def __init__(
        self, output: Path, inputs: Sequence[str | Path], pinned: dict[str, Any], shard_lines: int
    ) -> None:
        for path in inputs:
            check_is_file(path)
        if output.exists():
            raise InputError(
                f"{output} already exists, {described(output)}; give another file or remove it first"
            )
        self._folder = output.with_name(output.name + RUN_SUFFIX)
        self._all, self.input_hash = _cut(self._folder, pinned, inputs, shard_lines)

    def __len__(self) -> int:
        return len(self._all)

    @property
    def num_lines(self) -> int:
        """Lines of all shards."""
        return sum(shard.num_lines for shard in self._all)

    def missing(self) -> list[Shard]:
        """The shards without results; says in the log how many have them."""
        found = [shard for shard in self._all if not shard.target.is_file()]
        if len(found) < len(self):
            log.info("%d of %d shards are translated already", len(self) - len(found), len(self))
        return found

    def results(self) -> Iterator[bytes]:
        """The results of each shard in order, as many lines as the shard has.

        Raises:
            EngineError: a shard has another number of lines.
        """
        for shard in self._all:
            data = shard.target.read_bytes() if shard.target.is_file() else b""
            if (found := data.count(b"\n")) != shard.num_lines:
                raise EngineError(
                    f"{shard.target} has {found} lines, expected {shard.num_lines}; "
                    "remove it and run the same again"
                )
            yield data

    def remove(self) -> None:
        """Removes the folder, in which all is ours."""
        shutil.rmtree(self._folder)


def _cut(
    folder: Path, pinned: dict[str, Any], inputs: Sequence[str | Path], shard_lines: int
) -> tuple[list[Shard], str]:
    """Shards and the hash of all lines; the manifest is written when all are cut."""
    manifest = folder / MANIFEST
    digest = hashlib.sha256()
    shards: list[Shard] = []
    is_resumed = manifest.is_file()
    if not is_resumed:
        folder.mkdir(parents=True, exist_ok=True)
        # The folder is removed at the end, so all in it must be ours.
        others = [path.name for path in folder.iterdir() if not path.name.lstrip(".").startswith("shard-")]
        if others:
            raise InputError(
                f"{folder} holds {others[0]}, expected the state of a run; give another output or "
                "move it away"
            )
    lines = chain.from_iterable(map(read_lines, inputs))
    while block := list(islice(lines, shard_lines)):
        # A line may hold what other readers take for the end of one, and lines end in LF alone here.
        text = "".join(line.replace("\n", " ") + "\n" for line in block)
        digest.update(text.encode())
        name = f"shard-{len(shards):06d}"
        shards.append(Shard(folder / f"{name}.in", folder / f"{name}.out", len(block)))
        if not is_resumed:
            write_text(shards[-1].source, text)
    pinned = {"inputs": digest.hexdigest(), "shard_lines": shard_lines, **pinned}
    if is_resumed:
        before = read_json(manifest)[_PINNED]
        if differing := [name for name in pinned if before.get(name) != pinned[name]]:
            raise InputError(
                f"{folder} holds the state of a run with other {', '.join(differing)}; "
                "expected the same call again: give another output, or remove that folder to begin anew"
            )
    else:
        write_json(manifest, {_PINNED: pinned})
    return shards, digest.hexdigest()


def report(done: Iterable[Shard], wanted: Sequence[Shard]) -> None:
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
