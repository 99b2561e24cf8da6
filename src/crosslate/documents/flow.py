"""A document as a flow of text and marks: cut into sentences, and filled with their translations.

Readers of all formats hand a :class:`Flow` everything in its order: text; marks, which stand in a sentence
without being text (a tag, a placeholder, a line break); and what is copied, which ends a paragraph. Sentences
are cut from the text alone, and :mod:`crosslate.documents.placement` finds the marks' places in translations.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, groupby, pairwise

import regex

from crosslate.abandoned import stop_if_abandoned
from crosslate.documents.placement import Align, PlacedMark, Role, place
from crosslate.errors import InputError
from crosslate.languages.orthography import CLAUSE_MARKS, END_MARKS, has_letters
from crosslate.languages.sentence_ends import sentences
from crosslate.languages.words import RUNS_ON, UNSPACED
from crosslate.text.placeholders import character_of, is_ordered, placeholders, tag_of

_MAX_NOTE_ITEMS = 8
_MAX_NESTED = 20
_MAX_ITEMS = 300_000  # of a paragraph: 150,000 runs, far more than anyone writes
# What a note may follow, and what goes on with a word behind it.
_WORD_END = regex.compile(rf"""[\p{{L}}\p{{M}}\p{{N}}{re.escape(END_MARKS + CLAUSE_MARKS)})\]%'"’”»」』）]""")
_IN_WORD = regex.compile(rf"(?!{UNSPACED.pattern})[\p{{L}}\p{{M}}\p{{N}}]")
# Mongolian joins endings to a word with a narrow no-break space, which is no space between words.
_RUNS = re.compile(r"(?:\S|(?<=[\u1800-\u18aa])\u202f(?=[\u1820-\u18aa]))+|\s+")
_APOSTROPHES = frozenset("'’ʼ")
_OPENING = frozenset("([{<\"'«„“‘¿¡（「『")
_CLOSING = frozenset(f"{END_MARKS}{CLAUSE_MARKS})]}}»”’%）」』】")
LINE_BREAKS = re.compile(r"[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]+")
"""Whatever some reader takes for the end of a line: where ``str.splitlines`` splits."""
_SURROGATES = re.compile(r"[\ud800-\udfff]")
# Characters that XML 1.0 forbids, and halves of surrogate pairs, which no encoding can write.
_UNWRITABLE = re.compile(r"[\x00-\x08\x0e-\x1f\ufffe\uffff\ud800-\udfff]")
# Undecodable bytes appear as halves of surrogate pairs; soft hyphens would cut words in two.
_UNREADABLE = re.compile(r"[\x00-\x08\x0e-\x1b\ufffe\uffff\ud800-\udfff\u00ad]")

# They suit the direction of the text, which its translation may not share.
_DIRECTIONS = re.compile(r"([\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]+)")


@dataclass(frozen=True)
class Segment:
    """A sentence as a translator gets it: a line without markup and placeholders, never blank.

    With marks to put back into its translation, an alignment of words helps.
    """

    text: str
    has_marks: bool = False


@dataclass(frozen=True)
class Filling:
    """The translations of all segments to fill a document with.

    Attributes:
        written: receives every sentence as the document has it, by the index of its segment.
    """

    translations: Sequence[str]
    align: Align | None = None
    written: dict[int, str] | None = None


Piece = str | Callable[[Filling], str]
"""A part of a document: text, or what makes it from translations."""
Escape = Callable[[str], str]


def fill(pieces: Iterable[Piece], filling: Filling) -> str:
    return "".join(piece if isinstance(piece, str) else piece(filling) for piece in pieces)


@dataclass(frozen=True)
class Text:
    """Characters as the document spells them and as they are meant; where these differ, it cannot be cut.

    Attributes:
        raw: the spelling, and ``if_changed`` where the paragraph changes but not this sentence.
    """

    raw: str
    plain: str
    if_changed: str | None = None

    @property
    def pieces(self) -> Sequence[Piece]:
        return [self.raw]

    @property
    def changed_pieces(self) -> Sequence[Piece]:
        return self.pieces if self.if_changed is None else [self.if_changed]

    def fill(self, filling: Filling, is_changed: bool) -> str:
        return fill(self.changed_pieces if is_changed else self.pieces, filling)


@dataclass(frozen=True, eq=False)
class Mark:
    """Something between characters: a tag, a placeholder, a comment, a line break inside a sentence.

    Attributes:
        pieces: its spelling, and ``if_changed`` beside changed text.
        name: of the element, to match starts with ends.
        plain: what the sentence has in its place: nothing or a space.
        is_visible: it shows a picture, a formula or the like in its place.
        ends_paragraph: it is copied, and what follows is a text of its own.
        is_ordered: it means something by its place among others: ``%s``, ``{% if %}``.
    """

    pieces: Sequence[Piece]
    role: Role = "point"
    name: str = ""
    plain: str = ""
    if_changed: Sequence[Piece] | None = None
    is_visible: bool = False
    ends_paragraph: bool = False
    is_ordered: bool = False

    @property
    def is_line_break(self) -> bool:
        """Whether it ends a line of the sentence, wherever that is best."""
        return self.role == "joint" and self.plain != ""

    @property
    def keeps_spaces(self) -> bool:
        """Whether the spaces on both its sides stay."""
        return self.role == "point" or self.is_visible

    @property
    def changed_pieces(self) -> Sequence[Piece]:
        return self.if_changed or self.pieces

    def fill(self, filling: Filling, is_changed: bool) -> str:
        return fill(self.changed_pieces if is_changed else self.pieces, filling)


Item = Text | Mark


class Flow:
    """Collects text and marks in the order of the document, paragraph by paragraph.

    Args:
        language: of the text, for the rules of sentence ends.
        segments: receives every sentence; shared by all flows of a document.
        escape: spells plain text in the document's notation.
    """

    def __init__(self, language: str, segments: list[Segment], escape: Escape = str) -> None:
        self.language, self.segments, self.escape = language, segments, escape
        self._pieces: list[Piece] = []
        self._items: list[Item] = []  # of the open paragraph
        self._depth = 0  # in other flows

    def nested(self, escape: Escape | None = None) -> Flow:
        """A flow of its own in the same document: a note, a text in a tag; InputError where too deep."""
        flow = Flow(self.language, self.segments, escape or self.escape)
        flow._depth = self._depth + 1
        if flow._depth > _MAX_NESTED:
            raise InputError(
                f"boxes or notes are nested more than {_MAX_NESTED} deep; save the document again"
            )
        return flow

    def text(self, raw: str, plain: str | None = None, if_changed: str | None = None) -> None:
        """Adds characters to the open paragraph; see :class:`Text`."""
        if raw or plain:
            self._items.append(Text(raw, raw if plain is None else plain, if_changed))

    def mark(self, mark: Mark) -> None:
        """Adds a mark to the open paragraph; InputError where it holds too many."""
        if len(self._items) >= _MAX_ITEMS:
            raise InputError(
                f"a paragraph consists of more than {_MAX_ITEMS:,} tags and pieces of text, at most so many "
                "are read; divide it, or remove its formatting"
            )
        self._items.append(mark)

    def copy(self, *pieces: Piece) -> None:
        """Ends the paragraph and adds ``pieces`` after it."""
        self.flush()
        self._pieces += pieces

    def flush(self) -> None:
        """Ends the paragraph."""
        items, self._items = _without_directions(_shielded(self._items, self.language)), []
        for _, group in groupby(items, lambda item: isinstance(item, Mark) and item.ends_paragraph):
            run = list(group)
            if any(isinstance(item, Text) and has_letters(item.plain) for item in run):
                self._pieces.append(_Paragraph(_with_whole_notes(run), self).fill)
            else:
                self._pieces += [piece for item in run for piece in item.pieces]

    def finish(self) -> list[Piece]:
        """Ends the last paragraph; all pieces."""
        self.flush()
        return self._pieces


class _Paragraph:
    """A run of text between two breaks: sentences, and the items between them."""

    def __init__(self, items: Sequence[Item], flow: Flow) -> None:
        plain = "".join(item.plain for item in items)
        # Lines of the file are not ends of sentences, so all white space is the same.
        spaced = _SURROGATES.sub("\ufffd", re.sub(r"\s", " ", plain))
        spans = list(_sentence_spans(spaced, flow.language))
        pieces = _cut(items, [offset for span in spans for offset in span])
        self.parts: list[Item | _Sentence] = []
        done = 0
        for first, last in _sentence_ranges(pieces, spans):
            self.parts += [*pieces[done:first], _Sentence(pieces[first:last], flow)]
            done = last
        self.parts += pieces[done:]

    def fill(self, filling: Filling) -> str:
        is_changed = any(isinstance(part, _Sentence) and part.changed(filling) for part in self.parts)
        result: list[str] = []
        before: _Sentence | None = None  # the last sentence, if nothing but marks follows it so far
        space_at = 0  # where the space after it would stand: outside of elements
        for part in self.parts:
            if isinstance(part, _Sentence):
                if before and part.needs_space_after(before, filling):
                    result.insert(space_at, " ")
                result.append(part.fill(filling, is_changed))
                before, space_at = part, len(result)
                continue
            result.append(part.fill(filling, is_changed))
            if part.plain:
                before = None
            elif isinstance(part, Mark) and part.role != "open" and space_at == len(result) - 1:
                space_at += 1
        return "".join(result)


class _Sentence:
    """A sentence with its marks, and its segment."""

    def __init__(self, items: Sequence[Item], flow: Flow) -> None:
        self.items, self.escape = items, flow.escape
        self.marks = [item for item in items if isinstance(item, Mark)]
        self.text, self.placed = _flattened(items, self.marks)
        self.index = len(flow.segments)
        flow.segments.append(Segment(self.text, bool(self.marks)))

    def changed(self, filling: Filling) -> str:
        """The translation on one line; empty where the sentence stays as it is."""
        given = _UNWRITABLE.sub("", LINE_BREAKS.sub(" ", filling.translations[self.index])).strip()
        return "" if given == self.text else given

    def needs_space_after(self, before: _Sentence, filling: Filling) -> bool:
        """Whether the translations of two sentences need a space that the script of their texts lacks."""
        left, right = before.changed(filling), self.changed(filling)
        if not (left and right and (UNSPACED.match(before.text[-1]) or UNSPACED.match(self.text))):
            return False
        return not (UNSPACED.match(left[-1]) or UNSPACED.match(right))

    def fill(self, filling: Filling, is_paragraph_changed: bool) -> str:
        written = self._filled(filling, is_paragraph_changed)
        if filling.written is not None:
            filling.written[self.index] = written
        return written

    def _filled(self, filling: Filling, is_paragraph_changed: bool) -> str:
        stop_if_abandoned()
        translation = self.changed(filling)
        if not translation:
            return "".join(item.fill(filling, is_paragraph_changed) for item in self.items)
        result = [""]
        done = 0
        places = self._in_order(place(self.text, self.placed, translation, filling.align))
        places = self._without_empty_lines(places, translation)
        # Marks that stood side by side and still do are written together.
        for (offset, _), found in groupby(places, lambda each: (each[0], self.placed[each[1]].offset)):
            group = [index for _, index in found]
            # A line break, or what stands between two letters, is itself the space on its side.
            is_space_before, is_space_after = (self.marks[group[end]].plain != "" for end in (0, -1))
            before = translation[done:offset]
            if before := self.escape(before.rstrip() if is_space_before else before):
                result.append(before)
            written = "".join(
                (" " if index > group[0] and self.placed[index].has_gap else "")
                + self.marks[index].fill(filling, True)
                for index in group
            )
            following = translation[offset : offset + 1]
            result.append(self._spaced(written, group, result[-1][-1:], following))
            done = offset
            while is_space_after and translation[done : done + 1].isspace():
                done += 1
        return "".join([*result, self.escape(translation[done:])])

    def _in_order(self, places: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
        """The places of marks where those that have a meaning by their order kept it."""
        ordered = iter(sorted(index for _, index in places if self.marks[index].is_ordered))
        return [
            (offset, next(ordered) if self.marks[index].is_ordered else index) for offset, index in places
        ]

    def _without_empty_lines(
        self, places: Sequence[tuple[int, int]], translation: str
    ) -> list[tuple[int, int]]:
        """The places but for line breaks with nothing but signs in the line before or after them.

        In subtitles, an empty line would hide the rest of the text.
        """
        idle: set[int] = set()
        open_break: int | None = None  # nothing follows it so far
        is_filled = False  # something stands in the line
        done = 0
        for offset, index in places:
            mark = self.marks[index]
            if _has_words(translation[done:offset]) or mark.role == "point":
                is_filled, open_break = True, None
            done = max(done, offset)
            if mark.is_line_break and is_filled:
                is_filled, open_break = False, index
            elif mark.is_line_break:
                idle.add(index)
        if open_break is not None and not _has_words(translation[done:]):
            idle.add(open_break)
        return [each for each in places if each[1] not in idle]

    def _spaced(self, written: str, group: Sequence[int], before: str, following: str) -> str:
        """Marks with the spaces around them in the source, if one of them keeps spaces.

        What stood without spaces in a script that runs on gets them where the translation's does not.
        """
        if not any(self.marks[index].keeps_spaces for index in group):
            return written
        marks = [self.placed[index] for index in group]
        start = marks[0].offset
        runs_on = any(map(RUNS_ON.match, self.text[max(start - 1, 0) : start + 1]))
        is_apart = runs_on and not RUNS_ON.match(before) and before not in _OPENING
        # A space between the marks is written there, as in "<b>new</b> {name}".
        has_gap = any(self.placed[index].has_gap for index in group[1:] if index > group[0])
        wants_space = is_apart or marks[0].has_space_before
        wants_space = wants_space or (any(mark.has_space_before for mark in marks) and not has_gap)
        if wants_space and before and not before.isspace() and not self.marks[group[0]].plain:
            written = f" {written}"
        is_apart = runs_on and not RUNS_ON.match(following)
        wants_space = is_apart or any(mark.has_space_after for mark in marks)
        wants_space = wants_space and not self.marks[group[-1]].plain
        if wants_space and following and not following.isspace():
            return written if following in _CLOSING else f"{written} "
        return written


def _has_words(text: str) -> bool:
    return any(map(str.isalnum, text))


def _flattened(items: Sequence[Item], marks: Sequence[Mark]) -> tuple[str, list[PlacedMark]]:
    """The text of a sentence with single spaces, and the places of its marks."""
    text = ""
    placed: list[PlacedMark] = []
    partners = _partners(marks)
    is_spaced = is_gap = is_after_point = False
    for item in items:
        if isinstance(item, Mark):
            partner = partners.get(len(placed))
            placed.append(PlacedMark(item.role, len(text), partner, is_spaced, has_gap=is_gap))
            is_spaced, is_gap = is_spaced or bool(item.plain), False
            is_after_point = item.keeps_spaces
            continue
        # Models are not trained on hyphens that forbid a line break.
        for run in _RUNS.findall(_UNREADABLE.sub("", item.plain).replace("\u2011", "-")):
            if run.isspace():
                is_spaced = is_gap = True
                for mark in reversed(placed):
                    if mark.offset != len(text) or mark.has_space_after:
                        break
                    mark.has_space_after = True
                continue
            # "Hello {name}, come" is read as "Hello, come".
            needs_space = is_spaced and text and not (is_after_point and run[0] in _CLOSING)
            text += f" {run}" if needs_space else run
            is_spaced = is_gap = is_after_point = False
    return text, placed


def _sentence_spans(text: str, language: str) -> Iterator[tuple[int, int]]:
    """Start and end of every sentence with letters in it, without the spaces around it."""
    start = 0
    for sentence in sentences(text, language):
        bare = sentence.strip()
        if has_letters(bare):
            first = start + len(sentence) - len(sentence.lstrip())
            yield first, first + len(bare)
        start += len(sentence)


def _sentence_ranges(items: Sequence[Item], spans: Sequence[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """The items of every sentence: its text, marks inside it, and elements that begin or end at its edges."""
    offsets = _offsets(items)
    partners = _partners(items)
    done = 0
    for start, end in spans:
        first, last = left, right = _covering(offsets, start, end)
        while left > done and _is_no_text(items[left - 1]) and offsets[left - 1] == start:
            left -= 1
        while right < len(items) and _is_no_text(items[right]) and offsets[right + 1] == end:
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


def _is_no_text(item: Item) -> bool:
    """Whether an item is a mark, or a character that is not read."""
    return isinstance(item, Mark) or not item.plain


def _cut(items: Iterable[Item], offsets: Iterable[int]) -> list[Item]:
    """``items`` with texts cut at ``offsets``; texts that are spelt otherwise than meant stay whole."""
    wanted = sorted(set(offsets))
    result: list[Item] = []
    start = 0
    for item in items:
        end = start + len(item.plain)
        if isinstance(item, Text) and item.raw == item.plain:
            inner = wanted[bisect_right(wanted, start) : bisect_left(wanted, end)]
            for left, right in pairwise([start, *inner, end]):
                part = item.raw[left - start : right - start]
                result.append(Text(part, part))
        else:
            result.append(item)
        start = end
    return result


def _partners(items: Sequence[Item]) -> dict[int, int]:
    """For starts and ends of elements the index of the other end; elements that cross others have none."""
    partners: dict[int, int] = {}
    stack: list[tuple[int, str]] = []
    num_open: Counter[str] = Counter()
    for index, item in enumerate(items):
        if isinstance(item, Mark) and item.role == "open":
            stack.append((index, item.name))
            num_open[item.name] += 1
        elif isinstance(item, Mark) and item.role == "close" and num_open[item.name]:
            name: str | None = None
            while name != item.name:
                other, name = stack.pop()
                num_open[name] -= 1
            partners[index], partners[other] = other, index
    return partners


def _without_directions(items: list[Item]) -> list[Item]:
    """``items`` with the marks of a text's direction as items that go where the paragraph changes."""
    result: list[Item] = []
    for item in items:
        if not isinstance(item, Text) or not _DIRECTIONS.search(item.plain):
            result.append(item)
        elif item.raw == item.plain:
            for index, part in enumerate(_DIRECTIONS.split(item.raw)):
                if part:
                    result.append(Text(part, "", "") if index % 2 else Text(part, part))
        else:
            plain = _DIRECTIONS.sub("", item.plain)
            result.append(Text(item.raw, plain, item.if_changed if plain else ""))
    return result


def _shielded(items: list[Item], language: str) -> list[Item]:
    """``items`` with placeholders as marks; one that a mark begins or ends inside stays text."""
    spans = placeholders("".join(item.plain for item in items), language)
    if not spans:
        return items
    pieces = _cut(items, [offset for span in spans for offset in span])
    offsets = _offsets(pieces)
    text = "".join(item.plain for item in items)
    result: list[Item] = []
    tags: set[int] = set()  # places in the result
    done = 0
    for start, end in spans:
        first, last = _covering(offsets, start, end)
        inner = pieces[first:last]
        if (offsets[first], offsets[last]) != (start, end):
            continue
        spelt = [item.raw for item in inner if isinstance(item, Text)]
        around = text[max(start - 1, 0) : start], text[end : end + 1]
        found = (
            _placeholder("".join(spelt), text[start:end], around)
            if len(spelt) == len(inner)
            else _with_marks(inner, text[start:end])
        )
        if found:
            result += [*pieces[done:first], found]
            tags.add(len(result) - 1)
            done = last
    result += pieces[done:]
    # One without its other end is a place to fill in, as in "cp <file> there", and keeps its spaces.
    for index in tags.difference(_partners(result)):
        item = result[index]
        if isinstance(item, Mark) and item.role in ("open", "close"):
            result[index] = replace(item, role="point")
    return result


def _with_marks(items: Sequence[Item], plain: str) -> Mark | None:
    """The mark of a placeholder that runs or whole elements cut, as Word does where it checks spelling."""
    marks = [item for item in items if isinstance(item, Mark)]
    is_run = any(mark.role == "run" for mark in marks)
    num_whole = sum(mark.role in ("run", "point") for mark in marks) + len(_partners(items))
    if num_whole < len(marks) or tag_of(plain) or any(mark.plain for mark in marks):
        return None
    changed = [piece for item in items for piece in item.changed_pieces]
    pieces = [piece for item in items for piece in item.pieces]
    role: Role = "run" if is_run else "point"
    return Mark(pieces, role, "", "", changed, is_visible=True, is_ordered=is_ordered(plain))


def _placeholder(raw: str, plain: str, around: tuple[str, str]) -> Item | None:
    """The item of a placeholder between two characters; tags in text work as those of markup do.

    None for markup that spells ``<here>`` with references, which means no tag.
    """
    if raw != plain and tag_of(plain):
        return None
    tag = tag_of(raw)
    is_in_word = all(each.isalpha() and not RUNS_ON.match(each) for each in around)
    if raw == plain and (character := character_of(raw)):
        # A letter or what a word holds is read; other signs stay as they are spelt.
        is_read = character.isalnum() or unicodedata.category(character[0])[0] in "MC"
        if is_read or (character in _APOSTROPHES and is_in_word):
            return Text(raw, character)
        return Mark([raw], plain=" " if is_in_word or character.isspace() else "")
    if tag is None or tag.kind == "point":
        # "Hello{break}world" is read as two words.
        return Mark([raw], plain=" " if is_in_word else "", is_ordered=is_ordered(plain))
    if tag.kind == "break":
        return Mark([raw], ends_paragraph=True)
    return Mark([raw], tag.kind, tag.name)


def _with_whole_notes(items: list[Item]) -> list[Item]:
    """``items`` with the numbers of notes as points: elements without letters right after a word."""
    plain = "".join(item.plain for item in items)
    offsets = _offsets(items)
    result: list[Item] = []
    done = 0
    for first, last in sorted(_partners(items).items()):
        if first < done or not first < last <= first + _MAX_NOTE_ITEMS:
            continue
        start, end = offsets[first], offsets[last + 1]
        is_note = 0 < start < end and not has_letters(plain[start:end])
        if is_note and _WORD_END.match(plain, start - 1) and not _IN_WORD.match(plain, end):
            note = [piece for item in items[first : last + 1] for piece in item.pieces]
            result += [*items[done:first], Mark(note)]
            done = last + 1
    return [*result, *items[done:]]


def _offsets(items: Iterable[Item]) -> list[int]:
    """How many characters stand before each item, and in all."""
    return [0, *accumulate(len(item.plain) for item in items)]


def _covering(offsets: Sequence[int], start: int, end: int) -> tuple[int, int]:
    """The first item with text at or after ``start``, and the first one from ``end`` on."""
    return bisect_right(offsets, start) - 1, bisect_left(offsets, end)
