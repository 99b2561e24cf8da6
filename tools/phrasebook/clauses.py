"""Sampling one event: who does what to what, when, where and how, so that it makes sense."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

from tools.phrasebook.choices import Choices, nouns_with, reference_to
from tools.phrasebook.lexicon import Frame, Noun, all_frames, all_nouns
from tools.phrasebook.meaning import Both, Clause, Nominal, Phrase, Place, Pronoun, Tense, Time

PERSON = frozenset({"person"})
_SIMPLE_OBJECTS = {"the", "a", "plural", "mass", "this", "owned"}
_PAST_STATES = {"have", "want"}
_LONG_TIMES = ("month", "summer", "winter")


@cache
def frames_with(flag: str) -> tuple[Frame, ...]:
    """The frames that carry a flag; all of them for an empty one."""
    return tuple(frame for frame in all_frames() if not flag or flag in frame.flags)


def pick_frame(choices: Choices, frames: tuple[Frame, ...]) -> Frame:
    """A frame by its verb, evenly over verbs, then any of that verb's frames."""
    verb = choices.even("verb", list(dict.fromkeys(frame.verb for frame in frames)))
    return choices.one([frame for frame in frames if frame.verb == verb])


def event(choices: Choices, frame: Frame, *, plain: bool = False, tense: Tense | None = None) -> Clause:
    """A clause from a frame; ``plain`` leaves out adjectives, relative clauses and adverbials."""
    subject = choices.subject(frame.subject, plain=plain)
    c = Clause(frame.verb, subject, tense=tense or _tense(choices, frame))
    c = _habitual(choices, frame, c)
    c = _with_object(choices, frame, c, plain)
    if frame.flags & {"R", "r"}:
        c = _with_recipient(choices, frame, c)
    if "Z" in frame.flags:
        c = replace(c, place=place_of(choices, frame))
    if plain:
        return c if "O" not in frame.flags else replace(c, frequency=choices.word(("always", "often")))
    c = _with_adverbials(choices, frame, c)
    c = _with_modality(choices, frame, c)
    return _with_relatives(choices, _with_polarity(choices, c))


def _tense(choices: Choices, frame: Frame) -> Tense:
    flags = frame.flags
    if "O" in flags:
        return "present"
    if "J" in flags and "P" in flags:
        return "past"
    if "P" in flags:
        return choices.weighted([("past", 0.85), ("future", 0.15)])
    if "S" in flags and frame.verb != "see":
        return (
            choices.weighted([("past", 0.2), ("present", 0.8)]) if frame.verb in _PAST_STATES else "present"
        )
    return choices.weighted([("past", 0.38), ("future", 0.19), ("present", 0.43)])


def _habitual(choices: Choices, frame: Frame, c: Clause) -> Clause:
    if c.tense != "present" or "S" in frame.flags:
        return c
    if frame.flags & {"O", "T"}:
        return replace(c, habitual=True)
    return replace(c, habitual="H" in frame.flags and choices.chance(0.38))


def _with_object(choices: Choices, frame: Frame, c: Clause, plain: bool) -> Clause:
    if not frame.object:
        return c
    letters = frame.determination
    if set(letters) <= set("cxy"):
        letter = choices.weighted([("c", 0.62), ("x", 0.24), ("y", 0.14)])
        letter = letter if letter in letters else "c"
        if letter == "x":
            return replace(c, object=choices.speaker_other_than(c.subject))
        if letter == "y" and not (isinstance(c.subject, Pronoun) and c.subject.person == 3):
            return replace(c, object=Pronoun(3, feminine=choices.chance(0.5)))
        if "person" in frame.object:
            return replace(c, object=choices.known_person(c.subject))
        return replace(c, object=_definite_person(choices, frame, c.subject))
    candidates = _objects(frame)
    noun = choices.noun(candidates)
    return replace(
        c,
        object=choices.thing(
            noun, letters, c.subject, verb=frame.verb, plain=plain, is_single="U" in frame.flags
        ),
    )


def _definite_person(choices: Choices, frame: Frame, subject: Nominal | None) -> Nominal:
    taken = subject.noun if isinstance(subject, Phrase) else ""
    people = [noun for noun in nouns_with(frame.object) if noun.key != taken]
    return choices.person(people, plain=True, definite=True)


@cache
def _objects(frame: Frame) -> tuple[Noun, ...]:
    letters = set(frame.determination)
    fitting = [noun for noun in nouns_with(frame.object) if not noun.is_mass or letters & set("mdto")]
    return tuple(noun for noun in fitting if noun.is_mass or letters & set("dtoipnk"))


def _with_recipient(choices: Choices, frame: Frame, c: Clause) -> Clause:
    if "r" in frame.flags and choices.chance(0.4):
        return c
    if choices.chance(0.4):
        return replace(c, recipient=choices.speaker_other_than(c.subject))
    return replace(c, recipient=choices.known_person(c.subject))


def place_of(choices: Choices, frame: Frame) -> Place | None:
    """Where it happens: one of the frame's places, or a city."""
    spot = choices.one(frame.places)
    relation = "to" if spot.startswith(">") else "at"
    spot = spot.removeprefix(">")
    if relation == "at" and "@city" in frame.places and choices.chance(0.5):
        spot = "@city"
    if spot == "@city":
        return Place(relation, choices.word(choices.words_of("city")))
    if frame.verb == "go":
        spot = choices.even("noun", [place.removeprefix(">") for place in frame.places])
    if frame.verb == "live":
        noun = all_nouns()[spot]
        return Place("in", choices.thing(noun, "diit", None, verb="live"))
    return Place(relation, Phrase(spot))


def _with_adverbials(choices: Choices, frame: Frame, c: Clause) -> Clause:
    """Adds when, where, how and with whom; what happens again and again needs a word that says so."""
    if c.habitual:
        c = _again(choices, frame, c)
    elif "S" not in frame.flags or frame.verb == "see":
        c = _once(choices, frame, c)
    if frame.flags & {"F", "W"} and choices.chance(0.22):
        relation = "for" if "F" in frame.flags else choices.one(("with", "with", "without"))
        somebody = (
            choices.speaker_other_than(c.subject) if choices.chance(0.3) else choices.known_person(c.subject)
        )
        return replace(c, companion=Place(relation, somebody))
    roll = 0.36 if frame.object else 0.7
    if frame.places and c.place is None and not frame.flags & {"Z"} and choices.chance(roll):
        return replace(c, place=place_of(choices, frame))
    manners = [manner for manner in frame.manners if manner != "well" or c.tense == "present"]
    has_vague_time = c.time is not None and (c.time.kind == "clock" or c.time.word == "soon")
    needs_manner = "T" in frame.flags and c.habitual
    if manners and not has_vague_time and (needs_manner or choices.chance(0.4)):
        manner = choices.word(manners)
        if manner == "well" and "S" not in frame.flags:
            c = replace(c, habitual=True, time=None, fronted=False, frequency="", polarity="positive")
        return replace(c, manner=manner)
    return c


def _again(choices: Choices, frame: Frame, c: Clause) -> Clause:
    if "T" in frame.flags and (not frame.manners or choices.chance(0.55)):
        c = replace(c, time=Time("clock", hour=choices.numeral(2, 11)))
        return (
            replace(c, frequency=choices.word(("always", "often", "sometimes"))) if choices.chance(0.4) else c
        )
    kind = choices.weighted([("every", 0.33), ("never", 0.14), ("frequency", 0.53)])
    if kind == "every" and "O" not in frame.flags:
        options = ["day", "week", *choices.words_of("weekday")]
        if "N" in frame.flags:
            options = ["week", *_LONG_TIMES]
        return replace(c, time=Time("every", choices.word(options)), fronted=choices.chance(0.4))
    if kind == "never" and _may_be_negated(c):
        choices.word(("never",))
        return replace(c, polarity="never")
    return replace(c, frequency=choices.word(choices.words_of("frequency")))


def _once(choices: Choices, frame: Frame, c: Clause) -> Clause:
    if choices.chance(0.3):
        return c
    fronted = choices.chance(0.42)
    if c.tense == "present":
        word = "now" if choices.chance(0.6) else "today"
        choices.word((word,))
        return replace(c, time=Time("word", word), fronted=fronted and word == "today")
    if "T" in frame.flags and choices.chance(0.4):
        return replace(c, time=Time("clock", hour=choices.numeral(2, 11)))
    if frame.verb != "build" and choices.chance(0.45):
        word = choices.word(("yesterday", "today") if c.tense == "past" else ("tomorrow", "soon"))
        return replace(c, time=Time("word", word), fronted=fronted and word != "soon")
    long_times = ["week", *_LONG_TIMES]
    long_times = long_times[1:] if frame.verb == "build" else long_times
    periods = long_times if "N" in frame.flags else ["week", *choices.words_of("weekday")]
    kind = "last" if c.tense == "past" else "next"
    return replace(c, time=Time(kind, choices.word(periods)), fronted=fronted)  # type: ignore[arg-type]


def _may_be_negated(c: Clause) -> bool:
    if isinstance(c.object, Phrase) and c.object.determiner not in _SIMPLE_OBJECTS:
        return False
    return not (isinstance(c.subject, Phrase) and c.subject.determiner in {"a", "count", "many"})


def _with_modality(choices: Choices, frame: Frame, c: Clause) -> Clause:
    is_person = not isinstance(c.subject, Phrase) or "person" in all_nouns()[c.subject.noun].tags
    if not is_person or c.polarity == "never":
        return c
    indefinite = isinstance(c.subject, Phrase) and c.subject.determiner in {"a", "count", "many"}
    if "G" in frame.flags and not indefinite and c.recipient is None and choices.chance(0.16):
        return _gladly(choices, frame, c)
    if "M" in frame.flags and choices.chance(0.15):
        modal = choices.even("verb", ("want", "can", "must"))
        tense: Tense = "past" if modal == "want" and c.tense == "past" else "present"
        keeps_time = tense == c.tense == "past" or c.tense == "future"
        changed = replace(c, modal=modal, tense=tense, habitual=False, frequency="")
        if c.manner == "well":
            changed = replace(changed, manner="")
        return changed if keeps_time else replace(changed, time=None, fronted=False)
    return c


def _gladly(choices: Choices, frame: Frame, c: Clause) -> Clause:
    thing = c.object
    if isinstance(thing, Phrase) and "person" not in all_nouns()[thing.noun].tags:
        noun = all_nouns()[thing.noun]
        adjective = thing.adjective if not noun.is_mass else ""
        thing = Phrase(noun.key, "mass" if noun.is_mass else "plural", not noun.is_mass, adjective=adjective)
    negative = "negative" if choices.chance(0.2) else "positive"
    return replace(
        c,
        object=thing,
        tense="present",
        gladly=True,
        habitual=True,
        polarity=negative,  # type: ignore[arg-type]
        frequency="",
        time=None,
        manner="",
        fronted=False,
    )


def _with_polarity(choices: Choices, c: Clause) -> Clause:
    if c.polarity != "positive" or c.gladly or c.frequency or c.manner or c.modal == "must":
        return c
    if c.verb in {"begin", "find"} or (c.time is not None and c.time.kind in {"every", "clock"}):
        return c
    if (
        isinstance(c.object, Phrase)
        and c.object.adjective
        and c.object.determiner not in {"the", "owned", "this"}
    ):
        return c
    if _may_be_negated(c) and choices.chance(0.15):
        return replace(c, polarity="negative")
    return c


def _with_relatives(choices: Choices, c: Clause) -> Clause:
    subject, thing = c.subject, c.object
    if _may_be_described(subject) and choices.chance(0.3):
        return replace(c, subject=_described(choices, subject, c.verb, gap="subject"))  # type: ignore[arg-type]
    is_last = (c.time is None or c.fronted) and not (c.place or c.manner or c.companion or c.recipient)
    creates = any("C" in frame.flags for frame in frames_with("") if frame.verb == c.verb)
    if is_last and not creates and _may_be_described(thing) and choices.chance(0.4):
        described = _described(choices, thing, c.verb, gap="object", other_than=subject)  # type: ignore[arg-type]
        return replace(c, object=described)
    return c


def _may_be_described(n: Nominal | None) -> bool:
    return isinstance(n, Phrase) and n.determiner == "the" and not n.adjective


def described(choices: Choices, n: Phrase, verb: str = "") -> Phrase:
    """``n`` with a relative clause in which it is the subject (people) or the object, if one fits."""
    is_person = "person" in all_nouns()[n.noun].tags
    return _described(choices, n, verb, gap="subject" if is_person and choices.chance(0.6) else "object")


def _described(
    choices: Choices, n: Phrase, verb: str, *, gap: str, other_than: Nominal | None = None
) -> Phrase:
    tags = all_nouns()[n.noun].tags
    if gap == "subject":
        if "person" not in tags:
            return n
        return replace(n, relative=_about_subject(choices, n, verb))
    fitting = tuple(
        frame for frame in frames_with("L") if frame.verb != verb and frame.object & tags and frame.object
    )
    if not fitting:
        return n
    frame = pick_frame(choices, fitting)
    somebody = choices.subject(frame.subject, plain=True)
    is_clear = not isinstance(somebody, Phrase) or somebody.determiner in {"the", "owned"}
    if not is_clear or somebody == other_than or isinstance(somebody, Both):
        somebody = choices.name(other_than=other_than)
    if isinstance(somebody, Phrase) and somebody.noun == n.noun:
        somebody = choices.name()
    return replace(n, relative=Clause(frame.verb, somebody, tense="past"))


def _about_subject(choices: Choices, n: Phrase, verb: str) -> Clause:
    kind = choices.weighted([("live", 0.52), ("have", 0.18), ("did", 0.3)])
    if kind == "live":
        frame = choices.one([frame for frame in all_frames() if frame.verb == "live"])
        return Clause("live", None, place=place_of(choices, frame))
    frames = tuple(frame for frame in frames_with("L") if "person" in frame.subject and frame.verb != verb)
    if kind == "have":
        frames = tuple(frame for frame in all_frames() if frame.verb == "have" and verb != "have") or frames
    frame = pick_frame(choices, frames)
    tense: Tense = "present" if frame.verb == "have" else "past"
    c = _with_object(choices, frame, Clause(frame.verb, n, tense=tense), plain=True)
    return replace(c, subject=None)


def cause(choices: Choices, feeling: str, subject: Nominal) -> Clause | None:
    """What made the subject tired, sad or happy, as a clause about the pronoun that refers to it."""
    pronoun = reference_to(subject)
    if pronoun is None:
        return None
    frame = pick_frame(choices, frames_with({"tired": "A", "sad": "J", "happy": "E"}[feeling]))
    c = Clause(frame.verb, pronoun, tense="past")
    c = _with_object(choices, frame, c, plain=True)
    if "Z" in frame.flags:
        c = replace(c, place=place_of(choices, frame))
    if feeling == "tired" and "N" not in frame.flags and choices.chance(0.4):
        c = replace(c, time=Time("word", "yesterday"))
    return c
