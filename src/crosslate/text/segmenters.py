"""What cuts text into pieces and joins them again: SentencePiece models, and the ``tokenizers`` library's.

A segmenter knows nothing of special ids, language codes or prefixes; these are a vocabulary's. It is made of
bytes, which are all there is to save.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any, Protocol

from crosslate.errors import VocabularyError

WORD_START = "▁"
"""SentencePiece's mark of a piece that begins a word; see :meth:`Segmenter.marked`."""


class Segmenter(Protocol):
    """Cuts and joins text. No text leads to a piece that stands for none, whatever it spells (``</s>``).

    Attributes:
        kind: ``sentencepiece``, ``tokenizers``, or ``transformers`` for tokenizers that exist only as Python
            code of that library.
        data: everything it is made of.
        identity: what a fingerprint covers: the same for equal segmentation by any version of the library.
        pieces: the piece of each of its own ids.
    """

    kind: str
    data: bytes

    @property
    def identity(self) -> bytes: ...

    @property
    def pieces(self) -> tuple[str, ...]: ...

    def split(self, text: str) -> list[str]:
        """Pieces of a text; what it does not know comes as any text that is no piece."""
        ...

    def split_to_ids(self, texts: Sequence[str]) -> list[list[int]]:
        """Its own ids of many texts."""
        ...

    def join(self, pieces: Sequence[str], unknown: str) -> str:
        """Text of pieces; the piece ``unknown`` shows as ``⁇``."""
        ...

    def marked(self, piece: str) -> str:
        """A piece as readable text, after SentencePiece's mark if it begins a word."""
        ...


class SentencePieceSegmenter:
    """A SentencePiece model."""

    kind = "sentencepiece"

    def __init__(self, data: bytes) -> None:
        import sentencepiece

        self.data = data
        self.processor = sentencepiece.SentencePieceProcessor()
        try:
            self.processor.LoadFromSerializedProto(data)
        except (RuntimeError, OSError) as error:
            raise VocabularyError(f"not a SentencePiece model: {error}") from None

    @property
    def identity(self) -> bytes:
        return self.data

    @cached_property
    def pieces(self) -> tuple[str, ...]:
        return tuple(self.processor.IdToPiece(index) for index in range(self.processor.GetPieceSize()))

    @cached_property
    def _of_text(self) -> frozenset[str]:
        """The pieces that text may lead to."""
        is_control, is_unknown = self.processor.IsControl, self.processor.IsUnknown
        rows = enumerate(self.pieces)
        return frozenset(piece for index, piece in rows if not (is_control(index) or is_unknown(index)))

    def split(self, text: str) -> list[str]:
        # Characters in a row that it does not know come as one piece, which may spell a special one. A single
        # one stays: a vocabulary that lists pieces of other models, too, may have it.
        pieces: list[str] = self.processor.EncodeAsPieces(_filled(text))
        return [piece if len(piece) == 1 or piece in self._of_text else "" for piece in pieces]

    def split_to_ids(self, texts: Sequence[str]) -> list[list[int]]:
        return self.processor.EncodeAsIds([_filled(text) for text in texts], num_threads=1)

    def join(self, pieces: Sequence[str], unknown: str) -> str:
        text: str = self.processor.DecodePieces(list(pieces))
        # Pieces of another model (OPUS-MT lists those of both sides together) keep their mark.
        return text.replace(WORD_START, " ").strip(" ") if WORD_START in text else text

    def marked(self, piece: str) -> str:
        return piece


class JsonSegmenter:
    """A ``tokenizer.json`` of the ``tokenizers`` library: byte-level BPE (BART), Unigram (T5), BPE (NLLB).

    Its post-processing is not used: what surrounds the pieces is the vocabulary's frame. Special pieces have
    other names while it cuts, so that text which spells one (``</s>``, ``eng_Latn``) is cut like any other.
    """

    kind = "tokenizers"

    def __init__(self, data: bytes) -> None:
        from tokenizers import Tokenizer

        self.data = data
        try:
            self._tokenizer = Tokenizer.from_str(_renamed(data))
        except Exception as error:  # the library raises plain Exception
            raise VocabularyError(f"not a tokenizer of the tokenizers library: {error}") from None
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()

    @cached_property
    def identity(self) -> bytes:
        model = json.loads(self.data)["model"]
        merges = [each.split(" ") if isinstance(each, str) else each for each in model.get("merges", [])]
        described = json.dumps([model["vocab"], merges], ensure_ascii=False, sort_keys=True)
        return described.encode("utf-8")

    @cached_property
    def pieces(self) -> tuple[str, ...]:
        ids = self._tokenizer.get_vocab(with_added_tokens=True)
        return by_id({piece.removeprefix(_RENAMED): index for piece, index in ids.items()})

    def split(self, text: str) -> list[str]:
        encoded = self._tokenizer.encode(_filled(text), add_special_tokens=False)
        return [self.pieces[index] for index in encoded.ids]

    def split_to_ids(self, texts: Sequence[str]) -> list[list[int]]:
        filled = [_filled(text) for text in texts]
        return [each.ids for each in self._tokenizer.encode_batch(filled, add_special_tokens=False)]

    def join(self, pieces: Sequence[str], unknown: str) -> str:
        shown = [" ⁇ " if piece == unknown else piece for piece in pieces]
        text = self._tokenizer.decoder.decode(shown) if self._tokenizer.decoder else " ".join(shown)
        return str(text).strip(" ")

    @cached_property
    def _is_byte_level(self) -> bool:
        return '"ByteLevel"' in json.dumps(json.loads(self.data).get("decoder"))

    def marked(self, piece: str) -> str:
        if not self._is_byte_level:
            return piece
        text = str(self._tokenizer.decoder.decode([piece]))
        return WORD_START + text[1:] if text.startswith(" ") else text


_RENAMED = "\0"  # no text holds it


def _renamed(data: bytes) -> str:
    """A ``tokenizer.json`` in which the names of special pieces are such as no text can spell.

    A unigram model finds its special pieces in text even if they are not matched beforehand.
    """
    described = json.loads(data)
    model, added = described["model"], described.get("added_tokens") or []
    pairs = (each.split(" ") if isinstance(each, str) else each for each in model.get("merges") or ())
    joined = {part for pair in pairs for part in pair}
    special = {each["content"] for each in added if each.get("special")} - joined

    def name(piece: Any) -> Any:
        return _RENAMED + piece if piece in special else piece

    for each in added:
        if each["content"] in special:
            each |= {"content": name(each["content"]), "normalized": False}
    vocabulary = model["vocab"]
    if isinstance(vocabulary, dict):
        model["vocab"] = {name(piece): index for piece, index in vocabulary.items()}
    else:
        model["vocab"] = [[name(piece), score] for piece, score in vocabulary]
    if "unk_token" in model:
        model["unk_token"] = name(model["unk_token"])
    return json.dumps({**described, "post_processor": None}, ensure_ascii=False)


def _filled(text: str) -> str:
    """A text, or none where it is white space: some segmenters have pieces for spaces."""
    return "" if text.isspace() else text


def by_id(ids: dict[str, int]) -> tuple[str, ...]:
    """The piece of every id up to the largest; ids without a piece get names that no text leads to."""
    pieces = {index: piece for piece, index in ids.items()}
    return tuple(pieces.get(index, f"<unused {index}>") for index in range(max(pieces, default=-1) + 1))


SEGMENTERS: dict[str, tuple[str, Callable[[bytes], Any]]] = {
    "sentencepiece": (".spm", SentencePieceSegmenter),
    "tokenizers": (".tokenizer.json", JsonSegmenter),
}
"""By kind: how a file with its data ends, and what makes a segmenter of the data."""
