"""SubRip subtitles (.srt): numbers and times stay, the lines of a subtitle are read as one text."""

from __future__ import annotations

import re

from crosslate.documents.items import Mark
from crosslate.documents.text import read_tagged
from crosslate.documents.units import Flow

_TIMES = re.compile(r"\s*\d+:\d\d:\d\d[,.]\d{1,3}\s*-->")
_NUMBER = re.compile(r"\s*\d+\s*$")
_SPEAKER = re.compile(r"\s*[-–—‐]")
_LINES = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+\Z")


def read_subtitles(flow: Flow, text: str) -> None:
    """Adds subtitles.

    A line break inside a subtitle is moved to where its translation can be broken; a line that begins with a
    dash is another speaker's, a text of its own. Tags (``<i>``) and codes (``{\\an8}``) are marks.
    """
    lines = _LINES.findall(text)
    has_begun, is_line_before = False, False
    for number, line in enumerate(lines):
        following = lines[number + 1] if number + 1 < len(lines) else ""
        if _TIMES.match(line) or (_NUMBER.match(line) and _TIMES.match(following)):
            has_begun = True
            flow.copy(line)
            is_line_before = False
        elif not has_begun or not line.strip():
            flow.copy(line)
            is_line_before = False
        else:
            bare = line.rstrip("\r\n")
            if is_line_before and _SPEAKER.match(bare):
                flow.flush()
            if dash := _SPEAKER.match(bare):
                flow.copy(dash.group())
            read_tagged(flow, bare[dash.end() :] if dash else bare)
            _read_line_end(flow, line[len(bare) :], following)
            is_line_before = True
    flow.flush()


def _read_line_end(flow: Flow, line_end: str, following: str) -> None:
    """The end of a subtitle's line: inside its text, or the end of it."""
    if following.strip() and not _SPEAKER.match(following):
        flow.mark(Mark([line_end], "joint", plain=" "))
    else:
        flow.copy(line_end)
