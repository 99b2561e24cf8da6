"""The notation of Markdown: what stands in a text, and how a changed text is spelt.

markdown-it-py does not tell the places of what it finds, so its rules are watched. Whether a sign is markup
depends on what stands beside it, so a changed text is made with placeholders for what can be spelt in several
ways, and :class:`Spelling` tries these.
"""

from __future__ import annotations

import re
from collections import ChainMap
from collections.abc import Callable, Sequence
from functools import cache, partial
from typing import Any, NamedTuple

from markdown_it import MarkdownIt
from markdown_it.rules_block import StateBlock
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token

# What may be escaped: all; what is markup in a line or begins one; in a cell; nothing.
_PUNCTUATION = re.compile(r"[!-/:-@\[-`{-~]")
_SPECIAL = re.compile(
    r"[\\`*\[\]~|]|_(?![^\W_])|(?<![^\W_])_|<(?=[A-Za-z/!?])|&(?=[#A-Za-z])|!\Z"
    r"|\A[-+=>#]|(?:(?<=\A\d)|(?<=\A\d\d)|(?<=\A\d{4}))[.)]"
)
_PIPE = re.compile(r"\|")
_NOTHING = re.compile(r"(?!)")
# What the placeholders are made of.
_SIGNS = re.compile("[\x01-\x07]")
_TEXT = re.compile("\x01([^\x01\x02]*)\x02")
_EMPHASIS = re.compile("\x03(/?)([a-z]*)([*_~]+)\x04")
_BREAK = re.compile("\x05(\\d+)\x06")
_CODE_END = re.compile("\x07(`?)")  # a space keeps two codes apart
_STARS = {"em": "*", "strong": "**", "s": "~~"}


def has_open_spelling(text: str) -> bool:
    """Whether a text holds one of the signs that the functions below use."""
    return _SIGNS.search(text) is not None


def open_text(text: str) -> str:
    """Plain text, of which some characters must be escaped."""
    return f"\x01{text}\x02"


def open_emphasis(marker: str, name: str, *, is_end: bool) -> str:
    """The start or end of an element by its name in HTML; without one, it is not seen and may go."""
    return f"\x03{'/' if is_end else ''}{name}{marker}\x04"


def open_break(number: int) -> str:
    """The end of a line by its number."""
    return f"\x05{number}\x06"


def open_code(raw: str) -> str:
    """A code, which may come to stand beside another."""
    return f"{raw}\x07"


class Spelling:
    """Spells what a translation made of a block.

    Args:
        breaks: the line ends of :func:`open_break`, with what stands before the text of the next line.
        references: of the document, by their names.
        context: the smallest block of the same kind, with ``{}`` for its text.
    """

    def __init__(self, breaks: list[str], references: dict[str, Any], context: str) -> None:
        self.breaks, self.references, self.context = breaks, references, context

    def shortest(self, made: str) -> Callable[[str], str]:
        """The shortest way to spell a block and its parts that shows the same as the safest one."""
        safe = self._shown(made, _PUNCTUATION, "tags")
        for emphasis in ("own", "stars", "tags"):
            for special in (_PIPE if "|" in self.context else _NOTHING, _SPECIAL):
                if self._shown(made, special, emphasis) == safe:
                    return lambda text: self._spelt(text, special, emphasis, self.breaks)
        return lambda text: self._spelt(text, _PUNCTUATION, "tags", self.breaks)

    def _shown(self, made: str, special: re.Pattern[str], emphasis: str) -> str:
        spelt = self._spelt(made, special, emphasis, ["\n"] * len(self.breaks))
        env: dict[str, Any] = {"references": ChainMap({}, self.references)}
        return str(markdown_parser().render(self.context.replace("{}", spelt), env))

    def _spelt(self, made: str, special: re.Pattern[str], emphasis: str, breaks: Sequence[str]) -> str:
        def marker(match: re.Match[str]) -> str:
            end, name, own = match.groups()
            if emphasis == "tags":
                return f"<{end}{name}>" if name else ""
            return _STARS.get(name, own) if emphasis == "stars" else own

        made = _TEXT.sub(lambda match: special.sub(r"\\\g<0>", match[1]), made)
        made = _CODE_END.sub(lambda match: match[1] and " `", _EMPHASIS.sub(marker, made))
        return _BREAK.sub(lambda match: breaks[int(match[1])], made)


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
