"""JSON of programs' texts (i18next, FormatJS, Laravel, ARB, Chrome): strings are read, keys stay."""

from __future__ import annotations

import json
import re
from typing import Any

from crosslate.documents.document import TextFormat
from crosslate.documents.flow import Flow
from crosslate.documents.formats.text import read_string
from crosslate.errors import InputError
from crosslate.languages.codes import is_same_language

# A string, with the colon behind it if it is a key, or a bracket.
_TOKEN = re.compile(r'("(?:[^"\\]|\\.)*")(\s*:)?|[{}\[\]]', re.DOTALL)
_ESCAPED_LETTER = re.compile(r"(?<!\\)(?:\\\\)*\\u(?!00[0-7])[0-9a-fA-F]{4}")
# YAML and the encodings of files cannot write these.
_UNWRITABLE = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff\ud800-\udfff]")
_LOCALE = "@@locale"
# A message with what only translators see, as extractors write it.
_MESSAGES = ("message", "defaultMessage")


class Json(TextFormat):
    suffixes = (".json", ".arb")
    position = 7

    def read(self, flow: Flow, text: str, target_language: str | None) -> None:
        has_notes = _has_notes(_loaded(text))
        quoting = Quoting(text)
        keys: list[str] = []  # of the open objects; empty in lists
        done = 0
        for token in _TOKEN.finditer(text):
            raw, colon = token.groups()
            if raw is None:
                keys = [*keys, ""] if token.group() in "{[" else keys[:-1]
            elif colon:
                keys[-1] = json.loads(raw)
            elif _is_text(keys, has_notes):
                flow.copy(text[done : token.start()])
                read_string(flow, raw, json.loads(raw), quoting.quoted)
                done = token.end()
            elif keys[-1:] == [_LOCALE] and target_language:
                is_ours = is_same_language(json.loads(raw), flow.language)
                flow.copy(text[done : token.start()], quoting.quoted(target_language) if is_ours else raw)
                done = token.end()
        flow.copy(text[done:])


def _loaded(text: str) -> Any:
    try:
        return json.loads(text, parse_int=str, parse_float=str)
    except json.JSONDecodeError as error:
        raise InputError(
            f"it is no json file: line {error.lineno}, column {error.colno}: {error.msg}; correct it"
        ) from None
    except RecursionError:
        raise InputError("it has too many levels of lists or objects; give its real kind") from None


def _has_notes(value: Any) -> bool:
    """Whether each message has notes for translators beside it."""
    entries = list(value.values()) if isinstance(value, dict) else []
    return bool(entries) and all(
        isinstance(entry, dict) and any(isinstance(entry.get(name), str) for name in _MESSAGES)
        for entry in entries
    )


def _is_text(keys: list[str], has_notes: bool) -> bool:
    """Whether a string behind these keys is shown to users of a program."""
    if has_notes:
        return len(keys) == 2 and keys[1] in _MESSAGES
    is_data = any(key.startswith("@") for key in keys[:-1]) or keys[-1:] == ["$schema"]
    return not is_data and not (keys and keys[-1].startswith("@@"))


class Quoting:
    """Spells strings in quotes as the rest of a document does, which may be of ASCII alone."""

    def __init__(self, text: str) -> None:
        self._is_ascii = text.isascii() and _ESCAPED_LETTER.search(text) is not None
        # As PHP writes them, all or none.
        self._has_escaped_slashes = "\\/" in text and re.search(r"(?<!\\)/", text) is None

    def quoted(self, text: str) -> str:
        spelt = json.dumps(text, ensure_ascii=self._is_ascii)
        spelt = _UNWRITABLE.sub(lambda match: f"\\u{ord(match.group()):04x}", spelt)
        return spelt.replace("/", "\\/") if self._has_escaped_slashes else spelt
