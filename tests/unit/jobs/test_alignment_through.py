"""Dictionaries through a third language, and words looked up through the parent's."""

import numpy

import tiny_models
from crosslate.jobs.alignment import (
    Embeddings,
    compose_dictionaries,
    lexicon_score,
    read_entries,
    through,
    whole_word_rows,
)


def embeddings(language, words, rows):
    """Rows for some whole words; every other piece lies far from them."""
    vocabulary = tiny_models.vocabulary(language)
    matrix = numpy.zeros((len(vocabulary), 3), dtype=numpy.float32)
    matrix[:, 2] = 1
    for word, row in zip(words, rows):
        matrix[vocabulary.pieces.index("▁" + word)] = row
    return Embeddings(language, language, vocabulary, matrix)


def test_a_composed_dictionary_has_every_way_through_the_middle():
    first = {"Hund": {"dog", "hound"}, "Haus": {"house"}, "Mut": {"courage"}}
    second = {"dog": ["pes"], "hound": ["ohař", "pes"], "house": ["dům"]}
    assert compose_dictionaries(first, second) == {"Hund": {"pes", "ohař"}, "Haus": {"dům"}}


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
