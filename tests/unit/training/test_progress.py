"""What is shown and logged: a bar that fits its line, plain lines elsewhere, a log of self-contained lines."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from unittest.mock import Mock, call

import pytest
from accelerate import tracking
from accelerate.utils import LoggerType
from rich.console import Console

from crosslate.errors import MissingExtra, TrainingError
from crosslate.training.progress import ConsoleProgress, Progress, RunLog

VALUES = {"loss": 12.3456, "tokens_per_second": 12_345.6, "best": 43.214}
VALIDATION = {"epoch": 2.0, "updates": 880, "metric": "bleu", "score": 41.234, "is_best": True}
TITLE = "de-en src+xattn[heads=0:1,3]"


def console(width: int = 80, *, is_terminal: bool = True) -> Console:
    return Console(file=io.StringIO(), force_terminal=is_terminal, width=width, color_system=None)


def written(console: Console) -> list[str]:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue().rstrip("\n").split("\n")


@pytest.mark.parametrize("title", ["parent fr-en", TITLE])
def test_the_bar_fits_a_line_of_80_columns_and_shows_everything(title: str):
    progress, shown = ConsoleProgress(console()), console()
    progress.start(title, 86_400, 858)
    progress.update(60_000, VALUES)
    shown.print(progress._bar.get_renderable())
    progress.close()
    (line,) = written(shown)
    assert len(line) <= 80
    for part in (title[:8], "60000/86400", "12,346 tokens/s", "loss 12.346", "best 43.21", ":"):
        assert part in line


def test_without_a_terminal_plain_lines_come_now_and_then(monkeypatch: pytest.MonkeyPatch):
    now = [1_000.0]
    monkeypatch.setattr("crosslate.training.progress.time.monotonic", lambda: now[0])
    out = console(is_terminal=False)
    progress = ConsoleProgress(out)
    progress.start("src+xattn[bold]", 1_000, 100)  # brackets are no markup
    for updates in range(101, 201):
        now[0] += 1.0
        progress.update(updates, VALUES)
    progress.close()
    lines = written(out)
    assert len(lines) == 5  # after 2, 22, 42, 62 and 82 seconds
    shown = "update 102/1000, 12,346 tokens/s  loss 12.346  best 43.21, at most 14:58 left"
    assert lines[0] == f"src+xattn[bold]: {shown}"


@pytest.mark.parametrize("is_terminal", [True, False])
def test_the_bar_says_that_a_validation_runs(is_terminal: bool, tmp_path: Path):
    out = console(is_terminal=is_terminal)
    log = RunLog(tmp_path, ConsoleProgress(out))
    log.start(TITLE, 10, 0)
    log.update(5, VALUES)
    log.validating()
    assert ("5/10 validating" in out.file.getvalue()) == is_terminal
    log.close()
    assert not (tmp_path / "log.jsonl").exists()  # the result is logged, not the wait


@pytest.mark.parametrize("is_terminal", [True, False])
def test_events_are_told_in_words(is_terminal: bool):
    out = console(40, is_terminal=is_terminal)
    progress = ConsoleProgress(out)
    progress._title = TITLE
    progress.event("started", {"updates": 0})
    progress.event("resumed", {"updates": 5})
    progress.event("validation", VALIDATION)
    progress.event("finished", {"updates": 10, "reason": "reached the limit of updates"})
    assert written(out) == [
        f"{TITLE}: resuming from update 5",
        f"{TITLE}: epoch 2, update 880: bleu 41.23 (best)",
        f"{TITLE}: reached the limit of updates after 10 updates",
    ]


def test_every_logged_line_says_what_happened_when_and_is_forwarded(tmp_path: Path):
    shown = Mock(Progress)
    for updates in (1, 2):  # the second sitting appends
        log = RunLog(tmp_path, shown)
        log.start("parent", 10, 0)
        log.update(updates, VALUES)
        log.event("training", {"updates": updates, **VALUES})
        log.close()
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [(line["event"], line["updates"], line["loss"]) for line in lines] == [
        ("training", 1, 12.3456),
        ("training", 2, 12.3456),
    ]
    assert all(line["time"] > 1.7e9 for line in lines)
    assert shown.method_calls[:4] == [
        call.start("parent", 10, 0), call.update(1, VALUES), call.event("training", {"updates": 1, **VALUES}),
        call.close(),
    ]  # fmt: skip


def test_a_log_that_cannot_be_written_says_what_to_do(tmp_path: Path):
    (tmp_path / "log.jsonl").mkdir()
    with pytest.raises(TrainingError, match=r"cannot write .*log\.jsonl.*same command again"):
        RunLog(tmp_path).event("resumed", {"updates": 1})


class Board:
    """Stands in for a tracker of Accelerate."""

    name = "board"

    def __init__(self, *where: object, **options: object) -> None:
        self.calls: list[object] = [(*where, options)]

    def __getattr__(self, method: str) -> Callable[..., None]:
        return lambda *values, **options: self.calls.append((method, *values, options))


class Failing(Board):
    def log(self, *values: object, **options: object) -> None:
        raise OSError("no connection")


@pytest.fixture
def boards(monkeypatch: pytest.MonkeyPatch) -> dict[str, Board]:
    """The trackers that are started, by name; wandb fails in every log."""
    made: dict[str, Board] = {}

    def maker(name: str, kind: type[Board]) -> Callable[..., Board]:
        return lambda *where, **options: made.setdefault(name, kind(*where, **options))

    kinds = {"tensorboard": Board, "mlflow": Board, "trackio": Board, "wandb": Failing}
    classes = {name: maker(name, kind) for name, kind in kinds.items()}
    monkeypatch.setattr(tracking, "LOGGER_TYPE_TO_CLASS", classes)
    monkeypatch.setattr(tracking, "get_available_trackers", lambda: [LoggerType(name) for name in kinds])
    return made


def run_with(log: RunLog) -> None:
    log.start("de-en src", 1_000, 0)
    log.update(7, {"loss": 1.5})
    log.event("validation", VALIDATION)
    log.close()


def test_trackers_get_settings_losses_and_scores(tmp_path: Path, boards: dict[str, Board]):
    settings = {"seed": 1, "dropout": None, "learning_rates": {"xattn": 1e-3}}
    run_with(RunLog(tmp_path, trackers=("tensorboard", "mlflow", "trackio"), settings=settings))
    plain = {"seed": 1, "dropout": "null", "learning_rates": '{"xattn": 0.001}'}
    common = [
        ("start", {}), ("store_init_configuration", plain, {}), ("log", {"loss": 1.5}, {"step": 7}),
        ("log", {"validation bleu": 41.234}, {"step": 880}), ("finish", {}),
    ]  # fmt: skip
    assert boards["tensorboard"].calls == [("tensorboard", tmp_path, {}), *common]
    assert boards["mlflow"].calls == [("crosslate", {"run_name": "de-en src"}), *common]
    assert boards["trackio"].calls == [("crosslate", {"name": "de-en src"}), *common]


def test_a_tracker_that_fails_is_named_once_and_the_run_goes_on(
    tmp_path: Path, boards: dict[str, Board], caplog: pytest.LogCaptureFixture
):
    run_with(RunLog(tmp_path, trackers=("wandb", "mlflow")))
    assert caplog.messages == ["board failed and gets no more values: no connection"]
    assert len(boards["wandb"].calls) == 3 and boards["mlflow"].calls[-1] == ("finish", {})


def test_a_tracker_that_is_not_installed_is_refused_before_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(tracking, "get_available_trackers", lambda: [LoggerType.WANDB])
    with pytest.raises(
        MissingExtra, match=r"mlflow and trackio not installed; run pip install mlflow trackio"
    ):
        RunLog(tmp_path / "run", trackers=("mlflow", "wandb", "trackio"))
    assert not (tmp_path / "run").exists()
