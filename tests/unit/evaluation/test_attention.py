"""Entropy, change of heads and word alignment, with numbers worked out by hand."""

import numpy
import pytest

from crosslate.errors import InputError
from crosslate.evaluation.attention import (
    AlignmentScore,
    Word,
    align_words,
    alignment_layer,
    entropies,
    relative_changes,
    score_alignment,
    words_of,
)


def test_entropy_is_in_nats_and_zeros_do_not_count():
    weights = [[0.25, 0.25, 0.25, 0.25], [0.5, 0.5, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0]]
    assert entropies(numpy.array(weights, dtype=numpy.float32)) == pytest.approx([1.386294, 0.693147, 0.0])


def test_the_change_of_a_head_is_its_own():
    parent = numpy.arange(1.0, 9.0).reshape(4, 2)
    rows = parent.copy()
    rows[2:] *= 3
    assert relative_changes(rows, parent, 0, 2).tolist() == [0.0, 2.0]
    columns = parent.copy()
    columns[:, 0] = 0
    assert relative_changes(columns, parent, 1, 2).tolist() == [1.0, 0.0]


def test_matrices_that_cannot_be_compared_are_refused():
    with pytest.raises(InputError, match="divides into 3 heads"):
        relative_changes(numpy.ones((4, 2)), numpy.ones((4, 2)), 0, 3)
    with pytest.raises(InputError, match="expected equal shapes"):
        relative_changes(numpy.ones((4, 2)), numpy.ones((2, 4)), 0, 2)


@pytest.mark.parametrize(
    ("pieces", "expected"),
    [
        ("▁Ein ▁H und . </s>", [("Ein", (0,)), ("Hund", (1, 2)), (".", (3,))]),
        (
            "▁T - Shir t , ▁rot </s>",
            [("T", (0,)), ("-", (1,)), ("Shirt", (2, 3)), (",", (4,)), ("rot", (5,))],
        ),
        ("▁ Über </s>", [("Über", (0, 1))]),
        ("</s>", []),
    ],
)
def test_pieces_become_words(pieces, expected):
    assert words_of(pieces.split(), {"</s>"}) == [Word(text, rows) for text, rows in expected]


def test_a_word_looks_with_the_mean_of_its_pieces_at_the_sum_of_anothers():
    source = words_of(["▁der", "▁H", "und", "</s>"], {"</s>"})
    target = words_of(["▁d", "og", "▁the", "</s>"], {"</s>"})
    weights = numpy.array(
        [
            [0.40, 0.15, 0.15, 0.30],  # d: the most to "der"
            [0.20, 0.35, 0.25, 0.20],  # og: 0.60 to "Hund"; both together 0.30 against 0.45
            [0.30, 0.10, 0.10, 0.50],  # the: the end of the sentence counts for no word
            [0.00, 0.00, 0.00, 1.00],
        ]
    )
    assert align_words(weights, target, source) == [(0, 1), (1, 0)]
    assert align_words(weights, target, []) == []


def test_only_what_the_dictionary_knows_is_scored():
    source = [Word("Der", (0,)), Word("Hund", (1,)), Word("schläft", (2,)), Word(".", (3,))]
    target = [Word("The", (0,)), Word("dog", (1,)), Word("sleeps", (2,)), Word("soundly", (3,))]
    dictionary = {"the": {"der", "die"}, "dog": {"hund"}, "cat": {"katze"}, "soundly": {"fest"}}
    links = [(0, 0), (1, 2), (2, 2), (3, 2)]
    found = score_alignment(links, target, source, dictionary)
    # sleeps is in no dictionary, and soundly has no translation in the sentence.
    assert (found.right, found.tested, found.chance) == (1, 2, 0.5)
    assert found + AlignmentScore(1, 1, 0.25) == AlignmentScore(2, 3, 0.75)


def test_alignments_are_read_from_the_last_layer_but_one_unless_that_is_the_first():
    assert [alignment_layer(count) for count in (1, 2, 3, 6)] == [0, 1, 1, 4]
