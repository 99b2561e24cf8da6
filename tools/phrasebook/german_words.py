"""German inflection: nouns by case, adjective endings, articles and verbs."""

from __future__ import annotations

from functools import lru_cache
from typing import Literal

from tools.phrasebook.lexicon import Adjective, Noun, NounForms, Verb

Case = Literal["N", "A", "D", "G"]
PERSONS = ((1, False), (2, False), (3, False), (1, True), (3, True))

# infinitive | du and er/sie/es, or "-" for regular ones | past participle | sein, where it is not haben
_IRREGULAR = """
essen | isst isst | gegessen
trinken | - | getrunken
bereiten | bereitest bereitet | bereitet
schneiden | schneidest schneidet | geschnitten
lesen | liest liest | gelesen
schreiben | - | geschrieben
verkaufen | - | verkauft
sehen | siehst sieht | gesehen
finden | findest findet | gefunden
verlieren | - | verloren
vergessen | vergisst vergisst | vergessen
bringen | - | gebracht
nehmen | nimmst nimmt | genommen
geben | gibst gibt | gegeben
leihen | - | geliehen
erzählen | - | erzählt
erklären | - | erklärt
waschen | wäschst wäscht | gewaschen
reparieren | - | repariert
zeichnen | zeichnest zeichnet | gezeichnet
besuchen | - | besucht
helfen | hilfst hilft | geholfen
rufen | - | gerufen
laden | lädst lädt | geladen
kennen | - | gekannt
wissen | weißt weiß | gewusst
verstehen | - | verstanden
singen | - | gesungen
sprechen | sprichst spricht | gesprochen
warten | wartest wartet | gewartet
schlafen | schläfst schläft | geschlafen
arbeiten | arbeitest arbeitet | gearbeitet
laufen | läufst läuft | gelaufen | sein
schwimmen | - | geschwommen | sein
reisen | - | gereist | sein
kommen | - | gekommen | sein
gehen | - | gegangen | sein
bleiben | - | geblieben | sein
stehen | - | gestanden | sein
wachen | - | gewacht | sein
beginnen | - | begonnen
haben | hast hat | gehabt
wollen | willst will | gewollt
mögen | magst mag | gemocht
können | kannst kann | gekonnt
müssen | musst muss | gemusst
sein | bist ist | gewesen | sein
werden | wirst wird | geworden | sein
benutzen | - | benutzt
bestellen | - | bestellt
übersetzen | - | übersetzt
füttern | fütterst füttert | gefüttert
fotografieren | - | fotografiert
schalten | schaltest schaltet | geschaltet
denken | - | gedacht
fahren | fährst fährt | gefahren
mieten | mietest mietet | gemietet
"""
_FIRST_SINGULAR = {
    "wissen": "weiß",
    "wollen": "will",
    "mögen": "mag",
    "können": "kann",
    "müssen": "muss",
    "sein": "bin",
}
_PRETERITES = {"sein": "war", "haben": "hatte", "wollen": "wollte", "geben": "gab"}
_DEFINITE = {
    "N": ("der", "die", "das", "die"),
    "A": ("den", "die", "das", "die"),
    "D": ("dem", "der", "dem", "den"),
    "G": ("des", "der", "des", "der"),
}
_WEAK = {"N": ("e", "e", "e", "en"), "A": ("en", "e", "e", "en")}
_STRONG = {"N": ("er", "e", "es", "e"), "A": ("en", "e", "es", "e"), "D": ("em", "er", "em", "en")}
_MIXED = {"N": ("er", "e", "es", "en"), "A": ("en", "e", "es", "en")}


@lru_cache(maxsize=1)
def _irregular() -> dict[str, tuple[list[str], str, str]]:
    found = {}
    for line in _IRREGULAR.strip().splitlines():
        infinitive, singular, participle_form, *auxiliary = (cell.strip() for cell in line.split("|"))
        present_forms = [] if singular == "-" else singular.split()
        found[infinitive] = (present_forms, participle_form, auxiliary[0] if auxiliary else "haben")
    return found


def split(verb: Verb) -> tuple[str, str, str]:
    """Separable prefix (or empty), base verb, and what it governs: ``A``, ``D`` or ``preposition+case``."""
    word, *government = verb.cells["de"].split()
    prefix, _, base = word.rpartition("/")
    return prefix, base, government[0] if government else "A"


def infinitive(verb: Verb) -> str:
    """The infinitive, prefix and all."""
    prefix, base, _ = split(verb)
    return prefix + base


def auxiliary(verb: Verb) -> str:
    """``haben`` or ``sein``, for the perfect."""
    prefix, base, _ = split(verb)
    if (prefix, base) == ("ab", "fahren"):
        return "sein"
    return _irregular()[base][2] if base in _irregular() else "haben"


def participle(verb: Verb) -> str:
    """The past participle."""
    prefix, base, _ = split(verb)
    return prefix + (_irregular()[base][1] if base in _irregular() else f"ge{base[:-2]}t")


def present(base: str, person: int, plural: bool) -> str:
    """The present tense, without a separable prefix."""
    stem = base[:-2] if base.endswith("en") else base[:-1]
    if base == "sein" and plural:
        return "sind"
    if plural:
        return base
    if person == 1:
        return _FIRST_SINGULAR.get(base, stem + "e")
    singular = _irregular()[base][0] if base in _irregular() else []
    if singular:
        return singular[person - 2]
    if person == 2:
        return stem + ("t" if stem.endswith(("s", "ß", "z", "x")) else "st")
    return stem + "t"


def preterite(base: str, person: int, plural: bool) -> str:
    """The simple past, of the few verbs that are commonly used in it."""
    stem = _PRETERITES[base]
    if plural:
        return stem + ("n" if stem.endswith("e") else "en")
    return stem + "st" if person == 2 else stem


def has_preterite(base: str) -> bool:
    """Whether the past is said with the preterite and not with the perfect."""
    return base in _PRETERITES and base != "geben"


def column(gender: str, plural: bool) -> int:
    """The column of a declension table."""
    return 3 if plural else "mfn".index(gender)


def noun_form(forms: NounForms, case: Case, plural: bool) -> str:
    """A noun in a case."""
    if plural:
        return forms.plural + "n" if case == "D" and forms.plural[-1] not in "nsaio" else forms.plural
    if forms.weak and case != "N":
        return forms.plural
    return forms.genitive if case == "G" else forms.singular


def definite(case: Case, gender: str, plural: bool) -> str:
    """The definite article."""
    return _DEFINITE[case][column(gender, plural)]


def relative_pronoun(case: Case, gender: str, plural: bool) -> str:
    """The relative pronoun in the nominative, accusative or dative."""
    return "denen" if plural and case == "D" else definite(case, gender, plural)


def dieser(case: Case, gender: str, plural: bool) -> str:
    """The demonstrative."""
    strong = {**_STRONG, "G": ("es", "er", "es", "er")}
    return "dies" + strong[case][column(gender, plural)]


def like_ein(stem: str, case: Case, gender: str, plural: bool) -> str:
    """A word declined like "ein": "ein", "kein", "mein", "unser"."""
    index = column(gender, plural)
    if (case == "N" and index in (0, 2)) or (case == "A" and index == 2):
        return stem
    strong = {**_STRONG, "G": ("es", "er", "es", "er")}
    return stem + strong[case][index]


def stem_of(adjective: Adjective) -> str:
    """The stem that endings are added to."""
    word = adjective.cells["de"][0]
    return "teur" if word == "teuer" else word


def comparative(adjective: Adjective) -> str:
    """The comparative as a predicate."""
    _, *irregular = adjective.cells["de"]
    return irregular[0] if irregular else stem_of(adjective).removesuffix("e") + "er"


def ending(kind: Literal["weak", "mixed", "strong"], case: Case, gender: str, plural: bool) -> str:
    """The ending of an adjective after "der" (weak), "ein" (mixed) or nothing (strong)."""
    index = column(gender, plural)
    if kind == "strong":
        if case == "G":
            return ("en", "er", "en", "er")[index]
        return _STRONG[case][index]
    table = _WEAK if kind == "weak" else _MIXED
    return table[case][index] if case in table else "en"


def noun_cells(noun: Noun) -> dict[str, set[str]]:
    """Forms by number, in all cases that occur (a genitive only of people)."""
    forms = noun.forms["de"]
    cases: tuple[Case, ...] = ("N", "A", "D", "G") if "person" in noun.tags else ("N", "A", "D")
    return {
        "singular": {noun_form(forms, case, False) for case in cases},
        "plural": {noun_form(forms, case, True) for case in ("N", "A", "D")},
    }


def adjective_cells(adjective: Adjective) -> dict[str, set[str]]:
    """Forms by number and degree; endings differ by case and so are all listed."""
    stem, word = stem_of(adjective), adjective.cells["de"][0]
    if adjective.is_state:
        singular = plural = {word}
    else:
        singular = {word, *(stem + suffix for suffix in ("e", "en", "er", "es", "em"))}
        plural = {word, *(stem + suffix for suffix in ("e", "en"))}
    return {"singular": set(singular), "plural": set(plural), "comparative": {comparative(adjective)}}


def verb_cells(verb: Verb) -> dict[tuple[str, int, bool], set[str]]:
    """Forms of the verb's own word by tense, person and plurality.

    A separable verb is listed as it stands in a subordinate clause, in one word; the past
    is the participle's.
    """
    prefix, base, _ = split(verb)
    cells: dict[tuple[str, int, bool], set[str]] = {("infinitive", 0, False): {infinitive(verb)}}
    for person, plural in PERSONS:
        cells["present", person, plural] = {prefix + present(base, person, plural)}
        cells["future", person, plural] = {infinitive(verb)}
        if has_preterite(base):
            cells["past", person, plural] = {preterite(base, person, plural)}
        else:
            cells["past", person, plural] = {participle(verb)}
    return cells
