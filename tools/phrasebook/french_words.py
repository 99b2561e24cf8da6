"""French inflection: adjectives and verbs."""

from __future__ import annotations

from functools import lru_cache

from tools.phrasebook.lexicon import Adjective, Noun, Verb, french_plural

PERSONS = ((1, False), (2, False), (3, False), (1, True), (3, True))

# infinitive | present (je, tu, il, nous, ils) | past participle | future stem
_IRREGULAR = """
boire | bois bois boit buvons boivent | bu | boir
lire | lis lis lit lisons lisent | lu | lir
écrire | écris écris écrit écrivons écrivent | écrit | écrir
voir | vois vois voit voyons voient | vu | verr
perdre | perds perds perd perdons perdent | perdu | perdr
vendre | vends vends vend vendons vendent | vendu | vendr
attendre | attends attends attend attendons attendent | attendu | attendr
ouvrir | ouvre ouvres ouvre ouvrons ouvrent | ouvert | ouvrir
prendre | prends prends prend prenons prennent | pris | prendr
apprendre | apprends apprends apprend apprenons apprennent | appris | apprendr
comprendre | comprends comprends comprend comprenons comprennent | compris | comprendr
construire | construis construis construit construisons construisent | construit | construir
conduire | conduis conduis conduit conduisons conduisent | conduit | conduir
traduire | traduis traduis traduit traduisons traduisent | traduit | traduir
éteindre | éteins éteins éteint éteignons éteignent | éteint | éteindr
connaître | connais connais connaît connaissons connaissent | connu | connaîtr
savoir | sais sais sait savons savent | su | saur
dormir | dors dors dort dormons dorment | dormi | dormir
courir | cours cours court courons courent | couru | courr
rire | ris ris rit rions rient | ri | rir
partir | pars pars part partons partent | parti | partir
revenir | reviens reviens revient revenons reviennent | revenu | reviendr
aller | vais vas va allons vont | allé | ir
avoir | ai as a avons ont | eu | aur
être | suis es est sommes sont | été | ser
vouloir | veux veux veut voulons veulent | voulu | voudr
pouvoir | peux peux peut pouvons peuvent | pu | pourr
devoir | dois dois doit devons doivent | dû | devr
dire | dis dis dit disons disent | dit | dir
croire | crois crois croit croyons croient | cru | croir
choisir | choisis choisis choisit choisissons choisissent | choisi | choisir
nourrir | nourris nourris nourrit nourrissons nourrissent | nourri | nourrir
acheter | achète achètes achète achetons achètent | acheté | achèter
appeler | appelle appelles appelle appelons appellent | appelé | appeller
lever | lève lèves lève levons lèvent | levé | lèver
nettoyer | nettoie nettoies nettoie nettoyons nettoient | nettoyé | nettoier
envoyer | envoie envoies envoie envoyons envoient | envoyé | enverr
"""
_IMPERFECT_STEMS = {"être": "ét", "avoir": "av", "vouloir": "voul"}
_BEFORE_VOWEL = {"vieux": "vieil", "nouveau": "nouvel", "beau": "bel"}
_WITH_BE = {"aller", "partir", "arriver", "revenir", "rester"}


@lru_cache(maxsize=1)
def _irregular() -> dict[str, tuple[list[str], str, str]]:
    found = {}
    for line in _IRREGULAR.strip().splitlines():
        infinitive, present_forms, participle_form, stem = (cell.strip() for cell in line.split("|"))
        found[infinitive] = (present_forms.split(), participle_form, stem)
    return found


def lemma_of(verb: Verb) -> tuple[str, bool]:
    """The infinitive without its reflexive pronoun, and whether there is one."""
    word = verb.cells["fr"].split()
    return (word[1], True) if word[0] == "se" else (word[0], False)


def takes_be(verb: Verb) -> bool:
    """Whether the compound past is formed with "être"."""
    lemma, reflexive = lemma_of(verb)
    return reflexive or lemma in _WITH_BE


def present(lemma: str, person: int, plural: bool) -> str:
    """The present tense."""
    index = PERSONS.index((person, plural))
    if lemma in _irregular():
        return _irregular()[lemma][0][index]
    stem = lemma[:-2]
    if index == 3:
        stem = stem + "e" if stem.endswith("g") else stem[:-1] + "ç" if stem.endswith("c") else stem
    return stem + ("e", "es", "e", "ons", "ent")[index]


def future(lemma: str, person: int, plural: bool) -> str:
    """The simple future."""
    stem = _irregular()[lemma][2] if lemma in _irregular() else lemma
    return stem + ("ai", "as", "a", "ons", "ont")[PERSONS.index((person, plural))]


def imperfect(lemma: str, person: int, plural: bool) -> str:
    """The imperfect, of the few verbs of state that are used in it."""
    return _IMPERFECT_STEMS[lemma] + ("ais", "ais", "ait", "ions", "aient")[PERSONS.index((person, plural))]


def participle(lemma: str, feminine: bool = False, plural: bool = False) -> str:
    """The past participle, agreeing."""
    word = _irregular()[lemma][1] if lemma in _irregular() else lemma[:-2] + "é"
    if feminine:
        word = word + "e"
    return word + "s" if plural and not word.endswith("s") else word


def is_before_noun(adjective: Adjective) -> bool:
    """Whether the adjective stands before its noun."""
    return adjective.cells["fr"][0].startswith("^")


def better(adjective: Adjective) -> bool:
    """Whether the comparative is irregular ("meilleur")."""
    return "better" in adjective.cells["fr"]


def adjective_form(
    adjective: Adjective, feminine: bool, plural: bool, *, before_vowel: bool = False, compared: bool = False
) -> str:
    """An adjective that agrees; ``before_vowel`` gives "bel", "vieil", "nouvel"."""
    masculine, *rest = [cell for cell in adjective.cells["fr"] if cell not in {"better", "worse"}]
    masculine = masculine.removeprefix("^")
    if compared and better(adjective):
        masculine, rest = "meilleur", []
    if feminine:
        word = rest[0] if rest else _feminine(masculine)
        return word + "s" if plural else word
    if plural:
        return french_plural(masculine)
    return _BEFORE_VOWEL.get(masculine, masculine) if before_vowel else masculine


def _feminine(masculine: str) -> str:
    if masculine.endswith("e"):
        return masculine
    if masculine.endswith("eux"):
        return masculine[:-1] + "se"
    return masculine + "e"


def noun_cells(noun: Noun) -> dict[str, set[str]]:
    """Forms by number."""
    forms = noun.forms["fr"]
    return {"singular": {forms.singular}, "plural": {forms.plural}}


def adjective_cells(adjective: Adjective) -> dict[str, set[str]]:
    """Forms by number; only "meilleur" is a comparative in one word."""
    cells = {
        name: {
            adjective_form(adjective, feminine, plural, before_vowel=vowel)
            for feminine in (False, True)
            for vowel in (False, is_before_noun(adjective))
        }
        for name, plural in (("singular", False), ("plural", True))
    }
    if better(adjective):
        cells["comparative"] = {
            adjective_form(adjective, feminine, plural, compared=True)
            for feminine in (False, True)
            for plural in (False, True)
        }
    return cells


def verb_cells(verb: Verb) -> dict[tuple[str, int, bool], set[str]]:
    """Forms of the verb's own word by tense, person and plurality; the past is the participle's."""
    lemma, _ = lemma_of(verb)
    cells: dict[tuple[str, int, bool], set[str]] = {("infinitive", 0, False): {lemma}}
    for person, plural in PERSONS:
        cells["present", person, plural] = {present(lemma, person, plural)}
        cells["future", person, plural] = {future(lemma, person, plural)}
        if lemma in _IMPERFECT_STEMS:
            cells["past", person, plural] = {imperfect(lemma, person, plural)}
        else:
            plurals = (plural,) if takes_be(verb) else (False, True)
            cells["past", person, plural] = {
                participle(lemma, feminine, number) for feminine in (False, True) for number in plurals
            }
    return cells
