"""Two plain files, one sentence per line."""

from __future__ import annotations

from itertools import zip_longest

from crosslate.errors import UsageError
from crosslate.text.reading import Pairs, Paths, Reader, Reading
from crosslate.text.streams import STANDARD_INPUT, checked_lines


class Plain(Reader):
    """The source's file and the target's, line by line."""

    expected = "two plain files"

    @classmethod
    def takes(cls, paths: Paths) -> bool:
        return len(paths) == 2

    def pairs(self, paths: Paths, reading: Reading) -> Pairs:
        if all(str(path) == STANDARD_INPUT for path in paths):
            raise UsageError(
                "standard input cannot be both sides; give a file for one of them, or '-' alone for TSV"
            )
        source, target = map(reading.file, paths)
        lines = (checked_lines(path, found) for path, found in zip(paths, (source, target)))
        for one, other in zip_longest(*lines):
            if one is not None and other is not None:
                yield one, other
        if not (source.is_broken or target.is_broken) and source.num_lines != target.num_lines:
            reading.faults.add(
                f"{source.name} has {source.num_lines} lines and {target.name} has {target.num_lines}; "
                "expected as many in both"
            )
