"""The store: what is done is found by its key, damage is named, a failure is forgotten by success."""

import json

import pytest

from crosslate.errors import InputError
from crosslate.studies.cells import Cell
from crosslate.studies.store import Output, Store

CELL = Cell("child", "de-en src", {"size": 1}, labels={"child": "de-en"})


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "study")


def test_a_result_comes_back_as_it_was_stored(store):
    assert not store.is_done(CELL)
    store.save(CELL, Output({"bleu": 31.25}, ["Guten Tag.", "", "naïve ▁text"]), 12.34, {"python": "3.11"})
    result = store.load(CELL.key)
    assert (result.kind, result.title, result.values, result.seconds) == (
        "child",
        "de-en src",
        {"bleu": 31.25},
        12.3,
    )
    assert result.environment == {"python": "3.11"}
    assert store.translations(CELL.key) == ["Guten Tag.", "", "naïve ▁text"]


def test_results_are_few_small_files(store):
    store.save(CELL, Output({"bleu": 31.25}, ["a", "b"]), 1.0, {})
    names = sorted(path.name for path in (store.folder / "results").iterdir())
    assert names == [f"de-en-src-{CELL.key[:12]}.json", f"de-en-src-{CELL.key[:12]}.txt"]
    assert not (store.folder / "models").exists()


def test_a_renamed_cell_finds_its_result_and_keeps_its_new_labels(store):
    store.save(CELL, Output({}), 1.0, {})
    renamed = Cell("child", "German to English", {"size": 1}, labels={"child": "German"})
    (found,) = store.results([renamed]).values()
    assert (found.title, found.labels) == ("German to English", {"child": "German"})


def test_a_result_without_translations_says_so(store):
    store.save(CELL, Output({}), 1.0, {})
    with pytest.raises(InputError, match="de-en src has no stored translations"):
        store.translations(CELL.key)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"values": None}, "values is None"),
        ({"environment": []}, "environment is \\[\\]"),
        ({"seconds": float("nan")}, "seconds is nan"),
        ({"seconds": "soon"}, "soon"),
        ({"values": {"test": {"sentences": 2}}}, "txt is missing"),
    ],
)
def test_a_damaged_result_is_named_with_what_to_do(store, change, message):
    store.save(CELL, Output({}), 1.0, {})
    (path,) = (store.folder / "results").glob("*.json")
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | change), encoding="utf-8")
    with pytest.raises(InputError, match=f"is damaged .*{message}.*remove it and run the study again"):
        store.load(CELL.key)


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"one\n", "has 1 lines, expected 2"), (b"", "0 lines"), (b"\xff\n\n", "UTF-8 at byte 0")],
)
def test_damaged_translations_are_named_with_what_to_do(store, content, message):
    store.save(CELL, Output({"test": {"sentences": 2}}, ["one", "two"]), 1.0, {})
    (path,) = (store.folder / "results").glob("*.txt")
    path.write_bytes(content)
    with pytest.raises(InputError, match=f"{message}.*remove .*json and run the study again"):
        store.translations(CELL.key)


def test_a_damaged_note_of_a_failure_stops_nothing(store):
    store.record_failure(CELL, "no text", "")
    (path,) = (store.folder / "failures").glob("*.json")
    for content in ("", "[]", "{}", "{"):
        path.write_text(content, encoding="utf-8")
        assert "cannot be read" in store.failure(CELL)


def test_damage_is_named(store):
    store.save(CELL, Output({}), 1.0, {})
    (path,) = (store.folder / "results").glob("*.json")
    values = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(values | {"key": "0" * 64}), encoding="utf-8")
    with pytest.raises(InputError, match="is damaged"):
        store.load(CELL.key)


def test_success_forgets_an_earlier_failure(store):
    store.record_failure(CELL, "out of memory", "trace")
    assert store.failure(CELL) == "out of memory"
    store.save(CELL, Output({}), 1.0, {})
    assert store.failure(CELL) is None
