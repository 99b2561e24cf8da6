"""What a new side is made of before training: its vocabulary, and what its embeddings start from."""

from __future__ import annotations

import json
import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, astuple, dataclass
from functools import partial
from typing import Any, Literal, get_args

from crosslate.adaptation.aligned_words import aligned_words
from crosslate.adaptation.data import DataSettings, Prepared, vocabulary
from crosslate.adaptation.runs import Run
from crosslate.errors import UsageError, nearest
from crosslate.files import sha256_text
from crosslate.languages.words import count_words
from crosslate.models.child import Child, make_child
from crosslate.models.groups import SIDES, Side
from crosslate.models.initialisers.initial_embeddings import (
    ALIGNED,
    RANDOM,
    InitialEmbeddings,
    Method,
    TranslatedWord,
    translated_words,
)
from crosslate.models.parent import Parent
from crosslate.models.strategies import Strategy
from crosslate.models.vocabularies.new_language import NewSide, appended_side, coded_side

log = logging.getLogger(__name__)

VocabularyKind = Literal["separate", "appended"]
Dictionary = Mapping[str, Collection[str]]


@dataclass(frozen=True)
class NewVocabulary:
    """What a new language's vocabulary is.

    Attributes:
        kind: ``separate`` or ``appended``.
        code: the piece that stands for the language (``kab_Latn``), where the parent has codes. Empty: a
            separate vocabulary has none; an appended one the parent's for this language, else one spelt by
            its family's rules.
        related: a language of the parent whose code a new code starts from; empty for the mean of all.
    """

    kind: VocabularyKind = "separate"
    code: str = ""
    related: str = ""

    def __post_init__(self) -> None:
        if self.kind not in get_args(VocabularyKind):
            raise UsageError(
                f"unknown kind of vocabulary {self.kind!r}; {nearest(self.kind, get_args(VocabularyKind))}"
            )
        if self.kind == "separate" and self.related:
            raise UsageError(
                "all rows of a separate vocabulary start from random values; leave the related language out"
            )


class NewSides:
    """The new sides of a child to be, from which children are made.

    Args:
        new: languages by side; None for a side that stays.
        wanted: what the vocabularies are.
        start: where their embeddings start.

    Attributes:
        new: the renewed sides.
        identity: what a resumed run must have the same of all this; nothing of the defaults, so that older
            runs go on.
    """

    def __init__(
        self,
        parent: Parent,
        strategy: Strategy,
        new: Mapping[Side, str | None],
        wanted: NewVocabulary,
        start: InitialEmbeddings,
        prepared: Prepared,
        data: DataSettings,
        run: Run,
    ) -> None:
        self._parent, self._languages, self._wanted, self._start = parent, new, wanted, start
        self.new: dict[Side, NewSide] = {}
        # A strategy that renews no side keeps the parent's vocabularies for the new language, too.
        if strategy.renews != frozenset():
            with run.main_process_first():
                for side in SIDES:
                    if language := new[side]:
                        self.new[side] = self._make(side, language, prepared, data, run)
        self.identity: dict[str, Any] = {}
        if wanted != NewVocabulary():
            self.identity["vocabulary"] = asdict(wanted)
        if start.method == ALIGNED:  # made of the parent and the corpus, which are in the identity anyway
            self.identity["initial_embeddings"] = [start.method]
        elif start.method != RANDOM:
            words = {side: [astuple(word)[:3] for word in each] for side, each in sorted(start.words.items())}
            self.identity["initial_embeddings"] = [start.method, sha256_text(json.dumps(words))]

    def _make(self, side: Side, language: str, prepared: Prepared, data: DataSettings, run: Run) -> NewSide:
        kept = self._parent.source if side == "source" else self._parent.target
        learn = partial(vocabulary, prepared, side, data, run.encoded, kept.special)
        wanted = self._wanted
        if wanted.kind == "appended":
            made = appended_side(
                self._parent, side, language, learn, code=wanted.code, related=wanted.related
            )
            _log_appended(side, made)
            return made
        if not wanted.code:
            return NewSide(language, learn())
        return coded_side(self._parent, side, language, learn, code=wanted.code)

    def child(self, strategy: Strategy, seed: int) -> Child:
        """A child of these sides by a strategy that renews them."""
        return make_child(
            self._parent, strategy, self.new, languages=self._languages, seed=seed, initial=self._start
        )

    def record(self, child: Child) -> dict[str, Any]:
        """What a pack says of the start: rows by their source, and words that were translated."""
        start: dict[str, Any] = {"method": self._start.method, "rows": child.initial_rows}
        if self._start.words:
            start["words"] = {side: len(each) for side, each in self._start.words.items()}
        kind = {} if self._wanted.kind == "separate" else {"vocabulary": self._wanted.kind}
        return {"initial_embeddings": start, **kind}


def initial_embeddings(
    method: Method,
    dictionaries: Mapping[Side, Dictionary],
    parent: Parent,
    prepared: Prepared,
    new: Mapping[Side, str | None],
) -> InitialEmbeddings:
    """Where new embeddings start, with the words of the training text that have translations."""
    words: dict[Side, Sequence[TranslatedWord]] = {}
    if method == ALIGNED:
        words = {side: aligned_words(parent, side, prepared.train) for side in SIDES if new[side]}
    for side, dictionary in dictionaries.items() if method == "dictionary" else ():
        if new[side]:
            words[side] = translated_words(dictionary, count_words(prepared.train.lines(side)))
    return InitialEmbeddings(method, words)


def _log_appended(side: Side, new: NewSide) -> None:
    pieces, appended = new.vocabulary.pieces, len(new.new_rows)
    code = f", one of them its code {pieces[new.code]}" if new.code in new.new_rows else ""
    log.info(
        "the new %s vocabulary has %s pieces: %s are the parent's, %s are appended%s",
        side, f"{len(pieces):,}", f"{len(pieces) - appended:,}", f"{appended:,}", code,
    )  # fmt: skip
