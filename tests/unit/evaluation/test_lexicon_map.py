"""Which pairs a map shows, and where."""

import numpy
import pytest

import tiny_models
from crosslate.evaluation.embeddings import Embeddings
from crosslate.evaluation.lexicon_map import lexicon_map, principal_components

DICTIONARY = {
    "Hund": ["chien"], "Katze": ["chat"], "Haus": ["maison"], "Frau": ["femme"], "Mann": ["enfant", "chat"],
    "Kind": ["bébé"], "eine": ["une"],
}  # fmt: skip
COUNTS = {"hund": 5, "katze": 9, "haus": 5, "mann": 20, "kind": 50}


def embeddings(language, rows):
    vocabulary = tiny_models.vocabulary(language)
    matrix = numpy.full((len(vocabulary), 4), 9.0, dtype=numpy.float32)
    for word, row in rows.items():
        matrix[vocabulary.pieces.index("▁" + word)] = row
    return Embeddings(language, language, vocabulary, matrix)


@pytest.fixture
def german():
    return embeddings("de", {"Mann": [1, 0, 0, 0], "Katze": [0, 1, 0, 0]})


@pytest.fixture
def french():
    return embeddings("fr", {"enfant": [2, 0, 0, 0], "chat": [0, 5, 0, 0]})


def pairs(found):
    return [(each.word, each.translation) for each in found]


def test_the_most_frequent_words_are_shown_with_their_most_frequent_translation(german, french):
    found, _ = lexicon_map(german, french, DICTIONARY, COUNTS, {"enfant": 3, "chat": 1}, 30)
    # Kind has no translation among the pieces; words that were never seen come last, by the alphabet.
    assert pairs(found)[:4] == [("Mann", "enfant"), ("Katze", "chat"), ("Haus", "maison"), ("Hund", "chien")]
    assert set(pairs(found)[4:]) == {("eine", "une"), ("Frau", "femme")}


def test_no_translation_is_shown_twice(german, french):
    found, _ = lexicon_map(german, french, DICTIONARY, COUNTS, {"chat": 10}, 2)
    assert pairs(found) == [("Mann", "chat"), ("Haus", "maison")]


def test_translations_in_the_same_direction_lie_at_the_same_place(german, french):
    found, share = lexicon_map(german, french, DICTIONARY, COUNTS, {}, 2)
    man, cat = found
    assert (man.x, man.y) == (man.translation_x, man.translation_y)
    assert (cat.x, cat.y) == (cat.translation_x, cat.translation_y)
    # Two opposite points, each half the root of two from the centre.
    assert abs(man.x) == pytest.approx(0.707) and man.x == -cat.x and man.y == cat.y == 0
    assert share == pytest.approx(1.0)


def test_one_pair_makes_no_map(german, french):
    assert lexicon_map(german, french, {"Hund": ["chien"]}, COUNTS, {}, 30) == ([], 0.0)


def test_the_widest_direction_comes_first_and_its_largest_component_is_positive():
    # Spread 3 along (0, -1, 0), 1 along (0, 0, 1), nothing else; centre (5, 5, 5).
    rows = numpy.array([[5, 2, 5], [5, 8, 5], [5, 5, 4], [5, 5, 6]], dtype=numpy.float32)
    points, share = principal_components(rows)
    assert points == pytest.approx(numpy.array([[-3, 0], [3, 0], [0, -1], [0, 1]], dtype=float))
    assert share == pytest.approx(1.0)


def test_points_without_spread_stay_at_the_centre():
    points, share = principal_components(numpy.ones((3, 4)))
    assert (points == 0).all() and share == 0
