"""``crosslate parent``: train, import, trim and show parents."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer
from pydantic import Field

from crosslate.adaptation.jobs import ParentChoice, ParentJob
from crosslate.adaptation.settings import OutputSettings
from crosslate.cli.adapt import OUTPUT, TEXT, TRAINING, VOCABULARY
from crosslate.cli.console import console, error_console, make_table, megabytes, millions
from crosslate.cli.model_choice import PARENT_FACTS
from crosslate.cli.options import Option, Options, options_of, read_all_lines
from crosslate.cli.output import with_bar
from crosslate.config import AnyPath, Settings
from crosslate.errors import UsageError
from crosslate.languages.codes import language_pair
from crosslate.models.parent_facts import LanguagePair

if TYPE_CHECKING:
    from crosslate.models.parent import Parent

parent_app = typer.Typer(
    help="Train, import, trim and inspect parents.", no_args_is_help=True, rich_markup_mode=None
)
_TRAIN: Options = {"--langs": "langs", **TEXT, **OUTPUT, "--size": "size", **TRAINING, **VOCABULARY}
_OUT: Options = {"--out -o": Option("output.folder", help="Folder to write.")}
_FORCE: Options = {"--force": Option("output.replace", help="Replace OUT if it exists.")}


class ImportJob(Settings):
    """Another program's model with its files, and settings that they may lack."""

    model: AnyPath = Field(
        description="Marian: a folder, an archive or a model file (.npz, .bin). fairseq: a checkpoint, such "
        "as checkpoint_best.pt."
    )
    source_dict: AnyPath | None = Field(
        None, description="Source dictionary: fairseq's dict.fr.txt, or Marian's vocab.yml."
    )
    target_dict: AnyPath | None = Field(None, description="Target dictionary.")
    source_spm: AnyPath | None = Field(None, description="SentencePiece model of the source.")
    target_spm: AnyPath | None = Field(None, description="SentencePiece model of the target.")
    langs: LanguagePair | None = Field(
        None,
        description="Language pair, source first, like fr-en. [default: from the names of Marian's files]",
    )
    heads: int | None = Field(None, description="Attention heads, if not in fairseq's checkpoint.")
    scale_embedding: bool | None = Field(
        None,
        description="Whether token embeddings are multiplied by the square root of their width, if not in "
        "fairseq's checkpoint.",
    )
    activation: str | None = Field(
        None, description="relu, gelu or tanh, if not in fairseq's checkpoint. [default: relu]"
    )
    output: OutputSettings

    @property
    def kind(self) -> str:
        """The program that the model comes from, by the name of its file."""
        from crosslate.models.importers.marian_release import is_release

        return "marian" if is_release(self.model) else "fairseq"

    def parent(self) -> Parent:
        """The imported model.

        Raises:
            UsageError: options are missing, or belong to the other program.
            ParentError: the model cannot be imported.
        """
        return self._from_marian() if self.kind == "marian" else self._from_fairseq()

    def _from_marian(self) -> Parent:
        from crosslate.models.importers.marian import Marian
        from crosslate.models.importers.marian_release import VocabularyFiles

        settings = {
            "--heads": self.heads, "--scale-embedding": self.scale_embedding, "--activation": self.activation
        }  # fmt: skip
        if given := [flag for flag, value in settings.items() if value is not None]:
            raise UsageError(
                f"{self.model} is a model of Marian, which says {', '.join(given)} itself; leave it out"
            )
        source = VocabularyFiles(self.source_spm, self.source_dict)
        target = VocabularyFiles(self.target_spm, self.target_dict)
        return Marian(self.model, source, target).parent(language_pair(self.langs) if self.langs else None)

    def _from_fairseq(self) -> Parent:
        from crosslate.models.importers.fairseq import Fairseq

        files = (self.source_dict, self.target_dict, self.source_spm, self.target_spm)
        flags = ("--source-dict", "--target-dict", "--source-spm", "--target-spm")
        missing = [flag for flag, value in zip((*flags, "--langs"), (*files, self.langs)) if value is None]
        if missing or not self.langs:
            raise UsageError(
                f"{self.model} is taken for a checkpoint of fairseq, which also needs {', '.join(missing)}"
            )
        source_dict, target_dict, source_spm, target_spm = (path or Path() for path in files)
        imported = Fairseq(
            self.model, source_dict, target_dict, source_spm, target_spm,
            self.heads, self.scale_embedding, self.activation,
        )  # fmt: skip
        return imported.parent(*language_pair(self.langs))


_IMPORT: Options = {
    "MODEL": "model",
    "--langs": "langs",
    **_OUT,
    "--source-spm": "source_spm",
    "--target-spm": "target_spm",
    "--source-dict": "source_dict",
    "--target-dict": "target_dict",
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
    **PARENT_FACTS,
    "--min-count": Option("min_count", metavar="N"),
    **_FORCE,
}


_SHOW: Options = {"parent": Option("parent", help="Folder or Hugging Face Hub id."), **PARENT_FACTS}


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
    """Convert another program's model to a parent: Marian's, or a fairseq checkpoint like the paper's.

    The other program is not needed.
    """
    from crosslate.models.parent import RECORD

    job.output.check(RECORD)
    parent = job.parent()
    record = {"imported": {"from": str(job.model), "kind": job.kind}}
    parent.save(job.output.folder, record, replace=job.output.replace)
    console().print(
        f"parent {parent.source_language}-{parent.target_language}: {millions(parent.num_parameters)} "
        f"parameters, vocabularies of {len(parent.source):,} and {len(parent.target):,} pieces, saved to "
        f"{job.output.folder}",
        soft_wrap=True,
    )


@parent_app.command()
@options_of(_TRIM)
def trim(job: TrimJob) -> None:
    """Write a smaller parent with only the pieces that the text uses.

    Language codes and single characters stay. Translation between the languages of the text does not change.
    """
    from crosslate.models.parent import RECORD

    job.output.check(RECORD)
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
