"""Words of tables: whole words, one language of two, words looked up through the parent's; dictionaries."""

import numpy

import tiny_models
import toy_corpora
from crosslate.evaluation.dictionaries import compose_dictionaries, read_dictionary
from crosslate.evaluation.embeddings import Embeddings, through, words_of_languages
from crosslate.evaluation.lexicon import induce
from crosslate.models.parent import Parent
from crosslate.text.vocabulary_training import train_vocabulary


def embeddings(language, rows):
    """Rows for some whole words; every other piece lies far from them."""
    vocabulary = tiny_models.vocabulary(language)
    matrix = numpy.zeros((len(vocabulary), 3), dtype=numpy.float32)
    matrix[:, 2] = 1
    for word, row in rows.items():
        matrix[vocabulary.pieces.index("▁" + word)] = row
    return Embeddings(language, language, vocabulary, matrix)


def test_whole_words_start_with_the_mark_and_hold_more():
    words = set(embeddings("de", {}).whole_words.values())
    assert "Hund" in words and not words & {"", "</s>"}


def test_a_word_far_from_its_translation_is_found_through_the_parent():
    german = embeddings("de", {"Hund": [1.0, 0.0, 0.0], "Katze": [0.0, 1.0, 0.0]})
    french = embeddings("fr", {"chien": [0.9, -0.4, 0.0], "chat": [0.0, 1.0, 0.0]})
    # gato is nearer to Hund than perro is, but perro is nearest to chien.
    spanish = embeddings("es", {"perro": [0.5, -0.8, 0.0], "gato": [0.9, 0.2, 0.0]})
    gold = {"Hund": {"perro"}}
    assert induce(german, spanish, gold).precision_at_1 == 0
    assert induce(through(german, french), spanish, gold).precision_at_1 == 100


def test_languages_of_one_table_are_told_apart_by_their_words():
    text = toy_corpora.corpus("de", "fr")
    vocabulary = train_vocabulary([*text.source, *text.target], 140)
    shared = Parent.create(
        vocabulary, vocabulary, "de", "fr", tiny_models.SIZE, is_tied=True, max_positions=32
    )
    words = {"source": {"hund", "katze", "chat", "weg"}, "target": {"chien", "chat", "haus"}}
    german, french = words_of_languages(shared, "source", words)
    # chat occurs on both sides; Weg is no piece; Haus is a piece, but not of a word that the source text has.
    assert set(german.whole_words.values()) == {"Hund", "Katze"}
    assert set(french.whole_words.values()) == {"chien", "Haus"}
    table = shared.model.get_encoder().get_input_embeddings().weight.detach().numpy()
    row = german.vocabulary.pieces.index("▁Hund")
    assert (german.matrix[row] == table[shared.source.pieces.index("▁Hund")]).all()
    assert len(german.matrix) == len(german.vocabulary)


def test_a_dictionary_keeps_the_order_of_its_file(tmp_path):
    path = tmp_path / "de-en.txt"
    path.write_text("Hund hound\nHund dog\n\nHaus\thouse\nHund hound\n", encoding="utf-8")
    assert read_dictionary(path) == {"Hund": ["hound", "dog"], "Haus": ["house"]}


def test_a_composed_dictionary_has_every_way_through_the_middle():
    first = {"Hund": ["hound", "dog"], "Haus": ["house"], "Mut": ["courage"]}
    second = {"dog": ["pes"], "hound": ["ohař", "pes"], "house": ["dům"]}
    assert compose_dictionaries(first, second) == {"Hund": ["ohař", "pes"], "Haus": ["dům"]}
