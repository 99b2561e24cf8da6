"""The ways of lexicon induction: cosine, CSLS, and the authors' own."""

import numpy
import pytest

from crosslate.errors import UsageError
from crosslate.evaluation.lexicon import induce

CHILD = ["▁Hund", "▁Katze", "en"]
PARENT = ["▁chien", "▁chat", "▁toutou", "s"]
# Hund lies where toutou does; chien is the longest row.
CHILD_ROWS = numpy.array([[1.0, 0.1], [0.0, 1.0], [1.0, 1.0]])
PARENT_ROWS = numpy.array([[9.0, 3.0], [0.0, 1.0], [1.0, 0.1], [1.0, 1.0]])


def score(dictionary, **options):
    return induce(CHILD, CHILD_ROWS, PARENT, PARENT_ROWS, dictionary, **options)


def test_the_authors_take_the_largest_dot_product():
    dictionary = {"hund": ["chien"], "katze": ["chat"]}
    assert score(dictionary).precision_at_1 == 50  # toutou is nearest to Hund by cosine
    found = score(dictionary, way="authors").examples
    assert [each.found[0] for each in found] == ["chien", "chien"]


def test_the_authors_count_the_entry_that_is_listed_last():
    both = {"hund": ["chien", "toutou"]}
    assert score(both).examples[0].expected == ("chien", "toutou")
    assert score(both, way="authors").examples[0].expected == ("toutou",)
    assert score(both, way="authors").precision_at_1 == 0


def test_words_of_the_corpus_alone_can_be_tested():
    dictionary = {"hund": ["chien"], "katze": ["chat"]}
    assert [each.word for each in score(dictionary, child_words={"katze"}).examples] == ["Katze"]


def test_csls_is_a_way():
    assert score({"katze": ["chat"]}, way="csls").precision_at_1 == 100


def test_an_unknown_way_is_refused():
    with pytest.raises(UsageError, match="did you mean 'authors'"):
        score({"hund": ["chien"]}, way="author")
