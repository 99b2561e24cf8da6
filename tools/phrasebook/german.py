"""German: cases, verb position, verbal brackets and the order between them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from tools.phrasebook import german_words as words
from tools.phrasebook.german_words import Case
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

VerbPosition = Literal["second", "first", "final"]

_CONTRACTIONS = {
    ("in", "dem"): "im",
    ("in", "das"): "ins",
    ("an", "dem"): "am",
    ("an", "das"): "ans",
    ("zu", "dem"): "zum",
    ("zu", "der"): "zur",
}
_PREPOSITION_CASES: dict[str, Case] = {"without": "A", "for": "A"}
_PRONOUNS: dict[Case, dict[tuple[int, bool], str]] = {
    "N": {(1, False): "ich", (2, False): "du", (1, True): "wir", (3, True): "sie"},
    "A": {(1, False): "mich", (2, False): "dich", (1, True): "uns", (3, True): "sie"},
    "D": {(1, False): "mir", (2, False): "dir", (1, True): "uns", (3, True): "ihnen"},
}
_THIRD_SINGULAR: dict[Case, tuple[str, str]] = {"N": ("er", "sie"), "A": ("ihn", "sie"), "D": ("ihm", "ihr")}
_POSSESSIVES = {(1, False): "mein", (2, False): "dein", (1, True): "unser", (3, True): "ihr"}
_NEGATED_BY_KEIN = {"a", "mass", "plural", "all"}
_INDEFINITE = _NEGATED_BY_KEIN | {"many", "count"}
_QUESTION_WORDS = {"what": "was", "where": "wo", "when": "wann", "why": "warum"}
_LINKS = {"that": [",", "dass"], "because": [",", "weil"], "and": ["und"], "but": [",", "aber"]}


def sentence(meaning: Sentence) -> str:
    """The sentence in German."""
    c = meaning.clause
    if meaning.kind == "statement":
        tokens = clause(c, "second")
        if meaning.second is not None:
            position: VerbPosition = "final" if meaning.link in {"that", "because"} else "second"
            tokens += [*_LINKS[meaning.link], *clause(meaning.second, position)]
        return finish(_tidy(tokens), ".")
    if meaning.kind == "who":
        return finish(_tidy(["wer", *clause(c, "first")]), "?")
    if meaning.kind == "polar":
        return finish(_tidy(clause(c, "first")), "?")
    word = _QUESTION_WORDS[meaning.kind]
    if meaning.kind == "where" and c.verb in {"go", "travel"}:
        word = "wohin"
    return finish(_tidy([word, *clause(c, "first")]), "?")


def clause(c: Clause, position: VerbPosition, gap: Phrase | None = None) -> list[str]:
    """A clause with its finite verb second, first (after a question word, too) or final."""
    subject = c.subject if c.subject is not None else gap
    finite, closing, prefix = _verb_group(c, subject)
    front = time(c.time) if c.fronted and c.time else []
    if c.verb == "exist":
        subject_tokens, relative = ["es"], []
    else:
        subject_tokens, relative = nominal(c.subject, "N"), relative_clause(c.subject)
    whole_subject = [*subject_tokens, *relative]
    middle, extraposed = _middle(c)
    if position == "final":
        last = [*closing, prefix + finite] if not closing else [*closing, finite]
        return [*whole_subject, *middle, *last, *extraposed]
    closing = closing or ([prefix] if prefix else [])
    if front or position == "first":
        return [*front, finite, *whole_subject, *middle, *closing, *extraposed]
    return [*whole_subject, finite, *middle, *closing, *extraposed]


def _verb_group(c: Clause, subject: Nominal | None) -> tuple[str, list[str], str]:
    """The finite verb, what closes the bracket, and the separable prefix of the finite verb."""
    person, plural = persons(subject)
    if c.verb == "exist":
        if c.tense == "future":
            return "wird", ["geben"], ""
        return ("gab" if c.tense == "past" else "gibt"), [], ""
    verb = verbs()[c.verb]
    prefix, base, _ = words.split(verb)
    if c.modal:
        modal = {"want": "wollen", "can": "können", "must": "müssen"}[c.modal]
        conjugate = words.preterite if c.tense == "past" else words.present
        return conjugate(modal, person, plural), [words.infinitive(verb)], ""
    if c.tense == "future":
        return words.present("werden", person, plural), [words.infinitive(verb)], ""
    if c.tense == "past" and words.has_preterite(base):
        return words.preterite(base, person, plural), [], prefix
    if c.tense == "past":
        return words.present(words.auxiliary(verb), person, plural), [words.participle(verb)], ""
    return words.present(base, person, plural), [], prefix


def _middle(c: Clause) -> tuple[list[str], list[str]]:
    """What stands between the brackets, in order, and the relative clause that follows them."""
    objects = _objects(c)
    recipient = nominal(c.recipient, "D")
    if isinstance(c.recipient, Pronoun):
        objects.pronouns, recipient = [*objects.pronouns, *recipient], []
    keys = (c.frequency, "never" if c.polarity == "never" else "")
    adverbs = [all_words()[key].cells["de"] for key in keys if key]
    when = time(c.time) if c.time and not c.fronted else []
    where = place(c.place) if c.place else []
    is_goal = c.place is not None and c.place.relation == "to"
    # A place before "nicht" and "gern", where they go with what follows: "im Park nicht mit mir spielen".
    early = [] if is_goal or not (objects.prepositional or (c.gladly and objects.indefinite)) else where
    late = [] if early else where
    middle = [
        *objects.pronouns,
        *recipient,
        *([*adverbs, *when] if c.time and c.time.kind == "clock" else [*when, *adverbs]),
        *objects.definite,
        *early,
        *(["nicht"] if c.polarity == "negative" and not objects.with_kein else []),
        *(["gern"] if c.gladly else []),
        *(place(c.companion) if c.companion else []),
        *([all_words()[c.manner].cells["de"]] if c.manner else []),
        *([*objects.indefinite, *late] if c.verb == "exist" else [*late, *objects.indefinite]),
        *objects.prepositional,
        *_predicate(c),
    ]
    return middle, relative_clause(c.object)


@dataclass
class _Objects:
    """The object's words, by where they stand, and whether "kein" negates them."""

    pronouns: list[str] = field(default_factory=list)
    definite: list[str] = field(default_factory=list)
    indefinite: list[str] = field(default_factory=list)
    prepositional: list[str] = field(default_factory=list)
    with_kein: bool = False


def _objects(c: Clause) -> _Objects:
    government = "A" if c.verb == "exist" else words.split(verbs()[c.verb])[2]
    preposition, _, case_name = government.rpartition("+")
    case: Case = "D" if case_name == "D" else "A"
    determiner = c.object.determiner if isinstance(c.object, Phrase) else ""
    with_kein = c.polarity == "negative" and not c.gladly and determiner in _NEGATED_BY_KEIN
    tokens = nominal(c.object, case, kein=with_kein)
    if preposition and tokens:
        return _Objects(prepositional=[preposition, *tokens])
    if isinstance(c.object, Pronoun):
        return _Objects(pronouns=tokens)
    if determiner in _INDEFINITE:
        return _Objects(indefinite=tokens, with_kein=with_kein)
    return _Objects(definite=tokens)


def _predicate(c: Clause) -> list[str]:
    if not c.adjective:
        return []
    adjective = adjectives()[c.adjective]
    if c.standard is not None:
        return [words.comparative(adjective), "als", *nominal(c.standard, "N")]
    degree = [all_words()[c.degree].cells["de"]] if c.degree else []
    return [*degree, adjective.cells["de"][0]]


def place(p: Place) -> list[str]:
    """A prepositional phrase; two-way prepositions take the dative for rest and the accusative for motion."""
    if isinstance(p.ground, str):
        return ["nach" if p.relation == "to" else "in", all_words()[p.ground].cells["de"]]
    case: Case = _PREPOSITION_CASES.get(p.relation, "D")
    if p.relation in {"at", "to"} and isinstance(p.ground, Phrase):
        *_, rest, motion = place_prepositions()[p.ground.noun]
        preposition, _, motion_case = (rest if p.relation == "at" else motion).partition("+")
        case = "A" if motion_case == "A" else "D"
    else:
        preposition = all_words()[p.relation].cells["de"]
    return _contract([preposition, *nominal(p.ground, case)])


def _contract(tokens: list[str]) -> list[str]:
    contracted = _CONTRACTIONS.get((tokens[0], tokens[1])) if len(tokens) > 1 else None
    return [contracted, *tokens[2:]] if contracted else tokens


def time(t: Time) -> list[str]:
    """An adverbial of time, in the accusative where it is a noun."""
    if t.kind == "clock":
        return ["um", numerals()[t.hour].cells["de"], "Uhr"]
    word = all_words()[t.word]
    if t.kind == "word":
        return [word.cells["de"]]
    feminine = word.genders.get("de") == "f"
    stem = {"last": "letzte", "next": "nächste", "every": "jede"}[t.kind]
    return [stem if feminine else stem + "n", word.cells["de"]]


def nominal(n: Nominal | None, case: Case, *, kein: bool = False) -> list[str]:
    """A pronoun, name or noun phrase in a case, without its relative clause (see relative_clause)."""
    if n is None:
        return []
    if isinstance(n, Pronoun):
        known = _PRONOUNS[case].get((n.person, n.plural))
        return [known or _THIRD_SINGULAR[case][n.feminine]]
    if isinstance(n, Name):
        return [n.name]
    if isinstance(n, Both):
        return [*nominal(n.first, case), "und", *nominal(n.second, case)]
    forms = nouns()[n.noun].forms["de"]
    gender = forms.gender
    determiner, declension = _determiner(n, case, gender, kein)
    adjective = []
    if n.adjective:
        stem = words.stem_of(adjectives()[n.adjective])
        adjective = [stem + words.ending(declension, case, gender, n.plural)]
    owner = nominal(n.owner, "G") if isinstance(n.owner, Phrase) else []
    return [*determiner, *adjective, words.noun_form(forms, case, n.plural), *owner]


def relative_clause(n: Nominal | None) -> list[str]:
    """The relative clause of a noun phrase between commas, or nothing."""
    if not isinstance(n, Phrase) or n.relative is None:
        return []
    case: Case = "N"
    if n.relative.subject is not None:
        case = "D" if words.split(verbs()[n.relative.verb])[2] == "D" else "A"
    pronoun = words.relative_pronoun(case, nouns()[n.noun].forms["de"].gender, n.plural)
    gap = n if n.relative.subject is None else None
    return [",", pronoun, *clause(n.relative, "final", gap), ","]


def _determiner(
    n: Phrase, case: Case, gender: str, kein: bool
) -> tuple[list[str], Literal["weak", "mixed", "strong"]]:
    plural = n.plural
    if kein:
        return [words.like_ein("kein", case, gender, plural)], "mixed"
    if n.determiner == "owned" and isinstance(n.owner, Pronoun):
        key = (n.owner.person, n.owner.plural)
        stem = _POSSESSIVES.get(key) or ("ihr" if n.owner.feminine else "sein")
        return [words.like_ein(stem, case, gender, plural)], "mixed"
    if n.determiner == "owned" and isinstance(n.owner, Name):
        return [n.owner.name + "s"], "strong"
    if n.determiner in {"the", "owned"}:
        return [words.definite(case, gender, plural)], "weak"
    if n.determiner == "this":
        return [words.dieser(case, gender, plural)], "weak"
    if n.determiner == "a":
        return [words.like_ein("ein", case, gender, plural)], "mixed"
    if n.determiner == "count":
        return [numerals()[n.count].cells["de"]], "strong"
    if n.determiner == "many":
        return ["vielen" if case == "D" else "viele"], "strong"
    return [], "strong"


def _tidy(tokens: list[str]) -> list[str]:
    """Drops a comma that repeats the one before it."""
    kept: list[str] = []
    for token in tokens:
        if not (token == "," and kept and kept[-1] == ","):
            kept.append(token)
    return kept
