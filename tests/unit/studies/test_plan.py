"""Plans: every shipped recipe, the cells that belong together, and keys that stay and change when they should."""

import pytest

from crosslate.errors import InputError, SettingsError
from crosslate.files import sha256_text
from crosslate.studies.analyses import plan_study
from crosslate.studies.cells import find
from crosslate.studies.plan import check_texts
from crosslate.studies.quick import quick
from crosslate.studies.recipe import load_recipe, shipped_recipes
from crosslate.studies.texts import Library
from toy_study import NOWHERE, pair_text, planned, recipe, titles

# Results that studies have stored are found by keys: a sum changes with the meaning of cells alone.
SHIPPED = {
    "finer-freezing": (71, "37aa6d21b789da72"), "initial-embeddings": (65, "8910801ca1fd326d"),
    "low-resource": (145, "376a19d676007e70"), "multi30k": (225, "9d579b181230d901"),
    "paper": (191, "e8a445a05adac033"), "phrasebook": (134, "37660be256531ba3"),
    "published": (250, "8a558f95c18a187b"), "published-sizes": (122, "e253da4da1ec80f7"), "rivals": (103, "e3726d679720d860"),
}  # fmt: skip
CHILD = {"parent": "fr-en", "source": "de", "target": "en", "text": pair_text("child"), "vocabulary": 300}


@pytest.mark.parametrize("name", shipped_recipes())
def test_every_shipped_recipe_is_planned_without_its_data_and_keeps_its_keys(name):
    """So recipes that share cells with that of the paper's study share its results."""
    cells = planned(load_recipe(name))
    assert len(set(titles(cells))) == len({cell.key for cell in cells}) == len(cells)
    assert (len(cells), sha256_text("\n".join(sorted(cell.key for cell in cells)))[:16]) == SHIPPED[name]
    short = planned(quick(load_recipe(name)))
    assert sum(cell.operations for cell in short) < 0.5 * sum(cell.operations for cell in cells)
    assert not {cell.key for cell in find(short, "child")} & {cell.key for cell in find(cells, "child")}


def test_the_plan_of_multi30k_is_the_protocol():
    cells = planned(load_recipe("multi30k"))
    assert {(cell.labels["child"], cell.labels["strategy"]) for cell in find(cells, "child")} == {
        (child, strategy.format(side))
        for child, side in (("de-en", "src"), ("cs-en", "src"), ("fr-de", "tgt"), ("fr-cs", "tgt"))
        for strategy in ("scratch", "{}", "{}+body", "{}+xattn", "{}+randxattn")
    }
    assert {cell.labels["pair"] for cell in find(cells, "zero-shot")} == {"de-cs", "cs-de"}
    (parent,) = find(cells, "parent")
    assert parent.spec["text"]["train"]["lines"] == [1, 14500]
    assert all(cell.spec["text"]["train"]["lines"] == [14501, 29000] for cell in find(cells, "child"))
    assert len(find(cells, "denoiser")) == 1 and len(find(cells, "denoising child")) == 8


def test_parts_can_be_left_out():
    assert titles(planned(recipe(parents=[], children=[], zero_shot=[]))) == ["denoiser denoiser"]
    kinds = {cell.kind for cell in planned(recipe(analyses=["forgetting"]))}
    assert "forgetting" in kinds and not kinds & {"lexicon", "zero-shot", "supervised", "compare"}


def test_a_tokenizer_changes_the_keys_of_what_it_scores(monkeypatch):
    """The usual one is in no key; another is in those of cells that translate a test set, or follow from one."""

    def keys():
        return {(cell.kind, cell.title): cell.key for cell in planned(recipe())}

    usual = keys()
    assert not any("bleu_tokenizers" in cell.spec for cell in planned(recipe()))
    monkeypatch.setattr(
        "crosslate.studies.plan.bleu_tokenizer", lambda language, lines: "char" if language == "es" else "13a"
    )
    changed = {cell for cell, key in keys().items() if key != usual[cell]}
    assert ("child", "fr-es tgt+xattn") in changed and ("child", "de-en src") not in changed
    (child,) = find(planned(recipe()), "child", strategy="tgt+xattn")
    assert child.spec["bleu_tokenizers"] == {"valid": "char", "test": "char"}


def test_a_size_cuts_the_training_text_alone():
    small, whole = find(planned(recipe(sizes=[50, 0])), "child", strategy="src")
    assert [cell.spec["text"]["train"]["lines"] for cell in (small, whole)] == [[1, 50], [1, 200]]
    assert small.spec["text"]["test"] == whole.spec["text"]["test"]
    assert small.title == "de-en src, 50 pairs"


def test_keys_follow_the_bytes_of_files_not_their_place(tmp_path):
    keys = {}
    for folder, text in (("a", "x\n"), ("b", "x\n"), ("c", "y\n")):
        (tmp_path / folder).mkdir()
        for name in ("train.de", "train.en"):
            (tmp_path / folder / name).write_text(text, encoding="utf-8")
        (tmp_path / f"{folder}.txt").write_text("Hund chien\n", encoding="utf-8")
        texts = pair_text("child") | {
            "train": {"files": [f"{folder}/train.{{source}}", f"{folder}/train.{{target}}"]}
        }
        study = recipe(children=[CHILD | {"text": texts, "strategies": ["src"]}], zero_shot=[],
                       dictionaries={"de-fr": f"{folder}.txt"})  # fmt: skip
        keys[folder] = {
            cell.key for cell in plan_study(study, Library(tmp_path)) if cell.title.endswith("de-en src")
        }
    assert keys["a"] == keys["b"] and not keys["a"] & keys["c"]


@pytest.mark.parametrize("dictionaries", [{}, {"de-fr": "words/de-fr.txt"}])
def test_missing_text_is_reported_before_anything_runs(dictionaries):
    texts = pair_text("child") | {"train": {"files": ["train.{source}.gz", "train.{target}.gz"]}}
    study = recipe(children=[CHILD | {"text": texts}], zero_shot=[], dictionaries=dictionaries)
    with pytest.raises(InputError, match=r"nowhere/train\.de\.gz") as refused:
        check_texts(planned(study), NOWHERE)
    assert all(f"nowhere/{file}" in str(refused.value) for file in ("train.en.gz", *dictionaries.values()))


def test_references_that_judge_nothing_are_reported_before_anything_runs(tmp_path):
    (tmp_path / "test.de").write_text("Hund\nKatze\n", encoding="utf-8")
    (tmp_path / "test.en").write_text("\n\n", encoding="utf-8")
    texts = pair_text("child") | {"test": {"files": ["test.{source}", "test.{target}"]}}
    study = recipe(children=[CHILD | {"text": texts}], zero_shot=[])
    with pytest.raises(InputError, match=r"test\.de \+ test\.en: every reference is empty"):
        check_texts(plan_study(study, Library(tmp_path)), Library(tmp_path))


def test_a_dictionary_is_composed_where_there_is_none():
    cells = planned(recipe(dictionaries={"de-en": "phrasebook", "en-fr": "phrasebook"}))
    (first, *_) = find(cells, "lexicon", child="de-en")
    assert [step["languages"] for step in first.spec["dictionaries"]] == ["de-en", "en-fr"]


@pytest.mark.parametrize(("pair", "side"), [("de-en", "source"), ("en-de", "target")])
def test_children_of_denoisers_compare_their_languages_whichever_way_a_dictionary_leads(pair, side):
    cells = planned(recipe(dictionaries={pair: "phrasebook"}))
    (child,) = find(cells, "denoising child")
    (lexicon,) = find(cells, "lexicon of languages")
    assert child.watched["lexicon"]["side"] == lexicon.spec["side"] == side
    assert lexicon.labels["languages"] == pair and lexicon.needs["child"] == child.key


def test_what_is_measured_beside_training_is_in_no_key():
    without, known, off = (
        {cell.title: cell for cell in planned(recipe(seeds=[1, 2], sizes=[50, 0], **changes))
         if cell.kind in ("parent", "child")}
        for changes in (
            {"dictionaries": {}}, {"dictionaries": {"de-fr": "phrasebook"}},
            {"dictionaries": {"de-fr": "phrasebook"}, "analyses": ["forgetting"]},
        )
    )  # fmt: skip
    assert {title: cell.key for title, cell in known.items()} == {
        title: cell.key for title, cell in without.items()
    }
    watched = {title: cell.watched["lexicon"]["side"] for title, cell in known.items() if cell.watched}
    assert watched == {"de-en src, seed 1": "source", "de-en src+xattn, seed 1": "source"}
    assert not any(cell.watched for cell in off.values())


def test_initial_embeddings_are_children_of_their_own_and_the_default_is_in_no_key():
    child = CHILD | {"strategies": ["scratch", "src"]}
    start = {"initial_embeddings": ["random", "mean", "dictionary", "aligned"]}
    plain, several = (
        planned(recipe(children=[child | more], zero_shot=[], sizes=[50, 0])) for more in ({}, start)
    )
    keys = {cell.title: cell.key for cell in several}
    assert all(keys[cell.title] == cell.key for cell in plain)
    new = {
        cell.title: cell.spec["initial_embeddings"]
        for cell in find(several, "child") if cell.labels["initial"] != "random"
    }  # fmt: skip
    assert list(new) == [
        f"de-en src, {method} embeddings{size}"
        for method in ("mean", "dictionary", "aligned") for size in (", 50 pairs", "")
    ]  # fmt: skip
    assert new["de-en src, aligned embeddings"] == {"method": "aligned"}
    (step,) = new["de-en src, dictionary embeddings"]["dictionaries"]
    assert step["languages"] == "de-fr"
    against = titles(find(several, "compare"))
    assert "de-en src, mean embeddings against de-en src" in against
    assert "de-en src, dictionary embeddings, 50 pairs against de-en src, 50 pairs" in against
    with pytest.raises(SettingsError, match="need one from de to fr; the recipe names es-en"):
        planned(recipe(children=[child | start], zero_shot=[], dictionaries={"es-en": "phrasebook"}))


def test_a_composed_child_starts_at_random():
    toy = recipe()
    children = [toy.children[0].changed(initial_embeddings=["random", "mean"]), toy.children[1]]
    cells = planned(toy.changed(children=children))
    assert titles(find(cells, "zero-shot")) == ["de-es composed of de-en src+xattn and fr-es tgt+xattn"]


def test_children_that_are_compared_have_the_same_encoder_and_others_keep_their_keys():
    """States of a frozen encoder are stored without dropout, which strategies that train it have."""

    def caches(strategies):
        child = CHILD | {"source": "fr", "target": "de", "strategies": strategies}
        cells = find(planned(recipe(children=[child], zero_shot=[], denoisers=[])), "child")
        return {cell.labels["strategy"]: cell.spec["training"]["encoder_cache"] for cell in cells}

    alike = ["tgt", "tgt+xattn", "tgt+lora[xattn;rank=2]"]
    assert caches(alike) == dict.fromkeys(alike, "auto")
    for other in ("tgt+body", "scratch", "tgt+xattn+lora(enc,dec;rank=2)"):
        found = caches([*alike, other])
        # Nothing can be stored for the other, so its key stays.
        assert found.pop(other) == "auto" and set(found.values()) == {"off"}
    source = find(planned(recipe()), "child", child="de-en")
    assert {cell.spec["training"]["encoder_cache"] for cell in source} == {"auto"}


def test_seeds_and_parents_are_compared_together():
    parent = recipe().parents[0].to_values()
    other = {"name": "other", "training": parent["training"] | {"seed": 2}}
    child = CHILD | {"strategies": ["src", "src+xattn"]}
    study = recipe(parents=[parent, parent | other], children=[child, child | {"parent": "other"}],
                   denoisers=[], zero_shot=[], seeds=[1, 2], analyses=["compare", "lexicon"])  # fmt: skip
    cells = planned(study)
    assert "de-en src on other, seed 2" in titles(find(cells, "child"))
    (compare,) = find(cells, "compare", first="de-en src+xattn on fr-en")
    by_key = {cell.key: cell.title for cell in cells}
    assert [by_key[compare.needs[f"first {number}"]] for number in (1, 2, 3, 4)] == [
        f"de-en src+xattn on {name}, seed {seed}" for name in ("fr-en", "other") for seed in (1, 2)
    ]
    assert [by_key[compare.needs[f"second {number}"]] for number in (1, 4)] == [
        "de-en src on fr-en, seed 1", "de-en src on other, seed 2"
    ]  # fmt: skip
    assert compare.spec["runs"] == [
        {"test": 1, "parent": 1}, {"test": 1, "parent": 1}, {"test": 1, "parent": 2}, {"test": 1, "parent": 2}
    ]  # fmt: skip
    assert (compare.labels["parents"], compare.labels["seeds"]) == (["fr-en", "other"], [1, 2])
    assert list(compare.texts) == ["test 1"] and not compare.labels["is_average"]


def test_children_with_the_same_new_side_are_averaged():
    child = CHILD | {"strategies": ["src", "src+xattn"]}
    study = recipe(
        children=[child, child | {"source": "es"}], denoisers=[], zero_shot=[], analyses=["compare"]
    )
    (average,) = [cell for cell in find(planned(study), "compare") if cell.labels["is_average"]]
    assert average.title == "child src+xattn of de-en, es-en against child src of de-en, es-en"
    assert (
        [run["test"] for run in average.spec["runs"]] == [1, 2] == [int(name[-1]) for name in average.texts]
    )


def test_a_start_that_all_children_share_does_not_keep_them_from_being_compared():
    child = CHILD | {"strategies": ["scratch", "src", "src+xattn"], "initial_embeddings": ["copied"]}
    cells = planned(recipe(children=[child], denoisers=[], zero_shot=[], analyses=["compare"]))
    assert titles(find(cells, "compare")) == [
        "de-en src+xattn, copied embeddings against de-en src, copied embeddings",
        "de-en src+xattn, copied embeddings against de-en scratch",
        "de-en src, copied embeddings against de-en scratch",
    ]
