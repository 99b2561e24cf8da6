"""Collects text and marks in the order of a document, and cuts the text into sentences."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate

from crosslate.documents.items import (
    Escape,
    Filling,
    Item,
    Mark,
    Piece,
    Segment,
    Text,
    cut,
    has_letters,
    partners_of,
)
from crosslate.documents.shields import shielded, with_notes_whole
from crosslate.documents.weaving import Sentence
from crosslate.languages.sentence_ends import UNSPACED, sentences

_SURROGATES = re.compile(r"[\ud800-\udfff]")


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
        if any(isinstance(item, Text) and has_letters(item.plain) for item in self._items):
            self.pieces.append(_Unit(with_notes_whole(shielded(self._items)), self))
        else:
            for item in self._items:
                self.pieces += [item.raw] if isinstance(item, Text) else item.pieces
        self._items = []

    def finish(self) -> list[Piece]:
        """All pieces, the last unit among them."""
        self.flush()
        return self.pieces


class _Unit:
    """A run of text between two breaks, such as a paragraph, in sentences."""

    def __init__(self, items: Sequence[Item], flow: Flow) -> None:
        plain = "".join(item.plain for item in items)
        # A space for every space, so that lines of the file are no ends of sentences.
        spaced = _SURROGATES.sub("\ufffd", re.sub(r"\s", " ", plain))
        spans = list(_sentence_spans(spaced, flow.language))
        pieces = cut(items, [offset for span in spans for offset in span])
        self.parts: list[Item | Sentence] = []
        partners = partners_of(pieces)
        done = 0
        for first, last in _ranges(pieces, spans, partners):
            self.parts += pieces[done:first]
            self.parts.append(Sentence(pieces[first:last], flow.escape, flow.segments))
            done = last
        self.parts += pieces[done:]

    def fill(self, filling: Filling) -> str:
        changed = {
            index
            for index, part in enumerate(self.parts)
            if isinstance(part, Sentence) and part.is_changed(filling)
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
        if has_letters(bare):
            first = start + len(sentence) - len(sentence.lstrip())
            yield first, first + len(bare)
        start += len(sentence)


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
