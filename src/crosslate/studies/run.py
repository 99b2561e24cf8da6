"""Running a study: what is missing, as soon as what it needs is there; failures stop nothing else."""

from __future__ import annotations

import platform
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from types import FrameType
from typing import Any, Literal

from crosslate.errors import CrosslateError, Interrupted
from crosslate.studies.cells import Cell
from crosslate.studies.store import Output, Store
from crosslate.training.stopping import handle, restore


@dataclass(frozen=True)
class Place:
    """Where work is done: folders of the store and of the data, and the seed of the phrasebook."""

    study: Path
    data: Path
    seed: int = 1
    is_shown: bool = False


Work = Callable[[Cell, Place], Output]
"""Does the work of a cell; a function of a module, so that other processes find it."""


@dataclass(frozen=True)
class Outcome:
    """How a cell ended; the error is one line, empty where it is done."""

    status: Literal["done", "failed", "interrupted"]
    seconds: float = 0.0
    error: str = ""


class Executor:
    """Where cells are worked on.

    Attributes:
        capacity: how many cells at the same time; more are never submitted.
    """

    capacity: int

    def submit(self, cell: Cell) -> Future[Outcome]:
        """Starts a cell."""
        raise NotImplementedError

    def stop(self) -> None:
        """Asks what is running to save its state and end, and waits for that."""
        raise NotImplementedError


@dataclass
class Summary:
    """What a run did: cells done in it, done before, failed with their errors, and needing a failed one."""

    done: list[Cell] = field(default_factory=list)
    reused: list[Cell] = field(default_factory=list)
    failed: list[tuple[Cell, str]] = field(default_factory=list)
    blocked: list[Cell] = field(default_factory=list)
    seconds: float = 0.0


Tell = Callable[[Summary, Cell, Outcome], None]


def run_study(
    cells: Sequence[Cell], store: Store, executor: Executor, tell: Tell = lambda summary, cell, outcome: None
) -> Summary:
    """Runs every cell that has no stored result, each as soon as what it needs is there.

    Args:
        cells: each behind what it needs, with all that it needs.
        tell: called after every cell.

    Raises:
        Interrupted: asked to stop; what was running has saved its state, and the same call goes on.
    """
    started = time.monotonic()
    summary = Summary(reused=[cell for cell in cells if store.is_done(cell)])
    ready = {cell.key for cell in summary.reused}
    waiting = [cell for cell in cells if cell.key not in ready]
    running: dict[Future[Outcome], Cell] = {}
    try:
        with _ended_as_interrupted():
            while True:
                possible = [cell for cell in waiting if set(cell.needs.values()) <= ready]
                for cell in possible[: executor.capacity - len(running)]:
                    waiting.remove(cell)
                    running[executor.submit(cell)] = cell
                if not running:
                    break
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    cell, outcome = running.pop(future), future.result()
                    if outcome.status == "done":
                        ready.add(cell.key)
                        summary.done.append(cell)
                    elif outcome.status == "failed":
                        summary.failed.append((cell, outcome.error))
                        _block(cell, waiting, summary.blocked)
                    summary.seconds = time.monotonic() - started
                    tell(summary, cell, outcome)
                    if outcome.status == "interrupted":
                        raise Interrupted(outcome.error)
    except (Interrupted, KeyboardInterrupt) as error:
        raise Interrupted(
            f"stopped; {len(summary.done)} cells were done in this sitting, the state of those at work "
            f"is kept in {store.folder}: run the same command again to go on"
        ) from error
    finally:
        executor.stop()
    return summary


def _block(lost: Cell, waiting: list[Cell], blocked: list[Cell]) -> None:
    """Gives up cells that need a lost one; each stands behind what it needs, so one pass finds all."""
    keys = {lost.key}
    for cell in list(waiting):
        if keys & set(cell.needs.values()):
            keys.add(cell.key)
            waiting.remove(cell)
            blocked.append(cell)


@contextmanager
def _ended_as_interrupted() -> Iterator[None]:
    """SIGTERM and a closed terminal end a study as Ctrl-C does: what is at work saves its state."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    previous = handle(interrupt)
    try:
        yield
    finally:
        restore(previous)


def work_on(cell: Cell, place: Place, work: Work) -> Outcome:
    """Does the work of one cell here and stores its result or its failure.

    A cell that another run is at work on is waited for: it may be done then, or ended with its state saved.
    """
    store, started = Store(place.study), time.monotonic()
    try:
        with store.lock(cell):
            if store.is_done(cell):
                return Outcome("done", store.load(cell.key).seconds)
            started = time.monotonic()
            output = work(cell, place)
            # Training that was taken up again counts in full: estimates are made from what cells took.
            trained = output.values.get("training", {}).get("training_seconds", 0.0)
            seconds = max(time.monotonic() - started, trained)
            store.save(cell, output, seconds, _environment())
            return Outcome("done", seconds)
    except (Interrupted, KeyboardInterrupt) as error:
        return Outcome("interrupted", time.monotonic() - started, str(error))
    except Exception as error:  # whatever happens in one cell must not stop the others
        message = str(error) if isinstance(error, CrosslateError) else f"{type(error).__name__}: {error}"
        store.record_failure(cell, message, traceback.format_exc())
        return Outcome("failed", time.monotonic() - started, message)


def _environment() -> dict[str, Any]:
    """Versions and machine, as far as what is loaded already tells them."""
    from crosslate import __version__

    now = datetime.now(timezone.utc).replace(microsecond=0)
    found: dict[str, Any] = {
        "crosslate": __version__, "python": platform.python_version(), "ended": now.isoformat(),
        "machine": platform.machine(), "system": platform.system(),
    }  # fmt: skip
    if "torch" in sys.modules:
        import torch

        from crosslate.training.devices import machine, versions

        found |= {"machine": machine(torch.device("cpu")), "versions": versions()}
    return found
