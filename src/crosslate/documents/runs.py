"""The text of office documents in XML: the runs of a paragraph, each with its format, are read as one."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from crosslate.documents.flow import Flow, Mark, Piece
from crosslate.documents.markup import Token, namespace_prefix, read_references, tokens


@dataclass(frozen=True)
class RunNames:
    """The elements of a kind of document, by their names.

    Attributes:
        paragraphs: which hold runs.
        text: of a run.
        box: a text of its own inside a paragraph; empty for none.
        dividers: what ends a text in a paragraph.
        skipped: whose text is not read.
        visible: local names of what a reader sees in a sentence though it is no text.
        breaks: characters that end a text, as one group; None for none.
        needs_space_attribute: whether spaces at the ends of a run must be declared to be kept.
    """

    paragraphs: frozenset[str]
    text: str
    box: str = ""
    dividers: frozenset[str] = frozenset()
    skipped: frozenset[str] = frozenset()
    visible: frozenset[str] = frozenset()
    breaks: re.Pattern[str] | None = None
    needs_space_attribute: bool = True


BREAK = r"(?:[\t\n\r\v]|&#(?:0*(?:9|10|13)|x0*[9aAdD]);)"
"""A tab or the end of a line as XML spells it."""
_DRAWING_NAMESPACES = (
    "http://schemas.openxmlformats.org/drawingml/2006/main",
    "http://purl.oclc.org/ooxml/drawingml/main",
)


def read_drawing(flow: Flow, text: str, target_language: str | None = None) -> None:
    """Hands the text of shapes to ``flow``: of slides, and of boxes beside a table.

    Source: ECMA-376-1, 21.1.2 (DrawingML, text).
    """
    prefix = namespace_prefix(text, _DRAWING_NAMESPACES, "a")
    names = RunNames(
        paragraphs=frozenset({f"{prefix}p"}),
        text=f"{prefix}t",
        dividers=frozenset({f"{prefix}br"}),
        skipped=frozenset({f"{prefix}fld"}),  # numbers of slides and dates, which are made anew
        visible=frozenset({"fld", "oMath"}),
        breaks=re.compile(f"({BREAK}+)"),
        needs_space_attribute=False,
    )
    RunReader(flow, names).read(tokens(text, is_xml=True))


@dataclass
class Story:
    """A series of paragraphs: the text itself, or a box in one of its paragraphs.

    Attributes:
        waiting: markup since the last text of the open paragraph.
        without_hyphens: the same without the hyphens in it, which the sentence has as text.
        hyphens: that text.
        is_divided: a tab or line break is in it.
        is_visible: something that readers see is in it.
    """

    flow: Flow
    is_paragraph: bool = False
    is_text: bool = False
    is_divided: bool = True
    is_visible: bool = False
    waiting: list[Piece] = field(default_factory=list)
    without_hyphens: list[Piece] = field(default_factory=list)
    hyphens: str = ""

    def wait(self, *pieces: Piece) -> None:
        self.waiting += pieces
        self.without_hyphens += pieces

    def divide(self, *pieces: Piece) -> None:
        """Ends the paragraph and copies what waits, and ``pieces``."""
        self.flow.copy(*self.waiting, *pieces)
        self.clear()

    def clear(self) -> None:
        self.waiting, self.without_hyphens, self.hyphens = [], [], ""
        self.is_divided = self.is_visible = False


class RunReader:
    """Hands documents to a flow; kinds of documents add what only they have.

    Attributes:
        num_skipped: open elements whose text is not read.
    """

    def __init__(self, flow: Flow, names: RunNames) -> None:
        self.stories, self.names = [Story(flow)], names
        self.num_skipped = 0

    def read(self, found: Iterable[Token]) -> None:
        names = self.names
        for token in found:
            story = self.stories[-1]
            if token.name in names.skipped and not token.is_empty:
                self.num_skipped += 1 if token.kind == "start" else -1
            self.follow(story, token)
            if story.is_text and token.kind == "text" and not self.num_skipped:
                self._characters(story, token)
            elif token.name != names.box or not names.box or token.is_empty:
                self.markup(story, token)
            elif token.kind == "start":
                story.wait(token.raw)
                self.stories.append(Story(story.flow.nested()))
            elif len(self.stories) > 1:
                self.stories.pop()
                story.divide()
                self.stories[-1].wait(*story.flow.finish(), token.raw)
        self.stories[0].divide()

    def follow(self, story: Story, token: Token) -> None:
        """Sees every token before it is read."""

    def markup(self, story: Story, token: Token) -> None:
        """Adds what is not read."""
        names = self.names
        if token.name in names.paragraphs and not token.is_empty:
            story.divide(token.raw)
            story.is_paragraph, story.is_text, story.is_divided = token.kind == "start", False, True
            return
        if token.name == names.text:
            story.is_text = story.is_paragraph and token.kind == "start" and not token.is_empty
        story.is_divided = story.is_divided or (token.name in names.dividers and not self.num_skipped)
        story.is_visible = story.is_visible or token.local_name in names.visible
        story.wait(token.raw)

    def _characters(self, story: Story, token: Token) -> None:
        if story.waiting:
            *before, opening = story.waiting
            keeping = self._with_spaces_kept(opening)
            if story.is_divided:
                story.flow.copy(*before)
                story.flow.mark(Mark([opening], "run", if_changed=[keeping]))
            else:
                changed = [*story.without_hyphens[:-1], keeping]
                # In its sentence a hyphen is a character, which only a changed paragraph spells as one.
                story.flow.text("", story.hyphens, story.hyphens.replace("-", "\u2011"))
                story.flow.mark(Mark([*before, opening], "run", "", "", changed, story.is_visible))
            story.clear()
        breaks = self.names.breaks
        for index, part in enumerate(breaks.split(token.raw) if breaks else [token.raw]):
            if index % 2:
                story.flow.copy(part)
            else:
                read_references(story.flow, part, is_xml=True)

    def _with_spaces_kept(self, piece: Piece) -> Piece:
        """The start tag of a run's text, such that spaces at its ends are kept; anything else as it is."""
        if not (self.names.needs_space_attribute and isinstance(piece, str)) or "xml:space" in piece:
            return piece
        is_tag = piece.startswith(f"<{self.names.text}") and piece[len(self.names.text) + 1] in " \t\r\n>"
        return f'{piece[:-1]} xml:space="preserve">' if is_tag else piece
