"""Translation memories (.tmx): units without a text in the target language get one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from crosslate.documents.items import Mark, Piece
from crosslate.documents.markup import escaped_in_quotes, read_references
from crosslate.documents.tags import Token, tokens
from crosslate.documents.units import Flow
from crosslate.errors import UsageError
from crosslate.languages.codes import is_same_language

# What stands inside these is formatting code of the translated document, not its text.
_CODES = frozenset({"bpt", "ept", "it", "ph", "ut"})


@dataclass(frozen=True)
class _Variant:
    """The text of a unit in one language.

    Attributes:
        language: as the file has it.
        start: index of its first token in the unit.
        end: index after its last one.
        segment: indices of the tokens between the tags of its ``seg``, start and end.
    """

    language: str
    start: int
    end: int
    segment: tuple[int, int]


def read_memory(flow: Flow, text: str, target_language: str | None) -> None:
    """Adds the units that have a text in the flow's language and none in the target language.

    Raises:
        UsageError: no target language.
    """
    if target_language is None:
        raise UsageError("a tmx file holds several languages: say which one it is translated to")
    unit: list[Token] | None = None
    for token in tokens(text, is_xml=True):
        if unit is None:
            flow.copy(token.raw)
            if token.name == "tu" and token.kind == "start" and not token.is_empty:
                unit = []
        elif token.name == "tu" and token.kind == "end":
            flow.copy(*_filled(flow, unit, target_language), token.raw)
            unit = None
        else:
            unit.append(token)
    flow.copy(*(token.raw for token in unit or ()))


def _filled(flow: Flow, unit: Sequence[Token], target_language: str) -> list[Piece]:
    """The pieces of a unit, with a variant in the target language."""
    variants = _variants(unit)
    source = _in_language(variants, flow.language)
    target = _in_language(variants, target_language)
    raws: list[Piece] = [token.raw for token in unit]
    if source is None or (target and "".join(token.raw for token in unit[slice(*target.segment)]).strip()):
        return raws
    segment = _segment(flow, unit[slice(*source.segment)])
    if target:
        start, end = target.segment
        if start == end and start and unit[start - 1].is_empty:  # <seg/>
            return [*raws[: start - 1], "<seg>", *segment, "</seg>", *raws[end:]]
        return [*raws[:start], *segment, *raws[end:]]
    before = unit[source.start - 1] if source.start else None
    indent = before.raw if before and before.kind == "text" and not before.raw.strip() else ""
    opening = f'{indent}<tuv xml:lang="{escaped_in_quotes(target_language)}"><seg>'
    return [*raws[: source.end], opening, *segment, "</seg></tuv>", *raws[source.end :]]


def _variants(unit: Sequence[Token]) -> list[_Variant]:
    variants = []
    start, segment = 0, (0, 0)
    language = ""
    for index, token in enumerate(unit):
        if token.name == "tuv" and token.kind == "start":
            start, segment = index, (index, index)
            language = token.attribute("xml:lang") or token.attribute("lang") or ""
        elif token.name == "seg" and token.kind == "start":
            segment = (index + 1, index + 1)
        elif token.name == "seg":
            segment = (segment[0], index)
        elif token.name == "tuv":
            variants.append(_Variant(language, start, index + 1, segment))
    return variants


def _in_language(variants: Sequence[_Variant], language: str) -> _Variant | None:
    """The variant in a language, one whose code is spelt the same first."""
    same = [each for each in variants if each.language.lower() == language.lower()]
    return next(
        iter([*same, *(each for each in variants if is_same_language(each.language, language))]), None
    )


def _segment(flow: Flow, content: Sequence[Token]) -> list[Piece]:
    """A segment's text with its inline elements as marks."""
    inner = flow.nested()
    code: list[str] = []
    opening: Token | None = None
    depth = 0
    for token in content:
        is_code = token.name in _CODES
        if depth or (is_code and token.kind == "start"):
            code.append(token.raw)
            opening = opening or token
            depth += (token.kind == "start" and not token.is_empty) - (token.kind == "end")
            if not depth:
                inner.mark(_code_mark(opening, "".join(code)))
                code, opening = [], None
        elif token.kind == "text":
            read_references(inner, token.raw, is_xml=True)
        elif token.kind == "other" or token.is_empty:
            inner.mark(Mark([token.raw]))
        else:
            inner.mark(Mark([token.raw], "open" if token.kind == "start" else "close", token.name))
    return inner.finish()


def _code_mark(opening: Token, raw: str) -> Mark:
    """Formatting code; the start and the end of a pair are numbered alike."""
    number = opening.attribute("i") or ""
    if opening.name == "bpt":
        return Mark([raw], "open", f"pair {number}")
    if opening.name == "ept":
        return Mark([raw], "close", f"pair {number}")
    return Mark([raw])
