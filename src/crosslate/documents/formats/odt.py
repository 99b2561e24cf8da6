"""OpenDocument texts: spans and links are marks in their paragraphs, notes and boxes have paragraphs."""

from __future__ import annotations

import re

from crosslate.documents.document import ArchiveFormat
from crosslate.documents.flow import Flow, Mark
from crosslate.documents.markup import Token, namespace_prefix, read_references, tokens

_NAMESPACES = ("urn:oasis:names:tc:opendocument:xmlns:text:1.0",)


class OpenDocument(ArchiveFormat):
    suffixes = (".odt", ".ott")
    position = 5
    parts = re.compile(r"(?:content|styles)\.xml")

    def read(self, flow: Flow, text: str, target_language: str | None) -> None:
        _Reader(flow, namespace_prefix(text, _NAMESPACES, "text")).read(text)


class _Reader:
    def __init__(self, flow: Flow, prefix: str) -> None:
        self.flows = [flow]  # of the text, and of the open notes and boxes in its paragraphs
        self.roles = ["other"]  # of the open elements: paragraph, inline, held, skipped, other
        self.paragraphs = {f"{prefix}{name}" for name in ("p", "h")}
        # The text of a ruby is its base; the reading, ruby-text, is held.
        self.inline = {f"{prefix}{name}" for name in ("span", "a", "meta", "meta-field", "ruby", "ruby-base")}
        self.dividers = {f"{prefix}{name}" for name in ("tab", "line-break")}
        self.space, self.number = f"{prefix}s", f"{prefix}c"
        self.skipped = f"{prefix}tracked-changes"

    @property
    def is_in_paragraph(self) -> bool:
        return self.roles[-1] in ("paragraph", "inline")

    def read(self, text: str) -> None:
        for token in tokens(text, is_xml=True):
            flow = self.flows[-1]
            if token.kind == "start" and not token.is_empty:
                self.roles.append(self._start(flow, token))
            elif token.kind == "end":
                self._end(flow, token)
            elif not self.is_in_paragraph or token.name in self.dividers:
                flow.copy(token.raw)
            elif token.name == self.space:
                # The second of two spaces is a slip of the typist's; more of them make a column.
                if token.attribute(self.number) in (None, "1"):
                    flow.text(token.raw, " ")
                else:
                    flow.copy(token.raw)
            elif token.kind == "text":
                read_references(flow, token.raw, is_xml=True)
            else:
                flow.mark(Mark([token.raw]))

    def _start(self, flow: Flow, token: Token) -> str:
        """Adds a start tag and returns the role of its element."""
        if self.is_in_paragraph and token.name in self.inline:
            flow.mark(Mark([token.raw], "open", token.name))
            return "inline"
        if self.is_in_paragraph and token.name != self.skipped:
            self.flows.append(flow.nested())
            self.flows[-1].copy(token.raw)
            return "held"
        flow.copy(token.raw)
        if self.roles[-1] == "skipped" or token.name == self.skipped:
            return "skipped"
        return "paragraph" if token.name in self.paragraphs else "other"

    def _end(self, flow: Flow, token: Token) -> None:
        role = self.roles.pop()
        if role == "inline":
            flow.mark(Mark([token.raw], "close", token.name))
            return
        flow.copy(token.raw)
        if role == "held":
            self.flows.pop()
            self.flows[-1].mark(Mark(flow.finish()))
