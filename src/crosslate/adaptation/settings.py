"""Settings of an adaptation or of training a parent: new languages, data, output."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from crosslate.config import AnyPath, Settings
from crosslate.errors import Faults, InputError, OutputExists, UsageError
from crosslate.files import RUN_SUFFIX, described
from crosslate.languages.codes import language_code
from crosslate.models.groups import SIDES, Side
from crosslate.models.initialisers.initial_embeddings import METHODS, Method, check_initial, default_method
from crosslate.models.strategies import Strategy, default_strategy, parse_strategy
from crosslate.text.cleaning import CleaningSettings
from crosslate.training.effort import Effort, strategy_of

LanguageCode = Annotated[str, AfterValidator(language_code)]
ValidationMetric = Literal["bleu", "chrf", "chrf++", "loss"]
Dictionary = dict[str, list[str]]
"""Translations by word."""


class NewLanguages(Settings):
    """The new source or target language, or both, and how to add them; neither for a pair pack."""

    source: LanguageCode | None = Field(None, description="Code of a new source language.")
    target: LanguageCode | None = Field(None, description="Code of a new target language.")
    strategy: str | None = Field(
        None,
        description="What is trained, see docs/strategies.md. [default: new embeddings, cross-attention, and "
        "low-rank changes of encoder and decoder, which the effort fast leaves out; for a pair pack the same "
        "without embeddings]",
    )
    vocabulary: Literal["separate", "appended"] = Field(
        "separate",
        description="separate: new rows for all pieces of the new vocabulary; appended: frozen parent rows "
        "for pieces that the parent has, new rows for the others and for the language code.",
    )
    code: str = Field(
        "",
        description="Language code of the new language, spelled as the parent's family spells it (kab_Latn). "
        "[default: none for separate; for appended the parent's own, or one formed by the family's rules]",
    )
    related: str = Field(
        "",
        description="Language of the parent whose code initialises the new code. [default: the mean of all]",
    )
    initial_embeddings: Method | None = Field(
        None,
        description=f"Initial values of new embeddings ({', '.join(METHODS)}): random as in the paper, the "
        "mean of the parent's, copied from the parent's row of the same piece, or the parent's rows of "
        "translations from a dictionary or aligned from the training text. [default: mean; random for "
        "scratch, appended vocabularies and the preset paper]",
    )
    dictionaries: list[AnyPath | Dictionary] = Field(
        default_factory=list,
        description="For dictionary initial embeddings: one word of the new language and its translation "
        "into the parent's language on that side per line, as in MUSE; the source's first if both are new.",
    )

    def find_faults(self, faults: Faults) -> None:
        if self.code and len(self.sides) != 1:
            number = "both sides are" if self.sides else "neither side is"
            faults.add(f"{number} new, but the code {self.code!r} stands for one new language")
        if self.vocabulary == "separate" and self.related:
            faults.add(
                f"the related language {self.related!r} has no effect with a separate vocabulary; leave it "
                "out or choose an appended vocabulary"
            )
        wanted = len(self.sides) if self.initial_embeddings == "dictionary" else 0
        if len(self.dictionaries) != wanted:
            faults.add(
                f"{len(self.dictionaries)} dictionaries are given, expected {wanted}: dictionary initial "
                "embeddings take one per new side, other methods take none"
            )
        with faults.catch(UsageError):
            strategy = self.parsed_strategy
            self._check(strategy, faults)

    def _check(self, strategy: Strategy, faults: Faults) -> None:
        new = frozenset(self.sides)
        if not new and strategy.renews != new:
            faults.add(
                f"{strategy} learns a new vocabulary, but no language is new; give a new source "
                "(--new-source) or target (--new-target), or for a pair pack, which keeps the vocabularies "
                "of its two packs, a strategy such as pair+xattn; a pack that goes on has its own"
            )
            return
        # Empty: the parent's vocabularies stay (embed); None: any side may be new.
        if strategy.renews and strategy.renews != new:
            faults.add(
                f"{strategy} is for a new {' and '.join(sorted(strategy.renews))}, "
                f"but the new side is {' and '.join(sorted(new))}"
            )
            return
        if self.vocabulary == "appended" and not strategy.renews:
            does = "replaces all vocabularies" if strategy.renews is None else "keeps the vocabularies"
            faults.add(
                f"{strategy} {does}, so none can be appended to; "
                "use a strategy for the new side, such as src+xattn"
            )
            return
        check_initial(self.start, self.renewed, self.renewed, strategy)

    def with_effort(self, effort: Effort) -> NewLanguages:
        """These languages with the effort's strategy, if none is given."""
        return self if self.strategy else self.changed(strategy=str(strategy_of(effort, self.sides)))

    @property
    def sides(self) -> list[Side]:
        """The sides with a new language."""
        return [side for side in SIDES if self.languages[side]]

    @property
    def languages(self) -> dict[Side, str | None]:
        """The new language of each side; None keeps the parent's."""
        return {"source": self.source, "target": self.target}

    @property
    def parsed_strategy(self) -> Strategy:
        """The strategy, or the default for the new sides or for a pair pack."""
        return parse_strategy(self.strategy) if self.strategy else default_strategy(self.sides)

    @property
    def renewed(self) -> list[Side]:
        """The sides that get a new vocabulary."""
        renews = self.parsed_strategy.renews
        return [side for side in self.sides if renews is None or side in renews]

    @property
    def start(self) -> str:
        """The method for new embeddings."""
        is_appended = self.vocabulary == "appended"
        default = default_method(self.renewed, self.parsed_strategy, is_appended=is_appended)
        return self.initial_embeddings or default


class DataSettings(Settings):
    """How text becomes training data."""

    source_vocabulary_size: int = Field(
        0, ge=0, description="Pieces of a new source vocabulary; 0 chooses from the text."
    )
    target_vocabulary_size: int = Field(
        0, ge=0, description="Pieces of a new target vocabulary; 0 chooses from the text."
    )
    vocabulary_kind: Literal["bpe", "unigram"] = Field("bpe", description="Kind of new vocabularies.")
    max_tokens: int = Field(256, ge=2, description="Drop and count pairs with more tokens on either side.")
    cleaning: CleaningSettings = Field(
        default_factory=CleaningSettings, description="Cleaning rules, applied before tokenization."
    )
    metric: ValidationMetric = Field(
        "bleu",
        description="Validation metric, which selects the best state: a score of greedy translations, or the "
        "loss with label smoothing. [default: bleu; loss with the preset paper]",
    )
    max_validation_pairs: int = Field(
        1_000,
        ge=0,
        description="Validate on at most this many pairs each time, from the start of the text; 0 takes all.",
    )


class SyntheticSettings(Settings):
    """Synthetic pairs beside the real ones."""

    files: list[str] = Field(
        default_factory=list,
        description="Synthetic pairs, as back-translate writes them, or in any form of --train.",
    )
    share: float = Field(
        0.5,
        gt=0,
        lt=1,
        description="Share of synthetic pairs in an epoch, which has all real pairs and the next synthetic "
        "ones; less if there are too few.",
    )
    tag: str = Field(
        "", description="Text put before every synthetic source, such as <BT>. [default: no tag]"
    )

    def find_faults(self, faults: Faults) -> None:
        if not self.files and self.model_fields_set - {"files"}:
            faults.add("a share or a tag of synthetic pairs is given, but no such pairs; give a file of them")
        if self.tag != " ".join(self.tag.split()):
            faults.add(f"the tag is {self.tag!r}, expected text with single spaces, and none at its ends")


class EarlierSettings(Settings):
    """Earlier text of the pack that training starts from."""

    files: list[str] = Field(
        default_factory=list,
        description="Earlier training text of the pack to start from, in any form of --train: it is replayed "
        "beside the new text, against forgetting.",
    )
    share: float = Field(
        0.5, gt=0, lt=1, description="Share of earlier pairs in an epoch; less if there are too few."
    )
    valid: list[str] = Field(
        default_factory=list,
        description="Earlier validation text, whose score is shown before and after the training.",
    )

    def find_faults(self, faults: Faults) -> None:
        if not self.files and "share" in self.model_fields_set:
            faults.add("a share of earlier pairs is given, but no such pairs; give a file of them")


class TermSettings(Settings):
    """Whether a model learns to use the terms of glossaries from annotated copies of its training pairs."""

    learn: bool = Field(
        False,
        description="Learn to use and inflect the terms of glossaries: some training sentences are repeated "
        "with the translations of some words put in. See docs/guides/glossaries.md.",
    )
    share: float = Field(
        0.2, gt=0, lt=1, description="Share of annotated pairs in an epoch, beside all others."
    )

    def find_faults(self, faults: Faults) -> None:
        if not self.learn and "share" in self.model_fields_set:
            faults.add("a share of annotated pairs is given, but no terms are to be learnt")


class OutputSettings(Settings):
    """Where a result is written."""

    folder: AnyPath = Field(description="Output folder; the state of the run is kept in FOLDER.run.")
    replace: bool = Field(False, description="Replace the folder if it exists.")

    @property
    def run_folder(self) -> Path:
        """The folder beside the output that holds the run's state."""
        folder = self.folder.absolute()
        return folder.with_name(folder.name + RUN_SUFFIX)

    def check(self, marker: str) -> None:
        """Checks that the folder may be written; fast, so that it comes before any work.

        Args:
            marker: file that identifies an earlier output of the same kind.

        Raises:
            InputError: it exists and is no earlier output.
            OutputExists: it is one, and ``replace`` is off.
        """
        out = self.folder
        if not out.exists():
            return
        found = f"{out} already exists, {described(out)}"
        if not out.is_dir() or (any(out.iterdir()) and not (out / marker).is_file()):
            raise InputError(f"{found}; without {marker} it is never replaced: give another folder")
        if not self.replace:
            run = self.run_folder
            is_stopped = any(run.glob("checkpoint.*"))
            resumed = f", which resumes the stopped run in {run.name}" if is_stopped else ""
            raise OutputExists(f"{found}; give another folder or ask to replace it{resumed}")


class PackOutput(OutputSettings):
    """Where a pack is written, with its name and licence."""

    dtype: Literal["bfloat16", "int8", "float32"] = Field(
        "bfloat16",
        description="Type of the stored numbers; the pack's score is that of what is stored. int8 halves "
        "bfloat16 again and can cost a little quality.",
    )
    name: str = Field("", description="Name of the pack.")
    licence: str = Field("", description="Licence of the pack, as an SPDX expression.")
