"""Turns what must not be translated into marks: placeholders, and the numbers of notes."""

from __future__ import annotations

from itertools import accumulate

from crosslate.documents.items import Item, Mark, Text, cut, has_letters, partners_of
from crosslate.text.placeholders import placeholders

_MAX_NOTE_ITEMS = 8
_WORD_ENDS = ".,;!?)]%'\"’”»"


def shielded(items: list[Item]) -> list[Item]:
    """``items`` with placeholders as marks; one that holds other marks is left as text."""
    plain = "".join(item.plain for item in items)
    spans = placeholders(plain)
    if not spans:
        return items
    pieces = cut(items, [offset for span in spans for offset in span])
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


def with_notes_whole(items: list[Item]) -> list[Item]:
    """``items`` with the numbers of notes as points: elements without letters right behind a word."""
    partners = partners_of(items)
    if not partners:
        return items
    result: list[Item] = []
    plain = "".join(item.plain for item in items)
    offsets = [0, *accumulate(len(item.plain) for item in items)]
    done = 0
    for index in range(len(items)):
        last = partners.get(index, -1)
        if index < done or last < index or last - index > _MAX_NOTE_ITEMS:
            continue
        start, end = offsets[index], offsets[last + 1]
        before = plain[max(start - 1, 0) : start]
        is_behind_word = before.isalnum() or (before != "" and before in _WORD_ENDS)
        is_word_end = not plain[end : end + 1].isalnum()
        if start < end and is_behind_word and is_word_end and not has_letters(plain[start:end]):
            written = [each.raw if isinstance(each, Text) else each for each in items[index : last + 1]]
            result += [*items[done:index], Mark(written)]
            done = last + 1
    return [*result, *items[done:]]
