"""Recorded scores of ways to translate a pair, and which way they choose."""

from __future__ import annotations

import pytest

from crosslate.errors import InputError
from crosslate.packs.ways import SCORES_NAME, WayScore, best_way, read_scores, record_scores

PAIR = ("eo", "fr")
ONE, OTHER, THIRD = ((("a" * 64, "b" * 64),), (("a" * 64, "b" * 64, "c" * 64),), (("a" * 64,), ("d" * 64,)))
WAYS = [OTHER, THIRD, ONE]


def score(way, value, metric="BLEU", signature="s", test="1", pair=PAIR, **decoding):
    return WayScore(
        metric=metric, value=value, signature=signature, test_set="t", test_sha256=test * 64, way=way,
        source_language=pair[0], target_language=pair[1], decoding=decoding,
    )  # fmt: skip


CHOICES = {
    "nothing is known": ([], 0, ()),
    "the best of all": ([score(OTHER, 18.7), score(THIRD, 19.4), score(ONE, 8.9)], 1, (0, 1, 2)),
    "the first is the best": ([score(OTHER, 20), score(THIRD, 19.4)], 0, (0, 1)),
    "a tie keeps the order": ([score(THIRD, 19.4), score(OTHER, 19.4)], 0, (0, 1)),
    "another one alone": ([score(THIRD, 50)], 0, ()),
    "the first is not among those compared": ([score(THIRD, 5), score(ONE, 50)], 0, ()),
    "another test set": ([score(OTHER, 10), score(THIRD, 50, test="2")], 0, ()),
    "another signature": ([score(OTHER, 10), score(THIRD, 50, signature="x")], 0, ()),
    "another metric": ([score(OTHER, 10), score(THIRD, 50, "chrF2")], 0, ()),
    "another search": ([score(OTHER, 10, beam_size=1), score(THIRD, 50, beam_size=5)], 0, ()),
    "another pair": ([score(OTHER, 10), score(THIRD, 50, pair=("eo", "de"))], 0, ()),
    "BLEU before chrF": (
        [score(OTHER, 10), score(THIRD, 11), score(OTHER, 40, "chrF2"), score(THIRD, 39, "chrF2")], 1, (0, 1),
    ),
    "chrF of more ways": (
        [score(OTHER, 10), score(THIRD, 11), score(ONE, 60, "chrF2"), score(OTHER, 40, "chrF2"), score(THIRD, 39, "chrF2")],
        2, (0, 1, 2),
    ),
    "what was recorded last": (
        [score(OTHER, 10), score(THIRD, 11), score(OTHER, 12, test="2"), score(THIRD, 9, test="2")], 0, (0, 1),
    ),
    "what was recorded last, in the middle of other records": (
        [score(OTHER, 12, test="2"), score(OTHER, 10), score(THIRD, 11), score(THIRD, 9, test="2")], 0, (0, 1),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("scores", "chosen", "compared"), CHOICES.values(), ids=CHOICES)
def test_the_choice(scores, chosen, compared):
    found, decisive = best_way(PAIR, WAYS, scores)
    assert (found, tuple(sorted(decisive))) == (chosen, compared)


def test_recorded_scores_replace_earlier_ones_alone(tmp_path):
    assert read_scores(tmp_path) == ()
    first, other = score(ONE, 8.9), score(OTHER, 18.7)
    assert record_scores(tmp_path, [first, other]) == tmp_path / SCORES_NAME
    assert read_scores(tmp_path) == (first, other)
    again, elsewhere = score(ONE, 9.1), score(ONE, 30, test="2")
    record_scores(tmp_path, [again, elsewhere])
    assert read_scores(tmp_path) == (other, again, elsewhere)
    with pytest.raises(InputError, match="give the folder of the packs"):
        record_scores(tmp_path / "none", [first])


def test_codes_are_public():
    assert score(ONE, 1, pair=("epo_Latn", "fra_Latn")).pair == PAIR


@pytest.mark.parametrize("text", ["{", "[]", '{"scores": [{"metric": "BLEU"}]}', '{"scores": 1}'])
def test_damaged_files_are_named(tmp_path, text):
    (tmp_path / SCORES_NAME).write_text(text)
    with pytest.raises(InputError, match=SCORES_NAME):
        read_scores(tmp_path)
