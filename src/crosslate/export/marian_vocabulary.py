"""Vocabularies as Marian reads them: SentencePiece models whose ids are the rows of the tables.

Marian takes ids from the SentencePiece model itself, with the end of sentence and the unknown piece first. A
vocabulary of ours may map a model's pieces to other ids (OPUS-MT) and list pieces that the model lacks, so
the model's list of pieces is written anew; its normalisation stays as it is.

Source: ``sentencepiece_model.proto`` of SentencePiece. Of the model: 1 pieces (1 text, 2 score, 3 type), 2
the trainer's settings (40 to 43 special ids, 45 to 48 their pieces), 4 a self-test of the old list.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from crosslate.errors import Faults, PackError
from crosslate.text.protobuf import field, fields, message, values
from crosslate.text.segmenters import SentencePieceSegmenter
from crosslate.text.vocabularies import Vocabulary

EOS, UNK = 0, 1
_NORMAL, _UNKNOWN, _CONTROL, _USER_DEFINED, _UNUSED, _BYTE = range(1, 7)
_OF_TEXT = (_NORMAL, _USER_DEFINED, _BYTE)
_PIECE, _TRAINER, _SELF_TEST = 1, 2, 4
_SPECIAL_SETTINGS = range(40, 49)
_EOS_ID, _UNK_ID = 42, 40


@dataclass(frozen=True)
class MarianVocabulary:
    """One side's vocabulary in Marian's order.

    Attributes:
        model: the SentencePiece model.
        rows: the row of the child's table for each row; the unknown piece's for pieces that text may lead to
            but the child does not know.
        num_known: rows up to here are the child's own pieces; text is never written with the later ones.
    """

    model: bytes
    rows: tuple[int, ...]
    num_known: int

    @classmethod
    def of(cls, vocabulary: Vocabulary, multiple: int = 1) -> MarianVocabulary:
        """A vocabulary in Marian's order.

        Args:
            vocabulary: see :func:`check_vocabulary`.
            multiple: the number of rows is a multiple of this; pieces without text fill it up.

        Raises:
            VocabularyError: SentencePiece does not accept the list of pieces.
        """
        special = vocabulary.special
        own = _Entries(vocabulary.model)
        # Neither text nor a translation has the other silent pieces, so Marian needs no rows for them.
        left_out = vocabulary.silent | {special.eos, special.unk}
        order = [special.eos, special.unk]
        order += [index for index in range(len(vocabulary)) if index not in left_out]
        entries = [_entry("</s>", 0.0, _CONTROL), _entry("<unk>", 0.0, _UNKNOWN)]
        entries += [own.entry(vocabulary.pieces[index]) for index in order[2:]]
        known = set(vocabulary.pieces)
        entries += [entry for piece, entry in own.of_text.items() if piece not in known]
        entries += [
            _entry(f"<padding {number}>", own.lowest, _UNUSED) for number in range(-len(entries) % multiple)
        ]
        rows = (*order, *[special.unk] * (len(entries) - len(order)))
        made = cls(own.rewritten(entries), rows, len(order))
        _check_ids(made)
        return made

    @cached_property
    def pieces(self) -> tuple[str, ...]:
        """The piece of each row."""
        return SentencePieceSegmenter(self.model).pieces

    @cached_property
    def new_ids(self) -> dict[int, int]:
        """The row of each id of the child."""
        return {old: new for new, old in enumerate(self.rows[: self.num_known])}


def check_vocabulary(side: str, vocabulary: Vocabulary, faults: Faults) -> None:
    """Adds a fault for everything about a vocabulary that Marian has no place for."""
    frame, special = vocabulary.frame, vocabulary.special
    if vocabulary.segmenter.kind != "sentencepiece":
        faults.add(
            f"the {side} vocabulary uses a {vocabulary.segmenter.kind!r} tokenizer, expected "
            f"'sentencepiece', as in packs with a new {side} language"
        )
    if frame.text:
        faults.add(f"{side} texts need the prefix {frame.text!r}, which Marian does not add")
    if frame.before or frame.after != (special.eos,):
        before, after = (_listed(vocabulary, ids) for ids in (frame.before, frame.after))
        faults.add(
            f"{side} sentences have {before} before and {after} after them, expected nothing before and the "
            "end of sentence after"
        )


def _listed(vocabulary: Vocabulary, ids: Sequence[int]) -> str:
    return " ".join(vocabulary.pieces[index] for index in ids) or "nothing"


class _Entries:
    """The pieces of a SentencePiece model as messages, by their text."""

    def __init__(self, model: bytes) -> None:
        self._fields = list(fields(model))
        entries = [values(value) for number, value, _ in self._fields if number == _PIECE]
        raws = [raw for number, _, raw in self._fields if number == _PIECE]
        kinds = [entry.get(3, _NORMAL) for entry in entries]
        scores = [struct.unpack("<f", entry.get(2, bytes(4)))[0] for entry in entries]
        # What gets this score is never preferred to a piece of the model, nor to an unknown character.
        self.lowest = min(scores, default=0.0) - 20.0
        pieces = [entry[1].decode("utf-8") for entry in entries]
        self.of_text = {
            piece: raw for piece, kind, raw in zip(pieces, kinds, raws) if kind in _OF_TEXT
        }  # fmt: skip

    def entry(self, piece: str) -> bytes:
        """The message of a piece that the vocabulary lists."""
        # A single character has an id wherever it comes from; no text leads to another model's other pieces.
        kind = _NORMAL if len(piece) == 1 else _UNUSED
        return self.of_text.get(piece) or _entry(piece, self.lowest, kind)

    def rewritten(self, entries: Sequence[bytes]) -> bytes:
        """The model with other pieces."""
        rest = []
        for number, value, raw in self._fields:
            if number == _TRAINER:
                kept = b"".join(each for inner, _, each in fields(value) if inner not in _SPECIAL_SETTINGS)
                raw = field(_TRAINER, kept + message((_UNK_ID, UNK), (_EOS_ID, EOS)))
            if number not in (_PIECE, _SELF_TEST):
                rest.append(raw)
        return b"".join([*entries, *rest])


def _entry(piece: str, score: float, kind: int) -> bytes:
    return field(_PIECE, message((1, piece), (2, score), (3, kind)))


def _check_ids(made: MarianVocabulary) -> None:
    processor = SentencePieceSegmenter(made.model).processor
    found = processor.eos_id(), processor.unk_id(), processor.GetPieceSize()
    if found != (EOS, UNK, len(made.rows)):
        raise PackError(
            "the rewritten SentencePiece model has the end of sentence, the unknown piece and the size "
            f"{found}, expected {(EOS, UNK, len(made.rows))}; use another exporter"
        )
