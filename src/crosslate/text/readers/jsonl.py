"""JSON lines: an object with the texts of a pair on each line."""

from __future__ import annotations

import json

from crosslate.text.reading import Pairs, Paths, Reader, Reading
from crosslate.text.streams import checked_lines


class JSONLines(Reader):
    """A file of objects; see :meth:`Reading.pair_of`. Empty lines are passed over."""

    expected = ".jsonl, .json"
    endings = (".jsonl", ".json")

    def pairs(self, paths: Paths, reading: Reading) -> Pairs:
        found = reading.file(paths[0])
        for number, line in enumerate(checked_lines(paths[0], found), start=1):
            if line is None or not line.strip():
                continue
            try:
                record = json.loads(line)
            except json.JSONDecodeError as error:
                hint = "; expected a whole object on each line" if number == 1 else ""
                found.add(f"not JSON at column {error.colno}: {error.msg}{hint}", number)
            except (ValueError, RecursionError) as error:
                found.add(f"not usable JSON: {error}", number)
            else:
                yield from reading.pair_of(record, number, found)
