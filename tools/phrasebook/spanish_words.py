"""Spanish inflection: adjectives and verbs."""

# ruff: noqa: E501 (a table)
from __future__ import annotations

from functools import lru_cache

from tools.phrasebook.lexicon import Adjective, Noun, Verb, spanish_plural

PERSONS = ((1, False), (2, False), (3, False), (1, True), (3, True))

# infinitive | present (yo, tú, él, nosotros, ellos) | preterite, or "-" if regular | future stem, or "-"
_IRREGULAR = """
ver | veo ves ve vemos ven | vi viste vio vimos vieron | -
encontrar | encuentro encuentras encuentra encontramos encuentran | - | -
buscar | - | busqué buscaste buscó buscamos buscaron | -
perder | pierdo pierdes pierde perdemos pierden | - | -
cerrar | cierro cierras cierra cerramos cierran | - | -
leer | leo lees lee leemos leen | leí leíste leyó leímos leyeron | -
creer | creo crees cree creemos creen | creí creíste creyó creímos creyeron | -
traer | traigo traes trae traemos traen | traje trajiste trajo trajimos trajeron | -
dar | doy das da damos dan | di diste dio dimos dieron | -
mostrar | muestro muestras muestra mostramos muestran | - | -
enviar | envío envías envía enviamos envían | - | -
fotografiar | fotografío fotografías fotografía fotografiamos fotografían | - | -
contar | cuento cuentas cuenta contamos cuentan | - | -
explicar | - | expliqué explicaste explicó explicamos explicaron | -
construir | construyo construyes construye construimos construyen | construí construiste construyó construimos construyeron | -
conocer | conozco conoces conoce conocemos conocen | - | -
entender | entiendo entiendes entiende entendemos entienden | - | -
encender | enciendo enciendes enciende encendemos encienden | - | -
jugar | juego juegas juega jugamos juegan | jugué jugaste jugó jugamos jugaron | -
apagar | - | apagué apagaste apagó apagamos apagaron | -
dormir | duermo duermes duerme dormimos duermen | dormí dormiste durmió dormimos durmieron | -
reír | río ríes ríe reímos ríen | reí reíste rio reímos rieron | reir
llegar | - | llegué llegaste llegó llegamos llegaron | -
salir | salgo sales sale salimos salen | - | saldr
volver | vuelvo vuelves vuelve volvemos vuelven | - | -
ir | voy vas va vamos van | fui fuiste fue fuimos fueron | -
despertar | despierto despiertas despierta despertamos despiertan | - | -
empezar | empiezo empiezas empieza empezamos empiezan | empecé empezaste empezó empezamos empezaron | -
tener | tengo tienes tiene tenemos tienen | tuve tuviste tuvo tuvimos tuvieron | tendr
querer | quiero quieres quiere queremos quieren | quise quisiste quiso quisimos quisieron | querr
poder | puedo puedes puede podemos pueden | pude pudiste pudo pudimos pudieron | podr
pedir | pido pides pide pedimos piden | pedí pediste pidió pedimos pidieron | -
elegir | elijo eliges elige elegimos eligen | elegí elegiste eligió elegimos eligieron | -
traducir | traduzco traduces traduce traducimos traducen | traduje tradujiste tradujo tradujimos tradujeron | -
conducir | conduzco conduces conduce conducimos conducen | conduje condujiste condujo condujimos condujeron | -
decir | digo dices dice decimos dicen | dije dijiste dijo dijimos dijeron | dir
pensar | pienso piensas piensa pensamos piensan | - | -
saber | sé sabes sabe sabemos saben | supe supiste supo supimos supieron | sabr
ser | soy eres es somos son | fui fuiste fue fuimos fueron | -
estar | estoy estás está estamos están | estuve estuviste estuvo estuvimos estuvieron | -
"""
_IMPERFECTS = {
    "ser": ["era", "eras", "era", "éramos", "eran"],
    "estar": ["estaba", "estabas", "estaba", "estábamos", "estaban"],
    "tener": ["tenía", "tenías", "tenía", "teníamos", "tenían"],
    "querer": ["quería", "querías", "quería", "queríamos", "querían"],
}
_REGULAR_PRESENT = {"a": "o as a amos an", "e": "o es e emos en", "i": "o es e imos en"}
_REGULAR_PRETERITE = {"a": "é aste ó amos aron", "e": "í iste ió imos ieron", "i": "í iste ió imos ieron"}
_SHORTENED = {"bueno": "buen", "malo": "mal"}


@lru_cache(maxsize=1)
def _irregular() -> dict[str, list[list[str]]]:
    found = {}
    for line in _IRREGULAR.strip().splitlines():
        infinitive, *cells = (cell.strip() for cell in line.split("|"))
        found[infinitive] = [[] if cell == "-" else cell.split() for cell in cells]
    return found


def lemma_of(verb: Verb) -> tuple[str, bool]:
    """The infinitive without its reflexive pronoun, and whether there is one."""
    word = verb.cells["es"].split()[0]
    return (word[:-2], True) if word.endswith("se") else (word, False)


def _form(lemma: str, cell: int, regular: dict[str, str], person: int, plural: bool) -> str:
    index = PERSONS.index((person, plural))
    irregular = _irregular().get(lemma, [[], [], []])[cell]
    return irregular[index] if irregular else lemma[:-2] + regular[lemma[-2]].split()[index]


def present(lemma: str, person: int, plural: bool) -> str:
    """The present tense."""
    return _form(lemma, 0, _REGULAR_PRESENT, person, plural)


def preterite(lemma: str, person: int, plural: bool) -> str:
    """The preterite (of finished events)."""
    return _form(lemma, 1, _REGULAR_PRETERITE, person, plural)


def imperfect(lemma: str, person: int, plural: bool) -> str:
    """The imperfect, of the few verbs of state that are used in it."""
    return _IMPERFECTS[lemma][PERSONS.index((person, plural))]


def future(lemma: str, person: int, plural: bool) -> str:
    """The future."""
    stem = _irregular().get(lemma, [[], [], []])[2]
    return (stem[0] if stem else lemma) + ("é", "ás", "á", "emos", "án")[PERSONS.index((person, plural))]


def has_imperfect(lemma: str) -> bool:
    """Whether the past is said with the imperfect."""
    return lemma in _IMPERFECTS


def copula(adjective: Adjective) -> str:
    """``ser`` or ``estar``."""
    return adjective.cells["es"][1]


def comparative(adjective: Adjective, plural: bool, feminine: bool) -> list[str]:
    """The comparative in one word ("mejor") or two."""
    irregular = adjective.cells["es"][2:]
    if irregular:
        return [spanish_plural(irregular[0]) if plural else irregular[0]]
    return ["más", adjective_form(adjective, feminine, plural)]


def is_before_noun(adjective: Adjective) -> bool:
    """Whether the adjective stands before its noun."""
    return adjective.cells["es"][0] in _SHORTENED


def adjective_form(adjective: Adjective, feminine: bool, plural: bool, *, before_noun: bool = False) -> str:
    """An adjective that agrees; ``before_noun`` shortens "bueno" and "malo"."""
    word = adjective.cells["es"][0]
    if before_noun and not feminine and not plural:
        return _SHORTENED.get(word, word)
    if feminine and word.endswith("o"):
        word = word[:-1] + "a"
    return spanish_plural(word) if plural else word


def noun_cells(noun: Noun) -> dict[str, set[str]]:
    """Forms by number."""
    forms = noun.forms["es"]
    return {"singular": {forms.singular}, "plural": {forms.plural}}


def adjective_cells(adjective: Adjective) -> dict[str, set[str]]:
    """Forms by number; only "mejor" and "peor" are comparatives in one word."""
    cells = {
        name: {
            adjective_form(adjective, feminine, plural, before_noun=before)
            for feminine in (False, True)
            for before in (False, is_before_noun(adjective))
        }
        for name, plural in (("singular", False), ("plural", True))
    }
    if len(comparative(adjective, False, False)) == 1:
        cells["comparative"] = {comparative(adjective, plural, False)[0] for plural in (False, True)}
    return cells


def verb_cells(verb: Verb) -> dict[tuple[str, int, bool], set[str]]:
    """Forms of the verb's own word by tense, person and plurality ("ser" with those of "estar")."""
    lemma, reflexive = lemma_of(verb)
    lemmas = ["ser", "estar"] if lemma == "ser" else [lemma]
    cells: dict[tuple[str, int, bool], set[str]] = {("infinitive", 0, False): set(lemmas)}
    if reflexive:
        cells["infinitive", 0, False] = {lemma + clitic for clitic in ("me", "te", "se", "nos")}
    for person, plural in PERSONS:
        cells["present", person, plural] = {present(word, person, plural) for word in lemmas}
        cells["future", person, plural] = {future(word, person, plural) for word in lemmas}
        past = imperfect if has_imperfect(lemma) else preterite
        cells["past", person, plural] = {past(word, person, plural) for word in lemmas}
    return cells
