"""Parents that read speech or images: the target side is renewed and packed, text pipelines say no and why."""

from functools import partial

import pytest
import torch

import families
import hub_folders
import parents
import toy_corpora
from crosslate.engines.pytorch import TorchEngine
from crosslate.errors import EngineError, ParentError, StrategyError, UsageError
from crosslate.models.parent import Parent
from crosslate.packs.compose import apply_packs, pack_child
from crosslate.packs.pack import Pack

SPECIAL = ["<s>", "<pad>", "</s>", "<unk>"]


IDS = {"bos_token_id": 0, "pad_token_id": 1, "eos_token_id": 2, "decoder_start_token_id": 2}
NAMES = {"bos_token": "<s>", "pad_token": "<pad>", "eos_token": "</s>", "unk_token": "<unk>"}
TOKENIZERS = {
    "whisper": partial(hub_folders.byte_level, special=SPECIAL, tokenizer_class="WhisperTokenizer", **NAMES),
    "speech2text": partial(hub_folders.listed_pieces, tokenizer_class="Speech2TextTokenizer"),
    "trocr": partial(hub_folders.byte_level, special=SPECIAL, tokenizer_class="RobertaTokenizer", **NAMES),
}
SIGNALS = {
    "whisper": ("audio", "input_features", (2, 8, 32)),
    "speech2text": ("audio", "input_features", (2, 32, 8)),
    "trocr": ("images", "pixel_values", (2, 3, 8, 8)),
}
FAMILIES = tuple(SIGNALS)


@pytest.fixture(scope="module", params=FAMILIES)
def stored(request, tmp_path_factory):
    """A family's name and a folder of it, as on the hub."""
    folder = tmp_path_factory.mktemp("signals") / request.param
    folder.mkdir()
    rows = TOKENIZERS[request.param](folder)["vocab_size"] + 60
    families.build(request.param, vocab_size=rows, **IDS).save_pretrained(folder)
    return request.param, folder


@pytest.fixture
def parent(stored):
    return load(stored[1])


def load(folder):
    return Parent.load(folder, source_language="fr", target_language="en")


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


def test_what_text_is_for_is_refused(stored, parent, tmp_path):
    signal = SIGNALS[stored[0]][0]
    reason = rf"the source of this model is {signal}, not text: .*docs/speech-and-images.md"
    with pytest.raises(EngineError, match=reason):
        TorchEngine(parent)
    with pytest.raises(EngineError, match=reason):
        TorchEngine(spanish(parent))
    with pytest.raises(UsageError, match=reason):
        toy_corpora.adapted(parent, tmp_path / "pack", pair=("fr", "es"), source=None, target="es")
    assert not (tmp_path / "pack.run").exists()
    with pytest.raises(UsageError, match=reason):
        parent.source.encode_batch(["le chien"])
    with pytest.raises(StrategyError, match="replaces the source, which has no vocabulary in this model"):
        parents.child(parent, source=parents.vocabulary(44))
