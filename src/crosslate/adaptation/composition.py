"""Improve the pair that two packs compose: synthetic text of the packs' own pairs, and a pair pack on it.

Source: pseudo-parallel text: Firat et al. 2016, https://arxiv.org/abs/1606.04164.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field

from crosslate.adaptation.jobs import AdaptJob
from crosslate.adaptation.settings import LanguageCode, SyntheticSettings
from crosslate.config import Settings
from crosslate.engines.decoding import EngineChoice
from crosslate.errors import CorpusError, Faults, InputError, UsageError
from crosslate.files import atomic_file, read_json, read_optional_object, sha256_file, sha256_text, write_json
from crosslate.languages.codes import contradicts
from crosslate.models.groups import Side
from crosslate.text.cleaning import clean
from crosslate.text.corpora import Corpus, TextFiles
from crosslate.text.streams import STANDARD_INPUT, check_is_file
from crosslate.text.swapped import check_order
from crosslate.text.synthetic import record_path, write_record
from crosslate.translation.back_translation import (
    BackTranslationSettings,
    Beside,
    back_translate,
    check_languages,
)

if TYPE_CHECKING:
    from crosslate.packs.pack import Pack
    from crosslate.packs.stored_model import StoredModel
    from crosslate.training.progress import Progress

log = logging.getLogger(__name__)

_FOLDER = "synthetic"
_CALL, _CLEANING = "call", "cleaning"


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
        if self.target_text.files and not self.target_text.through:
            faults.add(
                "text of the target pack is given, but no models that translate it to the new source "
                "language; name them (--target-through)"
            )
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

    def run(self, progress: Progress | None = None) -> Pack:
        """Makes the synthetic text that is missing, then trains; the same call goes on where it was stopped.

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
        pair = two.source_language, two.target_language
        missing = [each for each in texts if not each.is_prepared]
        if not all(each.output.exists() for each in texts):
            given = [TextFiles(files, *pair) for files in (self.train, self.valid) if files]
            _check_readable([*(each.corpus for each in missing), *given])
            self._check_model()
        from crosslate.adaptation.run_folder import Run
        from crosslate.training.checkpoints import remove_torn

        run = Run(self.output, MANIFEST_NAME)
        with run.main_process_first():
            remove_torn(run.folder / _FOLDER, "*")
            for each in missing:
                each.prepare(run.folder)
            if not self.valid:
                self._check_enough(texts, pair)
            for each in texts:
                each.translate()
            made = _joined(texts, pair)
        return self._adaptation(made).run(progress)

    def _texts_to_make(self, two: StoredModel) -> list[_SyntheticText]:
        """The synthetic texts, with the models that make them.

        Raises:
            UsageError: models do not lead where they should.
            InputError: the stopped run made other text.
        """
        from crosslate.packs.stored_model import StoredModel

        first, last = sorted(zip(self.start, two.manifests), key=lambda each: each[1].place)
        settings = self.synthesis.changed(cleaning=self.data.cleaning)
        found = []
        text = self.source_text
        if text.files:
            language = text.language or first[1].target_language
            legs = [StoredModel.named([each]) for each in text.through]
            if not legs:
                legs = [StoredModel([last[0]], self.parent)]
                if contradicts(legs[0].source_language, language):
                    raise UsageError(
                        f"nothing is given that translates {language}, the other language of the source "
                        f"pack's text, to {two.target_language}: {legs[0].name} translates "
                        f"{legs[0].source_language}; name the models that lead there (--source-through), or "
                        "the language of the text (--source-text-lang)"
                    )
            corpus = TextFiles(text.files, two.source_language, language)
            found.append(self._text_to_make("source", corpus, legs, text, two.target_language, settings))
        text = self.target_text
        if text.files:
            corpus = TextFiles(text.files, text.language or last[1].source_language, two.target_language)
            legs = [StoredModel.named([each]) for each in text.through]
            found.append(self._text_to_make("target", corpus, legs, text, two.source_language, settings))
        return found

    def _text_to_make(
        self,
        side: Side,
        corpus: TextFiles,
        legs: Sequence[StoredModel],
        text: TextOfPack,
        wanted: str,
        settings: BackTranslationSettings,
    ) -> _SyntheticText:
        from crosslate.packs.stored_model import StoredModel

        back = StoredModel.named(text.round_trip) if text.round_trip else None
        made = _SyntheticText(
            side, corpus, legs, back, settings.changed(side=side), self._engine,
            self.output.run_folder / _FOLDER,
        )  # fmt: skip
        made.check(wanted)
        return made

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

    def _check_enough(self, texts: Sequence[_SyntheticText], pair: tuple[str, str]) -> None:
        """Refuses text of which too little can be held out for validation."""
        from crosslate.adaptation.data import num_held_out

        if self.train:
            real = TextFiles(self.train, *pair)
            num_held_out(sum(1 for _ in real), real.origin)
        else:
            origin = " and ".join(each.corpus.origin for each in texts)
            num_held_out(sum(each.cleaning["kept"] for each in texts), origin)

    def _adaptation(self, made: Path) -> AdaptJob:
        """The training on the synthetic pairs, alone or beside real ones."""
        given = self.model_fields_set & AdaptJob.model_fields.keys()
        values = {name: getattr(self, name) for name in given}
        if self.train:
            values["synthetic"] = SyntheticSettings(files=[str(made)], share=self.synthetic_share)
        else:
            values["train"] = [str(made)]
        return AdaptJob(**values)


@dataclass(frozen=True)
class _SyntheticText:
    """Synthetic pairs of the composition from one text, and the files in which they are made.

    Attributes:
        side: of the new pairs, that people wrote.
        corpus: the text, in the direction in which its pack translates.
        legs: models in a row that translate its other side.
        folder: of all synthetic text of the run.
    """

    side: Side
    corpus: TextFiles
    legs: Sequence[StoredModel]
    back: StoredModel | None
    settings: BackTranslationSettings
    engine: EngineChoice
    folder: Path

    @property
    def languages(self) -> tuple[str, str]:
        """That of the text which is kept, and that of the text which is translated."""
        source, target = self.corpus.languages
        return (source, target) if self.side == "source" else (target, source)

    @property
    def _lacks(self) -> Side:
        return "target" if self.side == "source" else "source"

    @property
    def output(self) -> Path:
        """The synthetic pairs."""
        return self.folder / f"{self.side}.jsonl"

    @property
    def _state(self) -> Path:
        return self.folder / f"{self.side}.json"

    @property
    def _lines(self) -> tuple[Path, Path]:
        """The cleaned text while it is being translated: what is kept, and what is translated."""
        return self.folder / f"{self.side}.kept", self.folder / f"{self.side}.translated"

    def check(self, wanted: str) -> None:
        """Checks the models' languages, and that a stopped run was about the same.

        Raises:
            UsageError: the models do not lead from the text to the language ``wanted``.
            InputError: the run's folder has text of other files, models or settings.
        """
        human, other = self.languages
        first, last = self.legs[0], self.legs[-1]
        if contradicts(first.source_language, other):
            raise UsageError(
                f"{first.name} translates {first.source_language}, expected {other}, the language beside "
                f"{human} in {self.corpus.origin}"
            )
        if contradicts(last.target_language, wanted):
            raise UsageError(
                f"{last.name} translates to {last.target_language}, expected {wanted}, the {self._lacks} "
                "language of the composed pair"
            )
        check_languages(self.legs, human, self.back)
        before = read_optional_object(self._state).get(_CALL)
        if before is None:
            return
        if differing := [name for name in self._call if before.get(name) != self._call[name]]:
            raise InputError(
                f"{self.folder} holds synthetic text with other {', '.join(differing)} "
                f"({self.side} text); expected the same call again: give another output, or remove that "
                "folder to begin anew"
            )

    @cached_property
    def _call(self) -> dict[str, Any]:
        """What a resumed run must have in common with the stopped one, by name."""
        return {
            "files": [_hash(Path(each)) for each in self.corpus.paths],
            "languages": list(self.corpus.languages),
            "models": [each.key() for each in self.legs],
            "round trip": self.back and self.back.key(),
            **self.engine.to_values(),
            "settings": self.settings.to_values(),
        }

    @property
    def is_prepared(self) -> bool:
        """Whether the text was cleaned, and is there for as long as it is needed."""
        return self._state.is_file() and (
            self.output.is_file() or all(each.is_file() for each in self._lines)
        )

    @property
    def cleaning(self) -> dict[str, Any]:
        """What cleaning kept and dropped of the text."""
        found: dict[str, Any] = read_json(self._state)[_CLEANING]
        return found

    def prepare(self, folder: Path) -> None:
        """Cleans the text and writes what is left; the run's ``folder`` holds it until then.

        Raises:
            CorpusError: nothing is left.
        """
        pairs, report = clean(self.corpus, self.settings.cleaning, folder)
        for line in report.lines():
            log.info("%s: %s", self.corpus.origin, line)
        if not len(pairs):
            raise CorpusError(
                f"{self.corpus.origin}: no pairs are left after cleaning: {'; '.join(report.lines())}"
            )
        for path, side in zip(self._lines, (self.side, self._lacks)):
            with atomic_file(path) as temporary, temporary.open("wb") as file:
                file.writelines(f"{line}\n".encode() for line in pairs.lines(side))
        write_json(self._state, {_CALL: self._call, _CLEANING: report.as_values()})

    def translate(self) -> None:
        """Makes the pairs, unless they are there."""
        kept, translated = self._lines
        if not self.output.exists():
            human, other = self.languages
            names = " and ".join(each.name for each in self.legs)
            log.info("translating the %s text of %s by %s", other, self.corpus.origin, names)
            back_translate(
                self.legs[0], [translated], self.output, through=self.legs[1:], beside=Beside(human, [kept]),
                back=self.back, engine=self.engine.engine, quantization=self.engine.quantization,
                options=self.engine.decoding, settings=self.settings,
            )  # fmt: skip
        for path in self._lines:
            path.unlink(missing_ok=True)

    def record(self) -> dict[str, Any]:
        """Where the pairs are from and how they were made."""
        return {
            "text": self.corpus.origin,
            "languages": list(self.corpus.languages),
            _CLEANING: self.cleaning,
            "made": read_json(record_path(self.output)),
        }


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


def _joined(texts: Sequence[_SyntheticText], pair: tuple[str, str]) -> Path:
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


def _hash(path: Path) -> str:
    """Hex sha256 of a file, or of all files in a folder."""
    if not path.is_dir():
        check_is_file(path)
        return sha256_file(path)
    files = sorted(each for each in path.rglob("*") if each.is_file())
    return sha256_text("\n".join(f"{each.relative_to(path)} {sha256_file(each)}" for each in files))
