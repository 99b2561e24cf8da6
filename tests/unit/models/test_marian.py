"""Marian's models as parents: the numbers that Marian computes, its ids, and what is refused, by name."""

import gzip
import itertools
import json
import shutil
import tarfile
import zipfile

import numpy as np
import pytest
import torch

import marian_releases as releases
import parents
from crosslate.adaptation.trimming import trim
from crosslate.engines.decoding import DecodingOptions
from crosslate.engines.pytorch import TorchEngine
from crosslate.engines.shared import SharedBody
from crosslate.errors import LanguagesNotNamed, ParentError
from crosslate.models.importers.marian import Marian
from crosslate.models.importers.marian_release import VocabularyFiles, is_release
from crosslate.models.marian_files import MarianModel
from crosslate.models.parent import Parent
from crosslate.packs.compose import apply_packs, pack_child
from crosslate.packs.pack import Pack

SOURCE, PREVIOUS = [5, 9, 17, 40, 7, 0], [6, 30, 11, 25]
KINDS = [
    *({"cell": cell, "is_pre_norm": pre} for cell, pre in itertools.product(("rnn", "self-attention"), (False, True))),
    *({"tying": tying} for tying in releases.TYINGS),
    {"transformer-ffn-activation": "swish"},
    {"transformer-ffn-activation": "gelu"},
    {"transformer-ffn-activation": "gelu", "version": "v1.9.56 94aeaa46"},
    {"transformer-postprocess-top": "n", "cell": "self-attention", "transformer-decoder-dim-ffn": 20},
]  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return releases.write(tmp_path_factory.mktemp("marian"))


@pytest.fixture(scope="module")
def parent(folder):
    return Marian(folder).parent()


@torch.no_grad()
def logits(parent, source, previous):
    pad = parent.target.special.pad
    return parent.model(
        input_ids=torch.tensor([source]), decoder_input_ids=torch.tensor([[pad, *previous]]), use_cache=False
    ).logits[0]


def greedy(model, source, length, pad):
    """The likeliest words one after the other, computed in NumPy, and padding after the end."""
    words = []
    while len(words) < length and 0 not in words:
        words.append(int(releases.logits(model, source, words)[-1].argmax()))
    return words + [pad] * (length - len(words))


class TestEquality:
    @pytest.mark.parametrize("kind", KINDS, ids=str)
    def test_logits_of_every_kind(self, tmp_path, kind):
        folder = releases.write(tmp_path / "release", **kind)
        model = MarianModel.read(folder / "model.pten.npz")
        wanted = releases.logits(model, SOURCE, PREVIOUS)
        imported = Marian(folder).parent()
        imported.save(tmp_path / "parent")
        again = Parent.load(tmp_path / "parent")
        assert again.fingerprint() == imported.fingerprint()
        assert (again.source, again.target) == (imported.source, imported.target)
        for parent in (imported, again):
            found = logits(parent, SOURCE, PREVIOUS).numpy()
            assert parent.target.special.pad == found.shape[1] - 1 == wanted.shape[1]
            np.testing.assert_allclose(found[:, :-1], wanted, rtol=0, atol=1e-5)
            assert (found[:, -1] < -50).all()  # padding is never likely
        # What is expected is not so flat that anything would pass.
        assert np.abs(wanted - releases.logits(model, SOURCE[::-1], PREVIOUS)).max() > 0.1

    def test_padding_changes_nothing(self, parent):
        pad = parent.source.special.pad
        source = torch.tensor([[*SOURCE, pad, pad], [4, 8, 3, 10, 11, 12, 13, 0]])
        previous = torch.tensor([[pad, *PREVIOUS, pad], [pad, 7, 3, 9, 4, 5]])
        with torch.no_grad():
            found = parent.model(
                input_ids=source, attention_mask=(source != pad).long(), decoder_input_ids=previous
            ).logits[0, : len(PREVIOUS) + 1]
        torch.testing.assert_close(found, logits(parent, SOURCE, PREVIOUS), rtol=0, atol=1e-5)

    def test_eight_bits(self, tmp_path, folder):
        model = MarianModel.read(folder / "model.pten.npz")
        shutil.copytree(folder, tmp_path / "release")
        (tmp_path / "release" / "model.pten.npz").unlink()
        matrices = [name for name in model.tensors if name.rpartition("_")[2].startswith("W")]
        model.write_bin(tmp_path / "release" / "model.pten.bin", matrices)
        read = MarianModel.read(tmp_path / "release" / "model.pten.bin")
        found = logits(Marian(tmp_path / "release").parent(), SOURCE, PREVIOUS)[:, :-1].numpy()
        np.testing.assert_allclose(found, releases.logits(read, SOURCE, PREVIOUS), rtol=0, atol=1e-5)
        assert np.abs(found - releases.logits(model, SOURCE, PREVIOUS)).max() > 1e-3

    @pytest.mark.parametrize("cell", ["rnn", "self-attention"])
    @pytest.mark.parametrize("beam_size", [1, 3])
    def test_decoding_with_a_cache_is_decoding_without(self, tmp_path, cell, beam_size):
        parent = Marian(releases.write(tmp_path, cell=cell, is_pre_norm=True, seed=3)).parent()
        source = torch.tensor([SOURCE, SOURCE[::-1]])
        found = [
            parent.model.generate(
                input_ids=source, attention_mask=torch.ones_like(source), num_beams=beam_size, max_length=16,
                num_return_sequences=beam_size, use_cache=use_cache, forced_eos_token_id=None,
            )
            for use_cache in (True, False)
        ]  # fmt: skip
        assert torch.equal(*found) and found[0].shape == (2 * beam_size, 16)
        if beam_size == 1:
            model = MarianModel.read(tmp_path / "model.pten.npz")
            for source, row in zip((SOURCE, SOURCE[::-1]), found[0].tolist()):
                assert row[1:] == greedy(model, source, 15, parent.target.special.pad)

    def test_an_old_output_layer_without_a_bias_and_tables_with_more_rows_than_pieces(self, tmp_path, folder):
        model = releases.random_model(releases.options(tying="none"), 60, 60)
        wanted = releases.logits(model, SOURCE, PREVIOUS) - model.tensors["decoder_ff_logit_out_b"]
        del model.tensors["decoder_ff_logit_out_b"]
        model.tensors["decoder_ff_logit_out_W"] = model.tensors.pop("decoder_ff_logit_out_Wt").T
        shutil.copy(folder / "vocab.pten.spm", tmp_path)
        model.write_npz(tmp_path / "model.npz")
        parent = Marian(tmp_path).parent(("pt", "en"))
        assert parent.source.special.pad == len(parent.source) - 1 < 60
        found = np.delete(logits(parent, SOURCE, PREVIOUS).numpy(), parent.source.special.pad, axis=1)
        np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-5)


class TestParent:
    def test_every_tensor_has_its_group(self, parent):
        groups = parent.anatomy.groups
        layer = "model.decoder.layers.1"
        assert groups[f"{layer}.self_attn.candidate.weight"] == groups[f"{layer}.self_attn.forget_gate.bias"] == "dec"
        assert groups[f"{layer}.self_attn_layer_norm.weight"] == "dec"
        assert groups[f"{layer}.encoder_attn.q_proj.weight"] == groups[f"{layer}.encoder_attn_layer_norm.bias"] == "xattn"
        assert groups["model.encoder.layers.0.fc1.weight"] == "enc"
        assert parent.anatomy.ties == (
            ("model.shared.weight", "model.encoder.embed_tokens.weight", "model.decoder.embed_tokens.weight", "lm_head.weight"),
        )

    def test_gradients_reach_every_part_of_a_cell(self, folder):
        model = Marian(folder).parent().model.requires_grad_(True)
        pad = model.config.pad_token_id
        ids = torch.tensor([[pad, *PREVIOUS]])
        model(input_ids=torch.tensor([SOURCE]), decoder_input_ids=ids, use_cache=False).logits[..., 3].sum().backward()
        cell = model.model.decoder.layers[0].self_attn
        for parameter in cell.parameters():
            assert parameter.grad.abs().max() > 0
        # The first input is no row of the table.
        assert not model.lm_head.weight.grad[pad].any() or model.config.tie_word_embeddings

    def test_it_translates_as_marian_does(self, parent, folder):
        model = MarianModel.read(folder / "model.pten.npz")
        texts = ["der Hund sieht die Katze", "ein Vogel"]
        options = DecodingOptions(beam_size=1, allow_unknown=True, max_new_tokens=12)
        for text, found in zip(texts, TorchEngine(parent).translate(texts, options)):
            words = greedy(model, parent.source.encode(text), 12, parent.target.special.pad)
            assert found[0].text == parent.target.decode(words)

    def test_packs_of_its_children(self, parent, tmp_path):
        """Saved, loaded, composed, and served from one body, greedily and with a beam."""
        children = [parents.shake(parents.sized_child(parent, strategy, special=parent.source.special.fitted(43))) for strategy in ("src+xattn", "tgt")]
        packs = []
        for number, child in enumerate(children):
            pack_child(child).save(tmp_path / f"{number}")
            packs.append(Pack.load(tmp_path / f"{number}"))
        loaded = [*(apply_packs(parent, [pack]) for pack in packs), apply_packs(parent, packs)]
        for child, again in zip(children, loaded):
            batch = parents.batch(child.source, child.target)
            assert torch.equal(parents.logits(again.model, batch), parents.logits(child.model, batch))
        body = SharedBody(parent)
        members = [body.join(each) for each in (parent, *loaded)]
        assert all(members)
        text = "der Hund sieht"
        for beam_size in (1, 3):
            options = DecodingOptions(beam_size=beam_size, max_new_tokens=10)
            together = body.translate([(member, text) for member in members], options)
            alone = [TorchEngine(each).translate([text], options)[0] for each in (parent, *loaded)]
            assert [ranked[0].text for ranked in together] == [ranked[0].text for ranked in alone]
        assert len({ranked[0].text for ranked in together}) > 2

    def test_training_lowers_the_loss_and_leaves_the_parent(self, parent):
        before, child = parent.fingerprint(), parents.sized_child(
            parent, "src+xattn", special=parent.source.special.fitted(43)
        )
        batch = parents.batch(child.source, child.target)
        optimiser = torch.optim.AdamW(parents.trained(child).values(), lr=0.02)
        losses = []
        for _ in range(10):
            scores = child.model(**batch, use_cache=False).logits
            loss = torch.nn.functional.cross_entropy(scores.flatten(0, 1), batch["decoder_input_ids"].flatten())
            losses.append(float(loss.detach()))
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        assert losses[-1] < losses[0] - 1 and parent.fingerprint() == before

    def test_trimmed(self, parent, tmp_path):
        trimmed, account = trim(parent, ["der Hund sieht die Katze"], tmp_path / "small", min_occurrences=1)
        assert account.rows_after < account.rows_before
        assert trimmed.source.decode(trimmed.source.encode("der Hund")) == "der Hund"
        # Its logits were compared with the parent's before it was written.
        assert Parent.load(tmp_path / "small").fingerprint() == trimmed.fingerprint()


class TestFiles:
    pass
