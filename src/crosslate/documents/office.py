"""The XML inside of Word (.docx) and OpenDocument (.odt) files."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from xml.parsers import expat

from crosslate.documents.items import Mark, Piece
from crosslate.documents.markup import read_references
from crosslate.documents.tags import Token, tokens
from crosslate.documents.units import Flow
from crosslate.errors import InputError

WORD_PARTS = re.compile(r"word/(?:document|header|footer|footnotes|endnotes|comments)\d*\.xml")
ODF_PARTS = re.compile(r"(?:content|styles)\.xml")
_WORD_SPACES = (
    "http://schemas.openxmlformats.org/wordprocessingml/2006/main",
    "http://purl.oclc.org/ooxml/wordprocessingml/main",
)
_ODF_SPACES = ("urn:oasis:names:tc:opendocument:xmlns:text:1.0",)
# A box in a paragraph, or a note, holds paragraphs of its own, and those may hold boxes.
_MAX_NESTED = 20


def check_xml(data: bytes, name: str) -> None:
    """Refuses what is no well-formed XML, and declared entities, a few of which can unfold to gigabytes.

    Raises:
        InputError: with the line and column.
    """
    parser = expat.ParserCreate()

    def refuse(entity: str, *_: object) -> None:
        raise InputError(f"{name} declares the entity {entity!r}, which is refused; write its text instead")

    parser.EntityDeclHandler = refuse
    try:
        parser.Parse(data, True)
    except expat.ExpatError as error:
        raise InputError(
            f"{name}, line {error.lineno}, column {error.offset}: not well-formed XML: "
            f"{expat.ErrorString(error.code)}; save the file again"
        ) from None
    except (LookupError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{name}: its encoding cannot be read ({error}); save it as UTF-8") from None


def read_word(flow: Flow, text: str) -> None:
    """Adds the paragraphs of a part of a Word file.

    The runs of a paragraph are one text; its translation is spread over the runs in their order, each
    getting about the words that translate its own. Tabs and line breaks divide.
    """
    _Word(flow, _prefix(text, _WORD_SPACES, "w")).read(text)


def read_odf(flow: Flow, text: str) -> None:
    """Adds the paragraphs of an OpenDocument text; spans and links are marks, notes and boxes hold more."""
    _OpenDocument(flow, _prefix(text, _ODF_SPACES, "text")).read(text)


def _prefix(text: str, spaces: tuple[str, ...], usual: str) -> str:
    """What names of a namespace begin with in this file, colon included."""
    for space in spaces:
        if match := re.search(rf"""xmlns(?::([\w.-]+))?\s*=\s*["']{re.escape(space)}["']""", text):
            return f"{match.group(1)}:" if match.group(1) else ""
    return f"{usual}:"


@dataclass
class _Story:
    """A series of paragraphs in a Word file: the text itself, or a box in one of its paragraphs.

    Attributes:
        waiting: markup since the last text of the open paragraph.
        is_divided: a tab or line break is in it.
    """

    flow: Flow
    is_paragraph: bool = False
    is_text: bool = False
    is_divided: bool = True
    waiting: list[Piece] = field(default_factory=list)


class _Word:
    def __init__(self, flow: Flow, prefix: str) -> None:
        self.stories = [_Story(flow)]
        self.paragraph, self.text, self.box = (f"{prefix}{name}" for name in ("p", "t", "txbxContent"))
        self.dividers = {f"{prefix}{name}" for name in ("tab", "ptab", "br", "cr")}

    def read(self, text: str) -> None:
        for token in tokens(text, is_xml=True):
            story = self.stories[-1]
            if story.is_text and token.kind == "text":
                self._characters(story, token)
            elif token.name == self.box and not token.is_empty:
                self._box(story, token)
            else:
                self._markup(story, token)
        story = self.stories[0]
        story.flow.copy(*story.waiting)

    def _markup(self, story: _Story, token: Token) -> None:
        if token.name == self.paragraph and not token.is_empty:
            story.flow.copy(*story.waiting, token.raw)
            story.waiting = []
            story.is_paragraph, story.is_text, story.is_divided = token.kind == "start", False, True
            return
        if token.name == self.text:
            story.is_text = story.is_paragraph and token.kind == "start" and not token.is_empty
        story.is_divided = story.is_divided or token.name in self.dividers
        story.waiting.append(token.raw)

    def _characters(self, story: _Story, token: Token) -> None:
        if story.waiting:
            *before, opening = story.waiting
            keeping = [_keeping_spaces(opening, f"<{self.text}")]
            if story.is_divided:
                story.flow.copy(*before)
                story.flow.mark(Mark([opening], "run", if_changed=keeping))
            else:
                story.flow.mark(Mark([*before, opening], "run", if_changed=[*before, *keeping]))
            story.waiting, story.is_divided = [], False
        read_references(story.flow, token.raw, is_xml=True)

    def _box(self, story: _Story, token: Token) -> None:
        if token.kind == "start":
            if len(self.stories) > _MAX_NESTED:
                raise InputError(f"boxes are nested more than {_MAX_NESTED} deep; save the document again")
            story.waiting.append(token.raw)
            self.stories.append(_Story(story.flow.nested()))
        elif len(self.stories) > 1:
            self.stories.pop()
            story.flow.copy(*story.waiting)
            self.stories[-1].waiting += [*story.flow.finish(), token.raw]


def _keeping_spaces(piece: Piece, name: str) -> Piece:
    """The start tag of a run's text, such that spaces at its ends are kept; anything else as it is."""
    if not isinstance(piece, str) or not piece.startswith(name) or "xml:space" in piece:
        return piece
    return f'{piece[:-1]} xml:space="preserve">'


@dataclass
class _Body:
    """A part of an OpenDocument text: all of it, or what a note or a box in a paragraph holds."""

    flow: Flow
    is_paragraph: bool = False


class _OpenDocument:
    def __init__(self, flow: Flow, prefix: str) -> None:
        self.bodies = [_Body(flow)]
        self.roles: list[str] = []  # of the open elements: paragraph, inline, held, skipped, other
        self.num_skipped = 0
        self.paragraphs = {f"{prefix}{name}" for name in ("p", "h")}
        self.inline = {f"{prefix}{name}" for name in ("span", "a")}
        self.dividers = {f"{prefix}{name}" for name in ("s", "tab", "line-break")}
        self.skipped = f"{prefix}tracked-changes"

    def read(self, text: str) -> None:
        for token in tokens(text, is_xml=True):
            body = self.bodies[-1]
            if token.kind == "start" and not token.is_empty:
                self._start(body, token)
            elif token.kind == "end":
                self._end(body, token)
            elif not body.is_paragraph or self.num_skipped or token.name in self.dividers:
                body.flow.copy(token.raw)
            elif token.kind == "text":
                read_references(body.flow, token.raw, is_xml=True)
            else:
                body.flow.mark(Mark([token.raw]))
        self.bodies[0].flow.flush()

    def _start(self, body: _Body, token: Token) -> None:
        if self.num_skipped or token.name == self.skipped:
            self._enter("skipped")
            body.flow.copy(token.raw)
        elif not body.is_paragraph:
            is_paragraph = token.name in self.paragraphs
            self._enter("paragraph" if is_paragraph else "other")
            body.is_paragraph = is_paragraph
            body.flow.copy(token.raw)
        elif token.name in self.inline:
            self._enter("inline")
            body.flow.mark(Mark([token.raw], "open", token.name))
        else:
            if len(self.bodies) > _MAX_NESTED:
                raise InputError(f"notes are nested more than {_MAX_NESTED} deep; save the document again")
            self._enter("held")
            held = _Body(body.flow.nested())
            held.flow.copy(token.raw)
            self.bodies.append(held)

    def _enter(self, role: str) -> None:
        self.roles.append(role)
        self.num_skipped += role == "skipped"

    def _end(self, body: _Body, token: Token) -> None:
        role = self.roles.pop() if self.roles else "other"
        if role == "inline":
            body.flow.mark(Mark([token.raw], "close", token.name))
            return
        body.flow.copy(token.raw)
        if role == "paragraph":
            body.is_paragraph = False
        elif role == "skipped":
            self.num_skipped -= 1
        elif role == "held":
            self.bodies.pop()
            self.bodies[-1].flow.mark(Mark(body.flow.finish()))
