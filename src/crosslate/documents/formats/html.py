"""HTML and XHTML: paragraphs are translated with their inline tags."""

from __future__ import annotations

from dataclasses import dataclass

from crosslate.documents.document import TextFormat
from crosslate.documents.flow import Flow, Mark, Piece
from crosslate.documents.markup import (
    Attribute,
    Token,
    escaped_in_quotes,
    read_other,
    read_references,
    tokens,
)
from crosslate.languages.codes import is_same_language
from crosslate.text.placeholders import BLOCKS


def _names(listed: str) -> frozenset[str]:
    return frozenset(listed.split())


_UNTOUCHED = _names(
    """code pre kbd samp var svg math script style xmp iframe noembed noframes textarea plaintext rt rp rtc"""
)
# Boxes in a line: one right after another begins a text of its own.
_BOXES = _names("button input label meter object output progress select textarea")
# A place in a sentence, whose content is no part of it: what is chosen from, or shown if all else fails.
_HELD = _names("applet audio canvas datalist map noscript object select template video")
_VOID = _names("""area base basefont br col embed frame hr img input link meta param source track wbr""")
_READ_ATTRIBUTES = frozenset({"title", "alt", "placeholder", "aria-label", "aria-description", "summary"})
_READ_METAS = frozenset({"description", "keywords", "og:title", "og:description", "twitter:title"})
_BUTTONS = frozenset({"submit", "button", "reset"})
_CHOICES = frozenset({"radio", "checkbox"})  # each has a text of its own
_UNTOUCHED_CLASSES = frozenset({"notranslate", "no-translate", "skiptranslate"})
# A start of the element closes an open one of these, when nothing but inline elements is open in that.
_CLOSES_PARAGRAPH = _names(
    """address article aside blockquote center details dialog dir div dl fieldset figcaption figure footer
    form h1 h2 h3 h4 h5 h6 header hgroup hr main menu nav ol p pre search section summary table ul"""
)
_CLOSED_BY = dict.fromkeys(_CLOSES_PARAGRAPH, _names("p")) | {
    "li": _names("li p"), "dt": _names("dt dd p"), "dd": _names("dt dd p"),
    "td": _names("td th"), "th": _names("td th"), "tr": _names("td th tr"),
    "tbody": _names("td th tr thead tbody"), "tfoot": _names("td th tr thead tbody"),
    "option": _names("option"), "optgroup": _names("option optgroup"),
    "rb": _names("rb rt rp rtc"), "rtc": _names("rb rt rp"),
    "rt": _names("rb rt rp"), "rp": _names("rb rt rp"),
}  # fmt: skip
# Their slash in an empty tag means nothing; that of a picture or formula does, in HTML too.
_FILLED = (BLOCKS | _UNTOUCHED | _HELD) - {"svg", "math"}
_STOPS = BLOCKS | _BOXES  # within them, elements further out stay open
_MAX_INLINE_DEPTH = 64
_MAX_HELD_DEPTH = 16


class Html(TextFormat):
    suffixes = (".html", ".htm", ".xhtml")
    position = 2
    is_markup = True

    def read(self, flow: Flow, text: str, target_language: str | None) -> None:
        read_html(flow, text, target_language, is_xml=text.lstrip()[:5] == "<?xml")


def read_html(flow: Flow, text: str, target_language: str | None, *, is_xml: bool) -> None:
    """Hands an HTML page or fragment, or XHTML, to ``flow``.

    Inline elements are marks in the sentences around them.

    Args:
        target_language: becomes the page's ``lang`` where that names the flow's language; None leaves it.
    """
    _Reader(flow, is_xml, target_language).read(text)


@dataclass(frozen=True)
class _Open:
    """An element that is open.

    Attributes:
        is_read: its text is translated.
        is_held: it is a mark of the sentence around it as a whole, with a flow of its own.
    """

    name: str
    is_read: bool
    is_held: bool


class _Reader:
    def __init__(self, flow: Flow, is_xml: bool, target_language: str | None) -> None:
        self.flows = [flow]
        self.is_xml, self.target_language = is_xml, target_language
        self.stack: list[_Open] = []
        self.num_open: dict[str, int] = {}
        self.is_after_box = False  # only spaces and tags follow one

    @property
    def flow(self) -> Flow:
        return self.flows[-1]

    @property
    def is_read(self) -> bool:
        return self.stack[-1].is_read if self.stack else True

    def read(self, text: str) -> None:
        for token in tokens(text, is_xml=self.is_xml):
            if token.kind == "start":
                self._start(token)
            elif token.kind == "end":
                self._end(token)
            elif not self.is_read:
                self.flow.copy(token.raw)
            elif token.kind == "text":
                self.is_after_box = self.is_after_box and token.raw.isspace()
                read_references(self.flow, token.raw, is_xml=self.is_xml)
            else:
                read_other(self.flow, token, is_xml=self.is_xml)
        while self.stack:
            self._pop()

    def _start(self, token: Token) -> None:
        name = self._name(token)
        is_inline = name not in BLOCKS
        if not self.is_xml:
            self._close_implied(name)
        asked = _asked(token)
        is_void = token.is_empty if self.is_xml else name in _VOID or _is_empty(token, name, asked)
        if name in _BOXES:
            if self.is_after_box or (name == "input" and _type(token) in _CHOICES):
                self.flow.flush()
            self.is_after_box = is_void
        is_read = (self.is_read and name not in _UNTOUCHED) if asked is None else asked
        # The texts in a tag are not what keeps its element from being translated (<textarea title=...>).
        are_attributes_read = self.is_read if asked is None else asked
        pieces = self._tag(token, name) if are_attributes_read else [token.raw]
        is_held = is_inline and self.is_read and not is_void and (not is_read or name in _HELD)
        is_held = is_held and len(self.flows) <= _MAX_HELD_DEPTH
        if is_held:
            self.flows.append(self.flow.nested())
            self.flow.copy(*pieces)
        elif is_inline and self.is_read:
            self.flow.mark(Mark(pieces, "point" if is_void else "open", name))
        else:
            self.flow.copy(*pieces)
        if not is_void:
            self.stack.append(_Open(name, is_read, is_held))
            self.num_open[name] = self.num_open.get(name, 0) + 1

    def _end(self, token: Token) -> None:
        name = self._name(token)
        is_read = self.is_read
        self.is_after_box = self.is_after_box or name in _BOXES
        if self.num_open.get(name):  # else </b> without <b>
            while self.stack[-1].name != name:
                self._pop()
            if self.stack[-1].is_held:
                self.flow.copy(token.raw)
                self._pop()
                return
            is_read = self.is_read
            self._pop()
        if name not in BLOCKS and is_read and self.is_read:
            self.flow.mark(Mark([token.raw], "close", name))
        else:
            self.flow.copy(token.raw)

    def _name(self, token: Token) -> str:
        """The name of a tag's element in HTML; in XML without the prefix of its namespace."""
        return (token.local_name if self.is_xml else token.name).lower()

    def _pop(self) -> None:
        element = self.stack.pop()
        self.num_open[element.name] -= 1
        if element.is_held:
            held = self.flows.pop()
            self.flow.mark(Mark(held.finish()))

    def _close_implied(self, name: str) -> None:
        """Ends elements whose end tags may be left out: ``<li>`` ends the one before, a block a paragraph."""
        if (closed := _CLOSED_BY.get(name)) is None:
            return
        depth = len(self.stack)
        lowest = max(depth - _MAX_INLINE_DEPTH, 0)
        while depth > lowest and (inner := self.stack[depth - 1].name) not in _STOPS and inner not in closed:
            depth -= 1
        while depth and self.stack[depth - 1].name in closed:
            depth -= 1
            while len(self.stack) > depth:
                self._pop()

    def _tag(self, token: Token, name: str) -> list[Piece]:
        """A start tag, with the texts in it as units."""
        pieces: list[Piece] = []
        done = 0
        for attribute in token.attributes:
            if attribute.start >= 0 and (found := self._value(token, name, attribute)) is not None:
                pieces += [token.raw[done : attribute.start], *found]
                done = attribute.start + len(attribute.value)
        return [*pieces, token.raw[done:]]

    def _value(self, token: Token, name: str, attribute: Attribute) -> list[Piece] | None:
        if attribute.name in ("lang", "xml:lang") and name == "html":
            is_ours = is_same_language(attribute.value.strip(), self.flow.language)
            return [escaped_in_quotes(self.target_language)] if is_ours and self.target_language else None
        if not _is_read_attribute(token, name, attribute.name):
            return None
        inner = self.flow.nested(escaped_in_quotes)
        read_references(inner, attribute.value, is_xml=self.is_xml)
        return inner.finish()


def _is_empty(token: Token, name: str, asked: bool | None) -> bool:
    """Whether ``<x/>`` is meant to hold nothing, in HTML too, where the standard passes over the slash."""
    return token.is_empty and asked is None and name not in _FILLED


def _asked(token: Token) -> bool | None:
    """Whether a tag asks for its element to be translated or not; None where it says nothing."""
    translate = (token.attribute("translate") or "").strip().lower()
    if translate in ("yes", "no"):
        return translate == "yes"
    classes = token.attribute("class")
    return False if classes and not _UNTOUCHED_CLASSES.isdisjoint(classes.split()) else None


def _type(token: Token) -> str:
    """The kind of a field, in lower case."""
    return (token.attribute("type") or "").strip().lower()


def _is_read_attribute(token: Token, name: str, attribute: str) -> bool:
    if attribute == "content" and name == "meta":
        kind = token.attribute("name") or token.attribute("property") or ""
        return kind.strip().lower() in _READ_METAS
    if attribute == "value" and name == "input":
        return _type(token) in _BUTTONS
    if attribute == "label" and name in ("option", "optgroup", "track"):
        return True
    return attribute in _READ_ATTRIBUTES
