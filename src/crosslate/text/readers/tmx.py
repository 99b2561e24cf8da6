"""Translation memories (TMX)."""

from __future__ import annotations

from crosslate.text.reading import Pairs, Paths, Reader, Reading
from crosslate.text.streams import read_blocks
from crosslate.text.tmx import read_tmx


class TMX(Reader):
    """A translation memory; see :func:`crosslate.text.tmx.read_tmx`."""

    expected = ".tmx"
    endings = (".tmx",)

    def pairs(self, paths: Paths, reading: Reading) -> Pairs:
        return read_tmx(read_blocks(paths[0]), *reading.languages, reading.file(paths[0]))
