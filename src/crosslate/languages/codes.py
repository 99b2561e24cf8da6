"""Language codes (ISO 639-1, or 639-3 where there is none), those of other programs, and English names."""

from __future__ import annotations

import re
from collections.abc import Iterable

from crosslate.errors import UsageError

_TABLE = """
    af afr Afrikaans, am amh Amharic, ar ara arb Arabic, az aze azj Azerbaijani, be bel Belarusian,
    bg bul Bulgarian, bn ben Bengali, br bre Breton, bs bos Bosnian, ca cat Catalan, cs ces Czech,
    cy cym Welsh, da dan Danish, de deu German, el ell Greek, en eng English, eo epo Esperanto,
    es spa Spanish, et est ekk Estonian, eu eus Basque, fa fas pes Persian, fi fin Finnish, fr fra French,
    fy fry Western Frisian, ga gle Irish, gd gla Scottish Gaelic, gl glg Galician, gu guj Gujarati,
    ha hau Hausa, he heb Hebrew, hi hin Hindi, hr hrv Croatian, ht hat Haitian Creole, hu hun Hungarian,
    hy hye Armenian, id ind Indonesian, ig ibo Igbo, is isl Icelandic, it ita Italian, ja jpn Japanese,
    jv jav Javanese, ka kat Georgian, kab Kabyle, kk kaz Kazakh, km khm Khmer, kn kan Kannada, ko kor Korean,
    ky kir Kyrgyz, lb ltz Luxembourgish, lg lug Ganda, ln lin Lingala, lo lao Lao, lt lit Lithuanian,
    lv lav lvs Latvian, mg mlg plt Malagasy, mi mri Maori, mk mkd Macedonian, ml mal Malayalam,
    mn mon khk Mongolian, mr mar Marathi, ms msa zsm Malay, mt mlt Maltese, my mya Burmese, ne nep npi Nepali,
    nl nld Dutch, no nor nob Norwegian, ny nya Nyanja, oc oci Occitan, om orm gaz Oromo, or ori ory Odia,
    pa pan Punjabi, pl pol Polish, ps pus pbt Pashto, pt por Portuguese, qu que quy Quechua, rm roh Romansh,
    ro ron Romanian, ru rus Russian, rw kin Kinyarwanda, sd snd Sindhi, si sin Sinhala, sk slk Slovak,
    sl slv Slovenian, sn sna Shona, so som Somali, sq sqi als Albanian, sr srp Serbian, ss ssw Swati,
    st sot Southern Sotho, su sun Sundanese, sv swe Swedish, sw swa swh Swahili, ta tam Tamil, te tel Telugu,
    tg tgk Tajik, th tha Thai, ti tir Tigrinya, tk tuk Turkmen, tl tgl Tagalog, tn tsn Tswana, tr tur Turkish,
    ts tso Tsonga, tt tat Tatar, ug uig Uyghur, uk ukr Ukrainian, ur urd Urdu, uz uzb uzn Uzbek,
    vi vie Vietnamese, wo wol Wolof, xh xho Xhosa, yi yid ydd Yiddish, yo yor Yoruba, zh zho cmn Chinese,
    zu zul Zulu
"""
_ENTRIES = [entry.split() for entry in _TABLE.split(",")]
NAMES = {code: " ".join(word for word in words if word[0].isupper()) for code, *words in _ENTRIES}
# ISO 639-3 codes of languages that have a two-letter code; of macrolanguages the standard member too.
_THREE_LETTERS = {
    code: [word for word in words if word.islower()] for code, *words in _ENTRIES if len(code) == 2
}
_TWO_LETTERS = {three: two for two, threes in _THREE_LETTERS.items() for three in threes}

_CODE = re.compile(r"[a-z]{2,3}(?:[-_][A-Za-z0-9]{2,8})*")
# Beside hyphens that join two codes, only parts that cannot be languages belong to a code.
_WHOLE_CODE = re.compile(r"[a-z]{2,3}(?:[-_](?:[A-Z][a-z]{3}|[A-Z]{2}|[0-9]{3}))*")


def language_code(code: str) -> str:
    """``code`` with hyphens, if it looks like BCP 47 (else UsageError), known to :data:`NAMES` or not."""
    if not _CODE.fullmatch(code):
        raise UsageError(f"{code!r} is not a language code; expected one like 'de', 'kab' or 'pt-BR'")
    return code.replace("_", "-")


def language_pair(pair: str) -> tuple[str, str]:
    """Splits ``"fr-en"`` into ``("fr", "en")``, ``"en-pt-BR"`` into ``("en", "pt-BR")``.

    Raises:
        UsageError: ``pair`` is not two codes joined by a hyphen, or can be split in two places.
    """
    parts = pair.split("-")
    if len(parts) == 2:
        return language_code(parts[0]), language_code(parts[1])
    found = [("-".join(parts[:index]), "-".join(parts[index:])) for index in range(1, len(parts))]
    found = [both for both in found if all(map(_WHOLE_CODE.fullmatch, both))]
    if len(found) != 1:
        raise UsageError(
            f"{pair!r} is not a language pair; expected two codes joined by a hyphen, like 'fr-en'; "
            "inside a code write an underscore, as in 'en-pt_BR'"
        )
    return language_code(found[0][0]), language_code(found[0][1])


def language_name(code: str) -> str:
    """The English name of a language, or the code itself where we know no name."""
    return NAMES.get(code, NAMES.get(re.split("[-_]", code)[0], code))


def three_letter_code(code: str) -> str:
    """The ISO 639-3 code of a language: ``deu`` for ``de``; codes without a counterpart stay."""
    first = re.split("[-_]", code)[0]
    return _THREE_LETTERS.get(first, [first])[0]


def is_same_language(one: str, other: str) -> bool:
    """Whether two codes name one language: ``fr`` and ``fra_Latn``; regions and scripts are not compared."""
    first, second = (re.split("[-_]", code)[0].lower() for code in (one, other))
    return _TWO_LETTERS.get(first, first) == _TWO_LETTERS.get(second, second)


_GROUP_TABLE = """
    aav afa alg alv apa aqa aql art ath auf aus awd azc bad bai bat ber bih bnt btk cai cau cba ccn ccs cdc
    cdd cel cmc cpe cpf cpp crp csu cus day dmn dra egx esx euq fiu fox gem gme gmq gmw grk hmx hok hyx iir
    ijo inc ine ira iro itc jpx kar kdo khi kro map mkh mno mul mun myn nah nai ngf nic nub omq omv oto paa
    phi plf poz pqe pqw pra qwe roa sai sal sdv sem sgn sio sit sla smi son sqj ssa syd tai tbq trk tup tut
    tuw urj wak wen xgn xnd ypk zhx zle zls zlw znd
"""
_GROUPS = frozenset(_GROUP_TABLE.split())


def is_language_group(code: str) -> bool:
    """Whether a code stands for several languages: a family of ISO 639-5 (``roa``), or ``mul``."""
    return code.lower() in _GROUPS


_CHINESE_REGIONS = {"cn": "hans", "sg": "hans", "tw": "hant", "hk": "hant", "mo": "hant"}


def script_of(code: str) -> str:
    """The script that a code names, in lower case: ``hant`` for ``zh-Hant`` and ``zh-TW``; else empty."""
    base, *rest = re.split("[-_]", code.lower())
    named = next((part for part in rest if len(part) == 4 and part.isalpha()), "")
    if named or not is_same_language(base, "zh"):
        return named
    return next((_CHINESE_REGIONS[part] for part in rest if part in _CHINESE_REGIONS), "")


def contradicts(one: str, other: str) -> bool:
    """Whether two codes name different languages, or one language in different scripts.

    A code without a script contradicts none, and regions are not compared.
    """
    scripts = {script_of(code) for code in (one, other)} - {""}
    return not is_same_language(one, other) or len(scripts) > 1


MODERN_CODES = {"zh": "zh-Hans", "zt": "zh-Hant", "pb": "pt-BR"}
"""Old codes that many programs still use, and what they have become."""

_MODERN_NAMES = {"zh-Hant": "Chinese (traditional)", "pt-BR": "Portuguese (Brazil)"}
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
    wanted = normalised(language).split("-")
    more_exact = less_exact = None
    for code in available:
        found = normalised(code).split("-")
        if found == wanted:
            return code
        if found[: len(wanted)] == wanted:
            more_exact = more_exact or code
        elif wanted[: len(found)] == found:
            less_exact = less_exact or code
    return more_exact or less_exact


def normalised(code: str) -> str:
    """A code in lower case with hyphens, as messages repeat a client's."""
    return code.strip().replace("_", "-").lower()


# What else clients call a language: in lower case, on both sides.
_ALIASES = {
    **{old: new.lower() for old, new in MODERN_CODES.items()},
    **{"zh-cn": "zh-hans", "zh-sg": "zh-hans", "zh-tw": "zh-hant", "zh-hk": "zh-hant", "zh-mo": "zh-hant"},
    **{"nb": "no", "no": "nb", "iw": "he", "in": "id", "ji": "yi", "fil": "tl"},
}
_CHINESE = ("zh-hans", "zh-hant")


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
