"""``crosslate serve``: one parent and a folder of packs over HTTP; ``crosslate serve keys``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from crosslate.cli import decoding as d
from crosslate.cli import options as o
from crosslate.cli.console import console, print_line
from crosslate.errors import UsageError
from crosslate.server.settings import Batching, Limits, ServerSettings, parse_bytes

if TYPE_CHECKING:
    from crosslate.server.keys import Key

_SETTINGS, _LIMITS, _BATCHING = ServerSettings(""), Limits(), Batching()

serve_app = typer.Typer(
    help="Serve a parent and its packs over HTTP.", invoke_without_command=True, rich_markup_mode=None
)
keys_app = typer.Typer(help="Make, list and remove API keys.", no_args_is_help=True, rich_markup_mode=None)
serve_app.add_typer(keys_app, name="keys")

_KeysFile = Annotated[
    Path, typer.Option("--keys", metavar="FILE", envvar="CROSSLATE_KEYS", help="File of the keys.")
]
_PerMinute = Annotated[
    int | None,
    typer.Argument(
        metavar="[REQUESTS]", help="Requests per minute in place of the server's limit; -1 sets no limit."
    ),
]


@serve_app.callback()
def serve(
    context: typer.Context,
    parent: Annotated[
        str | None,
        typer.Option(metavar="NAME", envvar="CROSSLATE_PARENT", help="Folder or hub id of the parent."),
    ] = None,
    packs: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            envvar="CROSSLATE_PACKS",
            help="Folder whose folders are packs; it is watched, packs come and go while the server runs.",
        ),
    ] = None,
    parent_langs: o.ParentLangs = None,
    host: Annotated[
        str, typer.Option(envvar="CROSSLATE_HOST", help="Address to listen on.")
    ] = _SETTINGS.host,
    port: Annotated[
        int, typer.Option(envvar="CROSSLATE_PORT", help="Port; 0 takes a free one.")
    ] = _SETTINGS.port,
    url_prefix: Annotated[
        str, typer.Option(metavar="PATH", help="Serve below this path, like /mt.")
    ] = _SETTINGS.url_prefix,
    engine: d.EngineName = "auto",
    quantization: d.Quantization = "float32",
    memory: Annotated[
        str,
        typer.Option(
            metavar="SIZE",
            help="CTranslate2 models above this are dropped, the least recently used first, like 2GB. "
            "[default: no limit]",
        ),
    ] = "",
    pivot: Annotated[
        bool, typer.Option("--pivot", help="Also offer pairs through a third language.")
    ] = _SETTINGS.pivot,
    beam: d.Beam = d.DEFAULTS.beam_size,
    length_penalty: d.LengthPenalty = d.DEFAULTS.length_penalty,
    no_repeat_ngram: d.NoRepeatNgram = d.DEFAULTS.no_repeat_ngram,
    repetition_penalty: d.RepetitionPenalty = d.DEFAULTS.repetition_penalty,
    max_new_tokens: d.MaxNewTokens = d.DEFAULTS.max_new_tokens,
    repetition_guard: Annotated[
        bool,
        typer.Option(
            "--repetition-guard/--no-repetition-guard",
            help="Translate a sentence again, without repeats, where the model ran in circles.",
        ),
    ] = _SETTINGS.repetition_guard,
    char_limit: Annotated[
        int, typer.Option(metavar="N", help="Characters of one text; -1 sets no limit.")
    ] = _LIMITS.characters,
    batch_limit: Annotated[
        int, typer.Option(metavar="N", help="Texts of one request; -1 sets no limit.")
    ] = _LIMITS.texts,
    alternatives_limit: Annotated[
        int, typer.Option(metavar="N", help="Alternatives of one translation; -1 sets no limit.")
    ] = _LIMITS.alternatives,
    req_limit: Annotated[
        int,
        typer.Option(
            metavar="N",
            help="Requests per minute of one key or address, a list counting with its length; -1 sets no "
            "limit, 0 leaves the server to holders of keys.",
        ),
    ] = _LIMITS.requests_per_minute,
    req_flood_threshold: Annotated[
        int,
        typer.Option(
            metavar="N",
            help="Ban who was refused more than N times for its rate, until an hour is over; -1 never.",
        ),
    ] = _LIMITS.refusals_per_hour,
    body_limit: Annotated[
        str, typer.Option(metavar="SIZE", help="Of one request.")
    ] = f"{_LIMITS.body_bytes >> 20}MiB",
    file_limit: Annotated[
        str, typer.Option(metavar="SIZE", help="Of one file to translate.")
    ] = f"{_LIMITS.file_bytes >> 20}MiB",
    timeout: Annotated[
        float, typer.Option(metavar="SECONDS", help="How long one request may take.")
    ] = _LIMITS.request_seconds,
    queue_limit: Annotated[
        int, typer.Option(metavar="N", help="Requests that may wait; more are answered with 503.")
    ] = _LIMITS.waiting_requests,
    batch_tokens: Annotated[
        int, typer.Option(metavar="N", help="Source tokens that are translated together.")
    ] = _BATCHING.tokens,
    batch_window: Annotated[
        float,
        typer.Option(metavar="MS", help="Milliseconds that an idle engine waits for more texts."),
    ] = _BATCHING.window_seconds * 1e3,
    keys: Annotated[
        Path | None,
        typer.Option(metavar="FILE", envvar="CROSSLATE_KEYS", help="Read API keys from this file."),
    ] = _SETTINGS.keys,
    require_key: Annotated[
        bool, typer.Option("--require-key", help="Translate only for holders of a key.")
    ] = _SETTINGS.require_key,
    key_url: Annotated[str, typer.Option(metavar="URL", help="Where to get a key, for people.")] = "",
    files: Annotated[
        bool, typer.Option("--files/--no-files", help="Translate whole files.")
    ] = _SETTINGS.files,
    page: Annotated[bool, typer.Option("--page/--no-page", help="Show a page at /.")] = _SETTINGS.page,
    insight: Annotated[
        bool,
        typer.Option(
            "--insight/--no-insight",
            help="Answer /v1/links, /v1/neighbours and /v1/map; when one is asked for first, the parent is "
            "loaded in PyTorch.",
        ),
    ] = _SETTINGS.insight,
    metrics: Annotated[
        bool, typer.Option("--metrics/--no-metrics", help="Answer /metrics.")
    ] = _SETTINGS.metrics,
    metrics_token: Annotated[
        str,
        typer.Option(
            metavar="TEXT", envvar="CROSSLATE_METRICS_TOKEN", help="Bearer token that /metrics asks for."
        ),
    ] = "",
    trust_forwarded_for: Annotated[
        bool,
        typer.Option(
            "--trust-forwarded-for", help="Take a client's address from the proxy in front, if there is one."
        ),
    ] = _SETTINGS.trust_forwarded_for,
    log_text: Annotated[
        bool, typer.Option("--log-text", help="Write texts and translations to the log.")
    ] = _SETTINGS.log_text,
) -> None:
    """Serve a parent and its packs over HTTP, with the API that translation clients speak."""
    if context.invoked_subcommand:
        return
    if parent is None:
        raise UsageError("give --parent, the folder or hub id of the parent to serve")
    if packs is not None and not packs.is_dir():
        raise UsageError(f"--packs {packs}: no such folder; make it, or leave --packs out")
    from crosslate.engines.decoding import DecodingOptions
    from crosslate.server.run import serve as run

    options = DecodingOptions(
        beam_size=beam,
        length_penalty=length_penalty,
        no_repeat_ngram=no_repeat_ngram,
        repetition_penalty=repetition_penalty,
        max_new_tokens=max_new_tokens,
    )
    limits = Limits(
        characters=char_limit,
        texts=batch_limit,
        alternatives=alternatives_limit,
        requests_per_minute=req_limit,
        refusals_per_hour=req_flood_threshold,
        body_bytes=parse_bytes(body_limit),
        file_bytes=parse_bytes(file_limit),
        request_seconds=timeout,
        waiting_requests=queue_limit,
    )
    run(
        ServerSettings(
            parent=parent,
            packs=packs,
            parent_languages=o.parent_languages(parent_langs),
            host=host,
            port=port,
            engine=engine,
            quantization=quantization,
            memory_bytes=parse_bytes(memory) if memory else None,
            pivot=pivot,
            options=options,
            repetition_guard=repetition_guard,
            limits=limits,
            batching=Batching(window_seconds=batch_window / 1e3, tokens=batch_tokens),
            keys=keys,
            require_key=require_key,
            key_url=key_url,
            files=files,
            page=page,
            insight=insight,
            metrics=metrics,
            metrics_token=metrics_token,
            trust_forwarded_for=trust_forwarded_for,
            log_text=log_text,
            url_prefix=url_prefix.rstrip("/"),
        )
    )


@keys_app.command()
def add(
    keys: _KeysFile,
    requests: _PerMinute = None,
    char_limit: Annotated[
        int | None, typer.Option(metavar="N", help="Characters of one text in place of the server's limit.")
    ] = None,
    label: Annotated[str, typer.Option(help="Whose key it is, for you.")] = "",
) -> None:
    """Make a key and print it. It is shown this once; the file keeps its hash only."""
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


def _described(key: Key) -> str:
    limits = [
        f"{value if value >= 0 else 'any number of'} {what}"
        for value, what in ((key.requests_per_minute, "requests a minute"), (key.characters, "characters"))
        if value is not None
    ]
    return "  ".join([key.id, key.created, ", ".join(limits) or "the server's limits", key.label]).rstrip()
