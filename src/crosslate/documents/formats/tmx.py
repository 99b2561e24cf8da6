"""Translation memories: units without a text in the target language get one."""

from __future__ import annotations

from crosslate.documents.document import TextDocument, TextFormat
from crosslate.documents.flow import Flow, Mark, Piece
from crosslate.documents.markup import (
    Token,
    checked_root,
    escaped_in_quotes,
    read_other,
    read_references,
    tokens,
)
from crosslate.documents.placement import Role
from crosslate.errors import UsageError
from crosslate.languages.codes import contradicts
from crosslate.text.tmx import CODE_ELEMENTS, Unit, Variant, read_units
from crosslate.text.xml import check_xml

_NAME = "the tmx file"
_PAIR_ROLES: dict[str, Role] = {"bpt": "open", "ept": "close"}


class Tmx(TextFormat):
    suffixes = (".tmx",)
    position = 8
    is_markup = True

    def open(self, data: bytes, language: str, target_language: str | None) -> TextDocument:
        check_xml(data, _NAME)
        return super().open(data, language, target_language)

    def read(self, flow: Flow, text: str, target_language: str | None) -> None:
        if target_language is None:
            raise UsageError("a tmx file holds several languages: say which one it is translated to")
        checked_root(text, "tmx")
        data = text.encode("utf-8", "surrogatepass")
        done = 0
        for unit in read_units([data], _NAME, "utf-8", keeps_undefined_entities=True):
            source, target = (_in_language(unit, each) for each in (flow.language, target_language))
            if source and (gap := _gap(data, source, target, target_language)):
                start, end, opening, closing = gap
                flow.copy(data[done:start].decode(), opening, *_pieces(flow, data, source), closing)
                done = end
        flow.copy(data[done:].decode())


def _in_language(unit: Unit, language: str) -> Variant | None:
    """The variant in a language; one whose code is spelt the same comes first."""
    exact = [each for each in unit if each.language.lower() == language.lower()]
    alike = [each for each in unit if not contradicts(each.language, language)]
    return next(iter(exact + alike), None)


def _gap(
    data: bytes, source: Variant, target: Variant | None, language: str
) -> tuple[int, int, str, str] | None:
    """Start and end of what a translation replaces, and the markup around it; None where one is there."""
    if target is None:
        end = data.index(b">", source.end) + 1
        before = data[data.rfind(b">", 0, source.start) + 1 : source.start].decode()
        indent = before if before.isspace() else ""
        return end, end, f'{indent}<tuv xml:lang="{escaped_in_quotes(language)}"><seg>', "</seg></tuv>"
    tag, *content = _segment(data, target)
    if "".join(token.raw for token in content).strip():
        return None
    start, end = target.segment
    if tag.is_empty:  # <seg/>
        return start, start + len(tag.raw.encode()), "<seg>", "</seg>"
    return start, end, tag.raw, ""


def _segment(data: bytes, variant: Variant) -> list[Token]:
    """The start tag of a variant's segment, and the tokens up to its end tag."""
    start, end = variant.segment
    if start == end:  # <seg/>
        return [next(tokens(data[start : variant.end].decode(), is_xml=True))]
    return list(tokens(data[start:end].decode(), is_xml=True))


def _pieces(flow: Flow, data: bytes, variant: Variant) -> list[Piece]:
    """A segment's text with its inline elements as marks."""
    inner = flow.nested()
    code: list[Token] = []  # of the open element of formatting code
    depth = 0
    for token in _segment(data, variant)[1:]:
        if depth or (token.name in CODE_ELEMENTS and token.kind == "start"):
            code.append(token)
            depth += (token.kind == "start" and not token.is_empty) - (token.kind == "end")
            if not depth:
                # The start and the end of a pair have the same number.
                name = f"pair {code[0].attribute('i') or ''}"
                raw = "".join(each.raw for each in code)
                inner.mark(Mark([raw], _PAIR_ROLES.get(code[0].name, "point"), name))
                code = []
        elif token.kind == "text":
            read_references(inner, token.raw, is_xml=True)
        elif token.kind == "other":
            read_other(inner, token, is_xml=True)
        elif token.is_empty:
            inner.mark(Mark([token.raw]))
        else:
            inner.mark(Mark([token.raw], "open" if token.kind == "start" else "close", token.name))
    return inner.finish()
