"""Synthetic text of a composed pair: made of the text of one of its packs, if need be by a bridge."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crosslate.engines.decoding import EngineChoice
from crosslate.errors import CorpusError, InputError, UsageError
from crosslate.files import atomic_file, read_json, read_optional_object, sha256_file, sha256_text, write_json
from crosslate.languages.codes import contradicts
from crosslate.models.groups import Side
from crosslate.text.cleaning import clean
from crosslate.text.corpora import TextFiles
from crosslate.text.streams import check_is_file
from crosslate.text.synthetic import record_path
from crosslate.translation.back_translation import (
    BackTranslationSettings,
    Beside,
    back_translate,
    check_languages,
)

if TYPE_CHECKING:
    from crosslate.adaptation.jobs import AdaptJob
    from crosslate.packs.stored_model import StoredModel
    from crosslate.training.progress import Progress

log = logging.getLogger(__name__)

_CALL, _CLEANING, _MADE_OF = "call", "cleaning", "made_of"


@dataclass(frozen=True)
class TextToMake:
    """Synthetic pairs from one text, and the files in which they are made.

    Attributes:
        side: of the new pairs, that people wrote.
        corpus: the text, in the direction in which its pack translates.
        legs: models in a row that translate its other side.
        folder: where the files are.
    """

    side: Side
    corpus: TextFiles
    legs: Sequence[StoredModel | Bridge]
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
                "language of the pairs to make"
            )
        check_languages(self.legs, human, self.back)
        before = read_optional_object(self._state).get(_CALL)
        if before is None:
            return
        if differing := [name for name in self.call if before.get(name) != self.call[name]]:
            raise InputError(
                f"{self.folder} holds synthetic text with other {', '.join(differing)} "
                f"({self.side} text); expected the same call again: give another output, or remove that "
                "folder to begin anew"
            )

    @cached_property
    def call(self) -> dict[str, Any]:
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
    def num_pairs(self) -> int:
        """How many pairs there are; before they are made, how many there will be at most."""
        made = record_path(self.output) if self.output.exists() else self._state
        found: int = read_json(made)[_CLEANING]["kept"]
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
        write_json(self._state, {_CALL: self.call, _CLEANING: report.as_values()})

    def translate(self) -> None:
        """Makes the pairs, unless they are there."""
        kept, translated = self._lines
        if not self.output.exists():
            human, other = self.languages
            names = " and ".join(each.name for each in self.legs)
            log.info("translating the %s text of %s by %s", other, self.corpus.origin, names)
            first, *others = [each.model if isinstance(each, Bridge) else each for each in self.legs]
            back_translate(
                first, [translated], self.output, through=others, beside=Beside(human, [kept]),
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
            _CLEANING: read_json(self._state)[_CLEANING],
            "made": read_json(record_path(self.output)),
        }


@dataclass(frozen=True)
class Bridge:
    """A model from the language that a source pack writes to that which a target pack writes.

    The parent translates the source side of the target pack's text. On these pairs the child of the target
    pack learns the parent's target language as a new source. A bridge stands among the legs of a
    :class:`TextToMake` before it is trained.

    Attributes:
        text: the pairs to train on: the parent's translations, and the target side that people wrote.
        start: the target pack with its parent.
        job: the training; its parent is the folder for the child of the target pack.
    """

    text: TextToMake
    start: StoredModel
    job: AdaptJob

    signal = ""

    @property
    def source_language(self) -> str:
        return self.text.legs[-1].target_language

    @property
    def target_language(self) -> str:
        return self.start.target_language

    @property
    def name(self) -> str:
        return f"the bridge from {self.source_language} to {self.target_language}"

    def key(self) -> str:
        """Hex sha256 of what it is made of, known before it is trained; how it is trained does not count."""
        return sha256_text(f"{self.start.key()}\n{json.dumps(self.text.call, sort_keys=True)}")

    @property
    def model(self) -> StoredModel:
        """The trained model."""
        from crosslate.packs.stored_model import StoredModel

        return StoredModel([self.job.output.folder], self.job.parent)

    def make_parent(self) -> None:
        """Writes the child of the target pack as a parent, unless it is there.

        Raises:
            ParentError: its family's files cannot hold a child, whose sides have embeddings of their own.
        """
        from crosslate.models.parent import RECORD
        from crosslate.packs.compose import apply_packs

        folder, made_of = Path(str(self.job.parent)), self.start.key()
        if read_optional_object(folder / RECORD).get(_MADE_OF) != made_of:
            child = apply_packs(self.start.load_parent(), self.start.load_packs())
            child.as_parent(self.start.name).save(folder, {_MADE_OF: made_of}, replace=True)

    def check_length(self) -> None:
        """Checks that part of its text can be held out, before and after it is translated.

        Raises:
            CorpusError: there is too little.
        """
        from crosslate.adaptation.data import LEAST_TO_HOLD_OUT

        if (found := self.text.num_pairs) < LEAST_TO_HOLD_OUT:
            raise CorpusError(
                f"{self.name} has only {found} pairs of {self.text.corpus.origin} to learn from, too few to "
                f"hold some out for validation, expected {LEAST_TO_HOLD_OUT} or more; give more text of the "
                "target pack, or models in place of the bridge"
            )

    def train(self, progress: Progress | None = None) -> None:
        """Trains, unless that was done; goes on where it was stopped. :meth:`make_parent` comes before it."""
        if not self.job.output.folder.exists():
            log.info("training %s", self.name)
            self.job.run(progress)


def _hash(path: Path) -> str:
    """Hex sha256 of a file, or of all files in a folder."""
    if not path.is_dir():
        check_is_file(path)
        return sha256_file(path)
    files = sorted(each for each in path.rglob("*") if each.is_file())
    return sha256_text("\n".join(f"{each.relative_to(path)} {sha256_file(each)}" for each in files))
