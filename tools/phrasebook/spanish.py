"""Spanish: dropped pronouns, personal "a", clitics, "ser" and "estar", "gustar"."""

from __future__ import annotations

from dataclasses import replace

from tools.phrasebook import spanish_words as words
from tools.phrasebook.lexicon import all_adjectives as adjectives
from tools.phrasebook.lexicon import all_nouns as nouns
from tools.phrasebook.lexicon import all_numerals as numerals
from tools.phrasebook.lexicon import all_verbs as verbs
from tools.phrasebook.lexicon import all_words
from tools.phrasebook.meaning import (
    Both,
    Clause,
    Name,
    Nominal,
    Phrase,
    Place,
    Pronoun,
    Sentence,
    Time,
    persons,
)
from tools.phrasebook.spelling import finish
from tools.phrasebook.words import WOMEN

_SUBJECTS = {(3, True): "ellos"}
_CLITICS = {(1, False): "me", (2, False): "te", (1, True): "nos"}
_STRESSED = {(1, False): "mí", (2, False): "ti", (1, True): "nosotros", (3, True): "ellos"}
_WITH = {(1, False): "conmigo", (2, False): "contigo"}
_POSSESSIVES = {(1, False): "mi", (2, False): "tu", (1, True): "nuestro"}
_QUESTION_WORDS = {
    "who": ["quién"],
    "what": ["qué"],
    "where": ["dónde"],
    "when": ["cuándo"],
    "why": ["por", "qué"],
    "polar": [],
}
_LINKS = {"that": ["que"], "because": ["porque"], "and": ["y"], "but": [",", "pero"]}
_AFTER_VERB = {"often"}
_PETTED = {"feed"}  # verbs that give animals the personal "a"
_UNMARKED = {"have", "need", "want"}


def sentence(meaning: Sentence) -> str:
    """The sentence in Spanish."""
    c = meaning.clause
    if meaning.kind == "statement":
        tokens = clause(c)
        if meaning.second is not None:
            drop = meaning.link == "because"
            tokens += [*_LINKS[meaning.link], *clause(meaning.second, drop_subject=drop)]
        return finish(_contract(tokens), ".")
    opening = _QUESTION_WORDS[meaning.kind]
    if meaning.kind == "where" and c.verb in {"go", "travel"}:
        opening = ["adónde"]
    if meaning.kind == "what" and _preposition(c):
        opening = [*_preposition(c), *opening]
    return finish(_contract([*opening, *clause(c, question=True)]), "?", opening="¿")


def clause(
    c: Clause, *, question: bool = False, drop_subject: bool = False, gap: Phrase | None = None
) -> list[str]:
    """A clause; in a question the subject follows the verb."""
    if c.verb == "exist":
        return _existential(c)
    if c.verb == "like" or c.gladly:
        return _pleasing(c)
    subject = c.subject if c.subject is not None else gap
    subject_words = [] if drop_subject else nominal(c.subject)
    verb = verbs()[c.verb]
    lemma, reflexive = words.lemma_of(verb)
    if c.verb == "be":
        lemma = words.copula(adjectives()[c.adjective]) if c.adjective else "estar"
    clitic = _clitic(c, reflexive, subject)
    if c.modal:
        modal = {"want": "querer", "can": "poder", "must": "deber"}[c.modal]
        core = [_finite(modal, c, subject)]
        tail = [lemma + "".join(clitic)]
    else:
        core, tail = [*clitic, _finite(lemma, c, subject)], []
    before, after = _adverbs(c)
    front = time(c.time) if c.fronted and c.time else []
    if question:
        return [*before, *core, *after, *subject_words, *tail, *_complements(c, subject)]
    return [*front, *subject_words, *before, *core, *after, *tail, *_complements(c, subject)]


def _adverbs(c: Clause) -> tuple[list[str], list[str]]:
    """What stands before the verb (negation, most adverbs of frequency) and right after it."""
    before: list[str] = []
    after: list[str] = []
    if c.polarity == "negative":
        before.append("no")
    for key in (c.frequency, "never" if c.polarity == "never" else ""):
        if key:
            (after if key in _AFTER_VERB else before).append(all_words()[key].cells["es"])
    return before, after


def _existential(c: Clause) -> list[str]:
    finite = {"present": "hay", "past": "había", "future": "habrá"}[c.tense]
    negative = c.polarity == "negative"
    front = time(c.time) if c.fronted and c.time else []
    return [
        *front,
        *(["no"] if negative else []),
        finite,
        *nominal(c.object, negated=negative),
        *(place(c.place) if c.place else []),
        *(time(c.time) if c.time and not c.fronted else []),
    ]


def _pleasing(c: Clause) -> list[str]:
    """Liking: what is liked is the subject, who likes it a dative."""
    person, plural = persons(c.subject)
    clitic = _CLITICS.get((person, plural)) or ("les" if plural else "le")
    named = not (isinstance(c.subject, Pronoun) and person != 3)
    experiencer = ["a", *nominal(c.subject, stressed=True)] if named else []
    before, after = _adverbs(c)
    if c.gladly:
        lemma, _ = words.lemma_of(verbs()[c.verb])
        liked = [lemma, *_complements(c, c.subject)]
        return [*experiencer, *before, clitic, "gusta", *after, *liked]
    gusta = words.present("gustar", 3, persons(c.object)[1])
    return [*experiencer, *before, clitic, gusta, *after, *nominal(c.object)]


def _finite(lemma: str, c: Clause, subject: Nominal | None) -> str:
    person, plural = persons(subject)
    if c.tense == "present":
        return words.present(lemma, person, plural)
    if c.tense == "future":
        return words.future(lemma, person, plural)
    return (words.imperfect if words.has_imperfect(lemma) else words.preterite)(lemma, person, plural)


def _clitic(c: Clause, reflexive: bool, subject: Nominal | None) -> list[str]:
    if reflexive:
        return [_CLITICS.get(persons(subject), "se")]
    if c.recipient is not None:
        return [_CLITICS.get(persons(c.recipient)) or ("les" if persons(c.recipient)[1] else "le")]
    if not isinstance(c.object, Pronoun) or _preposition(c):
        return []
    return [_CLITICS.get((c.object.person, c.object.plural)) or ("la" if c.object.feminine else "lo")]


def _preposition(c: Clause) -> list[str]:
    return verbs()[c.verb].cells["es"].split()[1:]


def _complements(c: Clause, subject: Nominal | None) -> list[str]:
    preposition = _preposition(c)
    # An adverb of manner stands right after the verb, before the object.
    tokens = [all_words()[c.manner].cells["es"]] if c.manner else []
    if c.object is not None and (preposition or not isinstance(c.object, Pronoun)):
        tokens += _joined(preposition or _marker(c), c.object, negated=c.polarity == "negative")
    if c.recipient is not None and not isinstance(c.recipient, Pronoun):
        tokens += ["a", *nominal(c.recipient)]
    if c.adjective:
        tokens += _predicate(c, subject)
    with_whom = place(c.companion) if c.companion else []
    is_goal = c.place is not None and c.place.relation == "to"
    tokens += [*_where(c), *with_whom] if is_goal else [*with_whom, *_where(c)]
    return tokens + (time(c.time) if c.time and not c.fronted else [])


def _where(c: Clause) -> list[str]:
    if c.place is None:
        return []
    return place(replace(c.place, relation="to") if c.verb == "arrive" else c.place)


def _marker(c: Clause) -> list[str]:
    """The personal "a" before definite people."""
    if c.verb in _UNMARKED:
        return []
    if isinstance(c.object, (Name, Both)):
        return ["a"]
    if isinstance(c.object, Phrase):
        tags = nouns()[c.object.noun].tags
        if "person" in tags or ("animal" in tags and c.verb in _PETTED):
            return ["a"]
    return []


def _joined(preposition: list[str], n: Nominal, *, negated: bool = False) -> list[str]:
    if preposition == ["con"] and isinstance(n, Pronoun) and (n.person, n.plural) in _WITH:
        return [_WITH[n.person, n.plural]]
    return [*preposition, *nominal(n, negated=negated, stressed=True)]


def _predicate(c: Clause, subject: Nominal | None) -> list[str]:
    adjective = adjectives()[c.adjective]
    feminine, plural = is_feminine(subject), persons(subject)[1]
    if c.standard is not None:
        compared = words.comparative(adjective, plural, feminine)
        return [*compared, "que", *nominal(c.standard, stressed=True)]
    degree = [all_words()[c.degree].cells["es"]] if c.degree else []
    return [*degree, words.adjective_form(adjective, feminine, plural)]


def is_feminine(n: Nominal | None) -> bool:
    """Grammatical gender; of people together, feminine only if all are."""
    if isinstance(n, Pronoun):
        return n.feminine
    if isinstance(n, Name):
        return n.name in WOMEN
    if isinstance(n, Both):
        return is_feminine(n.first) and is_feminine(n.second)
    return n is not None and nouns()[n.noun].forms["es"].gender == "f"


def place(p: Place) -> list[str]:
    """A prepositional phrase."""
    if isinstance(p.ground, str):
        return ["a" if p.relation == "to" else "en", all_words()[p.ground].cells["es"]]
    preposition = {"at": ["en"], "to": ["a"]}.get(p.relation) or all_words()[p.relation].cells["es"].split()
    return _joined(preposition, p.ground)


def time(t: Time) -> list[str]:
    """An adverbial of time."""
    if t.kind == "clock":
        return ["a", "las", numerals()[t.hour].cells["es"]]
    word = all_words()[t.word]
    text = word.cells["es"]
    if t.kind == "word":
        return [text]
    feminine = word.genders.get("es") == "f"
    if t.kind == "every":
        plural = (
            text if word.kind == "weekday" and text.endswith("s") else text + ("es" if text == "mes" else "s")
        )
        return ["todas", "las", plural] if feminine else ["todos", "los", plural]
    article = "la" if feminine else "el"
    if t.kind == "last":
        return [article, text, "pasada" if feminine else "pasado"]
    return [article, "próxima" if feminine else "próximo", text]


def nominal(n: Nominal | None, *, negated: bool = False, stressed: bool = False) -> list[str]:
    """A pronoun (subjects of the first and second person are dropped), name or noun phrase."""
    if n is None:
        return []
    if n == Pronoun(3, plural=True, feminine=True):
        return ["ellas"]
    if isinstance(n, Pronoun):
        table = _STRESSED if stressed else _SUBJECTS
        known = table.get((n.person, n.plural))
        if known or n.person != 3:
            return [known] if known else []
        return ["ella" if n.feminine else "él"]
    if isinstance(n, Name):
        return [n.name]
    if isinstance(n, Both):
        return [*nominal(n.first), "y", *nominal(n.second)]
    forms = nouns()[n.noun].forms["es"]
    feminine = forms.gender == "f"
    noun = forms.plural if n.plural else forms.singular
    core = [noun]
    if n.adjective:
        adjective = adjectives()[n.adjective]
        is_before = words.is_before_noun(adjective)
        form = words.adjective_form(adjective, feminine, n.plural, before_noun=is_before)
        core = [form, noun] if is_before else [noun, form]
    # A feminine noun that begins with a stressed "a" takes the masculine singular article.
    article_feminine = feminine and core[0] != "agua"
    tokens = [*_determiner(n, feminine, article_feminine, negated), *core]
    if n.owner is not None and not isinstance(n.owner, Pronoun):
        tokens += ["de", *nominal(n.owner)]
    return tokens + _relative(n, feminine)


def _relative(n: Phrase, feminine: bool) -> list[str]:
    if n.relative is None:
        return []
    if n.relative.subject is None:
        return ["que", *clause(n.relative, gap=n)]
    pronoun = ["que"]
    if "person" in nouns()[n.noun].tags:
        article = (("la", "las") if feminine else ("el", "los"))[n.plural]
        pronoun = ["a", article, "que"]
    return [*pronoun, *clause(n.relative)]


def _determiner(n: Phrase, feminine: bool, article_feminine: bool, negated: bool) -> list[str]:
    if n.determiner == "owned" and isinstance(n.owner, Pronoun):
        word = _POSSESSIVES.get((n.owner.person, n.owner.plural), "su")
        if word == "nuestro" and feminine:
            word = "nuestra"
        return [word + "s" if n.plural else word]
    if n.determiner in {"the", "owned", "all"}:
        if n.plural:
            return ["las" if feminine else "los"]
        return ["la" if article_feminine else "el"]
    if n.determiner == "this":
        return [("esta", "estas")[n.plural] if feminine else ("este", "estos")[n.plural]]
    if n.determiner == "a":
        if negated:
            return ["ninguna" if feminine else "ningún"]
        return ["una" if article_feminine else "un"]
    if n.determiner == "count":
        return [numerals()[n.count].cells["es"]]
    if n.determiner == "many":
        return ["muchas" if feminine else "muchos"]
    return []


def _contract(tokens: list[str]) -> list[str]:
    """ "a el" becomes "al", "de el" becomes "del"."""
    text = " ".join(tokens) + " "
    text = f" {text}".replace(" a el ", " al ").replace(" de el ", " del ")
    return text.split()
