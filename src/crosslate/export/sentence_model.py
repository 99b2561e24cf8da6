"""A sentence boundary model in the format that Argos Translate expects in a package.

Argos splits text into sentences with MiniSBD, which downloads a neural model on first use unless the package
contains one. This one is not trained: it encodes the rule of :mod:`crosslate.languages.sentence_ends` as a
small network over characters. A sentence ends at its final punctuation with up to two closing quotes or
brackets before a space, or at full stops of scripts without spaces, but not before a lower-case letter.

Format (ONNX, opset 13): inputs are ``units``, character ids ``(batch, length)``, and ``features``, empty
``(batch, length, 0)``; outputs are scores ``(batch, length, 3)``, where class 2 is the end of a sentence and
class 0 is none. In the metadata, ``vocab`` gives the ids and ``config`` the features.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Sequence

from crosslate.languages.orthography import END_MARKS, WIDE_END_MARKS
from crosslate.text.protobuf import field, message

_END, _WIDE_END, _CLOSER, _SPACE, _LOWER = (
    "".join(mark for mark in END_MARKS if mark not in WIDE_END_MARKS),
    WIDE_END_MARKS,
    "\"'”’»)]」』）",
    " ",
    "".join(character for character in map(chr, range(0x590)) if character.islower()),
)
_CLASSES = (_END, _WIDE_END, _CLOSER, _SPACE, _LOWER)
_FIRST_ID = 2  # after padding and characters without a class
_REACH = 2  # characters of context on each side

# Each case is one unit: (distance, class) pairs that must match, and pairs that must not.
_E, _W, _C, _S, _L = range(len(_CLASSES))
_CASES: tuple[tuple[tuple[tuple[int, int], ...], tuple[tuple[int, int], ...]], ...] = (
    (((0, _E), (1, _S)), ((2, _L),)),
    (((-1, _E), (0, _C), (1, _S)), ((2, _L),)),
    (((-2, _E), (-1, _C), (0, _C), (1, _S)), ((2, _L),)),
    (((0, _W),), ((1, _W), (1, _C))),
    (((-1, _W), (0, _C)), ((1, _C),)),
    (((-2, _W), (-1, _C), (0, _C)), ((1, _C),)),
)
_FLOAT, _INT64, _INTS = 1, 7, 7  # ONNX tensor and attribute types
_IR_VERSION, _OPSET = 7, 13


def sentence_model() -> bytes:
    """The file's bytes, which are always the same."""
    width, num_cases = 2 * _REACH + 1, len(_CASES)
    num_ids, num_classes = _FIRST_ID + len(_CLASSES), len(_CLASSES)
    table = [float(row - _FIRST_ID == column) for row in range(num_ids) for column in range(num_classes)]
    kernel = [0.0] * (num_cases * num_classes * width)
    biases = []
    for case, (wanted, unwanted) in enumerate(_CASES):
        for places, weight in ((wanted, 1.0), (unwanted, -1.0)):
            for distance, kind in places:
                kernel[(case * num_classes + kind) * width + distance + _REACH] = weight
        biases.append(1.0 - len(wanted))  # the sum is 1 if all conditions match, else 0 or less
    scores = [0.0] * (2 * num_cases) + [1.0] * num_cases
    graph = message(
        (1, _node("Gather", ["table", "units"], "classes")),
        (1, _node("Transpose", ["classes"], "columns", perm=[0, 2, 1])),
        (1, _node("Conv", ["columns", "kernel", "biases"], "cases", pads=[_REACH, _REACH])),
        (1, _node("Relu", ["cases"], "found")),
        (1, _node("Conv", ["found", "scores", "default"], "scored")),
        (1, _node("Transpose", ["scored"], "ends", perm=[0, 2, 1])),
        (2, "sentences"),
        (5, _tensor("table", table, num_ids, num_classes)),
        (5, _tensor("kernel", kernel, num_cases, num_classes, width)),
        (5, _tensor("biases", biases, num_cases)),
        (5, _tensor("scores", scores, 3, num_cases, 1)),
        (5, _tensor("default", [0.5, 0.0, 0.0], 3)),
        (11, _value("units", _INT64, "batch", "length")),
        (11, _value("features", _FLOAT, "batch", "length", 0)),
        (12, _value("ends", _FLOAT, "batch", "length", 3)),
    )
    metadata = {"lang_code": "mul", "config": json.dumps(_config()), "vocab": json.dumps(_vocabulary())}
    return message(
        (1, _IR_VERSION),
        (2, "crosslate"),
        (7, graph),
        (8, message((1, ""), (2, _OPSET))),
        *((14, message((1, name), (2, value))) for name, value in metadata.items()),
    )


def _config() -> dict[str, object]:
    return {"feat_funcs": [], "batch_size": 32, "max_seqlen": 1000, "skip_newline": False, "no_ssplit": False}


def _vocabulary() -> dict[str, object]:
    ids = {"<PAD>": 0, "<UNK>": 1}
    for index, characters in enumerate(_CLASSES):
        ids |= dict.fromkeys(characters, _FIRST_ID + index)
    return {"lang": "mul", "idx": 0, "cutoff": 0, "lower": False, "_unit2id": ids, "_id2unit": list(ids)}


def _node(kind: str, inputs: Sequence[str], output: str, **attributes: Sequence[int]) -> bytes:
    described = (
        message((1, name), *((8, value) for value in values), (20, _INTS))
        for name, values in attributes.items()
    )
    entries = ((1, name) for name in inputs)
    return message(*entries, (2, output), (3, output), (4, kind), *((5, each) for each in described))


def _tensor(name: str, values: Sequence[float], *shape: int) -> bytes:
    sizes = b"".join(field(1, size) for size in shape)
    return sizes + message((2, _FLOAT), (8, name), (9, struct.pack(f"<{math.prod(shape)}f", *values)))


def _value(name: str, kind: int, *shape: str | int) -> bytes:
    sizes = (message((2 if isinstance(size, str) else 1, size)) for size in shape)
    described = message((1, kind), (2, b"".join(field(1, size) for size in sizes)))
    return message((1, name), (2, field(1, described)))
