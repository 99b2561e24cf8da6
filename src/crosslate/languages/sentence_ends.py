"""Cuts text into sentences."""

from __future__ import annotations

import re
from collections.abc import Iterator

# Sentence ends: closing punctuation before a space, or the full stops of scripts that use no spaces.
_SENTENCE_END = re.compile(r"""[.!?…।॥؟۔።]+["'”’»)\]]*\s+|[。！？｡]+[」』”’）]*\s*""")


def sentences(text: str, language: str) -> list[str]:
    """The sentences of ``text``; joined they are ``text`` again.

    Uses sentencex where it is installed (about 300 languages, any code is accepted), else a regular
    expression for closing punctuation.
    """
    try:
        import sentencex
    except ImportError:
        return list(cut_after(text, _SENTENCE_END))
    return list(sentencex.segment(language, text))


def cut_after(text: str, boundary: re.Pattern[str]) -> Iterator[str]:
    """``text`` in parts that end where ``boundary`` matches; only of an empty text is the last one empty."""
    start = 0
    for match in boundary.finditer(text):
        if match.end() < len(text):
            yield text[start : match.end()]
            start = match.end()
    yield text[start:]
