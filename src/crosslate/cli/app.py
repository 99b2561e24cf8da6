"""The ``crosslate`` command: its commands, its errors and its exit codes."""

from __future__ import annotations

import importlib
import logging
import os
import sys
import traceback
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperGroup

from crosslate.cli.console import error_console, print_line
from crosslate.errors import (
    EXIT_FAILED,
    EXIT_INTERRUPTED,
    EXIT_USAGE,
    CrosslateError,
    LanguagesNotNamed,
    OutOfMemory,
    OutputExists,
)

_COMMANDS = (
    "demo", "plan", "adapt", "compose", "translate", "back-translate", "evaluate", "align", "parent", "pack",
    "study", "serve",
)  # fmt: skip


class _Commands(TyperGroup):
    """The commands; each is in the module of its name, which is imported on use."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        # Names for lists and suggestions; get_command provides the commands.
        self.commands = dict.fromkeys(_COMMANDS)  # type: ignore[assignment]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in self.commands:
            return None
        name = cmd_name.replace("-", "_")
        module = importlib.import_module(f"crosslate.cli.{name}")
        group = getattr(module, f"{name}_app", None)
        if group is None:
            single = typer.Typer(add_completion=False, rich_markup_mode=None)
            single.command(cmd_name)(getattr(module, name))
            return typer.main.get_command(single)
        command = typer.main.get_group(group)
        command.name = cmd_name
        return command


app = typer.Typer(
    name="crosslate",
    cls=_Commands,
    help="Teach a pretrained translation model a new language by training only cross-attention and the new "
    "language's embeddings.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


def _version(wanted: bool) -> None:
    if wanted:
        from crosslate import __version__

        typer.echo(f"crosslate {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Log more.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    logging.basicConfig(format="%(message)s", level=logging.WARNING, handlers=[_StandardError()])
    logging.getLogger("crosslate").setLevel(logging.DEBUG if verbose else logging.INFO)
    global _debug
    _debug = debug


_debug = False


class _StandardError(logging.Handler):
    """Writes to what standard error is at the time: a progress bar replaces it, to print above itself."""

    def emit(self, record: logging.LogRecord) -> None:
        typer.echo(self.format(record), file=sys.stderr)


_REMEDIES: dict[type[CrosslateError], str] = {
    LanguagesNotNamed: "with --parent-langs, as in --parent-langs fr-en",
    OutputExists: "the options are --out and --force",
    OutOfMemory: "with --batch-tokens, --frozen-dtype bfloat16 or --gradient-checkpointing",
}
"""The options that do what an error asks for; libraries do not know how they are called."""

_SEVERAL_VALUES = frozenset(
    {"--train", "--valid", "--test", "--pack", "--input", "-i", "--hypotheses", "--compare", "--word",
     "--text", "--dictionary", "--synthetic", "--earlier", "--earlier-valid", "--round-trip", "--from",
     "--through", "--beside", "--source-text", "--source-through", "--source-round-trip", "--target-text",
     "--target-through", "--target-round-trip", "--glossary"}
)  # fmt: skip


def expand_values(arguments: list[str]) -> list[str]:
    """Lets an option take several values: ``--train a b`` becomes ``--train a --train b``."""
    expanded: list[str] = []
    option = ""
    for argument in arguments:
        is_value = not argument.startswith("-") or argument == "-"
        if is_value and option and expanded[-1] != option:
            expanded.append(option)
        expanded.append(argument)
        if not is_value:
            option = argument if argument in _SEVERAL_VALUES else ""
    return expanded


# Depending on its version, Typer bundles a copy of click or imports click; these are its classes.
_CommandLineError: Any = typer.BadParameter.__base__
_AnyClickError: Any = _CommandLineError.__base__


def run(arguments: list[str] | None = None) -> NoReturn:
    """Runs the command line and exits: 0 done, 2 usage, 3 bad input, 4 refused, 130 interrupted."""
    global _debug
    _debug = False
    try:
        given = sys.argv[1:] if arguments is None else arguments
        code = app(args=expand_values(given), prog_name="crosslate", standalone_mode=False)
        if code == EXIT_INTERRUPTED:
            raise KeyboardInterrupt
        sys.stdout.flush()
        sys.exit(code or 0)
    except _CommandLineError as error:
        _refuse(error)
    except _AnyClickError as error:
        _fail(error.format_message(), EXIT_USAGE)
    except typer.Exit as stop:
        sys.exit(stop.exit_code)
    except CrosslateError as error:
        remedies = [options for kind, options in _REMEDIES.items() if isinstance(error, kind)]
        _fail("; ".join([str(error), *remedies]), error.exit_code)
    except (KeyboardInterrupt, typer.Abort):
        _fail("interrupted", EXIT_INTERRUPTED)
    except BrokenPipeError:
        # The reader of our output has exited, such as head or less.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(EXIT_FAILED)
    except OSError as error:
        _fail(f"{error.strerror or error}{f': {error.filename}' if error.filename else ''}", EXIT_FAILED)


def _refuse(error: Any) -> NoReturn:
    """Ends with a usage error; a group called without its command shows its help."""
    if type(error).__name__ == "NoArgsIsHelpError":
        error.show()
        sys.exit(EXIT_USAGE)
    message = error.format_message().strip()
    command = error.ctx.command_path if error.ctx else "crosslate"
    end = "" if message.endswith((".", "?")) else "."
    _fail(f"{message}{end} See '{command} --help'", EXIT_USAGE)


def _fail(message: str, code: int) -> NoReturn:
    """Exits with a message, after the traceback with --debug."""
    if _debug:
        traceback.print_exc()
    print_line(error_console(), f"crosslate: {message}")
    sys.exit(code)
