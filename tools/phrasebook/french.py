"""French: word order, agreement, clitics, elision and contraction."""

from __future__ import annotations

from tools.phrasebook import french_words as words
from tools.phrasebook.lexicon import all_adjectives as adjectives
from tools.phrasebook.lexicon import all_nouns as nouns
from tools.phrasebook.lexicon import all_numerals as numerals
from tools.phrasebook.lexicon import all_verbs as verbs
from tools.phrasebook.lexicon import all_words, place_prepositions
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

_VOWELS = "aeiouyhàâéèêîôœ"
_ELIDING = {
    "le": "l'",
    "la": "l'",
    "de": "d'",
    "ne": "n'",
    "que": "qu'",
    "je": "j'",
    "me": "m'",
    "te": "t'",
    "se": "s'",
}
_CONTRACTIONS = {("à", "le"): "au", ("à", "les"): "aux", ("de", "le"): "du", ("de", "les"): "des"}
_UNELIDED = {"huit", "onze"}
_SUBJECTS = {(1, False): "je", (2, False): "tu", (1, True): "nous", (3, True): "ils"}
_CLITICS = {(1, False): "me", (2, False): "te", (1, True): "nous"}
_DISJUNCTIVE = {(1, False): "moi", (2, False): "toi", (1, True): "nous", (3, True): "eux"}
_POSSESSIVES = {
    (1, False): ("mon", "ma", "mes"),
    (2, False): ("ton", "ta", "tes"),
    (3, False): ("son", "sa", "ses"),
    (1, True): ("notre", "notre", "nos"),
    (3, True): ("leur", "leur", "leurs"),
}
_OPENINGS = {
    "polar": ["est-ce", "que"],
    "what": ["qu'est-ce", "que"],
    "where": ["où", "est-ce", "que"],
    "when": ["quand", "est-ce", "que"],
    "why": ["pourquoi", "est-ce", "que"],
}
_LINKS = {"that": ["que"], "because": ["parce", "que"], "and": ["et"], "but": [",", "mais"]}
_IMPERFECTIVE = {"have", "want", "be"}


def sentence(meaning: Sentence) -> str:
    """The sentence in French, a plain space before the question mark."""
    c = meaning.clause
    if meaning.kind == "statement":
        tokens = clause(c)
        if meaning.second is not None:
            tokens += [*_LINKS[meaning.link], *clause(meaning.second)]
        return finish(_spell(tokens), ".")
    if meaning.kind == "who":
        tokens = ["qui", *clause(c)]
    elif meaning.kind == "where" and c.verb == "be":
        tokens = ["où", _finite("être", c, c.subject), *nominal(c.subject)]
    else:
        tokens = [*_OPENINGS[meaning.kind], *clause(c)]
    return finish(_spell(tokens), " ?")


def clause(c: Clause, gap: Phrase | None = None) -> list[str]:
    """A clause; with ``gap``, the rest of a relative clause whose subject or object that noun is."""
    if c.verb == "exist":
        return _existential(c)
    verb = verbs()[c.verb]
    lemma, reflexive = words.lemma_of(verb)
    subject = c.subject if c.subject is not None else gap
    clitic = _clitic(c, reflexive, subject)
    modal = {"want": "vouloir", "can": "pouvoir", "must": "devoir"}.get(c.modal, "aimer" if c.gladly else "")
    if modal:
        group, tail = [_finite(modal, c, subject)], [*clitic, lemma]
        before: list[str] = []
    elif c.tense == "past" and c.verb not in _IMPERFECTIVE:
        with_be = words.takes_be(verb)
        person, plural = persons(subject)
        group = [words.present("être" if with_be else "avoir", person, plural)]
        tail = [words.participle(lemma, *_agreement(c, with_be, subject, gap))]
        before = clitic
    else:
        group, tail, before = [_finite(lemma, c, subject)], [], clitic
    adverb = [all_words()[c.frequency].cells["fr"]] if c.frequency else []
    open_, close = {"negative": (["ne"], ["pas"]), "never": (["ne"], ["jamais"])}.get(c.polarity, ([], []))
    is_soon = c.time is not None and c.time.word == "soon" and not c.fronted
    soon = time(c.time) if c.time is not None and is_soon else []
    core = [*open_, *before, *group, *close, *adverb, *soon, *tail]
    front = [*time(c.time), ","] if c.fronted and c.time else []
    return [*front, *(nominal(c.subject) if c.subject is not None else []), *core, *_complements(c, subject)]


def _existential(c: Clause) -> list[str]:
    finite = _finite("avoir", c, None)
    core = ["il", "ne", "y", finite, "pas"] if c.polarity == "negative" else ["il", "y", finite]
    existing = nominal(c.object, negated=c.polarity == "negative")
    front = [*time(c.time), ","] if c.fronted and c.time else []
    tail = [*(place(c.place) if c.place else []), *(time(c.time) if c.time and not c.fronted else [])]
    return [*front, *core, *existing, *tail]


def _finite(lemma: str, c: Clause, subject: Nominal | None) -> str:
    person, plural = persons(subject)
    if c.tense == "present":
        return words.present(lemma, person, plural)
    return (words.future if c.tense == "future" else words.imperfect)(lemma, person, plural)


def _clitic(c: Clause, reflexive: bool, subject: Nominal | None) -> list[str]:
    if reflexive:
        return [_CLITICS.get(persons(subject), "se")]
    pronoun = c.recipient if isinstance(c.recipient, Pronoun) else c.object
    if not isinstance(pronoun, Pronoun) or (pronoun is c.object and _preposition(c)):
        return []
    return [_CLITICS.get((pronoun.person, pronoun.plural)) or ("la" if pronoun.feminine else "le")]


def _preposition(c: Clause) -> list[str]:
    return [] if c.verb in {"rise", "wake"} else verbs()[c.verb].cells["fr"].split()[1:]


def _agreement(c: Clause, with_be: bool, subject: Nominal | None, gap: Phrase | None) -> tuple[bool, bool]:
    """Gender and number of a past participle: the subject's with "être", else a preceding object's."""
    if with_be:
        return is_feminine(subject), persons(subject)[1]
    if gap is not None and c.subject is not None:
        return is_feminine(gap), gap.plural
    if isinstance(c.object, Pronoun) and not _preposition(c):
        return c.object.feminine, c.object.plural
    return False, False


def is_feminine(n: Nominal | None) -> bool:
    """Grammatical gender; of people together, feminine only if all are."""
    if isinstance(n, Pronoun):
        return n.feminine
    if isinstance(n, Name):
        return n.name in WOMEN
    if isinstance(n, Both):
        return is_feminine(n.first) and is_feminine(n.second)
    return n is not None and nouns()[n.noun].forms["fr"].gender == "f"


def _complements(c: Clause, subject: Nominal | None) -> list[str]:
    preposition = _preposition(c)
    # An adverb of manner stands right after the verb, before the object.
    tokens = [all_words()[c.manner].cells["fr"]] if c.manner else []
    tokens += preposition
    if c.object is not None and (preposition or not isinstance(c.object, Pronoun)):
        negated = c.polarity != "positive" and not c.gladly
        tokens += nominal(c.object, negated=negated, after_de=preposition[-1:] == ["de"], disjunctive=True)
    if c.recipient is not None and not isinstance(c.recipient, Pronoun):
        tokens += ["à", *nominal(c.recipient)]
    if c.adjective:
        tokens += _predicate(c, subject)
    with_whom = place(c.companion) if c.companion else []
    where = place(c.place) if c.place else []
    is_goal = c.place is not None and c.place.relation == "to"
    tokens += [*where, *with_whom] if is_goal else [*with_whom, *where]
    is_said = c.fronted or (c.time is not None and c.time.word == "soon")  # then it stands by the verb
    return tokens + (time(c.time) if c.time and not is_said else [])


def _predicate(c: Clause, subject: Nominal | None) -> list[str]:
    adjective = adjectives()[c.adjective]
    feminine, plural = is_feminine(subject), persons(subject)[1]
    if c.standard is None:
        degree = [all_words()[c.degree].cells["fr"]] if c.degree else []
        return [*degree, words.adjective_form(adjective, feminine, plural)]
    more = [] if words.better(adjective) else ["plus"]
    compared = words.adjective_form(adjective, feminine, plural, compared=True)
    return [*more, compared, "que", *nominal(c.standard, disjunctive=True)]


def place(p: Place) -> list[str]:
    """A prepositional phrase."""
    if isinstance(p.ground, str):
        return ["à", all_words()[p.ground].cells["fr"]]
    if p.relation in {"at", "to"} and isinstance(p.ground, Phrase):
        _, rest, motion, _, _ = place_prepositions()[p.ground.noun]
        preposition = [rest if p.relation == "at" else motion]
        if preposition == ["à"] and p.ground.determiner not in {"the", "owned"}:
            preposition = ["dans"]
    else:
        preposition = all_words()[p.relation].cells["fr"].split()
    return [*preposition, *nominal(p.ground, disjunctive=True)]


def time(t: Time) -> list[str]:
    """An adverbial of time."""
    if t.kind == "clock":
        return ["à", numerals()[t.hour].cells["fr"], "heures"]
    word = all_words()[t.word]
    text = word.cells["fr"]
    if t.kind == "word":
        return [text]
    feminine = word.genders.get("fr") == "f"
    if t.kind == "every":
        if t.word in {"summer", "winter"}:
            return ["chaque", text]
        return ["toutes" if feminine else "tous", "les", text if text.endswith("s") else text + "s"]
    article = [] if word.kind == "weekday" else ["la" if feminine else "le"]
    masculine, feminine_form = {"last": ("dernier", "dernière"), "next": ("prochain", "prochaine")}[t.kind]
    return [*article, text, feminine_form if feminine else masculine]


def nominal(
    n: Nominal | None, *, negated: bool = False, after_de: bool = False, disjunctive: bool = False
) -> list[str]:
    """A pronoun, name or noun phrase.

    Args:
        negated: an indefinite object of a negated verb: "pas de".
        after_de: after the preposition "de", which swallows the partitive.
        disjunctive: of pronouns, the stressed form.
    """
    if n is None:
        return []
    if isinstance(n, Pronoun):
        key = (n.person, n.plural)
        if disjunctive:
            return [_DISJUNCTIVE.get(key) or ("elle" if n.feminine else "lui")]
        if key == (3, True) and n.feminine:
            return ["elles"]
        return [_SUBJECTS.get(key) or ("elle" if n.feminine else "il")]
    if isinstance(n, Name):
        return [n.name]
    if isinstance(n, Both):
        return [*nominal(n.first), "et", *nominal(n.second)]
    forms = nouns()[n.noun].forms["fr"]
    noun = forms.plural if n.plural else forms.singular
    feminine = forms.gender == "f"
    core = [noun]
    is_before = False
    if n.adjective:
        adjective = adjectives()[n.adjective]
        is_before = words.is_before_noun(adjective)
        form = words.adjective_form(
            adjective, feminine, n.plural, before_vowel=is_before and _is_vocalic(noun)
        )
        core = [form, noun] if is_before else [noun, form]
    tokens = [*_determiner(n, feminine, core[0], is_before, negated, after_de), *core]
    if n.owner is not None and not isinstance(n.owner, Pronoun):
        tokens += ["de", *nominal(n.owner)]
    if n.relative is not None:
        is_subject_gap = n.relative.subject is None
        tokens += ["qui" if is_subject_gap else "que", *clause(n.relative, gap=n)]
    return tokens


def _determiner(
    n: Phrase, feminine: bool, following: str, is_before: bool, negated: bool, after_de: bool
) -> list[str]:
    index = 2 if n.plural else int(feminine)
    if n.determiner == "owned" and isinstance(n.owner, Pronoun):
        if index == 1 and _is_vocalic(following):
            index = 0
        return [_POSSESSIVES[n.owner.person, n.owner.plural][index]]
    if n.determiner in {"the", "owned", "all"}:
        return [("le", "la", "les")[index]]
    if n.determiner == "this":
        return ["cet" if index == 0 and _is_vocalic(following) else ("ce", "cette", "ces")[index]]
    if n.determiner == "count":
        return [numerals()[n.count].cells["fr"]]
    if n.determiner == "many":
        return ["beaucoup", "de"]
    if negated:
        return [] if after_de else ["de"]
    if n.determiner == "a":
        return ["une" if feminine else "un"]
    if after_de:
        return []
    if n.determiner == "mass":
        return ["de", "la" if feminine else "le"]
    return ["de"] if is_before else ["des"]


def _is_vocalic(word: str) -> bool:
    return word[0].lower() in _VOWELS and word not in _UNELIDED


def _spell(tokens: list[str]) -> list[str]:
    """Elision first ("de le hôpital" has no "du"), then contraction."""
    spelt: list[str] = []
    index = 0
    while index < len(tokens):
        token = tokens[index]
        following = tokens[index + 1] if index + 1 < len(tokens) else ""
        after = tokens[index + 2] if index + 2 < len(tokens) else ""
        contracted = _CONTRACTIONS.get((token, following))
        if contracted and not (following == "le" and after and _is_vocalic(after)):
            spelt.append(contracted)
            index += 2
            continue
        if token in _ELIDING and following and _is_vocalic(following):
            tokens = [*tokens[: index + 1], _ELIDING[token] + following, *tokens[index + 2 :]]
            index += 1
            continue
        spelt.append(token)
        index += 1
    return spelt
