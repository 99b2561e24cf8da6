"""A denoising parent, its trimmed copy and a child of it, at toy size."""

import json

import pytest

import tiny_models
import toy_corpora
from crosslate.adaptation.adapt import adapt
from crosslate.adaptation.parents import SEVERAL, train_denoiser
from crosslate.adaptation.settings import NewLanguages, OutputSettings
from crosslate.errors import CorpusError
from crosslate.models.parent import Parent
from crosslate.models.vocabularies.trimming import trim_parent
from crosslate.translation.translator import Translator

TEXT = toy_corpora.corpus("de", "en")
LINES = {"de": TEXT.source, "en": TEXT.target}


@pytest.fixture(scope="module")
def denoiser(tmp_path_factory):
    folder = tmp_path_factory.mktemp("denoiser") / "parent"
    return train_denoiser(
        LINES, {"de": TEXT.source[:8]}, output=OutputSettings(folder=folder), size=tiny_models.SIZE,
        vocabulary_size=130, training=toy_corpora.settings(max_epochs=12, fresh_learning_rate=5e-3),
    )  # fmt: skip


def test_it_learns_and_says_how_well(denoiser):
    record = json.loads((denoiser.folder / "crosslate.json").read_text(encoding="utf-8"))
    losses = [-entry["score"] for entry in record["training"]["validations"]]
    assert losses[-1] < losses[0] - 0.3
    assert record["data"]["train"]["lines"] == {"de": 60, "en": 60}
    assert record["noise"]["mean_span_words"] == 3.5


def test_both_sides_share_one_vocabulary_and_one_table(denoiser):
    loaded = Parent.load(denoiser.folder)
    assert (loaded.source_language, loaded.target_language) == (SEVERAL, SEVERAL)
    assert loaded.source == loaded.target
    assert loaded.model.get_encoder().get_input_embeddings().weight is (
        loaded.model.get_decoder().get_input_embeddings().weight
    )
    assert loaded.fingerprint() == denoiser.fingerprint()


@pytest.mark.parametrize(
    "strategy",
    ["embed+xattn", *(pytest.param(f"embed{more}", marks=pytest.mark.full) for more in ("", "+body"))],
)
def test_children_of_a_trimmed_copy_train_and_translate(denoiser, strategy):
    trimmed = trim_parent(denoiser, [*TEXT.source, *TEXT.target])
    pack = adapt(
        trimmed, TEXT, TEXT, new=NewLanguages(source="de", target="en", strategy=strategy),
        training=toy_corpora.settings(max_epochs=1),
    )  # fmt: skip
    assert pack.manifest.renewed == ()
    assert len(Translator(trimmed, pack).translate(TEXT.source[:2])) == 2


def test_no_text_is_refused(tmp_path):
    with pytest.raises(CorpusError, match="no train text for denoising"):
        train_denoiser({"de": [" "]}, LINES, output=OutputSettings(folder=tmp_path / "out"))
