"""Tables from results made by hand: lexicon by epoch, attention, freezing, initial embeddings, rivals."""

from dataclasses import replace

import pytest

import toy_study
from crosslate.studies.analyses import TABLES, analyses
from crosslate.studies.analyses.attention import Attention
from crosslate.studies.cells import Cell, find
from crosslate.studies.parts import OTHER_START
from crosslate.studies.store import Results
from toy_study import comparison, difference, pair_text, planned, results, titles

WATCHED = {"lexicon": {"side": "source", "dictionaries": ["one"]}}


def tables(stored, *names):
    """Tables with rows of some analyses, by title."""
    chosen = [each for each in analyses(TABLES) if each.name in names]
    return {table.title: table for each in chosen for table in each.tables(stored) if table.rows}


def epochs(curves, watched=WATCHED):
    cells = [
        Cell("child", title, {"title": title}, labels={"size": 0, "seed": 1}, watched=WATCHED)
        for title in curves
    ]
    values = ({"training": {"curve": curves[cell.title]}, "watched": watched} for cell in cells)
    return tables(results(zip(cells, values)), "lexicon").get("Lexicon precision@1 by epoch")


def test_few_epochs_are_all_shown_and_what_was_not_measured_is_left_out():
    curves = {
        "de-en src": [[1, 10, 5.0, 1.04], [2, 20, 6.0, 30.0], [3, 30, 7.0, 38.0]],
        "de-en src+xattn": [[0.5, 5, 5.0, 2.0], [1.5, 15, 6.0, 20.0]],
        "de-en scratch": [[1, 10, 5.0], [2, 20, 6.0]],
    }
    found = epochs(curves)
    assert found.columns == ("child", "epoch 1", "epoch 2", "epoch 3")
    assert found.rows == [("de-en src", 1.0, 30.0, 38.0), ("de-en src+xattn", 2.0, 20.0, None)]
    # With another dictionary than now.
    assert epochs(curves, {"lexicon": {"side": "source", "dictionaries": ["other"]}}) is None


@pytest.mark.parametrize(
    ("last", "shown"), [(8, [1, 2, 3, 4, 5, 6, 7, 8]), (12, [1, 2, 4, 8, 12]), (16, [1, 2, 4, 8, 16])]
)
def test_of_many_epochs_the_doubled_ones_are_shown(last, shown):
    found = epochs({"de-en src": [[epoch, 10 * epoch, 5.0, float(epoch)] for epoch in range(1, last + 1)]})
    assert found.columns[1:] == tuple(f"epoch {epoch}" for epoch in shown)
    assert found.rows == [("de-en src", *map(float, shown))]


MAP = {
    "source": ["▁Hund", "</s>"], "target": ["▁dog", "</s>"], "alignment": [[0, 0]],
    "layers": [[[0.5, 0.5], [0.5, 0.5]], [[0.2, 0.8], [0.1, 0.9]]],
    "head": {"layer": 1, "head": 2, "weights": [[0.9, 0.1], [0.0, 1.0]]},
}  # fmt: skip
ATTENTION = {
    "sentences": 200, "entropy": [[1.0, 2.0], [0.5, 0.25]], "normalised entropy": [[0.5, 0.7], [0.3, 0.1]],
    "on no word": [[0.1, 0.2], [0.0, 0.1]], "map": MAP,
}  # fmt: skip
LAYERS = ("entropy", "normalised entropy", "on no word")


def attended(*models):
    """Results of models given as title, labels and values of their own."""
    found = []
    for title, labels, values in models:
        labels = {"source": "de", "target": "en"} | labels
        cell = Cell("attention", f"attention of {title}", {"title": title, "pairs": 200}, labels=labels)
        found.append((cell, ATTENTION | values))
    return results(found)


def test_layers_have_their_mean_and_range_over_the_heads():
    moved = {"q": [[0.0, 0.2], [0.1, 0.1]], "v": [[0.2, 0.4], [0.3, 0.3]]}
    scored = {"layer": 1, "precision": 79.43, "chance": 7.24, "words": 1055, "by layer": [79.43, 25.0]}
    nothing = {"layer": 1, "precision": None, "chance": None, "words": 0, "by layer": [None, None]}
    shallow = {name: ATTENTION[name][:1] for name in LAYERS} | {
        "change": {"q": [[0.1, 0.1]], "o": [[0.4, 0.4]]}
    }
    entropy, change, alignment = tables(
        attended(
            ("parent", {"part": "parent"}, {"alignment": scored}),
            ("de-en src", {"part": "embeddings"}, {"change": moved, "alignment": nothing}),
            ("shallow", {"part": "body"}, shallow),
        ),
        "attention",
    ).values()
    assert entropy.columns == ("model", "pairs", "layer 1", "layer 2", "% of largest", "% on the end")
    assert entropy.rows[0] == ("parent", 200, "1.50 (1.00–2.00)", "0.38 (0.25–0.50)", 40.0, 10.0)
    assert entropy.rows[2][:4] == ("shallow", 200, "1.50 (1.00–2.00)", None)
    # A head's change is the mean over its projections: 0.1 and 0.3, then 0.2 and 0.2.
    assert change.columns == ("model", "layer 1", "layer 2", "q", "v", "o")
    assert change.rows[0] == ("de-en src", "0.20 (0.10–0.30)", "0.20 (0.20–0.20)", 0.1, 0.3, None)
    assert change.rows[1][-3:] == (0.1, None, 0.4)
    assert alignment.rows == [("parent", "de-en", 1055, 79.4, 7.2, "79.4 / 25.0")]


def test_few_maps_are_shown_each_with_the_mean_and_one_head():
    models = [
        ("parent", "", "parent"), ("de-en scratch", "source", "scratch"), ("de-en src+xattn", "source", "xattn"),
        ("de-en src+body", "source", "body"), ("cs-en src+xattn", "source", "xattn"),
        ("fr-de tgt+xattn", "target", "xattn"), ("fr-de tgt+body", "target", "body"),
    ]  # fmt: skip
    labelled = [
        (title, {"part": part} | ({"side": side} if side else {}), {}) for title, side, part in models
    ]
    denoising = ("de-en embed+randxattn", {"part": "randxattn", "denoiser": "denoiser"}, {})
    maps = Attention().data(attended(*labelled, denoising))["attention"]
    titles = ["parent", "de-en src+xattn", "de-en src+body", "fr-de tgt+xattn"]
    assert [each["title"] for each in maps] == [title for title in titles for _ in range(2)]
    same = {"title": "parent", "layer": 1, "alignment": [[0, 0]]} | {
        name: MAP[name] for name in ("source", "target")
    }
    assert maps[0] == same | {"head": None, "weights": [[0.5, 0.5], [0.5, 0.5]]}
    assert maps[1] == same | {"head": 2, "weights": [[0.9, 0.1], [0.0, 1.0]]}
    assert Attention().data(results([])) == {"attention": []}


def child(strategy, seed=1, initial="random", size=0):
    part = {"src": "embeddings", "src+xattn": "xattn"}.get(strategy, "limited")
    labels = {"child": "de-en", "strategy": strategy, "seed": seed, "initial": initial, "size": size,
              "part": part if initial == "random" else OTHER_START}  # fmt: skip
    title = f"de-en {strategy} {initial} {size} {seed}"
    return Cell("child", title, {"of": title}, labels=labels)


def trained(bleu, num_bytes=0, **more):
    return {"scores": {"bleu": {"value": bleu}}, "stored": {"pack_bytes": num_bytes},
            "training": {"curve": [[1, 10, bleu - 3], [2, 20, bleu - 1], [3, 30, bleu - 2]]}, **more}  # fmt: skip


def study(found, compared=()):
    """Tables from children and from comparisons: first and second cells by seed, their difference, and p."""
    compares = [
        (comparison(first, second), {"bleu": difference(by, 0.0, 0.4, p_value)})
        for first, second, by, p_value in compared
    ]
    return tables(results([*found, *compares]), "freezing", "initial-embeddings")


def test_every_limit_stands_beside_all_of_cross_attention_and_the_smallest_is_found():
    none, whole = child("src"), child("src+xattn")
    norms, values, top = (child(f"src+xattn[{limit}]") for limit in ("norm", "v", "layers=2"))
    heads = {
        "heads": {"importance": {"0": [1.0, 3.0], "1": [4.0, 2.0]}},
        "strategy": "src+xattn[heads=0:1;1:0]",
    }
    found = study(
        [(none, trained(33.0, 400)), (whole, trained(35.0, 1000)), (norms, trained(34.4, 410)),
         (values, trained(34.5, 600)), (top, trained(35.2, 600, **heads))],
        [([whole], [none], 2.0, 0.0), ([norms], [whole], -0.6, 0.2), ([values], [whole], -0.5, 0.3),
         ([top], [whole], 0.2, 0.04)],
    )  # fmt: skip
    assert found["Finer freezing"].rows == [
        # By Holm: 4 times 0, then 3 times 0.04, 2 times 0.2; 0.3 is not below 0.4.
        ("de-en", "src", "33.0", "-2.0", "-2.4 to -1.6", "< 0.001", 400, 40.0),
        ("de-en", "src+xattn[norm]", "34.4", "-0.6", "-1.0 to -0.2", "0.400", 410, 41.0),
        ("de-en", "src+xattn[v]", "34.5", "-0.5", "-0.9 to -0.1", "0.400", 600, 60.0),
        ("de-en", "src+xattn[layers=2]", "35.2", "+0.2", "-0.2 to +0.6", "0.120", 600, 60.0),
        ("de-en", "src+xattn", "35.0", None, None, None, 1000, 100.0),
    ]
    (row,) = found["The smallest pack within 0.5 BLEU"].rows
    assert row == ("de-en", "src+xattn[layers=2]", "35.2", "+0.2", "-0.2 to +0.6", "0.120", 600, 60.0)
    assert found["Heads that were chosen"].rows == [(top.title, heads["strategy"], "0: 10 30; 1: 40 20")]


def test_the_difference_of_several_seeds_is_that_of_their_comparison():
    whole = [child("src+xattn", seed) for seed in (1, 2)]
    values = [child("src+xattn[v]", seed) for seed in (1, 2, 3)]
    found = study(
        [*((cell, trained(bleu, 1000)) for cell, bleu in zip(whole, (35.0, 36.0))),
         *((cell, trained(bleu, 600)) for cell, bleu in zip(values, (34.0, 36.0, 10.0)))],
        [(whole, values[:2], 0.5, 0.03)],
    )  # fmt: skip
    first = found["Finer freezing"].rows[0]
    assert first[1] == "src+xattn[v]" and first[3:6] == ("-0.5", "-0.9 to -0.1", "0.030")
    # Where nothing smaller is near, the whole is the smallest.
    found = study([(whole[0], trained(35.0, 1000)), (values[0], trained(30.0, 600))])
    (row,) = found["The smallest pack within 0.5 BLEU"].rows
    assert row == ("de-en", "src+xattn", "35.0", None, None, None, 1000, 100.0)


def test_initial_embeddings_are_compared_by_size_and_the_best_on_validation_is_named():
    def rows(**counts):
        return {"initial_embeddings": {"rows": {"source": counts}}}

    cells = {
        (method, size): child("src", initial=method, size=size)
        for size in (0, 500) for method in ("random", "copied", "mean")
    }  # fmt: skip
    bleu = {("random", 500): 10.0, ("mean", 500): 12.0, ("copied", 500): 14.0,
            ("random", 0): 33.0, ("mean", 0): 32.0, ("copied", 0): 33.0}  # fmt: skip
    counts = {"random": {}, "mean": rows(special=3, mean=97), "copied": rows(special=3, copied=20, mean=77)}
    found = study(
        [(cell, trained(bleu[key], 1, **counts[key[0]])) for key, cell in cells.items()],
        [([cells["copied", 500]], [cells["random", 500]], 4.0, 0.001)],
    )
    assert "Finer freezing" not in found
    validation = found["Initial embeddings: validation"]
    assert validation.columns == ("child", "trained", "pairs", "random", "mean", "copied", "best")
    assert validation.rows == [
        ("de-en", "src", "all", "32.0", "31.0", "32.0", "random"),
        ("de-en", "src", "500", "9.0", "11.0", "13.0", "copied"),
    ]
    assert found["Initial embeddings: test"].rows[1] == (
        "de-en", "src", "500", "10.0", "12.0", "14.0, +4.0 (+3.6 to +4.4), p 0.001",
    )  # fmt: skip
    assert found["Initial embeddings: where rows come from"].rows == [
        ("de-en", "all", "copied", "source", 0, 0, 20, 77, 3), ("de-en", "all", "mean", "source", 0, 0, 0, 97, 3),
        ("de-en", "500", "copied", "source", 0, 0, 20, 77, 3), ("de-en", "500", "mean", "source", 0, 0, 0, 97, 3),
    ]  # fmt: skip


LORA = "src+lora[xattn;rank=2]"


def rivals(**changes):
    """The toy study with rivals, packs in fewer bytes, and compositions with them."""
    child = {"vocabulary": 300, "parent": "fr-en", "text": pair_text("child")}
    pair = {"source_child": "de-en", "target_child": "fr-es", "text": pair_text("child"), "pivot": False}
    values = {
        "children": [
            child | {"source": "de", "target": "en", "strategies": ["src+xattn", "src+lora[rank=2]", "src+all"]},
            child | {"source": "fr", "target": "es", "strategies": ["tgt+xattn", "tgt+adapters[width=4]"]},
        ],
        "denoisers": [],
        "zero_shot": [pair | {"source_strategies": ["src+xattn", LORA]}, pair | {"target_strategy": "tgt+adapters[width=4]"}],
        "compressions": [{"rank": 4}, {"dtype": "int8"}, {"rank": 4, "dtype": "int8"}],
        "analyses": ["lexicon", "zero-shot", "compare"],
    }  # fmt: skip
    return toy_study.recipe(**(values | changes))


def test_the_grid_of_rivals():
    cells = planned(rivals())
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
    assert not find(planned(rivals(compressions=[])), "compressed")


def test_rivals_stand_beside_the_papers_strategies():
    bleu = {"src+xattn": 35.0, LORA: 33.0, "src+all": 36.5, "tgt+xattn": 20.0}
    found = []
    for cell in planned(rivals()):
        value = bleu.get(cell.labels.get("strategy"), 18.0) - (2.0 if cell.kind == "compressed" else 0.0)
        values = {
            "scores": {"bleu": {"value": value, "interval": [value - 1, value + 1]}},
            "stored": {"pack_bytes": 400, "groups": {"src": {"num_trained": 60}, "xattn": {"num_trained": 40}}},
            "training": {"training_seconds": 12.4},
            "memory": {"memory_before": 400_000_000, "peak_memory": 512_000_000},
            "cosine": {"precision_at_1": 41.23}, "tensor_bytes": 100, "whole_bytes": 400,
            "bleu": difference(33.0, 35.0, p_value=0.0), "watched": cell.watched,
        }  # fmt: skip
        found.append((cell, values))
    sides, smaller = tables(results(found), "strategies", "compressed").values()
    assert (sides.title, smaller.title) == ("Strategies side by side", "Packs in fewer bytes")
    rows = {row[0]: row[1:] for row in sides.rows}
    assert rows[f"de-en {LORA}"] == (33.0, "32.0 to 34.0", 400, 100, 12, 512, 112, 41.2, 33.0)
    # Composed with cross-attention's pack, not with that of the adapters.
    assert rows["de-en src+xattn"][-1] == 35.0 and rows["de-en src+all"][-1] is None
    assert rows["fr-es tgt+adapters[width=4]"][-1] == 35.0
    assert smaller.rows[0] == ("de-en src+xattn", "rank 4", 100, 25.0, 33.0, "-2.0 (-2.3 to -1.7)", "< 0.001")
    assert len(smaller.rows) == 6
    sized = [
        (replace(cell, labels=cell.labels | {"size": size}, spec={"size": size}), values | {"scores": scores})
        for cell, values in found if cell.kind == "child" and cell.labels["strategy"] == LORA
        for size, bleu in ((500, 9.0), (2000, 21.0))
        for scores in [{"bleu": {"value": bleu, "interval": [bleu - 1, bleu + 1]}}]
    ]  # fmt: skip
    (sides,) = tables(results(sized), "strategies").values()
    assert [row[:2] for row in sides.rows] == [
        (f"de-en {LORA}, 500 pairs", 9.0),
        (f"de-en {LORA}, 2000 pairs", 21.0),
    ]
    without = [(cell, values) for cell, values in found if cell.labels.get("part") in ("xattn", "embeddings")]
    assert not tables(results(without), "strategies") and not tables(Results([], {}), "strategies")
