"""SentencePiece vocabularies of one side, with special ids that fit the parent.

A :class:`Vocabulary` turns text into ids and back. Two kinds of files lead to one: a SentencePiece
model whose own ids are used (every vocabulary that Crosslate trains), and a SentencePiece model beside
a ``vocab.json`` that maps its pieces to other ids (Marian parents).
"""

from __future__ import annotations

import json
import logging
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

from crosslate.errors import VocabularyError
from crosslate.files import atomic_file, read_json

log = logging.getLogger(__name__)

Kind = Literal["bpe", "unigram"]
MIN_OCCURRENCES = 100
MAX_DEFAULT_SIZE = 32_000
MIN_SIZE = 64
_SIZE_STEP = 500
_SIZE_SAMPLE_LINES = 500_000
_CANDIDATE_SIZES = (1_000, 2_000, 4_000, 8_000, 16_000, MAX_DEFAULT_SIZE)


@dataclass(frozen=True)
class SpecialIds:
    """Ids of the pieces that stand for no text. ``bos`` is None where the model has none."""

    eos: int = 0
    unk: int = 1
    pad: int = 2
    bos: int | None = None

    def fitted(self, size: int) -> SpecialIds:
        """The same ids where they lie below ``size``, else the lowest free ones.

        Marian checkpoints pad with their last id, which a smaller new vocabulary does not have.
        """
        names = ("eos", "unk", "pad", "bos")
        wanted = {name: getattr(self, name) for name in names if getattr(self, name) is not None}
        kept = {name: index for name, index in wanted.items() if index < size}
        free = (index for index in range(size) if index not in kept.values())
        return SpecialIds(**{name: kept[name] if name in kept else next(free) for name in wanted})


class Vocabulary:
    """The pieces of one side.

    Args:
        model: a SentencePiece model, as bytes.
        pieces: the piece of every id, where ids are not SentencePiece's own.
        special: the special ids; required with ``pieces``, else read from the model.

    Attributes:
        pieces: the piece of every id, in id order.
        special: ids of end of sentence, unknown, padding and (maybe) beginning of sentence.
    """

    def __init__(
        self,
        model: bytes,
        pieces: Sequence[str] | None = None,
        special: SpecialIds | None = None,
    ) -> None:
        import sentencepiece

        self.model = model
        self._processor = sentencepiece.SentencePieceProcessor()
        try:
            self._processor.LoadFromSerializedProto(model)
        except (RuntimeError, OSError) as error:
            raise VocabularyError(f"not a SentencePiece model: {error}") from None
        self.has_own_ids = pieces is None
        if pieces is None:
            pieces = [self._processor.IdToPiece(index) for index in range(self._processor.GetPieceSize())]
            bos = self._processor.bos_id()
            special = SpecialIds(
                eos=self._processor.eos_id(),
                unk=self._processor.unk_id(),
                pad=self._processor.pad_id(),
                bos=None if bos < 0 else bos,
            )
            if min(special.eos, special.unk, special.pad) < 0:
                raise VocabularyError(
                    f"the SentencePiece model lacks a special piece ({special}); "
                    "it must have end of sentence, unknown and padding"
                )
        if special is None:
            raise VocabularyError("pieces were given without their special ids")
        self.pieces = tuple(pieces)
        self.special = special
        self._ids = {piece: index for index, piece in enumerate(self.pieces)}
        self._silent = {special.eos, special.pad, special.bos}

    @classmethod
    def load(cls, path: Path) -> Vocabulary:
        """Reads a SentencePiece model whose own ids are used.

        Raises:
            VocabularyError: missing, not a SentencePiece model, or without the special pieces.
        """
        return cls(_read(path))

    @classmethod
    def load_mapped(cls, path: Path, mapping: Path, special: SpecialIds) -> Vocabulary:
        """Reads a SentencePiece model beside a JSON file ``{piece: id}`` (the layout of Marian parents)."""
        ids = read_json(mapping)
        if not isinstance(ids, dict) or sorted(ids.values()) != list(range(len(ids))):
            raise VocabularyError(f"{mapping}: expected a JSON object that maps pieces to the ids 0 to n-1")
        return cls(_read(path), sorted(ids, key=ids.__getitem__), special)

    def restricted(self, ids: Iterable[int]) -> tuple[Vocabulary, list[int]]:
        """A vocabulary of some of the pieces, in their order, with the special ones; and the ids it kept."""
        special = {key: index for key, index in vars(self.special).items() if index is not None}
        kept = sorted({*special.values(), *ids})
        new_ids = {old: new for new, old in enumerate(kept)}
        specials = SpecialIds(**{key: new_ids[index] for key, index in special.items()})
        return Vocabulary(self.model, [self.pieces[index] for index in kept], specials), kept

    def __len__(self) -> int:
        return len(self.pieces)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Vocabulary) and (self.model, self.pieces, self.special) == (
            other.model,
            other.pieces,
            other.special,
        )

    __hash__ = object.__hash__

    @cached_property
    def fingerprint(self) -> str:
        """Hex sha256 over the SentencePiece model, the pieces and the special ids."""
        import hashlib

        described = json.dumps([list(self.pieces), repr(self.special)], ensure_ascii=False)
        return hashlib.sha256(self.model + described.encode("utf-8")).hexdigest()

    def encode_pieces(self, text: str) -> list[str]:
        """Pieces of ``text`` without special ones; a piece without an id becomes the unknown piece."""
        unknown = self.pieces[self.special.unk]
        return [piece if piece in self._ids else unknown for piece in self._processor.EncodeAsPieces(text)]

    def encode(self, text: str) -> list[int]:
        """Ids of ``text``, ended by the end-of-sentence id."""
        return [*(self._ids[piece] for piece in self.encode_pieces(text)), self.special.eos]

    def encode_batch(self, texts: Sequence[str]) -> list[list[int]]:
        """:meth:`encode` for many texts; several times faster where ids are SentencePiece's own."""
        if self.has_own_ids:
            return [
                [*ids, self.special.eos] for ids in self._processor.EncodeAsIds(list(texts), num_threads=1)
            ]
        return [self.encode(text) for text in texts]

    def decode(self, ids: Iterable[int]) -> str:
        """Text of ``ids``; end of sentence, padding and beginning of sentence are silent."""
        return self.decode_pieces([self.pieces[index] for index in ids if index not in self._silent])

    def decode_pieces(self, pieces: Sequence[str]) -> str:
        """Text of non-special pieces. The unknown piece shows as ``⁇``."""
        text: str = self._processor.DecodePieces(list(pieces))
        return text

    def save(self, path: Path) -> None:
        """Writes the SentencePiece model (only; see :meth:`save_mapping`) atomically."""
        with atomic_file(path) as temporary:
            temporary.write_bytes(self.model)

    def save_mapping(self, path: Path) -> None:
        """Writes ``{piece: id}`` as JSON atomically, the ``vocab.json`` of Marian parents."""
        with atomic_file(path) as temporary:
            temporary.write_text(
                json.dumps({piece: index for index, piece in enumerate(self.pieces)}, ensure_ascii=False),
                encoding="utf-8",
            )


def train_vocabulary(
    lines: Iterable[str],
    size: int | None = None,
    *,
    kind: Kind = "bpe",
    special: SpecialIds | None = None,
    max_lines: int = 2_000_000,
) -> Vocabulary:
    """Trains a SentencePiece vocabulary on the text of one side.

    Args:
        lines: sentences of one language.
        size: number of pieces, special ones included; None chooses :func:`default_size`.
        kind: byte-pair encoding or unigram language model.
        special: the special ids wanted; those that do not fit below ``size`` move (see SpecialIds.fitted).
        max_lines: at most so many lines, spread evenly over the text, are learnt from.

    Raises:
        VocabularyError: no text, a size below 64, or more pieces asked for than the text yields
            (the message then says how many it yields).
    """
    special = special or SpecialIds()
    with tempfile.TemporaryDirectory() as folder:
        text = Path(folder) / "text"
        num_lines = 0
        with text.open("w", encoding="utf-8") as file:
            for line in lines:
                if cleaned := line.replace("\n", " ").strip():
                    file.write(cleaned + "\n")
                    num_lines += 1
        if not num_lines:
            raise VocabularyError("cannot learn a vocabulary: the text is empty")
        is_chosen_by_us = size is None
        if size is None:
            with text.open(encoding="utf-8") as file:
                sample = list(_thinned(file, num_lines, _SIZE_SAMPLE_LINES))
            size = default_size(sample, kind=kind, num_lines=num_lines)
            log.info("vocabulary size chosen: %d pieces", size)
        if size < MIN_SIZE:
            raise VocabularyError(f"a vocabulary of {size} pieces is too small; give at least {MIN_SIZE}")
        if num_lines > max_lines:
            # SentencePiece itself would take the first ones, which may be all of one kind.
            with (
                text.open(encoding="utf-8") as whole,
                (Path(folder) / "thinned").open("w", encoding="utf-8") as file,
            ):
                file.writelines(_thinned(whole, num_lines, max_lines))
            text = Path(folder) / "thinned"
        model = _train(text, size, kind, special.fitted(size), max_lines, hard=not is_chosen_by_us)
    return Vocabulary(model)


def default_size(
    lines: Iterable[str],
    *,
    kind: Kind = "bpe",
    cap: int = MAX_DEFAULT_SIZE,
    num_lines: int | None = None,
) -> int:
    """The largest vocabulary size whose pieces nearly all occur at least 100 times in the text.

    Source: Gowda & May 2020, "Finding the Optimal Vocabulary Size for Neural Machine Translation": as many
    types as leave at least 95 % of them with 100 or more training examples. Single characters are not
    counted (rare ones are in every text), sizes go in steps of 500, and never below 1,000: on tens of
    thousands of short sentences the rule would ask for hundreds of pieces, and twice the tokens.

    Args:
        lines: the text the vocabulary will be trained on, or an even sample of it.
        cap: never more pieces than this.
        num_lines: how many lines the text has of which ``lines`` is a sample; None if it is the whole text.
    """
    sample = [line.strip() for line in lines if line.strip()]
    if not sample:
        raise VocabularyError("cannot choose a vocabulary size: the text is empty")
    enough = MIN_OCCURRENCES * min(1.0, len(sample) / (num_lines or len(sample)))
    with tempfile.TemporaryDirectory() as folder:
        text = Path(folder) / "text"
        text.write_text("\n".join(sample) + "\n", encoding="utf-8")

        def is_frequent_enough(size: int) -> bool:
            model = _train(text, size, kind, SpecialIds(), 1_000_000, hard=False)
            return _share_frequent(model, sample, enough) >= 0.95

        candidates = [size for size in _CANDIDATE_SIZES if size <= cap]
        chosen = candidates[0]
        for size in candidates[1:]:
            if not is_frequent_enough(size):
                break
            chosen = size
        else:
            return chosen
        upper = candidates[candidates.index(chosen) + 1]
        while upper - chosen > _SIZE_STEP:
            middle = (chosen + upper) // 2 // _SIZE_STEP * _SIZE_STEP
            if middle <= chosen:
                break
            if is_frequent_enough(middle):
                chosen = middle
            else:
                upper = middle
        return chosen


def _thinned(lines: Iterable[str], num_lines: int, num_wanted: int) -> Iterator[str]:
    """``num_wanted`` of ``num_lines`` lines, evenly spaced; all of them if there are no more."""
    for row, line in enumerate(lines):
        if row * num_wanted // num_lines != (row - 1) * num_wanted // num_lines or num_wanted >= num_lines:
            yield line


def _share_frequent(model: bytes, sample: Sequence[str], enough: float) -> float:
    import sentencepiece

    processor = sentencepiece.SentencePieceProcessor(model_proto=model)
    counts = Counter(index for ids in processor.EncodeAsIds(list(sample)) for index in ids)
    ordinary = [
        index
        for index in range(processor.GetPieceSize())
        if not (processor.IsControl(index) or processor.IsUnknown(index))
        and len(processor.IdToPiece(index).lstrip("▁")) > 1
    ]
    return sum(counts[index] >= enough for index in ordinary) / max(1, len(ordinary))


def _train(text: Path, size: int, kind: Kind, special: SpecialIds, max_lines: int, *, hard: bool) -> bytes:
    import io

    import sentencepiece

    model = io.BytesIO()
    try:
        with text.open(encoding="utf-8", newline="\n") as lines:
            sentencepiece.SentencePieceTrainer.Train(
                # Not the file's name: it would stand in the model, and no two models would be the same bytes.
                sentence_iterator=(line.rstrip("\n") for line in lines),
                model_writer=model,
                vocab_size=size,
                model_type=kind,
                character_coverage=1.0 if size >= 1_000 else 0.9995,
                eos_id=special.eos,
                unk_id=special.unk,
                pad_id=special.pad,
                bos_id=-1 if special.bos is None else special.bos,
                eos_piece="</s>",
                unk_piece="<unk>",
                pad_piece="<pad>",
                input_sentence_size=max_lines,
                shuffle_input_sentence=False,
                max_sentence_length=65_536,
                num_threads=1,  # the result must not depend on the machine
                hard_vocab_limit=hard,
                minloglevel=2,
            )
    except RuntimeError as error:
        raise VocabularyError(_explain(str(error), size)) from None
    return model.getvalue()


def _explain(message: str, size: int) -> str:
    """SentencePiece's own message ends with what to do, after a source location that helps nobody."""
    detail = message.rsplit("]", 1)[-1].strip() or message
    return f"cannot learn a vocabulary of {size} pieces: {detail} Give a smaller size or more text."


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise VocabularyError(f"{path}: no such file") from None
    except IsADirectoryError:
        raise VocabularyError(f"{path}: is a folder, expected a SentencePiece model") from None
