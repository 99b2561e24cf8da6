"""``crosslate back-translate``: synthetic pairs from monolingual text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from crosslate.cli.console import console
from crosslate.cli.model_choice import MODEL, ModelChoice
from crosslate.cli.options import Option, Options, options_of
from crosslate.config import AnyPath
from crosslate.errors import Faults
from crosslate.translation import back_translation
from crosslate.translation.back_translation import BackTranslationSettings, Beside

if TYPE_CHECKING:
    from crosslate.packs.stored_model import StoredModel


class BackTranslateJob(ModelChoice):
    """What to translate, with what, and the output."""

    input: list[str] = Field(
        min_length=1,
        description="Files of one sentence per line; .gz, .bz2, .xz and .zst files are read directly.",
    )
    output: AnyPath = Field(
        description="Output file, .jsonl; the state of the run is kept in FILE.run. Run the same command "
        "again to resume."
    )
    through: list[str] = Field(
        default_factory=list,
        description="Packs or parents that translate the translation further, one after another.",
    )
    beside: list[str] = Field(
        default_factory=list,
        description="Translation of the input, line by line, that people wrote; the pairs hold it instead of "
        "the input.",
    )
    beside_lang: str | None = Field(None, description="Its language.")
    round_trip: list[str] = Field(
        default_factory=list,
        description="Packs, or a parent, that translate back; pairs that differ much from their text are "
        "dropped.",
    )
    synthesis: BackTranslationSettings = Field(default_factory=BackTranslationSettings)

    def find_faults(self, faults: Faults) -> None:
        if not self.packs and self.parent is None:
            faults.add("no translator is given; give --pack, or --parent for the parent's own pair")
        for option, files in (("--input", self.input), ("--beside", self.beside)):
            if "-" in files:
                faults.add(f"{option} is standard input, expected files, so that the run can resume")
        if not self.round_trip and "min_round_trip" in self.synthesis.model_fields_set:
            faults.add("--min-round-trip has no effect without --round-trip")

        if bool(self.beside) != (self.beside_lang is not None):
            faults.add("--beside and --beside-lang are text and its language; give both or neither")

    def back(self) -> StoredModel | None:
        """The model of the round trip."""
        from crosslate.packs.stored_model import StoredModel

        return StoredModel.named(self.round_trip) if self.round_trip else None


_OPTIONS: Options = {
    **MODEL,
    "--input -i": Option("input", metavar="FILE"),
    "--output -o": Option("output", metavar="FILE"),
    "--side": "synthesis.side",
    "--through": Option("through", metavar="FOLDER"),
    "--beside": Option("beside", metavar="FILE"),
    "--beside-lang": Option("beside_lang", metavar="XX"),
    "--round-trip": Option("round_trip", metavar="FOLDER"),
    "--min-round-trip": Option("synthesis.min_round_trip", metavar="X"),
    "--max-length-ratio": Option(
        "synthesis.cleaning.max_length_ratio",
        metavar="X",
        help="Drop pairs of which one side is more than so many times as long as the other; 0 disables.",
    ),
    "--no-cleaning": Option("synthesis.cleaning.enabled", value=False, help="Keep every pair."),
    "--shard-lines": Option("synthesis.shard_lines", metavar="N"),
}


@options_of(_OPTIONS)
def back_translate(job: BackTranslateJob) -> None:
    """Translate text into synthetic pairs for adapt --synthetic, by one model or several in a row."""
    from crosslate.packs.stored_model import StoredModel

    beside = Beside(job.beside_lang, job.beside) if job.beside_lang else None
    counts = back_translation.back_translate(
        job.stored(), job.input, job.output, through=[StoredModel.named([each]) for each in job.through],
        beside=beside, back=job.back(), engine=job.engine, quantization=job.quantization,
        options=job.decoding, settings=job.synthesis,
    )  # fmt: skip
    console().print(f"{counts.kept:,} pairs of {counts.total:,} lines, saved to {job.output}", soft_wrap=True)
