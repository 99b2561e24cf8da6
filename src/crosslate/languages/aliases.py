"""Codes of languages as other programs write them, and which of some languages they mean."""

from __future__ import annotations

from collections.abc import Iterable

from crosslate.languages.codes import MODERN_CODES

# What else clients call a language: in lower case, on both sides.
_ALIASES = {
    **{old: new.lower() for old, new in MODERN_CODES.items()},
    **{"zh-cn": "zh-hans", "zh-sg": "zh-hans", "zh-tw": "zh-hant", "zh-hk": "zh-hant", "zh-mo": "zh-hant"},
    **{"nb": "no", "no": "nb", "iw": "he", "in": "id", "ji": "yi", "fil": "tl"},
}
_CHINESE = ("zh-hans", "zh-hant")


def normalised(code: str) -> str:
    """A client's code as error messages repeat it: lower case, hyphens."""
    return code.strip().replace("_", "-").lower()


def resolve_code(code: str, served: Iterable[str]) -> str | None:
    """Which of the served languages a client means; None where it means none of them.

    The same code counts first, in any case and with either separator; then what it is also called; then
    the language without its region or script (``en-US`` is ``en``); then a variant of the language, the
    first in order (``pt`` is ``pt-BR`` where no other Portuguese is served). The two scripts of Chinese
    are read by different people; neither stands for the other.
    """
    known = {normalised(each): each for each in served}
    wanted = base = normalised(code)
    while wanted:
        other = _ALIASES.get(wanted, wanted)
        for candidate in (wanted, other):
            if candidate in known:
                return known[candidate]
        if other in _CHINESE:
            return None
        base, wanted = other, other.rpartition("-")[0]
    variants = sorted(each for each in known if each.split("-")[0] == base)
    return known[variants[0]] if variants else None
