"""Settings of an adaptation or of training a parent, as read by ``--config FILE``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from crosslate.adaptation.settings import (
    DataSettings,
    EarlierSettings,
    NewLanguages,
    OutputSettings,
    PackOutput,
    SyntheticSettings,
    TermSettings,
)
from crosslate.config import AnyPath, Settings
from crosslate.errors import Faults, UsageError
from crosslate.languages.codes import language_pair
from crosslate.models.initialisers.initial_embeddings import RANDOM
from crosslate.models.parent_facts import LanguagePair, ParentFacts
from crosslate.models.sizes import parse_size
from crosslate.models.strategies import parse_strategy
from crosslate.text.corpora import TextFiles
from crosslate.text.earlier import EarlierText
from crosslate.text.synthetic import SyntheticText
from crosslate.training.effort import training_values
from crosslate.training.settings import TrainingChanges, TrainingSettings

if TYPE_CHECKING:
    from crosslate.models.parent import Parent
    from crosslate.packs.pack import Pack
    from crosslate.signals.corpora import SignalCorpus
    from crosslate.training.progress import Progress


class ParentChoice(ParentFacts):
    """A parent on disk or on the Hugging Face Hub."""

    parent: str = Field(description="Folder or Hugging Face Hub id of the parent.")

    def load(self) -> Parent:
        """The parent, in float32."""
        return _loaded(self, self.parent)


def _loaded(facts: ParentFacts, parent: str) -> Parent:
    from crosslate.models.parent import Parent

    source, target = facts.given_languages or (None, None)
    return Parent.load(parent, source_language=source, target_language=target, prefix=facts.parent_prefix)


class Start(ParentFacts):
    """What training starts from: a parent, or packs on one; see :func:`~crosslate.packs.compose.start_of`."""

    parent: str | None = Field(
        None,
        description="Folder or Hugging Face Hub id of the parent. [default with packs to start from: "
        "from their manifests]",
    )
    start: list[AnyPath] = Field(
        default_factory=list,
        description="Packs, as folders or hub ids. One pack goes on with new text, see "
        "docs/guides/own-text.md. Two packs, one with a new source and one with a new target, get a pair "
        "pack for the pair that they compose, see docs/composition.md; with a third, their pair pack, that "
        "one goes on.",
    )

    def find_faults(self, faults: Faults) -> None:
        if len(self.start) > 3:
            faults.add(
                f"{len(self.start)} packs to start from are given, expected one that goes on, two that "
                "compose, or these two and their pair pack"
            )
        if not self.start and self.parent is None:
            faults.add("no parent is given; give one (--parent), or packs to start from (--from)")

    @property
    def goes_on(self) -> bool:
        """Whether a pack is trained further, with its own languages, vocabulary and strategy."""
        return len(self.start) in (1, 3)

    def load(self) -> tuple[Parent, Pack | None]:
        """The parent in float32, composed if it starts from two packs or more; and the pack that goes on."""
        if not self.start:
            return _loaded(self, str(self.parent)), None
        from crosslate.packs.stored_model import StoredModel

        stored = StoredModel(self.start, self.parent, self.given_languages, self.parent_prefix)
        # Packs are checked before PyTorch is loaded.
        from crosslate.packs.compose import start_of

        return start_of(stored.load_parent(), stored.load_packs())


class _Job(Settings):
    """Settings that both jobs share."""

    train: list[str] = Field(
        min_length=1,
        description="Training text: one source and one target file, or a single TSV, CSV, JSONL, TMX or "
        "data set folder. .gz, .bz2, .xz and .zst files are read directly; - is standard input. For a parent "
        "that reads recordings or images: a TSV with a file and a sentence in each row, or a folder with "
        "metadata.tsv, .csv or .jsonl.",
    )
    valid: list[str] = Field(
        default_factory=list,
        description="Validation text, in the same forms. [default: part of the training text is held out]",
    )
    data: DataSettings = Field(default_factory=DataSettings)
    training: TrainingChanges = Field(default_factory=TrainingChanges)

    def _texts(self, languages: tuple[str, str]) -> tuple[TextFiles, TextFiles | None]:
        return TextFiles(self.train, *languages), TextFiles(self.valid, *languages) if self.valid else None

    def _files(self, languages: tuple[str, str]) -> tuple[SignalCorpus, SignalCorpus | None]:
        """The lists of recordings or images, whose files are not opened yet."""
        from crosslate.signals.corpora import read_signals

        valid = read_signals(self.valid, *languages) if self.valid else None
        return read_signals(self.train, *languages), valid

    @property
    def _data(self) -> DataSettings:
        """The settings of the data; the preset paper selects by loss unless a metric is given."""
        is_open = self.training.preset == "paper" and "metric" not in self.data.model_fields_set
        return self.data.changed(metric="loss") if is_open else self.data

    @property
    def _changes(self) -> TrainingChanges:
        """The changes; max_updates given alone lifts the limit on epochs."""
        changes, given = self.training, self.training.model_fields_set
        if not changes.max_updates or "max_epochs" in given:
            return changes
        # What an epoch is stays the effort's: validations and patience count in epochs.
        of_effort = {} if changes.preset == "paper" else training_values(changes.effort, given)
        kept = {name: value for name, value in of_effort.items() if name == "min_epoch_updates"}
        return changes.changed(max_epochs=0, **kept)


class AdaptJob(_Job, Start):
    """Adapts a parent and writes the pack."""

    spoken_name = "these settings"

    frozen_dtype: Literal["float32", "bfloat16"] = Field(
        "float32",
        description="Type of frozen tensors; bfloat16 halves their memory. See docs/large-parents.md.",
    )
    new: NewLanguages = Field(default_factory=NewLanguages)
    synthetic: SyntheticSettings = Field(default_factory=SyntheticSettings)
    earlier: EarlierSettings = Field(default_factory=EarlierSettings)
    terms: TermSettings = Field(default_factory=TermSettings)
    output: PackOutput

    def find_faults(self, faults: Faults) -> None:
        super().find_faults(faults)
        if not self.start and not self.new.sides:
            faults.add("no new language is given; give a new source (--new-source) or target (--new-target)")
        if self.start and self.new.sides:
            faults.add(
                "a new language is given beside packs to start from, which have both languages; leave out "
                "--new-source and --new-target, or the packs"
            )
        vocabulary = {"source_vocabulary_size", "target_vocabulary_size", "vocabulary_kind"}
        if self.start and vocabulary & self.data.model_fields_set:
            faults.add(
                "the size or kind of a new vocabulary is given (--vocab-size, --unigram), but what starts "
                "from packs keeps their vocabularies; leave it out"
            )
        of_new = {"source", "target"}
        if self.goes_on and (given := sorted(self.new.model_fields_set - of_new)):
            faults.add(
                f"{', '.join(given)} of new languages is given, but a pack goes on with its own vocabulary "
                "and strategy; leave it out"
            )
        if not self.goes_on and self.earlier.model_fields_set:
            faults.add(
                "earlier text is given, but no pack goes on; start from the pack of that text (--from PACK)"
            )
        with faults.catch(UsageError):
            _ = self.settings

    @property
    def settings(self) -> TrainingSettings:
        """The training settings in full."""
        if self.goes_on:
            return self._changes.going_on(has_earlier=bool(self.earlier.files))
        return self._changes.resolved(self._new.parsed_strategy)

    @property
    def _new(self) -> NewLanguages:
        """The new languages, with what the training settings choose for them."""
        new = self.new.with_effort(self.training.effort)
        is_random = new.initial_embeddings is None and self.training.preset == "paper"
        return new.changed(initial_embeddings=RANDOM) if is_random else new

    def run(self, progress: Progress | None = None) -> Pack:
        """Runs the job; see :func:`crosslate.adaptation.adapt.adapt`."""
        from crosslate.packs.manifest import MANIFEST_NAME

        self.output.check(MANIFEST_NAME)  # before PyTorch and a large parent are loaded
        from crosslate.adaptation.adapt import adapt

        new = self._new
        parent, pack = self.load()
        strategy = new.parsed_strategy
        languages = (new.source or parent.source_language, new.target or parent.target_language)
        if pack is not None:
            strategy = parse_strategy(pack.manifest.strategy)
            languages = (pack.manifest.source_language, pack.manifest.target_language)
        if self.frozen_dtype == "bfloat16":
            parent.lower(keep=strategy.precise_groups)
        train, valid = self._texts(languages) if parent.reads_text else self._files(languages)
        made, synthetic = self.synthetic, None
        if made.files:
            synthetic = SyntheticText.read(made.files, languages, share=made.share, tag=made.tag)
        before, earlier = self.earlier, None
        if before.files or before.valid:
            earlier = EarlierText.read(before.files, before.valid, languages, share=before.share)
        return adapt(
            parent, train, valid, synthetic=synthetic, new=new if pack is None else None,
            start=() if pack is None else (pack,), earlier=earlier, data=self._data, terms=self.terms,
            training=self.settings, output=self.output, progress=progress,
            effort=self.training.effort if self.training.preset == "default" else None,
        )  # fmt: skip


class ParentJob(_Job):
    """Trains and saves a parent."""

    spoken_name = "these settings"

    langs: LanguagePair = Field(description="Language pair, source first, like fr-en.")
    size: str = Field(
        "small",
        description="tiny, small, base, or layers,width,heads,feed_forward; with -paper after it, the "
        "paper's architecture.",
    )
    output: OutputSettings

    def find_faults(self, faults: Faults) -> None:
        with faults.catch(UsageError):
            parse_size(self.size)
        with faults.catch(UsageError):
            _ = self.settings

    @property
    def settings(self) -> TrainingSettings:
        """The training settings in full."""
        return self._changes.resolved()

    def run(self, progress: Progress | None = None) -> Parent:
        """Runs the job; see :func:`crosslate.adaptation.parents.train_parent`."""
        from crosslate.models.vocabularies.vocabulary_files import RECORD

        self.output.check(RECORD)
        from crosslate.adaptation.parents import train_parent

        train, valid = self._texts(language_pair(self.langs))
        return train_parent(
            train, valid, size=parse_size(self.size), data=self._data, training=self.settings,
            output=self.output, progress=progress,
        )  # fmt: skip
