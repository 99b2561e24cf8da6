"""Parts of a text that no translation may change: addresses, variables of programs, emoji."""

from __future__ import annotations

import re

# Repetitions are bounded or begin at a place that cannot be passed twice, so that time stays linear.
# Brackets belong to an address only in pairs, and a sign at its end to the sentence.
_ADDRESS = (
    r"(?:[^\s<>\"“”«»(){}]|\([^\s()]{0,200}\)|\{\{[^{}\n]{0,200}\}\}|\{[^{}\s]{0,100}\})+(?<![.,;:!?\]'’])"
)
_PATTERNS = (
    rf"(?:(?:https?|ftp)://|(?:mailto|tel):|(?<!\w)www\.){_ADDRESS}",
    r"(?<![\w.+-])[\w.+-]{1,64}@\w[\w-]{0,62}(?:\.\w[\w-]{0,62}){1,8}",
    r"\{\{[^{}\n]{0,200}\}\}|\{%[^{}\n]{0,200}%\}|\$\{[^{}\n]{0,200}\}|%\{[^{}\s]{0,100}\}|\{\\[^{}\n]{0,200}\}|\{[^{}\s]{0,100}\}",
    r"%\([^()\s]{1,100}\)[-+#0]*\d*(?:\.\d+)?[a-zA-Z]",
    # No space as a flag: "100 % des" is no variable; nor is what follows a digit.
    r"(?:%\d{1,3}\$|(?<!\d)%)[-+#0]*\d{0,6}(?:\.\d{0,6}|\.\*)?(?:hh?|ll?|[qjzt])?[diouxXeEfFgGcspn@]|(?<!\d)%%|(?<!\d)%\d{1,2}(?!\d)",
    r"%[A-Z_]{2,40}%",
    r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});",
    # Emoji: flags, keycaps, pictures with their modifiers and what is joined to them; private characters.
    r"[\U0001f1e6-\U0001f1ff]{2}|[0-9#*]\ufe0f?\u20e3",
    r"[\u2190-\u21ff\u2300-\u23ff\u25a0-\u27bf\u2900-\u297f\u2b00-\u2bff\U0001f000-\U0001faff]"
    r"(?:[\ufe0f\U0001f3fb-\U0001f3ff\U000e0020-\U000e007f]|\u200d[\u2190-\u2bff\U0001f000-\U0001faff])*",
    r"[\ue000-\uf8ff\U000f0000-\U0010fffd]+",
)
_PLACEHOLDER = re.compile("|".join(_PATTERNS))


def placeholders(text: str) -> list[tuple[int, int]]:
    """Start and end of everything in ``text`` that must come back as it is, in order.

    That is URLs, e-mail addresses, variables (``%1$s``, ``%(name)s``, ``{name}``, ``{{name}}``, ``${name}``),
    character references that are text, emoji, and characters for private use.
    """
    return [match.span() for match in _PLACEHOLDER.finditer(text)]
