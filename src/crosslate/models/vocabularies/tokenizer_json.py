"""SentencePiece vocabularies as ``tokenizer.json``, for the ``tokenizers`` library and transformers.js."""

from __future__ import annotations

import base64
import struct
from typing import Any

from crosslate.text.protobuf import fields
from crosslate.text.segmenters import WORD_START, SentencePieceSegmenter
from crosslate.text.vocabularies import Vocabulary

_NORMAL, _USER_DEFINED = 1, 4  # types of pieces
_UNIGRAM, _BPE = 1, 2  # types of models


def tokenizer_json(vocabulary: Vocabulary) -> dict[str, Any] | None:
    """A vocabulary as the content of ``tokenizer.json``, with its frame of ids around each text.

    transformers.js replaces a model's own rules of normalisation by NFKC.

    Source: ``sentencepiece_model.proto`` of SentencePiece. Of the model: 1 pieces (1 text, 2 score, 3 type),
    2 the trainer's settings (3 type of model, 35 bytes for unknown characters), 3 normalisation (2 rules,
    3 space before the text, 4 single spaces).

    Returns:
        None if the format cannot express it: a segmenter of another kind, or pieces without an id.
    """
    segmenter = vocabulary.segmenter
    if not isinstance(segmenter, SentencePieceSegmenter):
        return None
    model: dict[int, list[dict[int, Any]]] = {1: [], 2: [{}], 3: [{}]}
    for number, value, _ in fields(segmenter.data):
        if number in model:
            model[number].append({inner: found for inner, found, _ in fields(value)})
    settings, rules = model[2][-1], model[3][-1]
    kinds = {piece[1].decode("utf-8"): piece.get(3, _NORMAL) for piece in model[1]}
    scores = {
        piece[1].decode("utf-8"): struct.unpack("<f", piece.get(2, bytes(4)))[0]
        for piece in model[1]
        if piece.get(3, _NORMAL) == _NORMAL
    }
    kind = settings.get(3, _UNIGRAM)
    ids = {piece: index for index, piece in enumerate(vocabulary.pieces)}
    if kind not in (_UNIGRAM, _BPE) or not scores.keys() <= ids.keys():
        return None
    unknown = vocabulary.special.unk
    common = {"byte_fallback": bool(settings.get(35))}
    if kind == _BPE:
        described = {
            "type": "BPE", "vocab": ids, "merges": _merges(scores), "fuse_unk": True,
            "unk_token": vocabulary.pieces[unknown], **common,
        }  # fmt: skip
    else:
        least = min(scores.values())
        entries = [[piece, scores.get(piece, least)] for piece in vocabulary.pieces]
        described = {"type": "Unigram", "vocab": entries, "unk_id": unknown, **common}
    silent = vocabulary.silent | {unknown}
    added = [
        {
            "id": index, "content": piece, "special": index in silent, "single_word": False, "lstrip": False,
            "rstrip": False, "normalized": False,
        }
        for index, piece in enumerate(vocabulary.pieces)
        if index in silent or kinds.get(piece) == _USER_DEFINED
    ]  # fmt: skip
    spaces = {
        "type": "Metaspace", "replacement": WORD_START, "split": True,
        "prepend_scheme": "first" if rules.get(3, 1) else "never",
    }  # fmt: skip
    return {
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": added,
        "normalizer": {"type": "Sequence", "normalizers": _normalisers(rules)},
        "pre_tokenizer": spaces, "post_processor": _framed(vocabulary), "decoder": spaces, "model": described,
    }  # fmt: skip


def _merges(scores: dict[str, float]) -> list[tuple[str, str]]:
    """Every way to join two pieces to a third, the best piece first."""
    return [
        (piece[:end], piece[end:])
        for piece in sorted(scores, key=lambda each: -scores[each])
        for end in range(1, len(piece))
        if piece[:end] in scores and piece[end:] in scores
    ]


def _normalisers(rules: dict[int, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    if rules.get(2):
        charsmap = base64.b64encode(rules[2]).decode("ascii")
        found.append({"type": "Precompiled", "precompiled_charsmap": charsmap})
    if rules.get(4, 1):
        found.append({"type": "Strip", "strip_left": True, "strip_right": True})
        found.append({"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": " "})
    return found


def _framed(vocabulary: Vocabulary) -> dict[str, Any]:
    frame, pieces = vocabulary.frame, vocabulary.pieces
    parts = [
        [{"SpecialToken": {"id": pieces[index], "type_id": 0}} for index in ids]
        for ids in (frame.before, frame.after)
    ]
    text, other = ({"Sequence": {"id": name, "type_id": 0}} for name in "AB")
    around = {*frame.before, *frame.after}
    return {
        "type": "TemplateProcessing",
        "single": [*parts[0], text, *parts[1]],
        "pair": [*parts[0], text, other, *parts[1]],
        "special_tokens": {
            pieces[index]: {"id": pieces[index], "ids": [index], "tokens": [pieces[index]]}
            for index in sorted(around)
        },
    }
