"""Recipes: strict and complete; what would fail hours later is refused, all at once and with its place."""

from pathlib import Path

import pytest

from crosslate.errors import SettingsError
from crosslate.models.strategies import parse_strategy
from crosslate.studies.parts import part_of
from crosslate.studies.quick import TRAIN_PAIRS, quick
from crosslate.studies.recipe import load_recipe
from crosslate.studies.texts import PlacedText, Text
from toy_study import NOWHERE, pair_text, planned, recipe, titles

CHILD = {"parent": "fr-en", "source": "de", "target": "en", "text": pair_text("child"), "strategies": ["src"]}
SPANISH = CHILD | {"source": "fr", "target": "es", "strategies": ["tgt"]}
ZERO_SHOT = {"source_child": "de-en", "target_child": "fr-es", "text": pair_text("child"),
             "source_strategies": ["src"], "target_strategy": "tgt"}  # fmt: skip
PARENT = {"name": "fr-en", "source": "fr", "target": "en", "text": pair_text("parent")}
DENOISER = {"name": "noise", "languages": ["de", "en"], "train": {"phrasebook": "parent"},
            "valid": {"phrasebook": "valid"}}  # fmt: skip


def children(*children, **zero_shot):
    return {"children": list(children), "zero_shot": [ZERO_SHOT | zero_shot] if zero_shot else []}


def text(**changes):
    return children(CHILD | {"text": pair_text("child") | {"train": changes}})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"nmae": "x"}, "unknown key nmae; did you mean 'name'"),
        ({"name": "My Study"}, "expected lower-case letters, digits and hyphens"),
        ({"seeds": [1, 1]}, "seeds names 1 twice"),
        ({"sizes": []}, "sizes is empty, expected at least one"),
        ({"seeds": [2**63]}, "seeds[0] is 9223372036854775808, expected at most 9223372036854775807"),
        ({"parents": [], "denoisers": [], "children": [], "zero_shot": []}, "parents and denoisers are both empty"),
        ({"strategies": ["src+xatn"]}, "strategies[0]: unknown strategy 'src+xatn'; did you mean 'src"),
        ({"strategies": ["src", "src"]}, "strategies names src twice"),
        ({"denoising_strategies": ["src"]}, "expected only those that keep the vocabulary"),
        ({"compressions": [{}]}, "compressions[0]: rank is 0 and dtype is empty"),
        ({"training": {"src": {"max_epoch": 3}}}, "training.src: cannot use the training settings: unknown key max_epoch"),
        ({"parents": [PARENT | {"size": "huge"}]}, "parents[0].size: unknown model size 'huge'"),
        ({"parents": [PARENT | {"target_vocabulary": -5}]}, "parents[0].target_vocabulary: -5 pieces, expected 0"),
        ({"denoisers": [DENOISER | {"load": "mbart"}]}, "load and train are both given, expected load alone, or train and"),
        ({"denoisers": [DENOISER | {"train": None}]}, "neither load nor train is given"),
        ({"data": {"metrc": "loss"}}, "did you mean 'metric'"),
        ({"data": {"source_vocabulary_size": 500}}, "source_vocabulary_size is given; expected sizes in parents"),
        ({"denoisers": [DENOISER | {"languages": []}]}, "denoisers[0]: languages is empty, expected at least one"),
        ({"denoisers": [DENOISER | {"valid": {"files": ["a.{language}", "b.{language}"]}}]},
         "valid names 2 files, expected one name that contains {language}"),
        ({"denoisers": [DENOISER | {"train": {"sacrebleu": "wmt14"}}]}, "train is text from sacrebleu, expected files or"),
        ({"dictionaries": {"de-fr": "{foo}"}}, "dictionaries has de-fr: '{foo}', expected a path without braces"),
        ({"dictionaries": {"german": "phrasebook"}}, "expected two codes like de-fr and a file"),
        (children(CHILD | {"parent": "fr"}), "unknown parent 'fr'; known: fr-en"),
        (children(CHILD | {"target": "es"}), "must share exactly one side with its parent, fr-en"),
        (children(CHILD | {"source": "en"}), "child en-en translates from en into itself"),
        (children(CHILD | {"strategies": ["tgt"]}), "child de-en has a new source, but tgt does not replace the source"),
        (children(CHILD | {"vocabulary": 63}), "children[0].vocabulary: 63 pieces, expected 0 (chosen from the text) or at least 64"),
        (children(CHILD | {"strategies": ["src+xattn[layers=0-1]", "src+xattn[layers=0,1]"]}),
         "children[0]: strategies names src+xattn[layers=0-1] twice"),
        (children(CHILD | {"initial_embeddings": []}), "initial_embeddings is empty, expected at least one"),
        (children(CHILD, SPANISH, source_child="fr-es"), "needs a child with a new source, but fr-es keeps its parent's source"),
        (children(CHILD, SPANISH, target_strategy="tgt+xattn"), "which is trained only with tgt"),
        (children(CHILD, SPANISH, source_strategies=[]), "zero_shot[0]: source_strategies is empty"),
        (children(CHILD, SPANISH, source_strategies=["scratch"]),
         "zero_shot composes scratch of de-en, expected a strategy that replaces only the source"),
        (children(CHILD, SPANISH, target_strategy="src"), "zero_shot composes src of fr-es, expected a strategy"),
        (children(CHILD, SPANISH | {"target": "de"}, target_child="fr-de"),
         "zero_shot composes de-en and fr-de to translate from de into itself"),
        (children(CHILD | {"initial_embeddings": ["mean"]}, SPANISH, pivot=True),
         "zero_shot needs de-en with random initial embeddings; add them to"),
        ({"parents": [PARENT, PARENT | {"name": "other"}]} | children(CHILD, SPANISH | {"parent": "other"}, pivot=True),
         "zero_shot composes de-en of the parent fr-en and fr-es of other, expected children of one parent"),
        (text(phrasebook="child", files=["train.{source}"]), "expected exactly one of files, phrasebook, mtdata and sacrebleu"),
        (text(phrasebook="child", first_line=9, last_line=3), "last_line is 3, expected 0 or at least first_line, 9"),
    ],
)  # fmt: skip
def test_what_would_fail_hours_later_is_refused(changes, message):
    with pytest.raises(SettingsError) as refused:
        recipe(**changes)
    assert message in str(refused.value)


@pytest.mark.parametrize(
    "name", ["{foo}", "{}", "{source", "}", "{source.__class__}", "{source!r}", "{source:>9}"]
)
def test_names_of_files_are_filled_with_codes_alone(name):
    with pytest.raises(SettingsError) as refused:
        recipe(**text(files=[name]))
    assert f"children[0].text.train: files names {name!r}" in str(refused.value)
    assert "expected only {source}, {target} or {language} in braces" in str(refused.value)


def test_a_brace_of_a_path_is_written_twice():
    placed = PlacedText(Text(files=["{{a}}/{source}.{target}.{language}"]), "de", "en")
    assert NOWHERE.paths(placed) == [Path("nowhere/{a}/de.en.de")]


def test_an_unknown_recipe_or_analysis_names_the_nearest():
    with pytest.raises(SettingsError, match="no recipe 'multi30'; did you mean 'multi30k'"):
        load_recipe("multi30")
    with pytest.raises(SettingsError, match="unknown analysis 'lexicons'; did you mean 'lexicon'"):
        planned(recipe(analyses=["lexicons"]))


def test_children_take_the_strategies_of_their_side():
    toy = recipe(children=[SPANISH | {"strategies": []}], zero_shot=[])
    assert toy.strategies_of(toy.children[0]) == ["scratch", "tgt", "tgt+body", "tgt+xattn", "tgt+randxattn"]


def test_settings_of_a_strategy_go_before_those_of_all():
    toy = recipe(training={"all": {"max_epochs": 3}, "src": {"max_epochs": 7}})
    assert [toy.training_settings(name, 5).max_epochs for name in ("src", "src+xattn")] == [7, 3]
    assert toy.training_settings("src", 5).seed == 5
    limited = recipe(training={"all": {"max_epochs": 3}, "src+xattn": {"max_epochs": 7},
                               "src+xattn[k]": {"dropout": 0.5}})  # fmt: skip
    found = [limited.training_settings(f"src+xattn[{limit}]", 5) for limit in ("k", "v")]
    assert [(each.max_epochs, each.dropout) for each in found] == [(7, 0.5), (7, None)]


@pytest.mark.parametrize(
    ("strategy", "part"),
    [("scratch", "scratch"), ("src", "embeddings"), ("embed", "embeddings"), ("tgt+xattn", "xattn"),
     ("src+tgt+xattn", "xattn"), ("src+body", "body"), ("embed+randxattn", "randxattn"), ("src+xattn[k,v]", "limited"),
     ("tgt+xattn[auto=50%]", "limited"), ("src+all", "all"), ("src+lora", "lora-xattn"), ("tgt+lora[attention]", "lora-attention"),
     ("src+ia3", "ia3"), ("tgt+bitfit", "bitfit"), ("src+prefix", "prefix"), ("src+adapters", "adapters")],
)  # fmt: skip
def test_parts_are_the_rows_of_the_papers_tables_and_methods(strategy, part):
    assert part_of(parse_strategy(strategy)) == part


def test_quick_changes_the_scale_and_not_the_grid():
    assert titles(planned(quick(recipe()))) == titles(planned(recipe()))
    study = quick(load_recipe("multi30k"))
    assert study.name == "multi30k-quick"
    assert study.children[0].text.train.last_line == 14501 + TRAIN_PAIRS - 1
    # Models have the layers and heads that strategies name.
    assert study.parents[0].size == "1,64,2,128"
    assert quick(load_recipe("finer-freezing")).parents[0].size == "2,64,4,128"
    paper = quick(load_recipe("paper"))
    assert paper.parents[0].size == "1,64,2,128-paper"
    assert paper.denoisers == load_recipe("paper").denoisers
