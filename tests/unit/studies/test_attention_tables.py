"""What a report says of cross-attention: numbers by layer, and few maps."""

from crosslate.studies.attention_tables import attention_maps, attention_tables
from crosslate.studies.cells import Cell
from crosslate.studies.store import Result

MAP = {
    "source": ["▁Hund", "</s>"], "target": ["▁dog", "</s>"], "alignment": [[0, 0]],
    "layers": [[[0.5, 0.5], [0.5, 0.5]], [[0.2, 0.8], [0.1, 0.9]]],
    "head": {"layer": 1, "head": 2, "weights": [[0.9, 0.1], [0.0, 1.0]]},
}  # fmt: skip
VALUES = {
    "sentences": 200, "entropy": [[1.0, 2.0], [0.5, 0.25]], "normalised entropy": [[0.5, 0.7], [0.3, 0.1]],
    "on no word": [[0.1, 0.2], [0.0, 0.1]], "map": MAP,
}  # fmt: skip
CHANGE = {"q": [[0.0, 0.2], [0.1, 0.1]], "v": [[0.2, 0.4], [0.3, 0.3]]}


def study(*models):
    """Cells and results of models given as title, labels and values of their own."""
    cells, results = [], {}
    for title, labels, values in models:
        labels = {"source": "de", "target": "en"} | labels
        spec = {"title": title, "pairs": 200}
        cell = Cell("attention", f"attention of {title}", spec, labels=labels)
        cells.append(cell)
        results[cell.key] = Result(cell.key, cell.kind, cell.title, labels, {}, VALUES | values, 1.0)
    return cells, results


def test_layers_have_their_mean_and_range_over_the_heads():
    entropy, change = attention_tables(
        *study(("parent", {"part": "parent"}, {}), ("de-en src", {"part": "embeddings"}, {"change": CHANGE}))
    )
    assert entropy.columns == ("model", "pairs", "layer 1", "layer 2", "% of largest", "% on the end")
    assert entropy.rows[0] == ("parent", 200, "1.50 (1.00–2.00)", "0.38 (0.25–0.50)", 40.0, 10.0)
    # A head's change is the mean over its projections: 0.1 and 0.3, then 0.2 and 0.2.
    assert change.columns == ("model", "layer 1", "layer 2", "q", "v")
    assert change.rows == (("de-en src", "0.20 (0.10–0.30)", "0.20 (0.20–0.20)", 0.1, 0.3),)


def test_models_of_fewer_layers_leave_cells_empty():
    shallow = {key: VALUES[key][:1] for key in ("entropy", "normalised entropy", "on no word")}
    table, *_ = attention_tables(
        *study(("deep", {"part": "parent"}, {}), ("shallow", {"part": "parent"}, shallow))
    )
    assert table.rows[1][:4] == ("shallow", 200, "1.50 (1.00–2.00)", None)


def test_a_projection_that_a_model_lacks_is_empty_in_its_own_column():
    fused = {"q": [[0.1, 0.1]], "o": [[0.4, 0.4]]}
    whole = fused | {"k": [[0.2, 0.2]]}
    *_, table = attention_tables(
        *study(("fused", {"part": "body"}, {"change": fused}), ("whole", {"part": "body"}, {"change": whole}))
    )
    rows = [dict(zip(table.columns, row, strict=True)) for row in table.rows]
    assert [(row["q"], row["k"], row["o"]) for row in rows] == [(0.1, None, 0.4), (0.1, 0.2, 0.4)]


def test_alignment_is_shown_where_a_word_could_be_tested():
    scored = {"layer": 1, "precision": 79.43, "chance": 7.24, "words": 1055, "by layer": [79.43, 25.0]}
    nothing = {"layer": 1, "precision": None, "chance": None, "words": 0, "by layer": [None, None]}
    tables = attention_tables(
        *study(
            ("parent", {"part": "parent"}, {"alignment": scored}),
            ("child", {"part": "xattn"}, {"alignment": nothing}),
        )
    )
    assert tables[-1].rows == (("parent", "de-en", 1055, 79.4, 7.2, "79.4 / 25.0"),)


def test_few_maps_are_shown_each_with_the_mean_and_one_head():
    source, target = {"side": "source"}, {"side": "target"}
    maps = attention_maps(
        *study(
            ("parent", {"part": "parent"}, {}),
            ("de-en scratch", source | {"part": "scratch"}, {}),
            ("de-en src+xattn", source | {"part": "xattn"}, {}),
            ("de-en src+body", source | {"part": "body"}, {}),
            ("cs-en src+xattn", source | {"part": "xattn"}, {}),
            ("fr-de tgt+xattn", target | {"part": "xattn"}, {}),
            ("fr-de tgt+body", target | {"part": "body"}, {}),
            ("de-en embed+randxattn", {"part": "randxattn", "denoiser": "denoiser"}, {}),
        )
    )
    titles = ["parent", "de-en src+xattn", "de-en src+body", "fr-de tgt+xattn"]
    assert [each["title"] for each in maps] == [title for title in titles for _ in range(2)]
    same = {
        "title": "parent",
        "layer": 1,
        "source": MAP["source"],
        "target": MAP["target"],
        "alignment": [[0, 0]],
    }
    assert maps[0] == same | {"head": None, "weights": [[0.5, 0.5], [0.5, 0.5]]}
    assert maps[1] == same | {"head": 2, "weights": [[0.9, 0.1], [0.0, 1.0]]}


def test_a_study_without_attention_says_nothing():
    assert attention_tables([], {}) == [] and attention_maps([], {}) == []
