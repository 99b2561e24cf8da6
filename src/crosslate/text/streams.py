"""Bytes and lines of text files, compressed or not, and of standard input, in bounded memory.

What a line is, everywhere in Crosslate: text up to a line feed, and what follows the last line feed
if that is not empty. A carriage return before the line feed belongs to the line end; other characters
that Unicode calls separators (U+2028, U+0085, form feed) are text. A byte order mark at the start of a
file is dropped. Text is UTF-8 without NUL; anything else is a fault, never repaired.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import sys
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from crosslate.errors import CorpusError, Faults

STANDARD_INPUT = "-"
_BLOCK_BYTES = 1 << 20
_ZSTD_BLOCK_BYTES = 1 << 14  # its interface bounds only what goes in; small pieces bound what comes out
_FAULTS_SHOWN = 3
_BOM = "\ufeff"
_DECOMPRESSORS: dict[str, Any] = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}
_ZSTD = ".zst"
_MAGIC = {
    b"\x1f\x8b": "it looks gzip-compressed: its name must end in .gz",
    b"BZh": "it looks bzip2-compressed: its name must end in .bz2",
    b"\xfd7zXZ": "it looks xz-compressed: its name must end in .xz",
    b"\x28\xb5\x2f\xfd": "it looks zstd-compressed: its name must end in .zst",
    b"\xff\xfe": "it looks like UTF-16: convert it to UTF-8",
    b"\xfe\xff": "it looks like UTF-16: convert it to UTF-8",
}


class FileFaults:
    """The faults of one file: the first few in full, of the rest only the number."""

    def __init__(self, path: str | Path, *, unit: str = "line") -> None:
        self.name, self.unit = display_name(path), unit
        self.num_lines = 0  # read so far
        self.is_broken = False  # reading ended early, so that num_lines says nothing about the file
        self._count = 0
        self._messages: list[str] = []

    def __bool__(self) -> bool:
        return self._count > 0

    def add(self, message: str, line: int) -> None:
        """Notes a fault of one line (1-based)."""
        self._count += 1
        if self._count <= _FAULTS_SHOWN:
            self._messages.append(f"{self.name}, {self.unit} {line}: {message}")

    def break_off(self, message: str) -> None:
        """Notes a fault that ends the reading of the file; the message names the file."""
        self.is_broken = True
        self._count += 1
        self._messages.append(message)

    def report(self, faults: Faults) -> None:
        """Adds the messages to ``faults``."""
        for message in self._messages:
            faults.add(message)
        if hidden := self._count - len(self._messages):
            faults.add(f"{self.name}: {hidden} more faults ({self._count} in all)")


def display_name(path: str | Path) -> str:
    """How messages name ``path``."""
    return "standard input" if str(path) == STANDARD_INPUT else str(path)


def bare_name(path: str | Path) -> str:
    """The file's name in lower case, without the ending of a compression."""
    name = Path(path).name.lower()
    for ending in (*_DECOMPRESSORS, _ZSTD):
        name = name.removesuffix(ending)
    return name


def read_blocks(path: str | Path) -> Iterator[bytes]:
    """The uncompressed bytes of a file in blocks; ``-`` is standard input, which is not uncompressed.

    Raises:
        CorpusError: the file is missing, a folder, unreadable, or damaged as a compressed file.
    """
    if str(path) == STANDARD_INPUT:
        stream = sys.stdin.buffer
        # read1 returns what a pipe holds now, so that a line is answered before the next one is written
        yield from _blocks(getattr(stream, "read1", stream.read))
        return
    path = Path(path)
    check_is_file(path)
    ending = path.suffix.lower()
    is_compressed = ending in (*_DECOMPRESSORS, _ZSTD)
    try:
        if is_compressed and not path.stat().st_size:
            raise EOFError
        with path.open("rb") as file:
            if ending == _ZSTD:
                yield from _zstd_blocks(file)
            else:
                yield from _blocks((_DECOMPRESSORS[ending](file) if is_compressed else file).read)
    except EOFError:
        raise CorpusError(
            f"{path}: the compressed file ends too early; it was cut off, copy or download it again"
        ) from None
    except (OSError, zlib.error, lzma.LZMAError, _Damaged) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise CorpusError(f"{path}: cannot be read: {error.strerror}") from None
        raise CorpusError(
            f"{path}: not a whole {path.suffix} file ({error}); copy or download it again, "
            "or rename it if it is not compressed"
        ) from None


def check_is_file(path: str | Path) -> None:
    """Refuses a path that does not exist or is a folder (CorpusError), before anything is read."""
    if str(path) == STANDARD_INPUT:
        return
    try:
        is_folder, exists = Path(path).is_dir(), Path(path).exists()
    except (OSError, ValueError) as error:  # a name with a NUL byte, a loop of links, no permission
        raise CorpusError(f"{str(path)!r}: cannot be read: {error}") from None
    if is_folder:
        raise CorpusError(f"{path}: is a folder, expected a file")
    if not exists:
        raise CorpusError(f"{path}: no such file")


def read_lines(path: str | Path) -> Iterator[str]:
    """The lines of a text file (or of standard input, ``-``) without their ends, streaming.

    Whether the file exists is checked by the call, everything else while reading. Lines before a fault
    are yielded; after one, the rest of a file (not of standard input) is only searched for more faults.

    Raises:
        CorpusError: the file is missing, a folder or damaged, or has lines that are not UTF-8 or hold
            NUL bytes; the message names each of the first few.
    """
    check_is_file(path)
    return _read_lines(path)


def _read_lines(path: str | Path) -> Iterator[str]:
    found = FileFaults(path)
    for line in (lines := checked_lines(path, found)):
        if line is None:
            break
        yield line
    if str(path) != STANDARD_INPUT:
        for _ in lines:
            pass
    faults = Faults("cannot read the text")
    found.report(faults)
    faults.raise_as(CorpusError)


def checked_lines(path: str | Path, found: FileFaults) -> Iterator[str | None]:
    """The lines of a file; None in the place of a line with a fault, which goes to ``found``."""
    offset = 0
    try:
        for chunk in _whole_lines(read_blocks(path)):
            lines = _decode(chunk, found.num_lines, offset, found)
            found.num_lines += len(lines)
            offset += len(chunk)
            yield from lines
    except CorpusError as error:
        found.break_off(str(error))


def _whole_lines(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """Blocks regrouped so that each ends with a line feed, but for the last."""
    pending: list[bytes] = []
    for block in blocks:
        if end := block.rfind(b"\n") + 1:
            yield b"".join((*pending, block[:end]))
            pending = []
        if end < len(block):
            pending.append(block[end:])
    if pending:
        yield b"".join(pending)


def _decode(chunk: bytes, number: int, offset: int, found: FileFaults) -> list[str | None]:
    """Lines of a chunk that starts after ``number`` lines at byte ``offset`` of the file."""
    try:
        text = chunk.decode("utf-8")
    except UnicodeDecodeError:
        text = "\0"
    if "\0" not in text:
        if offset == 0:
            text = text.removeprefix(_BOM)
        lines: list[str | None] = [*text.replace("\r\n", "\n").split("\n")]
        return lines if lines[-1] else lines[:-1]
    lines = []
    for line in chunk.removesuffix(b"\n").split(b"\n"):  # one by one, so that each fault gets its place
        number += 1
        lines.append(_decode_line(line, number, offset, found))
        offset += len(line) + 1
    return lines


def _decode_line(raw: bytes, number: int, offset: int, found: FileFaults) -> str | None:
    place = raw.find(b"\0")
    if place >= 0:
        found.add(
            f"has a NUL byte at offset {offset + place} of the file (from 0); "
            "expected text, remove such bytes first",
            number,
        )
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        hint = next((hint for magic, hint in _MAGIC.items() if not offset and raw.startswith(magic)), None)
        found.add(
            f"byte 0x{raw[error.start]:02x} at offset {offset + error.start} of the file (from 0) "
            "is not UTF-8; " + (hint or "expected UTF-8, convert the file first"),
            number,
        )
        return None
    if place >= 0:
        return None
    return (text.removeprefix(_BOM) if offset == 0 else text).removesuffix("\r")


class _Damaged(Exception):
    """Stands for the errors of zstandard, which is imported only when needed."""


def _blocks(read: Callable[[int], bytes]) -> Iterator[bytes]:
    while block := read(_BLOCK_BYTES):
        yield block


def _zstd_blocks(file: BinaryIO) -> Iterator[bytes]:
    import zstandard

    # The library's own stream takes a file that was cut off for a whole one.
    decompressor = zstandard.ZstdDecompressor()
    frame = None
    while block := file.read(_ZSTD_BLOCK_BYTES):
        while block:
            frame = frame or decompressor.decompressobj()
            try:
                data = frame.decompress(block)
            except zstandard.ZstdError as error:
                raise _Damaged(error) from None
            block = b""
            if frame.eof:
                block, frame = frame.unused_data, None
            for start in range(0, len(data), _BLOCK_BYTES):
                yield data[start : start + _BLOCK_BYTES]
    if frame is not None:
        raise EOFError
