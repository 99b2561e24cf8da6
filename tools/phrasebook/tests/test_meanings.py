"""What the phrasebook may say: meanings must make sense and leave one translation."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

import pytest
from tools.phrasebook.choices import reference_to
from tools.phrasebook.lexicon import all_nouns
from tools.phrasebook.meaning import Clause, Phrase, Pronoun, Sentence
from tools.phrasebook.sampler import meanings

NUM_MEANINGS = 6000


@pytest.fixture(scope="module")
def sample() -> list[Sentence]:
    return list(islice(meanings(17), NUM_MEANINGS))


def clauses(meaning: Sentence) -> Iterator[Clause]:
    """Main and linked clauses, without relative ones."""
    yield meaning.clause
    if meaning.second is not None:
        yield meaning.second


def objects(sample: list[Sentence], verb: str) -> set[str]:
    things = (c.object for meaning in sample for c in clauses(meaning) if c.verb == verb)
    return {thing.noun for thing in things if isinstance(thing, Phrase)}


def test_times_agree_with_tenses(sample: list[Sentence]) -> None:
    allowed = {
        "yesterday": {"past"}, "tomorrow": {"future", "present"}, "soon": {"future", "present"}, "now": {"present"},
    }  # fmt: skip
    seen = set()
    for c in (c for meaning in sample for c in clauses(meaning) if c.time is not None):
        if c.time.kind == "word" and c.time.word in allowed:
            assert c.tense in allowed[c.time.word], c
            assert c.tense != "present" or c.time.word == "now" or c.modal, c
        if c.time.kind == "last":
            assert c.tense == "past", c
        if c.time.kind == "next":
            assert c.tense == "future" or c.modal, c
        if c.time.kind == "every":
            assert c.habitual and c.tense == "present", c
        seen.add(c.time.kind)
    assert seen == {"word", "last", "next", "every", "clock"}


def test_possessives_of_the_third_person_refer_to_the_subject(sample: list[Sentence]) -> None:
    num_bound = 0
    for c in (c for meaning in sample for c in clauses(meaning)):
        owned = [n for n in (c.subject, c.object, c.recipient) if isinstance(n, Phrase)]
        for n in owned:
            if isinstance(n.owner, Pronoun) and n.owner.person == 3:
                assert n is not c.subject
                assert reference_to(c.subject) == n.owner, c
                num_bound += 1
    assert num_bound > 50


def test_nobody_acts_on_themselves_by_a_pronoun(sample: list[Sentence]) -> None:
    for c in (c for meaning in sample for c in clauses(meaning)):
        for n in (c.object, c.recipient):
            if isinstance(n, Pronoun) and isinstance(c.subject, Pronoun):
                assert n.person != c.subject.person, c


def test_questions_and_relative_clauses_have_exactly_one_gap(sample: list[Sentence]) -> None:
    kinds = set()
    for meaning in sample:
        c = meaning.clause
        kinds.add(meaning.kind)
        if meaning.kind == "what":
            assert c.object is None and c.subject is not None
        if meaning.kind == "who":
            assert c.subject is None
        if meaning.kind == "where":
            assert c.place is None
        if meaning.kind == "when":
            assert c.time is None
        assert meaning.kind == "statement" or not c.fronted
        for n in (c.subject, c.object):
            if isinstance(n, Phrase) and n.relative is not None:
                assert n.relative.subject is None or n.relative.object is None
    assert kinds == {"statement", "polar", "who", "what", "where", "when", "why"}


@pytest.mark.parametrize(
    ("verb", "tags", "at_least"),
    [
        ("eat", {"food", "vegetable"}, 10),
        ("drink", {"drink"}, 5),
        ("read", {"text", "document"}, 5),
        ("feed", {"animal"}, 8),
        ("wash", {"clothing", "tableware", "vehicle", "fruit"}, 10),
        ("drive", {"driven"}, 3),
        ("help", {"person"}, 5),
        ("open", {"opening", "lidded", "mail", "gift"}, 6),
    ],
)
def test_verbs_select_what_they_can_be_done_to(
    sample: list[Sentence], verb: str, tags: set[str], at_least: int
) -> None:
    found = objects(sample, verb)
    assert len(found) >= at_least
    assert all(all_nouns()[noun].tags & tags for noun in found), found


def test_only_people_and_animals_act(sample: list[Sentence]) -> None:
    movers = {"begin": "event", "arrive": "transit", "leave": "vehicle"}
    for meaning in sample:
        for c in clauses(meaning):
            if not isinstance(c.subject, Phrase) or c.verb == "be":
                continue
            tags = all_nouns()[c.subject.noun].tags
            assert tags & {"person", "animal", movers.get(c.verb, "person")}, c
