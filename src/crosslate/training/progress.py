"""Progress of a long run: a bar or plain lines on the console, a JSONL log, TensorBoard."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from crosslate.errors import MissingExtra, TrainingError

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
    """Writes every event to ``log.jsonl`` and forwards it to ``shown``, and to TensorBoard on request.

    After a run was killed, updates since its last checkpoint are logged again.

    Raises:
        MissingExtra: TensorBoard was requested but is not installed.
    """

    def __init__(self, folder: Path, shown: Progress | None = None, *, tensorboard: bool = False) -> None:
        self.shown = shown or Progress()
        self._board: Any = None
        if tensorboard:
            try:
                from torch.utils.tensorboard import SummaryWriter
            except ImportError:
                raise MissingExtra(
                    "TensorBoard is not installed; run pip install 'crosslate[tensorboard]' or turn "
                    "TensorBoard logging off"
                ) from None
            self._board = SummaryWriter(str(folder / "tensorboard"))
        self._path = folder / "log.jsonl"
        folder.mkdir(parents=True, exist_ok=True)

    def start(self, title: str, total_updates: int, updates: int) -> None:
        self.shown.start(title, total_updates, updates)

    def update(self, updates: int, values: dict[str, float]) -> None:
        self.shown.update(updates, values)
        if self._board is not None:
            for name, value in values.items():
                self._board.add_scalar(name, value, updates)

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
        if self._board is not None and kind == "validation":
            self._board.add_scalar(f"validation {values['metric']}", values["score"], values["updates"])

    def close(self) -> None:
        self.shown.close()
        if self._board is not None:
            self._board.close()


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
