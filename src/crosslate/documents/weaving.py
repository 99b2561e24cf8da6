"""A sentence of a document: its text without marks, and its translation with them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from crosslate.documents.items import Escape, Filling, Item, Mark, Segment, Text, partners_of
from crosslate.documents.placement import Align, PlacedMark, place

_RUNS = re.compile(r"\s+|\S+")
_CLOSING = frozenset(".,;:!?)]}»”’…%،؛؟。，、；：！？）」』】।")
_LINE_BREAKS = re.compile(r"[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]+")
# What no text of XML 1.0 may hold, and halves of surrogate pairs, which no encoding can write.
_UNWRITABLE = re.compile(r"[\x00-\x08\x0e-\x1f\ufffe\uffff\ud800-\udfff]")
# Bytes that were no text are halves of surrogate pairs here; soft hyphens would cut words in two.
_UNREADABLE = re.compile(r"[\x00-\x08\x0e-\x1b\ufffe\uffff\ud800-\udfff\u00ad]")


class Sentence:
    """A sentence with what is in it, and its segment."""

    def __init__(self, items: Sequence[Item], escape: Escape, segments: list[Segment]) -> None:
        self.items = items
        self.escape = escape
        self.text, self.marks = _flattened(items)
        self.index = len(segments)
        segments.append(Segment(self.text, bool(self.marks)))

    def translation(self, filling: Filling) -> str:
        """The translation on one line; the sentence itself where there is none."""
        given = _UNWRITABLE.sub("", _LINE_BREAKS.sub(" ", filling.translations[self.index])).strip()
        return given or self.text

    def is_changed(self, filling: Filling) -> bool:
        return self.translation(filling) != self.text

    def fill(self, filling: Filling, is_changed: bool, is_unit_changed: bool) -> str:
        if not is_changed:
            return "".join(
                item.raw if isinstance(item, Text) else item.fill(filling, is_unit_changed)
                for item in self.items
            )
        translation = self.translation(filling)
        marks = [item for item in self.items if isinstance(item, Mark)]
        result: list[str] = []
        done = 0
        for offset, group in self._groups(translation, filling.align):
            has_line_break = any(marks[index].plain for index in group)
            before = translation[done:offset]
            result.append(self.escape(before.rstrip() if has_line_break else before))
            done = offset
            written = "".join(
                (" " if index > group[0] and self.marks[index].has_gap else "")
                + marks[index].fill(filling, True)
                for index in group
            )
            following = translation[done : done + 1]
            result.append(self._spaced(written, group, "".join(result[-2:]), following))
            while has_line_break and translation[done : done + 1].isspace():
                done += 1
        result.append(self.escape(translation[done:]))
        return "".join(result)

    def _groups(self, translation: str, align: Align | None) -> list[tuple[int, list[int]]]:
        """Marks that stood side by side and still do, with their offset in the translation."""
        groups: list[tuple[int, list[int]]] = []
        for offset, index in place(self.text, self.marks, translation, align):
            is_side_by_side = (
                groups
                and groups[-1][0] == offset
                and self.marks[groups[-1][1][-1]].offset == self.marks[index].offset
            )
            if is_side_by_side:
                groups[-1][1].append(index)
            else:
                groups.append((offset, [index]))
        return groups

    def _spaced(self, written: str, group: Sequence[int], before: str, following: str) -> str:
        """Marks with the spaces that they had in the source, if there is a point among them."""
        marks = [self.marks[index] for index in group]
        if all(mark.role != "point" for mark in marks):
            return written
        if any(mark.has_space_before for mark in marks) and before and not before[-1].isspace():
            written = f" {written}"
        if any(mark.has_space_after for mark in marks) and following and not following.isspace():
            return written if following in _CLOSING else f"{written} "
        return written


def _flattened(items: Sequence[Item]) -> tuple[str, list[PlacedMark]]:
    """The text of a sentence with single spaces, and its marks."""
    runs: list[str] = []
    marks: list[PlacedMark] = []
    indices = {index: number for number, index in enumerate(_mark_indices(items))}
    partners = partners_of(items)
    length = 0
    is_spaced = is_gap = is_after_point = False
    for index, item in enumerate(items):
        if isinstance(item, Mark):
            partner = partners.get(index)
            other = None if partner is None else indices[partner]
            marks.append(PlacedMark(item.role, length, other, is_spaced, has_gap=is_gap))
            is_spaced, is_gap = is_spaced or bool(item.plain), False
            is_after_point = item.role == "point"
            continue
        for run in _RUNS.findall(_UNREADABLE.sub("", item.plain)):
            if run.isspace():
                is_spaced = is_gap = True
                for number in range(len(marks) - 1, -1, -1):
                    if marks[number].offset != length or marks[number].has_space_after:
                        break
                    marks[number] = replace(marks[number], has_space_after=True)
                continue
            # "Hello {name}, come" is read as "Hello, come".
            if is_spaced and runs and not (is_after_point and run[0] in _CLOSING):
                run = f" {run}"
            runs.append(run)
            length += len(run)
            is_spaced = is_gap = is_after_point = False
    return "".join(runs), marks


def _mark_indices(items: Sequence[Item]) -> Iterator[int]:
    return (index for index, item in enumerate(items) if isinstance(item, Mark))
