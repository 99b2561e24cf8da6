"""Message catalogues of gettext: messages without a translation get one."""

from __future__ import annotations

import codecs
import re

from crosslate.documents.document import HEADER_BYTES, TextDocument, TextFormat
from crosslate.documents.encodings import Decoded, is_encoding
from crosslate.documents.flow import Flow, Piece, fill
from crosslate.documents.formats.text import read_text
from crosslate.errors import InputError
from crosslate.languages.codes import is_same_language
from crosslate.languages.plurals import PluralRule, plural_rule
from crosslate.text.placeholders import placeholders

_SPACE = r"[^\S\n]*"
# Further strings follow in the line or after it, also after empty lines; the next field may, too.
_AFTER_STRING = rf'{_SPACE}(?:\n(?:{_SPACE}\n)*(?={_SPACE}")|\n|\Z|(?="|msg(?:id|str)))'
_STRING = rf'{_SPACE}"((?:[^"\\\n]|\\[^\n])*)"{_AFTER_STRING}'
_FIELD = re.compile(
    rf"({_SPACE}(msgctxt|msgid_plural|msgid|msgstr)(?:\[(\d{{1,3}})\])?[ \t]*)((?:{_STRING})+)"
)
_COMMENT = re.compile(rf'{_SPACE}(?:#[^\n]*|domain[ \t]+"[^"\n]*"{_SPACE})?(?:\n|\Z)')
_ESCAPE = re.compile(r"((?:\\(?:x[0-9a-fA-F]{1,2}|[0-7]{1,3}))+)|\\(.)", re.DOTALL)
_BYTE = re.compile(r"\\(?:x([0-9a-fA-F]{1,2})|([0-7]{1,3}))")
_MEANINGS = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v"}
_SPELT = str.maketrans({"\\": "\\\\", '"': '\\"'} | {meant: f"\\{name}" for name, meant in _MEANINGS.items()})
_HEADER = re.compile(r'^[ \t]*msgid[ \t]*""[ \t\r]*\n[ \t]*msgstr', re.MULTILINE)
_CHARSET = re.compile(r"charset=([\w.:-]{1,40})")
_FILLED_PLURAL = re.compile(r'^[ \t]*msgstr\[\d{1,3}\]\s*(?:""\s*)?"[^"]', re.MULTILINE)
_FUZZY = re.compile(r"(?<=,)[ \t]*fuzzy[ \t]*(?:,|(?=\r?\n|\Z))")


class Po(TextFormat):
    suffixes = (".po", ".pot")
    position = 7
    declaration = re.compile(
        r"""(^[ \t]*(?:msgstr[ \t]*)?"[^"\n]{0,2000}?charset=)([\w.:-]{1,40})""", re.MULTILINE
    )

    def opened(self, decoded: Decoded, language: str, target_language: str | None) -> TextDocument:
        declared = self.declaration.search(decoded.text[:HEADER_BYTES])
        named = declared.group(2) if declared else ""
        is_true = is_encoding(named) and codecs.lookup(named).name == decoded.codec
        if target_language and not is_true:
            # A template's header names no encoding, and others the wrong one; both get UTF-8.
            text = decoded.text
            text = self.declaration.sub(r"\1UTF-8", text, count=1) if is_encoding(named) else text
            decoded = Decoded(text, "utf-8")
        return super().opened(decoded, language, target_language)

    def read(self, flow: Flow, text: str, target_language: str | None) -> None:
        _Reader(flow, text, target_language).read()


class _Reader:
    """Reads a catalogue field by field.

    Attributes:
        message: the fields of the open message so far.
        rule: the plural forms of the catalogue; None where nothing says which.
        comments: what stands before the next field.
    """

    def __init__(self, flow: Flow, text: str, target_language: str | None) -> None:
        self.flow, self.text, self.target_language = flow, text, target_language
        self.message: dict[str, str] = {}
        self.filled: dict[str, list[Piece]] = {}  # translations in the open message, by their texts
        self.rule: PluralRule | None = None
        self.comments: list[str] = []
        self.has_header = False
        charset = _CHARSET.search(text[:HEADER_BYTES])
        self.charset = charset.group(1) if charset and is_encoding(charset.group(1)) else "utf-8"

    def read(self) -> None:
        position = 0
        while position < len(self.text):
            field = _FIELD.match(self.text, position)
            other = field or _COMMENT.match(self.text, position)
            if other is None:
                line = self.text[position:].partition("\n")[0].strip()
                number = self.text.count("\n", 0, position) + 1
                raise InputError(
                    f"line {number} is no line of a po file: {line[:60]!r}; "
                    "expected a comment, msgid, msgstr or a string in double quotes"
                )
            position = other.end()
            if field:
                self._field(field)
            else:
                self.comments.append(other.group())
        self.flow.copy(*self.comments)

    def _field(self, field: re.Match[str]) -> None:
        opening, keyword, _, strings, _ = field.groups()
        value = "".join(_ESCAPE.sub(self._meaning, string) for string in re.findall(_STRING, strings))
        if keyword in ("msgctxt", "msgid") and (keyword in self.message or "msgstr" in self.message):
            self.message, self.filled = {}, {}
        if not self.has_header and keyword in ("msgctxt", "msgid"):
            self._begin(keyword, value)
        self.flow.copy(*self.comments)
        self.comments = []
        self.message[keyword] = value
        if keyword != "msgstr":
            self.flow.copy(field.group())
        elif not self.message.get("msgid"):
            self.flow.copy(opening, *self._header(value, strings))
        elif not self.message.get("msgid_plural"):
            self.flow.copy(*([field.group()] if value else self._form(opening, strings, None)))
        else:
            self._plural(field, value)

    def _meaning(self, escape: re.Match[str]) -> str:
        """What is meant by escapes: one character, or the bytes of some in the catalogue's encoding."""
        spelt, sign = escape.groups()
        if sign:
            return _MEANINGS.get(sign, sign)
        found = _BYTE.findall(spelt)
        data = bytes((int(digits, 16) if digits else int(octal, 8)) & 0xFF for digits, octal in found)
        try:
            return data.decode(self.charset)
        except UnicodeDecodeError:
            return data.decode("latin-1")

    def _begin(self, keyword: str, value: str) -> None:
        """Before the first message: the header is no longer fuzzy; a catalogue without one gets it."""
        self.has_header = True
        if not self.target_language:
            return
        if keyword == "msgid" and not value:
            lines = [_FUZZY.sub("", line) if line.lstrip()[:2] == "#," else line for line in self.comments]
            self.comments = [line for line in lines if line.strip() != "#,"]
        elif not _HEADER.search(self.text):
            header = self._header("", "\n")
            self.flow.copy('msgid ""\nmsgstr ', *header, "\n")

    def _plural(self, field: re.Match[str], value: str) -> None:
        """A form of a plural message, and after the last one those that it lacks."""
        opening, _, index, strings, _ = field.groups()
        number = int(index or 0)
        if value or self.rule is None or number < self.rule.num_forms:
            self.flow.copy(*([field.group()] if value else self._form(opening, strings, number)))
        following = _FIELD.match(self.text, field.end())
        if self.rule is None or (following and following.group(2) == "msgstr"):
            return
        line_end = _line_end(strings) or "\n"
        if not _line_end(strings) and number + 1 < self.rule.num_forms:
            self.flow.copy(line_end)
        for missing in range(number + 1, self.rule.num_forms):
            self.flow.copy(*self._form(f"msgstr[{missing}] ", line_end, missing))

    def _form(self, opening: str, strings: str, number: int | None) -> list[Piece]:
        """A translation in the place of empty ``strings``: of the singular, or of the plural."""
        singular = self.message["msgid"]
        text = singular
        if number is not None and not self._is_singular(number):
            text = self.message["msgid_plural"]
        if text not in self.filled:
            inner = self.flow.nested()
            read_text(inner, text)
            self.filled[text] = inner.finish()
        pieces, ending = self.filled[text], _line_end(strings)
        return [opening, lambda filling: _quoted(fill(pieces, filling), ending or "\n"), ending]

    def _is_singular(self, number: int) -> bool:
        """Whether a form is made of the singular's text."""
        if self.rule is None:
            return number == 0
        # "One file" cannot stand for 21 files, where these take the same form.
        return self.rule.is_singular(number) and (
            self.rule.is_rare(number)
            or _variables(self.message["msgid"]) == _variables(self.message["msgid_plural"])
        )

    def _header(self, value: str, strings: str) -> list[str]:
        """The header with the target's code and plural forms, where it has none or the source's."""
        lines = value.splitlines()
        fields = dict(re.findall(r"^([\w-]+):[ \t]*(.*)", value, re.MULTILINE))
        named, target = fields.get("Language", ""), self.target_language
        self.rule = PluralRule.read(fields.get("Plural-Forms", ""))
        if target is None:
            return [strings]
        wanted: dict[str, str] = {}
        is_ours = not named or is_same_language(named, self.flow.language)
        if is_ours:
            wanted["Language"] = target.replace("-", "_")  # as catalogues write regions
        is_kept = self.rule and not (named and is_ours) and (named or _FILLED_PLURAL.search(self.text))
        if not is_kept:
            self.rule = plural_rule(target if is_ours else named)
            if "Plural-Forms" in fields or "msgid_plural" in self.text:
                wanted["Plural-Forms"] = str(self.rule)
        charset = _CHARSET.search(fields.get("Content-Type", ""))
        if not (charset and is_encoding(charset.group(1))):
            wanted["Content-Type"] = "text/plain; charset=UTF-8"
        changed = [name for name, spelt in wanted.items() if fields.get(name) != spelt]
        if not changed:
            return [strings]
        for index, line in enumerate(lines):
            if (name := line.partition(":")[0]) in changed:
                lines[index] = f"{name}: {wanted[name]}"
        lines += [f"{name}: {wanted[name]}" for name in changed if name not in fields]
        ending = _line_end(strings)
        return [_quoted("".join(f"{line}\n" for line in lines), ending or "\n"), ending]


def _variables(text: str) -> list[str]:
    return sorted(text[start:end] for start, end in placeholders(text))


def _line_end(strings: str) -> str:
    return strings[len(strings.rstrip("\r\n")) :]


def _quoted(text: str, line_end: str) -> str:
    """A string as catalogues write it: several lines follow an empty string."""
    lines = re.findall(r"[^\n]*\n|[^\n]+", text) or [""]
    quoted = [f'"{line.translate(_SPELT)}"' for line in lines]
    return quoted[0] if len(quoted) == 1 else line_end.join(['""', *quoted])
