"""Tables of finer freezing and of initial embeddings, on results made by hand."""

from crosslate.studies.cells import Cell, needs
from crosslate.studies.comparisons import OTHER_START
from crosslate.studies.finer_tables import finer_tables
from crosslate.studies.store import Result

PARTS = {"src": "embeddings", "src+xattn": "xattn"}


def child(strategy, seed=1, initial="random", size=0):
    part = OTHER_START if initial != "random" else PARTS.get(strategy, "limited")
    labels = {
        "child": "de-en",
        "strategy": strategy,
        "seed": seed,
        "initial": initial,
        "size": size,
        "part": part,
    }
    return Cell("child", f"de-en {strategy} {initial} {size} {seed}", {"of": [strategy, initial, size, seed]},
                labels=labels)  # fmt: skip


def result(cell, values):
    return Result(cell.key, cell.kind, cell.title, cell.labels, {}, values, 1.0)


def trained(bleu, num_bytes=0, **more):
    return {"scores": {"bleu": {"value": bleu}}, "stored": {"pack_bytes": num_bytes},
            "training": {"curve": [[1, 10, bleu - 3], [2, 20, bleu - 1], [3, 30, bleu - 2]]}, **more}  # fmt: skip


def study(found, p_values=()):
    cells, results = [], {}
    for cell, values in found:
        cells.append(cell)
        results[cell.key] = result(cell, values)
    for first, second, p_value in p_values:
        cell = Cell("compare", "", {}, needs(first=first, second=second))
        cells.append(cell)
        results[cell.key] = result(cell, {"bleu": {"p_value": p_value}})
    return {table.title: table for table in finer_tables(cells, results)}


def test_every_limit_stands_beside_all_of_cross_attention_and_the_smallest_is_found():
    none, whole = child("src"), child("src+xattn")
    norms, values, top = (child(f"src+xattn[{limit}]") for limit in ("norm", "v", "layers=2"))
    tables = study(
        [(none, trained(33.0, 400)), (whole, trained(35.0, 1000)), (norms, trained(34.4, 410)),
         (values, trained(34.5, 600)), (top, trained(35.2, 600))],
        [(whole, none, 0.0), (norms, whole, 0.2), (values, whole, 0.3), (top, whole, 0.04)],
    )  # fmt: skip
    assert set(tables) == {"Finer freezing", "The smallest pack within 0.5 BLEU"}
    assert tables["Finer freezing"].rows == (
        ("de-en", "src", "33.0", "-2.0", "< 0.001", 400, 40.0),
        ("de-en", "src+xattn[norm]", "34.4", "-0.6", "0.200", 410, 41.0),
        ("de-en", "src+xattn[v]", "34.5", "-0.5", "0.300", 600, 60.0),
        ("de-en", "src+xattn[layers=2]", "35.2", "+0.2", "0.040", 600, 60.0),
        ("de-en", "src+xattn", "35.0", None, None, 1000, 100.0),
    )
    (row,) = tables["The smallest pack within 0.5 BLEU"].rows
    assert row == ("de-en", "src+xattn[layers=2]", "35.2", "+0.2", "0.040", 600, 60.0)


def test_where_nothing_smaller_is_near_the_whole_is_the_smallest():
    whole, values = child("src+xattn"), child("src+xattn[v]")
    tables = study([(whole, trained(35.0, 1000)), (values, trained(30.0, 600))])
    (row,) = tables["The smallest pack within 0.5 BLEU"].rows
    assert row == ("de-en", "src+xattn", "35.0", None, None, 1000, 100.0)


def test_differences_are_means_over_the_seeds_that_both_have():
    whole = [child("src+xattn", seed) for seed in (1, 2)]
    values = [child("src+xattn[v]", seed) for seed in (1, 2, 3)]
    tables = study(
        [*((cell, trained(bleu, 1000)) for cell, bleu in zip(whole, (35.0, 36.0))),
         *((cell, trained(bleu, 600)) for cell, bleu in zip(values, (34.0, 36.0, 10.0)))],
        [(values[0], whole[0], 0.01), (values[1], whole[1], 0.5)],
    )  # fmt: skip
    first = tables["Finer freezing"].rows[0]
    assert first[1] == "src+xattn[v]" and first[3:5] == ("-0.5", "0.500")


def test_chosen_heads_are_shown_with_their_share_of_the_importance():
    whole, auto = child("src+xattn"), child("src+xattn[auto=50%]")
    heads = {"importance": {"0": [1.0, 3.0], "1": [4.0, 2.0]}}
    tables = study(
        [(whole, trained(35.0, 1000)),
         (auto, trained(35.0, 700, heads=heads, strategy="src+xattn[heads=0:1;1:0]"))]
    )  # fmt: skip
    (row,) = tables["Heads that were chosen"].rows
    assert row[1:] == ("src+xattn[heads=0:1;1:0]", "0: 10 30; 1: 40 20")


def test_initial_embeddings_are_compared_by_size_and_the_best_on_validation_is_named():
    def rows(**counts):
        return {"initial_embeddings": {"rows": {"source": counts}}}

    found = {
        (method, size): child("src", initial=method, size=size)
        for size in (0, 500) for method in ("random", "copied", "mean")
    }  # fmt: skip
    bleu = {("random", 500): 10.0, ("mean", 500): 12.0, ("copied", 500): 14.0,
            ("random", 0): 33.0, ("mean", 0): 32.0, ("copied", 0): 33.0}  # fmt: skip
    counts = {"random": {}, "mean": rows(special=3, mean=97), "copied": rows(special=3, copied=20, mean=77)}
    tables = study(
        [(cell, trained(bleu[key], 1, **counts[key[0]])) for key, cell in found.items()],
        [(found["copied", 500], found["random", 500], 0.001)],
    )
    assert "Finer freezing" not in tables
    validation = tables["Initial embeddings: validation"]
    assert validation.columns == ("child", "trained", "pairs", "random", "mean", "copied", "best")
    assert validation.rows == (
        ("de-en", "src", "all", "32.0", "31.0", "32.0", "random"),
        ("de-en", "src", "500", "9.0", "11.0", "13.0", "copied"),
    )
    assert tables["Initial embeddings: test"].rows[1] == (
        "de-en", "src", "500", "10.0", "12.0 (+2.0)", "14.0 (+4.0, p 0.001)",
    )  # fmt: skip
    assert tables["Initial embeddings: where rows come from"].rows == (
        ("de-en", "all", "copied", "source", 0, 0, 20, 77, 3), ("de-en", "all", "mean", "source", 0, 0, 0, 97, 3),
        ("de-en", "500", "copied", "source", 0, 0, 20, 77, 3), ("de-en", "500", "mean", "source", 0, 0, 0, 97, 3),
    )  # fmt: skip
