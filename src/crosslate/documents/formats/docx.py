"""Word files: the runs of a paragraph are read as one text."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from crosslate.documents.document import ArchiveFormat
from crosslate.documents.flow import Flow, Mark, Piece
from crosslate.documents.markup import Token, namespace_prefix, read_references, tokens

_NAMESPACES = (
    "http://schemas.openxmlformats.org/wordprocessingml/2006/main",
    "http://purl.oclc.org/ooxml/wordprocessingml/main",
)


class Word(ArchiveFormat):
    suffixes = (".docx",)
    position = 4
    parts = re.compile(r"word/(?:document|header|footer|footnotes|endnotes|comments)\d*\.xml")

    def read(self, flow: Flow, text: str, target_language: str | None) -> None:
        _Reader(flow, namespace_prefix(text, _NAMESPACES, "w")).read(text)


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


class _Reader:
    def __init__(self, flow: Flow, prefix: str) -> None:
        self.stories = [_Story(flow)]
        self.paragraph, self.text, self.box = (f"{prefix}{name}" for name in ("p", "t", "txbxContent"))
        self.dividers = {f"{prefix}{name}" for name in ("tab", "ptab", "br", "cr")}

    def read(self, text: str) -> None:
        for token in tokens(text, is_xml=True):
            story = self.stories[-1]
            if story.is_text and token.kind == "text":
                self._characters(story, token)
            elif token.name != self.box or token.is_empty:
                self._markup(story, token)
            elif token.kind == "start":
                story.waiting.append(token.raw)
                self.stories.append(_Story(story.flow.nested()))
            elif len(self.stories) > 1:
                self.stories.pop()
                story.flow.copy(*story.waiting)
                self.stories[-1].waiting += [*story.flow.finish(), token.raw]
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
            keeping = [_with_spaces_kept(opening, f"<{self.text}")]
            if story.is_divided:
                story.flow.copy(*before)
                story.flow.mark(Mark([opening], "run", if_changed=keeping))
            else:
                story.flow.mark(Mark([*before, opening], "run", if_changed=[*before, *keeping]))
            story.waiting, story.is_divided = [], False
        read_references(story.flow, token.raw, is_xml=True)


def _with_spaces_kept(piece: Piece, name: str) -> Piece:
    """The start tag of a run's text, such that spaces at its ends are kept; anything else as it is."""
    if not isinstance(piece, str) or not piece.startswith(name) or "xml:space" in piece:
        return piece
    return f'{piece[:-1]} xml:space="preserve">'
