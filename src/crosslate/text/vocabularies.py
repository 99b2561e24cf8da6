"""Vocabularies of one side: text to ids and back, with special ids that fit the parent.

A :class:`Vocabulary` is a segmenter, the piece of every id, the special ids and the frame that sentences
stand in. Vocabularies that Crosslate trains are SentencePiece models whose own ids are used; a parent's may
map a model's pieces to other ids (Marian, M2M100) or be cut by the ``tokenizers`` library (BART, NLLB, T5).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from crosslate.errors import UsageError, VocabularyError
from crosslate.files import atomic_file, read_json
from crosslate.text.segmenters import Segmenter, SentencePieceSegmenter


@dataclass(frozen=True)
class SpecialIds:
    """Ids of the pieces that stand for no text. ``bos`` is None where the model has none."""

    eos: int = 0
    unk: int = 1
    pad: int = 2
    bos: int | None = None

    def as_values(self) -> dict[str, int]:
        """The ids by name, without those that the model lacks."""
        return {name: index for name, index in vars(self).items() if index is not None}

    def fitted(self, size: int) -> SpecialIds:
        """The same ids where they lie below ``size``, else the lowest free ones.

        Marian checkpoints pad with their last id, which a smaller new vocabulary does not have.
        """
        wanted = self.as_values()
        kept = {name: index for name, index in wanted.items() if index < size}
        free = (index for index in range(size) if index not in kept.values())
        return SpecialIds(**{name: kept[name] if name in kept else next(free) for name in wanted})


@dataclass(frozen=True)
class Frame:
    """What stands around the pieces of a sentence, as a family of models was trained to see it.

    Attributes:
        before: ids before the pieces: a language's code (NLLB), the beginning of the sentence (BART).
        after: ids after them: the end of the sentence, and in mBART the language's code after that.
        text: put before the text itself (T5's ``translate English to German: ``).
    """

    before: tuple[int, ...] = ()
    after: tuple[int, ...] = ()
    text: str = ""


class Vocabulary:
    """The pieces of one side: text to ids in their frame, and back.

    Args:
        model: a SentencePiece model as bytes, or any other segmenter.
        pieces: the piece of every id, where ids are not the segmenter's own.
        special: required with ``pieces`` and with other segmenters than SentencePiece's, else the model's.
        frame: by default the end of sentence follows the pieces.
        control: ids of other pieces that stand for no text: codes of languages, sentinels, masks.

    Attributes:
        is_text: False for a source of recordings or images.
        has_own_ids: whether ids are the segmenter's own.
        silent: ids that stand for no text: the frame's, control ones, and special ones except the unknown
            piece's.
    """

    is_text = True

    def __init__(
        self,
        model: bytes | Segmenter,
        pieces: Sequence[str] | None = None,
        special: SpecialIds | None = None,
        frame: Frame | None = None,
        control: Iterable[int] = (),
    ) -> None:
        self.segmenter = SentencePieceSegmenter(model) if isinstance(model, bytes) else model
        self.has_own_ids = pieces is None
        if special is None and pieces is None and isinstance(self.segmenter, SentencePieceSegmenter):
            special = _own_special_ids(self.segmenter)
        if special is None:
            raise VocabularyError("pieces were given without their special ids")
        self.pieces = self.segmenter.pieces if pieces is None else tuple(pieces)
        self.special = special
        self.frame = Frame(after=(special.eos,)) if frame is None else frame
        self._ids = {piece: index for index, piece in enumerate(self.pieces)}
        self.control = frozenset(control) - {special.unk}
        silent = {special.eos, special.pad, special.bos, *self.frame.before, *self.frame.after, *self.control}
        self.silent = frozenset(index for index in silent if index is not None)

    @classmethod
    def load(cls, path: Path) -> Vocabulary:
        """Reads a SentencePiece model whose own ids are used; VocabularyError where that is not possible."""
        return cls(_read(path))

    @classmethod
    def load_mapped(cls, path: Path, mapping: Path, special: SpecialIds) -> Vocabulary:
        """Reads a SentencePiece model beside a JSON file ``{piece: id}`` (the layout of Marian parents)."""
        return cls(_read(path), read_mapping(mapping), special)

    @property
    def model(self) -> bytes:
        """What the segmenter is made of: for SentencePiece, its model."""
        return self.segmenter.data

    def framed(self, frame: Frame) -> Vocabulary:
        """The same vocabulary with another frame."""
        pieces = None if self.has_own_ids else self.pieces
        return Vocabulary(self.segmenter, pieces, self.special, frame, self.control)

    def with_control(self, control: Iterable[int]) -> Vocabulary:
        """The same vocabulary with other control ids."""
        pieces = None if self.has_own_ids else self.pieces
        return Vocabulary(self.segmenter, pieces, self.special, self.frame, control)

    def restricted(self, ids: Iterable[int]) -> tuple[Vocabulary, list[int]]:
        """A vocabulary of some pieces, in their order, with special and framing ones; and the ids it kept."""
        special, frame = self.special.as_values(), self.frame
        kept = sorted({*special.values(), *frame.before, *frame.after, *ids})
        new_ids = {old: new for new, old in enumerate(kept)}
        before, after = (tuple(new_ids[index] for index in each) for each in (frame.before, frame.after))
        specials = SpecialIds(**{key: new_ids[index] for key, index in special.items()})
        pieces = [self.pieces[index] for index in kept]
        control = [new_ids[index] for index in self.control if index in new_ids]
        return Vocabulary(self.segmenter, pieces, specials, Frame(before, after, frame.text), control), kept

    def __len__(self) -> int:
        return len(self.pieces)

    def has_pieces_of(self, other: Vocabulary) -> bool:
        """Whether both give the same ids to the same text, frames aside."""
        return (self.pieces, self.special) == (other.pieces, other.special) and (
            self.segmenter is other.segmenter or self.segmenter.identity == other.segmenter.identity
        )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Vocabulary) and self.frame == other.frame and self.has_pieces_of(other)

    __hash__ = object.__hash__

    @cached_property
    def fingerprint(self) -> str:
        """Hex sha256 over segmenter, pieces, special ids and, where it is not the usual one, the frame."""
        described: list[Any] = [list(self.pieces), repr(self.special)]
        if not self.has_usual_frame:
            described.append(repr(self.frame))
        text = json.dumps(described, ensure_ascii=False)
        return hashlib.sha256(self.segmenter.identity + text.encode("utf-8")).hexdigest()

    @property
    def has_usual_frame(self) -> bool:
        """Whether a sentence is its pieces and the end of sentence, as in every vocabulary that we train."""
        return self.frame == Frame(after=(self.special.eos,))

    def encode_pieces(self, text: str) -> list[str]:
        """Pieces of ``text`` without its frame; a piece without an id becomes the unknown piece."""
        unknown = self.pieces[self.special.unk]
        return [piece if piece in self._ids else unknown for piece in self.segmenter.split(text)]

    def encode(self, text: str) -> list[int]:
        """Ids of ``text`` in its frame, which by default is the end-of-sentence id after them."""
        return [*self.frame.before, *self._ids_of(self._prefixed(text)), *self.frame.after]

    def encode_batch(self, texts: Sequence[str]) -> list[list[int]]:
        """:meth:`encode` for many texts, faster. A text of nothing but space gives the frame's ids alone."""
        before, after = self.frame.before, self.frame.after
        if self.frame.text:
            texts = [self._prefixed(text) for text in texts]
        rows = self.segmenter.split_to_ids(texts) if self.has_own_ids else map(self._ids_of, texts)
        return [[*before, *row, *after] for row in rows]

    def _prefixed(self, text: str) -> str:
        return self.frame.text + text if self.frame.text and text.strip() else text

    def _ids_of(self, text: str) -> list[int]:
        unknown = self.special.unk
        return [self._ids.get(piece, unknown) for piece in self.segmenter.split(text)]

    @property
    def num_frame_ids(self) -> int:
        """How many ids :meth:`encode` gives for an empty text."""
        return len(self.frame.before) + len(self.frame.after)

    def decode(self, ids: Iterable[int]) -> str:
        """Text of ``ids``; those of :attr:`silent` show nothing."""
        return self.decode_pieces([self.pieces[index] for index in ids])

    def decode_pieces(self, pieces: Sequence[str]) -> str:
        """Text of pieces. Those without text show nothing, the unknown piece shows as ``⁇``."""
        shown = [piece for piece in pieces if piece not in self._silent_pieces]
        return self.segmenter.join(shown, self.pieces[self.special.unk])

    @cached_property
    def _silent_pieces(self) -> frozenset[str]:
        return frozenset(self.pieces[index] for index in self.silent)

    @cached_property
    def marked_pieces(self) -> tuple[str, ...]:
        """Every piece as readable text, after SentencePiece's mark if it begins a word."""
        return tuple(map(self.segmenter.marked, self.pieces))

    def save(self, path: Path) -> None:
        """Writes the segmenter (for SentencePiece its model; see :meth:`save_mapping`) atomically."""
        with atomic_file(path) as temporary:
            temporary.write_bytes(self.model)

    def save_mapping(self, path: Path) -> None:
        """Writes ``{piece: id}`` as JSON atomically, the ``vocab.json`` of Marian parents."""
        mapping = {piece: index for index, piece in enumerate(self.pieces)}
        with atomic_file(path) as temporary:
            temporary.write_text(json.dumps(mapping, ensure_ascii=False), encoding="utf-8")


class NoVocabulary(Vocabulary):
    """A source that is a signal. It has special pieces alone; asked for text, it says why there is none.

    Args:
        signal: what is read instead of text: :data:`AUDIO` or :data:`IMAGES`.
        folder: of the model, with the files of its processor; None where there are none.

    Attributes:
        reason: why this side has nothing to do with text, and what can be done.
    """

    is_text = False

    def __init__(self, signal: str, folder: Path | None = None) -> None:
        self.signal, self.folder = signal, folder
        what = {AUDIO: "recordings", IMAGES: "images"}.get(signal, "files")
        self.reason = (
            f"the source of this model is {signal}, not text; give it {what} in place of sentences, as in "
            "docs/speech-and-images.md"
        )
        super().__init__(_NoSegmenter(signal, self.reason), None, SpecialIds())


AUDIO, IMAGES = "audio", "images"
"""What a model reads that does not read text."""


class _NoSegmenter:
    kind = "none"
    pieces = ("</s>", "<unk>", "<pad>")
    marked = staticmethod(str)

    def __init__(self, signal: str, reason: str) -> None:
        self.data = self.identity = signal.encode()
        self._reason = reason

    def _refuse(self, *_: Any) -> Any:
        raise UsageError(self._reason)

    split = split_to_ids = join = _refuse


def read_mapping(path: Path) -> list[str]:
    """The pieces of a JSON file that maps pieces to the ids 0 to n-1 (else VocabularyError), by id."""
    ids = read_json(path)
    if not isinstance(ids, dict) or sorted(ids.values()) != list(range(len(ids))):
        raise VocabularyError(f"{path}: expected a JSON object that maps pieces to the ids 0 to n-1")
    return sorted(ids, key=ids.__getitem__)


def _own_special_ids(segmenter: SentencePieceSegmenter) -> SpecialIds:
    processor = segmenter.processor
    bos = processor.bos_id()
    special = SpecialIds(processor.eos_id(), processor.unk_id(), processor.pad_id(), None if bos < 0 else bos)
    if min(special.eos, special.unk, special.pad) < 0:
        raise VocabularyError(
            f"the SentencePiece model lacks a special piece ({special}); "
            "it must have end of sentence, unknown and padding"
        )
    return special


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise VocabularyError(f"{path}: not a SentencePiece model: {error.strerror}") from None
