"""Lexicon induction on tables whose answers are known by hand, by frequency, and beside training."""

from types import SimpleNamespace

import numpy
import pytest
import torch

import tiny_models
import toy_corpora
from crosslate.errors import InputError
from crosslate.evaluation.embeddings import Embeddings
from crosslate.evaluation.lexicon import LexiconExample, frequency_bands, induce, measure_against_parent
from crosslate.models.parent import Parent
from crosslate.text.vocabulary_training import train_vocabulary

PARENT = ["</s>", "▁chat", "▁chien", "▁maison", "▁Maison", "on", "▁mai", "▁noir"]
CHILD = ["</s>", "▁Katze", "▁Hund", "▁Haus", "haus", "▁schwarz", "▁und", "▁Kater"]
DICTIONARY = {
    "katze": {"chat", "chatte"},
    "kater": {"matou", "chat"},
    "hund": ["chien"],
    "haus": ("maison",),
    "schwarz": {"noir", "noire"},
    "und": {"et"},
    "baum": {"arbre"},
}
ALIGNED = (0, 1, 2, 3, 3, 7, 0, 1)


def table(pieces, *directions):
    """A row per piece: a unit vector, or a mix given as {direction: weight}."""
    matrix = numpy.zeros((len(pieces), 8), dtype=numpy.float32)
    for row, direction in enumerate(directions):
        for index, weight in (direction if isinstance(direction, dict) else {direction: 1.0}).items():
            matrix[row, index] = weight
    return Embeddings("a table", "de", SimpleNamespace(marked_pieces=pieces), matrix)


FRENCH = table(PARENT, 0, 1, 2, 3, {3: 1.0, 4: 0.5}, 5, 6, 7)


def score(*directions, dictionary=DICTIONARY, **options):
    return induce(table(CHILD, *directions), FRENCH, dictionary, **options)


def test_perfectly_aligned():
    found = score(*ALIGNED)
    # Katze, Hund, Haus, schwarz, Kater; not "haus" (continues a word), "und" ("et" is no piece).
    assert (found.num_words, found.num_pieces, found.num_candidates) == (5, 8, 5)
    assert found.coverage == pytest.approx(100 * 5 / 7)
    assert list(found.precisions.values()) == [100, 100, 100]
    assert [each.word for each in score(*ALIGNED, num_examples=2).examples] == ["Katze", "Haus"]
    assert score(*ALIGNED, num_examples=0).examples == ()


def test_ranks_count():
    # Katze: first. Hund: second, behind noir. Haus: chat, chien and noir are nearer. schwarz: opposite.
    hund, haus = {7: 1.0, 2: 0.9}, {1: 3, 2: 2, 7: 2.5, 3: 1, 6: 0.5}
    found = score(0, 1, hund, haus, 0, {1: 5, 2: 4, 3: 3, 6: 2, 7: -1}, 0, 1)
    assert [example.rank for example in found.examples] == [1, 2, 4, 5, 1]
    assert list(found.precisions.values()) == pytest.approx([40, 100, 100])
    assert found.examples[1] == LexiconExample("Hund", found.examples[1].found, ("chien",), 2)
    assert found.examples[1].found[:2] == ("noir", "chien") and len(found.examples[1].found) == 5


def test_words_may_be_limited_to_those_of_a_corpus():
    mai = (0, 1, 2, {6: 1.0, 3: 0.5}, 3, 7, 0, 1)  # "mai" is the beginning of maison
    assert score(*mai).precision_at_1 == pytest.approx(80)
    found = score(*mai, parent_words={"chat", "chien", "MAISON", "noir"})
    assert (found.num_candidates, found.precision_at_1) == (4, 100)
    assert [each.word for each in score(*ALIGNED, child_words={"katze"}).examples] == ["Katze"]


def test_case_does_not_make_another_word():
    # Haus lies where Maison does, which maison stands for.
    found = score(0, 1, 2, {3: 1.0, 4: 0.5}, 3, 7, 0, 1)
    assert found.examples[2].found.count("maison") == 1 and "Maison" not in found.examples[2].found
    assert found.precision_at_1 == 100
    for pieces, precision in ((["▁Hund", "▁hund"], 100), (["▁hund", "▁Hund"], 100), (["▁Hunde", "▁hund"], 0)):
        found = induce(table(pieces, 2, 1), FRENCH, DICTIONARY)
        assert (found.num_words, found.precision_at_1) == (1, precision)
        assert found.coverage == pytest.approx(100 / 7)


def test_the_authors_way_takes_the_largest_dot_product_and_the_entry_listed_last():
    # Hund lies where toutou does; chien is the longest row.
    child = table(["▁Hund", "▁Katze", "en"], {0: 1.0, 1: 0.1}, 1, {0: 1, 1: 1})
    parent = table(["▁chien", "▁chat", "▁toutou"], {0: 9, 1: 3}, 1, {0: 1, 1: 0.1})
    gold = {"hund": ["chien"], "katze": ["chat"]}
    assert induce(child, parent, gold).precision_at_1 == 50  # toutou is nearest to Hund by cosine
    found = induce(child, parent, gold, way="authors").examples
    assert [each.found[0] for each in found] == ["chien", "chien"]
    both = {"hund": ["chien", "toutou"]}
    assert induce(child, parent, both).examples[0].expected == ("chien", "toutou")
    assert induce(child, parent, both, way="authors").examples[0].expected == ("toutou",)
    assert induce(child, parent, {"katze": ["chat"]}, way="csls").precision_at_1 == 100


def test_a_dictionary_the_wrong_way_round_is_refused():
    with pytest.raises(InputError, match="the right way round"):
        score(*ALIGNED, dictionary={"chien": ["hund"]})


def test_bands_hold_their_own_precision():
    counts = {"oft": 3, "haus": 2, "selten": 1}
    ranks = {"selten": None, "oft": 1, "Haus": 6, "nie": 2, "auch": 2}
    examples = [LexiconExample(word, (), ("x",), rank) for word, rank in ranks.items()]
    bands = frequency_bands(examples, counts)
    assert bands[:2] == [
        {
            "precision_at_1": 100,
            "precision_at_5": 100,
            "precision_at_10": 100,
            "most": 3,
            "least": 3,
            "num_words": 1,
        },
        {
            "precision_at_1": 0,
            "precision_at_5": 0,
            "precision_at_10": 100,
            "most": 2,
            "least": 2,
            "num_words": 1,
        },
    ]
    assert [(band["num_words"], band["precision_at_5"]) for band in bands[2:]] == [(1, 0), (2, 100)]
    assert [band["num_words"] for band in frequency_bands(examples[:2], {})] == [1, 1]
    assert frequency_bands([], {}) == []


def test_words_of_a_child_are_measured_against_its_parents():
    text = toy_corpora.corpus("de", "fr")
    vocabulary = train_vocabulary([*text.source, *text.target], 140)
    parent, child = (
        Parent.create(
            vocabulary, vocabulary, "de", "fr", tiny_models.SIZE, is_tied=True, max_positions=32, seed=seed
        )
        for seed in (1, 2)
    )
    ours, theirs = (each.model.get_encoder().get_input_embeddings().weight for each in (child, parent))
    row_of = {word: vocabulary.pieces.index("▁" + word) for word in ("Hund", "chien", "chat")}
    measure = measure_against_parent(parent, "source", {"Hund": ["chien"]})
    for word, found in (("chien", 100.0), ("chat", 0.0)):
        with torch.no_grad():
            ours[row_of["Hund"]] = theirs[row_of[word]]
        assert measure(child) == {"lexicon": found}
    # Where no word can be tested, training goes on.
    assert measure_against_parent(parent, "source", {"Wort": ["mot"]})(child) == {}
