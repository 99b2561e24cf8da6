"""Tab-separated values: two columns, or columns named by language codes in a first row."""

from __future__ import annotations

from crosslate.languages.codes import names_columns
from crosslate.text.reading import Pairs, Paths, Reader, Reading, bare
from crosslate.text.streams import STANDARD_INPUT, checked_lines


class TSV(Reader):
    """A file with a pair in each row, also from standard input. Quotes are text."""

    expected = ".tsv"
    endings = (".tsv",)

    @classmethod
    def takes(cls, paths: Paths) -> bool:
        return super().takes(paths) or [*map(str, paths)] == [STANDARD_INPUT]

    def pairs(self, paths: Paths, reading: Reading) -> Pairs:
        found = reading.file(paths[0])
        columns, expected = (0, 1), 2
        for number, line in enumerate(checked_lines(paths[0], found), start=1):
            if line is None:
                continue
            cells = line.split("\t")
            if number == 1 and (named := reading.named_columns(cells)):
                columns, expected = named, len(cells)
            elif number == 1 and names_columns(bare(cells), reading.languages):
                names, (wanted, other) = ", ".join(map(repr, cells[:20])), reading.languages
                found.break_off(
                    f"{found.name}: the first row names the columns {names}; expected {wanted!r} and "
                    f"{other!r} among them: name these two, or other languages for the corpus"
                )
                return
            elif len(cells) == expected:
                yield cells[columns[0]], cells[columns[1]]
            else:
                hint = _hint(len(cells), expected)
                found.add(f"has {len(cells)} column(s), expected {expected}{hint}", number)


def _hint(count: int, expected: int) -> str:
    if count < expected:
        return " separated by tabs"
    if expected == 2:
        return "; where there are more, a first row must name the two by their language codes"
    return " as in the first row"
