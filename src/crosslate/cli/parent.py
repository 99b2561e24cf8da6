"""``crosslate parent``: train, import, trim and show parents."""

from __future__ import annotations

from pathlib import Path

import typer
from pydantic import Field

from crosslate.adaptation.jobs import ParentChoice, ParentJob
from crosslate.adaptation.settings import OutputSettings
from crosslate.cli.adapt import OUTPUT, TEXT, TRAINING
from crosslate.cli.console import console, error_console, make_table, megabytes, millions
from crosslate.cli.options import Option, Options, options_of, read_all_lines
from crosslate.cli.output import with_bar
from crosslate.config import AnyPath, Settings
from crosslate.models.parent_facts import LanguagePair

parent_app = typer.Typer(
    help="Train, import, trim and inspect parents.", no_args_is_help=True, rich_markup_mode=None
)
_TRAIN: Options = {"--langs": "langs", **TEXT, **OUTPUT, "--size": "size", **TRAINING}
_OUT: Options = {"--out -o": Option("output.folder", help="Folder to write.")}
_FORCE: Options = {"--force": Option("output.replace", help="Replace OUT if it exists.")}
_PARENT_LANGS: Options = {
    "--parent-langs": Option("parent_langs", metavar="XX-YY"),
    "--parent-prefix": Option("parent_prefix", metavar="TEXT"),
}


class ImportJob(Settings):
    """A fairseq checkpoint with its files, and settings that it may lack."""

    checkpoint: AnyPath = Field(description="fairseq checkpoint, such as checkpoint_best.pt.")
    source_dict: AnyPath = Field(description="Source dictionary, like dict.fr.txt.")
    target_dict: AnyPath = Field(description="Target dictionary, like dict.en.txt.")
    source_spm: AnyPath = Field(description="SentencePiece model of the source.")
    target_spm: AnyPath = Field(description="SentencePiece model of the target.")
    langs: LanguagePair = Field(description="Language pair, source first, like fr-en.")
    heads: int | None = Field(None, description="Attention heads, if not in the checkpoint.")
    scale_embedding: bool | None = Field(
        None,
        description="Whether token embeddings are multiplied by the square root of their width, if not in "
        "the checkpoint.",
    )
    activation: str | None = Field(
        None, description="relu, gelu or tanh, if not in the checkpoint. [default: relu]"
    )
    output: OutputSettings


_IMPORT: Options = {
    "CHECKPOINT": "checkpoint",
    "--source-dict": "source_dict",
    "--target-dict": "target_dict",
    "--source-spm": "source_spm",
    "--target-spm": "target_spm",
    "--langs": "langs",
    **_OUT,
    "--heads": "heads",
    "--scale-embedding/--no-scale-embedding": "scale_embedding",
    "--activation": "activation",
    **_FORCE,
}


class TrimJob(ParentChoice):
    """A parent to trim, the text that decides what to keep, and the output."""

    text: list[str] = Field(
        description="Text in the languages to keep, one sentence per line; .gz, .bz2, .xz and .zst files are "
        "read directly."
    )
    min_count: int = Field(1, ge=1, description="Drop pieces that occur fewer than N times in the text.")
    output: OutputSettings


_TRIM: Options = {
    "--parent": Option("parent", help="Folder or Hugging Face Hub id of a multilingual parent."),
    "--text": Option("text", metavar="FILE..."),
    **_OUT,
    **_PARENT_LANGS,
    "--min-count": Option("min_count", metavar="N"),
    **_FORCE,
}


_SHOW: Options = {"parent": Option("parent", help="Folder or Hugging Face Hub id."), **_PARENT_LANGS}


@parent_app.command()
@options_of(_TRAIN, set_in="training")
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
@options_of(_IMPORT)
def import_(job: ImportJob) -> None:
    """Convert a fairseq checkpoint like the paper's to a parent; fairseq is not needed."""
    from crosslate.adaptation.run_folder import check_output
    from crosslate.languages.codes import language_pair
    from crosslate.models.importers.fairseq import Fairseq
    from crosslate.models.parent import RECORD

    check_output(job.output, RECORD)
    files = (job.checkpoint, job.source_dict, job.target_dict, job.source_spm, job.target_spm)
    imported = Fairseq(*files, job.heads, job.scale_embedding, job.activation)
    parent = imported.parent(*language_pair(job.langs))
    record = {"imported": {"from": str(job.checkpoint), "kind": "fairseq"}}
    parent.save(job.output.folder, record, replace=job.output.replace)
    console().print(
        f"parent {job.langs}: {millions(parent.num_parameters)} parameters, vocabularies of "
        f"{len(parent.source):,} and {len(parent.target):,} pieces, saved to {job.output.folder}",
        soft_wrap=True,
    )


@parent_app.command()
@options_of(_TRIM)
def trim(job: TrimJob) -> None:
    """Write a smaller parent with only the pieces that the text uses.

    Language codes and single characters stay. Translation between the languages of the text does not change.
    """
    from crosslate.adaptation.run_folder import check_output
    from crosslate.models.parent import RECORD

    check_output(job.output, RECORD)
    lines = read_all_lines(job.text)
    whole = job.load()
    from crosslate.adaptation.trimming import trim as run

    out = job.output.folder
    _, account = run(
        whole, with_bar(lines, "reading", None), out, min_occurrences=job.min_count,
        replace=job.output.replace,
    )  # fmt: skip
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
            "note: this family's tokenizer cannot express the smaller vocabulary, so it is stored in "
            "Crosslate's format, which AutoTokenizer cannot read",
            soft_wrap=True,
        )


@parent_app.command()
@options_of(_SHOW)
def show(choice: ParentChoice) -> None:
    """Show a parent's languages, groups, fingerprint and record."""
    from crosslate.files import read_optional_object
    from crosslate.models.parent import RECORD

    loaded = choice.load()
    out = console()
    out.print(f"{loaded.name}: {loaded.source_language} to {loaded.target_language}", soft_wrap=True)
    out.print(f"fingerprint {loaded.fingerprint()}", soft_wrap=True)
    out.print(f"vocabularies: {len(loaded.source):,} source and {len(loaded.target):,} target pieces")
    table = make_table("group", right=["parameters"])
    for group, count in loaded.anatomy.counts(loaded.model).items():
        table.add_row(group, f"{count:,}")
    table.add_row("all", f"{loaded.num_parameters:,}")
    out.print(table)
    for tie in loaded.anatomy.ties:
        out.print(f"tied: {' = '.join(tie)}", soft_wrap=True)
    training = read_optional_object((loaded.folder or Path()) / RECORD).get("training", {})
    for entry in training.get("validations", []):
        if entry["updates"] == training["best_updates"]:
            score = f"{entry['metric']} {entry['score']:.2f} after {entry['updates']} updates"
            out.print(f"validation {score} ({entry['signature']})", soft_wrap=True)
            break
