"""English: inflection and word order."""

from __future__ import annotations

from tools.phrasebook.lexicon import Adjective, Noun, Verb, place_prepositions
from tools.phrasebook.lexicon import all_adjectives as adjectives
from tools.phrasebook.lexicon import all_nouns as nouns
from tools.phrasebook.lexicon import all_numerals as numerals
from tools.phrasebook.lexicon import all_verbs as verbs
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

_IRREGULAR_PASTS = """
eat ate, drink drank, cut cut, read read, write wrote, buy bought, sell sold, see saw, find found, lose lost,
forget forgot, bring brought, take took, give gave, show showed, send sent, lend lent, tell told, build built,
draw drew, know knew, understand understood, sing sang, sleep slept, run ran, swim swam, leave left, go went,
get got, wake woke, begin began, have had, choose chose, feed fed, drive drove, say said, think thought
"""
_PAST = dict(pair.split() for pair in _IRREGULAR_PASTS.split(","))
_DOUBLING = {"cut", "forget", "run", "swim", "get", "begin"}
_STATES = {
    "see", "know", "understand", "need", "have", "want", "live", "like", "know-that", "say", "think",
    "believe",
}  # fmt: skip
_CONSONANT_SOUND = {"useful"}
_SUBJECTS = {(1, False): "I", (2, False): "you", (1, True): "we", (3, True): "they"}
_OBJECTS = {(1, False): "me", (2, False): "you", (1, True): "us", (3, True): "them"}
_POSSESSIVES = {(1, False): "my", (2, False): "your", (1, True): "our", (3, True): "their"}


def third_person(verb: str) -> str:
    """The third person singular of the present."""
    if verb in {"have", "go"}:
        return {"have": "has", "go": "goes"}[verb]
    if verb.endswith("y") and verb[-2] not in "aeou":
        return verb[:-1] + "ies"
    return verb + ("es" if verb.endswith(("sh", "ch", "s", "x", "z")) else "s")


def past(verb: str) -> str:
    """The simple past."""
    if verb in _PAST:
        return _PAST[verb]
    if verb.endswith("y") and verb[-2] not in "aeou":
        return verb[:-1] + "ied"
    return verb + ("d" if verb.endswith("e") else "ed")


def gerund(verb: str) -> str:
    """The -ing form."""
    if verb in _DOUBLING:
        return verb + verb[-1] + "ing"
    if verb.endswith("e") and not verb.endswith("ee"):
        return verb[:-1] + "ing"
    return verb + "ing"


def comparative(adjective: Adjective) -> list[str]:
    """The comparative, in one word or two."""
    word = adjective.cells["en"][0]
    irregular = {"good": "better", "bad": "worse"}.get(word)
    if irregular:
        return [irregular]
    if word in {"big", "sad", "hot"}:
        return [word + word[-1] + "er"]
    if word.endswith("y"):
        return [word[:-1] + "ier"]
    if len(word) <= 5 or word in {"strong", "clever"}:
        return [word + ("r" if word.endswith("e") else "er")]
    return ["more", word]


def sentence(meaning: Sentence) -> str:
    """The sentence in English."""
    kind, clause_ = meaning.kind, meaning.clause
    if kind == "statement":
        tokens = clause(clause_)
        if meaning.second is not None:
            separator = [","] if meaning.link == "but" else []
            tokens += [*separator, meaning.link, *clause(meaning.second)]
        return finish(tokens, ".")
    if kind == "who":
        return finish(["who", *clause(clause_)], "?")
    opening = [] if kind == "polar" else [kind]
    return finish([*opening, *clause(clause_, question=True)], "?")


def clause(c: Clause, *, question: bool = False, gap: Phrase | None = None) -> list[str]:
    """A clause; with ``gap``, the rest of a relative clause whose missing subject agrees with it."""
    subject = c.subject if c.subject is not None else gap
    words = ["there"] if c.verb == "exist" else nominal(c.subject, "subject") if c.subject is not None else []
    agreeing = c.object if c.verb == "exist" else subject
    auxiliary, rest = _verb_group(c, agreeing, question)
    negation = ["not"] if c.polarity == "negative" and c.verb != "exist" else []
    if auxiliary == "can" and negation and not question:
        auxiliary, negation = "cannot", []
    adverb = ["never"] if c.polarity == "never" else [c.frequency] if c.frequency else []
    order = [auxiliary, *words] if question and auxiliary else [*words, auxiliary]
    front = time(c.time) if c.fronted and c.time else []
    tokens = [*front, *order, *negation, *adverb, *rest]
    return [token for token in (*tokens, *_complements(c)) if token]


def _verb_group(c: Clause, subject: Nominal | None, question: bool) -> tuple[str, list[str]]:
    person, plural = persons(subject)
    lemma, *extra = ["be"] if c.verb == "exist" else verbs()[c.verb].cells["en"].split()
    main = [lemma, *extra]
    if c.modal in {"can", "must"}:
        return c.modal, main
    if c.modal == "want" or c.gladly:
        lemma, extra, simple = ("like" if c.gladly else "want"), ["to", *main], True
        main = [lemma, *extra]
    else:
        simple = c.habitual or c.verb in _STATES
    if c.tense == "future":
        return "will", main
    if lemma == "be":
        return _be(person, plural, c.tense == "past"), []
    if c.tense == "present" and not simple:
        return _be(person, plural, False), [gerund(lemma), *extra]
    needs_do = (c.polarity == "negative" and c.verb != "exist") or (question and subject is not None)
    singular_third = person == 3 and not plural
    if c.tense == "past":
        return ("did", [lemma, *extra]) if needs_do else ("", [past(lemma), *extra])
    if needs_do:
        return "does" if singular_third else "do", [lemma, *extra]
    return "", [third_person(lemma) if singular_third else lemma, *extra]


def _be(person: int, plural: bool, is_past: bool) -> str:
    if is_past:
        return "was" if not plural and person != 2 else "were"
    if plural or person == 2:
        return "are"
    return "am" if person == 1 else "is"


def _complements(c: Clause) -> list[str]:
    tokens: list[str] = []
    recipient = nominal(c.recipient, "object") if c.recipient is not None else []
    shifted = isinstance(c.recipient, Pronoun) and c.verb != "explain"
    if shifted:
        tokens += recipient
    if c.object is not None:
        tokens += nominal(
            c.object, "object", polarity="positive" if c.gladly else c.polarity, existential=c.verb == "exist"
        )
    if recipient and not shifted:
        tokens += ["to", *recipient]
    if c.adjective:
        tokens += [c.degree] if c.degree else []
        if c.standard is not None:
            tokens += [*comparative(adjectives()[c.adjective]), "than", *nominal(c.standard, "object")]
        else:
            tokens.append(c.adjective)
    with_whom = place(c.companion) if c.companion else []
    manner = [c.manner] if c.manner else []
    where = place(c.place) if c.place else []
    is_goal = c.place is not None and c.place.relation == "to"
    tokens += [*where, *with_whom, *manner] if is_goal else [*with_whom, *manner, *where]
    return tokens + (time(c.time) if c.time and not c.fronted else [])


def place(p: Place) -> list[str]:
    """A prepositional phrase."""
    if isinstance(p.ground, str):
        return ["to" if p.relation == "to" else "in", p.ground]
    if p.relation == "at" and isinstance(p.ground, Phrase):
        relation = place_prepositions()[p.ground.noun][0]
    else:
        relation = p.relation
    return [*relation.split(), *nominal(p.ground, "object")]


def time(t: Time) -> list[str]:
    """An adverbial of time."""
    if t.kind == "clock":
        return ["at", numerals()[t.hour].cells["en"], "o'clock"]
    return [t.word] if t.kind == "word" else [t.kind, t.word]


def nominal(n: Nominal, role: str, *, polarity: str = "positive", existential: bool = False) -> list[str]:
    """A pronoun, name or noun phrase as ``subject`` or ``object``."""
    if isinstance(n, Pronoun):
        singular_third = {"subject": ("he", "she"), "object": ("him", "her")}[role]
        table = _SUBJECTS if role == "subject" else _OBJECTS
        return [table.get((n.person, n.plural)) or singular_third[n.feminine]]
    if isinstance(n, Name):
        return [n.name]
    if isinstance(n, Both):
        return [*nominal(n.first, role), "and", *nominal(n.second, role)]
    tokens = [*_determiner(n, polarity, existential)]
    tokens += [n.adjective] if n.adjective else []
    forms = nouns()[n.noun].forms["en"]
    tokens.append(forms.plural if n.plural else forms.singular)
    if tokens[0] == "a" and tokens[1][0] in "aeiou" and tokens[1] not in _CONSONANT_SOUND:
        tokens[0] = "an"
    if n.relative is not None:
        is_subject_gap = n.relative.subject is None
        pronoun = "who" if is_subject_gap and "person" in nouns()[n.noun].tags else "that"
        tokens += [pronoun, *clause(n.relative, gap=n if is_subject_gap else None)]
    return tokens


def _determiner(n: Phrase, polarity: str, existential: bool) -> list[str]:
    if n.determiner == "owned":
        if isinstance(n.owner, Pronoun):
            key = (n.owner.person, n.owner.plural)
            return [_POSSESSIVES.get(key) or ("her" if n.owner.feminine else "his")]
        if n.owner is None:
            return ["the"]
        *before, last = nominal(n.owner, "object")
        return [*before, last + "'s"]
    if polarity == "negative" and n.determiner in {"a", "plural"}:
        if existential:
            return ["no"]
        return ["a" if n.determiner == "a" else "any"]
    if n.determiner == "count":
        return [numerals()[n.count].cells["en"]]
    if n.determiner == "this":
        return ["these" if n.plural else "this"]
    return {"the": ["the"], "a": ["a"], "many": ["many"]}.get(n.determiner, [])


def noun_cells(noun: Noun) -> dict[str, set[str]]:
    """Forms by number."""
    forms = noun.forms["en"]
    return {"singular": {forms.singular}, "plural": {forms.plural}}


def adjective_cells(adjective: Adjective) -> dict[str, set[str]]:
    """Forms by number and degree; a comparative of two words has no form of its own."""
    word = adjective.cells["en"][0]
    compared = comparative(adjective)
    cells = {"singular": {word}, "plural": {word}}
    return cells | ({"comparative": {compared[0]}} if len(compared) == 1 else {})


def verb_cells(verb: Verb) -> dict[tuple[str, int, bool], set[str]]:
    """Forms of the verb's own word by tense, person and plurality (infinitive: 0, False)."""
    lemma = verb.cells["en"].split()[0]
    cells: dict[tuple[str, int, bool], set[str]] = {("infinitive", 0, False): {lemma}}
    for person, plural in ((1, False), (2, False), (3, False), (1, True), (3, True)):
        if lemma == "be":
            cells["present", person, plural] = {_be(person, plural, False)}
            cells["past", person, plural] = {_be(person, plural, True)}
            cells["future", person, plural] = {"be"}
            continue
        if verb.key in {"can", "must"}:
            cells["present", person, plural] = {lemma}
            continue
        present = third_person(lemma) if person == 3 and not plural else lemma
        cells["present", person, plural] = {present} if verb.key in _STATES else {present, gerund(lemma)}
        cells["past", person, plural] = {past(lemma)}
        cells["future", person, plural] = {lemma}
    return cells
