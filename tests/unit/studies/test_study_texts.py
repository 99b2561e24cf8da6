"""Texts of a study: refused before anything is run where they cannot be read, and where they change under it."""

from pathlib import Path

import pytest

import toy_study
from crosslate.errors import InputError
from crosslate.studies.cells import Cell
from crosslate.studies.grid import check_texts, plan_study
from crosslate.studies.run import Place, work_on
from crosslate.studies.store import Output, Store
from crosslate.studies.texts import Library
from crosslate.studies.work import work


@pytest.fixture
def data(tmp_path):
    for role in ("train", "valid", "test"):
        for language in ("fr", "en"):
            (tmp_path / f"{role}.{language}").write_text("one\ntwo\n", encoding="utf-8")
    return tmp_path


@pytest.fixture
def parent():
    text = {
        role: {"files": [f"{role}.{{source}}", f"{role}.{{target}}"]} for role in ("train", "valid", "test")
    }
    values = toy_study.TRAINING
    return {
        "name": "fr-en", "source": "fr", "target": "en", "text": text, "size": toy_study.SIZE,
        "source_vocabulary": 300, "target_vocabulary": 300, "training": values,
    }  # fmt: skip


def plan(parent, data: Path) -> list[Cell]:
    study = toy_study.recipe(parents=[parent], children=[], denoisers=[], zero_shot=[], dictionaries={})
    return plan_study(study, Library(data))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("test.en", b"one\n", "test.fr has 2 lines and .*test.en has 1"),
        ("valid.fr", b"\xff\n\n", "valid.fr"),
    ],
)
def test_a_test_set_that_cannot_be_read_is_refused_before_hours_of_training(
    data, parent, name, content, message
):
    cells = plan(parent, data)
    check_texts(cells, Library(data))
    (data / name).write_bytes(content)
    with pytest.raises(InputError, match=f"(?s)text that cannot be read.*{message}"):
        check_texts(cells, Library(data))


@pytest.mark.parametrize("is_early", [True, False])
def test_a_result_is_not_stored_under_the_hash_of_another_text(data, parent, monkeypatch, is_early):
    (cell,) = [each for each in plan(parent, data) if each.kind == "parent"]
    place = Place(data / "study", data)

    def change(bench=None):
        (data / "train.fr").write_text("one\n", encoding="utf-8")
        return Output({"found": 1})

    monkeypatch.setattr("crosslate.studies.training_work.parent_work", change)
    if is_early:
        change()
    outcome = work_on(cell, place, work)
    assert outcome.status == "failed"
    assert "the text 'train' of parent fr-en has changed since the study was planned" in outcome.error
    assert not Store(place.study).is_done(cell)
