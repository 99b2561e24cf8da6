"""A loaded mBART, as the denoising parent and as a translation parent."""

import pytest

import hub_folders
from crosslate.studies.analyses import make_plan, work
from crosslate.studies.cells import find
from crosslate.studies.executors import Here
from crosslate.studies.run import Place, run_study
from crosslate.studies.store import Store
from crosslate.studies.texts import Library
from toy_study import pair_text, recipe

CHILD = {"parent": "fr-en", "source": "de", "target": "en", "text": pair_text("child"), "vocabulary": 300}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    hub_folders.write("mbart", folder / "mbart", is_learnable=True)
    return folder


def test_it_is_trimmed_to_each_pair_and_adapted_by_embeddings(data, tmp_path):
    mbart = {"name": "mbart", "load": "mbart", "languages": ["de", "fr", "en"], "size": "2,16,4,24"}
    parent = {"name": "fr-en", "source": "fr", "target": "en", "text": pair_text("parent"), "load": "mbart"}
    children = [CHILD | {"strategies": ["src", "src+xattn"]},
                CHILD | {"source": "es", "strategies": ["src+body"]}]  # fmt: skip
    names = ["embed", "embed+body", "embed+xattn", "embed+randxattn"]
    study = recipe(parents=[parent], denoisers=[mbart], children=children, zero_shot=[], dictionaries={}, analyses=[],
                   denoising_strategies=names)  # fmt: skip
    plan = make_plan(study, Library(data))
    assert plan.notes == ["es-en is not adapted from mbart, which lacks es"]
    assert [cell.labels["strategy"] for cell in find(plan.cells, "denoising child")] == names
    (denoiser,) = find(plan.cells, "denoiser")
    assert denoiser.spec["load"] == "mbart" and len(denoiser.spec["weights"]) == 1
    store = Store(tmp_path / "study")
    summary = run_study(plan.cells, store, Here(Place(tmp_path / "study", data), work))
    assert summary.failed == [] and len(summary.done) == len(plan.cells) == 10
    (trimmed,) = find(plan.cells, "trimmed")
    found = store.load(trimmed.key).values
    assert found["languages"] == ["de", "en"] and found["pieces"] < 176
    (body,) = find(plan.cells, "denoising child", strategy="embed+body")
    (embed,) = find(plan.cells, "denoising child", strategy="embed")
    assert store.load(body.key).values["stored"]["share_stored"] == 1.0
    assert store.load(embed.key).values["stored"]["share_stored"] < 0.8
