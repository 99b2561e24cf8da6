"""Progress of a long run: a bar or plain lines on the console, a JSONL log, trackers of experiments."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crosslate.errors import MissingExtra, TrainingError

if TYPE_CHECKING:
    from accelerate.tracking import GeneralTracker

log = logging.getLogger(__name__)

_PLAIN_EVERY_SECONDS = 20.0


class Progress:
    """Watches a run; this one shows nothing.

    Attributes:
        measure: called with the model after every validation, in evaluation mode. Its values are recorded
            beside the score but do not select the best state. It must not change the model.
    """

    measure: Callable[[Any], dict[str, float]] | None = None

    def __init__(self, measure: Callable[[Any], dict[str, float]] | None = None) -> None:
        self.measure = measure

    def start(self, title: str, total_updates: int, updates: int) -> None: ...
    def update(self, updates: int, values: dict[str, float]) -> None: ...
    def validating(self) -> None: ...
    def event(self, kind: str, values: dict[str, Any]) -> None: ...
    def close(self) -> None: ...


class ConsoleProgress(Progress):
    """A bar with tokens/s, loss, best score and time left, or periodic plain lines without a terminal."""

    def __init__(self, console: Any | None = None) -> None:
        from rich.console import Console

        self.console = console or Console(stderr=True)
        self._bar: Any = None
        self._title, self._total, self._first = "", 0, 0
        self._started = self._spoken = time.monotonic()

    def start(self, title: str, total_updates: int, updates: int) -> None:
        self._title, self._total, self._first = title, total_updates, updates
        self._started = time.monotonic()
        # Print the first plain line early, to show that the run has started.
        self._spoken = self._started - _PLAIN_EVERY_SECONDS + 2
        if self.console.is_terminal:
            self._bar = _bar(self.console)
            self._bar.start()
            self._bar.add_task(title, total=total_updates, completed=updates, shown="")

    def update(self, updates: int, values: dict[str, float]) -> None:
        if self._bar is not None:
            self._bar.update(self._bar.task_ids[0], completed=updates, shown=_short(values))
        elif (now := time.monotonic()) - self._spoken >= _PLAIN_EVERY_SECONDS:
            self._spoken = now
            pace = (now - self._started) / max(1, updates - self._first)
            left = int(pace * max(0, self._total - updates))
            time_left = f"at most {left // 60}:{left % 60:02d} left"
            self._say(f"update {updates}/{self._total}, {_short(values)}, {time_left}")

    def validating(self) -> None:
        """Says so in the bar, which stands still meanwhile."""
        if self._bar is not None:
            self._bar.update(self._bar.task_ids[0], shown="validating", refresh=True)

    def event(self, kind: str, values: dict[str, Any]) -> None:
        if kind == "validation":
            score = f"{values['metric']} {values['score']:.2f}{' (best)' if values['is_best'] else ''}"
            self._say(f"epoch {values['epoch']:g}, update {values['updates']}: {score}")
        elif kind == "resumed":
            self._say(f"resuming from update {values['updates']}")
        elif kind == "finished":
            self._say(f"{values['reason']} after {values['updates']} updates")

    def _say(self, text: str) -> None:
        self.console.print(f"{self._title}: {text}", soft_wrap=True, highlight=False, markup=False)

    def close(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None


class RunLog(Progress):
    """Writes every event to ``log.jsonl`` and forwards it to ``shown`` and to trackers of experiments.

    After a run was killed, updates since its last checkpoint are logged again. A run that resumes is a run of
    its own for a tracker.

    Args:
        trackers: names of trackers, as Accelerate has them.
        settings: what the trackers record beside the values, numbers and texts.

    Raises:
        MissingExtra: a tracker is not installed.
    """

    def __init__(
        self,
        folder: Path,
        shown: Progress | None = None,
        *,
        trackers: Sequence[str] = (),
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        self.shown = shown or Progress()
        self._wanted, self._settings, self._folder = trackers, settings or {}, folder
        self._trackers: list[GeneralTracker] = []
        _check_installed(trackers)
        self._path = folder / "log.jsonl"
        folder.mkdir(parents=True, exist_ok=True)

    def start(self, title: str, total_updates: int, updates: int) -> None:
        self.shown.start(title, total_updates, updates)
        self._trackers = [_tracker(name, self._folder, title) for name in self._wanted]
        self._track("start")
        plain = {name: value if isinstance(value, str | int | float) else json.dumps(value)
                 for name, value in self._settings.items()}  # fmt: skip
        self._track("store_init_configuration", plain)  # TensorBoard takes nothing else

    def update(self, updates: int, values: dict[str, float]) -> None:
        self.shown.update(updates, values)
        self._track("log", values, step=updates)

    def validating(self) -> None:
        self.shown.validating()

    def event(self, kind: str, values: dict[str, Any]) -> None:
        line = json.dumps({"event": kind, "time": round(time.time(), 3), **values}, ensure_ascii=False)
        try:
            with self._path.open("a", encoding="utf-8") as file:
                file.write(line + "\n")
        except OSError as error:
            raise TrainingError(
                f"cannot write {self._path}: {error.strerror or error}; the last checkpoint is intact: "
                "free some space and run the same command again to resume"
            ) from error
        self.shown.event(kind, values)
        if kind == "validation":
            score = {f"validation {values['metric']}": values["score"]}
            self._track("log", score, step=values["updates"])

    def close(self) -> None:
        self.shown.close()
        self._track("finish")

    def _track(self, method: str, *values: Any, **options: Any) -> None:
        """Calls every tracker; one that fails is left out, because hours of training must not end with it."""
        for tracker in list(self._trackers):
            try:
                getattr(tracker, method)(*values, **options)
            except Exception as error:
                self._trackers.remove(tracker)
                log.warning("%s failed and gets no more values: %s", tracker.name, error)


def _check_installed(trackers: Sequence[str]) -> None:
    if trackers:
        from accelerate.tracking import get_available_trackers

        installed = {each.value for each in get_available_trackers()}
        missing = [name for name in trackers if name not in installed]
        if missing:
            raise MissingExtra(
                f"{' and '.join(missing)} not installed; run pip install {' '.join(missing)}, or leave the "
                "tracker out"
            )


def _tracker(name: str, folder: Path, title: str) -> GeneralTracker:
    """A tracker of a run with this title: in the project ``crosslate``, TensorBoard's in the folder."""
    from accelerate.tracking import LOGGER_TYPE_TO_CLASS

    make: Any = LOGGER_TYPE_TO_CLASS[name]
    if name == "tensorboard":
        return make("tensorboard", folder)
    return make("crosslate", **{"run_name" if name == "mlflow" else "name": title})


def _bar(console: Any) -> Any:
    """A bar that fits into 80 columns: the title shrinks first, then the bar."""
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as RichProgress
    from rich.table import Column

    title = Column(no_wrap=True, overflow="ellipsis", ratio=2, min_width=8)
    return RichProgress(
        TextColumn("{task.description}", style="bold", markup=False, table_column=title),
        BarColumn(bar_width=None, table_column=Column(ratio=1, min_width=3)),
        MofNCompleteColumn(table_column=Column(no_wrap=True)),
        TextColumn("{task.fields[shown]}", markup=False, table_column=Column(no_wrap=True)),
        TimeRemainingColumn(compact=True, table_column=Column(no_wrap=True)),
        console=console,
        transient=True,
        expand=True,
        refresh_per_second=2,
        speed_estimate_period=600,  # seconds; over a shorter time, a validation would look like slow training
    )


def _short(values: dict[str, float]) -> str:
    forms = {"tokens_per_second": "{:,.0f} tokens/s", "loss": "loss {:.3f}", "best": "best {:.2f}"}
    return "  ".join(form.format(values[name]) for name, form in forms.items() if name in values)
