"""``crosslate serve``: serve a parent and its packs over HTTP, and manage API keys."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from crosslate.cli.console import console, print_line
from crosslate.cli.model_choice import decoding_options
from crosslate.cli.options import Option, Options, options_of
from crosslate.errors import UsageError
from crosslate.server.settings import ServerSettings

if TYPE_CHECKING:
    from crosslate.server.keys import Key

serve_app = typer.Typer(
    help="Serve a parent and its packs over HTTP.", invoke_without_command=True, rich_markup_mode=None
)
keys_app = typer.Typer(
    help="Make, list, remove and copy API keys.", no_args_is_help=True, rich_markup_mode=None
)
serve_app.add_typer(keys_app, name="keys")

_OPTIONS: Options = {
    "--parent": Option("parent", metavar="NAME", envvar="CROSSLATE_PARENT"),
    "--packs": Option("packs", metavar="DIR", envvar="CROSSLATE_PACKS"),
    "--collection": Option("collection", metavar="SLUG", envvar="CROSSLATE_COLLECTION"),
    "--parent-langs": Option("parent_languages", metavar="XX-YY"),
    "--host": Option("host", envvar="CROSSLATE_HOST"),
    "--port": Option("port", envvar="CROSSLATE_PORT"),
    "--url-prefix": Option("url_prefix", metavar="PATH"),
    "--engine": Option("engine", metavar="NAME"),
    "--quantization": Option("quantization", metavar="TYPE"),
    "--memory": Option("memory_bytes", metavar="SIZE"),
    "--pivot": "pivot",
    **decoding_options("options"),
    "--repetition-guard": "queue.repetition_guard",
    "--char-limit": Option("limits.characters", metavar="N"),
    "--batch-limit": Option("limits.texts", metavar="N"),
    "--alternatives-limit": Option("limits.alternatives", metavar="N"),
    "--glossary-limit": Option("limits.terms", metavar="N"),
    "--req-limit": Option("limits.requests_per_minute", metavar="N"),
    "--req-flood-threshold": Option("limits.refusals_per_hour", metavar="N"),
    "--body-limit": Option("limits.body_bytes", metavar="SIZE"),
    "--file-limit": Option("limits.file_bytes", metavar="SIZE"),
    "--timeout": Option("limits.request_seconds", metavar="SECONDS"),
    "--arrival-timeout": Option("limits.arrival_seconds", metavar="SECONDS"),
    "--connection-limit": Option("limits.connections", metavar="N"),
    "--kept-files-limit": Option("limits.kept_bytes", metavar="SIZE"),
    "--queue-limit": Option("queue.waiting_requests", metavar="N"),
    "--batch-tokens": Option("queue.batch_tokens", metavar="N"),
    "--batch-window": Option("queue.window_milliseconds", metavar="MS"),
    "--keys": Option("keys", metavar="FILE", envvar="CROSSLATE_KEYS"),
    "--require-key": "require_key",
    "--key-url": Option("key_url", metavar="URL"),
    "--files": "files",
    "--page": "page",
    "--insight": "insight",
    "--metrics": "metrics",
    "--metrics-token": Option("metrics_token", metavar="TEXT", envvar="CROSSLATE_METRICS_TOKEN"),
    "--trust-forwarded-for": "trust_forwarded_for",
    "--log-text": "log_text",
}


@serve_app.callback()
@options_of(_OPTIONS)
def serve(context: typer.Context, settings: ServerSettings) -> None:
    """Serve a parent and its packs over HTTP, with the API that translation clients speak."""
    if context.invoked_subcommand:
        return
    if not settings.parent:
        raise UsageError("--parent is missing; give the folder or hub id of the parent to serve")
    if settings.packs is not None and not settings.packs.is_dir():
        raise UsageError(f"--packs {settings.packs}: no such folder; create it, or leave out --packs")
    from crosslate.server.run import serve as run

    run(settings)


_KeysFile = Annotated[
    Path, typer.Option("--keys", metavar="FILE", envvar="CROSSLATE_KEYS", help="File of the keys.")
]


@keys_app.command()
def add(
    keys: _KeysFile,
    requests: Annotated[
        int | None,
        typer.Argument(
            metavar="[REQUESTS]", help="Requests per minute, instead of the server's limit; -1 sets no limit."
        ),
    ] = None,
    char_limit: Annotated[
        int | None, typer.Option(metavar="N", help="Characters per text, instead of the server's limit.")
    ] = None,
    label: Annotated[str, typer.Option(help="Note on the owner of the key.")] = "",
) -> None:
    """Make a key and print it. It is shown only once; the file stores only its hash."""
    from crosslate.server.keys import KeyStore

    secret, _ = KeyStore(keys).add(label, requests, char_limit)
    print_line(console(), secret)


@keys_app.command("list")
def list_(keys: _KeysFile) -> None:
    """List the keys by their ids."""
    from crosslate.server.keys import KeyStore

    out = console()
    for key in KeyStore(keys, make=False).all():
        print_line(out, _described(key))


@keys_app.command()
def remove(
    keys: _KeysFile, key: Annotated[str, typer.Argument(metavar="KEY", help="The key, or its id.")]
) -> None:
    """Remove a key; a running server refuses it from now on."""
    from crosslate.server.keys import KeyStore

    print_line(console(), f"removed {_described(KeyStore(keys, make=False).remove(key))}")


@keys_app.command()
def copy(
    keys: _KeysFile, to: Annotated[Path, typer.Argument(metavar="FILE", help="Where to copy them.")]
) -> None:
    """Copy all keys to another file, in place of those in it, also while servers use either file."""
    from crosslate.server.keys import KeyStore

    count = KeyStore(keys, make=False).copy(to)
    print_line(console(), f"copied {count} keys to {to}")


def _described(key: Key) -> str:
    limits = [
        f"{value if value >= 0 else 'any number of'} {what}"
        for value, what in ((key.requests_per_minute, "requests a minute"), (key.characters, "characters"))
        if value is not None
    ]
    return "  ".join([key.id, key.created, ", ".join(limits) or "the server's limits", key.label]).rstrip()
