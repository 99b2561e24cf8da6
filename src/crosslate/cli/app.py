"""The ``crosslate`` command: its commands, its errors and its exit codes."""

from __future__ import annotations

import logging
import os
import sys
from typing import Annotated, Any, NoReturn

import typer

from crosslate.cli.adapt import adapt
from crosslate.cli.console import error_console
from crosslate.cli.demo import demo
from crosslate.cli.parent import parent_app
from crosslate.cli.plan import plan
from crosslate.errors import EXIT_FAILED, EXIT_INTERRUPTED, EXIT_USAGE, CrosslateError

app = typer.Typer(
    name="crosslate",
    help="Teach a pretrained translation model a new language by training only cross-attention and the new "
    "language's embeddings.",
    no_args_is_help=True,
    add_completion=False,
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
    logging.basicConfig(format="%(message)s", level=logging.WARNING, stream=sys.stderr)
    logging.getLogger("crosslate").setLevel(logging.DEBUG if verbose else logging.INFO)
    global _debug
    _debug = debug


_debug = False

app.command()(demo)
app.add_typer(parent_app, name="parent")
app.command()(plan)
app.command()(adapt)


def run(arguments: list[str] | None = None) -> NoReturn:
    """Runs the command line and exits: 0 done, 2 usage, 3 bad input, 4 refused, 130 interrupted."""
    import click

    try:
        code = app(args=arguments, standalone_mode=False)
        _flush()
        sys.exit(code or 0)
    except click.exceptions.Exit as stop:
        sys.exit(stop.exit_code)
    except click.ClickException as error:
        if _debug:
            raise
        error.show()
        sys.exit(EXIT_USAGE)
    except CrosslateError as error:
        if _debug:
            raise
        _fail(str(error), error.exit_code)
    except (KeyboardInterrupt, click.exceptions.Abort):
        _fail("interrupted", EXIT_INTERRUPTED)
    except BrokenPipeError:
        # The reader of our output went away; that is its right (head, less).
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(EXIT_FAILED)
    except OSError as error:
        if _debug:
            raise
        _fail(f"{error.strerror or error}{f': {error.filename}' if error.filename else ''}", EXIT_FAILED)


def _fail(message: str, code: int) -> NoReturn:
    error_console().print(f"crosslate: {message}", soft_wrap=True, markup=False, highlight=False)
    sys.exit(code)


def _flush() -> Any:
    sys.stdout.flush()
