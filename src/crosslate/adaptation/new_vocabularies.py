"""Vocabularies and initial embeddings of the replaced sides, before training."""

from __future__ import annotations

import json
import logging
from dataclasses import astuple
from functools import partial
from pathlib import Path
from typing import Any

from crosslate.adaptation.aligned_words import aligned_words
from crosslate.adaptation.data import Prepared, vocabulary
from crosslate.adaptation.run_folder import Run
from crosslate.adaptation.settings import DataSettings, NewLanguages
from crosslate.evaluation.dictionaries import read_dictionary
from crosslate.files import sha256_text
from crosslate.languages.words import count_words
from crosslate.models.child import Child, make_child
from crosslate.models.groups import Side
from crosslate.models.initialisers.initial_embeddings import ALIGNED, InitialEmbeddings, translated_words
from crosslate.models.parent import Parent
from crosslate.models.strategies import Strategy
from crosslate.models.vocabularies.new_language import NewSide, appended_side, coded_side

log = logging.getLogger(__name__)


class NewVocabularies:
    """The vocabularies of the new languages, from which children are made.

    Attributes:
        new: the replaced sides.
        start: initial embeddings of these sides.
        identity: hashes and settings that a resumed run must match.
    """

    def __init__(
        self, parent: Parent, new: NewLanguages, prepared: Prepared, data: DataSettings, run: Run
    ) -> None:
        self._parent, self._settings = parent, new
        self.start = _initial_embeddings(parent, new, prepared)
        with run.main_process_first():
            self.new = {side: self._side(side, prepared, data, run) for side in new.renewed}
        given = sorted(self.start.words.items())
        words = {side: [astuple(word)[:3] for word in each] for side, each in given}
        self.identity = {
            "new": new.to_values() | {"dictionaries": None},
            # Aligned words follow from the parent and the corpus, which are hashed separately.
            "words": sha256_text(json.dumps(words)) if words and self.start.method != ALIGNED else None,
        }

    def _side(self, side: Side, prepared: Prepared, data: DataSettings, run: Run) -> NewSide:
        parent, settings, language = self._parent, self._settings, self._settings.languages[side] or ""
        kept = parent.source if side == "source" else parent.target
        learn = partial(vocabulary, prepared, side, data, run.encoded, kept.special)
        if settings.vocabulary == "separate":
            if not settings.code:
                return NewSide(language, learn())
            return coded_side(parent, side, language, learn, code=settings.code)
        made = appended_side(parent, side, language, learn, code=settings.code, related=settings.related)
        pieces, appended = made.vocabulary.pieces, len(made.new_rows)
        code = f", one of them its code {pieces[made.code]}" if made.code in made.new_rows else ""
        log.info(
            "the new %s vocabulary has %s pieces: %s from the parent, %s appended%s",
            side, f"{len(pieces):,}", f"{len(pieces) - appended:,}", f"{appended:,}", code,
        )  # fmt: skip
        return made

    def child(self, strategy: Strategy, seed: int) -> Child:
        """A child with these sides."""
        languages, start = self._settings.languages, self.start
        return make_child(self._parent, strategy, self.new, languages=languages, seed=seed, initial=start)

    def record(self, child: Child) -> dict[str, Any]:
        """The record of initial embeddings for a pack: rows by origin, and counts of translated words."""
        start: dict[str, Any] = {"method": self.start.method, "rows": child.initial_rows}
        if self.start.words:
            start["words"] = {side: len(each) for side, each in self.start.words.items()}
        kind = {} if self._settings.vocabulary == "separate" else {"vocabulary": self._settings.vocabulary}
        return {"initial_embeddings": start, **kind}


def _initial_embeddings(parent: Parent, new: NewLanguages, prepared: Prepared) -> InitialEmbeddings:
    """The method for new embeddings, with the words of the training text that have translations."""
    words = {}
    if new.start == ALIGNED:
        words = {side: aligned_words(parent, side, prepared.train) for side in new.sides}
    for side, given in zip(new.sides, new.dictionaries):
        dictionary = read_dictionary(given) if isinstance(given, Path) else given
        words[side] = translated_words(dictionary, count_words(prepared.train.lines(side)))
    return InitialEmbeddings(new.start, words)
