"""Vocabularies of long texts are learnt from lines spread evenly over the text."""

from __future__ import annotations

import random
from itertools import pairwise
from pathlib import Path

import pytest

from crosslate.languages.characters import Alphabet
from crosslate.text import vocabulary_training
from crosslate.text.vocabulary_training import Learner, _thinned, default_size, train_vocabulary


@pytest.mark.parametrize(
    ("num_lines", "num_wanted"), [(10, 3), (7, 6), (100, 1), (1_001, 500), (5, 5), (3, 9)]
)
def test_as_many_lines_as_wanted_evenly_spaced(num_lines: int, num_wanted: int):
    rows = [int(line) for line in _thinned(map(str, range(num_lines)), num_lines, num_wanted)]
    assert len(rows) == min(num_lines, num_wanted)
    gaps = {after - before for before, after in pairwise(rows)}
    assert max(gaps, default=0) - min(gaps, default=0) <= 1
    assert rows[0] == 0


def lines(words: str, count: int) -> list[str]:
    chooser = random.Random(1)
    return [" ".join(chooser.choices(words.split(), k=8)) for _ in range(count)]


def test_the_end_of_a_long_text_is_learnt_too(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(vocabulary_training, "_MAX_LINES", 200)
    text = lines("dog cat house book sleeps", 300) + lines("ζει μένει τρώει δίνει παίζει", 300)
    pieces = train_vocabulary(text, 80).pieces
    assert {"▁house", "▁sleeps", "▁παίζει", "▁μένει"} <= set(pieces)


def test_in_a_sample_pieces_need_occur_only_in_proportion(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    wanted: list[float] = []
    monkeypatch.setattr(
        vocabulary_training, "_share_frequent", lambda model, sample, enough: wanted.append(enough) or 0.0
    )
    text = lines("dog cat house book sleeps", 40)
    learner = Learner.of(Alphabet(frozenset("".join(text)) - {" "}), "bpe", tmp_path)
    for sample, enough in ((text, 100.0), (text[::4], 25.0)):
        default_size(sample, 40, learner)
        assert set(wanted) == {enough}
        wanted.clear()
