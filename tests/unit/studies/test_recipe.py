"""Recipes: strict, complete, and every shipped one can be planned without its data."""

from dataclasses import replace
from pathlib import Path

import pytest

from crosslate.errors import InputError, SettingsError
from crosslate.models.strategies import parse_strategy
from crosslate.studies.cells import find
from crosslate.studies.grid import check_texts, plan_study
from crosslate.studies.quick import TRAIN_PAIRS, quick
from crosslate.studies.recipe import load_recipe, part_of, shipped_recipes
from crosslate.studies.texts import Library, Text
from toy_study import pair_text, recipe

NOWHERE = Library(Path("nowhere"))


def titles(cells):
    return [cell.title for cell in cells]


SHIPPED = [
    "finer-freezing",
    "initial-embeddings",
    "low-resource",
    "multi30k",
    "paper",
    "phrasebook",
    "rivals",
]


@pytest.mark.parametrize("name", SHIPPED)
def test_every_shipped_recipe_is_planned_without_its_data(name):
    cells = plan_study(load_recipe(name), NOWHERE)
    assert len({cell.title for cell in cells}) == len({cell.key for cell in cells}) == len(cells)
    short = plan_study(quick(load_recipe(name)), NOWHERE)
    assert sum(cell.operations for cell in short) < 0.5 * sum(cell.operations for cell in cells)
    assert not {cell.key for cell in find(short, "child")} & {cell.key for cell in find(cells, "child")}


def test_no_shipped_recipe_is_left_out():
    assert list(shipped_recipes()) == SHIPPED


def test_the_plan_of_multi30k_is_the_protocol():
    study = load_recipe("multi30k")
    cells = plan_study(study, NOWHERE)
    children = {(cell.labels["child"], cell.labels["strategy"]) for cell in find(cells, "child")}
    strategies = ("scratch", "{}", "{}+body", "{}+xattn", "{}+randxattn")
    expected = {
        (child, strategy.format(side))
        for child, side in (("de-en", "src"), ("cs-en", "src"), ("fr-de", "tgt"), ("fr-cs", "tgt"))
        for strategy in strategies
    }
    assert children == expected
    assert {cell.labels["pair"] for cell in find(cells, "zero-shot")} == {"de-cs", "cs-de"}
    (parent,) = find(cells, "parent")
    assert parent.spec["text"]["train"]["lines"] == [1, 14500]
    assert all(cell.spec["text"]["train"]["lines"] == [14501, 29000] for cell in find(cells, "child"))
    assert len(find(cells, "denoiser")) == 1 and len(find(cells, "denoising child")) == 8


def test_the_paper_has_its_sizes_and_settings():
    study = load_recipe("paper")
    assert [(child.name, child.vocabulary) for child in study.children] == [
        ("ro-en", 16000), ("ja-en", 8000), ("de-en", 8000), ("ha-en", 8000), ("fr-es", 8000), ("fr-de", 8000),
    ]  # fmt: skip
    assert study.training_settings("src", 1).fresh_learning_rate == 3e-4
    assert study.training_settings("tgt+xattn", 1).pretrained_learning_rate == 3e-5
    assert study.parent("fr-en").source_vocabulary == 32000


def test_children_take_the_strategies_of_their_side():
    toy = recipe(children=[{"parent": "fr-en", "source": "fr", "target": "es", "text": pair_text("child")}],
                 zero_shot=[])  # fmt: skip
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
    [("src+xattn[k,v]", "limited"), ("tgt+xattn[auto=50%]", "limited"), ("scratch", "scratch"), ("src", "embeddings"), ("embed", "embeddings"), ("tgt+xattn", "xattn"),
     ("src+body", "body"), ("embed+randxattn", "randxattn")],
)  # fmt: skip
def test_parts_are_the_rows_of_the_papers_tables(strategy, part):
    assert part_of(parse_strategy(strategy)) == part


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"nmae": "x"}, "unknown key nmae; did you mean 'name'"),
        ({"name": "My Study"}, "expected small letters, digits and hyphens"),
        ({"seeds": [1, 1]}, "seeds names 1 twice"),
        ({"sizes": []}, "expected at least one number"),
        ({"strategies": ["src+xatn"]}, "did you mean 'src"),
        ({"training": {"src": {"max_epoch": 3}}}, "did you mean 'max_epochs'"),
        ({"denoising_strategies": ["src"]}, "expected those that keep the vocabulary"),
        ({"children": [{"parent": "fr", "source": "de", "target": "en", "text": pair_text("child")}],
          "zero_shot": []}, "has the parent 'fr'; known: fr-en"),
        ({"children": [{"parent": "fr-en", "source": "de", "target": "es", "text": pair_text("child")}],
          "zero_shot": []}, "must share exactly one side with its parent"),
        ({"zero_shot": [{"source_child": "fr-es", "target_child": "fr-es", "text": pair_text("child")}]},
         "takes a new source from fr-es, which renews the other side"),
        ({"zero_shot": [{"source_child": "de-en", "target_child": "fr-es", "target_strategy": "tgt",
                         "text": pair_text("child")}]}, "is trained with tgt\\+xattn only"),
        ({"parents": [{"name": "fr-en", "source": "fr", "target": "en", "text": pair_text("parent"),
                       "size": "huge"}]}, "unknown model size 'huge'"),
        ({"children": [{"parent": "fr-en", "source": "de", "target": "en", "text": pair_text("child"),
                        "initial_embeddings": ["median"]}], "zero_shot": []},
         "initial_embeddings\\[0\\]: unknown initial embeddings 'median'; did you mean 'mean'"),
        ({"children": [{"parent": "fr-en", "source": "de", "target": "en", "text": pair_text("child"),
                        "initial_embeddings": []}], "zero_shot": []}, "expected some, each once"),
    ],
)  # fmt: skip
def test_contradictions_are_refused_with_what_to_do(changes, message):
    with pytest.raises(SettingsError, match=message):
        recipe(**changes)


CHILD = {"parent": "fr-en", "source": "de", "target": "en", "text": pair_text("child"), "strategies": ["src"]}
SPANISH = CHILD | {"source": "fr", "target": "es", "strategies": ["tgt"]}
ZERO_SHOT = {"source_child": "de-en", "target_child": "fr-es", "text": pair_text("child"),
             "source_strategies": ["src"], "target_strategy": "tgt"}  # fmt: skip
PARENT = {"name": "fr-en", "source": "fr", "target": "en", "text": pair_text("parent")}
DENOISER = {"name": "noise", "languages": ["de", "en"], "train": {"phrasebook": "parent"},
            "valid": {"phrasebook": "valid"}}  # fmt: skip


def children(*children, **zero_shot):
    return {"children": list(children), "zero_shot": [ZERO_SHOT | zero_shot] if zero_shot else []}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (children(CHILD, SPANISH, source_strategies=[]), "zero_shot of de-en and fr-es has no source_strategies"),
        (children(CHILD, SPANISH, supervised_sizes=[5, -1]), "supervised_sizes [5, -1], expected none below 0"),
        (children(CHILD | {"strategies": ["scratch"]}, SPANISH, source_strategies=["scratch"]),
         "zero_shot composes scratch of de-en, expected a strategy that renews the source and keeps the other"),
        (children(CHILD, SPANISH | {"strategies": ["scratch"]}, target_strategy="scratch"),
         "zero_shot composes scratch of fr-es, expected a strategy that renews the target and keeps the other"),
        (children(CHILD, SPANISH, target_strategy="src"), "zero_shot composes src of fr-es, expected a strategy"),
        (children(CHILD, SPANISH, target_strategy="tgtt"), "unknown strategy 'tgtt'"),
        (children(CHILD, SPANISH | {"target": "de"}, target_child="fr-de"),
         "zero_shot composes de-en and fr-de to translate from de into itself"),
        ({"parents": [PARENT, PARENT | {"name": "other"}]} | children(CHILD, SPANISH | {"parent": "other"}, pivot=True),
         "zero_shot composes de-en of the parent fr-en and fr-es of other, expected children of one parent"),
        (children(CHILD | {"source": "en"}), "child en-en translates from en into itself"),
        (children(CHILD | {"vocabulary": -1}), "vocabulary of child de-en is -1, expected 0 (chosen from the text) or 64"),
        (children(CHILD | {"vocabulary": 63}), "vocabulary of child de-en is 63"),
        ({"parents": [PARENT | {"target_vocabulary": -5}]}, "target_vocabulary of parent fr-en is -5"),
        ({"denoisers": [DENOISER | {"vocabulary": -5}]}, "vocabulary of denoiser noise is -5"),
        (children(CHILD | {"strategies": ["src+xattn[layers=0-1]", "src+xattn[layers=0,1]"]}),
         "child de-en names the strategy src+xattn[layers=0,1] twice"),
        ({"strategies": ["src", "src"]}, "strategies names the strategy src twice"),
        ({"denoising_strategies": ["embed", "embed"]}, "denoising_strategies names the strategy embed twice"),
        ({"seeds": [-1]}, "seeds is [-1], expected at least one number, none below 0"),
        ({"seeds": [2**63]}, "seeds has 9223372036854775808, expected at most 9223372036854775807"),
        ({"phrasebook_seed": -1}, "phrasebook_seed is -1, expected 0 or more"),
        ({"phrasebook_seed": 2**63}, "phrasebook_seed has 9223372036854775808, expected at most"),
        ({"parents": [], "denoisers": [], "children": [], "zero_shot": []}, "neither parents nor denoisers"),
        ({"denoisers": [DENOISER | {"languages": []}]}, "denoiser noise has the languages [], expected at least one"),
        ({"denoisers": [DENOISER | {"languages": ["de", "de"]}]}, "has the languages ['de', 'de'], expected"),
        ({"denoisers": [DENOISER | {"mask_share": 1.0}]}, "mask_share 1.0, expected 0 or more and below 1"),
        ({"denoisers": [DENOISER | {"mask_share": float("nan")}]}, "mask_share nan, expected 0 or more and below 1"),
        ({"denoisers": [DENOISER | {"mean_span_words": 0.0}]}, "mean_span_words 0.0, expected a positive, finite"),
        ({"denoisers": [DENOISER | {"mean_span_words": float("inf")}]}, "mean_span_words inf, expected"),
        ({"denoisers": [DENOISER | {"valid": {"files": ["a.{language}", "b.{language}"]}}]},
         "denoiser noise has valid text in 2 files, expected one for each language"),
        ({"denoisers": [DENOISER | {"train": {"sacrebleu": "wmt14"}}]}, "train text from sacrebleu, expected files or"),
        ({"training": {"src": {"weight_decay": float("inf")}}},
         "training.src: cannot use the training settings: weight_decay is inf"),
        ({"parents": [PARENT | {"training": {"fresh_learning_rate": 10**400}}]},
         "training of fr-en: cannot use the training settings: fresh_learning_rate is an integer of 1329 bits"),
        ({"training": {1: {}}}, "training has the key 1, expected text"),
        ({"dictionaries": {1: "phrasebook"}}, "dictionaries has the key 1, expected text"),
        ({"dictionaries": {"de-fr": "{foo}"}}, "dictionaries has de-fr: '{foo}', expected a path without braces"),
        ({"dictionaries": {"de-fr": "muse/{source}"}}, "expected a path without braces"),
    ],
)  # fmt: skip
def test_what_would_fail_hours_later_is_refused(changes, message):
    with pytest.raises(SettingsError) as refused:
        recipe(**changes)
    assert message in str(refused.value)


def test_a_study_of_denoisers_alone_is_one():
    toy = recipe(parents=[], children=[], zero_shot=[], denoisers=[DENOISER])
    assert titles(plan_study(toy, NOWHERE)) == ["denoiser noise"]


def test_text_has_one_source():
    both = pair_text("child")
    both["train"] = {"phrasebook": "child", "files": ["train.{source}"]}
    with pytest.raises(
        SettingsError, match="expected exactly one of files, phrasebook, mtdata and sacrebleu"
    ):
        recipe(children=[{"parent": "fr-en", "source": "de", "target": "en", "text": both}], zero_shot=[])


@pytest.mark.parametrize(
    "name",
    [
        "{foo}",
        "{0}",
        "{}",
        "{source",
        "{",
        "}",
        "{source.__class__}",
        "{source!r}",
        "{source:>9}",
        "{source:}}",
    ],
)
def test_names_of_files_are_filled_with_codes_alone(name):
    broken = pair_text("child") | {"train": {"files": [name]}}
    with pytest.raises(SettingsError) as refused:
        recipe(children=[{"parent": "fr-en", "source": "de", "target": "en", "text": broken}], zero_shot=[])
    assert f"children[0].text.train: cannot use this text: files names {name!r}" in str(refused.value)
    assert "expected {source}, {target} or {language} alone in braces" in str(refused.value)


def test_a_brace_of_a_path_is_written_twice():
    text = Text(files=["{{a}}/{source}.{target}.{language}"])
    assert NOWHERE.paths(text, "de", "en") == [Path("nowhere/{a}/de.en.de")]


def test_faults_of_texts_say_where():
    broken = pair_text("child") | {"valid": {"phrasebook": "valid", "first_line": 0}}
    with pytest.raises(
        SettingsError, match=r"children\[0\]\.text\.valid: cannot use this text: first_line is 0"
    ):
        recipe(children=[{"parent": "fr-en", "source": "de", "target": "en", "text": broken}], zero_shot=[])
    with pytest.raises(SettingsError, match=r"children\[0\]\.text\.valid\.phrasebook is 'x', expected 'parent', "
                       "'child', 'valid', 'test' or nothing"):  # fmt: skip
        broken["valid"] = {"phrasebook": "x"}
        recipe(children=[{"parent": "fr-en", "source": "de", "target": "en", "text": broken}], zero_shot=[])


def test_an_unknown_recipe_names_the_nearest():
    with pytest.raises(SettingsError, match="no recipe 'multi30'; did you mean 'multi30k'"):
        load_recipe("multi30")


def test_keys_follow_the_bytes_of_files_not_their_place(tmp_path):
    def planned(folder, text):
        folder.mkdir()
        for language in ("de", "en"):
            (folder / f"train.{language}").write_text(text, encoding="utf-8")
        texts = pair_text("child") | {"train": {"files": ["train.{source}", "train.{target}"]}}
        toy = recipe(zero_shot=[], children=[
            {"parent": "fr-en", "source": "de", "target": "en", "text": texts, "strategies": ["src"]}
        ])  # fmt: skip
        (cell,) = find(plan_study(toy, Library(folder)), "child")
        return cell.key

    one, same, other = (
        planned(tmp_path / name, text) for name, text in (("a", "x\n"), ("b", "x\n"), ("c", "y\n"))
    )
    assert one == same != other


def test_missing_text_is_reported_before_anything_runs():
    cells = plan_study(load_recipe("multi30k"), NOWHERE)
    with pytest.raises(InputError, match=r"nowhere/multi30k/train\.fr\.gz") as refused:
        check_texts(cells, NOWHERE)
    assert "nowhere/multi30k/val.cs.gz" in str(refused.value)


def test_a_size_cuts_the_training_text_alone():
    toy = recipe(sizes=[50, 0])
    small, whole = find(plan_study(toy, NOWHERE), "child", strategy="src")
    assert small.spec["text"]["train"]["lines"] == [1, 50] and whole.spec["text"]["train"]["lines"] == [
        1,
        200,
    ]
    assert small.spec["text"]["test"] == whole.spec["text"]["test"]
    assert small.title == "de-en src, 50 pairs"


def test_quick_changes_the_scale_and_not_the_grid():
    whole, short = (titles(plan_study(each, NOWHERE)) for each in (recipe(), quick(recipe())))
    assert short == whole
    study = quick(load_recipe("multi30k"))
    assert study.name == "multi30k-quick"
    assert study.children[0].text.train.last_line == 14501 + TRAIN_PAIRS - 1


def test_analyses_can_be_left_out():
    kinds = {cell.kind for cell in plan_study(replace(recipe(), analyses=["forgetting"]), NOWHERE)}
    assert "forgetting" in kinds and not kinds & {"lexicon", "zero-shot", "supervised", "compare"}


def test_a_dictionary_is_composed_where_there_is_none():
    toy = recipe(dictionaries={"de-en": "phrasebook", "en-fr": "phrasebook"})
    cells = find(plan_study(toy, NOWHERE), "lexicon", child="de-en")
    assert [step["languages"] for step in cells[0].spec["dictionaries"]] == ["de-en", "en-fr"]


def test_what_is_measured_beside_training_is_in_no_key():
    studies = [recipe(seeds=[1, 2], sizes=[50, 0], dictionaries=each)
               for each in ({}, {"de-fr": "phrasebook"})]  # fmt: skip
    without, known = (
        {cell.title: cell for cell in plan_study(study, NOWHERE) if cell.kind in ("parent", "child")}
        for study in studies
    )
    assert {title: cell.key for title, cell in known.items()} == {
        title: cell.key for title, cell in without.items()
    }
    watched = {title: cell.watched["lexicon"] for title, cell in known.items() if cell.watched}
    assert {title: (each["side"], [step["languages"] for step in each["dictionaries"]])
            for title, each in watched.items()} == {
        "de-en src, seed 1": ("source", ["de-fr"]), "de-en src+xattn, seed 1": ("source", ["de-fr"]),
    }  # fmt: skip
    off = plan_study(replace(studies[1], analyses=["forgetting"]), NOWHERE)
    assert not any(cell.watched for cell in off)


def test_a_dictionary_that_is_not_there_is_refused_before_anything_runs():
    study = recipe(dictionaries={"de-fr": "words/de-fr.txt"})
    with pytest.raises(InputError, match=r"words.de-fr\.txt"):
        check_texts(plan_study(study, NOWHERE), NOWHERE)


def test_keys_follow_what_a_dictionary_says_not_where_it_lies(tmp_path):
    keys = []
    for folder in ("one", "other"):
        file = tmp_path / folder / "de-fr.txt"
        file.parent.mkdir()
        file.write_text("Hund chien\n", encoding="utf-8")
        study = recipe(dictionaries={"de-fr": f"{folder}/de-fr.txt"})
        keys.append([cell.key for cell in plan_study(study, Library(tmp_path, study.phrasebook_seed))])
    assert keys[0] == keys[1]


@pytest.mark.parametrize(("pair", "side"), [("de-en", "source"), ("en-de", "target")])
def test_children_of_denoisers_compare_their_languages_whichever_way_a_dictionary_leads(pair, side):
    cells = plan_study(recipe(dictionaries={pair: "phrasebook"}), NOWHERE)
    (child,) = find(cells, "denoising child")
    (lexicon,) = find(cells, "lexicon of languages")
    assert child.watched["lexicon"]["side"] == lexicon.spec["side"] == side
    assert lexicon.labels["languages"] == pair and lexicon.needs["child"] == child.key


def test_keys_of_stored_results_stay():
    """A study of days is found again by them; whoever changes what a key means raises the cells' revision."""
    kept = {
        ("phrasebook", "parent fr-en"): "f770b27f46d7",
        ("phrasebook", "de-en src"): "952fa1cd0732",
        ("phrasebook", "de-en src+xattn"): "fb0aeb633d4a",
        ("phrasebook", "fr-es tgt+xattn"): "80befaa54516",
        ("phrasebook", "de-en embed+xattn on denoiser"): "0a939dffab3c",
        ("phrasebook", "attention of de-en src+xattn"): "bea372d6f2ea",
        ("multi30k", "parent fr-en"): "9ed86f7fad21",
        ("multi30k", "de-en src+xattn"): "22e420df0156",
        ("low-resource", "fr-de tgt, 500 pairs"): "afb8d3df2be3",
    }
    for name in {name for name, _ in kept}:
        found = {cell.title: cell.key[:12] for cell in plan_study(load_recipe(name), NOWHERE)}
        assert {title: found[title] for each, title in kept if each == name} == {
            title: key for (each, title), key in kept.items() if each == name
        }


def test_initial_embeddings_are_children_of_their_own_and_the_default_is_in_no_key():
    start = ["random", "mean", "dictionary"]
    child = {"parent": "fr-en", "source": "de", "target": "en", "text": pair_text("child"), "vocabulary": 300,
             "strategies": ["scratch", "src"]}  # fmt: skip
    plain, several = (
        plan_study(recipe(children=[child | more], zero_shot=[], sizes=[50, 0]), NOWHERE)
        for more in ({}, {"initial_embeddings": start})
    )
    keys = {cell.title: cell.key for cell in several}
    assert all(keys[cell.title] == cell.key for cell in plain)
    new = [cell for cell in find(several, "child") if cell.labels["initial"] != "random"]
    assert titles(new) == [
        "de-en src, mean embeddings, 50 pairs", "de-en src, mean embeddings",
        "de-en src, dictionary embeddings, 50 pairs", "de-en src, dictionary embeddings",
    ]  # fmt: skip
    assert new[0].spec["initial_embeddings"] == {"method": "mean"}
    (step,) = new[2].spec["initial_embeddings"]["dictionaries"]
    assert step["languages"] == "de-fr"
    against = titles(find(several, "compare"))
    assert "de-en src, mean embeddings against de-en src" in against
    assert "de-en src, dictionary embeddings, 50 pairs against de-en src, 50 pairs" in against
    with pytest.raises(SettingsError, match="need one from de to fr; the recipe names es-en"):
        plan_study(
            recipe(children=[child | {"initial_embeddings": start}], zero_shot=[],
                   dictionaries={"es-en": "phrasebook"}), NOWHERE,
        )  # fmt: skip


def test_aligned_embeddings_need_no_dictionary():
    child = {"parent": "fr-en", "source": "de", "target": "en", "text": pair_text("child"), "vocabulary": 300,
             "strategies": ["src"], "initial_embeddings": ["aligned"]}  # fmt: skip
    (cell,) = find(
        plan_study(recipe(children=[child], zero_shot=[], dictionaries={}), NOWHERE), "child", child="de-en"
    )
    assert cell.spec["initial_embeddings"] == {"method": "aligned"}


def test_a_composed_child_starts_at_random():
    toy = recipe()
    children = [replace(toy.children[0], initial_embeddings=["random", "mean"]), toy.children[1]]
    cells = plan_study(replace(toy, children=children), NOWHERE)
    assert titles(find(cells, "zero-shot")) == ["de-es composed of de-en src+xattn and fr-es tgt+xattn"]
    with pytest.raises(SettingsError, match="zero_shot composes de-en with random initial embeddings"):
        replace(toy, children=[replace(children[0], initial_embeddings=["mean"]), children[1]])


def test_parts_of_cross_attention_are_compared_with_all_of_it():
    study = load_recipe("finer-freezing")
    cells = plan_study(study, NOWHERE)
    against = titles(find(cells, "compare"))
    assert "de-en src+xattn[auto=50%] against de-en src+xattn" in against
    assert "fr-de tgt+xattn[k,v] against fr-de tgt+xattn" in against
    assert "de-en src+xattn against de-en src" in against
    keys = {cell.title: cell.key for cell in plan_study(load_recipe("multi30k"), NOWHERE)}
    assert {cell.key for cell in cells} >= {
        keys[each] for each in ("parent fr-en", "de-en src+xattn", "fr-de tgt")
    }


def test_quick_models_have_the_layers_and_heads_that_are_named():
    assert [quick(load_recipe(name)).parents[0].size for name in ("finer-freezing", "multi30k")] == [
        "2,64,4,128", "1,64,2,128",
    ]  # fmt: skip
