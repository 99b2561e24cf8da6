"""``crosslate parent``: train a parent, import one, trim one of many languages, show one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from crosslate.adaptation.jobs import ParentJob
from crosslate.cli import options as o
from crosslate.cli.adapt import OUTPUT, TEXT, TRAINING
from crosslate.cli.console import console, error_console, megabytes, millions
from crosslate.cli.output import with_bar
from crosslate.errors import UsageError

parent_app = typer.Typer(
    help="Train, import, trim and inspect parents.", no_args_is_help=True, rich_markup_mode=None
)


_TRAIN_OPTIONS: o.Options = {"--langs": "langs", **TEXT, **OUTPUT, "--size": "size", **TRAINING}


@parent_app.command()
@o.options_of(
    ParentJob,
    {"--langs": "langs", **TEXT, **OUTPUT, "--size": "size", **TRAINING},
    name="job",
    set_in="training",
)
def train(job: ParentJob) -> None:
    """Train a new parent on sentence pairs."""
    from crosslate.training.progress import ConsoleProgress

    parent = job.run(ConsoleProgress(error_console()))
    console().print(
        f"parent {job.langs}: {millions(parent.num_parameters)} parameters, "
        f"{megabytes(parent.num_parameters * 4)} in float32, saved to {job.output.folder}",
        soft_wrap=True,
    )


@parent_app.command("import")
def import_(
    checkpoint: Annotated[Path, typer.Argument(metavar="CHECKPOINT", help="checkpoint_best.pt of fairseq.")],
    source_dict: Annotated[Path, typer.Option(help="Dictionary of the source, like dict.fr.txt.")],
    target_dict: Annotated[Path, typer.Option(help="Dictionary of the target, like dict.en.txt.")],
    source_spm: Annotated[Path, typer.Option(help="SentencePiece model that the source was cut with.")],
    target_spm: Annotated[Path, typer.Option(help="SentencePiece model that the target was cut with.")],
    langs: Annotated[str, typer.Option(help="Language pair, source first, like fr-en.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder to write.")],
    heads: Annotated[
        int | None, typer.Option(help="Attention heads, where the checkpoint does not say.")
    ] = None,
    scale_embedding: Annotated[
        bool | None,
        typer.Option(
            "--scale-embedding/--no-scale-embedding",
            help="Whether token embeddings are multiplied by the root of their width, likewise.",
        ),
    ] = None,
    activation: Annotated[
        str | None, typer.Option(help="relu, gelu or tanh, likewise. [default: relu]")
    ] = None,
    force: o.Force = False,
) -> None:
    """Make a parent of a fairseq checkpoint of the paper's kind; fairseq is not needed."""
    from crosslate.languages.codes import language_pair

    languages = language_pair(langs)
    from crosslate.adaptation.run_folder import check_output
    from crosslate.models.importers.fairseq import Fairseq
    from crosslate.models.parent import RECORD

    check_output(out, RECORD, force)
    files = (checkpoint, source_dict, target_dict, source_spm, target_spm)
    parent = Fairseq(*files, heads, scale_embedding, activation).parent(*languages)
    parent.save(out, {"imported": {"from": str(checkpoint), "kind": "fairseq"}}, replace=force)
    console().print(
        f"parent {langs}: {millions(parent.num_parameters)} parameters, vocabularies of "
        f"{len(parent.source):,} and {len(parent.target):,} pieces, saved to {out}",
        soft_wrap=True,
    )


@parent_app.command()
def trim(
    parent: Annotated[str, typer.Option(help="Folder or hub id of a parent of many languages.")],
    text: Annotated[
        list[str],
        typer.Option(
            "--text",
            metavar="FILE...",
            help="Text in the languages to keep, a sentence per line; .gz .bz2 .xz .zst are read directly.",
        ),
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder to write.")],
    parent_langs: o.ParentLangs = None,
    min_count: Annotated[
        int, typer.Option(metavar="N", help="Leave out pieces that occur fewer than N times in the text.")
    ] = 1,
    force: o.Force = False,
) -> None:
    """Write a smaller parent: only the pieces of its vocabulary that the text uses.

    Codes of languages and single characters stay. On the languages of the text it translates as before.
    """
    if min_count < 1:
        raise UsageError(f"--min-count is {min_count}, expected 1 or more")
    from crosslate.adaptation.run_folder import check_output
    from crosslate.models.parent import RECORD

    check_output(out, RECORD, force)
    lines = o.read_all_lines(text)
    loaded = o.load_parent(parent, parent_langs)
    from crosslate.adaptation.trimming import trim as run

    _, account = run(loaded, with_bar(lines, "reading", None), out, min_occurrences=min_count, replace=force)
    console().print(
        f"rows: {account.rows_before:,} before, {account.rows_after:,} after; parameters in {account.dtype}: "
        f"{megabytes(account.bytes_before)} before, {megabytes(account.bytes_after)} after",
        soft_wrap=True,
    )
    console().print(
        f"compared on {account.num_compared} of {account.num_lines:,} lines: the same logits; saved to {out}",
        soft_wrap=True,
    )
    if not account.has_tokenizer:
        error_console().print(
            "the family's tokenizer cannot express the smaller vocabulary: it is in files of Crosslate's "
            "own, and AutoTokenizer does not read it",
            soft_wrap=True,
        )


@parent_app.command()
def show(
    parent: Annotated[str, typer.Argument(help="Folder or hub id.")], parent_langs: o.ParentLangs = None
) -> None:
    """Show a parent's languages, groups, fingerprint and record."""
    from rich.table import Table

    from crosslate.models.parent import RECORD

    loaded = o.load_parent(parent, parent_langs)
    out = console()
    out.print(f"{loaded.name}: {loaded.source_language} to {loaded.target_language}", soft_wrap=True)
    out.print(f"fingerprint {loaded.fingerprint()}", soft_wrap=True)
    out.print(f"vocabularies: {len(loaded.source):,} source and {len(loaded.target):,} target pieces")
    table = Table("group", "parameters", box=None, pad_edge=False)
    table.columns[1].justify = "right"
    for group, count in loaded.anatomy.counts(loaded.model).items():
        table.add_row(group, f"{count:,}")
    table.add_row("all", f"{loaded.num_parameters:,}")
    out.print(table)
    for tie in loaded.anatomy.ties:
        out.print(f"tied: {' = '.join(tie)}", soft_wrap=True)
    record = (loaded.folder or Path()) / RECORD
    if record.is_file():
        from crosslate.files import read_json

        training = read_json(record).get("training", {})
        best = [
            entry for entry in training.get("validations", []) if entry["updates"] == training["best_updates"]
        ]
        for entry in best[:1]:
            out.print(
                f"validation {entry['metric']} {entry['score']:.2f} after {entry['updates']} updates "
                f"({entry['signature']})",
                soft_wrap=True,
            )
