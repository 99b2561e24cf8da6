"""WebVTT subtitles: the texts of cues are read; notes, styles, names and times of cues stay.

Source: https://www.w3.org/TR/webvtt1/ (sections 4, syntax, and 6, parsing).
"""

from __future__ import annotations

import re

from crosslate.documents.document import TextFormat
from crosslate.documents.flow import Flow, Mark
from crosslate.documents.formats.srt import TIMES, copy_line, is_time_line, lines_of, no_cue, read_lines
from crosslate.documents.markup import read_references
from crosslate.languages.codes import is_same_language
from crosslate.text.placeholders import BLOCKS

_HEADER = re.compile(r"\ufeff?WEBVTT(?:[ \t]|\r|\n|\Z)")
_LANGUAGE = re.compile(r"(Language:[ \t]*)([\w-]+)(\s*)")
# The reading of a ruby, or a tag; one without an end hides the rest of its line.
_TAG = re.compile(r"<rt(?:\.[^<>]*)?>[^<]*</rt>|<(/?)([^\s.<>]*)[^<>]*>|<[^<>]*\Z")
_TIMESTAMP = re.compile(r"[\d:.]+")


class WebVtt(TextFormat):
    suffixes = (".vtt",)
    position = 3
    is_markup = True

    def read(self, flow: Flow, text: str, target_language: str | None) -> None:
        lines = lines_of(text)
        if text.strip("\ufeff \t\r\n") and not (_HEADER.match(text) or any(map(TIMES.match, lines))):
            raise no_cue(self.name)
        is_cue, is_header = False, True
        spoken: list[str] = []  # lines of the open cue
        for line in lines:
            if is_cue and line.strip() and not is_time_line(line):
                spoken.append(line)
                continue
            read_lines(flow, spoken, _read_cue)
            is_header = is_header and bool(line.strip())
            named = _LANGUAGE.fullmatch(line) if is_header and target_language else None
            if named and is_same_language(named.group(2), flow.language):
                line = f"{named.group(1)}{target_language}{named.group(3)}"
            is_cue = is_time_line(line)
            spoken = copy_line(flow, line)
        read_lines(flow, spoken, _read_cue)


def _read_cue(flow: Flow, text: str) -> None:
    """Adds a line of a cue: a voice begins a text of its own, times inside it keep their order."""
    start = 0
    for match in _TAG.finditer(text):
        read_references(flow, text[start : match.start()])
        start = match.end()
        raw = match.group()
        is_end, name = match.groups()
        if name == "v" or (name or "").lower() in BLOCKS:
            flow.copy(raw)
        elif name and _TIMESTAMP.fullmatch(name):
            flow.mark(Mark([raw], "joint"))
        elif name:
            flow.mark(Mark([raw], "close" if is_end else "open", name))
        else:
            flow.mark(Mark([raw]))
    read_references(flow, text[start:])
