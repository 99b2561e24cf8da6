"""Marian's model files: arrays by Marian's names and a configuration, as ``.npz`` and as ``.bin``.

A ``.bin`` is little-endian: the version, the number of items and four numbers each (length of the name, type,
number of dimensions, bytes of data), all of 8 bytes; then the names, each with a NUL; the shapes, 4 bytes a
number; the length of a gap, and the gap, after which data begin at a multiple of 256. An 8-bit matrix lies
transposed, tables of embeddings do not; a float32 multiplier follows its bytes.
"""

from __future__ import annotations

import gzip
import io
import struct
import zipfile
import zlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crosslate.config import parse_yaml
from crosslate.errors import Faults, ParentError
from crosslate.files import atomic_file

CONFIGURATION = "special:model.yml"
_VERSION, _ALIGNMENT = 1, 256
_FLOAT32, _EIGHT_BIT, _BYTES = 0x404, 0x4101, 0x101
_SCALE = "_QuantMultA"  # of activations in a calibrated model: says nothing about the model itself
_TABLE = "Wemb"
_LARGEST = 127
# Trained numbers hardly get smaller: what grows so much when unpacked was made to fill a memory.
_MAX_EXPANSION, _ALWAYS_UNPACKED_BYTES = 50, 1 << 20
_DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, NotImplementedError, KeyError)


@dataclass
class MarianModel:
    """What a model file of Marian holds.

    Attributes:
        tensors: float32 arrays by Marian's names (``encoder_l1_self_Wq``); a vector has the shape (1, n), and
            a layer computes x·W, so matrices are (inputs, outputs).
        configuration: Marian's options of the model (``dim-emb: 256``).
    """

    tensors: dict[str, NDArray[np.float32]]
    configuration: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path) -> MarianModel:
        """Reads ``.npz`` or ``.bin``, also compressed (``.gz``); the content decides, not the name.

        Raises:
            ParentError: missing, damaged, of another kind, or with numbers of a type that only Marian itself
                can unpack.
        """
        content = read_content(path)
        read = _read_npz if content.startswith(b"PK") else _read_bin
        try:
            return cls(*read(content))
        except ParentError as error:
            raise ParentError(f"cannot read {path} as a model of Marian: {error}") from None

    def write_npz(self, path: Path) -> None:
        """Writes ``.npz``, as Marian's training does."""
        arrays: dict[str, Any] = dict(self.tensors)
        arrays[CONFIGURATION] = np.frombuffer(_yaml_of(self.configuration), np.int8)
        with atomic_file(path) as temporary, temporary.open("wb") as file:
            np.savez(file, **arrays)

    def write_bin(self, path: Path, eight_bit: Collection[str] = ()) -> None:
        """Writes ``.bin``, as ``marian-conv`` does.

        Args:
            eight_bit: names of the matrices to store in 8 bits; the others stay float32.
        """
        items = []
        for name, array in sorted(self.tensors.items()):
            if name in eight_bit:
                data, kind = _in_eight_bit(name, array), _EIGHT_BIT
            else:
                data, kind = np.ascontiguousarray(array, "<f4").tobytes(), _FLOAT32
            items.append((name, kind, array.shape, _padded(data)))
        text = _yaml_of(self.configuration)
        items.append((CONFIGURATION, _BYTES, (len(text),), text))
        encoded = [name.encode("utf-8") + b"\0" for name, *_ in items]
        head = struct.pack("<QQ", _VERSION, len(items))
        for label, (_, kind, shape, data) in zip(encoded, items):
            head += struct.pack("<QQQQ", len(label), kind, len(shape), len(data))
        head += b"".join(encoded)
        head += b"".join(struct.pack(f"<{len(shape)}i", *shape) for _, _, shape, _ in items)
        gap = -(len(head) + 8) % _ALIGNMENT
        head += struct.pack("<Q", gap) + bytes(gap)
        with atomic_file(path) as temporary, temporary.open("wb") as file:
            file.write(head)
            for *_, data in items:
                file.write(data)


def quantised(array: NDArray[np.float32]) -> tuple[NDArray[np.int8], float]:
    """An array in 8 bits and the multiplier m of ``array ≈ bytes / m``."""
    largest = float(np.abs(array).max(initial=0.0))
    multiplier = float(np.float32(_LARGEST / largest)) if largest else 1.0
    values = np.clip(np.rint(array * np.float32(multiplier)), -_LARGEST, _LARGEST)
    return values.astype(np.int8), multiplier


def _in_eight_bit(name: str, array: NDArray[np.float32]) -> bytes:
    values, multiplier = quantised(array if name.endswith(_TABLE) else array.T)
    return values.tobytes() + struct.pack("<f", multiplier)


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % _ALIGNMENT)


def _yaml_of(configuration: Mapping[str, Any]) -> bytes:
    import yaml

    text: str = yaml.safe_dump(dict(configuration), allow_unicode=True)
    return text.encode("utf-8") + b"\0"


def _configuration(content: bytes) -> dict[str, Any]:
    import yaml

    faults = Faults(f"its {CONFIGURATION} is damaged")
    values: Any = None
    try:
        values = parse_yaml(content.rstrip(b"\0").decode("utf-8"), faults)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        faults.add(" ".join(str(error).split()))
    faults.raise_as(ParentError)
    if not isinstance(values, dict):
        raise ParentError(f"its {CONFIGURATION} holds {type(values).__name__}, expected options by name")
    return values


def read_content(path: Path, num_bytes: int | None = None) -> bytes:
    """The bytes of a file, unpacked if it is a ``.gz``; the first ones only if ``num_bytes`` is given.

    Raises:
        ParentError: missing, damaged, or growing beyond all measure when unpacked.
    """
    try:
        with path.open("rb") as file:
            is_packed = file.read(2) == b"\x1f\x8b"
        limit = max_unpacked_bytes(path.stat().st_size) if num_bytes is None else num_bytes
        with gzip.open(path) if is_packed else path.open("rb") as file:
            content = file.read(limit) if is_packed or num_bytes is not None else file.read()
            if is_packed and num_bytes is None and file.read(1):
                raise EOFError(f"it unpacks to more than {limit:,} bytes; expected a file of a model")
    except (OSError, EOFError, zlib.error) as error:
        raise ParentError(f"cannot read {path}: {getattr(error, 'strerror', None) or error}") from None
    return content


def max_unpacked_bytes(packed_bytes: int) -> int:
    """How much compressed files of a model may grow before they are taken for made to fill a memory."""
    return max(_MAX_EXPANSION * packed_bytes, _ALWAYS_UNPACKED_BYTES)


def _read_npz(content: bytes) -> tuple[dict[str, NDArray[np.float32]], dict[str, Any]]:
    tensors: dict[str, NDArray[np.float32]] = {}
    configuration: dict[str, Any] = {}
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            size = sum(member.file_size for member in archive.infolist())
            if size > max_unpacked_bytes(len(content)):
                raise ParentError(
                    f"its {len(content):,} bytes unpack to {size:,}; get it again from where it was published"
                )
            for member in archive.infolist():
                name = member.filename.removesuffix(".npy")
                array = _array(name, archive.read(member))
                if name == CONFIGURATION:
                    configuration = _configuration(array.tobytes())
                elif array.dtype.kind != "f":
                    raise ParentError(f"{name} is of type {array.dtype}, expected numbers with a point")
                else:
                    tensors[name] = np.asarray(array, np.float32)
    except _DAMAGE as error:
        if isinstance(error, ParentError):
            raise
        raise ParentError(f"the .npz is damaged ({error}); get it again") from None
    return tensors, configuration


def _array(name: str, content: bytes) -> NDArray[Any]:
    """An array of a ``.npy``; no more memory is taken than there are bytes."""
    file = io.BytesIO(content)
    version = np.lib.format.read_magic(file)
    if version != (1, 0):
        raise ValueError(f"{name} is in version {version} of .npy, expected (1, 0)")
    shape, is_fortran, dtype = np.lib.format.read_array_header_1_0(file)
    count = prod(shape)
    if dtype.hasobject or count * dtype.itemsize != len(content) - file.tell():
        raise ValueError(f"{name} has {len(content) - file.tell():,} bytes for {count:,} numbers of {dtype}")
    array = np.frombuffer(content, dtype, count, file.tell())
    return array.reshape(shape, order="F" if is_fortran else "C")


def _read_bin(content: bytes) -> tuple[dict[str, NDArray[np.float32]], dict[str, Any]]:
    reader = _Reader(content)
    version, count = reader.numbers("Q", 2)
    if version != _VERSION:
        raise ParentError(f"it is neither .npz nor .bin: it begins with {content[:8]!r}")
    headers = [reader.numbers("Q", 4) for _ in range(reader.at_most(count, 32))]
    names = [reader.take(length).rstrip(b"\0").decode("utf-8", "replace") for length, *_ in headers]
    shapes = [reader.numbers("i", num_dimensions) for _, _, num_dimensions, _ in headers]
    (gap,) = reader.numbers("Q", 1)
    reader.take(gap)
    tensors: dict[str, NDArray[np.float32]] = {}
    configuration: dict[str, Any] = {}
    for name, shape, (_, kind, _, size) in zip(names, shapes, headers):
        data = reader.take(size)
        if name == CONFIGURATION:
            configuration = _configuration(data)
        elif not name.endswith(_SCALE):
            tensors[name] = _item(name, kind, shape, data)
    return tensors, configuration


class _Reader:
    """The bytes of a ``.bin`` from its beginning; asks for nothing that lies beyond its end."""

    def __init__(self, content: bytes) -> None:
        self._content, self._at = memoryview(content), 0

    def at_most(self, count: int, size: int) -> int:
        """``count`` things of ``size`` bytes, if there is room for them.

        Raises:
            ParentError: there is none.
        """
        left = len(self._content) - self._at
        if count * size > left:
            raise ParentError(
                f"it ends at byte {len(self._content):,}, expected {count * size:,} more after byte "
                f"{self._at:,}; the file is cut off or damaged, get it again"
            )
        return count

    def take(self, size: int) -> bytes:
        self.at_most(size, 1)
        self._at += size
        return bytes(self._content[self._at - size : self._at])

    def numbers(self, kind: str, count: int) -> tuple[int, ...]:
        layout = struct.Struct(f"<{self.at_most(count, struct.calcsize(f'<{kind}'))}{kind}")
        return layout.unpack(self.take(layout.size))


def _item(name: str, kind: int, shape: tuple[int, ...], data: bytes) -> NDArray[np.float32]:
    count = prod(shape)
    needed = {_FLOAT32: 4 * count, _EIGHT_BIT: count + 4}.get(kind)
    if needed is None:
        raise ParentError(
            f"{name} is of Marian's type {kind:#x}, expected float32 ({_FLOAT32:#x}) or 8-bit "
            f"({_EIGHT_BIT:#x}), which every machine reads alike; get the model before it was packed for one "
            "kind of processor"
        )
    if min(shape, default=1) < 0 or needed > len(data):
        raise ParentError(f"{name} has {len(data):,} bytes for the shape {shape}; the file is damaged")
    if kind == _FLOAT32:
        return np.frombuffer(data, "<f4", count).reshape(shape).astype(np.float32)
    values = np.frombuffer(data, np.int8, count)
    (multiplier,) = struct.unpack_from("<f", data, count)
    if not 0 < multiplier < float("inf"):
        raise ParentError(f"{name} has the multiplier {multiplier}, expected a number above 0")
    matrix = values.reshape(shape) if name.endswith(_TABLE) else values.reshape(shape[::-1]).T
    return np.ascontiguousarray(matrix / np.float32(multiplier), np.float32)
