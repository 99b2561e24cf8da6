"""Message catalogues of gettext: messages without a translation get one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from crosslate.documents.document import TextFormat
from crosslate.documents.flow import Flow, Wrapped
from crosslate.documents.formats.text import read_text
from crosslate.errors import InputError
from crosslate.languages.codes import is_same_language

_CHARSET = re.compile(r"""(^"[^"\n]{0,80}charset=)([\w.:-]{1,40})""", re.MULTILINE)
_HEADER_BYTES = 16_384
_LINE = re.compile(r"[^\n]*\n|[^\n]+\Z")
_FIELD = re.compile(r"(\s*(msgctxt|msgid_plural|msgid|msgstr)(?:\[(\d{1,3})\])?[ \t]*)(?=\")")
_STRING = re.compile(r'\s*"((?:[^"\\]|\\.)*)"\s*')
_ESCAPE = re.compile(r"\\(x[0-9a-fA-F]{1,2}|[0-7]{1,3}|.)", re.DOTALL)
_MEANINGS = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v"}
_SPELT = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t", "\r": "\\r", "\a": "\\a", "\b": "\\b",
          "\f": "\\f", "\v": "\\v"}  # fmt: skip
_LANGUAGE = re.compile(r'("Language:[ \t]*)([\w@.-]*)(\\n")')


class Po(TextFormat):
    suffixes = (".po", ".pot")
    translated = "messages without a translation"
    kept = (
        "Other translations stay, also fuzzy ones. The header gets the language if it names none or "
        "the source's. Plural forms beyond the first all get the plural's translation."
    )
    position = 7
    declaration = _CHARSET

    def declared_encoding(self, data: bytes) -> str | None:
        match = _CHARSET.search(data[:_HEADER_BYTES].decode("latin-1"))
        return match.group(2) if match else None

    def read(self, flow: Flow, text: str, target_language: str | None) -> None:
        message: dict[str, str] = {}
        has_one_form = False
        for part in _fields(text):
            if isinstance(part, str):
                flow.copy(part)
                continue
            if part.keyword in ("msgctxt", "msgid") and (part.keyword in message or "msgstr" in message):
                message = {}
            message[part.keyword] = part.value
            if part.keyword != "msgstr":
                flow.copy(*part.lines)
            elif not message.get("msgid"):
                has_one_form = has_one_form or "nplurals=1;" in part.value.replace(" ", "")
                flow.copy(_header("".join(part.lines), flow.language, target_language))
            elif part.value:
                flow.copy(*part.lines)
            else:
                plural = message.get("msgid_plural", "")
                is_plural = plural and (part.index or has_one_form)
                _fill(flow, part, plural if is_plural else message["msgid"])


@dataclass
class _Field:
    """``msgid "…"`` with its further lines.

    Attributes:
        keyword: without an index.
        index: of a plural form; 0 without one.
        opening: the first line up to its string.
        lines: as the file has them.
        value: what the strings mean.
    """

    keyword: str
    index: int
    opening: str
    lines: list[str]
    value: str


def _fill(flow: Flow, part: _Field, text: str) -> None:
    """Adds a translation of ``text`` in the place of the empty one."""
    last = part.lines[-1]
    line_end = "\r\n" if last.endswith("\r\n") else "\n"
    ending = last[len(last.rstrip("\r\n")) :]
    inner = flow.nested()
    read_text(inner, text, has_tags=True)

    def wrap(translation: str) -> str:
        return f"{part.opening}{_quoted(translation, line_end)}{ending}"

    flow.copy(Wrapped(inner.finish(), wrap))


def _fields(text: str) -> Iterator[_Field | str]:
    """Fields, and what stands between them."""
    current: _Field | None = None
    for number, match in enumerate(_LINE.finditer(text), 1):
        line = match.group()
        bare = line.strip()
        if not bare or bare.startswith("#"):
            if current:
                yield current
            current = None
            yield line
            continue
        opening = _FIELD.match(line)
        string = _STRING.fullmatch(line, opening.end() if opening else 0)
        if string is None or (opening is None and current is None):
            raise InputError(
                f"line {number} is no line of a po file: {bare[:60]!r}; expected a comment, msgid, msgstr "
                "or a string in double quotes"
            )
        value = _ESCAPE.sub(_meaning, string.group(1))
        if opening is None and current:
            current.lines.append(line)
            current.value += value
            continue
        if current:
            yield current
        if opening:
            current = _Field(opening.group(2), int(opening.group(3) or 0), opening.group(1), [line], value)
    if current:
        yield current


def _meaning(match: re.Match[str]) -> str:
    spelt = match.group(1)
    if spelt[0] == "x" and len(spelt) > 1:
        return chr(int(spelt[1:], 16))
    if spelt[0] in "01234567":
        return chr(int(spelt, 8))
    return _MEANINGS.get(spelt, spelt)


def _quoted(text: str, line_end: str) -> str:
    """A string as catalogues write it: several lines follow an empty string."""
    lines = re.findall(r"[^\n]*\n|[^\n]+", text) or [""]
    quoted = ['"' + "".join(_SPELT.get(character, character) for character in line) + '"' for line in lines]
    return quoted[0] if len(quoted) == 1 else line_end.join(['""', *quoted])


def _header(text: str, language: str, target_language: str | None) -> str:
    """The header with the target language, where it names no language or that of the messages."""

    def named(match: re.Match[str]) -> str:
        is_ours = not match.group(2) or is_same_language(match.group(2), language)
        code = target_language if is_ours and target_language else match.group(2)
        # Catalogues write regions with an underscore.
        return f"{match.group(1)}{code.replace('-', '_') if is_ours else code}{match.group(3)}"

    return _LANGUAGE.sub(named, text, count=1) if target_language else text
