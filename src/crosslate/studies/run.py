"""Run the missing cells of a study as soon as their needs are met; failures do not stop other cells."""

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
    """Folders of the store and of the data, and the seed of the phrasebook."""

    study: Path
    data: Path
    seed: int = 1
    is_shown: bool = False


Work = Callable[[Cell, Place], Output]
"""Does the work of a cell; must be a module-level function, so that it can be pickled."""


@dataclass(frozen=True)
class Outcome:
    """How a cell ended; the error is one line, empty on success."""

    status: Literal["done", "failed", "interrupted"]
    seconds: float = 0.0
    error: str = ""


class Executor:
    """Runs cells.

    Attributes:
        capacity: maximum number of cells submitted at the same time.
    """

    capacity: int

    def submit(self, cell: Cell) -> Future[Outcome]:
        """Starts a cell."""
        raise NotImplementedError

    def stop(self) -> None:
        """Asks running cells to save their state and end, and waits for them."""
        raise NotImplementedError


@dataclass
class Summary:
    """Result of a run: cells done now, done before, failed with their errors, and blocked by a failed one."""

    done: list[Cell] = field(default_factory=list)
    reused: list[Cell] = field(default_factory=list)
    failed: list[tuple[Cell, str]] = field(default_factory=list)
    blocked: list[Cell] = field(default_factory=list)
    seconds: float = 0.0


Tell = Callable[[Summary, Cell, Outcome], None]


def run_study(
    cells: Sequence[Cell], store: Store, executor: Executor, tell: Tell = lambda summary, cell, outcome: None
) -> Summary:
    """Runs every cell without a stored result, each as soon as the cells it needs are done.

    Args:
        cells: in topological order, including all needed cells.
        tell: called after every cell.

    Raises:
        Interrupted: the run was asked to stop; running cells have saved their state, and the same call
            resumes.
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
            f"stopped after {len(summary.done)} cells; the state of unfinished cells "
            f"is saved in {store.folder}: run the same command again to resume"
        ) from error
    finally:
        executor.stop()
    return summary


def _block(lost: Cell, waiting: list[Cell], blocked: list[Cell]) -> None:
    """Blocks cells that need a failed one; in topological order, one pass finds all."""
    keys = {lost.key}
    for cell in list(waiting):
        if keys & set(cell.needs.values()):
            keys.add(cell.key)
            waiting.remove(cell)
            blocked.append(cell)


@contextmanager
def _ended_as_interrupted() -> Iterator[None]:
    """Makes SIGTERM and a closed terminal act like Ctrl-C, so that running cells save their state."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    previous = handle(interrupt)
    try:
        yield
    finally:
        restore(previous)


def work_on(cell: Cell, place: Place, work: Work) -> Outcome:
    """Does the work of one cell here and stores its result or its failure.

    If another run is working on the cell, waits for that run to finish it or to save its state.
    """
    store, started = Store(place.study), time.monotonic()
    try:
        with store.lock(cell):
            if store.is_done(cell):
                return Outcome("done", store.load(cell.key).seconds)
            started = time.monotonic()
            output = work(cell, place)
            # Count resumed training in full, since estimates are based on these times.
            trained = output.values.get("training", {}).get("training_seconds", 0.0)
            seconds = max(time.monotonic() - started, trained)
            store.save(cell, output, seconds, _environment())
            return Outcome("done", seconds)
    except (Interrupted, KeyboardInterrupt) as error:
        return Outcome("interrupted", time.monotonic() - started, str(error))
    except Exception as error:  # one cell must not stop the others
        message = str(error) if isinstance(error, CrosslateError) else f"{type(error).__name__}: {error}"
        store.record_failure(cell, message, traceback.format_exc())
        return Outcome("failed", time.monotonic() - started, message)


def _environment() -> dict[str, Any]:
    """Versions and machine, as far as loaded modules provide them."""
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
