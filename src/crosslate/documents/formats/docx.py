"""Word files: the runs of a paragraph are read as one text.

Source: ECMA-376-1, 17.3.3 (what stands in a run), 17.13.5 (revisions).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from crosslate.documents.document import ArchiveFormat
from crosslate.documents.flow import Flow
from crosslate.documents.markup import Token, namespace_prefix, tokens
from crosslate.documents.runs import RunNames, RunReader, Story

_NAMESPACES = (
    "http://schemas.openxmlformats.org/wordprocessingml/2006/main",
    "http://purl.oclc.org/ooxml/wordprocessingml/main",
)
# By their local names, what a reader sees in a sentence though it is no text.
_VISIBLE = frozenset(
    {"drawing", "pict", "object", "sym", "oMath", "footnoteReference", "endnoteReference", "pgNum"}
)
# Fields whose results are text of the document; those of others (PAGE, DATE, REF) are made anew at any time.
_READ_FIELDS = frozenset({"HYPERLINK", "TOC", "INDEX", "TOA", "BIBLIOGRAPHY", "INCLUDETEXT", "FORMTEXT"})
_INSTRUCTION_CHARACTERS = 200  # of which the first word says what a field is
# By their local names, what fills a control in a line from a list, a calendar or data outside of the text.
_FILLED_CONTROLS = frozenset({"dataBinding", "date", "dropDownList", "comboBox", "checkbox", "citation"})
# Hyphens that Word writes as elements, and what a sentence has in their places.
_HYPHENS = {"noBreakHyphen": "-", "softHyphen": ""}


class Word(ArchiveFormat):
    suffixes = (".docx",)
    position = 4
    parts = re.compile(r"word/(?:document|header|footer|footnotes|endnotes|comments)\d*\.xml")

    def read(self, flow: Flow, text: str, target_language: str | None) -> None:
        prefix = namespace_prefix(text, _NAMESPACES, "w")
        _Reader(flow, prefix, _whole_fields(text, prefix)).read(tokens(text, is_xml=True))


def _whole_fields(text: str, prefix: str) -> set[int]:
    """The numbers of the fields that begin and end in one paragraph, counted by their beginnings."""
    signs = rf"""</?{prefix}p[\s>]|<{prefix}fldChar\s[^<>]*?fldCharType\s*=\s*["'](begin|end)"""
    whole: set[int] = set()
    open_fields: list[int] = []
    num_fields = 0
    for sign in re.finditer(signs, text):
        if sign.group(1) is None:
            open_fields.clear()
        elif sign.group(1) == "begin":
            open_fields.append(num_fields)
            num_fields += 1
        elif open_fields:
            whole.add(open_fields.pop())
    return whole


@dataclass
class _Field:
    """An open field.

    Attributes:
        is_skipped: what stands in it now is no text: its instruction, or a result that stays. False in a
            field that goes on after its paragraph.
    """

    is_skipped: bool
    instruction: str = ""


def _is_kept(instruction: str) -> bool:
    """Whether a field's result stays as it is."""
    words = instruction.upper().split()
    return bool(words) and words[0] not in _READ_FIELDS


class _Reader(RunReader):
    def __init__(self, flow: Flow, prefix: str, whole_fields: set[int]) -> None:
        def named(*names: str) -> frozenset[str]:
            return frozenset(f"{prefix}{name}" for name in names)

        names = RunNames(
            paragraphs=named("p"),
            text=f"{prefix}t",
            box=f"{prefix}txbxContent",
            dividers=named("tab", "ptab", "br", "cr"),
            # Readings of Japanese and Chinese words, and what was deleted or moved elsewhere.
            skipped=named("rt", "del", "moveFrom"),
            visible=_VISIBLE,
        )
        super().__init__(flow, names)  # fields and controls that stay are skipped, too
        self.whole_fields, self.num_fields = whole_fields, 0
        self.fields: list[_Field] = []  # open ones
        self.is_instruction = False
        self.containers: list[bool] = []  # open controls and simple fields; whether they stay
        self.field, self.instruction = f"{prefix}fldChar", f"{prefix}instrText"
        self.field_type, self.simple_instruction = f"{prefix}fldCharType", f"{prefix}instr"
        self.control, self.simple_field = f"{prefix}sdt", f"{prefix}fldSimple"
        self.hyphens = {f"{prefix}{name}": plain for name, plain in _HYPHENS.items()}

    def follow(self, story: Story, token: Token) -> None:
        """Follows fields, and controls inside a paragraph."""
        if token.name == self.instruction:
            self.is_instruction = token.kind == "start" and not token.is_empty
        elif token.kind == "text" and self.is_instruction and self.fields:
            self.fields[-1].instruction = (self.fields[-1].instruction + token.raw)[:_INSTRUCTION_CHARACTERS]
        elif token.name == self.field and token.kind == "start":
            self._field(story, token.attribute(self.field_type))
        elif token.name in (self.control, self.simple_field) and not token.is_empty:
            self._container(story, token)
        elif token.kind == "start" and token.local_name in _FILLED_CONTROLS and self.containers:
            self._stay(story)

    def _field(self, story: Story, kind: str | None) -> None:
        if kind == "begin":
            self.fields.append(_Field(self.num_fields in self.whole_fields))
            self.num_skipped += self.fields[-1].is_skipped
            self.num_fields += 1
        elif kind == "separate" and self.fields:
            field = self.fields[-1]
            if field.is_skipped and not _is_kept(field.instruction):
                field.is_skipped = False
                self.num_skipped -= 1
            story.is_visible = story.is_visible or field.is_skipped
        elif kind == "end" and self.fields:
            self.num_skipped -= self.fields.pop().is_skipped

    def _container(self, story: Story, token: Token) -> None:
        if token.kind == "end":
            if self.containers and self.containers.pop():
                self.num_skipped -= 1
            return
        self.containers.append(False)
        if token.name == self.simple_field and _is_kept(token.attribute(self.simple_instruction) or ""):
            self._stay(story)

    def _stay(self, story: Story) -> None:
        """The innermost container stays as it is, if it stands in a paragraph."""
        if story.is_paragraph and not self.containers[-1]:
            self.containers[-1] = story.is_visible = True
            self.num_skipped += 1

    def markup(self, story: Story, token: Token) -> None:
        if token.name in self.hyphens and not self.num_skipped:
            story.waiting.append(token.raw)
            story.hyphens += self.hyphens[token.name] if token.kind == "start" else ""
        else:
            super().markup(story, token)
