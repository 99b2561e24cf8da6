"""What an adaptation, or the training of a parent, is told: what is new, the data, the output."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from crosslate.config import AnyPath, Settings
from crosslate.errors import Faults, UsageError
from crosslate.evaluation.scores import Metric
from crosslate.languages.codes import language_code
from crosslate.models.groups import GROUP_OF_SIDE, SIDES, Side
from crosslate.models.initialisers.initial_embeddings import METHODS, Method, check_initial, default_method
from crosslate.models.strategies import Strategy, parse_strategy
from crosslate.text.cleaning import CleaningSettings

LanguageCode = Annotated[str, AfterValidator(language_code)]
Dictionary = dict[str, list[str]]
"""Translations of words."""


class NewLanguages(Settings):
    """What a parent is taught: the new language of one side or both, and how."""

    source: LanguageCode | None = Field(None, description="Code of a new source language.")
    target: LanguageCode | None = Field(None, description="Code of a new target language.")
    strategy: str | None = Field(
        None, description="See docs/strategies.md. [default: src+xattn, tgt+xattn or src+tgt+xattn]"
    )
    vocabulary: Literal["separate", "appended"] = Field(
        "separate",
        description="separate: new rows for all pieces of the new vocabulary; appended: the parent's rows, "
        "frozen, for the pieces that it has, and new rows for the others and the language's code.",
    )
    code: str = Field(
        "",
        description="Piece that stands for the new language, as the parent's family spells it (kab_Latn). "
        "[default: none for separate; for appended the parent's, or one by the family's rules]",
    )
    related: str = Field(
        "",
        description="Language of the parent from whose code a new code starts. [default: the mean of all]",
    )
    initial_embeddings: Method | None = Field(
        None,
        description=f"Where new embeddings start ({', '.join(METHODS)}): random values as in the paper, the "
        "mean of the parent's, copied where the parent has the same piece, or translations from a dictionary "
        "or aligned by the training text. [default: mean; random for scratch, appended vocabularies and the "
        "preset paper]",
    )
    dictionaries: list[AnyPath | Dictionary] = Field(
        default_factory=list,
        description="For dictionary initial embeddings: a word of the new language and a translation into "
        "the parent's language of that side per line, as MUSE has them; the source's first if both are new.",
    )

    def find_faults(self, faults: Faults) -> None:
        if not self.sides:
            faults.add("neither the source nor the target is new; name the language that the parent lacks")
            return
        if self.code and len(self.sides) > 1:
            faults.add(f"both sides are new, and {self.code!r} can be the code of one language only")
        if self.vocabulary == "separate" and self.related:
            faults.add("all rows of a separate vocabulary start anew; leave the related language out")
        wanted = len(self.sides) if self.initial_embeddings == "dictionary" else 0
        if len(self.dictionaries) != wanted:
            faults.add(
                f"{len(self.dictionaries)} dictionaries are given, expected {wanted}: dictionary initial "
                "embeddings take one for each new side, all others none"
            )
        with faults.catch(UsageError):
            strategy = self.parsed_strategy
            self._check(strategy, faults)

    def _check(self, strategy: Strategy, faults: Faults) -> None:
        new = frozenset(self.sides)
        # No renewed side means that the parent's vocabularies stay (embed); None that any side may be new.
        if strategy.renews and strategy.renews != new:
            faults.add(
                f"{strategy} is for a new {' and '.join(sorted(strategy.renews))}, "
                f"but the new side is {' and '.join(sorted(new))}"
            )
            return
        if self.vocabulary == "appended" and not strategy.renews:
            does = "starts everything anew" if strategy.renews is None else "keeps the vocabularies"
            faults.add(
                f"{strategy} {does}, so nothing is appended to them; "
                "take a strategy of the new side, such as src+xattn"
            )
            return
        check_initial(self.start, self.renewed, self.renewed, strategy)

    @property
    def sides(self) -> list[Side]:
        """The sides of new languages."""
        return [side for side in SIDES if self.languages[side]]

    @property
    def languages(self) -> dict[Side, str | None]:
        """The new language of each side; None where the parent's stays."""
        return {"source": self.source, "target": self.target}

    @property
    def parsed_strategy(self) -> Strategy:
        """The strategy, or the default: the new sides' embeddings and cross-attention."""
        name = self.strategy or "+".join([*(GROUP_OF_SIDE[side] for side in self.sides), "xattn"])
        return parse_strategy(name)

    @property
    def renewed(self) -> list[Side]:
        """The sides that get a vocabulary of their own."""
        renews = self.parsed_strategy.renews
        return [side for side in self.sides if renews is None or side in renews]

    @property
    def start(self) -> str:
        """Where new embeddings start."""
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
    max_tokens: int = Field(256, ge=2, description="Drop pairs with a side of more tokens, and count them.")
    cleaning: CleaningSettings = Field(
        default_factory=CleaningSettings, description="Which pairs are dropped before that."
    )
    metric: Metric = Field("bleu", description="What validation measures.")
    max_validation_pairs: int = Field(
        1_000,
        ge=0,
        description="At most so many pairs of the validation text are translated each time, the first ones; "
        "0 takes all.",
    )


class OutputSettings(Settings):
    """Where a result is written."""

    folder: AnyPath = Field(description="Folder to write; the state of the run is kept in FOLDER.run.")
    replace: bool = Field(False, description="Replace the folder if it exists.")


class PackOutput(OutputSettings):
    """Where a pack is written, and what it says of itself."""

    name: str = Field("", description="Name of the pack.")
    licence: str = Field("", description="Licence of the pack, as an SPDX expression.")
