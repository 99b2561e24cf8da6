"""Frequency bands: equal in size, the most frequent words first."""

import pytest

from crosslate.errors import UsageError
from crosslate.evaluation.frequency import count_words, frequency_bands
from crosslate.evaluation.lexicon import LexiconExample


def example(word, rank):
    return LexiconExample(word, (), ("x",), rank)


def test_words_are_counted_in_lower_case_without_punctuation():
    assert count_words(["Der Hund, der rennt.", "Der Hund!"]) == {"der": 3, "hund": 2, "rennt": 1}


def test_bands_hold_their_own_precision():
    examples = [example("selten", None), example("oft", 1), example("Haus", 6), example("nie", 2)]
    often, rarely = frequency_bands(examples, {"oft": 9, "haus": 5, "selten": 1}, 2)
    assert (often.most, often.least, often.num_words) == (9, 5, 2)
    assert (often.precision_at_1, often.precision_at_5, often.precision_at_10) == (50, 50, 100)
    assert (rarely.most, rarely.least, rarely.precision_at_1, rarely.precision_at_5) == (1, 0, 0, 50)


def test_fewer_words_than_bands_make_a_band_each():
    assert [band.num_words for band in frequency_bands([example("a", 1), example("b", None)], {}, 4)] == [
        1,
        1,
    ]
    assert frequency_bands([], {}, 4) == []


def test_no_band_is_refused():
    with pytest.raises(UsageError, match="expected at least 1"):
        frequency_bands([example("a", 1)], {}, 0)
