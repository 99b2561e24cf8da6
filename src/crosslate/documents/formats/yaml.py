"""YAML of programs' texts (Rails, Symfony, Hugo): strings are read; keys, comments and anchors stay.

Source: https://yaml.org/spec/1.2.2/ (chapters 7 and 8, the styles of scalars).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import yaml

from crosslate.documents.document import TextFormat
from crosslate.documents.flow import Flow
from crosslate.documents.formats.json import Quoting
from crosslate.documents.formats.text import read_string, read_text
from crosslate.errors import InputError
from crosslate.languages.codes import contradicts

_STRING = "tag:yaml.org,2002:str"
_MAX_DEPTH = 100
# The latter two for characters and versions with too large numbers.
_FAULTS = (yaml.YAMLError, ValueError, OverflowError)
_PROPERTIES = re.compile(r"(?:[&!]\S*\s+)+")
_BLOCK_HEADER = re.compile(r"[|>][-+\d]*[ \t]*(?:#[^\r\n]*)?(?:\r\n?|\n)")
_LINE = re.compile(r"( *)([^\r\n]*)(\r\n?|\n|\Z)")
# What cannot stand in a scalar without quotes or in single ones.
_UNPRINTABLE = re.compile(
    "[^\t\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]"
)


class Yaml(TextFormat):
    suffixes = (".yml", ".yaml")
    position = 7

    def read(self, flow: Flow, text: str, target_language: str | None) -> None:
        try:
            scalars = list(_scalars(text))
        except _FAULTS as error:
            problem = " ".join(str(error).split())
            if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark:
                problem = f"line {error.problem_mark.line + 1}: {error.problem}"
            raise InputError(f"it is no yaml file: {problem}; correct it") from None
        _Reader(flow, text, target_language).read(scalars)


def read_entries(flow: Flow, text: str, names: Collection[str]) -> None:
    """Hands YAML to ``flow``, in which only entries of these names are text; what is no YAML is copied."""
    try:
        scalars = [each for each in _scalars(text) if each.depth == 1 and each.key in names]
    except _FAULTS:
        scalars = []
    _Reader(flow, text, None).read(scalars)


@dataclass(frozen=True)
class _Scalar:
    """A scalar of a document.

    Attributes:
        depth: number of lists and mappings around it.
        key: its own if it is one, else that before it; None in a list.
        is_text: it is a string, and neither a key nor in one.
    """

    event: yaml.ScalarEvent
    depth: int
    key: str | None
    is_key: bool
    is_text: bool


@dataclass
class _Collection:
    """An open list or mapping."""

    is_mapping: bool
    is_read: bool
    is_key_next: bool
    key: str | None = None


def _scalars(text: str) -> Iterator[_Scalar]:
    resolver = yaml.resolver.Resolver()
    opened = [_Collection(False, True, False)]
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        if isinstance(event, yaml.CollectionEndEvent):
            opened.pop()
        if not isinstance(event, yaml.NodeEvent):
            continue
        around = opened[-1]
        is_key, around.is_key_next = around.is_key_next, around.is_mapping and not around.is_key_next
        is_read = around.is_read and not is_key
        if isinstance(event, yaml.CollectionStartEvent):
            is_mapping = isinstance(event, yaml.MappingStartEvent)
            opened.append(_Collection(is_mapping, is_read, is_mapping))
            if len(opened) > _MAX_DEPTH:  # each level makes the parser slower
                raise yaml.YAMLError(f"lists or mappings are nested more than {_MAX_DEPTH} deep")
        elif isinstance(event, yaml.ScalarEvent):
            around.key = event.value if is_key else around.key
            tag = event.tag or resolver.resolve(yaml.ScalarNode, event.value, event.implicit)
            is_text = is_read and tag in (_STRING, "!")
            yield _Scalar(event, len(opened) - 1, around.key, is_key, is_text)


class _Reader:
    def __init__(self, flow: Flow, text: str, target_language: str | None) -> None:
        self.flow, self.text, self.target_language = flow, text, target_language
        self.quoting = Quoting(text)
        self.done = 0

    def read(self, scalars: Sequence[_Scalar]) -> None:
        roots = [scalar for scalar in scalars if scalar.is_key and scalar.depth == 1]
        for scalar in scalars:
            start, end = self._place(scalar.event)
            raw = self.text[start:end]
            if scalar.is_text and raw[:1] in ("|", ">"):
                self._block(start, raw)
            elif scalar.is_text:
                self.flow.copy(self.text[self.done : start])
                read_string(self.flow, raw, scalar.event.value, partial(self._spelt, scalar.event))
                self.done = end
            elif self.target_language and [scalar] == roots and self._is_ours(scalar.key):
                self.flow.copy(self.text[self.done : start], self._spelt(scalar.event, self.target_language))
                self.done = end
        self.flow.copy(self.text[self.done :])

    def _is_ours(self, key: str | None) -> bool:
        return key is not None and not contradicts(key, self.flow.language)

    def _place(self, event: yaml.ScalarEvent) -> tuple[int, int]:
        """Start and end of a scalar, without its anchor and tag."""
        start, end = (mark.index if mark else 0 for mark in (event.start_mark, event.end_mark))
        has_properties = event.anchor is not None or event.tag is not None
        properties = _PROPERTIES.match(self.text, start, end) if has_properties else None
        return properties.end() if properties else start, end

    def _spelt(self, event: yaml.ScalarEvent, text: str) -> str:
        """A string in the style of a scalar, or in double quotes where that cannot hold it."""
        is_printable = not _UNPRINTABLE.search(text)
        if event.style == "'" and is_printable:
            return "'" + text.replace("'", "''") + "'"
        if event.style is None and is_printable and _is_plain(text):
            return text
        return self.quoting.quoted(text)

    def _block(self, start: int, raw: str) -> None:
        """Reads a scalar of several lines, which has no quotes or escapes."""
        header = _BLOCK_HEADER.match(raw)
        if header is None:
            return
        inner = self.flow.nested(lambda text: _UNPRINTABLE.sub("", text))
        read = read_text if raw[0] == "|" else _read_folded
        read(inner, raw[header.end() :])
        self.flow.copy(self.text[self.done : start + header.end()], *inner.finish())
        self.done = start + len(raw)


def _is_plain(text: str) -> bool:
    """Whether a string needs no quotes, wherever it stands."""
    try:
        node = yaml.compose(f"- {text}\n- [{text}]\n- {{a: {text}}}\n- a: {text}\n", Loader=yaml.SafeLoader)
        entries = node.value if node else []
        first, second, third, fourth = entries
        found = [first, second.value[0], third.value[0][1], fourth.value[0][1]]
        return all(each.tag == _STRING and each.value == text for each in found)
    except (*_FAULTS, AttributeError, TypeError, IndexError):
        return False


def _read_folded(flow: Flow, raw: str) -> None:
    """Reads lines that are one, unless they are empty or indented more than the first one."""
    indent = None
    joint: str | None = None  # the end of a line that the next one may continue
    for match in _LINE.finditer(raw):
        spaces, line, end = match.groups()
        indent = len(spaces) if indent is None and line else indent
        is_text = bool(line) and len(spaces) == indent and line[0] != "\t"
        if joint is not None and is_text:
            flow.text(joint + spaces, " ")
        else:
            flow.copy((joint or "") + spaces)
        flow.text(line)
        joint = end if is_text else None
        if joint is None:
            flow.copy(end)
    flow.copy(joint or "")
