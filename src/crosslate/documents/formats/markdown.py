"""Markdown: the texts of paragraphs, headings, lists and tables; all that gives them their form stays.

CommonMark with GitHub's tables and strikethrough. markdown-it-py finds the blocks; the places of their texts
in the document are found here.

Sources: https://spec.commonmark.org/0.31.2/, https://github.github.com/gfm/.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import groupby
from typing import Any, NamedTuple

from markdown_it.token import Token

from crosslate.documents.document import TextFormat
from crosslate.documents.flow import Filling, Flow, Mark, Piece, fill
from crosslate.documents.formats.html import read_html
from crosslate.documents.formats.yaml import read_entries
from crosslate.documents.markdown_notation import (
    Spelling,
    block_parser,
    has_open_spelling,
    open_break,
    open_code,
    open_emphasis,
    open_text,
    spans,
)
from crosslate.documents.markup import escaped
from crosslate.text.placeholders import tag_of

_LINE = re.compile(r"([^\r\n]*)(\r\n?|\n|\Z)")
_FRONT_MATTER = re.compile(
    r"(?P<fence>---|\+\+\+)[ \t]*\r?\n(?P<entries>(?:.*\n)*?)(?:(?P=fence)|\.\.\.)[ \t]*\r?(?:\n|\Z)"
)
_FRONT_ENTRIES = frozenset({"title", "subtitle", "description", "summary"})
# Lines that are markup as a whole for widespread programs: kinds of boxes and notes, templates.
_KEPT_LINE = re.compile(r"\[![A-Za-z]+\].*|:::.*|(?:!!!|\?\?\?\+?) .*|(?:\{[{:%][^{}]*\}\}?\s*)+")
# A box to tick, and the number of a note before its text.
_LINE_START = re.compile(r"\[[ xX]\][ \t]+|\[\^[^\]\s]+\]:[ \t]*")
_QUOTED = re.compile(r"""([\\"'()&<`|])""")
_NOTE = re.compile(r"(\[\^[^\]\s]+\])")


class Markdown(TextFormat):
    suffixes = (".md", ".markdown")
    position = 6

    def read(self, flow: Flow, text: str, target_language: str | None) -> None:
        front = _FRONT_MATTER.match(text)
        if front and front["fence"] == "---":
            flow.copy(text[: front.start("entries")])
            read_entries(flow, front["entries"], _FRONT_ENTRIES)
            flow.copy(text[front.end("entries") : front.end()])
        elif front:
            flow.copy(front.group())
        _Reader(flow, text[front.end() if front else 0 :]).read()


class _Line(NamedTuple):
    """A line of a block: its text without what goes before it, and where that begins in the document."""

    start: int
    text: str


class _Reader:
    def __init__(self, flow: Flow, text: str) -> None:
        self.flow, self.text = flow, text
        # Where each line and its end are.
        self.lines = [match.span(1) for match in _LINE.finditer(text)]
        self.env: dict[str, Any] = {}
        self.done = 0

    def read(self) -> None:
        before = Token("", "", 0)
        for token in block_parser().parse(self.text, self.env):
            if token.type == "html_block":
                self._html(token)
            elif token.type == "inline" and token.map and token.content:
                self._inline(token, before)
            before = token
        self.flow.copy(self.text[self.done :])

    def _inline(self, token: Token, block: Token) -> None:
        """Reads the text of a block."""
        start, end = self.lines[token.map[0]] if token.map else (0, 0)
        if block.tag in ("td", "th"):
            lines = self._in_line(token.content.replace("|", r"\|"), max(start, self.done), end)
            is_first = bool(lines) and self.text.find("|", start, lines[0].start) < 0
            context = "|a|\n|-|\n{}" if is_first else "|a|\n|-|\n|{}|"
        elif block.markup.startswith("#"):
            after = self.text.find(block.markup, start, end) + len(block.markup)
            lines, context = self._in_line(token.content, after, end), "# {}"
        else:
            lines, context = self._in_lines(token), f"{{}}\n{block.markup * 3}"
        for is_kept, group in groupby(lines, lambda line: _KEPT_LINE.fullmatch(line.text) is not None):
            if not is_kept:
                self._block(list(group), context)

    def _in_line(self, content: str, start: int, end: int) -> list[_Line]:
        found = self.text.find(content, start, end)
        return [_Line(found, content)] if found >= 0 else []

    def _in_lines(self, token: Token) -> list[_Line]:
        """The lines of a paragraph; none where the parser read something that is not there."""
        first, end = token.map or (0, 0)
        contents = token.content.split("\n")
        found: list[_Line] = []
        for number, content in zip(range(first, end), contents):
            start, stop = self.lines[number]
            spelt = self.text[start:stop]
            is_last = number == end - 1
            content, spelt = content.lstrip(" \t"), spelt.rstrip() if is_last else spelt
            marker = _LINE_START.match(content) if number == first else None
            content = content[marker.end() :] if marker else content
            if not spelt.endswith(content):
                return []
            found.append(_Line(start + len(spelt) - len(content), content))
        return found if len(contents) == end - first else []

    def _html(self, token: Token) -> None:
        first, end = token.map or (0, 0)
        start, stop = self.lines[first][0], self.lines[end][0] if end < len(self.lines) else len(self.text)
        if self.text[start:stop].replace("\r\n", "\n").strip() == token.content.strip():
            inner = self.flow.nested(escaped)
            read_html(inner, self.text[start:stop], None, is_xml=False)
            self.flow.copy(self.text[self.done : start], *inner.finish())
            self.done = stop

    def _block(self, lines: Sequence[_Line], context: str) -> None:
        """Reads lines that are one text; ``context`` is the smallest block of their kind."""
        start, stop = lines[0].start, lines[-1].start + len(lines[-1].text)
        if has_open_spelling(self.text[start:stop]):
            return  # no text has these characters
        block = _Block(self, lines)
        pieces, segments = block.pieces, range(block.first_segment, len(self.flow.segments))
        spelling = Spelling(block.breaks, self.env.get("references", {}), context)

        def written(filling: Filling) -> str:
            made = fill(pieces, filling)
            if not has_open_spelling(made):
                return made
            finish = spelling.shortest(made)
            if filling.written is not None:
                for index in segments:
                    filling.written[index] = finish(filling.written[index])
            return finish(made)

        self.flow.copy(self.text[self.done : start], written)
        self.done = stop


class _Block:
    """A text with its marks.

    Attributes:
        breaks: what stands between its lines: line ends, signs of quotations, indents.
        is_in_image: the description of an image is read, where emphasis is not seen.
    """

    def __init__(self, reader: _Reader, lines: Sequence[_Line]) -> None:
        self.text, self.env = reader.text, reader.env
        self.content = "\n".join(line.text for line in lines)
        self.places: list[int] = []  # of each character of the content
        for line in lines:
            self.places += range(line.start, line.start + len(line.text) + 1)
        self.breaks: list[str] = []
        self.is_in_image = False
        self.first_segment = len(reader.flow.segments)
        flow = reader.flow.nested(open_text)
        self._read(flow, 0, len(self.content))
        self.pieces = flow.finish()

    def _raw(self, start: int, end: int) -> str:
        """A part of the content as the document spells it."""
        return self.text[self.places[start] : self.places[end]] if start < end else ""

    def _read(self, flow: Flow, start: int, end: int) -> None:
        """Reads a part of the content."""
        done = start
        for first, last, name, token in spans(self.content[start:end], self.env):
            self._plain(flow, done, start + first)
            self._mark(flow, start + first, start + last, name, token)
            done = start + last
        self._plain(flow, done, end)

    def _plain(self, flow: Flow, start: int, end: int) -> None:
        for index, part in enumerate(_NOTE.split(self._raw(start, end))):
            if index % 2:
                flow.mark(Mark([part]))
            else:
                flow.text(part)

    def _mark(self, flow: Flow, start: int, end: int, name: str, token: Token) -> None:
        raw = self._raw(start, end)
        kind = token.type.partition("_")[0]
        if token.type == "hardbreak":
            flow.copy(raw)
        elif token.type == "softbreak":
            flow.text(raw, " ", open_break(len(self.breaks)))
            self.breaks.append(raw)
        elif name in ("emphasis", "strikethrough"):
            if token.type == "text":  # no end; without content it is half of another's marker
                flow.text(token.content)
                return
            is_end = token.nesting < 0
            changed = open_emphasis(token.markup, "" if self.is_in_image else kind, is_end=is_end)
            flow.mark(Mark([token.markup], "close" if is_end else "open", kind, if_changed=[changed]))
        elif name in ("escape", "entity"):
            flow.text(raw, token.content)
        elif name == "image":
            # Before a bracket, a name by itself would be a description.
            is_named = raw == f"![{token.content}]"
            flow.mark(
                Mark(self._image(flow, start, end, token), if_changed=[f"{raw}[]"] if is_named else None)
            )
        elif token.type == "link_open":
            flow.mark(Mark([raw], "open", "link"))
        elif name == "link":
            flow.mark(self._link_end(flow, raw, token))
        elif name == "html_inline" and tag_of(raw):
            flow.text(raw)  # which is found as in any text
        elif token.type == "code_inline":
            flow.mark(Mark([raw], if_changed=[open_code(raw)]))
        else:
            flow.mark(Mark([raw]))

    def _image(self, flow: Flow, start: int, end: int, token: Token) -> list[Piece]:
        """An image with its description; one that is also the name of its address stays."""
        label_end = start + 2 + len(token.content)
        tail = self._raw(label_end, end)
        if tail in ("]", "][]"):
            return [self._raw(start, end)]
        inner = flow.nested()
        is_nested, self.is_in_image = self.is_in_image, True
        self._read(inner, start + 2, label_end)
        self.is_in_image = is_nested
        return ["![", *inner.finish(), *_with_title(flow, tail, token)]

    def _link_end(self, flow: Flow, raw: str, token: Token) -> Mark:
        """The end of a link; one that is named by its text keeps its name when the text changes."""
        label = token.meta.get("label")
        changed: list[Piece] | None = [f"][{label}]"] if label and raw in ("]", "][]") else None
        return Mark(_with_title(flow, raw, token), "close", "link", if_changed=changed)


def _with_title(flow: Flow, tail: str, token: Token) -> list[Piece]:
    """The end of a link or image, with the title in it as a text."""
    title = str(token.meta.get("title", "") or token.attrGet("title") or "")
    start = tail.rfind(title) if title and not _QUOTED.search(title) and "](" in tail[:2] else -1
    if start < 1 or tail[start - 1] not in "\"'(":
        return [tail]
    inner = flow.nested(lambda text: _QUOTED.sub(r"\\\1", text))
    inner.text(title)
    return [tail[:start], *inner.finish(), tail[start + len(title) :]]
