"""Scores in bands: which sentence and word counts where, in every script, and what the tables show."""

from __future__ import annotations

from collections import Counter

import pytest

from crosslate.studies.analyses.by_frequency import ByFrequency, banded
from crosslate.studies.cells import Cell
from crosslate.text.corpora import ParallelCorpus
from toy_study import planned, recipe, results

SOURCE = Counter({"la": 500, "hundo": 7, "dormas": 3, "kato": 1})
TARGET = Counter({"the": 500, "dog": 7, "cat": 1, "sleeps": 3})
TEST = ParallelCorpus(
    ["La hundo.", "La kato dormas!", "La HUNDO, la hundo, la hundo.", "Nekonata"],
    ["The dog.", "The cat sleeps!", "The dog, the dog, the dog.", "Unknown"], "eo", "en",
)  # fmt: skip


def units(found: list[dict[str, object]]) -> list[object]:
    return [each["units"] for each in found]


def test_sentences_are_in_the_band_of_their_rarest_word_and_of_their_length():
    found = banded(["The dog.", "x", "The dog, the dog, the dog.", "Unknown"], TEST, SOURCE, TARGET)
    assert units(found["rarest"]) == [1, 1, 2, 0, 0] and units(found["length"]) == [3, 1, 0, 0]
    assert [round(each["value"]) for each in found["rarest"][:3]] == [100, 0, 100]
    low, high = found["length"][0]["interval"]
    assert low < found["length"][0]["value"] < high and found["length"][1]["value"] == 100


def test_words_count_as_often_as_translation_and_reference_have_them():
    found = banded(["The dog dog.", "the cat", "The dog.", ""], TEST, SOURCE, TARGET)["words"]
    # Of "dog", two of four are found by three; "the" stands thrice in the third reference, once here.
    assert units(found) == [1, 2, 4, 0, 5]
    assert [each.get("value") for each in found] == [
        0,
        pytest.approx(200 / 3),
        pytest.approx(400 / 7),
        None,
        75,
    ]
    low, high = found[1]["interval"]
    assert low < high == pytest.approx(200 / 3)


def test_scripts_without_spaces_count_pairs_of_characters():
    test = ParallelCorpus(["犬が寝る"], ["狗在睡觉"], "ja", "zh")
    found = banded(
        ["狗在睡"], test, Counter({"犬が": 9, "が寝": 9, "寝る": 4}), Counter({"狗在": 30, "在睡": 2})
    )
    assert units(found["rarest"]) == [0, 1, 0, 0, 0] and units(found["words"]) == [1, 1, 0, 1, 0]
    assert [each.get("value") for each in found["words"]] == [0, 100, None, 100, None]


def test_the_tables_have_a_row_for_every_child_and_the_numbers_of_its_test_set():
    study = recipe(analyses=["by-frequency"], seeds=[1, 2])
    cells = [each for each in planned(study) if each.kind == "by-frequency"]
    assert len(cells) == 4 and all(cell.labels["seed"] == 1 for cell in cells)
    values = banded(TEST.target, TEST, SOURCE, TARGET)
    tables = list(ByFrequency().tables(results((cell, values) for cell in cells[:2])))
    assert [table.title for table in tables] == [
        "By the rarest source word: chrF2", "By length: chrF2", "Target words by frequency: F1",
    ]  # fmt: skip
    first, *_, last = tables[0].rows
    assert tables[0].columns == ("child", "0", "1–4", "5–19", "20–99", "100 and more")
    assert (first[0], first[1], first[5]) == ("de-en scratch, seed 1", "100.0 [100.0, 100.0]", None)
    assert last == ("de-en: number", 1, 1, 2, 0, 0)


def test_a_cell_changes_with_its_bands(monkeypatch: pytest.MonkeyPatch):
    def keys() -> set[str]:
        cells: list[Cell] = planned(recipe(analyses=["by-frequency"]))
        return {cell.key for cell in cells if cell.kind == "by-frequency"}

    before = keys()
    monkeypatch.setattr("crosslate.studies.analyses.by_frequency.LENGTHS", (3, 6))
    assert before.isdisjoint(keys())
