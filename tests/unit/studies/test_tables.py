"""Tables whose rows are chosen: lexicon precision by epoch."""

import pytest

from crosslate.studies.cells import Cell
from crosslate.studies.store import Result
from crosslate.studies.tables import Tables

WATCHED = {"lexicon": {"side": "source", "dictionaries": ["one"]}}


def tables(curves, watched=WATCHED):
    cells = [Cell("child", title, {"title": title}, watched=WATCHED) for title in curves]
    results = {
        cell.key: Result(
            cell.key, cell.kind, cell.title, {}, {},
            {"training": {"curve": curves[cell.title]}, "watched": watched}, 1.0,
        )
        for cell in cells
    }  # fmt: skip
    return Tables(cells, results)


def test_what_was_measured_with_another_dictionary_is_left_out():
    curves = {"de-en src": [[1, 10, 5.0, 1.0]]}
    other = {"lexicon": {"side": "source", "dictionaries": ["other"]}}
    assert tables(curves).lexicon_epochs().rows and not tables(curves, other).lexicon_epochs().rows


def test_few_epochs_are_all_shown_and_what_was_not_measured_is_left_out():
    found = tables(
        {
            "de-en src": [[1, 10, 5.0, 1.04], [2, 20, 6.0, 30.0], [3, 30, 7.0, 38.0]],
            "de-en src+xattn": [[0.5, 5, 5.0, 2.0], [1.5, 15, 6.0, 20.0]],
            "de-en scratch": [[1, 10, 5.0], [2, 20, 6.0]],
        }
    ).lexicon_epochs()
    assert found.columns == ("child", "epoch 1", "epoch 2", "epoch 3")
    assert found.rows == (("de-en src", 1.0, 30.0, 38.0), ("de-en src+xattn", 2.0, 20.0, None))


@pytest.mark.parametrize(
    ("last", "shown"),
    [(8, [1, 2, 3, 4, 5, 6, 7, 8]), (9, [1, 2, 4, 8, 9]), (12, [1, 2, 4, 8, 12]), (16, [1, 2, 4, 8, 16])],
)
def test_of_many_epochs_the_doubled_ones_are_shown(last, shown):
    curve = [[epoch, 10 * epoch, 5.0, float(epoch)] for epoch in range(1, last + 1)]
    found = tables({"de-en src": curve}).lexicon_epochs()
    assert found.columns[1:] == tuple(f"epoch {epoch}" for epoch in shown)
    assert found.rows == (("de-en src", *map(float, shown)),)
