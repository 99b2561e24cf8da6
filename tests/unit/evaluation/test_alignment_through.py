"""Dictionaries through a third language, words looked up through the parent's, and measurements in training."""

import numpy
import pytest
import torch

import tiny_models
import toy_corpora
from crosslate.evaluation.alignment import (
    Embeddings,
    compose_dictionaries,
    lexicon_score,
    measure_against_parent,
    measure_between_languages,
    read_entries,
    through,
    whole_word_rows,
    words_of_languages,
)
from crosslate.models.parent import Parent
from crosslate.text.vocabulary_training import train_vocabulary


def embeddings(language, words, rows):
    """Rows for some whole words; every other piece lies far from them."""
    vocabulary = tiny_models.vocabulary(language)
    matrix = numpy.zeros((len(vocabulary), 3), dtype=numpy.float32)
    matrix[:, 2] = 1
    for word, row in zip(words, rows):
        matrix[vocabulary.pieces.index("▁" + word)] = row
    return Embeddings(language, language, vocabulary, matrix)


def test_a_composed_dictionary_has_every_way_through_the_middle():
    first = {"Hund": ["hound", "dog"], "Haus": ["house"], "Mut": ["courage"]}
    second = {"dog": ["pes"], "hound": ["ohař", "pes"], "house": ["dům"]}
    assert compose_dictionaries(first, second) == {"Hund": ["ohař", "pes"], "Haus": ["dům"]}


def test_entries_keep_the_order_of_the_file(tmp_path):
    path = tmp_path / "de-en.txt"
    path.write_text("Hund hound\nHund dog\n\nHaus\thouse\n", encoding="utf-8")
    assert read_entries(path) == [("Hund", "hound"), ("Hund", "dog"), ("Haus", "house")]


def test_a_word_far_from_its_translation_is_found_through_the_parent():
    german = embeddings("de", ["Hund", "Katze"], [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    french = embeddings("fr", ["chien", "chat"], [[0.9, -0.4, 0.0], [0.0, 1.0, 0.0]])
    # gato is nearer to Hund than perro is, but perro is nearest to chien.
    spanish = embeddings("es", ["perro", "gato"], [[0.5, -0.8, 0.0], [0.9, 0.2, 0.0]])
    gold = {"Hund": {"perro"}}
    assert lexicon_score(german, spanish, gold).precision_at_1 == 0
    assert lexicon_score(through(german, french), spanish, gold).precision_at_1 == 100


def test_whole_words_start_with_the_mark_and_hold_more():
    vocabulary = tiny_models.vocabulary("de")
    pieces = {vocabulary.pieces[row] for row in whole_word_rows(vocabulary)}
    assert "▁Hund" in pieces and "▁" not in pieces and "</s>" not in pieces


@pytest.fixture
def shared():
    """A model of the German and French toy languages with one table, which a test may fill."""
    text = toy_corpora.corpus("de", "fr")
    vocabulary = train_vocabulary([*text.source, *text.target], 140)
    return Parent.create(vocabulary, vocabulary, "de", "fr", tiny_models.SIZE, is_tied=True, max_positions=32)


def place(model, word, row):
    table = model.model.get_encoder().get_input_embeddings().weight
    with torch.no_grad():
        table[model.source.pieces.index("▁" + word)] = torch.nn.functional.pad(
            torch.tensor(row), (0, table.shape[1] - len(row))
        )


def test_languages_of_one_table_are_told_apart_by_their_words(shared):
    words = {"source": {"hund", "katze", "chat", "weg"}, "target": {"chien", "chat", "haus"}}
    german, french = words_of_languages(shared, "source", words)
    rows = whole_word_rows(german.vocabulary)
    # chat occurs on both sides; Weg is no piece; Haus is a piece, but not of a word that the source text has.
    assert {german.vocabulary.pieces[row] for row in rows} == {"▁Hund", "▁Katze"}
    assert {french.vocabulary.pieces[row] for row in whole_word_rows(french.vocabulary)} == {
        "▁chien",
        "▁Haus",
    }
    original = shared.source.pieces.index("▁Hund")
    table = shared.model.get_encoder().get_input_embeddings().weight.detach().numpy()
    assert (german.matrix[german.vocabulary.pieces.index("▁Hund")] == table[original]).all()
    assert len(german.matrix) == len(german.vocabulary)


def test_a_measurement_follows_the_table_that_it_measures(shared):
    words = {"source": {"hund", "katze"}, "target": {"chien", "chat"}}
    measure = measure_between_languages(words, "source", {"Hund": ["chien"], "Katze": ["chat"]})
    for word, row in (
        ("Hund", [1.0, 0.0]),
        ("Katze", [0.9, 0.5]),
        ("chien", [0.0, 1.0]),
        ("chat", [1.0, 0.1]),
    ):
        place(shared, word, row)
    assert measure(shared) == {"lexicon": 50.0}
    place(shared, "chien", [1.0, 0.0])
    assert measure(shared) == {"lexicon": 100.0}


def test_words_of_a_child_are_measured_against_its_parents(shared):
    measure = measure_against_parent(shared, "source", {"Hund": ["chien"]})
    table = shared.model.get_encoder().get_input_embeddings().weight
    child = Parent.create(
        shared.source, shared.target, "de", "fr", tiny_models.SIZE, is_tied=True, max_positions=32, seed=2
    )
    for word, found in (("chien", 100.0), ("chat", 0.0)):
        place(child, "Hund", table[shared.source.pieces.index("▁" + word)].tolist())
        assert measure(child) == {"lexicon": found}


def test_where_no_word_can_be_tested_training_goes_on(shared):
    assert measure_against_parent(shared, "source", {"Wort": ["mot"]})(shared) == {}
