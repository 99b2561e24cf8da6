"""Which of sacreBLEU's tokenizers counts the words of a language, or of text in a script."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from functools import cache
from typing import Any

WITH_SPACES = "13a"
"""For text that has spaces between its words: sacreBLEU's default and that of the field."""

_HAN = "Hani"
# Scripts (ISO 15924) in which spaces do not separate words: those of the line breaking classes ID, SA, AK and
# AS in Unicode Standard Annex 14, and Tibetan. The spaces of Hangul separate words with their particles.
_OTHERS = (
    "Hira Kana Bopo Hang Yiii Tibt Thai Laoo Khmr Mymr Tale Talu Lana Tavt Ahom "
    "Java Bali Batk Bugi Cham Maka Rjng"
)
# Scripts of codes, which Unicode knows by their parts.
_PARTS = {"Hans": _HAN, "Hant": _HAN, "Hanb": _HAN, "Jpan": "Hira", "Hrkt": "Hira", "Kore": "Hang"}
# The languages that are usually written in such a script, by every code of ISO 639.
_LANGUAGES = {
    _HAN: "zh zho chi cmn yue wuu nan hak gan hsn cdo cjy cnp cpx csp czh czo lzh mnp zt",
    "Hira": "ja jpn ryu",
    "Hang": "ko kor",
    "Thai": "th tha nod sou tts",
    "Laoo": "lo lao",
    "Khmr": "km khm kxm",
    "Mymr": "my mya bur blk kht ksw mnw rki shn",
    "Tibt": "bo bod tib dz dzo adx khg lbj sip xct",
    "Yiii": "ii iii",
    "Talu": "khb",
    "Tale": "tdd",
    "Tavt": "blt",
}
_TOKENIZERS = {_HAN: "zh"} | dict.fromkeys(_OTHERS.split(), "char")
_SCRIPT_OF = {code: script for script, codes in _LANGUAGES.items() for code in codes.split()}
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
    base, *rest = re.split("[-_]", language.strip().lower())
    named = [part.title() for part in rest if len(part) == 4 and part.isalpha()]
    script = named[0] if named else _SCRIPT_OF.get(base, "")
    return _TOKENIZERS.get(_PARTS.get(script, script)) or _tokenizer_of_text(references)


def _tokenizer_of_text(lines: Iterable[str]) -> str:
    counts: Counter[str | None] = Counter()
    for line in lines:
        counts.update(match.lastgroup for match in _words().finditer(line))
    unspaced = counts["han"] + counts["other"]
    if unspaced <= counts["spaced"]:
        return WITH_SPACES
    # Japanese is half Han, and `zh` would leave its kana in one piece.
    return _TOKENIZERS[_HAN] if counts["han"] > _MOSTLY * unspaced else "char"


@cache
def _words() -> Any:
    """What is a word: a character of a script without spaces, or a run of other letters."""
    import regex

    han, other = rf"\p{{sc={_HAN}}}", "".join(rf"\p{{sc={script}}}" for script in _OTHERS.split())
    spaced = rf"[[\p{{L}}\p{{M}}]--[{han}{other}]]+"
    return regex.compile(rf"(?V1)(?P<han>{han})|(?P<other>[{other}])|(?P<spaced>{spaced})")
