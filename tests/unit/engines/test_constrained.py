"""Translations that contain phrases, by a model whose probabilities are written down, and the steps of live ones."""

from __future__ import annotations

from contextlib import contextmanager

import numpy
import pytest
import torch

import families
import parents
import tiny_models
from crosslate.engines.constrained import START, Constraint, Wanted, spellings_of, translate_constrained
from crosslate.engines.decoding import DecodingOptions
from crosslate.engines.pytorch import TorchEngine
from crosslate.engines.search import Rules
from crosslate.text.glossaries import Phrase
from crosslate.text.vocabulary_training import train_vocabulary

OPTIONS = DecodingOptions(beam_size=4)
VOCABULARY = tiny_models.vocabulary("en")
CHINESE = train_vocabulary(["我喜欢人工智能。", "人工智能和人工。", "他喜欢人工。"] * 9)


class Writing:
    """Wants to write one sentence whatever it reads: as its n-th token the sentence's, with probability 0.9."""

    max_source_tokens = 100

    def __init__(self, sentence, vocabulary=VOCABULARY, max_target_tokens=40, forced_first=None):
        self.source = self.target = vocabulary
        self.max_target_tokens = max_target_tokens
        self._wanted = vocabulary.encode(sentence)
        self._forced_first = forced_first
        self.most_rows = 0

    def rules(self, options):
        special = self.target.special
        suppressed = numpy.array([special.pad, special.unk])
        return Rules(special.pad, special.eos, self._forced_first, suppressed)

    @contextmanager
    def steps(self, rows):
        self._rows = [()] * len(rows)
        yield self

    def logits(self, tokens, order):
        self._rows = [(*self._rows[row], int(token)) for row, token in zip(order, tokens, strict=True)]
        self.most_rows = max(self.most_rows, len(self._rows))
        found = numpy.full((len(tokens), len(self.target)), 0.1 / len(self.target), dtype=numpy.float32)
        for probabilities, row in zip(found, self._rows, strict=True):
            probabilities[self._wanted[min(len(row), len(self._wanted)) - 1]] += 0.9
        return numpy.log(found)


def constraint(text, count=1, language="en", vocabulary=VOCABULARY, **more):
    phrase = Phrase(text, language)
    return Constraint(
        spellings_of(vocabulary, phrase.text, phrase.as_first), count, phrase.occurrences, **more
    )


def best(engine, *constraints, **more):
    (found,) = translate_constrained(engine, ["dog"], [Wanted(constraints, **more)], OPTIONS)
    return found[0].text if found else None


def test_a_phrase_is_written_as_often_as_it_is_wanted():
    assert best(Writing("dog sees cat.")) == "dog sees cat."
    for count in (1, 2):
        text = best(Writing("dog sees cat."), constraint("red house", count))
        assert text.lower().count("red house") == count, text


def test_several_phrases_and_one_that_the_model_writes_by_itself():
    found = best(Writing("dog sees cat."), constraint("sees"), constraint("house"), constraint("big man"))
    for phrase in ("sees", "house", "big man"):
        assert Phrase(phrase, "en").occurrences(found) == 1, found


def test_a_phrase_stands_where_the_word_stood_that_it_replaces():
    of = {"dog": "house", "sees": "eats", "cat": "book"}
    for word, phrase in of.items():
        words = ["dog", "sees", "cat"]
        before = words[words.index(word) - 1] if word != "dog" else ""
        after = {VOCABULARY.encode(before)[-2]} if before else {START}
        replaced = frozenset(each.ids for each in spellings_of(VOCABULARY, word, word))
        found = best(
            Writing("dog sees cat."),
            constraint(phrase, after=frozenset(after), place=0),
            replaced=replaced,
            num_tokens=5,
        )
        assert found == "dog sees cat.".replace(word, phrase)


def test_a_batch_gives_what_each_text_gives_alone():
    constraints = [[constraint("house")], [], [constraint("red"), constraint("green man")]]
    texts, wanted, engine = (
        ["dog", "dog cat", "dog sees"],
        [*map(Wanted, constraints)],
        Writing("dog sees cat."),
    )
    together = translate_constrained(engine, texts, wanted, OPTIONS)
    for text, each, found in zip(texts, wanted, together, strict=True):
        assert translate_constrained(engine, [text], [each], OPTIONS) == [found]


def test_n_best_all_have_the_phrase_and_scores_are_means_over_all_tokens():
    wanted, options = Wanted([constraint("house")]), OPTIONS.changed(n_best=3)
    (found,) = translate_constrained(Writing("dog sees cat."), ["dog"], [wanted], options)
    assert len({each.text for each in found}) == 3
    assert all(Phrase("house", "en").occurrences(each.text) == 1 for each in found)
    ((plain,),) = translate_constrained(Writing("dog."), ["dog"], [Wanted([])], OPTIONS)
    assert plain.text == "dog." and len(plain.pieces) == len(VOCABULARY.encode("dog.")) - 1
    assert plain.score == pytest.approx(numpy.log(0.9), abs=0.01)


def test_there_is_no_translation_if_the_phrases_do_not_fit():
    assert best(Writing("dog", max_target_tokens=2), constraint("red house man")) is None
    assert best(Writing("dog", max_target_tokens=12), constraint("red house man")) is not None


def test_a_language_code_comes_first_and_is_left_out():
    code = VOCABULARY.encode("woman")[0]
    found = best(Writing("dog sees.", forced_first=code), constraint("house"))
    assert "woman" not in found and Phrase("house", "en").occurrences(found) == 1


def test_phrases_in_scripts_without_spaces():
    for phrase in ("人工智能", "人工"):
        wanted = constraint(phrase, language="zh", vocabulary=CHINESE)
        assert not any(each.is_inside for each in wanted.spellings)
        found = translate_constrained(Writing("他喜欢。", CHINESE), ["他"], [Wanted([wanted])], OPTIONS)
        assert phrase in found[0][0].text


def test_spellings():
    def shown(text, as_first):
        found = spellings_of(VOCABULARY, text, as_first)
        return {VOCABULARY.decode(each.ids): (each.is_inside, each.is_first) for each in found}

    assert shown("dog", "Dog").get("dog") is not None
    assert spellings_of(VOCABULARY, "我", "我") == ()
    inside = [each for each in spellings_of(VOCABULARY, "dog", "dog") if each.is_inside]
    assert all(not VOCABULARY.pieces[each.ids[0]].startswith("▁") for each in inside)


def test_a_word_that_goes_on_is_not_the_phrase():
    """The model would write "dogs": a piece for the phrase and another one of the same word."""
    phrase = constraint("do")
    found = best(Writing("dog sees cat."), phrase)
    assert Phrase("do", "en").occurrences(found) == 1


@pytest.mark.parametrize("family", ["marian-separate", "marian-ssru", "t5", "mbart", "m2m100", "fsmt"])
def test_steps_of_live_models(family):
    """Logits step by step, with rows that move, leave and divide, are those of whole translations."""
    parent = parents.shared(family)
    engine = TorchEngine(parent)
    rows = [parent.source.encode(text) for text in ("der Hund sieht", "die Frau kauft heute ein Buch")]
    start = engine.rules(OPTIONS).start
    paths = [(0, [start] * 2), (1, [5, 6, 7]), (1, [8, 9, 10]), (1, [11, 12])]
    orders = [[0, 1], [1, 0, 0], [2, 0, 1], [1, 1]]
    written, texts = [[], []], [0, 1]
    with families.one_thread(), engine.steps(rows) as steps:
        for (_, tokens), order in zip(paths, orders, strict=True):
            written = [[*written[row], token] for row, token in zip(order, tokens, strict=True)]
            texts = [texts[row] for row in order]
            found = steps.logits(numpy.array(tokens), numpy.array(order))
            for row, (text, ids) in enumerate(zip(texts, written, strict=True)):
                expected = parent.model(
                    input_ids=torch.tensor([rows[text]]),
                    decoder_input_ids=torch.tensor([ids]),
                    use_cache=False,
                ).logits[0, -1]
                assert numpy.allclose(found[row], expected.numpy(), atol=1e-4)
