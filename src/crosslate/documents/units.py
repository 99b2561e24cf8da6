"""What every kind of document is made of: parts that are copied, and units of text with marks in them."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise
from typing import Protocol

from crosslate.documents.placeholders import placeholders
from crosslate.documents.placement import Align, PlacedMark, Role, place
from crosslate.sentences import UNSPACED, sentences

_RUNS = re.compile(r"\s+|\S+")
_CLOSING = frozenset(".,;:!?)]}»”’…%،؛؟。，、；：！？）」』】।")
_LINE_BREAKS = re.compile(r"[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]+")
# What no text of XML 1.0 may hold, and halves of surrogate pairs, which no encoding can write.
_UNWRITABLE = re.compile(r"[\x00-\x08\x0e-\x1f\ufffe\uffff\ud800-\udfff]")
# Bytes that were no text are halves of surrogate pairs here; soft hyphens would cut words in two.
_UNREADABLE = re.compile(r"[\x00-\x08\x0e-\x1b\ufffe\uffff\ud800-\udfff\u00ad]")
_MAX_NOTE_ITEMS = 8
_SURROGATES = re.compile(r"[\ud800-\udfff]")


@dataclass(frozen=True)
class Segment:
    """A sentence of a document, as a translator gets it.

    Attributes:
        text: on one line, without markup and placeholders; never blank.
        has_marks: something must be put back into its translation, so an alignment of words would help.
    """

    text: str
    has_marks: bool = False


@dataclass
class Filling:
    """What a document is filled with.

    Attributes:
        translations: by index of the segment.
        align: see :data:`crosslate.documents.placement.Align`.
    """

    translations: Sequence[str]
    align: Align | None = None


class Part(Protocol):
    """A part of a document that depends on translations."""

    def fill(self, filling: Filling) -> str: ...


Piece = str | Part


def fill(pieces: Iterable[Piece], filling: Filling) -> str:
    """The pieces one after the other, with their translations."""
    return "".join(piece if isinstance(piece, str) else piece.fill(filling) for piece in pieces)


@dataclass(frozen=True)
class Wrapped:
    """Pieces whose text is written in some notation of its own, such as a quoted string."""

    pieces: Sequence[Piece]
    wrap: Callable[[str], str]

    def fill(self, filling: Filling) -> str:
        return self.wrap(fill(self.pieces, filling))


@dataclass(frozen=True)
class Text:
    """Characters that are read.

    Attributes:
        raw: as the document spells them.
        plain: as they are meant; it is ``raw`` itself, or a whole that cannot be cut (``&amp;``).
    """

    raw: str
    plain: str


@dataclass(frozen=True, eq=False)
class Mark:
    """Something between characters: a tag, a placeholder, a comment, a line break inside a sentence.

    Attributes:
        pieces: what it is in the document.
        name: of the element, for starts and ends to find each other.
        plain: what a reader of the sentence sees in its place: nothing or a space.
        if_changed: what it is beside changed text; None is ``pieces``.
    """

    pieces: Sequence[Piece]
    role: Role = "point"
    name: str = ""
    plain: str = ""
    if_changed: Sequence[Piece] | None = None

    def fill(self, filling: Filling, is_changed: bool = False) -> str:
        pieces = self.if_changed if is_changed and self.if_changed is not None else self.pieces
        return fill(pieces, filling)


Item = Text | Mark
Escape = Callable[[str], str]


class Flow:
    """Collects text and marks in the order of the document and makes units of them.

    Args:
        language: of the text, for the ends of sentences.
        segments: gets every sentence; shared by all flows of a document.
        escape: how plain text is written.

    Attributes:
        pieces: the document so far, without what is still open.
    """

    def __init__(self, language: str, segments: list[Segment], escape: Escape = str) -> None:
        self.language, self.segments, self.escape = language, segments, escape
        self.pieces: list[Piece] = []
        self._items: list[Item] = []

    def nested(self, escape: Escape | None = None) -> Flow:
        """A flow of its own in the same document."""
        return Flow(self.language, self.segments, escape or self.escape)

    def text(self, raw: str, plain: str | None = None) -> None:
        if raw:
            self._items.append(Text(raw, raw if plain is None else plain))

    def mark(self, mark: Mark) -> None:
        self._items.append(mark)

    def copy(self, *pieces: Piece) -> None:
        """Ends the unit: ``pieces`` stand between it and the next one."""
        self.flush()
        self.pieces += pieces

    def flush(self) -> None:
        """Ends the unit."""
        if any(isinstance(item, Text) and _has_letters(item.plain) for item in self._items):
            self.pieces.append(_Unit(_with_notes_whole(_shielded(self._items)), self))
        else:
            for item in self._items:
                self.pieces += [item.raw] if isinstance(item, Text) else item.pieces
        self._items = []

    def finish(self) -> list[Piece]:
        """All pieces, the last unit among them."""
        self.flush()
        return self.pieces


def _has_letters(text: str) -> bool:
    return any(map(str.isalpha, text))


def _shielded(items: list[Item]) -> list[Item]:
    """``items`` with placeholders as marks; one that holds other marks is left as text."""
    plain = "".join(item.plain for item in items)
    spans = placeholders(plain)
    if not spans:
        return items
    pieces = _cut(items, [offset for span in spans for offset in span])
    result: list[Item] = []
    held: list[Text] = []
    offset, index = 0, 0
    for item in pieces:
        while index < len(spans) and spans[index][1] <= offset:
            index += 1
        start, end = spans[index] if index < len(spans) else (len(plain) + 1, len(plain) + 1)
        is_inside = isinstance(item, Text) and start <= offset and offset + len(item.plain) <= end
        if is_inside and isinstance(item, Text):
            held.append(item)
        else:
            result += held
            held = []
            result.append(item)
        offset += len(item.plain)
        if held and offset == end:
            is_whole = sum(len(text.plain) for text in held) == end - start
            result += [Mark(["".join(text.raw for text in held)])] if is_whole else held
            held = []
    return result + held


def _with_notes_whole(items: list[Item]) -> list[Item]:
    """``items`` with the numbers of notes as points: elements without letters right behind a word."""
    result: list[Item] = []
    partners = _partners(items)
    plain = "".join(item.plain for item in items)
    offsets = [0, *accumulate(len(item.plain) for item in items)]
    done = 0
    for index in range(len(items)):
        last = partners.get(index, -1)
        if index < done or last < index or last - index > _MAX_NOTE_ITEMS:
            continue
        start, end = offsets[index], offsets[last + 1]
        is_behind_word = start > 0 and not plain[start - 1].isspace()
        is_word_end = not plain[end : end + 1].isalnum()
        if start < end and is_behind_word and is_word_end and not _has_letters(plain[start:end]):
            written = [each.raw if isinstance(each, Text) else each for each in items[index : last + 1]]
            result += [*items[done:index], Mark(written)]
            done = last + 1
    return [*result, *items[done:]]


def _cut(items: Iterable[Item], offsets: Iterable[int]) -> list[Item]:
    """``items`` with texts cut at ``offsets``; one that is spelt otherwise than meant stays whole."""
    wanted = sorted(set(offsets))
    result: list[Item] = []
    start = 0
    for item in items:
        end = start + len(item.plain)
        if isinstance(item, Text) and item.raw == item.plain:
            inner = wanted[bisect_right(wanted, start) : bisect_left(wanted, end)]
            edges = [start, *inner, end]
            for left, right in pairwise(edges):
                part = item.raw[left - start : right - start]
                result.append(Text(part, part))
        else:
            result.append(item)
        start = end
    return result


class _Unit:
    """A run of text between two breaks, such as a paragraph, in sentences."""

    def __init__(self, items: Sequence[Item], flow: Flow) -> None:
        plain = "".join(item.plain for item in items)
        # A space for every space, so that lines of the file are no ends of sentences.
        spaced = _SURROGATES.sub("\ufffd", re.sub(r"\s", " ", plain))
        spans = list(_sentence_spans(spaced, flow.language))
        cut = _cut(items, [offset for span in spans for offset in span])
        self.parts: list[Item | _Sentence] = []
        partners = _partners(cut)
        done = 0
        for first, last in _ranges(cut, spans, partners):
            self.parts += cut[done:first]
            self.parts.append(_Sentence(cut[first:last], flow))
            done = last
        self.parts += cut[done:]

    def fill(self, filling: Filling) -> str:
        changed = {
            index
            for index, part in enumerate(self.parts)
            if isinstance(part, _Sentence) and part.is_changed(filling)
        }
        result = []
        last_character = ""  # of a sentence that the next one follows without a space
        for index, part in enumerate(self.parts):
            if isinstance(part, Mark):
                result.append(part.fill(filling, bool(changed)))
            elif isinstance(part, Text):
                result.append(part.raw)
                last_character = ""
            else:
                translation = part.translation(filling)
                if last_character and index in changed and not UNSPACED.match(translation):
                    result.append(" ")
                result.append(part.fill(filling, index in changed, bool(changed)))
                is_spaced = index in changed and not UNSPACED.match(translation[-1])
                last_character = translation[-1] if is_spaced else ""
        return "".join(result)


def _sentence_spans(text: str, language: str) -> Iterator[tuple[int, int]]:
    """Start and end of every sentence that holds letters, without the spaces around it."""
    start = 0
    for sentence in sentences(text, language):
        bare = sentence.strip()
        if _has_letters(bare):
            first = start + len(sentence) - len(sentence.lstrip())
            yield first, first + len(bare)
        start += len(sentence)


def _partners(items: Sequence[Item]) -> dict[int, int]:
    """For starts and ends of elements the index of the other; those crossed by others have none."""
    partners: dict[int, int] = {}
    stack: list[int] = []
    num_open: dict[str, int] = {}
    for index, item in enumerate(items):
        if not isinstance(item, Mark) or item.role not in ("open", "close"):
            continue
        if item.role == "open":
            stack.append(index)
            num_open[item.name] = num_open.get(item.name, 0) + 1
        elif num_open.get(item.name):
            while True:
                other = stack.pop()
                name = items[other].name  # type: ignore[union-attr]
                num_open[name] -= 1
                if name == item.name:
                    break
            partners[index], partners[other] = other, index
    return partners


def _ranges(
    items: Sequence[Item], spans: Sequence[tuple[int, int]], partners: dict[int, int]
) -> Iterator[tuple[int, int]]:
    """The items of every sentence: its text, marks inside it, and elements that begin or end at its edges."""
    offsets = [0, *accumulate(len(item.plain) for item in items)]
    done = 0
    for start, end in spans:
        # The first item with text at or after the start, the last with text before the end.
        first = bisect_right(offsets, start) - 1
        last = bisect_left(offsets, end)
        left, right = first, last
        while left > done and isinstance(items[left - 1], Mark) and offsets[left - 1] == start:
            left -= 1
        while right < len(items) and isinstance(items[right], Mark) and offsets[right + 1] == end:
            right += 1
        while left < first and not left < partners.get(left, -1) < right:
            left += 1
        while right > last and not left <= partners.get(right - 1, -1) < right - 1:
            right -= 1
        # An element around the whole sentence stays around it.
        while right - left > 2 and partners.get(left) == right - 1:
            left, right = left + 1, right - 1
        yield left, right
        done = right


class _Sentence:
    """A sentence with what is in it, and its segment."""

    def __init__(self, items: Sequence[Item], flow: Flow) -> None:
        self.items = items
        self.escape = flow.escape
        self.text, self.marks = _flattened(items)
        self.index = len(flow.segments)
        flow.segments.append(Segment(self.text, bool(self.marks)))

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
            written = "".join(marks[index].fill(filling, True) for index in group)
            result.append(self._spaced(written, group, "".join(result[-2:]), translation[done:]))
            if has_line_break:
                done += len(translation[done:]) - len(translation[done:].lstrip())
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

    def _spaced(self, written: str, group: Sequence[int], before: str, rest: str) -> str:
        """Marks with the spaces that they had in the source, if there is a point among them."""
        marks = [self.marks[index] for index in group]
        if all(mark.role != "point" for mark in marks):
            return written
        if any(mark.has_space_before for mark in marks) and before and not before[-1].isspace():
            written = f" {written}"
        if any(mark.has_space_after for mark in marks) and rest and not rest[0].isspace():
            return written if rest[0] in _CLOSING else f"{written} "
        return written


def _flattened(items: Sequence[Item]) -> tuple[str, list[PlacedMark]]:
    """The text of a sentence with single spaces, and its marks."""
    runs: list[str] = []
    marks: list[PlacedMark] = []
    indices = {index: number for number, index in enumerate(_mark_indices(items))}
    partners = _partners(items)
    length = 0
    is_spaced, is_after_point = False, False
    for index, item in enumerate(items):
        if isinstance(item, Mark):
            partner = partners.get(index)
            marks.append(
                PlacedMark(item.role, length, None if partner is None else indices[partner], is_spaced)
            )
            is_spaced = is_spaced or bool(item.plain)
            is_after_point = item.role == "point"
            continue
        for run in _RUNS.findall(_UNREADABLE.sub("", item.plain)):
            if run.isspace():
                is_spaced = True
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
            is_spaced = is_after_point = False
    return "".join(runs), marks


def _mark_indices(items: Sequence[Item]) -> Iterator[int]:
    return (index for index, item in enumerate(items) if isinstance(item, Mark))
