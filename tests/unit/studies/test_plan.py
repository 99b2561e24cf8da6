"""Plans: every shipped recipe, the cells that belong together, and keys that stay and change when they should."""

import pytest

from crosslate.errors import InputError, SettingsError
from crosslate.files import sha256_text
from crosslate.studies.analyses import make_plan, plan_study
from crosslate.studies.cells import find
from crosslate.studies.estimate import estimated_seconds
from crosslate.studies.plan import check_texts
from crosslate.studies.quick import quick
from crosslate.studies.recipe import Recipe, load_recipe, shipped_recipes
from crosslate.studies.texts import Library
from toy_study import NOWHERE, pair_text, pairs_recipe, planned, recipe, titles

# Results that studies have stored are found by keys: a sum changes with the meaning of cells alone.
SHIPPED = {
    "finer-freezing": (71, "37aa6d21b789da72"), "initial-embeddings": (65, "8910801ca1fd326d"),
    "low-resource": (147, "f7f6daf42b9cc5b9"), "multi30k": (225, "9d579b181230d901"),
    "paper": (257, "161305724659edb9"), "phrasebook": (134, "37660be256531ba3"),
    "published": (336, "4017f9fb8f707586"), "published-sizes": (138, "e602fe7ce8cdb852"),
    "published-pairs": (432, "ba9f3915a1902f4b"), "rivals": (103, "e3726d679720d860"),
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
    # Named without one of the two parents.
    (compare,) = find(cells, "compare", first="de-en src+xattn")
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


def test_one_child_with_a_new_source_is_compared_with_one_with_a_new_target():
    cells = planned(recipe(denoisers=[], zero_shot=[], analyses=["forgetting", "compare"]))
    (found,) = find(cells, "compare", first="forgetting src+xattn of de-en")
    assert found.labels["second"] == "forgetting tgt+xattn of fr-es" and not found.labels["is_average"]


def test_seeds_of_a_system_in_several_comparisons_are_drawn_together():
    children = [CHILD | {"strategies": ["src+xattn"]}, CHILD | {"source": "es", "strategies": ["src+xattn"]},
                CHILD | {"source": "fr", "target": "es", "strategies": ["tgt+xattn"]}]  # fmt: skip
    study = recipe(
        children=children, denoisers=[], zero_shot=[], seeds=[1, 2], analyses=["forgetting", "compare"]
    )
    (found,) = find(planned(study), "compare", is_average=True)
    assert [run["test"] for run in found.spec["runs"]] == [1, 1, 2, 2]
    assert len({run["group"] for run in found.spec["runs"]}) == 1


def test_packs_of_several_seeds_in_fewer_bytes_have_names_of_their_own():
    study = recipe(denoisers=[], zero_shot=[], seeds=[1, 2], analyses=["compare"], compressions=[{"rank": 4}])
    names = [cell.labels["first"] for cell in find(planned(study), "compare")]
    assert "de-en src+xattn in rank 4" in names and "de-en src+xattn" in names


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


def test_the_plan_of_the_paper_is_its_tables_and_figures(tmp_path):
    for pair in ("de-fr", "de-en", "es-en", "de-es"):
        (tmp_path / "muse").mkdir(exist_ok=True)
        (tmp_path / "muse" / f"{pair}.txt").write_text("a b\n", encoding="utf-8")
    plan = make_plan(load_recipe("paper"), Library(tmp_path))
    cells = plan.cells
    # Table 2.
    new = {"ro-en": "src", "ja-en": "src", "de-en": "src", "ha-en": "src", "fr-es": "tgt", "fr-de": "tgt"}
    parts = ("", "+body", "+xattn", "+randxattn")
    transferred = {(child, side + part) for child, side in new.items() for part in parts}
    scratch = {(child, "scratch") for child in new}

    def named(kind):
        return {(cell.labels["child"], cell.labels["strategy"]) for cell in find(cells, kind)}

    assert named("child") == transferred | scratch
    # Figure 2: mBART does not know Hausa.
    assert named("denoising child") == {
        (child, f"embed{part}") for child in new.keys() - {"ha-en"} for part in parts
    }
    # Section 4.2: German and Spanish among their parent's words, and among each other's.
    assert named("lexicon") == {each for each in transferred if each[0] in ("de-en", "fr-es", "fr-de")}
    between = {(cell.labels["child"], cell.labels["other"]) for cell in find(cells, "lexicon between")}
    assert between == {("fr-de", "fr-es")} and len(find(cells, "lexicon between")) == 4
    # Section 5.1 and Figure 4; section 5.2 and Table 3.
    assert named("forgetting") == transferred
    assert {cell.labels["strategy"] for cell in find(cells, "zero-shot")} == {"src+xattn", "src"}
    assert {cell.labels["size"] for cell in find(cells, "supervised")} == {50_000, 100_000, 0}
    assert plan.notes == [
        "ha-en is not adapted from mbart, which lacks ha",
        "no lexicon induction for ro-fr, ja-fr, ha-fr, ro-ja, ro-de, ro-ha, ja-de, ja-ha, de-ha, ro-en, ja-en, "
        "fr-es: no dictionary, and none to compose it from",
    ]


def test_the_settings_of_the_paper():
    cells = planned(load_recipe("paper"))
    (parent,) = find(cells, "parent")
    assert (parent.spec["size"], parent.spec["vocabularies"]) == ("base-paper", [32_000, 32_000])
    rates = {
        cell.labels["strategy"]: cell.spec["training"]["pretrained_learning_rate"]
        for kind in ("child", "denoising child") for cell in find(cells, kind)
    }  # fmt: skip
    assert {name for name, rate in rates.items() if rate == 3e-4} == {"src", "tgt"}
    assert {name for name, rate in rates.items() if rate == 5e-4} == {"scratch"}
    assert parent.spec["training"]["pretrained_learning_rate"] == 5e-4
    mbart = [cell.spec["training"] for cell in find(cells, "denoising child", child="ro-en")]
    assert [(each["batch_tokens"], each["accumulate_batches"]) for each in mbart] == [
        (1024, 8), (512, 16), (1024, 8), (1024, 8)
    ]  # fmt: skip
    assert {(each["label_smoothing"], each["dropout"], each["schedule"]) for each in mbart} == {
        (0.2, 0.3, "linear")
    }
    data = {"metric": "loss", "max_validation_pairs": 0, "max_tokens": 1024, "cleaning": {"enabled": False}}
    trained = [cell for cell in cells if "training" in cell.spec]
    assert len(trained) == 54 and all(cell.spec["data"] == data for cell in trained)


@pytest.mark.parametrize(
    ("known", "languages"),
    [
        (["de-es"], "de-es"), (["es-de"], "es-de"), (["de-es", "es-de"], "es-de"),
        # A direct one rather than a composed one.
        (["es-en", "en-de", "de-es"], "de-es"),
        (["de-en", "en-es"], "de-es"), (["es-en", "en-de"], "es-de"),
    ],
)  # fmt: skip
def test_children_are_compared_in_the_direction_of_the_dictionary(known, languages):
    child = CHILD | {"source": "fr", "strategies": ["tgt+xattn"]}
    study = recipe(children=[child | {"target": "es"}, child | {"target": "de"}], zero_shot=[], denoisers=[],
                   dictionaries=dict.fromkeys(known, "phrasebook"))  # fmt: skip
    (between,) = find(planned(study), "lexicon between")
    first, second = languages.split("-")
    assert between.labels["languages"] == languages
    assert between.title == f"lexicon of fr-{first} and fr-{second} tgt+xattn"
    by_key = {cell.key: cell.title for cell in planned(study)}
    assert by_key[between.needs["child"]] == f"fr-{first} tgt+xattn"
    assert by_key[between.needs["other"]] == f"fr-{second} tgt+xattn"


def test_dictionaries_that_may_be_missing_are_done_without_and_this_is_said(tmp_path):
    values = {"dictionaries": {"de-fr": "muse/de-fr.txt", "de-en": "phrasebook"}}
    with pytest.raises(InputError, match=r"muse/de-fr\.txt \(from word pairs as in MUSE"):
        check_texts(planned(recipe(**values)), NOWHERE)
    plan = make_plan(recipe(**values, dictionaries_may_be_missing=True), NOWHERE)
    assert not find(plan.cells, "lexicon") and len(find(plan.cells, "lexicon of languages")) == 1
    missing, lacking = plan.notes
    assert missing.startswith("dictionaries: muse/de-fr.txt not found") and "facebookresearch/MUSE" in missing
    assert lacking.startswith("no lexicon induction for de-fr, es-en: no dictionary")
    (tmp_path / "muse").mkdir()
    (tmp_path / "muse" / "de-fr.txt").write_text("Hund chien\n", encoding="utf-8")
    plan = make_plan(recipe(**values, dictionaries_may_be_missing=True), Library(tmp_path))
    assert len(find(plan.cells, "lexicon")) == 2
    assert [note[:34] for note in plan.notes] == ["no lexicon induction for es-en: no"]


def test_all_that_is_missing_is_named_at_once_with_its_source(monkeypatch):
    monkeypatch.setattr("crosslate.studies.texts.find_spec", lambda name: None)
    text = {"files": ["x.{source}", "x.{target}"], "published": "Corpus X at example.org"}
    texts = {"train": text, "valid": {"sacrebleu": "wmt99"}, "test": {"mtdata": ["A-b-1-fra-eng"]}}
    loaded = {
        "name": "mbart",
        "load": "mbart-large",
        "published": "mBART by its authors",
        "languages": ["de", "en"],
    }
    study = recipe(children=[CHILD | {"text": texts}], zero_shot=[], dictionaries={}, denoisers=[loaded])
    with pytest.raises(InputError) as refused:
        check_texts(planned(study), NOWHERE)
    assert [line.strip(" -") for line in str(refused.value).splitlines()[1:]] == [
        "nowhere/x.de, nowhere/x.en (from Corpus X at example.org)",
        "nowhere/mbart-large (from mBART by its authors)",
        "sacreBLEU has no test set 'wmt99'; did you mean 'wmt19'?",
        "downloading A-b-1-fra-eng needs mtdata, which is not installed; install it with: pip install "
        "'crosslate[data]'",
    ]


def test_time_is_guessed_by_the_machine():
    cells = planned(recipe())
    slow, fast = (estimated_seconds(cells, {}, 1, has_gpu=has_gpu)[0] for has_gpu in (False, True))
    assert all(slow[key] == pytest.approx(62.5 * fast[key]) for key in slow)
    times = {cells[0].key: 7.0}
    assert estimated_seconds(cells, times, 1) == estimated_seconds(cells, times, 1, has_gpu=True)


class TestPairPacks:
    @pytest.fixture(scope="class")
    def cells(self):
        return planned(pairs_recipe())

    def cell(self, cells, system):
        (found,) = (each for each in cells if each.labels.get("system") == system)
        return found

    def test_what_each_system_is_made_of(self, cells):
        by_key = {cell.key: cell for cell in cells}

        def made_of(system):
            needs = self.cell(cells, system).needs
            return {
                role: by_key[key].labels.get("child") or by_key[key].labels["parent"]
                for role, key in needs.items()
            }

        two = {"parent": "fr-en", "source": "de-en", "target": "fr-es"}
        assert made_of("composed") == made_of("pair pack, 50 real pairs") == two
        assert made_of("in several steps") == {
            "parent 1": "fr-en", "pack 1": "de-en", "parent 2": "en-fr", "parent 3": "fr-en", "pack 3": "fr-es",
        }  # fmt: skip
        # The English side of German-English to French and on to Spanish; the French side of French-Spanish to
        # English and on to German.
        assert made_of("synthetic es of de-en") == {
            "parent 1": "en-fr",
            "parent 2": "fr-en",
            "pack 2": "fr-es",
        }
        assert made_of("synthetic de of fr-es") == {
            "parent 1": "fr-en",
            "parent 2": "en-fr",
            "pack 2": "en-de",
        }
        # A bridge from English to Spanish: French-Spanish text in English, and German-English text by the bridge.
        assert made_of("synthetic en, for a bridge, of fr-es") == {"parent 1": "fr-en"}
        assert made_of("bridge en-es") == {"parent": "fr-en", "target": "fr-es", "synthetic 1": "fr-en"}
        assert made_of("synthetic es, by a bridge, of de-en") == {
            "parent 1": "fr-en", "pack 1": "fr-es", "bridge 1": "fr-en",
        }  # fmt: skip
        assert made_of("pair pack, real source, by a bridge") == two | {"synthetic 1": "fr-en"}
        assert self.cell(cells, "bridge en-es").spec["new"] == {"source": "en", "target": None}
        assert self.cell(cells, "synthetic es of de-en").spec["translated"] == "target"
        assert self.cell(cells, "synthetic de of fr-es").spec["translated"] == "source"
        assert made_of("supervised") == {"parent": "fr-en"}
        (gap,) = find(cells, "composition-gap")
        assert gap.needs["supervised"] == self.cell(cells, "supervised").key

    def test_pair_packs_on_synthetic_text_see_no_text_of_the_pair_but_the_test_set(self, cells):
        for system, kept in (
            ("pair pack, real source", [("de", "en")]),
            ("pair pack, real source, by a bridge", [("de", "en")]),
            ("pair pack, both kinds of synthetic text", [("de", "en"), ("fr", "es")]),
        ):
            texts = dict(self.cell(cells, system).texts)
            assert (texts["test"].source, texts.pop("test").target) == ("de", "es")
            assert [(each.source, each.target) for each in texts.values()] == kept
        real = self.cell(cells, "pair pack, 50 real pairs")
        assert real.spec["text"]["train"]["lines"] == [1, 50] and real.spec["training"]["max_updates"] == 2

    def test_which_systems_are_compared(self, cells):
        compared = {cell.title for cell in find(cells, "compare")}
        assert "de-es pair pack, real source on fr-en against de-es in several steps on fr-en" in compared
        assert "de-es supervised on fr-en against de-es composed on fr-en" in compared

    def test_parts_can_be_left_out(self):
        study = pairs_recipe()
        pair = study.pair_packs[0].changed(
            reverse_child="", supervised_strategy="", bridge_strategy="", aligned=None
        )
        found = {cell.labels.get("system") for cell in planned(study.changed(pair_packs=[pair]))}
        assert found == {
            None, "composed", "in several steps", "synthetic es of de-en", "pair pack, real source",
            "pair pack, 50 real pairs",
        }  # fmt: skip
        pair = pair.changed(reverse_parent="")
        found = {cell.labels.get("system") for cell in planned(study.changed(pair_packs=[pair]))}
        assert found == {None, "composed", "pair pack, 50 real pairs"}

    def test_the_gap_needs_the_pairs(self):
        with pytest.raises(SettingsError, match="composition-gap needs pair-packs"):
            planned(pairs_recipe().changed(analyses=["composition-gap"]))

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"source_child": "da-en"}, "unknown child 'da-en'; did you mean 'de-en'"),
            ({"source_child": "fr-es", "source_strategy": "tgt+xattn+low-rank(enc,dec;rank=2)"}, "the first with a new source"),
            ({"source_strategy": "src"}, "de-en is not trained with src"),
            ({"reverse_parent": "en-fe"}, "unknown parent 'en-fe'; did you mean 'en-fr'"),
            ({"reverse_parent": "fr-en", "reverse_child": ""}, "expected en-fr, the opposite of fr-en"),
            ({"reverse_child": "fr-es"}, "fr-es is a child of fr-en, expected one of en-fr into de"),
            ({"reverse_parent": ""}, "reverse_child is given without reverse_parent"),
            ({"bridge_strategy": "tgt+xattn"}, "bridge_strategy is tgt.xattn, expected one with a new source"),
            ({"strategy": "src+xattn"}, "expected one that keeps both vocabularies"),
            ({"supervised_strategy": "src"}, "expected one with both sides new"),
        ],
    )  # fmt: skip
    def test_contradictions_are_refused(self, changes, message):
        values = pairs_recipe().to_values()
        values["pair_packs"][0] |= changes
        with pytest.raises(SettingsError, match=message):
            Recipe.from_values(values)
