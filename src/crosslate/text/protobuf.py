"""Protocol buffers field by field, without their schema: as much as models of two other formats need."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

from crosslate.errors import InputError

_FIXED_BYTES = {1: 8, 5: 4}


def fields(data: bytes) -> Iterator[tuple[int, Any, bytes]]:
    """The fields of a message: number, value (a number, or bytes), and the field's own bytes.

    Raises:
        InputError: a field has an unknown type.
    """
    at = 0
    while at < len(data):
        start = at
        key, at = _varint(data, at)
        kind = key & 7
        if kind not in (0, 2, *_FIXED_BYTES):
            raise InputError(f"not a protocol buffer: a field of unknown type at byte {start}")
        value: Any
        length, after = (_FIXED_BYTES[kind], at) if kind in _FIXED_BYTES else _varint(data, at)
        value, at = (length, after) if kind == 0 else (data[after : after + length], after + length)
        yield key >> 3, value, data[start:at]


def values(data: bytes) -> dict[int, Any]:
    """The values of a message by their numbers, the last of each."""
    return {number: value for number, value, _ in fields(data)}


def field(number: int, value: int | float | str | bytes) -> bytes:
    """One field as bytes: an integer from 0 up, a 32-bit float, a text or a message (bytes)."""
    if isinstance(value, int):
        return _as_varint(number << 3) + _as_varint(value)
    if isinstance(value, float):
        return _as_varint(number << 3 | 5) + struct.pack("<f", value)
    content = value.encode("utf-8") if isinstance(value, str) else value
    return _as_varint(number << 3 | 2) + _as_varint(len(content)) + content


def message(*entries: tuple[int, int | float | str | bytes]) -> bytes:
    """A message of fields, each a number and a value as :func:`field` takes them."""
    return b"".join(field(number, value) for number, value in entries)


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at


def _as_varint(value: int) -> bytes:
    encoded = bytearray()
    while value > 127:
        encoded.append(value & 127 | 128)
        value >>= 7
    return bytes([*encoded, value])
