"""What holds for all commands: help, usage errors, exit codes and tracebacks."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import subprocess
import sys

import pytest
import typer

from crosslate import __version__
from crosslate.cli import app as application
from crosslate.errors import (
    CorpusError,
    CrosslateError,
    Interrupted,
    MissingExtra,
    PackError,
    ParentError,
    SettingsError,
    TrainingError,
)


def commands(command=None, path=()):
    """The paths of all commands, groups included."""
    command = command or typer.main.get_command(application.app)
    yield path
    for name in getattr(command, "commands", ()):
        yield from commands(command.get_command(None, name), (*path, name))


ALL = sorted(commands())


def test_the_commands():
    named = "adapt align back-translate demo evaluate plan translate"
    grouped = {"study": "report run", "parent": "import show train trim", "compose": "improve", "serve": "keys",
               "pack": "compress export install merge show verify"}  # fmt: skip
    expected = {*named.split(), *(f"{group} {each}" for group in grouped for each in grouped[group].split())}
    assert expected | grouped.keys() <= {" ".join(path) for path in ALL}


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_help(crosslate, monkeypatch, path):
    monkeypatch.setenv("COLUMNS", "80")
    ran = crosslate(*path, "--help")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith(f"Usage: {' '.join(('crosslate', *path))} ")
    assert max(map(len, ran.lines)) <= 80
    described = ran.lines[2]
    assert described.startswith("  ") and described.strip()
    assert any(line.startswith("  --help") for line in ran.lines)


def test_the_version(crosslate):
    assert crosslate("--version").lines == [f"crosslate {__version__}"]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("translate", "--packs", "x"), "--packs (Possible options: --pack). See "),
        (("translat",), "No such command 'translat'. Did you mean 'translate', 'back-translate'? See "),
        (("translate", "text.de"), "unexpected extra argument"),
        (("translate", "--beam", "many"), "Invalid value for '--beam'"),
        (("translate", "--pack"), "'--pack' requires an argument"),
        (("evaluate",), "Missing option '--test'"),
        (("pack", "show"), "Missing argument 'PACK'"),
        (("align", "--pack", "a", "b", "--word", "x"), "--pack names 2 packs, expected one"),
        (("align", "--pack", "a"), "give --dictionary to measure the alignment, or --word"),
        (
            ("pack", "export", "a", "--out", "b", "--to", "gguf"),
            "unknown format 'gguf'; known: argos, ctranslate2, hf, marian, onnx, web",
        ),
    ],
)
def test_a_usage_error_is_one_message(crosslate, arguments, expected):
    ran = crosslate(*arguments)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("crosslate: ") and ran.err.count("\n") == 1
    assert expected in ran.err


@pytest.mark.parametrize("arguments", [(), ("pack",)])
def test_a_group_alone_shows_its_help(crosslate, arguments):
    ran = crosslate(*arguments)
    assert ran.code == 2
    assert (ran.out + ran.err).startswith("Usage: ") and "Commands:" in ran.out + ran.err


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (SettingsError("one"), 2, "one"),
        (MissingExtra("two"), 2, "two"),
        (CorpusError("three [bold]"), 3, "three [bold]"),
        (PackError("four"), 4, "four"),
        (ParentError("five"), 4, "five"),
        (TrainingError("six"), 1, "six"),
        (Interrupted("seven"), 130, "seven"),
        (KeyboardInterrupt(), 130, "interrupted"),
        (OSError(28, "No space left on device", "out.en"), 1, "No space left on device: out.en"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else "",
)
def test_what_errors_end_in(crosslate, monkeypatch, error, code, message):
    def fail(*_, **__):
        raise error

    monkeypatch.setattr("crosslate.packs.stored_model.verified_pack", fail)
    ran = crosslate("pack", "show", "somewhere")
    assert (ran.code, ran.out, ran.err) == (code, "", f"crosslate: {message}\n")
    if isinstance(error, CrosslateError):
        ran = crosslate("--debug", "pack", "show", "somewhere")
        assert ran.code == code
        assert ran.err.startswith("Traceback (most recent call last)")
        assert ran.err.endswith(f"crosslate: {message}\n")


def test_debugging_one_call_leaves_the_next_one_alone(crosslate):
    assert "Traceback" in crosslate("--debug", "pack", "show", "nowhere").err
    assert "Traceback" not in crosslate("pack", "show", "nowhere").err
    assert "Traceback" not in crosslate("pack", "--nonsense").err


def test_the_program_itself():
    command = [sys.executable, "-m", "crosslate", "pack", "show", "nowhere"]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert (done.returncode, done.stdout) == (4, "")
    assert done.stderr == (
        "crosslate: nowhere: no such folder; expected the folder of a pack, or its id on the Hugging Face Hub\n"
    )


def test_notes_go_to_what_standard_error_is_at_the_time(crosslate, monkeypatch):
    """A progress bar replaces standard error, to print above itself."""
    logged = logging.getLogger("crosslate.test")
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    crosslate("plan")
    replaced = io.StringIO()
    with contextlib.redirect_stderr(replaced):
        logged.warning("above the bar")
    assert replaced.getvalue() == "above the bar\n"
