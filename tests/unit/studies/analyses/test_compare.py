"""The work of comparisons, on stored translations and words."""

from dataclasses import replace
from pathlib import Path

import pytest

from crosslate.errors import InputError
from crosslate.studies.analyses import work
from crosslate.studies.cells import find
from crosslate.studies.run import Place
from crosslate.studies.store import Output, Store
from crosslate.studies.texts import Library
from crosslate.text.corpora import ParallelCorpus
from toy_study import planned, recipe

REFERENCE = [
    f"The {word} dog sees {number} cats in the old garden." for number, word in enumerate("abcdefgh")
]
SEEDS = [1, 2]


@pytest.fixture
def store(tmp_path, monkeypatch):
    """A study whose test set is made by hand."""
    test = ParallelCorpus(["x"] * len(REFERENCE), REFERENCE, "de", "en", "by hand")
    monkeypatch.setattr(Library, "load", lambda self, placed: test)
    return Store(tmp_path)


CELLS = planned(recipe(seeds=SEEDS, denoisers=[], zero_shot=[]))


def compared(store, kind, first, second, outputs):
    """The result of a comparison of two strategies."""
    for seed in SEEDS:
        for strategy in (first, second):
            (cell,) = find(CELLS, kind, child="de-en", strategy=strategy, seed=seed)
            store.save(cell, outputs(strategy, seed), 1.0, {})
    titled = [f"{'' if kind == 'child' else f'{kind} of '}de-en {strategy}" for strategy in (first, second)]
    (cell,) = find(CELLS, "compare", first=titled[0], second=titled[1])
    return work(cell, Place(store.folder, Path())).values


def test_translations_of_all_seeds_are_compared(store):
    def outputs(strategy, seed):
        lines = list(REFERENCE)
        for row in range(seed if strategy == "src+xattn" else 5):
            lines[row] = "Nothing like it."
        return Output({}, lines)

    found = compared(store, "child", "src+xattn", "src", outputs)
    assert found["units"] == 8
    for metric, name in (("bleu", "tok:13a"), ("chrf", "nc:6")):
        each = found[metric]
        assert each["first"] > 70 > each["second"] > 0 and name in each["signature"]
        low, high = each["interval"]
        assert 0 < low < each["first"] - each["second"] < high < 100 and each["p_value"] < 0.05


def test_lexicons_are_compared_on_the_words_that_all_have(store):
    right = {"src+xattn": {"hund": True, "haus": True, "katze": True, "baum": False}, "src": {}}

    def outputs(strategy, seed):
        hits = {word: right[strategy].get(word, False) for word in ("hund", "haus", "katze", "baum")}
        return Output({"hits": hits | ({"nur": True} if strategy == "src" and seed == 2 else {})})

    cells = [cell for cell in CELLS if cell.kind == "lexicon"]
    by_strategy = {
        (strategy, seed): find(cells, "lexicon", child="de-en", strategy=strategy, seed=seed)[0]
        for strategy in right for seed in SEEDS
    }  # fmt: skip
    for (strategy, seed), cell in by_strategy.items():
        store.save(cell, outputs(strategy, seed), 1.0, {})
    needs = {
        f"{role} {seed}": by_strategy[strategy, seed].key
        for role, strategy in (("first", "src+xattn"), ("second", "src")) for seed in SEEDS
    }  # fmt: skip
    template = find(CELLS, "compare")[0]
    spec = {name: value for name, value in template.spec.items() if name != "text"}
    found = work(replace(template, spec=spec, needs=needs, texts={}), Place(store.folder, Path())).values
    assert found["units"] == 4
    store.save(by_strategy["src", SEEDS[0]], Output({"hits": {"fremd": True}}), 1.0, {})
    with pytest.raises(InputError, match="no word was tested in all tables"):
        work(replace(template, spec=spec, needs=needs, texts={}), Place(store.folder, Path()))
    precision = found["precision"]
    assert (precision["first"], precision["second"]) == (75.0, 0.0)
    assert precision["interval"][0] > 0 and precision["p_value"] < 0.05
