"""Codes of languages as clients write them and as the server answers with them."""

from __future__ import annotations

import re
from collections.abc import Iterable

from crosslate.languages import NAMES, is_same_language, language_code, language_name

# Old codes that many clients still send, and what they have become.
_MODERN = {"zh": "zh-Hans", "zt": "zh-Hant", "pb": "pt-BR"}
_MODERN_NAMES = {
    "zh-Hans": "Chinese",
    "zh-Hant": "Chinese (traditional)",
    "pt-BR": "Portuguese (Brazil)",
}
# What else clients call a language: in lower case, on both sides.
_ALIASES = {
    **{old: new.lower() for old, new in _MODERN.items()},
    **{"zh-cn": "zh-hans", "zh-sg": "zh-hans", "zh-tw": "zh-hant", "zh-hk": "zh-hant", "zh-mo": "zh-hant"},
    **{"nb": "no", "no": "nb", "iw": "he", "in": "id", "ji": "yi", "fil": "tl"},
}
_CHINESE = ("zh-hans", "zh-hant")
_SCRIPT = re.compile(r"[A-Z][a-z]{3}")


def public_code(code: str) -> str:
    """The code under which a model's language is served.

    ``fra_Latn`` is served as ``fr``, ``zho-Hant`` as ``zh-Hant``, ``zh`` as ``zh-Hans``; a region stays,
    a script stays where the language is Chinese, and what has no two-letter code stays as it is.

    Raises:
        UsageError: it does not look like a language code.
    """
    base, *rest = language_code(code).split("-")
    if len(base) == 3:
        base = next((known for known in NAMES if len(known) == 2 and is_same_language(known, base)), base)
        if base != "zh":
            rest = [part for part in rest if not _SCRIPT.fullmatch(part)]
    joined = "-".join([base, *rest])
    return _MODERN.get(joined, joined)


def public_name(code: str) -> str:
    """The English name of a language by its public code."""
    return _MODERN_NAMES.get(code) or language_name(code)


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
