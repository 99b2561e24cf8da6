"""Scores by hand, with signature and interval; comparisons; COMET by a stand-in."""

import sys
from types import ModuleType, SimpleNamespace

import pytest

from crosslate.errors import InputError, MissingExtra
from crosslate.evaluation.scores import bleu, check_comet, chrf, comet, compare

REFERENCE = [
    "The cat sat on the mat.",
    "A dog barks at the old tree.",
    "We are going home now, aren't we?",
    "It rained the whole day yesterday.",
]
WORSE = [
    "The cat sat on a mat.",
    "A dog barks at the old house.",
    "We go home now, aren't we?",
    "It rained the whole day yesterday.",
]


@pytest.mark.parametrize(
    ("score", "hypothesis", "reference", "value"),
    [
        (bleu, "a b c d e f", "a b c d e f", 100.0),
        # Precisions 4/5, 3/4, 2/3, 1/2, no brevity penalty.
        (bleu, "a b c d e", "a b c d f", 100 * (4 / 5 * 3 / 4 * 2 / 3 * 1 / 2) ** 0.25),
        (bleu, "A B C D E", "a b c d e", 0.0),
        (bleu, "", "a b c", 0.0),
        (chrf, "walking", "walking", 100.0),
        (chrf, "walking", "walked", 33.525437),
    ],
)
def test_values_by_hand(score, hypothesis, reference, value):
    found = score([hypothesis], [reference], num_samples=0)
    assert found.value == pytest.approx(value) and found.interval is None and "bs:" not in found.signature


def test_the_interval_holds_the_score_and_is_the_same_each_time():
    score = bleu(WORSE * 5, REFERENCE * 5)
    lower, upper = score.interval
    assert 0 <= lower < score.value < upper <= 100
    assert bleu(WORSE * 5, REFERENCE * 5) == score
    assert bleu(WORSE * 5, REFERENCE * 5, num_samples=0).value == pytest.approx(score.value)
    assert bleu(REFERENCE, REFERENCE).interval == (100.0, 100.0)


def test_the_tokenizer_is_in_the_signature_and_counts():
    hypothesis, reference = ["今日は天気がとても良いです。"], ["今日は天気が良いです。"]
    by_character = bleu(hypothesis, reference, tokenizer="char", num_samples=0)
    assert "tok:char" in by_character.signature
    assert by_character.value > bleu(hypothesis, reference, num_samples=0).value


def test_every_fault_at_once():
    with pytest.raises(InputError, match="2 faults") as error:
        compare(REFERENCE, {"good": WORSE, "short": WORSE[:2], "none": []}, "bleu")
    assert "system 'short' has 2 sentences, the reference has 4" in str(error.value)
    for score in (bleu, chrf):
        with pytest.raises(InputError, match="the translation has 1 sentences, the reference has 4"):
            score(REFERENCE[:1], REFERENCE)
        with pytest.raises(InputError, match="nothing to score"):
            score([], [])


def test_a_clear_difference_is_significant_and_a_copy_is_not():
    references, worse = REFERENCE * 25, WORSE * 25
    systems = {"worse": worse, "perfect": references, "copy": list(worse)}
    baseline, better, copy = compare(references, systems, "bleu", num_samples=200)
    assert (baseline.name, baseline.p_value) == ("worse", None)
    assert better.score.value == 100.0 and better.p_value < 0.05
    assert copy.p_value == 1.0 and copy.score == baseline.score


def test_a_difference_in_one_sentence_of_many_is_not():
    references = [f"{line} And number {index} too." for index in range(20) for line in REFERENCE]
    one_wrong = ["Nothing at all like the others here.", *references[1:]]
    other_wrong = [*references[:-1], "Nothing at all like them, and it is longer."]
    _, other = compare(references, {"one": one_wrong, "other": other_wrong}, "bleu", num_samples=200)
    assert other.p_value > 0.1


def test_the_scores_of_a_comparison_are_those_of_each_alone():
    first, second = compare(REFERENCE, {"a": WORSE, "b": REFERENCE}, "chrf")
    assert first.score.value == pytest.approx(chrf(WORSE, REFERENCE).value)
    assert second.score.metric == "chrF2" and "nc:6|nw:0" in second.score.signature


def test_comet(monkeypatch):
    """A stand-in with COMET's interface: a row that matches its reference scores 1."""
    calls = []

    def predict(rows, **_):
        calls.append(rows)
        scores = [float(row["mt"] == row["ref"]) for row in rows]
        return SimpleNamespace(scores=scores, system_score=sum(scores) / len(scores))

    module = ModuleType("comet")
    module.download_model = lambda name: f"fetched {name}"
    module.load_from_checkpoint = lambda path: SimpleNamespace(predict=predict)
    monkeypatch.setitem(sys.modules, "comet", module)
    monkeypatch.setattr("importlib.metadata.version", lambda name: "2.2")
    score = comet(["s"] * 4, WORSE, REFERENCE)
    assert (score.metric, score.value) == ("COMET", 25.0)  # one of the four is right
    assert score.interval[0] <= 25.0 <= score.interval[1]
    assert score.signature == "nrefs:1|bs:1000|seed:12345|model:Unbabel/wmt22-comet-da|version:2.2"
    assert calls[0][0] == {"src": "s", "mt": WORSE[0], "ref": REFERENCE[0]}
    assert comet(["s"] * 4, WORSE, REFERENCE, 0).interval is None
    with pytest.raises(InputError, match="the translation has 3 sentences, the reference has 4"):
        comet(["s"] * 4, WORSE[:3], REFERENCE)
    monkeypatch.setitem(sys.modules, "comet", None)
    with pytest.raises(MissingExtra, match=r"crosslate\[comet\]"):
        check_comet()
