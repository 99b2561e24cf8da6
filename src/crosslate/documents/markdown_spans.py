"""What stands in the texts of Markdown, with its places, which markdown-it-py does not tell by itself."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from typing import Any, NamedTuple

from markdown_it import MarkdownIt
from markdown_it.rules_block import StateBlock
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token


class Span(NamedTuple):
    """A part of a text that is not plain.

    Attributes:
        start: place of its first character in the text.
        end: place behind its last one.
        rule: name of the parser's rule that found it.
        token: what it is. The end of a link has its label and title in ``meta``; a marker that emphasises
            nothing is of the type ``text``, and has no content if it is half of another marker.
    """

    start: int
    end: int
    rule: str
    token: Token


class _Recording(StateInline):
    spans: list[Span]


def spans(content: str, env: dict[str, Any]) -> list[Span]:
    """All that is not plain in a text of a block, in order; an image is one span with its description.

    Args:
        env: from :func:`block_parser`, with the references of the document.
    """
    parser = block_parser()
    state = _Recording(content, parser, env, [])
    state.spans = []
    parser.inline.tokenize(state)
    for rule in parser.inline.ruler2.getRules(""):
        rule(state)
    return state.spans


@cache
def markdown_parser() -> MarkdownIt:
    """CommonMark with GitHub's tables, strikethrough and notes, which are read as texts."""
    return _new_parser()


def _new_parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark").enable(["table", "strikethrough"])
    for name, rule in zip(parser.get_active_rules()["block"], parser.block.ruler.getRules("")):
        if name == "reference":
            parser.block.ruler.at(name, partial(_reference, rule))
    return parser


def _reference(
    rule: Callable[..., bool], state: StateBlock, start_line: int, end_line: int, silent: bool
) -> bool:
    """The parser's rule for addresses with names; a note is none, also if its text has no spaces."""
    is_note = state.src.startswith("[^", state.bMarks[start_line] + state.tShift[start_line])
    return not is_note and rule(state, start_line, end_line, silent)


@cache
def block_parser() -> MarkdownIt:
    """The same, which finds blocks and leaves their texts to :func:`spans`."""
    parser = _new_parser()
    parser.core.ruler.enableOnly(["normalize", "block"])
    parser.disable("fragments_join")  # which would join markers with each other
    for name, rule in zip(parser.get_active_rules()["inline"], parser.inline.ruler.getRules("")):
        parser.inline.ruler.at(name, partial(_recorded, name, rule))
    return parser


def _recorded(name: str, rule: Callable[[StateInline, bool], bool], state: StateInline, silent: bool) -> bool:
    """Runs a rule of the parser and remembers where its tokens stand."""
    start, num_tokens = state.pos, len(state.tokens)
    num_spans = len(state.spans) if isinstance(state, _Recording) else 0
    if not rule(state, silent):
        return False
    if silent or not isinstance(state, _Recording) or len(state.tokens) == num_tokens:
        return True
    token = state.tokens[-1]
    if name in ("emphasis", "strikethrough"):
        end = state.pos  # each marker that may have a meaning is a token
        found: list[Span] = []
        for marker in reversed(state.tokens):
            if end <= start:
                break
            found.append(Span(end - len(marker.content), end, name, marker))
            end -= len(marker.content)
        state.spans += reversed(found)
    elif name == "link":
        label_end = state.md.helpers.parseLinkLabel(state, start, True)
        opening = next(each for each in state.tokens[num_tokens:] if each.type == "link_open")
        token.meta = {"label": state.src[start + 1 : label_end], "title": opening.attrGet("title")}
        state.spans.insert(num_spans, Span(start, start + 1, name, opening))
        state.spans.append(Span(label_end, state.pos, name, token))
    elif token.type != "text":
        state.spans.append(Span(start, state.pos, name, token))
    return True
