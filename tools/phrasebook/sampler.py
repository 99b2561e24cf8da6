"""Sampling whole sentences: events, descriptions, locations, likes, questions and linked clauses."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from tools.phrasebook.adjectives import INCOMPARABLE
from tools.phrasebook.choices import Choices, nouns_with
from tools.phrasebook.clauses import PERSON, cause, described, event, frames_with, pick_frame
from tools.phrasebook.lexicon import Noun, all_adjectives, all_nouns
from tools.phrasebook.meaning import (
    Clause,
    Determiner,
    Kind,
    Name,
    Nominal,
    Phrase,
    Place,
    Pronoun,
    Sentence,
    Tense,
    Time,
)

_EXCESSIVE = {
    "big",
    "small",
    "expensive",
    "heavy",
    "long",
    "hot",
    "cold",
    "slow",
    "sweet",
    "difficult",
    "old",
    "dangerous",
}
_UNGRADED = {"broken", "empty", "full", "black", "white", "red", "blue", "green", "yellow", "delicious"}
# What may be where: relation, the tags of what is there, the tags of where it is.
_SPOTS = (
    ("on", "light-source,small-thing,tableware,volume,mail,toy,fruit,luggage", "table,chair,sofa"),
    ("under", "pet,toy,small-thing,luggage", "table,chair,sofa"),
    ("in", "cutlery,toy,mail,fruit,small-thing,volume,clothing", "container"),
    ("behind", "pet,toy,luggage,small-thing", "furniture,door"),
    ("in front of", "vehicle", "building"),
    ("in front of", "pet,luggage,person", "door,window,house"),
    ("next to", "tableware,small-thing,toy,volume", "lamp,computer,phone,bottle,radio"),
    ("behind", "vehicle,farm-animal", "building"),
    ("next to", "building", "park,station,market,church,bridge,castle,lake"),
)
_CROWDS = (
    ("person", "park station museum beach airport hotel restaurant church theater market school hospital"),
    ("farm-animal", "village market"),
    ("animal", "garden forest park"),
    ("flower", "garden forest park kitchen castle"),
    ("vehicle", "station market village"),
    ("furniture", "kitchen room office restaurant garden"),
)


def meanings(seed: int) -> Iterator[Sentence]:
    """An endless stream of meanings, the same for the same seed."""
    choices = Choices(seed)
    while True:
        yield _sentence(choices)


def _sentence(choices: Choices) -> Sentence:
    make = choices.weighted(
        [
            (_plain_event, 0.47),
            (_description, 0.145),
            (_location, 0.05),
            (_existence, 0.075),
            (_liking, 0.035),
            (_question, 0.1),
            (_reported, 0.06),
            (_reason, 0.025),
            (_two_events, 0.045),
        ]
    )
    return make(choices)


def _plain_event(choices: Choices) -> Sentence:
    c = event(choices, pick_frame(choices, frames_with("")))
    if c.polarity == "positive" and _may_be_asked(c) and choices.chance(0.07):
        return Sentence(replace(c, fronted=False), "polar")
    return Sentence(c)


def _may_be_asked(c: Clause) -> bool:
    subject = c.subject
    if isinstance(subject, Phrase) and (subject.relative or subject.determiner in {"a", "count", "many"}):
        return False
    return not (isinstance(subject, Pronoun) and subject.person == 1)


def _description(choices: Choices) -> Sentence:
    key = choices.even("adjective", list(all_adjectives()))
    adjective = all_adjectives()[key]
    candidates = nouns_with(frozenset(adjective.tags))
    is_about_people = bool(adjective.tags & {"person", "worker"})
    subject: Nominal
    if is_about_people and choices.chance(0.5):
        subject = choices.subject(PERSON, plain=True)
    else:
        subject = _definite(choices, key)
    tense: Tense = choices.weighted([("present", 0.7), ("past", 0.3)])
    c = Clause("be", subject, tense=tense, adjective=key)
    if isinstance(subject, Phrase) and subject.determiner == "the" and choices.chance(0.35):
        c = replace(c, subject=described(choices, subject))
    elif (
        isinstance(subject, Phrase)
        and not subject.plural
        and key not in INCOMPARABLE
        and choices.chance(0.35)
    ):
        same = [
            noun
            for noun in candidates
            if noun.key != subject.noun
            and noun.is_mass == all_nouns()[subject.noun].is_mass
            and noun.tags & all_nouns()[subject.noun].tags & adjective.tags
            and "kin" not in noun.tags
        ]
        if same:
            return Sentence(replace(c, standard=Phrase(choices.noun(same).key), tense="present"))
    if key not in _UNGRADED and c.standard is None and choices.chance(0.3):
        excess = key in _EXCESSIVE and choices.chance(0.45)
        return Sentence(replace(c, degree=choices.word(("too",) if excess else ("very",))))
    return _state_variant(choices, c)


def _state_variant(choices: Choices, c: Clause) -> Sentence:
    if all_adjectives()[c.adjective].is_state and choices.chance(0.3):
        word = "yesterday" if c.tense == "past" else choices.one(("now", "today"))
        choices.word((word,))
        return Sentence(replace(c, time=Time("word", word), fronted=word != "now" and choices.chance(0.4)))
    roll = choices.weighted([("negative", 0.2), ("polar", 0.15), ("plain", 0.65)])
    if roll == "negative" and _may_be_asked(replace(c, subject=None)) and not _is_vague(c.subject):
        return Sentence(replace(c, polarity="negative"))
    if roll == "polar" and _may_be_asked(c):
        return Sentence(c, "polar")
    return Sentence(c)


def _is_vague(n: Nominal | None) -> bool:
    return isinstance(n, Phrase) and (n.determiner in {"a", "count", "many"} or n.relative is not None)


def _definite(choices: Choices, adjective: str) -> Phrase:
    """Something definite that the adjective fits."""
    noun = choices.noun(nouns_with(frozenset(all_adjectives()[adjective].tags)))
    if "person" in noun.tags:
        return choices.person([noun], plain=True, definite=True)
    letters = "dddtto" if not noun.tags & {"place", "structure", "puzzle"} else "dddt"
    return choices.thing(noun, letters, choices.one((Pronoun(1), Pronoun(2))), plain=True)


def _location(choices: Choices) -> Sentence:
    if choices.chance(0.3):
        subject: Nominal = choices.subject(PERSON, plain=True)
        place = Place("at", Phrase(choices.even("noun", _CROWDS[0][1].split())))
        if choices.chance(0.65):
            place = Place("at", choices.word(choices.words_of("city")))
        if _is_vague(subject):
            subject = choices.name()
    else:
        relation, things, grounds = choices.one(_SPOTS)
        noun = choices.noun(
            [each for each in nouns_with(frozenset(things.split(","))) if "kin" not in each.tags]
        )
        subject = choices.thing(
            noun,
            "ddo" if noun.tags & {"thing", "pet", "vehicle", "clothing"} else "d",
            choices.one((Pronoun(1), Pronoun(2))),
            plain=True,
        )
        ground = choices.noun([each for each in _grounds(grounds) if each.key != noun.key])
        choices.word((relation,))
        place = Place(relation, Phrase(ground.key))
    c = Clause("be", subject, tense=choices.weighted([("present", 0.7), ("past", 0.3)]), place=place)
    kind = choices.weighted([("statement", 0.62), ("where", 0.13), ("polar", 0.1), ("negative", 0.15)])
    if kind == "where" and _may_be_asked(c):
        return Sentence(replace(c, place=None), "where")
    if kind == "polar" and _may_be_asked(c):
        return Sentence(c, "polar")
    return Sentence(replace(c, polarity="negative") if kind == "negative" else c)


def _grounds(tags: str) -> tuple[Noun, ...]:
    return nouns_with(frozenset(tags.split(",")))


def _existence(choices: Choices) -> Sentence:
    if choices.chance(0.6):
        tag, spots = choices.one(_CROWDS)
        place = Place("at", Phrase(choices.even("noun", spots.split())))
        things = tag
    else:
        relation, things, grounds = choices.one(_SPOTS[:5])
        choices.word((relation,))
        place = Place(relation, Phrase(choices.noun(_grounds(grounds)).key))
    tags = frozenset(things.split(","))
    candidates = [noun for noun in nouns_with(tags) if noun.has_plural and "kin" not in noun.tags]
    noun = choices.noun(
        [each for each in candidates if not isinstance(place.ground, Phrase) or each.key != place.ground.noun]
    )
    kind: Determiner = choices.weighted([("count", 0.7), ("many", 0.12), ("a", 0.1), ("plural", 0.08)])
    is_crowd = place.relation == "at" and tags & {"person", "flower", "vehicle", "furniture"}
    count = 0
    if kind == "count":
        count = choices.numeral(12, 56) if is_crowd and choices.chance(0.9) else choices.numeral(2, 11)
    thing = Phrase(noun.key, kind, plural=kind != "a", count=count)
    tense: Tense = choices.weighted([("present", 0.7), ("past", 0.3)])
    c = Clause("exist", None, thing, tense=tense, place=place)
    if kind == "plural":
        return Sentence(replace(c, polarity="negative"))
    return Sentence(c, "polar" if kind in {"a", "many"} and choices.chance(0.15) else "statement")


def _liking(choices: Choices) -> Sentence:
    choices.even("verb", ("like",))
    subject = choices.subject(PERSON, plain=True)
    if _is_vague(subject):
        subject = choices.name()
    if choices.chance(0.6):
        noun = choices.noun(
            nouns_with(frozenset({"food", "drink", "animal", "flower", "film", "song", "novel"}))
        )
        thing = Phrase(noun.key, "all", plural=not noun.is_mass)
    else:
        noun = choices.noun(
            nouns_with(frozenset({"film", "song", "clothing", "vehicle", "image", "sight", "novel"}))
        )
        letters = "ttto" if noun.tags & {"clothing", "vehicle"} else "t"
        thing = choices.thing(noun, letters, Pronoun(2) if subject != Pronoun(2) else Pronoun(1), plain=True)
    c = Clause("like", subject, thing)
    kind = choices.weighted([("positive", 0.65), ("negative", 0.2), ("polar", 0.15)])
    if kind == "polar" and _may_be_asked(c):
        return Sentence(c, "polar")
    return Sentence(replace(c, polarity="negative") if kind == "negative" else c)


def _question(choices: Choices) -> Sentence:
    kind: Kind = choices.weighted(
        [("who", 0.2), ("what", 0.24), ("where", 0.22), ("when", 0.17), ("why", 0.17)]
    )
    if kind == "what":
        frames = frames_with("Q")
    elif kind == "where":
        frames = tuple(
            frame
            for frame in frames_with("")
            if (frame.places and not frame.object and "A" not in frame.flags)
            or (frame.verb in {"live", "go", "stay", "buy", "read", "find"} and frame.places)
        )
    else:
        frames = tuple(
            frame for frame in frames_with("") if not frame.flags & {"S", "O"} and "person" in frame.subject
        )
    frame = pick_frame(choices, frames)
    tense: Tense | None = None
    if kind == "when":
        tense = "past" if "P" in frame.flags else choices.one(("past", "past", "future"))
    elif kind in {"why", "who"}:
        progressive = not frame.flags & {"T", "P"}
        tense = choices.one(("present", "past")) if progressive else "past"
    elif "T" in frame.flags:
        tense = "past"
    c = event(choices, frame, plain=True, tense=tense)
    c = replace(c, habitual=c.verb == "live", frequency="")
    if kind != "who" and (not _may_be_asked(c) or _is_vague(c.subject)):
        c = replace(c, subject=choices.name())
        if isinstance(c.object, Phrase) and c.object.determiner == "owned":
            c = replace(c, object=replace(c.object, determiner="the", owner=None))
    if c.subject == c.object or (isinstance(c.object, Name) and c.object == c.recipient):
        c = replace(c, object=choices.name(other_than=c.subject), recipient=None)
    if kind == "who":
        if isinstance(c.object, Phrase) and c.object.determiner == "owned":
            c = replace(c, object=replace(c.object, determiner="the", owner=None))
        return Sentence(replace(c, subject=None), kind)
    if kind == "what":
        return Sentence(replace(c, object=None, recipient=None), kind)
    if kind == "where":
        return Sentence(replace(c, place=None), kind)
    return Sentence(c, kind)


def _reported(choices: Choices) -> Sentence:
    verb = choices.even("verb", ("say", "think", "believe", "know-that"))
    speaker = choices.subject(PERSON, plain=True)
    if _is_vague(speaker):
        speaker = choices.name()
    frame = pick_frame(choices, frames_with(""))
    c = event(choices, frame)
    c = replace(c, fronted=False, subject=_bare(c.subject), object=_bare(c.object))
    if (isinstance(c.subject, Pronoun) and c.subject.person == 3) or c.subject == speaker:
        c = replace(c, subject=choices.name(other_than=speaker))
        if isinstance(c.object, Phrase) and isinstance(c.object.owner, Pronoun):
            c = replace(c, object=replace(c.object, determiner="the", owner=None))
    return Sentence(Clause(verb, speaker), link="that", second=c)


def _bare(n: Nominal | None) -> Nominal | None:
    return replace(n, relative=None) if isinstance(n, Phrase) else n


def _reason(choices: Choices) -> Sentence:
    feeling = choices.even("adjective", ("tired", "sad", "happy"))
    subject = choices.subject(PERSON, plain=True)
    second = None if _is_vague(subject) else cause(choices, feeling, subject)
    while second is None:
        subject = choices.name()
        second = cause(choices, feeling, subject)
    return Sentence(Clause("be", subject, adjective=feeling), link="because", second=second)


def _two_events(choices: Choices) -> Sentence:
    tense: Tense = choices.one(("present", "past", "future"))
    usable = tuple(
        frame
        for frame in frames_with("")
        if not frame.flags & {"S", "O", "T", "R", "r", "P"} and "person" in frame.subject
    )
    first = event(choices, pick_frame(choices, usable), plain=True, tense=tense)
    second = event(choices, pick_frame(choices, usable), plain=True, tense=tense)
    first, second = replace(first, habitual=False), replace(second, habitual=False)
    if first.subject == second.subject or second.verb == first.verb:
        second = replace(second, subject=choices.name(other_than=first.subject))
        if isinstance(second.object, Phrase) and isinstance(second.object.owner, Pronoun):
            second = replace(second, object=replace(second.object, determiner="the", owner=None))
    return Sentence(first, link=choices.one(("and", "but")), second=second)
