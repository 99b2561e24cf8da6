"""What is shown and logged: a bar that fits its line, plain lines elsewhere, a log of self-contained lines."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from crosslate.errors import MissingExtra, TrainingError
from crosslate.training.progress import ConsoleProgress, Progress, RunLog

VALUES = {"loss": 12.3456, "tokens_per_second": 12_345.6, "best": 43.214}
VALIDATION = {"epoch": 2.0, "updates": 880, "metric": "bleu", "score": 41.234, "is_best": True}
TITLE = "de-en src+xattn[heads=0:1,3]"


def terminal(width: int = 80) -> Console:
    return Console(file=io.StringIO(), force_terminal=True, width=width, color_system=None)


def written(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def bar_line(progress: ConsoleProgress, width: int = 80) -> list[str]:
    console = terminal(width)
    console.print(progress._bar.get_renderable())
    return written(console).rstrip("\n").split("\n")


@pytest.mark.parametrize("title", ["parent fr-en", TITLE])
def test_the_bar_fits_a_line_of_80_columns_and_shows_everything(title: str):
    console = terminal()
    progress = ConsoleProgress(console)
    progress.start(title, 86_400, 858)
    progress.update(60_000, VALUES)
    lines = bar_line(progress)
    progress.close()
    assert len(lines) == 1 and len(lines[0]) <= 80
    for part in (title[:8], "60000/86400", "12,346 tokens/s", "loss 12.346", "best 43.21", ":"):
        assert part in lines[0]


def test_brackets_of_a_strategy_are_text_and_no_markup():
    for console in (terminal(), Console(file=io.StringIO(), width=80)):
        progress = ConsoleProgress(console)
        progress.start("src+xattn[bold]", 10, 0)
        progress._spoken = -100.0
        progress.update(1, VALUES)
        shown = bar_line(progress, 120)[0] if console.is_terminal else written(console)
        progress.event("validation", VALIDATION)
        progress.close()
        assert "src+xattn[bold]" in shown
        assert "src+xattn[bold]: epoch 2, update 880: bleu 41.23 (best)" in written(console)


def test_without_a_terminal_plain_lines_come_now_and_then(monkeypatch: pytest.MonkeyPatch):
    now = [1_000.0]
    monkeypatch.setattr("crosslate.training.progress.time.monotonic", lambda: now[0])
    console = Console(file=io.StringIO(), width=80)
    progress = ConsoleProgress(console)
    progress.start("parent", 1_000, 100)
    for updates in range(101, 201):
        now[0] += 1.0
        progress.update(updates, VALUES)
    progress.close()
    lines = written(console).splitlines()
    assert len(lines) == 5  # after 2, 22, 42, 62 and 82 seconds
    assert lines[0] == (
        "parent: update 102/1000, 12,346 tokens/s  loss 12.346  best 43.21, at most 14:58 left"
    )


def test_events_are_told_in_words():
    console = Console(file=io.StringIO(), width=40)
    progress = ConsoleProgress(console)
    progress.start("parent fr-en", 10, 5)
    progress.event("started", {"updates": 0})
    progress.event("resumed", {"updates": 5})
    progress.event("validation", VALIDATION | {"is_best": False})
    progress.event("finished", {"updates": 10, "reason": "reached the limit of updates"})
    assert written(console).splitlines() == [
        "parent fr-en: going on from update 5",
        "parent fr-en: epoch 2, update 880: bleu 41.23",
        "parent fr-en: reached the limit of updates after 10 updates",
    ]


def test_every_logged_line_says_what_happened_when(tmp_path: Path):
    for updates in (1, 2):  # the second sitting appends
        log = RunLog(tmp_path)
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


def test_what_happens_is_forwarded(tmp_path: Path):
    class Heard(Progress):
        def __init__(self) -> None:
            self.calls: list[tuple[Any, ...]] = []

        def start(self, *arguments: Any) -> None:
            self.calls.append(("start", *arguments))

        def update(self, *arguments: Any) -> None:
            self.calls.append(("update", *arguments))

        def event(self, *arguments: Any) -> None:
            self.calls.append(("event", *arguments))

        def close(self) -> None:
            self.calls.append(("close",))

    heard = Heard()
    log = RunLog(tmp_path, heard)
    log.start("t", 9, 1)
    log.update(2, VALUES)
    log.event("resumed", {"updates": 1})
    log.close()
    assert heard.calls == [
        ("start", "t", 9, 1),
        ("update", 2, VALUES),
        ("event", "resumed", {"updates": 1}),
        ("close",),
    ]


def test_a_log_that_cannot_be_written_says_what_to_do(tmp_path: Path):
    log = RunLog(tmp_path)
    (tmp_path / "log.jsonl").mkdir()
    with pytest.raises(TrainingError, match=r"cannot write .*log\.jsonl.*same command again"):
        log.event("resumed", {"updates": 1})


def test_tensorboard_that_is_not_installed_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(MissingExtra, match=r"crosslate\[tensorboard\]"):
        RunLog(tmp_path, tensorboard=True)
    RunLog(tmp_path).close()


def test_tensorboard_gets_losses_and_scores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    scalars: list[tuple[str, float, int]] = []

    class Board:
        def __init__(self, folder: str) -> None:
            assert folder == str(tmp_path / "tensorboard")

        def add_scalar(self, name: str, value: float, updates: int) -> None:
            scalars.append((name, value, updates))

        def close(self) -> None:
            scalars.append(("closed", 0.0, 0))

    class Module:
        SummaryWriter = Board

    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", Module())  # type: ignore[arg-type]
    log = RunLog(tmp_path, tensorboard=True)
    log.update(7, {"loss": 1.5})
    log.event("validation", VALIDATION)
    log.close()
    assert scalars == [("loss", 1.5, 7), ("validation bleu", 41.234, 880), ("closed", 0.0, 0)]
