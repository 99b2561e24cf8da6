"""Language codes (ISO 639-1, or 639-3 where there is none), those of other programs, and English names."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from crosslate.errors import UsageError

_TABLE = """
    aa aar Afar, ab abk Abkhazian, ace Acehnese, af afr Afrikaans, ak aka Akan, am amh Amharic,
    an arg Aragonese, ar ara arb Arabic, as asm Assamese, ast Asturian, av ava Avaric, ay aym ayr Aymara,
    az aze azj Azerbaijani, ba bak Bashkir, be bel Belarusian, bg bul Bulgarian, bi bis Bislama,
    bm bam Bambara, bn ben Bengali, bo bod tib Tibetan, br bre Breton, bs bos Bosnian, ca cat Catalan,
    ce che Chechen, ceb Cebuano, ch cha Chamorro, ckb Central Kurdish, co cos Corsican, cs ces cze Czech,
    cu chu Church Slavic, cv chv Chuvash, cy cym wel Welsh, da dan Danish, de deu ger German, dv div Dhivehi,
    dz dzo Dzongkha, ee ewe Ewe, el ell gre Greek, en eng English, eo epo Esperanto, es spa Spanish,
    et est ekk Estonian, eu eus baq Basque, fa fas pes per Persian, ff ful fuv Fulah, fi fin Finnish,
    fj fij Fijian, fo fao Faroese, fr fra fre French, fy fry Western Frisian, ga gle Irish,
    gd gla Scottish Gaelic, gl glg Galician, gn grn gug Guarani, gu guj Gujarati, gv glv Manx, ha hau Hausa,
    haw Hawaiian, he heb Hebrew, hi hin Hindi, hmn Hmong, hr hrv Croatian, ht hat Haitian Creole,
    hu hun Hungarian, hy hye arm Armenian, ia ina Interlingua, id ind Indonesian, ie ile Interlingue,
    ig ibo Igbo, ii iii Sichuan Yi, ilo Ilocano, io ido Ido, is isl ice Icelandic, it ita Italian,
    iu iku Inuktitut, ja jpn Japanese, jv jav Javanese, ka kat geo Georgian, kab Kabyle, kg kon Kongo,
    ki kik Kikuyu, kk kaz Kazakh, kl kal Greenlandic, km khm Khmer, kn kan Kannada, ko kor Korean,
    ks kas Kashmiri, ku kur kmr Kurdish, kv kom Komi, kw cor Cornish, ky kir Kyrgyz, la lat Latin,
    lb ltz Luxembourgish, lg lug Ganda, li lim Limburgish, ln lin Lingala, lo lao Lao, lt lit Lithuanian,
    lv lav lvs Latvian, mg mlg plt Malagasy, mh mah Marshallese, mi mri mao Maori, mk mkd mac Macedonian,
    ml mal Malayalam, mn mon khk Mongolian, mr mar Marathi, ms msa zsm may Malay, mt mlt Maltese,
    my mya bur Burmese, ne nep npi Nepali, nl nld dut Dutch, nn nno Norwegian Nynorsk, no nor nob Norwegian,
    nso Northern Sotho, nv nav Navajo, ny nya Nyanja, oc oci Occitan, om orm gaz Oromo, or ori ory Odia,
    os oss Ossetian, pa pan Punjabi, pap Papiamento, pl pol Polish, ps pus pbt Pashto, pt por Portuguese,
    qu que quy Quechua, rm roh Romansh, rn run Rundi, ro ron rum Romanian, ru rus Russian, rw kin Kinyarwanda,
    sa san Sanskrit, sc srd Sardinian, sd snd Sindhi, se sme Northern Sami, sg sag Sango, si sin Sinhala,
    sk slk slo Slovak, sl slv Slovenian, sm smo Samoan, sn sna Shona, so som Somali, sq sqi als alb Albanian,
    sr srp Serbian, ss ssw Swati, st sot Southern Sotho, su sun Sundanese, sv swe Swedish, sw swa swh Swahili,
    szl Silesian, ta tam Tamil, te tel Telugu, tet Tetum, tg tgk Tajik, th tha Thai, ti tir Tigrinya,
    tk tuk Turkmen, tl tgl Tagalog, tn tsn Tswana, to ton Tongan, tpi Tok Pisin, tr tur Turkish, tw twi Twi,
    ts tso Tsonga, tt tat Tatar, ty tah Tahitian, ug uig Uyghur, uk ukr Ukrainian, ur urd Urdu,
    uz uzb uzn Uzbek, ve ven Venda, vec Venetian, vi vie Vietnamese, vo vol Volapük, wa wln Walloon,
    war Waray, wo wol Wolof, xh xho Xhosa, yi yid ydd Yiddish, yo yor Yoruba, yue Cantonese, za zha Zhuang,
    zh zho cmn chi Chinese, zu zul Zulu
"""
_ENTRIES = [entry.split() for entry in _TABLE.split(",")]
NAMES = {code: " ".join(word for word in words if word[0].isupper()) for code, *words in _ENTRIES}
# ISO 639-3 codes of languages that have a two-letter code, of macrolanguages the standard member too; and the
# codes of libraries (ISO 639-2/B).
_THREE_LETTERS = {
    code: [word for word in words if word.islower()] for code, *words in _ENTRIES if len(code) == 2
}
_TWO_LETTERS = {other: code for code, others in _THREE_LETTERS.items() for other in others}
_OLD = {"nb": "no", "iw": "he", "in": "id", "ji": "yi", "fil": "tl", "pb": "pt", "zt": "zh"}
_BASES = {code: code for code in NAMES} | _TWO_LETTERS | _OLD
_CODE = re.compile(r"[a-z]{2,3}(?:[-_][A-Za-z0-9]{2,8})*")
# Beside hyphens that join two codes, only parts that cannot be languages belong to a code.
_WHOLE_CODE = re.compile(r"[a-z]{2,3}(?:[-_](?:[A-Z][a-z]{3}|[A-Z]{2}|[0-9]{3}))*")


def language_code(code: str) -> str:
    """``code`` with hyphens, if it looks like BCP 47, known or not; the code of a language by English name.

    Raises:
        UsageError: it is neither.
    """
    if named := _BY_NAME.get(code.strip().lower()):
        return named
    first, *rest = re.split("([-_])", code)
    if first.lower() in _BASES:
        code = "".join([first.lower(), *rest])
    if not _CODE.fullmatch(code):
        raise UsageError(
            f"{code!r} is not a language code; expected one like 'de', 'kab' or 'pt-BR', "
            "or an English name like 'German'"
        )
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
    return base_code(one) == base_code(other)


def base_code(code: str) -> str:
    """The language of a code, without script and region: ``de`` for ``deu_Latn``."""
    first = re.split("[-_]", code.strip())[0].lower()
    return _BASES.get(first, first)


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


def script_of(code: str) -> str:
    """The script that a code names, in lower case: ``hant`` for ``zh-Hant`` and ``zh-TW``; else empty."""
    return _Tag.of(code).parts[0]


def contradicts(one: str, other: str) -> bool:
    """Whether two codes name different languages, or one language in different scripts.

    A code without a script contradicts none, and regions are not compared.
    """
    scripts = {script_of(code) for code in (one, other)} - {""}
    return not is_same_language(one, other) or len(scripts) > 1


MODERN_CODES = {"zh": "zh-Hans", "zt": "zh-Hant", "pb": "pt-BR"}
"""Old codes that many programs still use, and what they have become."""

_MODERN_NAMES = {"zh-Hant": "Chinese (traditional)", "pt-BR": "Portuguese (Brazil)"}
_BY_NAME = {
    **{name.lower(): code for code, name in NAMES.items()},
    **{name.lower(): code for code, name in _MODERN_NAMES.items()},
    "chinese (simplified)": "zh-Hans",
}
_SCRIPT = re.compile(r"[A-Z][a-z]{3}")


def public_code(code: str) -> str:
    """The code by which other programs know a model's language.

    ``fra_Latn`` is ``fr``, ``zho-Hant`` is ``zh-Hant``, ``zh`` is ``zh-Hans``; a region stays,
    a script stays where the language is Chinese, and what has no two-letter code stays as it is.
    """
    base, *rest = language_code(code).split("-")
    if len(base) == 3:
        base = _TWO_LETTERS.get(base, base)
        if base != "zh":
            rest = [part for part in rest if not _SCRIPT.fullmatch(part)]
    joined = "-".join([base, *rest])
    return MODERN_CODES.get(joined, joined)


def public_name(code: str) -> str:
    """The English name of a language by its public code."""
    return _MODERN_NAMES.get(code) or language_name(code)


@dataclass(frozen=True)
class _Tag:
    """A code in parts, each empty where it is not named.

    Attributes:
        base: the language, by its two-letter code where it has one.
        parts: script, region and whatever else, in lower case.
    """

    base: str
    parts: tuple[str, str, str]

    @classmethod
    @lru_cache(4_096)
    def of(cls, name: str) -> _Tag:
        """The parts of a code or an English name, also as columns are called (``sentence_deu_Latn``)."""
        plain = name.strip().lower()
        detailed = re.fullmatch(r"(.+?) *\((.+)\)", plain)
        if detailed and detailed[1] in _BY_NAME and plain not in _BY_NAME:  # "English (US)"
            region = f"-{detailed[2]}" if _REGION.fullmatch(detailed[2]) else ""
            plain = _BY_NAME[detailed[1]] + region
        elif plain not in _BY_NAME:
            words = [word for word in re.split(r"[-_\s.:/()]+", plain) if word not in _COLUMN_WORDS]
            is_code = len(words) == 1 or not re.search(r"\s", plain)  # "it is" is none
            plain = "-".join(words) if is_code else ""
        plain = _BY_NAME.get(plain, plain)
        first, *rest = {"zt": "zh-hant", "pb": "pt-br"}.get(plain, plain).lower().split("-")
        script = region = ""
        others: list[str] = []
        for part in rest:
            if len(part) == 4 and part.isalpha() and not script:
                script = part
            elif _REGION.fullmatch(part) and not region:
                region = "" if part == "xx" else part  # mBART's, of languages that it has once
            else:
                others.append(part)
        base = base_code(first)
        if base == "zh" and not script:
            script = _CHINESE_SCRIPTS.get(region, "")
        return cls(base, (script, region, "-".join(others)))

    @property
    def is_known(self) -> bool:
        """Whether it is a language that has a name here, or one with its script, and nothing else."""
        script, _, others = self.parts
        is_code = bool(script and re.fullmatch("[a-z]{2,3}", self.base))
        return not others and (self.base in NAMES or is_code)

    def distance(self, other: _Tag) -> int | None:
        """How far a code is from this one: 0 the same, 1 more exact, 2 less exact, 3 both, None another."""
        pairs = list(zip(self.parts, other.parts))
        if not self.base or self.base != other.base or any(a and b and a != b for a, b in pairs):
            return None
        more, less = (any(bool(pair[side]) > bool(pair[1 - side]) for pair in pairs) for side in (1, 0))
        return more + 2 * less


_REGION = re.compile(r"[a-z]{2}|\d{3}")
_COLUMN_WORDS = {
    *("", "lang", "language", "line", "segment", "sentence", "sentences", "source", "src"),
    *("target", "text", "texts", "tgt", "translation", "translations", "trg"),
}
_ROLES = ({"source", "src"}, {"target", "tgt", "trg"})
_CHINESE_SCRIPTS = {"cn": "hans", "sg": "hans", "tw": "hant", "hk": "hant", "mo": "hant"}


def match_language(language: str, available: Iterable[str]) -> str | None:
    """The name in ``available`` that stands for ``language``, or None.

    ``de``, ``deu``, ``ger``, ``deu_Latn``, ``de-DE`` and ``German`` are one language, in any case. The same
    code comes first, then a more exact one (``de-AT`` for ``de``), then a less exact one (``de`` for
    ``de-AT``). Another region or script never stands for the one wanted (``pt-PT`` for ``pt-BR``).
    """
    wanted = _Tag.of(language)
    script = _Tag.of(MODERN_CODES.get(language, language)).parts[0]  # "zh" is rather the simplified one
    found = []
    for row, name in enumerate(available):
        tag = _Tag.of(name)
        distance = wanted.distance(tag)
        if distance is not None:
            is_same = normalised(name) == normalised(language)
            found.append((not is_same, distance, tag.parts[0] != script, row, name))
    return min(found)[-1] if found else None


def match_pair(languages: tuple[str, str], available: Collection[str]) -> tuple[str | None, str | None]:
    """:func:`match_language` for both languages; two different ones never stand under one name."""
    source, target = (match_language(language, available) for language in languages)
    if source is None or source != target or languages[0] == languages[1]:
        return source, target
    others = [name for name in available if name != source]
    # It is the name of the one that it is nearer to; the other may still have one of its own.
    first, second = (_Tag.of(language).distance(_Tag.of(source)) or 0 for language in languages)
    if first <= second:
        return source, match_language(languages[1], others)
    return match_language(languages[0], others), target


def names_columns(names: Sequence[str], languages: tuple[str, str]) -> bool:
    """Whether the first row of a table names its columns, by languages or as source and target.

    Args:
        languages: those that are looked for; beside one of them, any code counts.
    """
    tags = [_Tag.of(name) for name in names]
    known = {tag for tag in tags if tag.is_known}
    wanted = {base_code(language) for language in languages}
    others = sum(_CODE.fullmatch(name.strip().lower()) is not None for name in names)
    plain = {name.strip().lower() for name in names}
    return (
        len(known) > 1
        or (any(tag.base in wanted for tag in known) and others == len(names) > 1)
        or all(not roles.isdisjoint(plain) for roles in _ROLES)
    )


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

    The same code counts first, in any case and with either separator. Then counts what the language is also
    called, by a code of three letters (``deu``, ``deu_Latn``) or an English name; then the language without
    its region or script (``en-US`` is ``en``); then a variant of the language, the first in order (``pt`` is
    ``pt-BR`` where no other Portuguese is served). The two scripts of Chinese are read by different people;
    neither stands for the other.
    """
    known = {normalised(each): each for each in served}
    wanted = normalised(code)
    if wanted not in known:
        if named := _BY_NAME.get(code.strip().lower()):
            wanted = named.lower()
        first, *rest = wanted.split("-")
        if first in _TWO_LETTERS:
            wanted = "-".join([_TWO_LETTERS[first], *rest])
    base = wanted
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
