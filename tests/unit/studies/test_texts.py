"""Texts of a study: refused before anything is run where they cannot be read, and where they change under it."""

import pytest

import toy_study
from crosslate.errors import InputError
from crosslate.studies.analyses import parents, plan_study, work
from crosslate.studies.plan import check_texts
from crosslate.studies.run import Place, work_on
from crosslate.studies.store import Output, Store
from crosslate.studies.texts import Library

PARENT = {
    "name": "fr-en", "source": "fr", "target": "en", "size": toy_study.SIZE, "training": toy_study.TRAINING,
    "text": {role: {"files": [f"{role}.{{source}}", f"{role}.{{target}}"]} for role in ("train", "valid", "test")},
    "source_vocabulary": 300, "target_vocabulary": 300,
}  # fmt: skip


@pytest.fixture
def data(tmp_path):
    for role in ("train", "valid", "test"):
        for language in ("fr", "en"):
            (tmp_path / f"{role}.{language}").write_text("one\ntwo\n", encoding="utf-8")
    return tmp_path


@pytest.fixture
def cells(data):
    study = toy_study.recipe(parents=[PARENT], children=[], denoisers=[], zero_shot=[], dictionaries={})
    return plan_study(study, Library(data))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [("test.en", b"one\n", "test.fr has 2 lines and .*test.en has 1"), ("valid.fr", b"\xff\n\n", "valid.fr")],
)
def test_a_test_set_that_cannot_be_read_is_refused_before_hours_of_training(
    data, cells, name, content, message
):
    check_texts(cells, Library(data))
    (data / name).write_bytes(content)
    with pytest.raises(InputError, match=f"(?s)cannot use the texts of the study.*{message}"):
        check_texts(cells, Library(data))


@pytest.mark.parametrize("is_early", [True, False])
def test_a_result_is_not_stored_under_the_hash_of_another_text(data, cells, monkeypatch, is_early):
    place = Place(data / "study", data)

    def change(*_):
        (data / "train.fr").write_text("one\n", encoding="utf-8")
        return Output({"found": 1})

    monkeypatch.setattr(parents.Parents, "work", change)
    if is_early:
        change()
    outcome = work_on(cells[0], place, work)
    assert outcome.status == "failed"
    assert "the text 'train' of parent fr-en has changed since the study was planned" in outcome.error
    assert not Store(place.study).is_done(cells[0])
