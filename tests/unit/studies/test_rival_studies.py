"""Rivals in a study: the grid, the tables from stored results, and a toy study from end to end."""

from pathlib import Path

import pytest

import toy_study
from crosslate.errors import SettingsError
from crosslate.files import sha256_text
from crosslate.models.strategies import parse_strategy
from crosslate.studies.cells import find
from crosslate.studies.grid import plan_study
from crosslate.studies.quick import quick
from crosslate.studies.recipe import Recipe, load_recipe, part_of
from crosslate.studies.rival_tables import COMPRESSED, QUALITY, rival_tables
from crosslate.studies.store import Result
from crosslate.studies.texts import Library

NOWHERE = Library(Path("nowhere"))
LORA = "src+lora[xattn;rank=2]"


def recipe(**changes) -> Recipe:
    values = {
        "children": [
            {"parent": "fr-en", "source": "de", "target": "en", "vocabulary": 300,
             "text": toy_study.pair_text("child"), "strategies": ["src+xattn", "src+lora[rank=2]", "src+all"]},
            {"parent": "fr-en", "source": "fr", "target": "es", "vocabulary": 300,
             "text": toy_study.pair_text("child"), "strategies": ["tgt+xattn", "tgt+adapters[width=4]"]},
        ],
        "denoisers": [],
        "zero_shot": [
            {"source_child": "de-en", "target_child": "fr-es", "text": toy_study.pair_text("child"),
             "source_strategies": ["src+xattn", LORA], "pivot": False},
            {"source_child": "de-en", "target_child": "fr-es", "text": toy_study.pair_text("child"),
             "target_strategy": "tgt+adapters[width=4]", "pivot": False},
        ],
        "compressions": [{"rank": 4}, {"dtype": "int8"}, {"rank": 4, "dtype": "int8"}],
        "analyses": ["lexicon", "zero-shot", "compare"],
    }  # fmt: skip
    return toy_study.recipe(**(values | changes))


def titles(cells):
    return [cell.title for cell in cells]


def test_the_keys_of_the_shipped_phrasebook_study_stay():
    """Results that studies have stored are found by their keys: this changes with the meaning of cells alone."""
    keys = sorted(cell.key for cell in plan_study(load_recipe("phrasebook"), NOWHERE))
    assert len(keys) == PHRASEBOOK_CELLS
    assert sha256_text("\n".join(keys)) == PHRASEBOOK_KEYS


PHRASEBOOK_CELLS = 119
PHRASEBOOK_KEYS = "7692d3af9ee412f62f887880909a8b84b3f9caf72f44a50fae56df1bac48ef15"


@pytest.mark.parametrize(
    ("strategy", "part"),
    [("src+all", "all"), ("tgt+all", "all"), ("src+lora", "lora-xattn"), ("tgt+lora[attention]", "lora-attention"),
     ("src+ia3", "ia3"), ("tgt+bitfit", "bitfit"), ("src+prefix", "prefix"), ("src+adapters", "adapters"),
     ("src+tgt+xattn", "xattn"), ("embed+body", "body")],
)  # fmt: skip
def test_rivals_are_parts_of_their_own(strategy, part):
    assert part_of(parse_strategy(strategy)) == part


def test_the_grid():
    cells = plan_study(recipe(), NOWHERE)
    assert titles(find(cells, "child")) == [
        "de-en src+xattn", "de-en src+lora[rank=2]", "de-en src+all", "fr-es tgt+xattn", "fr-es tgt+adapters[width=4]",
    ]  # fmt: skip
    (lora,) = find(cells, "child", part="lora-xattn")
    assert lora.spec["strategy"] == lora.labels["strategy"] == LORA
    assert titles(find(cells, "zero-shot")) == [
        "de-es composed of de-en src+xattn and fr-es tgt+xattn",
        "de-es composed of de-en src+lora[rank=2] and fr-es tgt+xattn",
        "de-es composed of de-en src+xattn and fr-es tgt+adapters[width=4]",
    ]
    assert titles(find(cells, "compressed")) == [
        f"{pack} in {how}"
        for pack in ("de-en src+xattn", "fr-es tgt+xattn")
        for how in ("rank 4", "int8", "rank 4, int8")
    ]
    compared = titles(find(cells, "compare"))
    assert "de-en src+xattn against de-en src+lora[rank=2]" in compared
    assert "de-en src+xattn in rank 4 against de-en src+xattn" in compared
    lexicons = {cell.labels["strategy"] for cell in find(cells, "lexicon", child="de-en")}
    assert lexicons == {"src+xattn", LORA, "src+all"}


def test_without_compressions_nothing_is_compressed():
    assert not find(plan_study(recipe(compressions=[]), NOWHERE), "compressed")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"compressions": [{}]}, "compressions has rank 0 and dtype ''"),
        ({"compressions": [{"dtype": "int4"}]}, "dtype 'int4'; expected a rank from 1, bfloat16 or int8"),
        ({"compressed": ["src+xatn"]}, "did you mean 'src\\+xattn'"),
        ({"denoising_strategies": ["src+lora"]}, "expected those that keep the vocabulary"),
    ],
)
def test_what_makes_no_study(changes, message):
    with pytest.raises(SettingsError, match=message):
        recipe(**changes)


def test_the_shipped_recipe_shares_its_cells_with_the_papers_study():
    ours, theirs = (
        {cell.key for cell in plan_study(load_recipe(name), NOWHERE) if cell.kind in ("parent", "child")}
        for name in ("rivals", "multi30k")
    )
    # The parent, and embeddings, cross-attention and body of the two children.
    assert len(ours & theirs) == 1 + 2 * 3
    study = load_recipe("rivals")
    cells = plan_study(study, NOWHERE)
    parts = {cell.labels["part"] for cell in find(cells, "child", child="de-en")}
    assert parts == {"embeddings", "xattn", "body", "all", "lora-xattn", "lora-attention", "ia3", "adapters",
                     "prefix", "bitfit"}  # fmt: skip
    assert len(find(cells, "zero-shot")) == 10 + 8
    assert len(find(cells, "compressed")) == 2 * 6
    for cell in find(cells, "child"):
        adds = cell.labels["part"].partition("-")[0] in ("lora", "ia3", "adapters", "prefix")
        assert cell.spec["training"]["learning_rates"] == ({"added": 4e-3} if adds else {})
    assert titles(plan_study(quick(study), NOWHERE)) == titles(cells)


def stored(cells):
    bleu = {"src+xattn": 35.0, LORA: 33.0, "src+all": 36.5, "tgt+xattn": 20.0}
    results = {}
    for cell in cells:
        value = bleu.get(cell.labels.get("strategy"), 18.0) - (2.0 if cell.kind == "compressed" else 0.0)
        values = {
            "scores": {"bleu": {"value": value, "interval": [value - 1, value + 1]}},
            "stored": {"pack_bytes": 400, "groups": {"src": {"num_trained": 60}, "xattn": {"num_trained": 40}}},
            "training": {"training_seconds": 12.4},
            "memory": {"memory_before": 400_000_000, "peak_memory": 512_000_000},
            "cosine": {"precision_at_1": 41.23}, "tensor_bytes": 100, "whole_bytes": 400,
            "bleu": {"p_value": 0.0}, "watched": cell.watched,
        }  # fmt: skip
        results[cell.key] = Result(cell.key, cell.kind, cell.title, cell.labels, {}, values, 1.0)
    return results


def test_the_tables():
    cells = plan_study(recipe(), NOWHERE)
    sides, smaller = rival_tables(cells, stored(cells))
    assert (sides.title, smaller.title) == (QUALITY, COMPRESSED)
    rows = {row[0]: row[1:] for row in sides.rows}
    assert rows[f"de-en {LORA}"] == (33.0, "32.0 to 34.0", 400, 100, 12, 512, 112, 41.2, 33.0)
    # Composed with cross-attention's pack, not with that of the adapters.
    assert rows["de-en src+xattn"][-1] == 35.0 and rows["de-en src+all"][-1] is None
    assert rows["fr-es tgt+adapters[width=4]"][-1] == 35.0
    assert smaller.rows[0] == ("de-en src+xattn", "rank 4", 100, 25.0, 33.0, -2.0, "< 0.001")
    assert len(smaller.rows) == 6


def test_a_study_without_rivals_has_neither_table():
    cells = plan_study(toy_study.recipe(), NOWHERE)
    assert rival_tables(cells, {}) == []
    assert rival_tables(find(cells, "child"), stored(find(cells, "child"))) == []


def test_a_toy_study_runs_from_end_to_end(tmp_path):
    from crosslate.studies.report import make_report, write_report
    from crosslate.studies.run import Here, Place, run_study
    from crosslate.studies.store import Store
    from crosslate.studies.work import work

    study = recipe()
    place = Place(tmp_path / "study", tmp_path)
    cells = plan_study(study, Library(tmp_path))
    summary = run_study(cells, Store(place.study), Here(place, work))
    assert summary.failed == [] and summary.blocked == []
    report = make_report(study, cells, Store(place.study))
    tables = {table.title: table for table in report.tables}
    assert len(tables[QUALITY].rows) == 5
    whole, low, bits, both = (
        next(row[column] for row in table.rows if row[0] == "de-en src+xattn" and how in row)
        for table, column, how in (
            (tables[QUALITY], 3, "de-en src+xattn"), (tables[COMPRESSED], 2, "rank 4"),
            (tables[COMPRESSED], 2, "int8"), (tables[COMPRESSED], 2, "rank 4, int8"),
        )
    )  # fmt: skip
    # 4 projections of 32 x 32 became 4 x 64.
    assert whole - low == 4 * 4 * (1024 - 256)
    assert both < bits < low < whole
    _, _, html = write_report(report, tmp_path / "report")
    assert "Quality against bytes" in html.read_text(encoding="utf-8")
