"""Parents that read recordings or images, adapted from a corpus of files."""

from pathlib import Path

import pytest
import torch

import signals
import toy_corpora
from crosslate.adaptation.adapt import adapt
from crosslate.adaptation.settings import DataSettings, NewLanguages, PackOutput
from crosslate.errors import CorpusError, UsageError
from crosslate.packs.compose import apply_packs
from crosslate.packs.pack import Pack
from crosslate.signals.corpora import read_signals
from crosslate.text.corpora import TextFiles
from crosslate.text.synthetic import SyntheticText
from crosslate.translation.translator import Translator

DATA = DataSettings()


@pytest.fixture(scope="module", params=["whisper", "speech2text", "trocr"])
def family(request):
    return request.param


@pytest.fixture(scope="module")
def stored(family, tmp_path_factory):
    """The folder of a parent and a corpus for it."""
    if family == "trocr":
        pytest.importorskip("PIL.Image")
    folder = tmp_path_factory.mktemp("files")
    make = signals.images if family == "trocr" else signals.recordings
    return signals.write(family, folder / family), make(folder / "corpus")


def adapted(parent, corpus, out=None, *, valid=None, strategy="tgt+xattn", data=DATA, **training):
    return adapt(
        parent, corpus, valid or corpus.rows(range(4)), new=NewLanguages(target="es", strategy=strategy), data=data,
        training=toy_corpora.settings(dropout=0.0, encoder_noise=0.0, **training),
        output=None if out is None else PackOutput(folder=out, dtype="float32"),
    )  # fmt: skip


def whisper(folder: Path):
    return signals.load(signals.write("whisper", folder / "whisper"))


def test_a_pack_writes_text_for_files(family, stored, tmp_path):
    folder, corpus = stored
    parent = signals.load(folder)
    before = parent.fingerprint()
    pack = adapted(parent, corpus, tmp_path / "pack")
    assert parent.fingerprint() == before
    manifest = pack.manifest
    assert (manifest.strategy, manifest.renewed, manifest.target_language) == ("tgt+xattn", ("target",), "es")
    assert manifest.data["train"]["pairs"] == 12 and manifest.data["train"]["sha256"] == corpus.content_hash
    files = manifest.data["train"]["files"]
    assert files["kind"] == ("images" if family == "trocr" else "audio") and files["dropped_too_long"] == 0
    assert files["seconds"] == (0.0 if family == "trocr" else pytest.approx(6.0))
    assert [each["updates"] for each in manifest.training["validations"]] == [1, 2, 3]
    assert manifest.scores[0].metric == "bleu"
    found = Translator.open(tmp_path / "pack", folder).translate(corpus.source)
    child = apply_packs(parent, [Pack.load(tmp_path / "pack")])
    assert len(found) == len(corpus) and found == Translator(child).translate(corpus.source)


def test_stored_states_change_nothing(stored, tmp_path):
    folder, corpus = stored
    packs = [adapted(signals.load(folder), corpus, encoder_cache=cache) for cache in ("auto", "off")]
    for name, tensor in packs[0].tensors.items():
        torch.testing.assert_close(tensor, packs[1].tensors[name], atol=1e-4, rtol=1e-3)


def test_the_same_run_gives_the_same_pack(stored):
    folder, corpus = stored
    one, other = (adapted(signals.load(folder), corpus, strategy="tgt+body") for _ in range(2))
    assert toy_corpora.are_equal(one, other)
    assert any("encoder." in name for name in one.tensors)


def test_a_large_batch_is_computed_in_parts(tmp_path, monkeypatch):
    corpus = signals.recordings(tmp_path / "corpus")
    parent = whisper(tmp_path)
    whole = adapted(parent, corpus, strategy="tgt+body")
    monkeypatch.setattr("crosslate.training.batches._MOST_POSITIONS", 150)
    parts = adapted(parent, corpus, strategy="tgt+body")
    for name, tensor in whole.tensors.items():
        torch.testing.assert_close(tensor, parts.tensors[name], atol=1e-4, rtol=1e-3)


def test_the_loss_can_select_the_best_state(stored):
    folder, corpus = stored
    pack = adapted(signals.load(folder), corpus, data=DATA.changed(metric="loss"), max_epochs=8)
    losses = [each["score"] for each in pack.manifest.training["validations"]]
    assert losses[-1] > losses[0] and pack.manifest.scores[0].metric == "negative loss"


def test_dropout_is_chosen_on_files(stored):
    folder, corpus = stored
    pack = adapt(
        signals.load(folder), corpus, corpus.rows(range(4)), data=DATA, training=toy_corpora.settings(),
        new=NewLanguages(target="es", strategy="tgt"),
    )  # fmt: skip
    assert pack.manifest.training["dropout"]["nats_per_token"]


def test_heads_are_chosen_on_files(tmp_path):
    corpus = signals.recordings(tmp_path / "corpus")
    pack = adapted(whisper(tmp_path), corpus, strategy="tgt+xattn[auto=50%]")
    assert "auto" not in pack.manifest.strategy


def test_recordings_that_are_too_long_are_dropped_and_counted(tmp_path):
    corpus = signals.recordings(tmp_path / "corpus")
    signals.write_wave(tmp_path / "long.wav", signals.tone(440, 1.5))
    longer = corpus.with_pairs([*corpus, (str(tmp_path / "long.wav"), "Largo.")])
    pack = adapted(whisper(tmp_path), longer, valid=corpus.rows(range(2)))
    record = pack.manifest.data["train"]
    assert (record["pairs"], record["files"]["dropped_too_long"], record["files"]["max_seconds"]) == (
        12,
        1,
        1.0,
    )
    assert record["files"]["dropped_example"]["target"] == "Largo."
    with pytest.raises(
        CorpusError, match=r"long.wav: is 1.5 seconds long, but the model reads at most 1; cut it"
    ):
        adapted(signals.load(tmp_path / "whisper"), corpus, valid=longer)


def test_files_that_cannot_be_read_are_named_before_training(tmp_path):
    corpus = signals.recordings(tmp_path / "corpus")
    Path(corpus.source[3]).write_bytes(b"")
    Path(corpus.source[5]).unlink()
    with pytest.raises(CorpusError, match=r"(?s)3\.wav: is empty.*5\.wav: no such file"):
        adapted(whisper(tmp_path), corpus, tmp_path / "pack")
    assert not (tmp_path / "pack").exists()


def test_validation_recordings_are_held_out(tmp_path):
    corpus = signals.recordings(tmp_path / "corpus", 24)
    table = signals.write_table(corpus, tmp_path / "corpus")
    read = read_signals([table], "fr", "es")
    with pytest.raises(
        CorpusError, match="has only 24 pairs, too few to hold some out for validation, expected 500 or more"
    ):
        adapt(whisper(tmp_path), read, data=DATA, new=NewLanguages(target="es", strategy="tgt"))


@pytest.mark.parametrize(
    ("new", "reason"),
    [
        (
            {"source": "de", "target": "es"},
            "it has no vocabulary of the source, so de cannot be a new source",
        ),
        ({"target": "es", "initial_embeddings": "aligned"}, "words are aligned in texts alone"),
    ],
)
def test_what_needs_text_is_refused(tmp_path, new, reason):
    corpus = signals.recordings(tmp_path / "corpus", 2)
    with pytest.raises(UsageError, match=reason):
        adapt(whisper(tmp_path), corpus, corpus, new=NewLanguages(**new))


def test_texts_are_refused(tmp_path):
    corpus = signals.recordings(tmp_path / "corpus", 2)
    parent, new = whisper(tmp_path), NewLanguages(target="es")
    with pytest.raises(UsageError, match="there are no synthetic pairs of recordings or images"):
        adapt(parent, corpus, corpus, synthetic=SyntheticText(corpus, 0.5), new=new)
    with pytest.raises(
        CorpusError, match=r"a \+ b: the parent reads recordings or images; read their list with"
    ):
        adapt(parent, TextFiles(["a", "b"], "fr", "es"), new=new)
