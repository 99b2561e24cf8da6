"""Correlations by hand, a fit that recovers what made the data, and a calibration that never falls."""

import math
import random

import pytest

from crosslate.evaluation.calibration import Correlation, calibrate, fit_logistic, pearson, spearman
from crosslate.packs.manifest import Curve, log_odds


def test_correlations_by_hand():
    assert pearson([1, 2, 3], [2, 4, 6]) == pytest.approx(1)
    assert pearson([1, 2, 3, 4], [1, -1, 1, -1]) == pytest.approx(-1 / math.sqrt(5))
    # Ranks 1, 2.5, 2.5, 4 against 4, 3, 2, 1.
    assert spearman([0.1, 0.5, 0.5, 0.9], [90, 10, 9, 8]) == pytest.approx(-4.5 / math.sqrt(4.5 * 5))
    assert spearman([1, 2, 3], [1, 10, 1000]) == pytest.approx(1)
    assert pearson([1, 1, 1], [1, 2, 3]) == spearman([1], [1]) == 0


def test_the_fit_recovers_what_made_the_data():
    chooser = random.Random(1)
    values = [chooser.gauss(2, 3) for _ in range(4000)]
    shares = [1 / (1 + math.exp(0.7 - 0.4 * value)) for value in values]
    assert fit_logistic(values, shares) == pytest.approx((-0.7, 0.4), abs=0.01)
    outcomes = [chooser.random() < share for share in shares]
    assert fit_logistic(values, outcomes) == pytest.approx((-0.7, 0.4), abs=0.1)


@pytest.mark.parametrize(
    ("values", "shares"),
    [
        ([1, 2, 3, 4], [0, 0, 1, 1]),  # a step, which a logistic function meets only at infinity
        ([1, 2, 3], [1, 1, 1]),
        ([-400, 0, 400], [0.2, 0.5, 0.4]),
        ([0.8472978603872034] * 7, [0, 0.5, 1, 0, 0, 1, 0.3]),
        ([-1000, *range(8)], [0, 0.1, 0.9, 1, 1, 1, 1, 1, 1]),
    ],
)
def test_the_fit_exists_for_any_data(values, shares):
    intercept, slope = fit_logistic(values, shares)
    assert math.isfinite(intercept) and 0 <= slope < 20
    mean = sum(1 / (1 + math.exp(-intercept - slope * value)) for value in values) / len(values)
    assert mean == pytest.approx((sum(shares) + 1) / (len(values) + 2), abs=1e-6)


def test_a_confidence_that_misleads_says_nothing():
    assert fit_logistic([1, 2, 3, 4], [0.9, 0.7, 0.5, 0.1])[1] == 0


def test_a_calibration_never_falls_and_keeps_within_its_bounds():
    for intercept, slope in ((-0.9, 0.75), (3.0, 0.0), (-50.0, 60.0)):
        curve = Curve(intercept=intercept, slope=slope, doubtful=0.5)
        found = [curve.expected(probability) for probability in (0.0, 1e-30, 0.01, 0.5, 0.99, 1.0)]
        assert found == sorted(found) and found[0] >= 0 and found[-1] <= 1
    assert log_odds(0.5) == 0 and log_odds(0.0) == log_odds(1e-40) == pytest.approx(-log_odds(1.0))


def text(count):
    """Sentences of which the less sure half lacks one word of the reference."""
    translations = [f"the dog sees a {'cow' if index % 2 else 'cat'}" for index in range(count)]
    probabilities = [0.3 + index / 1e4 if index % 2 else 0.9 - index / 1e4 for index in range(count)]
    words = [
        [(word, probability if word in ("cow", "cat") else 0.99) for word in sentence.split()]
        for sentence, probability in zip(translations, probabilities)
    ]
    return probabilities, words, translations, ["the dog sees a cat"] * count


def test_a_calibration_is_what_its_text_was_like():
    calibration = calibrate(*text(60))
    assert calibration.sentences == 60 and calibration.spearman > 0.5
    assert "nc:6|nw:0" in calibration.signature and "nrefs:1" in calibration.signature
    low, high = (100 * calibration.sentence.expected(each) for each in (0.3, 0.9))
    assert 75 < low < 85 and high > 95  # chrF 82 and 100
    low, high = (calibration.word.expected(each) for each in (0.3, 0.99))
    assert low < 0.35 and high > 0.9
    # A tenth of the sentences; and of the words, just those that are wrong.
    assert 0.3 < calibration.sentence.doubtful < 0.302 and 0.306 < calibration.word.doubtful < 0.89


def test_few_sentences_give_none():
    assert calibrate(*text(49)) is None
    assert calibrate(*text(50)) is not None
    assert calibrate([0.5] * 60, [[]] * 60, ["。"] * 60, ["。"] * 60) is None


def test_a_word_counts_as_often_as_the_reference_has_it():
    probabilities, _, _, _ = text(50)
    sentences = ["the the the"] * 50
    words = [[("the", 0.9), ("the", 0.5), ("the", 0.1)]] * 50
    curve = calibrate(probabilities, words, sentences, ["the dog"] * 50).word
    assert curve.expected(0.9) > 0.8 and curve.expected(0.5) < 0.2


def test_the_correlation_leaves_out_what_has_no_score():
    confidence = [0.9, None, 0.1, 0.5]
    found = Correlation.of(confidence, ["a dog", "x", "no cat", "x"], ["a dog", "y", "two mice", " "])
    assert (found.sentences, found.spearman, found.pearson) == (2, 1, pytest.approx(1))
    assert Correlation.of([None], ["a"], ["a"]) == Correlation(0, 0, 0)
