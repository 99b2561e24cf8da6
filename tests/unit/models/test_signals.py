"""Parents that read speech or images: the target side is renewed and packed, and files become their input."""

import shutil
from importlib.util import find_spec

import numpy as np
import pytest
import torch

import parents
import signals
from crosslate.engines.pytorch import TorchEngine
from crosslate.errors import EngineError, InputError, MissingExtra, ParentError, StrategyError, UsageError
from crosslate.models.parent import Parent
from crosslate.models.signals import num_positions, processor_of, prompt_of
from crosslate.packs.compose import apply_packs, pack_child
from crosslate.packs.pack import Pack
from crosslate.text.vocabularies import Vocabulary

SIGNALS = {
    "whisper": ("audio", "input_features", (2, 8, 100)),
    "speech2text": ("audio", "input_features", (2, 32, 8)),
    "trocr": ("images", "pixel_values", (2, 3, 8, 8)),
}
FAMILIES = tuple(SIGNALS)


@pytest.fixture(scope="module", params=FAMILIES)
def stored(request, tmp_path_factory):
    """A family's name and a folder of it, as on the hub."""
    return request.param, signals.write(request.param, tmp_path_factory.mktemp("signals") / request.param)


@pytest.fixture
def parent(stored):
    return signals.load(stored[1])


def inputs(family):
    _, name, shape = SIGNALS[family]
    signal = torch.linspace(-1, 1, torch.Size(shape).numel()).reshape(shape)
    return {name: signal, "decoder_input_ids": torch.tensor([[2, 5, 9], [2, 7, 4]])}


def spanish(parent, strategy="tgt+xattn"):
    return parents.shake(parents.child(parent, strategy, target=44))


def test_what_is_loaded(stored, parent):
    _, folder = stored
    assert not parent.reads_text
    assert (parent.source_language, parent.target_language) == ("fr", "en")
    assert parent.target.decode(parent.target.encode("the big house")) == "the big house"
    assert parent.target.encode("the")[-1] == parent.target.special.eos == 2
    assert parent.anatomy.counts(parent.model)["xattn"] > 0
    with pytest.raises(ParentError, match="does not say which languages"):
        Parent.load(folder)


def test_a_pack_gives_the_same_logits_on_a_parent_that_was_saved_and_loaded(stored, parent, tmp_path):
    family, _ = stored
    before = parent.fingerprint()
    child = spanish(parent)
    assert child.plan.renewed == {"target"} and set(child.trained) == {"tgt", "xattn"}
    pack_child(child).save(tmp_path / "pack")
    given = inputs(family)
    wanted = parents.logits(child.model, given)
    assert wanted.shape == (2, 3, 44)
    parent.save(tmp_path / "again")
    again = Parent.load(tmp_path / "again")
    assert again.fingerprint() == parent.fingerprint() == before
    assert again.source.fingerprint == parent.source.fingerprint
    assert (again.source_language, again.reads_text) == ("fr", False)
    found = apply_packs(again, [Pack.load(tmp_path / "pack")])
    assert found.target_language == "es"
    assert torch.equal(parents.logits(found.model, given), wanted)


def test_a_child_generates_in_its_own_vocabulary(stored, parent):
    family, _ = stored
    child = spanish(parent)
    given = inputs(family)
    del given["decoder_input_ids"]
    child.model.generation_config.max_length = 6
    found = child.model.generate(**given, num_beams=1, do_sample=False)
    assert found.shape[0] == 2 and all(index < 44 for index in found.flatten().tolist())
    assert child.model.generation_config.decoder_start_token_id == 2
    if family != "whisper":  # which hands its text over without the start
        assert found[0, 0] == 2


def test_a_child_learns_in_a_loop_of_one_s_own(stored, parent):
    """The loop of docs/speech-and-images.md; the library's own loss knows the new vocabulary's size."""
    family, _ = stored
    before = parent.fingerprint()
    child = spanish(parent)
    trained = list(parents.trained(child).values())
    optimiser = torch.optim.AdamW(trained, lr=1e-2)
    given = inputs(family)
    del given["decoder_input_ids"]
    labels = torch.tensor([[43, 5, 2], [40, 7, 2]])
    previous = torch.cat([torch.full((2, 1), 2), labels[:, :-1]], dim=1)
    losses = []
    for _ in range(8):
        logits = child.model(**given, decoder_input_ids=previous, use_cache=False).logits
        loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), labels.flatten())
        torch.testing.assert_close(child.model(**given, decoder_input_ids=previous, labels=labels).loss, loss)
        loss.backward()
        optimiser.step()
        optimiser.zero_grad()
        losses.append(loss.item())
    assert losses[-1] < losses[0] - 0.5
    assert parent.fingerprint() == before


def test_what_text_is_for_is_refused(stored, parent):
    signal = SIGNALS[stored[0]][0]
    reason = rf"the source of this model is {signal}, not text; give it .*docs/speech-and-images.md"
    with pytest.raises(EngineError, match=reason):
        TorchEngine(parent)
    with pytest.raises(EngineError, match=reason):
        TorchEngine(spanish(parent))
    with pytest.raises(UsageError, match=reason):
        parent.source.encode_batch(["le chien"])
    with pytest.raises(StrategyError, match="replaces the source, which has no vocabulary in this model"):
        parents.child(parent, source=parents.vocabulary(44))


def test_a_processor_that_is_missing_is_named(stored, tmp_path):
    family, folder = stored
    shutil.copytree(folder, tmp_path / "copy")
    (tmp_path / "copy" / "preprocessor_config.json").unlink()
    wanted = MissingExtra if family == "trocr" and find_spec("PIL") is None else ParentError
    with pytest.raises(
        wanted, match=r"crosslate\[images\]" if wanted is MissingExtra else "preprocessor_config.json"
    ):
        processor_of(signals.load(tmp_path / "copy").source)


def test_whisper_reads_a_window_and_others_any_length(tmp_path):
    long = signals.write_wave(tmp_path / "long.wav", signals.tone(440, 1.5))
    short = signals.write_wave(tmp_path / "short.wav", signals.tone(440, 0.5, 8_000), 8_000)
    whisper = processor_of(signals.load(signals.write("whisper", tmp_path / "whisper")).source)
    assert (whisper.is_fixed, whisper.max_seconds) == (True, 1.0)
    assert whisper.features(short).shape == (8, 100)
    with pytest.raises(
        InputError, match=r"long.wav: is 1.5 seconds long, but the model reads at most 1; cut"
    ):
        whisper.features(long)
    parent = signals.load(signals.write("speech2text", tmp_path / "speech2text"))
    other = processor_of(parent.source)
    assert (other.is_fixed, other.max_seconds) == (False, None)
    made = [other.features(file) for file in (long, short)]
    features, mask = other.batch(made)
    lengths = [len(each) for each in made]
    assert features.shape == (2, lengths[0], 8) and mask.sum(1).tolist() == lengths
    found = [
        parent.model.get_encoder()(features[row : row + 1, :length])[0].shape[1]
        for row, length in enumerate(lengths)
    ]
    assert num_positions(parent.model, np.array(lengths, np.int32)).tolist() == found


def test_the_prompt_is_that_of_the_vocabulary(tmp_path):
    parent = signals.load(signals.write("whisper", tmp_path / "whisper"))
    assert prompt_of(parent.model, parent.target, "fr", "en") == [2]
    pieces = [*parent.target.pieces[:-4], "<|fr|>", "<|transcribe|>", "<|translate|>", "<|notimestamps|>"]
    target = Vocabulary(parent.target.segmenter, pieces, parent.target.special)
    last = len(pieces) - 1
    assert prompt_of(parent.model, target, "fr", "en") == [2, last]
    parent.model.generation_config.is_multilingual = True
    assert prompt_of(parent.model, target, "fr", "fr") == [2, last - 3, last - 2, last]
    assert prompt_of(parent.model, target, "fr", "en") == [2, last - 3, last - 1, last]
    with pytest.raises(ParentError, match="does not write de for fr speech"):
        prompt_of(parent.model, target, "fr", "de")
