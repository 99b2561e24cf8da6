"""Message catalogues of gettext: messages without a translation get one."""

from __future__ import annotations

import re

from crosslate.documents.document import TextFormat
from crosslate.documents.flow import Flow, fill
from crosslate.documents.formats.text import read_text
from crosslate.errors import InputError
from crosslate.languages.codes import is_same_language

_SPACE = r"[^\S\n]*"
_STRING = rf'{_SPACE}"((?:[^"\\\n]|\\[^\n])*)"{_SPACE}(?:\n|\Z)'
_FIELD = re.compile(
    rf"({_SPACE}(msgctxt|msgid_plural|msgid|msgstr)(?:\[(\d{{1,3}})\])?[ \t]*)((?:{_STRING})+)"
)
_COMMENT = re.compile(rf"{_SPACE}(?:#[^\n]*)?(?:\n|\Z)")
_ESCAPE = re.compile(r"\\(x[0-9a-fA-F]{1,2}|[0-7]{1,3}|.)", re.DOTALL)
_MEANINGS = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v"}
_SPELT = str.maketrans({"\\": "\\\\", '"': '\\"'} | {meant: f"\\{name}" for name, meant in _MEANINGS.items()})
_LANGUAGE = re.compile(r'("Language:[ \t]*)([\w@.-]*)(\\n")')


class Po(TextFormat):
    suffixes = (".po", ".pot")
    position = 7
    declaration = re.compile(r"""(^"[^"\n]{0,80}charset=)([\w.:-]{1,40})""", re.MULTILINE)

    def read(self, flow: Flow, text: str, target_language: str | None) -> None:
        message: dict[str, str] = {}
        has_one_form = False
        position = 0
        while position < len(text):
            field = _FIELD.match(text, position)
            other = field or _COMMENT.match(text, position)
            if other is None:
                line = text[position:].partition("\n")[0].strip()
                number = text.count("\n", 0, position) + 1
                raise InputError(
                    f"line {number} is no line of a po file: {line[:60]!r}; "
                    "expected a comment, msgid, msgstr or a string in double quotes"
                )
            position = other.end()
            if field is None:
                flow.copy(other.group())
                continue
            opening, keyword, index, strings, _ = field.groups()
            if keyword in ("msgctxt", "msgid") and (keyword in message or "msgstr" in message):
                message = {}
            message[keyword] = value = "".join(
                _ESCAPE.sub(_meaning, string) for string in re.findall(_STRING, strings)
            )
            if keyword != "msgstr" or (message.get("msgid") and value):
                flow.copy(field.group())
            elif not message.get("msgid"):
                has_one_form = has_one_form or "nplurals=1;" in value.replace(" ", "")
                flow.copy(_header(field.group(), flow.language, target_language))
            else:
                is_plural = message.get("msgid_plural") and (int(index or 0) or has_one_form)
                _translate(flow, opening, strings, message["msgid_plural" if is_plural else "msgid"])


def _translate(flow: Flow, opening: str, strings: str, text: str) -> None:
    """Adds a translation of ``text`` in the place of the empty ``strings``."""
    ending = strings[len(strings.rstrip("\r\n")) :]
    line_end = "\r\n" if ending == "\r\n" else "\n"
    inner = flow.nested()
    read_text(inner, text, has_tags=True)
    pieces = inner.finish()
    flow.copy(lambda filling: f"{opening}{_quoted(fill(pieces, filling), line_end)}{ending}")


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
    quoted = [f'"{line.translate(_SPELT)}"' for line in lines]
    return quoted[0] if len(quoted) == 1 else line_end.join(['""', *quoted])


def _header(text: str, language: str, target_language: str | None) -> str:
    """The header with the target language, where it names no language or that of the messages."""

    def named(match: re.Match[str]) -> str:
        is_ours = not match.group(2) or is_same_language(match.group(2), language)
        code = target_language if is_ours and target_language else match.group(2)
        # Catalogues write regions with an underscore.
        return f"{match.group(1)}{code.replace('-', '_') if is_ours else code}{match.group(3)}"

    return _LANGUAGE.sub(named, text, count=1) if target_language else text
