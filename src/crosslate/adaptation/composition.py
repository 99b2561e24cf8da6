"""Improve the pair that two packs compose: synthetic text of the packs' own pairs, and a pair pack on it.

Source: pseudo-parallel text: Firat et al. 2016, https://arxiv.org/abs/1606.04164.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field

from crosslate.adaptation.jobs import AdaptJob
from crosslate.adaptation.settings import LanguageCode, NewLanguages, PackOutput, SyntheticSettings
from crosslate.adaptation.synthetic_texts import Bridge, TextToMake
from crosslate.config import Settings
from crosslate.engines.decoding import EngineChoice
from crosslate.errors import CorpusError, Faults, UsageError
from crosslate.files import atomic_file
from crosslate.languages.codes import contradicts
from crosslate.models.groups import Side
from crosslate.text.corpora import Corpus, TextFiles
from crosslate.text.streams import STANDARD_INPUT
from crosslate.text.swapped import check_order
from crosslate.text.synthetic import write_record
from crosslate.translation.back_translation import BackTranslationSettings

if TYPE_CHECKING:
    from crosslate.packs.pack import Pack
    from crosslate.packs.stored_model import StoredModel
    from crosslate.training.progress import Progress

_FOLDER = "synthetic"
_LACKS_MODELS = (
    "text of the target pack is given, but no models that translate it to the new source language; name them "
    "(--target-through), or give text of the source pack alone beside it, for a bridge to be trained"
)


class TextOfPack(Settings):
    """Sentence pairs of one of the two packs, and the models that turn them into pairs of the composition."""

    files: list[str] = Field(
        default_factory=list,
        description="Sentence pairs of the pack, in the direction in which it translates, in any form that "
        "adapt reads.",
    )
    language: LanguageCode | None = Field(
        None, description="Language beside the new one in the text. [default: that of the pack]"
    )
    through: list[str] = Field(
        default_factory=list,
        description="Packs or parents that translate that language, one after another, to the language of "
        "the composition that the text lacks.",
    )
    round_trip: list[str] = Field(
        default_factory=list,
        description="Packs, or a parent, that translate back; pairs that differ much are dropped.",
    )

    def find_faults(self, faults: Faults) -> None:
        if not self.files and self.model_fields_set - {"files"}:
            faults.add(
                "a language or models are given for a text of a pack, but no such text; give its files"
            )

    @property
    def back(self) -> StoredModel | None:
        """What translates back; None for no round trip."""
        from crosslate.packs.stored_model import StoredModel

        return StoredModel.named(self.round_trip) if self.round_trip else None


class ImproveJob(AdaptJob, EngineChoice):
    """Makes synthetic pairs for the composition of two packs, and trains its pair pack on them."""

    train: list[str] = Field(
        default_factory=list,
        description="Real sentence pairs of the composed pair, as far as there are some, in any form that "
        "adapt reads; the synthetic ones are mixed with them.",
    )
    valid: list[str] = Field(
        default_factory=list,
        description="Real validation text of the composed pair. [default: part of the real pairs is held "
        "out, without them part of the synthetic ones]",
    )
    source_text: TextOfPack = Field(
        default_factory=TextOfPack,
        description="Text of the source pack: its new language stays, the other side is translated.",
    )
    target_text: TextOfPack = Field(
        default_factory=TextOfPack,
        description="Text of the target pack: its new language stays, the other side is translated.",
    )
    synthesis: BackTranslationSettings = Field(
        default_factory=BackTranslationSettings,
        description="Least score of a round trip, and lines of a shard.",
    )
    synthetic_share: float = Field(
        0.5, gt=0, lt=1, description="Share of synthetic pairs in an epoch, beside real ones."
    )

    def find_faults(self, faults: Faults) -> None:
        if len(self.start) != 2:
            faults.add(
                f"{len(self.start)} packs are given, expected two that compose: one with a new source and "
                "one with a new target"
            )
            return
        super().find_faults(faults)
        if not self.source_text.files and not self.target_text.files:
            faults.add(
                "no text is given to make pairs of; give sentence pairs of the source pack (--source-text), "
                "of the target pack (--target-text), or of both"
            )
        if self._lacks_models and (self.source_text.through or not self.source_text.files):
            faults.add(_LACKS_MODELS)
        if self.synthetic.model_fields_set:
            faults.add(
                "synthetic pairs are given, but these are made here; give real pairs to train, or none"
            )
        for text in (self.source_text.files, self.target_text.files, self.train, self.valid):
            if STANDARD_INPUT in text:
                faults.add("a text is standard input, expected files, so that the run can resume")
        if "synthetic_share" in self.model_fields_set and not self.train:
            faults.add("a share of synthetic pairs is given, but no real pairs (--train)")
        if self.synthesis.model_fields_set & {"side", "cleaning"}:
            faults.add("side and cleaning of the synthesis are set by the texts and by data.cleaning")
        is_round_trip = bool(self.source_text.round_trip or self.target_text.round_trip)
        if "min_round_trip" in self.synthesis.model_fields_set and not is_round_trip:
            faults.add("a least score of round trips is given, but no models that translate back")

    @property
    def _lacks_models(self) -> bool:
        """Whether text of the target pack is given without models that translate it."""
        return bool(self.target_text.files) and not self.target_text.through

    def run(self, progress: Progress | None = None) -> Pack:
        """Makes the synthetic text that is missing, then trains; the same call goes on where it was stopped.

        If texts of both packs are given and no models, a :class:`Bridge` is trained first, on the text of the
        target pack, and translates that of the source pack.

        The synthetic text and its records stay in the folder ``synthetic`` of the run. The pack's record has
        how it was made under ``made``, for training text that is synthetic or for the synthetic text.

        Raises:
            PackError: the packs do not compose.
            UsageError: the models do not lead from the text to the language that it lacks.
            InputError: text cannot be read or too little is left, the output exists, or the stopped run was
                about something else.

        Also raises what :func:`~crosslate.translation.back_translation.back_translate` and
        :func:`~crosslate.adaptation.adapt.adapt` raise.
        """
        from crosslate.packs.manifest import MANIFEST_NAME
        from crosslate.packs.stored_model import StoredModel

        self.output.check(MANIFEST_NAME)
        two = StoredModel(self.start, self.parent)
        texts = self._texts_to_make(two)
        # Once its translations are there, a bridge is not needed any more, and may have been removed.
        left = [each for each in texts if not each.output.exists()]
        bridges = [leg for each in left for leg in each.legs if isinstance(leg, Bridge)]
        first = [each.text for each in bridges]
        pair = two.source_language, two.target_language
        if not all(each.output.exists() for each in (*first, *texts)):
            missing = [each.corpus for each in (*first, *texts) if not each.is_prepared]
            given = [TextFiles(files, *pair) for files in (self.train, self.valid) if files]
            _check_readable([*missing, *given])
            self._check_model()
        from crosslate.adaptation.data import num_held_out
        from crosslate.adaptation.run_folder import Run
        from crosslate.training.checkpoints import remove_torn

        run = Run(self.output, MANIFEST_NAME)
        with run.main_process_first():
            for each in (*first, *texts):
                remove_torn(each.folder, "*")
            for bridge in bridges:
                bridge.make_parent()  # first, since not every family's children can be parents
            for each in (*first, *texts):
                if not each.is_prepared:
                    each.prepare(run.folder)
            for bridge in bridges:
                bridge.check_length()
            if not self.valid and self.train:
                real = TextFiles(self.train, *pair)
                num_held_out(sum(1 for _ in real), real.origin)
            elif not self.valid:
                _check_held_out(texts)
            for bridge in bridges:
                bridge.text.translate()
                bridge.check_length()
        for bridge in bridges:
            bridge.train(progress)
        with run.main_process_first():
            for each in texts:
                each.translate()
            made = _joined(texts, pair)
        return self._adaptation(made).run(progress)

    def _texts_to_make(self, two: StoredModel) -> list[TextToMake]:
        """The synthetic texts, with the models that make them.

        Raises:
            UsageError: models do not lead where they should.
            InputError: the stopped run made other text.
        """
        from crosslate.packs.stored_model import StoredModel

        first, last = sorted(zip(self.start, two.manifests), key=lambda each: each[1].place)
        ours, theirs = self.source_text, self.target_text
        corpus = TextFiles(ours.files, two.source_language, ours.language or first[1].target_language)
        other = TextFiles(theirs.files, theirs.language or last[1].source_language, two.target_language)
        found, bridge = [], None
        if ours.files:
            legs: list[StoredModel | Bridge] = [StoredModel.named([each]) for each in ours.through]
            target = StoredModel([last[0]], self.parent)
            if not legs and contradicts(target.source_language, corpus.languages[1]):
                bridge = self._bridge(target, other, corpus.languages[1])
            found.append(
                self._text_to_make("source", corpus, legs or [bridge or target], ours, two.target_language)
            )
        if theirs.through:
            legs = [StoredModel.named([each]) for each in theirs.through]
            found.append(self._text_to_make("target", other, legs, theirs, two.source_language))
        elif theirs.files and bridge is None:
            raise UsageError(_LACKS_MODELS)
        return found

    def _bridge(self, target: StoredModel, corpus: TextFiles, language: str) -> Bridge:
        """The bridge from a language to that of the target pack.

        Args:
            target: the target pack with its parent.
            corpus: the target pack's text.

        Raises:
            UsageError: there is no such text, or the parent does not lead from it to the language.
            InputError: the stopped run made other text.
        """
        if not self._lacks_models:
            raise UsageError(
                f"nothing is given that translates {language}, the other language of the source pack's text, "
                f"to {target.target_language}: {target.name} translates {target.source_language}; name the "
                "models that lead there (--source-through), give text of the target pack alone "
                "(--target-text), for a bridge to be trained, or name the language of the text "
                "(--source-text-lang)"
            )
        folder = self.output.run_folder / _FOLDER / "bridge"
        parent = target.without_packs()
        if contradicts(parent.target_language, language):
            raise UsageError(
                f"the source pack's text has {language} beside its new language, but the parent translates "
                f"to {parent.target_language}, so no bridge can be trained; name the models that lead from "
                f"{language} to {target.target_language} (--source-through)"
            )
        back = self.target_text.back
        text = TextToMake("target", corpus, [parent], back, self._synthesis, self._engine, folder)
        text.check(language)
        job = AdaptJob(
            parent=str(folder / f"{target.source_language}-{target.target_language}"),
            new=NewLanguages(source=language), train=[str(text.output)], data=self.data,
            training=self.training, frozen_dtype=self.frozen_dtype,
            output=PackOutput(folder=folder / f"{language}-{target.target_language}"),
        )  # fmt: skip
        return Bridge(text, target, job)

    def _text_to_make(
        self,
        side: Side,
        corpus: TextFiles,
        legs: Sequence[StoredModel | Bridge],
        text: TextOfPack,
        wanted: str,
    ) -> TextToMake:
        made = TextToMake(
            side, corpus, legs, text.back, self._synthesis.changed(side=side), self._engine,
            self.output.run_folder / _FOLDER,
        )  # fmt: skip
        made.check(wanted)
        return made

    @property
    def _synthesis(self) -> BackTranslationSettings:
        return self.synthesis.changed(cleaning=self.data.cleaning)

    @property
    def _engine(self) -> EngineChoice:
        """The choice of an engine alone."""
        return EngineChoice(**{name: getattr(self, name) for name in EngineChoice.model_fields})

    def _check_model(self) -> None:
        """Refuses packs that do not fit their parent, and a strategy that does not fit what they compose."""
        from crosslate.adaptation.head_choice import without_choice
        from crosslate.models.plan import make_plan

        parent, _ = self.load()
        strategy = self._new.parsed_strategy
        make_plan(
            parent.model, parent.anatomy, without_choice(strategy) if strategy.limits.auto else strategy, {}
        )

    def _adaptation(self, made: Path) -> AdaptJob:
        """The training on the synthetic pairs, alone or beside real ones."""
        given = self.model_fields_set & AdaptJob.model_fields.keys()
        values = {name: getattr(self, name) for name in given}
        if self.train:
            values["synthetic"] = SyntheticSettings(files=[str(made)], share=self.synthetic_share)
        else:
            values["train"] = [str(made)]
        return AdaptJob(**values)


def _check_held_out(texts: Sequence[TextToMake]) -> None:
    """Refuses text of which too little can be held out for validation."""
    from crosslate.adaptation.data import num_held_out

    num_held_out(sum(each.num_pairs for each in texts), " and ".join(each.corpus.origin for each in texts))


def _check_readable(corpora: Iterable[Corpus]) -> None:
    """Reads texts once, so that none is found broken after hours of translation.

    Raises:
        CorpusError: with the faults of all.
    """
    faults = Faults("cannot read the texts")
    for corpus in corpora:
        with faults.catch(CorpusError):
            check_order(corpus)
            for _ in corpus:
                pass
    faults.raise_as(CorpusError)


def _joined(texts: Sequence[TextToMake], pair: tuple[str, str]) -> Path:
    """All synthetic pairs in one file, with a record of all."""
    path = texts[0].folder / f"{'-'.join(pair)}.jsonl"
    humans = [each.languages[0] for each in texts]
    with atomic_file(path) as temporary:
        with temporary.open("wb") as file:
            for each in texts:
                with each.output.open("rb") as part:
                    shutil.copyfileobj(part, file)
        human = humans[0] if len(humans) == 1 else None
        write_record(path, temporary, human, {"texts": [each.record() for each in texts]})
    return path
