"""Where the marks of a sentence (tags, placeholders) belong in its translation.

No mark is ever lost, doubled or nested wrongly: marks are moved as a forest of elements, siblings trading
places only where their places do not overlap, and where marks are no forest they keep their order.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property
from itertools import accumulate, pairwise
from typing import Literal
from unicodedata import normalize

from crosslate.languages.orthography import COMMON_MARKS
from crosslate.languages.words import word_spans

Role = Literal["open", "close", "point", "joint", "run"]
Links = Sequence[tuple[int, int]]
Align = Callable[[Sequence[str], Sequence[str]], Links]
"""Words of a sentence and of its translation to links: index of a target word, index of its source word."""

_SAME_SIGNS = str.maketrans(COMMON_MARKS)
_MAX_DEPTH = 40


@dataclass
class PlacedMark:
    """A mark in a sentence.

    Attributes:
        role: an element's start or end; a point; a joint, which never trades places with another mark; or
            the joint between two runs of text, each with its own format.
        offset: number of characters of the sentence before it.
        partner: index of the mark at the other end of its element.
        has_gap: whether a space stood between it and the mark before it.
    """

    role: Role
    offset: int
    partner: int | None = None
    has_space_before: bool = False
    has_space_after: bool = False
    has_gap: bool = False


def place(
    text: str, marks: Sequence[PlacedMark], translation: str, align: Align | None = None
) -> list[tuple[int, int]]:
    """Offsets in ``translation`` of all ``marks`` of ``text``, with their indices, in the order of writing.

    Without ``align``, words that both sentences hold translate each other, and the rest is in proportion.
    """
    if not marks:
        return []
    sentence = _Sentence(text, translation, align)
    if _is_forest(marks):
        order = _placed(marks, range(len(marks)), sentence, (0, len(sentence.target)))
    else:
        order = _in_order(marks, sentence, len(text), len(translation))
    offsets = accumulate((offset for offset, _ in order), max)  # which never fall
    return [(offset, index) for offset, (_, index) in zip(offsets, order)]


def proportional_links(source: Sequence[str], target: Sequence[str]) -> list[tuple[int, int]]:
    """Links for the words of both sides: those that occur once on each hold, the rest is spread between."""
    anchors = [(-1, -1), *_anchors(source, target), (len(target), len(source))]
    links = []
    for (left_target, left_source), (right_target, right_source) in pairwise(anchors):
        width, source_width = right_target - left_target - 1, right_source - left_source - 1
        num_steps = max(width, source_width) if width and source_width else 0
        for step in range(num_steps):
            link = step * width // num_steps, step * source_width // num_steps
            links.append((left_target + 1 + link[0], left_source + 1 + link[1]))
        if right_target < len(target):
            links.append((right_target, right_source))
    return links


def or_in_proportion(linked: Callable[[Sequence[str], Sequence[str]], Links | None]) -> Align:
    """``linked``, and links by proportion for the sentences of which it knows none."""

    def align(source: Sequence[str], target: Sequence[str]) -> Links:
        known = linked(source, target)
        return proportional_links(source, target) if known is None else known

    return align


def _anchors(source: Sequence[str], target: Sequence[str]) -> list[tuple[int, int]]:
    """Words that occur once on both sides, as the longest series that keeps its order on both."""
    in_target, in_source = _single(target), _single(source)
    pairs = [(index, in_source[word]) for word, index in in_target.items() if word in in_source]
    tails: list[int] = []  # smallest second number that ends a series of each length
    holders: list[int] = []
    before: list[int] = []
    for index, (_, second) in enumerate(pairs):
        length = bisect_left(tails, second)
        before.append(holders[length - 1] if length else -1)
        tails[length : length + 1] = [second]
        holders[length : length + 1] = [index]
    series = []
    index = holders[-1] if holders else -1
    while index >= 0:
        series.append(pairs[index])
        index = before[index]
    return series[::-1]


def _single(words: Sequence[str]) -> dict[str, int]:
    """The places of words that occur once, however they are spelt."""
    keys = [normalize("NFKC", word).casefold().translate(_SAME_SIGNS) for word in words]
    counts = Counter(keys)
    return {key: index for index, key in enumerate(keys) if counts[key] == 1}


class _Sentence:
    """The words of both sides and what is linked with what."""

    def __init__(self, text: str, translation: str, align: Align | None) -> None:
        self.source, self.target = word_spans(text), word_spans(translation)
        self._spelt = [text[start:end] for start, end in self.source]
        self._translated = [translation[start:end] for start, end in self.target]
        self.images = self._images((align or proportional_links)(self._spelt, self._translated))
        self._linked = [index for index, images in enumerate(self.images) if images]
        # Words by number, since a mark may stand between any two letters of a very long one.
        numbers: dict[str, int] = {}
        self._source_numbers, self._target_numbers = (
            [numbers.setdefault(word.casefold(), len(numbers)) for word in words]
            for words in (self._spelt, self._translated)
        )
        # Thousands of marks may stand inside one word.
        self._same_word, self._span = cache(self._find_same_word), cache(self._find_span)
        self._ends = [end for _, end in self.source]
        self._starts = [start for start, _ in self.source]

    @cached_property
    def _spread(self) -> list[list[int]]:
        return self._images(proportional_links(self._spelt, self._translated))

    def _images(self, links: Links) -> list[list[int]]:
        images: list[list[int]] = [[] for _ in self.source]
        for target, source in sorted(links):
            if 0 <= target < len(self.target) and 0 <= source < len(self.source):
                images[source].append(target)
        return images

    def point(self, mark: PlacedMark) -> int:
        """The offset in the translation of a mark by itself."""
        exact = self.inside(mark.offset)
        return self.offset(*self.boundary(mark)) if exact is None else exact

    def inside(self, offset: int) -> int | None:
        """The offset in the translation of one inside a word, if the word is the same there (``H2O``)."""
        word = bisect_left(self._ends, offset)
        if word == len(self.source) or not self.source[word][0] < offset < self.source[word][1]:
            return None
        image = self._same_word(word)
        if image is None:
            return None
        start, end = self.target[image]
        return min(start + offset - self.source[word][0], end)

    def _find_same_word(self, word: int) -> int | None:
        same = (
            each for each in self.images[word] if self._target_numbers[each] == self._source_numbers[word]
        )
        return next(same, None)

    def boundary(self, mark: PlacedMark) -> tuple[int, bool]:
        """Number of target words before a mark, and whether it stands right before the next of them."""
        after = bisect_left(self._starts, mark.offset)  # first source word that begins at or after it
        if after < len(self.source) and self._goes_with_next(mark, self._spelt[after]):
            return self._image(after, first=True), True
        if after == 0:
            return 0, True
        return self._image(after - 1, first=False) + 1, False

    def _goes_with_next(self, mark: PlacedMark, following: str) -> bool:
        """Whether a mark belongs to the word that follows it rather than to the one before."""
        if mark.role == "point":  # "{width}px", but not "{name}, …"
            return mark.has_space_before and not mark.has_space_after and following[0].isalnum()
        return mark.role == "open" or (mark.role != "close" and mark.has_space_before)

    def span(self, start: int, end: int) -> tuple[int, int] | None:
        """The target words of the source text between two offsets; None where no word is in between."""
        return self._span(bisect_left(self._ends, start + 1), bisect_left(self._starts, end))

    def _find_span(self, first: int, last: int) -> tuple[int, int] | None:
        # Without links rather about there than around nothing.
        linked = _union(self.images[first:last]) or _union(self._spread[first:last])
        if not linked:
            return None
        # Of stray links only the longest run counts; a gap of one word is bridged.
        runs = [[linked[0], linked[0]]]
        for each in linked[1:]:
            if each - runs[-1][1] <= 2:
                runs[-1][1] = each
            else:
                runs.append([each, each])
        first, last = max(runs, key=lambda run: run[1] - run[0])
        return first, last + 1

    def offset(self, num_before: int, is_before_next: bool) -> int:
        """Where in the translation a mark behind so many words stands: after the last or before the next."""
        if not self.target:
            return 0
        if num_before == 0 or (is_before_next and num_before < len(self.target)):
            return self.target[min(num_before, len(self.target) - 1)][0]
        return self.target[min(num_before, len(self.target)) - 1][1]

    def _image(self, word: int, *, first: bool) -> int:
        """The target word that ``word`` leads to; that of its nearest linked neighbour where it has none."""
        if not self._linked:
            return 0
        at = bisect_left(self._linked, word)
        near = min(self._linked[max(at - 1, 0) : at + 1], key=lambda each: abs(each - word))
        return self.images[near][0] if first else self.images[near][-1]


def _union(lists: Sequence[list[int]]) -> list[int]:
    return sorted({each for one in lists for each in one})


def _is_forest(marks: Sequence[PlacedMark]) -> bool:
    """Whether all marks are points and elements in each other, to a sane depth."""
    ends: list[int] = []  # of the open elements
    for index, mark in enumerate(marks):
        if mark.role == "open" and mark.partner is not None and len(ends) < _MAX_DEPTH:
            ends.append(mark.partner)
        elif mark.role == "close" and ends and ends[-1] == index:
            ends.pop()
        elif mark.role != "point":
            return False
    return not ends


def _in_order(
    marks: Sequence[PlacedMark], sentence: _Sentence, text_length: int, length: int
) -> list[tuple[int, int]]:
    """Offsets of marks that keep their order; runs get the words they had, inner and short ones first."""
    runs = [index for index, mark in enumerate(marks) if mark.role == "run"]
    bounds = [0, *(marks[index].offset for index in runs), text_length]
    cuts: dict[int, int] = {0: 0, len(bounds) - 1: length}
    assigned = [0, len(bounds) - 1]  # keys of cuts, sorted

    def assign(number: int, wanted: int) -> None:
        if number not in cuts:
            at = bisect_left(assigned, number)
            cuts[number] = min(max(wanted, cuts[assigned[at - 1]]), cuts[assigned[at]])
            assigned.insert(at, number)

    def rank(number: int) -> tuple[bool, int]:
        # The first and the last run tend to have the format of the paragraph.
        return number in (0, len(runs)), bounds[number + 1] - bounds[number]

    for number, offset in enumerate(bounds):
        if (exact := sentence.inside(offset)) is not None:
            assign(number, exact)
    # Space goes to the side that had it.
    sides = [True, *(marks[index].has_space_before for index in runs), False]
    for number in sorted(range(len(runs) + 1), key=rank):
        if span := sentence.span(bounds[number], bounds[number + 1]):
            assign(number, sentence.offset(span[0], sides[number]))
            assign(number + 1, sentence.offset(span[1], sides[number + 1]))
    for number in range(len(bounds)):
        assign(number, cuts.get(number - 1, 0))
    places = {index: cuts[number] for number, index in enumerate(runs, 1)}
    return [(places.get(index, sentence.point(mark)), index) for index, mark in enumerate(marks)]


def _placed(
    marks: Sequence[PlacedMark], indices: range, sentence: _Sentence, bounds: tuple[int, int]
) -> list[tuple[int, int]]:
    """Offsets and indices of a part of a forest within the target words between two bounds."""
    wanted = []
    index = indices.start
    while index < indices.stop:
        last = marks[index].partner or index
        wanted.append((_wanted(marks[index], marks[last], sentence, bounds), index, last))
        index = last + 1
    moved = sorted(wanted, key=lambda each: each[0][:2])  # stable: what ties keeps its order
    if any(left[0][1] > right[0][0] for left, right in pairwise(moved)):
        moved = wanted
    result: list[tuple[int, int]] = []
    reached, high = bounds
    for (start, end, is_before_next), first, last in moved:
        start = max(start, reached)
        end = reached = max(end, start)
        if first == last or start == end:
            # What stands at the end of an element stays in it.
            offset = sentence.offset(start, is_before_next and start < high)
            result += [(offset, index) for index in range(first, last + 1)]
        else:
            left, right = (sentence.inside(marks[index].offset) for index in (first, last))
            result.append((sentence.offset(start, True) if left is None else left, first))
            result += _placed(marks, range(first + 1, last), sentence, (start, end))
            result.append((sentence.offset(end, False) if right is None else right, last))
    return result


def _wanted(
    first: PlacedMark, last: PlacedMark, sentence: _Sentence, bounds: tuple[int, int]
) -> tuple[int, int, bool]:
    """The target words that an element would cover, and for one without any the side that it is on."""
    low, high = bounds
    span = sentence.span(first.offset, last.offset) if first.offset != last.offset else None
    is_before_next = True
    if span is None:
        has_space_after = first.has_space_after or last.has_space_after
        mark = replace(first, role="point", has_space_after=has_space_after)
        point, is_before_next = sentence.boundary(mark)
        span = point, point
    start, end = (min(max(each, low), high) for each in span)
    return start, end, is_before_next
