"""SubRip subtitles: numbers and times stay, the lines of a subtitle are read as one text."""

from __future__ import annotations

import re

from crosslate.documents.document import TextFormat
from crosslate.documents.flow import Flow, Mark
from crosslate.documents.formats.text import read_tagged

_NUMBER = re.compile(r"\s*\d+\s*$")
_SPEAKER = re.compile(r"\s*[-–—‐]")
_LINES = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+\Z")


class SubRip(TextFormat):
    suffixes = (".srt",)
    position = 3
    times = re.compile(r"\s*\d+:\d\d:\d\d[,.]\d{1,3}\s*-->")

    def read(self, flow: Flow, text: str, target_language: str | None) -> None:
        lines = _LINES.findall(text)
        has_begun = False
        for line, following in zip(lines, [*lines[1:], ""]):
            is_head = bool(self.times.match(line) or (_NUMBER.match(line) and self.times.match(following)))
            has_begun = has_begun or is_head
            if is_head or not has_begun or not line.strip():
                flow.copy(line)
                continue
            bare = line.rstrip("\r\n")
            if dash := _SPEAKER.match(bare):  # another speaker's line, a text of its own
                flow.copy(dash.group())
            read_tagged(flow, bare[dash.end() :] if dash else bare)
            line_end = line[len(bare) :]
            if following.strip() and not _SPEAKER.match(following):
                flow.mark(Mark([line_end], "joint", plain=" "))
            else:
                flow.copy(line_end)
