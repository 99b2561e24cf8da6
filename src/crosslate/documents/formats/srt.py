"""SubRip subtitles: numbers and times stay, the lines of a subtitle are read as one text."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from itertools import pairwise

import regex

from crosslate.documents.document import TextFormat
from crosslate.documents.flow import Flow, Mark
from crosslate.errors import InputError
from crosslate.languages.orthography import has_letters

_NUMBER = re.compile(r"\s*(?:#\s?)?\d+[.:]?\s*$")
# Before the dash may stand tags, codes, and marks of the text's direction; ">>" is that of live captions.
_SPEAKER = regex.compile(
    r"(?:\s|<[^<>\n]{0,100}>|\{[^{}\n]{0,100}\}|[\u200e\u200f\u202a-\u202e\u2066-\u2069])*+(?:[-–—‐]|(?:>|&gt;){2,3})"
)
_LINES = re.compile(r"[^\r\n]*(?:\r*\n|\r)|[^\r\n]+\Z")
# Hours and fractions may be missing, and programs and translators put spaces around the colons.
_TIME = r"-?\d{1,9}(?:\s{0,2}[:：.,;]\s{0,2}\d{1,9}){1,3}"
_ANY_ARROW = r"(?:(?:[-–—−]\s?){1,3}(?:[>＞]|&gt;)|→)"
TIMES = re.compile(rf"\ufeff?[\s\[(]*{_TIME}\s*{_ANY_ARROW}\s*{_TIME}[\])]?")
"""A line of times, as every program writes it; what follows in the line are settings or text."""
_ARROW = "-->"
_BREAK = re.compile(r"(\\[Nh])")  # what converters leave of another format's line break and space


class SubRip(TextFormat):
    suffixes = (".srt",)
    position = 3

    def read(self, flow: Flow, text: str, target_language: str | None) -> None:
        lines = lines_of(text)
        if text.strip("\ufeff \t\r\n") and not any(map(TIMES.match, lines)):
            raise no_cue(self.name)
        has_begun = False
        spoken: list[str] = []  # lines of the open subtitle
        for line, following in pairwise([*lines, ""]):
            is_head = is_time_line(line) or bool(_NUMBER.match(line) and is_time_line(following))
            has_begun = has_begun or is_head
            if not is_head and has_begun and line.strip():
                spoken.append(line)
                continue
            read_lines(flow, spoken, _read_line)
            spoken = copy_line(flow, line)
        read_lines(flow, spoken, _read_line)


def _read_line(flow: Flow, text: str) -> None:
    for index, part in enumerate(_BREAK.split(text)):
        if index % 2:
            flow.mark(Mark([part], "joint", plain=" "))
        else:
            flow.text(part)


def lines_of(text: str) -> list[str]:
    """The lines of a file with their ends, whichever these are."""
    return _LINES.findall(text)


def is_time_line(line: str) -> bool:
    """Whether a line is none of a text: it has times, or the arrow that no text may hold."""
    return _ARROW in line or TIMES.match(line) is not None


def copy_line(flow: Flow, line: str) -> list[str]:
    """Copies a line that is no text; returns the text that stands behind the times in it, if any."""
    times = TIMES.match(line)
    if times and _has_text(line[times.end() :]):
        flow.copy(times.group())
        return [line[times.end() :]]
    flow.copy(line)
    return []


def _has_text(rest: str) -> bool:
    """Whether what follows the times in their line is text, not settings (``X1:40``, ``line:0``)."""
    return any(has_letters(word) and ":" not in word for word in rest.split())


def no_cue(format_: str) -> InputError:
    """The error for a file that holds no subtitle."""
    return InputError(
        f"it holds no subtitle, so it is no {format_} file: no line has two times like "
        "'00:00:01,000 --> 00:00:02,500'; give its real kind, or save it again"
    )


def read_lines(flow: Flow, lines: Sequence[str], read: Callable[[Flow, str], None]) -> None:
    """Hands a subtitle to ``flow`` as one text; a line that begins with a dash is one by itself."""
    for line, following in zip(lines, [*lines[1:], None]):
        bare = line.rstrip("\r\n")
        if dash := _SPEAKER.match(bare):  # another speaker's
            flow.copy(dash.group())
        read(flow, bare[dash.end() :] if dash else bare)
        line_end = line[len(bare) :]
        if following is None or _SPEAKER.match(following):
            flow.copy(line_end)
        else:
            flow.mark(Mark([line_end], "joint", plain=" "))
