"""Which of sacreBLEU's tokenizers counts the words of a language, or of text in a script."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from functools import cache
from typing import Any

from crosslate.languages.scripts import UNSPACED_SCRIPTS, scripts_of

WITH_SPACES = "13a"
"""For text that has spaces between its words: sacreBLEU's default and that of the field."""

_HAN = "Hani"
# The spaces of Hangul separate words with their particles, which are too long to be counted as one.
_OTHERS = tuple(script for script in (*UNSPACED_SCRIPTS, "Hang") if script != _HAN)
_CHINESE, _CHARACTERS = "zh", "char"
_MOSTLY = 0.9


def bleu_tokenizer(language: str, references: Iterable[str]) -> str:
    """sacreBLEU's tokenizer that suits references in a language; needs nothing but sacreBLEU itself.

    The script in the code decides (``zho_Hans``), else the script that the language is usually written in.
    Of languages that have spaces between their words, and of unknown ones, it is the script in which most of
    the references are written.

    Args:
        language: a code in any case, with ``-`` or ``_``; ``und`` is none.

    Returns:
        ``13a`` for text with spaces between words, ``zh`` for Chinese (each Han character is a word, other
        words are whole), ``char`` for the other scripts without such spaces (each character is a word).
    """
    scripts = scripts_of(language)
    # Japanese and Korean have other characters beside the Chinese ones.
    if not scripts.isdisjoint(_OTHERS):
        return _CHARACTERS
    return _CHINESE if _HAN in scripts else _tokenizer_of_text(references)


def _tokenizer_of_text(lines: Iterable[str]) -> str:
    counts: Counter[str | None] = Counter()
    for line in lines:
        counts.update(match.lastgroup for match in _words().finditer(line))
    unspaced = counts["han"] + counts["other"]
    if unspaced <= counts["spaced"]:
        return WITH_SPACES
    # Japanese is half Han, and `zh` would leave its kana in one piece.
    return _CHINESE if counts["han"] > _MOSTLY * unspaced else _CHARACTERS


@cache
def _words() -> Any:
    """What is a word: a character of a script without spaces, or a run of other letters."""
    import regex

    han, other = rf"\p{{sc={_HAN}}}", "".join(rf"\p{{sc={script}}}" for script in _OTHERS)
    spaced = rf"[[\p{{L}}\p{{M}}]--[{han}{other}]]+"
    return regex.compile(rf"(?V1)(?P<han>{han})|(?P<other>[{other}])|(?P<spaced>{spaced})")
