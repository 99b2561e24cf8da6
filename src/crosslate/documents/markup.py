"""HTML and XML as tokens that, joined, are the document again.

Tags, comments and raw text begin and end where the HTML standard says, in broken markup too, so that no
browser sees a tag in what is text here. Nothing is expanded and nothing is fetched: an entity that the
document declares stays as it is.

Source: https://html.spec.whatwg.org/multipage/parsing.html (section 13.2.5, tokenization).
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

from crosslate.documents.flow import Flow, Mark
from crosslate.errors import InputError

Kind = Literal["text", "start", "end", "other"]

# Comments, declarations and so on; without an end they go on to the end of the document.
_COMMENT = r"<!--(?:-?>|.*?(?:--!?>|\Z))"
_DECLARATION = r"<(?:[!?]|/(?=[^A-Za-z_]))[^>]*(?:>|\Z)"
_XML_DOCTYPE = r"<!DOCTYPE(?:[^\[>]*(?:\[.*?\]\s*)?(?:>|\Z)|.*)"
# Instructions to programs that make pages, which remove them before a browser sees their signs.
_TEMPLATE = r"<\?(?:php\b|=).*?(?:\?>|\Z)|<%.{0,1000}?%>"
_TEMPLATE_IN_TAG = re.compile(rf"\s*(?:{_TEMPLATE})", re.DOTALL)
_OTHER = re.compile(rf"{_COMMENT}|{_TEMPLATE}|{_DECLARATION}", re.DOTALL)
_CDATA = "<![CDATA["
_XML_OTHER = re.compile(
    rf"{_COMMENT}|{re.escape(_CDATA)}.*?(?:\]\]>|\Z)|{_XML_DOCTYPE}|<\?.*?(?:\?>|\Z)|{_DECLARATION}",
    re.DOTALL,
)
_NAME = re.compile(r"</?([A-Za-z_][^\s/>]*)")
_ATTRIBUTE = re.compile(
    r"[\s/]*([^\s/>][^\s/>=]*)(?:\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s>\"'][^\s>]*)|(?=>)))?", re.DOTALL
)
_TAG_END = re.compile(r"[\s/]*>")
_OPEN_VALUE = re.compile(r"\s*=\s*[\"']")
_RAW_TEXT = frozenset({"script", "style", "xmp", "iframe", "noembed", "noframes", "textarea"})
_SCRIPT_SIGN = re.compile(r"<!(?=--)|-->|</?script(?=[\s/>])", re.IGNORECASE)
_FOREIGN = frozenset({"svg", "math"})
_REFERENCE = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});?")
_CHARSET = re.compile(rb"""<meta[^>]{0,200}?charset\s*=\s*["']?\s*([\w.:-]{1,40})""", re.IGNORECASE)
_XML_ENCODING = re.compile(rb"""^\s*<\?xml[^>]{0,200}?encoding\s*=\s*["']([\w.:-]{1,40})["']""")
_DECLARED_WITHIN_BYTES = 4096


class Attribute(NamedTuple):
    """An attribute of a start tag: its value as spelt, which starts there in the tag (-1 without quotes)."""

    name: str
    start: int
    value: str


@dataclass(frozen=True)
class Token:
    """A part of a document; in HTML, names are in lower case.

    The kind ``other`` is a comment, a declaration, an instruction, or raw text such as a script's. An empty
    start tag is its own end (``<a/>``).
    """

    kind: Kind
    raw: str
    name: str = ""
    attributes: tuple[Attribute, ...] = ()
    is_empty: bool = False

    @property
    def local_name(self) -> str:
        """The name without the prefix of its namespace."""
        return self.name.rpartition(":")[2]

    def attribute(self, name: str) -> str | None:
        """The value of an attribute as spelt; None without it."""
        return next((each.value for each in self.attributes if each.name == name), None)

    def with_attributes(self, changes: Mapping[str, str | None]) -> str:
        """A start tag of XML with attributes of these values; None removes one, and new ones come last."""
        raw = self.raw
        for attribute in reversed(self.attributes):
            if attribute.name not in changes:
                continue
            value = changes[attribute.name]
            start, end = attribute.start, attribute.start + len(attribute.value)
            if value is None:  # with its name, its quotes and the space before it
                before = raw[: raw.rindex(attribute.name, 0, start)].rstrip()
                raw = before + raw[end + 1 :]
            else:
                raw = raw[:start] + escaped_in_quotes(value) + raw[end:]
        named = {attribute.name for attribute in self.attributes}
        added = "".join(
            f' {name}="{escaped_in_quotes(value)}"'
            for name, value in changes.items()
            if value is not None and name not in named
        )
        ending = re.search(r"\s*/?>\Z", raw)
        return raw[: ending.start()] + added + ending.group() if ending else raw


def tokens(text: str, *, is_xml: bool) -> Iterator[Token]:
    """The tokens of a document; their ``raw`` joined is ``text``."""
    position = 0
    foreign_depth = 0
    while position < len(text):
        opening = text.find("<", position)
        if opening != position:
            token = Token("text", text[position:] if opening < 0 else text[position:opening])
        elif other := (_XML_OTHER if is_xml else _OTHER).match(text, position):
            token = Token("other", other.group())
        elif name := _NAME.match(text, position):
            token = _tag(text, name, is_xml)
        else:
            token = Token("text", "<")
        yield token
        position += len(token.raw)
        if is_xml or token.kind not in ("start", "end"):
            continue
        if token.name in _FOREIGN and not token.is_empty:
            foreign_depth = max(0, foreign_depth + (1 if token.kind == "start" else -1))
        elif token.kind == "start" and not foreign_depth:
            raw = _raw_text(text, position, token.name)
            if raw:
                yield Token("text" if token.name == "title" else "other", raw)
                position += len(raw)


def _tag(text: str, name: re.Match[str], is_xml: bool) -> Token:
    """A tag with its attributes; a tag that never ends hides the rest of the document."""
    start, position = name.span()
    attributes = []
    while True:
        if not is_xml and (template := _TEMPLATE_IN_TAG.match(text, position)):
            position = template.end()
            continue
        if (match := _ATTRIBUTE.match(text, position)) is None:
            break
        spelt, *values = match.groups()
        group = next((number for number, value in enumerate(values, 2) if value is not None), 0)
        place = match.start(group) - start if group in (2, 3) else -1
        value = match.group(group) if group else ""
        attributes.append(Attribute(spelt if is_xml else spelt.lower(), place, value))
        position = match.end()
        if _OPEN_VALUE.match(text, position):
            return Token("other", text[start:])  # quotes that never close
    end = _TAG_END.match(text, position)
    if end is None:
        return Token("other", text[start:])
    raw = text[start : end.end()]
    spelt = name.group(1) if is_xml else name.group(1).lower()
    kind: Kind = "end" if raw.startswith("</") else "start"
    return Token(kind, raw, spelt, tuple(attributes), raw.endswith("/>"))


def _raw_text(text: str, position: int, name: str) -> str:
    """The text after a start tag whose element holds no tags, up to its end tag."""
    if name == "plaintext":
        return text[position:]
    if name not in _RAW_TEXT and name != "title":
        return ""
    if name == "script":
        return text[position : _script_end(text, position)]
    match = re.compile(rf"</{name}(?=[\s/>])", re.IGNORECASE).search(text, position)
    return text[position : match.start() if match else None]


def _script_end(text: str, position: int) -> int | None:
    """Place of a script's end tag, if any; a script in a comment hides one (``<!-- <script> </script>``)."""
    is_comment, is_hidden = False, False
    for match in _SCRIPT_SIGN.finditer(text, position):
        sign = match.group().lower()
        if sign == "<!":
            is_comment = True
        elif sign == "-->":
            is_comment = is_hidden = False
        elif sign == "<script":
            is_hidden = is_comment
        elif not is_hidden:
            return match.start()
        else:
            is_hidden = False
    return None


def checked_root(text: str, name: str) -> Token:
    """The outermost start tag of a document in XML; InputError unless it is one of ``name``."""
    root = next((token for token in tokens(text, is_xml=True) if token.kind == "start"), None)
    if root is None or root.local_name != name:
        raise InputError(
            f"it is no {name} file: its outermost element is {root.name if root else 'missing'!r}, "
            f"expected {name!r}; give its real kind"
        )
    return root


def declared_encoding(data: bytes) -> str | None:
    """The encoding that an HTML or XML document declares in its first lines."""
    head = data[:_DECLARED_WITHIN_BYTES]
    match = _XML_ENCODING.search(head) or _CHARSET.search(head)
    return match.group(1).decode("ascii", "replace") if match else None


def namespace_prefix(text: str, namespaces: tuple[str, ...], usual: str) -> str:
    """What names of a namespace begin with in a document, colon included; ``usual`` where undeclared."""
    for namespace in namespaces:
        declaration = rf"""xmlns(?::([\w.-]+))?\s*=\s*["']{re.escape(namespace)}["']"""
        if match := re.search(declaration, text):
            return f"{match.group(1)}:" if match.group(1) else ""
    return f"{usual}:"


def escaped(text: str) -> str:
    """``text`` such that no browser takes it for markup."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def escaped_in_quotes(text: str) -> str:
    """``text`` for the value of an attribute in quotes of either kind."""
    return escaped(text).replace('"', "&quot;").replace("'", "&#39;")


def read_other(flow: Flow, token: Token, *, is_xml: bool = False) -> None:
    """Adds a token of the kind ``other``: text in CDATA of XML, else a mark."""
    if is_xml and token.raw.startswith(_CDATA) and token.raw.endswith("]]>"):
        flow.text(token.raw, token.raw[len(_CDATA) : -3])
    else:
        # Comments and instructions may be the start and the end of a block.
        flow.mark(Mark([token.raw], is_ordered=True))


def read_references(flow: Flow, raw: str, *, is_xml: bool = False) -> None:
    """Adds text in which characters may be spelt as references; unknown entities become marks."""
    start = 0
    for match in _REFERENCE.finditer(raw):
        spelt = match.group()
        plain = html.unescape(spelt)
        is_known = plain != spelt and (spelt.endswith(";") or not is_xml)
        if not is_known and not spelt.endswith(";"):
            continue
        flow.text(raw[start : match.start()])
        if is_known:
            flow.text(spelt, plain)
        else:
            flow.mark(Mark([spelt]))
        start = match.end()
    flow.text(raw[start:])
