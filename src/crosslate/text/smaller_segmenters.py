"""Segmenters with fewer pieces that cut text of the kept pieces exactly as before.

Pieces are taken out of the model's own list (a SentencePiece model, or a ``tokenizer.json``), so what else is
written is cut into smaller pieces that are left, where a mere list of allowed pieces would make it unknown.

Why kept text is cut as before: byte-pair encoding goes through pieces that merges join, all of which are
kept (:func:`completed`), and of the merges that it chose none is missing; a unigram model's best way is still
there and nothing new competes with it, since an unknown character costs more than any piece, by a margin
below the worst piece, which is kept for that.
"""

from __future__ import annotations

import json
import struct
import unicodedata
from collections.abc import Collection
from functools import cached_property
from typing import Any

from crosslate.errors import InputError, VocabularyError
from crosslate.text.protobuf import fields, values
from crosslate.text.segmenters import WORD_START, JsonSegmenter, Segmenter, SentencePieceSegmenter

_NORMAL, _BPE = 1, 2  # of SentencePiece's types of pieces and of models


def scripts_of(text: str) -> set[str]:
    """First words of the Unicode names of the letters of a text: ``LATIN``, ``CYRILLIC``, ``CJK``."""
    return {_script(character) for character in set(text) if _is_letter(character)}


def completed(segmenter: Segmenter, pieces: Collection[str], scripts: Collection[str]) -> set[str]:
    """``pieces`` with all that a smaller segmenter needs beside them.

    These are pieces that stand for no text, pieces that cutting goes through, and single characters: those
    that are no letters, and letters of the scripts given, so that no other word of the languages kept
    becomes unknown. Of segmenters that cannot be made smaller, ``pieces`` alone.

    Args:
        scripts: as :func:`scripts_of` gives them.
    """
    editor = _editor(segmenter)
    if editor is None:
        return set(pieces)
    known = set(segmenter.pieces)
    kept = (known & set(pieces)) | editor.fixed
    kept |= {piece for piece in known if _is_needed_character(segmenter.marked(piece), scripts)}
    return _with_parts(kept, editor.merges)


def reduced(segmenter: Segmenter, pieces: Collection[str]) -> Segmenter:
    """The segmenter with ``pieces`` alone, in their order; itself where it cannot be made smaller.

    Args:
        pieces: as :func:`completed` gives them; what is no piece of the segmenter does not matter.
    """
    editor = _editor(segmenter)
    return segmenter if editor is None else editor.reduced(set(pieces))


def _is_letter(character: str) -> bool:
    return unicodedata.category(character)[0] in "LM"


def _script(character: str) -> str:
    return unicodedata.name(character, "").replace("-", " ").partition(" ")[0]


def _is_needed_character(marked: str, scripts: Collection[str]) -> bool:
    bare = marked.removeprefix(WORD_START)
    return len(bare) <= 1 and all(not _is_letter(each) or _script(each) in scripts for each in bare)


def _with_parts(kept: set[str], merges: dict[str, list[tuple[str, str]]]) -> set[str]:
    """With both parts of every merge that leads to a kept piece, and the parts of these."""
    left = list(kept)
    while left:
        for part in (part for pair in merges.get(left.pop(), ()) for part in pair):
            if part not in kept:
                kept.add(part)
                left.append(part)
    return kept


def _editor(segmenter: Segmenter) -> _SentencePieceEditor | _JsonEditor | None:
    if isinstance(segmenter, SentencePieceSegmenter):
        return _SentencePieceEditor(segmenter.data)
    if isinstance(segmenter, JsonSegmenter):
        model = json.loads(segmenter.data)
        if model["model"].get("type") in ("BPE", "Unigram"):
            return _JsonEditor(model)
    return None


class _SentencePieceEditor:
    """A SentencePiece model as the protocol buffer that it is, read no further than needed.

    Source: ``sentencepiece_model.proto`` of SentencePiece. Of the model: 1 pieces (1 text, 2 score, 3 type),
    2 the trainer's settings (3 type of model), 4 self-test, which holds for the whole model only.
    """

    def __init__(self, data: bytes) -> None:
        try:
            self._fields = [(number, value, raw) for number, value, raw in fields(data) if number != 4]
        except InputError as error:
            raise VocabularyError(f"not a SentencePiece model: {error}") from error
        entries = [values(value) for number, value, _ in self._fields if number == 1]
        self._pieces: list[str] = [entry[1].decode("utf-8") for entry in entries]
        settings = next((values(value) for number, value, _ in self._fields if number == 2), {})
        self._is_bpe = settings.get(3) == _BPE
        kinds = [entry.get(3, _NORMAL) for entry in entries]
        special = {piece for piece, kind in zip(self._pieces, kinds) if kind != _NORMAL}
        scores = [struct.unpack("<f", entry.get(2, bytes(4))) for entry in entries]
        ordinary = [row for row, kind in enumerate(kinds) if kind == _NORMAL]
        by_score = [self._pieces[row] for row in sorted(ordinary, key=scores.__getitem__)]
        # What stands for no text, bytes and what users defined; the best and the worst ordinary piece.
        self.fixed = special | {*by_score[:1], *by_score[-1:]}

    @cached_property
    def merges(self) -> dict[str, list[tuple[str, str]]]:
        """Every way to join two pieces to a third: byte-pair encoding here is a list of pieces."""
        if not self._is_bpe:
            return {}
        known = set(self._pieces)
        cuts = {piece: [(piece[:end], piece[end:]) for end in range(1, len(piece))] for piece in known}
        return {piece: [pair for pair in pairs if known.issuperset(pair)] for piece, pairs in cuts.items()}

    def reduced(self, pieces: set[str]) -> SentencePieceSegmenter:
        own = iter(self._pieces)
        kept = (raw for number, _, raw in self._fields if number != 1 or next(own) in pieces)
        return SentencePieceSegmenter(b"".join(kept))


class _JsonEditor:
    """A ``tokenizer.json`` whose model is BPE or Unigram."""

    def __init__(self, described: dict[str, Any]) -> None:
        self._described, self._model = described, described["model"]
        self._is_bpe = self._model["type"] == "BPE"
        self._pairs = [
            tuple(each.split(" ")) if isinstance(each, str) else tuple(each)
            for each in self._model.get("merges") or ()
        ]

    @cached_property
    def fixed(self) -> set[str]:
        """Added pieces, the unknown one, bytes; of a unigram model also the worst piece."""
        kept = {each["content"] for each in self._described.get("added_tokens") or ()}
        vocabulary = self._model["vocab"]
        if self._is_bpe:
            kept |= {self._model["unk_token"]} if self._model.get("unk_token") else set()
        else:
            kept.add(min(vocabulary, key=lambda each: each[1])[0])
            if self._model.get("unk_id") is not None:
                kept.add(vocabulary[self._model["unk_id"]][0])
        pieces = vocabulary if self._is_bpe else [piece for piece, _ in vocabulary]
        if self._model.get("byte_fallback"):
            kept |= {piece for piece in pieces if piece.startswith("<0x")}
        if '"ByteLevel"' in json.dumps([self._described.get(each) for each in ("pre_tokenizer", "decoder")]):
            kept |= {piece for piece in pieces if len(piece) == 1}
        return kept

    @cached_property
    def merges(self) -> dict[str, list[tuple[str, str]]]:
        found: dict[str, list[tuple[str, str]]] = {}
        for one, other in self._pairs:
            found.setdefault(one + other, []).append((one, other))
        return found

    def reduced(self, pieces: set[str]) -> JsonSegmenter:
        model = dict(self._model)
        if self._is_bpe:
            in_order = sorted(pieces & model["vocab"].keys(), key=model["vocab"].__getitem__)
            model["vocab"] = {piece: row for row, piece in enumerate(in_order)}
            model["merges"] = [
                list(pair) for pair in self._pairs if {*pair, "".join(pair)} <= model["vocab"].keys()
            ]
            ids = dict(model["vocab"])
        else:
            unknown = model["unk_id"]
            name = None if unknown is None else model["vocab"][unknown][0]
            model["vocab"] = [entry for entry in model["vocab"] if entry[0] in pieces]
            ids = {piece: row for row, (piece, _) in enumerate(model["vocab"])}
            model["unk_id"] = None if name is None else ids[name]
        added = sorted(self._described.get("added_tokens") or (), key=lambda each: each["id"])
        for each in added:
            ids.setdefault(each["content"], len(ids))
        described = {
            **self._described,
            "model": model,
            "added_tokens": [{**each, "id": ids[each["content"]]} for each in added],
            "post_processor": _renumbered(self._described.get("post_processor"), ids),
        }
        return JsonSegmenter(json.dumps(described, ensure_ascii=False).encode("utf-8"))


def _renumbered(value: Any, ids: dict[str, int]) -> Any:
    """A post-processor of the ``tokenizers`` library, which names special pieces with their ids."""
    if isinstance(value, dict) and {"ids", "tokens"} <= value.keys():
        return {**value, "ids": [ids[piece] for piece in value["tokens"]]}
    if isinstance(value, dict):
        return {key: _renumbered(each, ids) for key, each in value.items()}
    if isinstance(value, list) and len(value) == 2 and isinstance(value[1], int) and value[0] in ids:
        return [value[0], ids[value[0]]]
    return [_renumbered(each, ids) for each in value] if isinstance(value, list) else value
