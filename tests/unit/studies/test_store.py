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


def test_a_result_comes_back_under_the_title_and_labels_of_the_plan(store):
    assert not store.is_done(CELL)
    lines = ["Guten Tag.", "", "naïve ▁text"]
    store.save(CELL, Output({"bleu": 31.25}, lines), 12.34, {"python": "3.11"})
    renamed = Cell("child", "German to English", {"size": 1}, labels={"child": "German"})
    (result,) = store.results([renamed]).values()
    assert (result.title, result.labels, result.seconds) == ("German to English", {"child": "German"}, 12.3)
    assert (result.values, result.environment, result.lines()) == ({"bleu": 31.25}, {"python": "3.11"}, lines)
    names = sorted(path.name for path in (store.folder / "results").iterdir())
    assert names == [f"de-en-src-{CELL.key[:12]}.json", f"de-en-src-{CELL.key[:12]}.txt"]
    assert not (store.folder / "models").exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"values": None}, "values is None"),
        ({"seconds": float("nan")}, "seconds is nan"),
        ({"key": "0" * 64}, "not the result of"),
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
    [
        (b"one\n", "has 1 lines, expected 2"),
        (b"\xff\n\n", "UTF-8 at byte 0"),
        (None, "no stored translations"),
    ],
)
def test_damaged_translations_are_named_with_what_to_do(store, content, message):
    store.save(CELL, Output({"test": {"sentences": 2}}, ["one", "two"]), 1.0, {})
    (path,) = (store.folder / "results").glob("*.txt")
    path.unlink() if content is None else path.write_bytes(content)
    with pytest.raises(InputError, match=f"{message}.*remove .*json and run the study again"):
        store.load(CELL.key).lines()


def test_a_failure_is_noted_until_success(store):
    store.record_failure(CELL, "out of memory", "trace")
    assert store.failure(CELL) == "out of memory"
    (path,) = (store.folder / "failures").glob("*.json")
    for damaged in ("[]", "{}", "{"):
        path.write_text(damaged, encoding="utf-8")
        assert "cannot be read" in store.failure(CELL)
    store.save(CELL, Output({}), 1.0, {})
    assert store.failure(CELL) is None
