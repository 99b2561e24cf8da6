"""Language codes (ISO 639-1, or 639-3 where there is none) and their English names."""

from __future__ import annotations

import re
from collections.abc import Iterable

from crosslate.errors import UsageError

NAMES = {
    "af": "Afrikaans", "am": "Amharic", "ar": "Arabic", "az": "Azerbaijani", "be": "Belarusian",
    "bg": "Bulgarian", "bn": "Bengali", "br": "Breton", "bs": "Bosnian", "ca": "Catalan", "cs": "Czech",
    "cy": "Welsh", "da": "Danish", "de": "German", "el": "Greek", "en": "English", "eo": "Esperanto",
    "es": "Spanish", "et": "Estonian", "eu": "Basque", "fa": "Persian", "fi": "Finnish", "fr": "French",
    "fy": "Western Frisian", "ga": "Irish", "gd": "Scottish Gaelic", "gl": "Galician", "gu": "Gujarati",
    "ha": "Hausa", "he": "Hebrew", "hi": "Hindi", "hr": "Croatian", "ht": "Haitian Creole",
    "hu": "Hungarian", "hy": "Armenian", "id": "Indonesian", "ig": "Igbo", "is": "Icelandic",
    "it": "Italian", "ja": "Japanese", "jv": "Javanese", "ka": "Georgian", "kab": "Kabyle", "kk": "Kazakh",
    "km": "Khmer", "kn": "Kannada", "ko": "Korean", "ky": "Kyrgyz", "lb": "Luxembourgish", "lg": "Ganda",
    "ln": "Lingala", "lo": "Lao", "lt": "Lithuanian", "lv": "Latvian", "mg": "Malagasy", "mi": "Maori",
    "mk": "Macedonian", "ml": "Malayalam", "mn": "Mongolian", "mr": "Marathi", "ms": "Malay", "mt": "Maltese",
    "my": "Burmese", "ne": "Nepali", "nl": "Dutch", "no": "Norwegian", "ny": "Nyanja", "oc": "Occitan",
    "om": "Oromo", "or": "Odia", "pa": "Punjabi", "pl": "Polish", "ps": "Pashto", "pt": "Portuguese",
    "qu": "Quechua", "rm": "Romansh", "ro": "Romanian", "ru": "Russian", "rw": "Kinyarwanda",
    "sd": "Sindhi", "si": "Sinhala", "sk": "Slovak", "sl": "Slovenian", "sn": "Shona", "so": "Somali",
    "sq": "Albanian", "sr": "Serbian", "ss": "Swati", "st": "Southern Sotho", "su": "Sundanese",
    "sv": "Swedish", "sw": "Swahili", "ta": "Tamil", "te": "Telugu", "tg": "Tajik", "th": "Thai",
    "ti": "Tigrinya", "tk": "Turkmen", "tl": "Tagalog", "tn": "Tswana", "tr": "Turkish", "ts": "Tsonga",
    "tt": "Tatar", "ug": "Uyghur", "uk": "Ukrainian", "ur": "Urdu", "uz": "Uzbek", "vi": "Vietnamese",
    "wo": "Wolof", "xh": "Xhosa", "yi": "Yiddish", "yo": "Yoruba", "zh": "Chinese", "zu": "Zulu",
}  # fmt: skip

_CODE = re.compile(r"[a-z]{2,3}(?:[-_][A-Za-z0-9]{2,8})*")


def language_code(code: str) -> str:
    """``code`` with hyphens, if it looks like BCP 47 (else UsageError), known to :data:`NAMES` or not."""
    if not _CODE.fullmatch(code):
        raise UsageError(f"{code!r} is not a language code; expected one like 'de', 'kab' or 'pt-BR'")
    return code.replace("_", "-")


def language_pair(pair: str) -> tuple[str, str]:
    """Splits ``"fr-en"`` into ``("fr", "en")``; UsageError where it is not a pair of codes."""
    parts = pair.split("-")
    if len(parts) != 2:
        raise UsageError(
            f"{pair!r} is not a language pair; expected two codes joined by a hyphen, like 'fr-en'"
        )
    return language_code(parts[0]), language_code(parts[1])


def language_name(code: str) -> str:
    """The English name of a language, or the code itself where we know no name."""
    return NAMES.get(code, NAMES.get(re.split("[-_]", code)[0], code))


_THREE_LETTERS = {
    code: tuple(rest)
    for code, *rest in (
        entry.split()
        for entry in """
        af afr,am amh,ar ara arb,az aze azj,be bel,bg bul,bn ben,br bre,bs bos,ca cat,cs ces,
        cy cym,da dan,de deu,el ell,en eng,eo epo,es spa,et est ekk,eu eus,fa fas pes,fi fin,
        fr fra,fy fry,ga gle,gd gla,gl glg,gu guj,ha hau,he heb,hi hin,hr hrv,ht hat,hu hun,
        hy hye,id ind,ig ibo,is isl,it ita,ja jpn,jv jav,ka kat,kk kaz,km khm,kn kan,ko kor,
        ky kir,lb ltz,lg lug,ln lin,lo lao,lt lit,lv lav lvs,mg mlg plt,mi mri,mk mkd,ml mal,
        mn mon khk,mr mar,ms msa zsm,mt mlt,my mya,ne nep npi,nl nld,no nor nob,ny nya,oc oci,
        om orm gaz,or ori ory,pa pan,pl pol,ps pus pbt,pt por,qu que quy,rm roh,ro ron,ru rus,
        rw kin,sd snd,si sin,sk slk,sl slv,sn sna,so som,sq sqi als,sr srp,ss ssw,st sot,
        su sun,sv swe,sw swa swh,ta tam,te tel,tg tgk,th tha,ti tir,tk tuk,tl tgl,tn tsn,
        tr tur,ts tso,tt tat,ug uig,uk ukr,ur urd,uz uzb uzn,vi vie,wo wol,xh xho,yi yid ydd,
        yo yor,zh zho cmn,zu zul
        """.replace("\n", "").split(",")
    )
}
"""ISO 639-3 codes of the languages that have a two-letter code; of macrolanguages the standard member too."""


def three_letter_code(code: str) -> str:
    """The ISO 639-3 code of a language: ``deu`` for ``de``; codes without a counterpart stay."""
    first = re.split("[-_]", code)[0]
    return _THREE_LETTERS.get(first, (first,))[0]


def is_same_language(one: str, other: str) -> bool:
    """Whether two codes name one language: ``fr`` and ``fra_Latn``; regions and scripts are not compared."""
    first, second = (re.split("[-_]", code)[0].lower() for code in (one, other))
    return (
        first == second or second in _THREE_LETTERS.get(first, ()) or first in _THREE_LETTERS.get(second, ())
    )


MODERN_CODES = {"zh": "zh-Hans", "zt": "zh-Hant", "pb": "pt-BR"}
"""Old codes that many programs still use, and what they have become."""

_MODERN_NAMES = {
    "zh-Hans": "Chinese",
    "zh-Hant": "Chinese (traditional)",
    "pt-BR": "Portuguese (Brazil)",
}
_SCRIPT = re.compile(r"[A-Z][a-z]{3}")


def public_code(code: str) -> str:
    """The code by which other programs know a model's language.

    ``fra_Latn`` is ``fr``, ``zho-Hant`` is ``zh-Hant``, ``zh`` is ``zh-Hans``; a region stays,
    a script stays where the language is Chinese, and what has no two-letter code stays as it is.
    """
    base, *rest = language_code(code).split("-")
    if len(base) == 3:
        base = next((known for known in NAMES if len(known) == 2 and is_same_language(known, base)), base)
        if base != "zh":
            rest = [part for part in rest if not _SCRIPT.fullmatch(part)]
    joined = "-".join([base, *rest])
    return MODERN_CODES.get(joined, joined)


def public_name(code: str) -> str:
    """The English name of a language by its public code."""
    return _MODERN_NAMES.get(code) or language_name(code)


def match_language(language: str, available: Iterable[str]) -> str | None:
    """The code in ``available`` that stands for ``language``, or None.

    Upper case and ``_`` make no difference. The same code comes first, then a more exact one
    (``de-AT`` for ``de``), then a less exact one (``de`` for ``de-AT``). ``pt-PT`` never stands
    for ``pt-BR``.
    """
    wanted = _subtags(language)
    more_exact = less_exact = None
    for code in available:
        found = _subtags(code)
        if found == wanted:
            return code
        if found[: len(wanted)] == wanted:
            more_exact = more_exact or code
        elif wanted[: len(found)] == found:
            less_exact = less_exact or code
    return more_exact or less_exact


def _subtags(code: str) -> list[str]:
    return code.strip().lower().replace("_", "-").split("-")
