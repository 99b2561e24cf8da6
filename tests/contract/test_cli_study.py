"""``crosslate study``: the plan, a whole toy study with its report, errors and exit codes."""

import json

import pytest

import pairs_data
import paper_data
import toy_study
from crosslate.config import dump_yaml
from crosslate.studies.executors import default_jobs


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("experiments")


@pytest.fixture(scope="module")
def recipe(folder):
    path = folder / "toy.yaml"
    path.write_text(dump_yaml(toy_study.recipe(sizes=[0])), encoding="utf-8")
    return path


def test_the_plan_comes_without_running(crosslate, recipe, tmp_path):
    ran = crosslate("study", "run", recipe, "--out", tmp_path / "study", "--dry-run")
    assert ran.code == 0
    assert any(line.startswith("de-en src+xattn ") and " child " in line for line in ran.lines)
    assert "30 cells, 0 done, about" in ran.lines[-1] and f"with {default_jobs()} at a time" in ran.lines[-1]
    assert not (tmp_path / "study").exists()


def test_texts_are_fetched_and_checked_without_running(crosslate, recipe, tmp_path):
    ran = crosslate("study", "run", recipe, "--out", tmp_path / "study", "--fetch")
    assert ran.code == 0 and "30 cells, 0 done" in ran.err
    assert not (tmp_path / "study").exists()


def test_the_plan_tells_what_is_missing_and_what_is_left_out(crosslate, tmp_path):
    ran = crosslate("study", "run", "paper", "--data", tmp_path, "--out", tmp_path / "study", "--dry-run")
    assert ran.code == 0
    notes = [line for line in ran.lines if line.startswith("note: ")]
    assert notes[0].startswith("note: dictionaries: muse/de-fr.txt, muse/de-en.txt, ")
    assert any("no lexicon induction for" in note and " es-de" in note for note in notes)
    missing = [line for line in ran.lines if line.startswith("missing: ")]
    assert len(missing) == 7 and all("(from " in line for line in missing)
    assert f"{tmp_path / 'De-En' / 'iwslt16.train.de'}, " in "\n".join(missing)
    assert [line for line in ran.lines if line.startswith("to download: ")] == [
        "to download: mtdata Statmt-europarl_wmt13-7-fra-eng Statmt-commoncrawl_wmt13-1-fra-eng, fr-en",
        "to download: sacrebleu wmt13, fr-en",
        "to download: sacrebleu wmt14/full, fr-en",
        "to download: sacrebleu wmt21, ha-en",
        "to download: sacrebleu wmt13, de-es",
        "to download: mtdata Statmt-news_commentary-15-deu-spa, de-es",
        "to download: sacrebleu wmt12, de-es",
    ]
    refused = crosslate("study", "run", "paper", "--data", tmp_path, "--out", tmp_path / "study")
    assert refused.code != 0 and refused.err.count("(from ") == 7
    assert not (tmp_path / "study").exists()


@pytest.mark.parametrize(
    ("cores", "has_gpu", "jobs"), [(1, False, 1), (2, False, 2), (16, False, 2), (16, True, 1)]
)
def test_cells_at_a_time_by_default(monkeypatch, cores, has_gpu, jobs):
    monkeypatch.setattr("crosslate.studies.executors.num_usable_cores", lambda: cores)
    monkeypatch.setattr("ctranslate2.get_cuda_device_count", lambda: int(has_gpu))
    assert default_jobs() == jobs


def test_a_study_runs_goes_on_and_is_reported(crosslate, recipe, folder):
    study = folder / "study"
    first = crosslate("study", "run", recipe, "--out", study, "--only", "de-en src+xattn", "--jobs", 1)
    assert first.code == 0, first.err
    assert "[2/2] de-en src+xattn: done in" in first.err
    # How long a cell takes is known from others, also from those that are not chosen.
    (done,) = (study / "results").glob("de-en-src+xattn-*.json")
    stored = done.read_text(encoding="utf-8")
    done.write_text(json.dumps(json.loads(stored) | {"seconds": 90_000}), encoding="utf-8")
    chosen = crosslate("study", "run", recipe, "--out", study, "--dry-run", "--only", "de-en src")
    assert any(line.startswith("de-en src ") and " h " in line for line in chosen.lines), chosen.out
    done.write_text(stored, encoding="utf-8")
    # A cell that cannot work fails alone; what it needs stands, and so does the rest.
    (study / "models").rename(study / "elsewhere")
    only = ["--only", "lexicon of de-en src+xattn", "--jobs", 1]
    broken = crosslate("study", "run", recipe, "--out", study, *only)
    assert broken.code == 1
    assert "lexicon of de-en src+xattn: failed" in broken.err and "remove " in broken.err
    (study / "elsewhere").rename(study / "models")

    second = crosslate("study", "run", recipe, "--out", study, "--jobs", 1)
    assert second.code == 0, second.err
    assert "30 cells, 2 done" in second.err and "[28/28]" in second.err
    report = json.loads((study / "report.json").read_text(encoding="utf-8"))
    assert report["missing"] == [] and report["failures"] == []
    assert len(report["findings"]) == 20
    assert report["findings"][14]["verdict"] == "by construction"  # the parent stays what it was
    (lexicon,) = (study / "results").glob("lexicon-of-de-en-src+xattn-*.json")
    values = json.loads(lexicon.read_text(encoding="utf-8"))["values"]
    assert len(values["hits"]) == values["words"] == sum(word == word.lower() for word in values["hits"])
    titles = {table["title"] for table in report["tables"]}
    assert {
        "Children: BLEU", "Denoising parent", "Lexicon induction", "Lexicon precision@1 by epoch",
        "Lexicon induction between the languages of one table", "Forgetting", "Zero-shot translation", "Storage",
        "Cross-attention: entropy", "Cross-attention: change against the parent",
        "Word alignment from cross-attention",
    } <= titles  # fmt: skip
    assert all(
        len(row) == 4 for row in report["curves"]["de-en src+xattn"] + report["curves"]["fr-es tgt+xattn"]
    )
    assert all(len(row) == 4 for row in report["curves"]["de-en embed+xattn on denoiser"])
    assert all(len(row) == 3 for row in report["curves"]["de-en scratch"] + report["curves"]["parent fr-en"])
    for shown in report["attention"]:
        assert len(shown["weights"]) == len(shown["target"]) and shown["layer"] == 1
        assert all(len(row) == len(shown["source"]) and abs(sum(row) - 1) < 0.01 for row in shown["weights"])
        assert all(
            one < len(shown["target"]) and other < len(shown["source"]) for one, other in shown["alignment"]
        )
    assert [(each["title"], each["head"] is None) for each in report["attention"]] == [
        (title, is_mean)
        for title in ("parent fr-en", "de-en src+xattn", "fr-es tgt+xattn")
        for is_mean in (True, False)
    ]
    assert [(each["title"], each["languages"]) for each in report["maps"]] == [
        ("de-en src", "de-fr"), ("de-en src+xattn", "de-fr"), ("fr-es tgt+xattn", "es-en"),
    ]  # fmt: skip
    one, other, _ = (
        [(pair["word"], pair["translation"]) for pair in each["points"]] for each in report["maps"]
    )
    assert one == other and 2 <= len(one) <= 30
    page = (study / "report.md").read_text(encoding="utf-8")
    assert page.startswith("# Study: toy\n") and "## Translations side by side" in page
    results = list((study / "results").glob("*.json"))
    assert len(results) == 30 and max(path.stat().st_size for path in results) < 30_000

    third = crosslate("study", "run", recipe, "--out", study)
    assert third.code == 0 and "30 cells, 30 done" in third.err and "[" not in third.err


def test_the_report_is_rebuilt_from_results_alone(crosslate, recipe, folder, tmp_path):
    study = folder / "study"
    (study / "models").rename(tmp_path / "models")
    before = json.loads((study / "report.json").read_text(encoding="utf-8"))
    ran = crosslate("study", "report", recipe, "--out", study, "--to", tmp_path / "again")
    assert ran.code == 0, ran.err
    assert json.loads((tmp_path / "again" / "report.json").read_text(encoding="utf-8")) == before
    assert (tmp_path / "again" / "report.md").read_text("utf-8") == (study / "report.md").read_text("utf-8")
    published, stored = (
        {path.name: path.read_bytes() for path in place.glob("*.txt")}
        for place in (tmp_path / "again" / "translations", study / "results")
    )
    assert published == stored and f"translations of {len(stored)} test sets" in ran.out and stored


@pytest.mark.full
def test_starts_and_chosen_heads_are_children_with_tables_of_their_own(crosslate, tmp_path):
    child = {"parent": "fr-en", "source": "de", "target": "en", "vocabulary": 300,
             "text": toy_study.pair_text("child"), "initial_embeddings": ["random", "dictionary"],
             "strategies": ["src+xattn", "src+xattn[auto=50%]", "src+lora[rank=2]"]}  # fmt: skip
    path = tmp_path / "starts.yaml"
    toy = toy_study.recipe(children=[child], denoisers=[], zero_shot=[], analyses=["compare"],
                           compressions=[{"rank": 4, "dtype": "int8"}])  # fmt: skip
    path.write_text(dump_yaml(toy), encoding="utf-8")
    ran = crosslate("study", "run", path, "--out", tmp_path / "study")  # in processes
    assert ran.code == 0, ran.err
    report = json.loads((tmp_path / "study" / "report.json").read_text(encoding="utf-8"))
    assert report["failures"] == report["missing"] == []
    tables = {table["title"]: table for table in report["tables"]}
    assert [row[0] for row in tables["Children: BLEU"]["rows"]] == ["embeddings + cross-attention"]
    assert [row[1] for row in tables["Finer freezing"]["rows"]] == ["src+xattn[auto=50%]", "src+xattn"]
    for row in tables["Heads that were chosen"]["rows"]:
        assert row[1] in ("src+xattn[heads=0:0]", "src+xattn[heads=0:1]")
    assert [row[:3] for row in tables["Initial embeddings: validation"]["rows"]] == [
        ["de-en", strategy, "all"]
        for strategy in ("src+xattn", "src+xattn[auto=50%]", "src+lora[xattn;rank=2]")
    ]
    (row,) = tables["Initial embeddings: where rows come from"]["rows"]
    assert row[:4] == ["de-en", "all", "dictionary", "source"] and row[4] > 50 and sum(row[4:]) == 300
    sides = {row[0]: row for row in tables["Strategies side by side"]["rows"]}
    whole, low = sides["de-en src+xattn"][3], sides["de-en src+lora[xattn;rank=2]"][3]
    (smaller, other) = tables["Packs in fewer bytes"]["rows"]
    assert smaller[:2] == ["de-en src+xattn", "rank 4, int8"] and smaller[2] == other[2] < low < whole
    assert "Quality against bytes" in (tmp_path / "study" / "report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["run", "phrasebok"], 2, "no recipe 'phrasebok'; did you mean 'phrasebook'"),
        (["run", "phrasebook", "--jobs", "0"], 2, "--jobs is 0, expected 1 or more"),
        (["run", "phrasebook", "--on", "slurm"], 2, "--on is 'slurm', expected 'here' or 'ray'"),
        (["run", "phrasebook", "--only", "it-en"], 2, "no cell matches 'it-en'"),
        (["run", "multi30k"], 3, "multi30k/train.fr.gz"),
        (["report", "multi30k"], 3, "multi30k/train.fr.gz"),
        (["report", "phrasebook"], 3, "phrasebook has no results of phrasebook with these settings"),
    ],
)
def test_errors_say_what_and_with_which_code(crosslate, tmp_path, monkeypatch, arguments, code, message):
    monkeypatch.chdir(tmp_path)
    ran = crosslate("study", *arguments)
    assert ran.code == code and message in ran.err
    assert list(tmp_path.iterdir()) == []


def test_a_study_of_pair_packs_runs_to_a_report(crosslate, tmp_path):
    path = tmp_path / "pairs.yaml"
    path.write_text(dump_yaml(toy_study.pairs_recipe()), encoding="utf-8")
    ran = crosslate("study", "run", path, "--out", tmp_path / "study", "--jobs", 1)
    assert ran.code == 0, ran.err
    report = json.loads((tmp_path / "study" / "report.json").read_text(encoding="utf-8"))
    assert report["failures"] == report["missing"] == []
    tables = {table["title"]: table for table in report["tables"]}
    for metric in ("BLEU", "chrF2"):
        table = tables[f"Pairs that two packs compose: {metric}"]
        assert table["columns"] == ["system", "de-es on fr-en"]
        assert [row[0] for row in table["rows"]] == [
            "composed", "pair pack, real source, by a bridge", "pair pack, real source", "pair pack, both kinds of synthetic text",
            "pair pack, 50 real pairs", "in several steps", "supervised",
        ]  # fmt: skip
    (real, *_) = tables["Exchanged parts, de-es on fr-en"]["rows"]
    assert real[:6] == ["composed", "source", "composed", "target", "target", "target"]
    assert "composed encoder" in tables["Exchanged parts, de-es on fr-en"]["note"]
    # Synthetic text is no translation of a test set.
    ran = crosslate("study", "report", path, "--out", tmp_path / "study", "--to", tmp_path / "published")
    assert ran.code == 0, ran.err
    assert not list((tmp_path / "published").rglob("*synthetic-es*"))
    stored = {path.stem: path for path in (tmp_path / "study" / "results").glob("*.txt")}
    (made,) = (path for name, path in stored.items() if name.startswith("de-es-synthetic-es-of-de-en"))
    assert len(made.read_text(encoding="utf-8").splitlines()) == 600


@pytest.mark.full
def test_the_study_of_published_pairs_runs_through_on_stand_ins(crosslate, tmp_path):
    """Every cell, scaled down, on the texts and the parents that the recipe names."""
    pairs_data.write(tmp_path)
    ran = crosslate(
        "study",
        "run",
        "published-pairs",
        "--quick",
        "--data",
        tmp_path,
        "--out",
        tmp_path / "study",
        "--jobs",
        1,
    )
    assert ran.code == 0, ran.err
    report = json.loads((tmp_path / "study" / "report.json").read_text(encoding="utf-8"))
    assert report["missing"] == [] and report["failures"] == []
    table = next(each for each in report["tables"] if each["title"] == "Pairs that two packs compose: BLEU")
    assert len(table["columns"]) == 9 and all(None not in row for row in table["rows"])


@pytest.mark.full
def test_the_paper_s_study_runs_through_on_stand_ins(crosslate, tmp_path):
    """Every cell, scaled down; the data are those that the recipe names."""
    paper_data.write(tmp_path)
    ran = crosslate(
        "study", "run", "paper", "--quick", "--data", tmp_path, "--out", tmp_path / "study", "--jobs", 1
    )
    assert ran.code == 0, ran.err
    report = json.loads((tmp_path / "study" / "report.json").read_text(encoding="utf-8"))
    assert report["missing"] == [] and report["failures"] == []
    assert {finding["verdict"] for finding in report["findings"]}.isdisjoint({"not measured"})
    assert len(report["notes"]) == 2
