"""Parts of a text that no translation may change: addresses, variables of programs, tags, users, emoji.

One grammar for lines, documents and the server. No word is cut: a placeholder ends with a run of letters, or
where the text goes on in a script without spaces, as in ``请访问https://example.com了解``.
"""

from __future__ import annotations

import re
from functools import cache
from html import unescape
from html.entities import html5
from typing import Literal, NamedTuple

import regex

from crosslate.languages.orthography import writes_percent_first
from crosslate.languages.words import RUNS_ON

_SPACED = rf"[[\p{{L}}\p{{M}}\p{{N}}]--{RUNS_ON.pattern}]"
_ANY = r"[\p{L}\p{M}\p{N}_]"
_LATIN = r"\p{sc=Latn}"
_NAME = rf"[{_LATIN}_][{_LATIN}0-9_]*+"

# Repetitions are bounded, possessive or begin at a place that cannot be passed twice: time stays linear.
_VARIABLE = r"\{\{[^{}\n]{0,200}\}\}|\{[^{}\s]{0,100}\}"
_HOST = rf"(?:[A-Za-z0-9_.~%:@$-]|\[[\da-fA-F:.]{{2,60}}\]|{_SPACED}|{_VARIABLE})"
# Brackets belong to an address only in pairs, and a sign at its end to the sentence.
_PART = (
    rf"(?:[A-Za-z0-9_.~:/?#@!$&'*+,;=%-]|\([^\s()]{{0,200}}\)|\[[^\s\[\]]{{0,200}}\]"
    rf"|{_SPACED}|{_VARIABLE})"
)
_END = r"(?<![.,;:!?'*])"
_LABEL = rf"(?:[A-Za-z0-9]|{_SPACED})(?:[A-Za-z0-9-]|{_SPACED}){{0,62}}"
_ADDRESSES = (
    # A host may begin in a script without spaces if it ends in "jp" or the like.
    rf"(?<![{_LATIN}\d])[A-Za-z][A-Za-z0-9+.-]{{1,20}}+://"
    rf"(?:{RUNS_ON.pattern}(?:{_ANY}|-){{0,62}}+\.(?=[A-Za-z]))?+{_HOST}*(?:[/?#]{_PART}*)?{_END}",
    rf"(?<![{_LATIN}\d_.@-])(?:www\.{_HOST}+(?:[/?#]{_PART}*)?|(?:mailto|tel):{_PART}+){_END}",
    rf"(?<!{_SPACED}|[._%+-])(?:[A-Za-z0-9._%+-]|{_SPACED}){{1,64}}+@{_LABEL}(?:\.{_LABEL}){{1,8}}(?![A-Za-z0-9-]|{_SPACED})",
    # Without a scheme only with a path: "ends.next" lacks a space.
    rf"(?<!{_SPACED}|[.@/-])(?:[a-z0-9-]{{1,63}}+\.){{1,5}}[a-z]{{2,24}}/{_PART}*{_END}",
)

# Messages of ICU are nested: {count, plural, one {# dog} other {# dogs}}.
_MESSAGE = r"[^{}]*+"
for _ in range(4):
    _MESSAGE = rf"(?:[^{{}}]++|\{{{_MESSAGE}\}})*+"
_ICU = "plural|select|selectordinal|number|date|time|duration|spellout|ordinal|choice|list"
_BRACES = (
    rf"\{{\s*+[\w.]{{1,60}}+\s*+,\s*+(?:{_ICU})\s*+(?:,{_MESSAGE})?\}}",
    # The width of a value may be a variable: "{name:>{width}}".
    r"\{[\w.]{0,60}(?:![rsa])?:[^{}\s]{0,20}\{[^{}\s]{0,60}\}[^{}\s]{0,20}\}",
    r"<%[^<>%\n][^%\n]{0,200}%>|<\?(?:php\b|=)[^\n]{0,300}?\?>|\{#[^{}\n]{0,200}#\}|\[\[\w[\w.]{0,60}\]\]",
    rf"\{{\{{\{{[^{{}}\n]{{0,200}}\}}\}}\}}|[$%#@]?(?:{_VARIABLE})|[$%#]\{{[^{{}}\n]{{0,200}}\}}",
    r"\{%[^{}\n]{0,200}%\}|\{\\[^{}\n]{0,200}\}|\{\s[\w.]{1,60}\s\}|\$t?\([\w.:]{1,100}\)",
)

_FLAGS, _CONVERSION = r"[-+#0_^]*", r"(?:hh?|ll?|[qjzt])?[A-Za-z@]"
_PRECISION = r"(?:\*|\d{0,6})(?:\.\d{0,6}|\.\*)?"
_PERCENT = (
    # Of stringsdict, Pascal, Boost, and GCC's quotation marks; PHP's fill character.
    r"(?<!\d)(?:%#@\w{1,60}@|%\d{1,2}:[defgmnpsux](?![A-Za-z])|%\|[^|\s]{1,20}\||%<[^%<>\n]{1,100}%>"
    r"|%(?:\d{1,2}\$)?'(?:[^\s\w]\d{1,4})?[dfisu](?![A-Za-z]))",
    rf"%\([^()\s]{{1,100}}\){_FLAGS}{_PRECISION}[A-Za-z][{_LATIN}]*+",
    rf"%<\w{{1,60}}>(?:{_FLAGS}{_PRECISION}[A-Za-z](?![{_LATIN}]))?",
    rf"%\d{{1,3}}\${_FLAGS}{_PRECISION}{_CONVERSION}[{_LATIN}]*+|%\d{{1,2}}%|%%{_NAME}%%|(?<![%\d])%[A-Z_]{{2,40}}%|%%",
    # Whole names, also "%ld". What follows a number is a percent sign, also after a space: "20 %ige".
    rf"(?<!\d)(?<!\d[ \u00a0\u202f])%{_NAME}|(?<!\d)%[A-Za-z@](?![{_LATIN}\d])",
)
# "100 % des" has a space and is no flag; "%1" of Qt is no "%50", "%5'i" or "%2,5".
_WITH_NUMBER = (
    rf"(?<!\d)%{_FLAGS}{_PRECISION}{_CONVERSION}(?![{_LATIN}\d])|(?<!\d)%L?[1-9](?!['’]?[\d{_LATIN}]|[.,]\d)"
)
_WITHOUT_NUMBER = rf"(?<!\d)%(?![1-9]){_FLAGS}{_PRECISION}{_CONVERSION}(?![{_LATIN}\d])"

_NAMES = (
    # ":name" and ":smile:"; in "EU:n" and "20 %:n" the colon is inside a word.
    r"(?<![^\s(\[{\"'“„«»‚‘<>,/|=])"
    rf"(?::[a-z0-9_+-]{{2,40}}:(?!{_ANY})|:(?:[a-z_][a-z0-9_]++|[A-Z_]{{2,40}}+)(?![{_LATIN}\d]))",
    # Users of most services are ASCII, also in text without spaces; other names have a space before them.
    r"(?<![A-Za-z0-9_.+@/&-])@[A-Za-z_][A-Za-z0-9_]*+(?:[./@-][A-Za-z0-9_]+){0,5}(?!" + _LATIN + ")",
    rf"(?<!{_ANY}|[.+@/&-])@{_ANY}++",
    rf"(?<!{_ANY}|[&#/])#(?=[\d_]*\p{{L}})(?:{_ANY}|[\u200c\u200d·])++(?:#(?!{_ANY}))?",
    rf"(?<!{_ANY}|\$)\$(?:[A-Z_][A-Z0-9_]{{1,40}}\$|{_NAME})",
)

_VALUE = r"""(?:"[^"<>]{0,500}"|'[^'<>]{0,500}'|[^\s"'<>=\]]{1,500})"""
# "a <b and c> d" is no tag, so other attributes have values.
_SWITCHES = "async|checked|controls|defer|disabled|hidden|multiple|muted|open|readonly|required|selected"
_TAG = (
    r"<(?P<end>/?)(?P<tag>[A-Za-z][\w:.-]{0,40}+|\d{1,4})"
    rf"(?:\s++(?:[\w:@.-]{{1,60}}+\s*+=\s*+{_VALUE}|(?:{_SWITCHES})\b)){{0,20}}+\s*+(?P<empty>/?)>"
)
_BBCODE = rf"\[(?P<bb_end>/?)(?P<bb>b|i|u|s|url|img|quote|code|color|size|list|center)(?:={_VALUE})?\]"
_CODE = (
    r"<(?P<code>code|kbd|pre|samp|tt|var)>[^<>]{1,300}</(?P=code)>",
    # Not the quotation marks of `this'.
    r"(?<![\w`])`(?=\S)(?:[^`'\n]|'[^'`\n]{0,100}'){1,100}(?<=\S)`(?![\w`])",
)
_COMMENT = r"<!--[^<>]{0,1000}-->"
_ESCAPED_BRACKET = "&lt;"
_ESCAPED_TAG = (
    rf"{_ESCAPED_BRACKET}/?[A-Za-z][\w:.-]{{0,40}}+"
    rf"(?:\s++[\w:@.-]{{1,60}}+\s*+=\s*+(?:&quot;[^&<>]{{0,300}}&quot;|{_VALUE})){{0,10}}+\s*+/?&gt;"
)
_REFERENCE = r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});"

# Flags, keycaps, signs shown as pictures, pictures with their modifiers and what is joined to them.
_PICTURE = r"[\u2190-\u21ff\u2300-\u23ff\u25a0-\u27bf\u2900-\u297f\u2b00-\u2bff\U0001f000-\U0001faff]"
_EMOJI = (
    r"[\U0001f1e6-\U0001f1ff]{2}|[0-9#*]\ufe0f?\u20e3|[©®\u203c\u2049™\u2139\u3030\u303d\u3297\u3299]\ufe0f",
    rf"{_PICTURE}(?:[\ufe0e\ufe0f\U0001f3fb-\U0001f3ff\U000e0020-\U000e007f]"
    r"|\u200d[\u2190-\u2bff\U0001f000-\U0001faff])*",
)
_PRIVATE = r"[\ue000-\uf8ff\U000f0000-\U0010fffd]+"

_VARIABLE_SIGNS = frozenset("%{$#")
# What joins variables: "%H:%M", "%s/%s", "{width}x{height}"; not the end of a sentence or a bracket.
_JOINTS = re.compile(r"[-:/.,_×+=|;~*@&–—·]{1,3}|x")
_DATE_JOINTS = re.compile(_JOINTS.pattern + "|[.,]? ")
_DATE_PART = re.compile(r"%[-_0^#EO]?[BbHIjMSTYyZ](?![A-Za-z])")
_BY_PLACE = re.compile(
    r"(?<!%)(?:%%)*%[-+ #0']*(?:\d+|\*)?(?:\.(?:\d+|\*)?)?(?:hh?|ll?|[qjztL])?"
    r"[diouxXeEfFgGaAcCsSp@](?![A-Za-z])"
    r"|(?<![$#%{])\{(?:[:!][^{}]*(?:\{[^{}]*\}[^{}]*)*)?\}"
    # Starts and ends of blocks in templates.
    r"|\{\{[#/^]|\{\{\s*else\b|\{%|<%(?!=)|<\?php"
)

# Text without any of these holds no placeholder, which is found out fast.
_SIGN = re.compile(r"[@%{$#<&:/\[`\u20e3\ufe0f\u2190-\u2bff\ue000-\uf8ff\U0001f000-\U0010fffd]|www\.")


def _listed(names: str) -> frozenset[str]:
    return frozenset(names.split())


BLOCKS = _listed(
    """address article aside blockquote body br caption center col colgroup dd details dialog dir div dl dt
    fieldset figcaption figure footer form frame frameset h1 h2 h3 h4 h5 h6 head header hgroup hr html legend
    li main menu nav ol optgroup option p pre search section summary table tbody td tfoot th thead title tr
    ul"""
)
"""Elements of HTML that end a sentence; any other, known or not, stands in one, as in every browser."""
_VOID = _listed("img input wbr")


class Tag(NamedTuple):
    """What a tag is: an element's start or end, a point by itself, or a break between two texts."""

    kind: Literal["open", "close", "point", "break"]
    name: str


def placeholders(text: str, language: str = "") -> list[tuple[int, int]]:
    """Start and end of everything in ``text`` that must come back as it is, in order.

    That is URLs, e-mail addresses, variables (``%1$s``, ``%(name)s``, ``%name``, ``%Y``, ``:name``,
    ``@count``, ``{name}``, ``{{name}}``, ``${name}``, whole messages of ICU), tags and code in them,
    mentions, hashtags, character references that are text, emoji, and characters for private use. Variables
    that only signs join are one: ``%H:%M``, ``{width}x{height}``.

    Args:
        language: code of the text's language: in Turkish ``%50`` is fifty per cent. Empty for any.
    """
    if not _SIGN.search(text):
        return []
    joints = _DATE_JOINTS if _DATE_PART.search(text) else _JOINTS
    joined: list[tuple[int, int]] = []
    for match in _grammar(writes_percent_first(language)).finditer(text):
        start, end = match.span()
        if joined and text[start] in _VARIABLE_SIGNS and text[joined[-1][0]] in _VARIABLE_SIGNS:
            is_one = joints.fullmatch(text, joined[-1][1], start)
            start = joined.pop()[0] if is_one else start
        joined.append((start, end))
    return joined


def is_ordered(placeholder: str) -> bool:
    """Whether a placeholder means something by its place among others: ``%s``, ``{}``, ``{% if %}``."""
    return _BY_PLACE.search(placeholder) is not None and _DATE_PART.search(placeholder) is None


def character_of(placeholder: str) -> str:
    """The character that a reference such as ``&nbsp;`` stands for; empty for any other placeholder."""
    is_reference = placeholder[0] == "&" and (placeholder[1] == "#" or placeholder[1:] in html5)
    return unescape(placeholder) if is_reference else ""


def without_placeholders(text: str, language: str = "") -> str:
    """``text`` with a space in the place of each of its :func:`placeholders`."""
    done = 0
    kept: list[str] = []
    for start, end in placeholders(text, language):
        kept.append(text[done:start])
        done = end
    return " ".join([*kept, text[done:]])


def tag_of(placeholder: str) -> Tag | None:
    """What a placeholder is as a tag (of HTML, XML, BBCode, ``<0>``); None for all that is none."""
    is_escaped = placeholder.startswith(_ESCAPED_BRACKET)
    match = _tags().fullmatch(unescape(placeholder) if is_escaped else placeholder)
    if match is None:
        return None
    name = (match["tag"] or match["bb"]).lower()
    if name in BLOCKS:
        return Tag("break", name)
    if name in _VOID or match["empty"]:
        return Tag("point", name)
    return Tag("close" if match["end"] or match["bb_end"] else "open", name)


def without_references(text: str) -> str:
    """``text`` with characters in the place of references such as ``&amp;``, except in other placeholders.

    References end with a semicolon: ``&copy=2`` and the address ``https://example.org/?a=1&lt;=2`` stay.
    """
    result: list[str] = []
    done = 0
    for start, end in placeholders(text):
        spelt = text[start:end]
        if spelt.startswith(_ESCAPED_BRACKET) or character_of(spelt):
            result += [text[done:start], unescape(spelt)]
            done = end
    return "".join([*result, text[done:]])


@cache
def _grammar(is_percent_first: bool) -> regex.Pattern[str]:
    numbers = _WITHOUT_NUMBER if is_percent_first else _WITH_NUMBER
    kinds = (
        *_ADDRESSES, *_BRACES, *_PERCENT, numbers, *_NAMES, *_CODE, _TAG, _COMMENT, _BBCODE,
        _ESCAPED_TAG, _REFERENCE, *_EMOJI, _PRIVATE,
    )  # fmt: skip
    return regex.compile("(?V1)" + "|".join(f"(?:{each})" for each in kinds))


@cache
def _tags() -> regex.Pattern[str]:
    return regex.compile(f"(?V1){_TAG}|{_BBCODE}")
