"""XLIFF 1.x and 2.x: units that have no translation yet get one.

Sources: https://docs.oasis-open.org/xliff/v1.2/os/xliff-core.html (sections 2.3, 2.4) and
https://docs.oasis-open.org/xliff/xliff-core/v2.1/xliff-core-v2.1.html (sections 4.2, 4.3, 4.7).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from crosslate.documents.document import TextFormat
from crosslate.documents.flow import Flow, Mark, Piece
from crosslate.documents.markup import Token, checked_root, read_other, read_references, tokens
from crosslate.errors import InputError, UsageError
from crosslate.languages.codes import contradicts, is_same_language
from crosslate.text.xml import check_xml

# A translation in one of these states is a stand-in: mostly the source again.
_WANTED_STATES = frozenset({"new", "needs-translation", "initial"})
# What a machine made; 2.x has a word for translated, but none for by whom.
_MADE_BY_MACHINE = {"state": "needs-review-translation", "state-qualifier": "mt-suggestion"}
_TRANSLATED = {"state": "translated", "subState": None}
_CODES = frozenset({"bpt", "ept", "it", "ph"})  # in 1.x, what stands in them is no text
_STARTS = frozenset({"bpt", "bx", "sc", "sm"})
_ENDS = {"ept": "bpt", "ex": "bx", "ec": "sc", "em": "sm"}  # and how they start


class Xliff(TextFormat):
    suffixes = (".xlf", ".xliff", ".sdlxliff", ".mqxliff", ".mxliff")
    position = 8
    is_markup = True

    def read(self, flow: Flow, text: str, target_language: str | None) -> None:
        if target_language is None:
            raise UsageError("an xliff file holds two languages: say which one it is translated to")
        check_xml(text.encode("utf-8", "surrogatepass"), "the xliff file", "utf-8")
        root = checked_root(text, "xliff")
        version = root.attribute("version") or ""
        if version.partition(".")[0] not in ("1", "2"):
            raise InputError(
                f"it is XLIFF of version {version!r}, expected 1.x or 2.x; convert it to one of these"
            )
        _Reader(flow, root, target_language).read(text)


class _Reader:
    """Reads an XLIFF file.

    Attributes:
        prefix: of the names of its elements, colon included.
        translated: whether each open element is translated, as its tag or those around it say.
        pairs: the languages of the parts of the file.
        is_read: one of them is the pair that is translated.
    """

    def __init__(self, flow: Flow, root: Token, target_language: str) -> None:
        self.flow, self.target_language = flow, target_language
        self.prefix = root.name.removesuffix("xliff")
        self.is_new = (root.attribute("version") or "").startswith("2")
        # The element that names the languages, and the one that holds a text and its translation.
        self.part, self.unit = ("xliff", "segment") if self.is_new else ("file", "trans-unit")
        self.attributes = ("srcLang", "trgLang") if self.is_new else ("source-language", "target-language")
        self.translated = [True]
        self.pairs: list[str] = []
        self.is_ours = self.is_read = False

    def read(self, text: str) -> None:
        found = tokens(text, is_xml=True)
        for token in found:
            if token.kind == "start" and token.name == self.prefix + self.part:
                self.flow.copy(self._part(token))
            elif token.kind == "start" and token.name == self.prefix + self.unit and not token.is_empty:
                self._unit([token, *_rest(found)])
                continue
            else:
                self.flow.copy(token.raw)
            if token.kind == "start" and not token.is_empty:
                self.translated.append(self._is_translated(token))
            elif token.kind == "end":
                self.translated.pop()
        if not self.is_read:
            pairs = ", ".join(dict.fromkeys(self.pairs)) or "no languages"
            raise InputError(
                f"the xliff file is for {pairs[:200]}, not for {self.flow.language} to "
                f"{self.target_language}; give its languages, or correct them in the file"
            )

    def _is_translated(self, token: Token) -> bool:
        asked = token.attribute("translate")
        return asked == "yes" if asked in ("yes", "no") else self.translated[-1]

    def _part(self, token: Token) -> str:
        """The tag that names the languages, with the target's if it names none or the source's again."""
        source, target = (token.attribute(name) or "" for name in self.attributes)
        self.pairs.append(f"{source or '(none)'} to {target or '(none)'}")
        is_named = bool(target) and not contradicts(target, self.target_language)
        is_open = not target or is_same_language(target, self.flow.language)
        is_source = not source or not contradicts(source, self.flow.language)
        self.is_ours = is_source and (is_named or is_open)
        self.is_read = self.is_read or self.is_ours
        if not self.is_ours or is_named:
            return token.raw
        return token.with_attributes({self.attributes[1]: self.target_language})

    def _unit(self, unit: Sequence[Token]) -> None:
        """Copies a unit, with a translation where it lacks one."""
        children = self._children(unit)
        source = children.get("seg-source") or children.get("source")
        target = children.get("target")
        is_final = unit[0].attribute("approved") == "yes" and target is not None
        is_wanted = self.is_ours and self._is_translated(unit[0]) and not is_final
        if not (is_wanted and source and _is_text(unit, source) and self._is_open(unit, target)):
            parts = self._open_parts(unit, children) if is_wanted else []
            self.flow.copy(*self._with_parts(unit, parts))
            return
        pieces: list[Piece] = [unit[0].with_attributes(_TRANSLATED) if self.is_new else unit[0].raw]
        start, end = source.stop, source.stop
        opening = f"<{self.prefix}target>"
        tag = next(tokens(opening, is_xml=True))
        if target:
            start, end, tag = target.start, target.stop, unit[target.start]
        opening = tag.raw if self.is_new else tag.with_attributes(_MADE_BY_MACHINE)
        opening = opening[:-2].rstrip() + ">" if tag.is_empty else opening
        before = unit[source.start - 1].raw
        indent = before if before.isspace() and not target else ""
        inner = self.flow.nested()
        _Content(inner).read(unit[source.start + 1 : source.stop - 1])
        pieces += [token.raw for token in unit[1:start]]
        pieces += [indent, opening, *inner.finish(), f"</{self.prefix}target>"]
        self.flow.copy(*pieces, *(token.raw for token in unit[end:]))

    def _open_parts(self, unit: Sequence[Token], children: dict[str, range]) -> list[tuple[range, range]]:
        """The segments of a unit in work that wait for a translation: their places in source and target."""
        source, target = children.get("seg-source"), children.get("target")
        if source is None or target is None or unit[target.start].attribute("state"):
            return []
        sources = dict(_segments(unit, source))
        return [
            (sources[number], place)
            for number, place in _segments(unit, target)
            if number in sources and _is_text(unit, sources[number]) and not _is_text(unit, place)
        ]

    def _with_parts(self, unit: Sequence[Token], parts: list[tuple[range, range]]) -> list[Piece]:
        """A unit with translations of some of its segments."""
        pieces: list[Piece] = []
        start = 0
        for source, target in parts:
            inner = self.flow.nested()
            _Content(inner).read(unit[source.start + 1 : source.stop - 1])
            tag = unit[target.start]
            opening = tag.raw[:-2].rstrip() + ">" if tag.is_empty else tag.raw
            pieces += [token.raw for token in unit[start : target.start]]
            pieces += [opening, *inner.finish(), f"</{tag.name}>"]
            start = target.stop
        return [*pieces, *(token.raw for token in unit[start:])]

    def _children(self, unit: Sequence[Token]) -> dict[str, range]:
        """Where the elements right in a unit begin and end, by their names; those of modules have another."""
        children: dict[str, range] = {}
        depth, start = 0, 0
        for index, token in enumerate(unit):
            if token.kind == "start":
                start = index if depth == 1 else start
                depth += 1
            if token.kind == "end" or token.is_empty:
                depth -= 1
                if depth == 1 and token.name.startswith(self.prefix):
                    children.setdefault(token.name[len(self.prefix) :], range(start, index + 1))
        return children

    def _is_open(self, unit: Sequence[Token], target: range | None) -> bool:
        """Whether a unit waits for a translation."""
        if target is None:
            return True
        state = unit[0 if self.is_new else target.start].attribute("state")
        return state in _WANTED_STATES if state else not _is_text(unit, target)


def _rest(found: Iterator[Token]) -> Iterator[Token]:
    """The tokens up to the end of the element that has just begun."""
    depth = 1
    while depth:
        token = next(found)
        depth += (token.kind == "start" and not token.is_empty) - (token.kind == "end")
        yield token


def _is_text(unit: Sequence[Token], element: range) -> bool:
    return any(
        token.kind in ("text", "other") and token.raw.strip() for token in unit[element.start : element.stop]
    )


def _segments(unit: Sequence[Token], element: range) -> Iterator[tuple[str, range]]:
    """Numbers and places of the segments in a text; none stands in another."""
    start: int | None = None
    depth = 0
    for index in element:
        token = unit[index]
        if token.kind == "start" and start is None and token.attribute("mtype") == "seg":
            start, depth = index, 0
        if start is None:
            continue
        depth += (token.kind == "start" and not token.is_empty) - (token.kind == "end")
        if depth == 0:
            yield unit[start].attribute("mid") or "", range(start, index + 1)
            start = None


class _Content:
    """Reads a text with its inline elements; what a code holds, and protected text, is part of a mark.

    Attributes:
        flows: of the text, and of the open codes and protected elements in it.
        open: the open elements, and what they are in the text: inline, held, or copied.
        is_read: whether what stands in the open elements is text; always one more than these.
    """

    def __init__(self, flow: Flow) -> None:
        self.flows = [flow]
        self.open: list[tuple[Token, str]] = []
        self.is_read = [True]

    def read(self, content: Iterable[Token]) -> None:
        for token in content:
            flow = self.flows[-1]
            if token.kind == "start" and not token.is_empty:
                self._start(flow, token)
            elif token.kind == "end":
                self._end(flow, token)
            elif not self.is_read[-1]:
                flow.copy(token.raw)
            elif token.kind == "text":
                read_references(flow, token.raw, is_xml=True)
            elif token.kind == "other":
                read_other(flow, token, is_xml=True)
            else:
                flow.mark(_mark(token, [token.raw]))

    def _start(self, flow: Flow, token: Token) -> None:
        name, is_read = token.local_name, self.is_read[-1]
        is_kept = name in _CODES or token.attribute("translate") == "no"
        is_kept = is_kept or token.attribute("mtype") == "protected"
        if is_read and is_kept:
            self.flows.append(flow.nested())
            self.flows[-1].copy(token.raw)
            way = "held"
        elif is_read and token.attribute("mtype") != "seg":
            flow.mark(Mark([token.raw], "open", token.name))
            way = "inline"
        else:
            flow.copy(token.raw)
            way = "copied"
        self.open.append((token, way))
        # The text in a code, such as a footnote.
        self.is_read.append(name == "sub" or (is_read and not is_kept))

    def _end(self, flow: Flow, token: Token) -> None:
        start, way = self.open.pop()
        self.is_read.pop()
        if way == "inline":
            flow.mark(Mark([token.raw], "close", token.name))
            return
        flow.copy(token.raw)
        if way == "held":
            self.flows.pop()
            self.flows[-1].mark(_mark(start, flow.finish()))


def _mark(token: Token, pieces: list[Piece]) -> Mark:
    """The mark of a code: the start or end of a pair, which share a number, or a point."""
    name = token.local_name
    is_ordered = token.attribute("canReorder") in ("no", "firstNo")
    if name not in _STARTS and name not in _ENDS:
        return Mark(pieces, is_ordered=is_ordered)
    numbers = (token.attribute(each) for each in ("rid", "startRef", "id"))
    number = next((each for each in numbers if each is not None), "")
    if name in _STARTS:
        return Mark(pieces, "open", f"{name} {number}")
    return Mark(pieces, "close", f"{_ENDS[name]} {number}")
