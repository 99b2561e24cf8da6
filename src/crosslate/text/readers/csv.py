"""Comma-separated values as spreadsheets save them, with columns named by languages in the first row.

Source: https://www.rfc-editor.org/rfc/rfc4180, with any of the three usual separators.
"""

from __future__ import annotations

import csv
from itertools import chain

from crosslate.text.reading import Pairs, Paths, Reader, Reading, one_line
from crosslate.text.streams import checked_lines


class CSV(Reader):
    """A file with a pair in each row. Without names, a comma in a sentence could pass for a separator."""

    expected = ".csv as spreadsheets save it"
    endings = (".csv",)

    def pairs(self, paths: Paths, reading: Reading) -> Pairs:
        found = reading.file(paths[0])
        lines = (line or "" for line in checked_lines(paths[0], found))  # a fault is noted already
        header = next(lines, "")
        for separator in ("\t", ";", ","):
            names = next(csv.reader([header], delimiter=separator), [])
            if columns := reading.named_columns(names):
                break
        else:
            if not found:
                wanted, other = reading.languages
                found.break_off(
                    f"{found.name}: the first row is {header[:80]!r}; expected one that names the columns, "
                    f"{wanted!r} and {other!r} among them"
                )
            return
        rows = csv.reader((f"{line}\n" for line in chain([header], lines)), delimiter=separator, strict=True)
        try:
            for cells in rows:
                if cells and len(cells) != len(names):
                    found.add(
                        f"has {len(cells)} column(s), expected {len(names)} as in the first row",
                        rows.line_num,
                    )
                elif cells and rows.line_num > 1:
                    yield one_line(cells[columns[0]]), one_line(cells[columns[1]])
        except csv.Error as error:
            found.break_off(
                f"{found.name}: the cells cannot be told apart up to line {rows.line_num} ({error}); "
                'expected cells in quotes ("…") that are closed, and quotes doubled in them'
            )
