"""Scripts: in which a text is written, and in which languages are."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection
from functools import cache
from typing import Any

from crosslate.languages.codes import NAMES, base_code

_UNSPACED = """
    Hani Hira Kana Bopo Yiii Tibt Thai Laoo Khmr Mymr Tale Talu Lana Tavt Ahom Java Bali Batk Bugi Cham Maka
    Rjng
"""
UNSPACED_SCRIPTS = tuple(_UNSPACED.split())
"""Scripts (ISO 15924) in which spaces do not separate words.

Those of the line breaking classes ID, SA, AK and AS in Unicode Standard Annex 14, and Tibetan; but Hangul has
spaces.
"""

_LATIN = "Latn"
_SYLLABARIES = "Hira Kana Hang Ethi Cher Cans Yiii Vaii"
_LETTERS_OF: dict[str | None, int] = {"word": 3, "syllable": 2, "letter": 1}
# Languages by the scripts (ISO 15924) that they are usually written in, by their codes of ISO 639. A language
# appears with each of its scripts; Japanese and Korean use Chinese characters, too.
_LANGUAGES = {
    "Hani": "zh zho chi cmn yue wuu nan hak gan hsn cdo cjy cnp cpx csp czh czo lzh mnp zt ja jpn ko kor",
    "Hira": "ja jpn ryu",
    "Kana": "ja jpn ryu",
    "Hang": "ko kor",
    "Cyrl": """ru rus uk ukr be bel bg bul mk mkd sr srp bs bos kk kaz ky kir mn mon khk tg tgk tt tat ba bak
        cv chv ce che os oss sah tyv udm mhr kv kpv av ava ab abk uz uzb uzn az aze azj crh ku kur""",
    "Arab": """ar ara arb arz ary apc ajp acm acq aeb ars fa fas per pes prs ur urd ps pus pbt sd snd ug uig
        ckb ku kur ks kas az azb bal lrc mzn glk pnb skr ms msa zsm pa pan kk kaz uz""",
    "Hebr": "he heb iw yi yid ydd lad",
    "Grek": "el ell gre grc pnt",
    "Armn": "hy hye arm hyw",
    "Geor": "ka kat geo xmf",
    "Deva": "hi hin mr mar ne nep npi sa san bho mai mag awa hne kok gom doi brx sd snd ks kas new",
    "Beng": "bn ben as asm bpy mni",
    "Guru": "pa pan",
    "Gujr": "gu guj",
    "Orya": "or ori ory",
    "Taml": "ta tam",
    "Telu": "te tel",
    "Knda": "kn kan tcy",
    "Mlym": "ml mal",
    "Sinh": "si sin",
    "Thai": "th tha nod sou tts",
    "Laoo": "lo lao",
    "Khmr": "km khm kxm",
    "Mymr": "my mya bur blk kht ksw mnw rki shn",
    "Tibt": "bo bod tib dz dzo adx khg lbj sip xct",
    "Ethi": "am amh ti tir gez",
    "Thaa": "dv div",
    "Syrc": "syr arc",
    "Cher": "chr",
    "Tfng": "zgh ber shi tzm kab taq",
    "Nkoo": "nqo",
    "Adlm": "ff ful fuf fuv",
    "Olck": "sat",
    "Cans": "iu iku cr cre",
    "Yiii": "ii iii",
    "Talu": "khb",
    "Tale": "tdd",
    "Tavt": "blt",
    "Mong": "mn mon mvf",
}  # fmt: skip
# Those of them that are in Latin letters, too.
_ALSO_LATIN = """
    sr srp bs bos kk kaz tt tat uz uzb uzn az aze azj crh ku kur ms msa zsm kab ber shi tzm taq iu iku cr cre
    ff ful fuf fuv
"""
_PARTS = {
    "Hans": {"Hani"}, "Hant": {"Hani"}, "Hanb": {"Hani"}, "Jpan": {"Hira", "Kana", "Hani"},
    "Hrkt": {"Hira", "Kana"}, "Kore": {"Hang", "Hani"},
}  # fmt: skip


def scripts_of(language: str) -> frozenset[str]:
    """The scripts (ISO 15924) that a language is written in; of a code with a script, it alone.

    Args:
        language: a code in any case, with ``-`` or ``_``; unknown ones are taken to be in Latin letters.
    """
    base, *rest = re.split("[-_]", language.strip().lower())
    named = [part.title() for part in rest if len(part) == 4 and part.isalpha()]
    if named:
        return frozenset(_PARTS.get(named[0], {named[0]}))
    return _by_language().get(base, frozenset({_LATIN}))


def known_scripts_of(language: str) -> frozenset[str] | None:
    """:func:`scripts_of`; None for a language of which we do not know them."""
    base = base_code(language)
    scripts = scripts_of(language)
    is_known = base in NAMES or base in _by_language()
    return scripts if is_known and scripts <= {_LATIN, *_LANGUAGES} else None


def share_in_scripts(text: str, scripts: Collection[str]) -> float | None:
    """The share of a text's letters that are in one of the scripts, 0–1; None for a text without letters."""
    total = inside = 0
    for match in _letters().finditer(text):
        total += len(match.group())
        inside += len(match.group()) if match.lastgroup in scripts else 0
    return inside / total if total else None


def script_of(text: str) -> str | None:
    """The script (ISO 15924) of most letters of a text; None where it has none, or a rare one has most."""
    counts: Counter[str | None] = Counter()
    for match in _letters().finditer(text):
        counts[match.lastgroup] += len(match.group())
    return counts.most_common(1)[0][0] if counts else None


def comparable_length(text: str) -> int:
    """About how many letters a text would have in an alphabet, to compare it with one in another script.

    A Chinese character says as much as three letters, a sign for a syllable as two; marks on letters and
    what is not seen add nothing.
    """
    return sum(_LETTERS_OF[match.lastgroup] for match in _signs().finditer(text))


@cache
def _signs() -> Any:
    """What is seen of a text, as groups of :data:`_LETTERS_OF`."""
    import regex

    syllables = "".join(rf"\p{{sc={script}}}" for script in _SYLLABARIES.split())
    return regex.compile(
        rf"(?P<word>\p{{sc=Hani}})|(?P<syllable>[{syllables}])|(?P<letter>[^\p{{M}}\p{{Cf}}])"
    )


@cache
def _by_language() -> dict[str, frozenset[str]]:
    found: dict[str, frozenset[str]] = {}
    for script, codes in [*_LANGUAGES.items(), (_LATIN, _ALSO_LATIN)]:
        for code in codes.split():
            found[code] = found.get(code, frozenset()) | {script}
    return found


@cache
def _letters() -> Any:
    """A run of letters, as a group with the name of its script."""
    import regex

    known = "|".join(rf"(?P<{script}>\p{{sc={script}}}+)" for script in (_LATIN, *_LANGUAGES))
    return regex.compile(rf"(?V1)(?=\p{{L}})(?:{known}|\p{{L}})")
