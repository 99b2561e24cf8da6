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
from crosslate.engines.conversion import export_ctranslate2
from crosslate.engines.ctranslate2 import CTranslate2Engine
from crosslate.engines.decoding import DecodingOptions
from crosslate.engines.pytorch import TorchEngine
from crosslate.engines.shared import SharedBody
from crosslate.errors import EngineError, LanguagesNotNamed, PackError, ParentError, StrategyError
from crosslate.export.formats.hf import HuggingFace
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
        assert (
            groups[f"{layer}.self_attn.candidate.weight"]
            == groups[f"{layer}.self_attn.forget_gate.bias"]
            == "dec"
        )
        assert groups[f"{layer}.self_attn_layer_norm.weight"] == "dec"
        assert (
            groups[f"{layer}.encoder_attn.q_proj.weight"]
            == groups[f"{layer}.encoder_attn_layer_norm.bias"]
            == "xattn"
        )
        assert groups["model.encoder.layers.0.fc1.weight"] == "enc"
        assert parent.anatomy.ties == (
            (
                "model.shared.weight",
                "model.encoder.embed_tokens.weight",
                "model.decoder.embed_tokens.weight",
                "lm_head.weight",
            ),
        )

    def test_gradients_reach_every_part_of_a_cell(self, folder):
        model = Marian(folder).parent().model.requires_grad_(True)
        pad = model.config.pad_token_id
        ids = torch.tensor([[pad, *PREVIOUS]])
        model(input_ids=torch.tensor([SOURCE]), decoder_input_ids=ids, use_cache=False).logits[
            ..., 3
        ].sum().backward()
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
        children = [
            parents.shake(parents.sized_child(parent, strategy, special=parent.source.special.fitted(43)))
            for strategy in ("src+xattn", "tgt")
        ]
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
        before, child = (
            parent.fingerprint(),
            parents.sized_child(parent, "src+xattn", special=parent.source.special.fitted(43)),
        )
        batch = parents.batch(child.source, child.target)
        optimiser = torch.optim.AdamW(parents.trained(child).values(), lr=0.02)
        losses = []
        for _ in range(10):
            scores = child.model(**batch, use_cache=False).logits
            loss = torch.nn.functional.cross_entropy(
                scores.flatten(0, 1), batch["decoder_input_ids"].flatten()
            )
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


class TestEngines:
    @pytest.mark.parametrize("is_pre_norm", [False, True])
    def test_ctranslate2_runs_self_attention(self, tmp_path, is_pre_norm):
        folder = releases.write(tmp_path / "release", cell="self-attention", is_pre_norm=is_pre_norm, seed=2)
        parent = Marian(folder).parent()
        child = parents.shake(parents.sized_child(parent, "tgt", special=parent.source.special.fitted(43)))
        options = DecodingOptions(beam_size=2, max_new_tokens=12)
        for number, model in enumerate((parent, child)):
            export_ctranslate2(model, tmp_path / f"{number}")
            fast = CTranslate2Engine(tmp_path / f"{number}")
            found, wanted = (
                each.translate(["der Hund"], options)[0][0] for each in (fast, TorchEngine(model))
            )
            assert found.text == wanted.text and found.score == pytest.approx(wanted.score, abs=1e-3)

    def test_ctranslate2_has_no_ssru(self, parent, tmp_path):
        with pytest.raises(EngineError, match="SSRU cells in place of self-attention"):
            export_ctranslate2(parent, tmp_path / "model")

    def test_norms_that_ctranslate2_does_not_have(self, tmp_path):
        options = {"cell": "self-attention", "transformer-postprocess-top": "n"}
        parent = Marian(releases.write(tmp_path / "release", **options)).parent()
        with pytest.raises(
            EngineError, match="layer norms before sublayers and after the last layer go together"
        ):
            export_ctranslate2(parent, tmp_path / "model")

    def test_no_plain_checkpoint(self, parent, tmp_path):
        child = parents.sized_child(parent, "tgt", special=parent.source.special.fitted(43))
        with pytest.raises(PackError, match="transformers has no model that computes the same"):
            HuggingFace().write(child, [], tmp_path / "plain")

    def test_methods_on_cells(self, parent):
        special = parent.source.special.fitted(43)
        child = parents.sized_child(parent, "src+lora(dec;rank=2)", special=special)
        assert any("self_attn.forget_gate" in name for name in parents.trained(child))
        with pytest.raises(
            StrategyError, match=r"recurrent cell .candidate, forget_gate., which has no keys"
        ):
            parents.sized_child(parent, "src+ia3(dec)", special=special)


def release(folder, names, tmp_path):
    """A folder with some of a release's files under other names; ``None`` leaves the name."""
    out = tmp_path / "other"
    out.mkdir()
    for name, new in names.items():
        shutil.copy(folder / name, out / (new or name))
    return out


class TestFiles:
    @pytest.mark.parametrize("ending", [".zip", ".tar.gz"])
    def test_an_archive_with_files_in_folders(self, folder, parent, tmp_path, ending):
        path = tmp_path / f"opus{ending}"
        names = {"model.pten.npz": "../../x/model.pten.npz", "vocab.pten.spm": "/y/vocab.pten.spm"}
        if ending == ".zip":
            with zipfile.ZipFile(path, "w") as archive:
                for name, inside in names.items():
                    archive.write(folder / name, inside)
        else:
            with tarfile.open(path, "w:gz") as archive:
                for name, inside in names.items():
                    archive.add(folder / name, inside)
                link = tarfile.TarInfo("model.bin")
                link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
                archive.addfile(link)
        before = sorted(tmp_path.rglob("*"))
        assert Marian(path).parent().fingerprint() == parent.fingerprint()
        assert sorted(tmp_path.rglob("*")) == before

    def test_compressed_files_as_firefox_gets_them(self, folder, parent, tmp_path):
        for name in ("model.pten.npz", "vocab.pten.spm"):
            (tmp_path / f"{name}.gz").write_bytes(gzip.compress((folder / name).read_bytes()))
        (tmp_path / "lex.50.50.pten.s2t.bin.gz").write_bytes(gzip.compress(b"shortlist"))
        found = Marian(tmp_path).parent()
        assert (found.source_language, found.target_language) == ("pt", "en")
        assert found.fingerprint() == parent.fingerprint()

    def test_a_shortlist_and_a_training_s_state_are_no_models(self, folder, tmp_path):
        out = release(folder, {"model.pten.npz": None, "vocab.pten.spm": None}, tmp_path)
        (out / "lex.s2t.bin").write_bytes(bytes(64))
        shutil.copy(folder / "model.pten.npz", out / "model.pten.optimizer.npz")
        assert Marian(out).parent().num_parameters
        shutil.copy(folder / "model.pten.npz", out / "another.npz")
        with pytest.raises(ParentError, match=r"has 2 models .another.npz, model.pten.npz.; expected one"):
            Marian(out).parent()
        (out / "decoder.yml").write_text("models: [/elsewhere/another.npz]\n")
        assert Marian(out).parent().num_parameters
        assert Marian(out / "model.pten.npz").parent().num_parameters

    def test_ids_from_a_list(self, folder, parent, tmp_path):
        """OPUS-MT's layout: ids of both sides together, and the SentencePiece models beside them."""
        names = {"model.pten.npz": "opus.npz", "vocab.pten.spm": "source.spm"}
        out = release(folder, names, tmp_path)
        shutil.copy(folder / "vocab.pten.spm", out / "target.spm")
        pieces = list(parent.source.pieces[:-1])
        moved = [*pieces[:2], *reversed(pieces[2:])]
        odd = {"no": 47, "~": 48, "1": 46, "\x85": 45}  # what YAML takes for something else than text
        listed = {**{piece: index for index, piece in enumerate(moved)}, **odd}
        ids = {index: piece for piece, index in listed.items()}
        lines = (f"{json.dumps(piece)}: {index}" for index, piece in sorted(ids.items()))
        (out / "opus.vocab.yml").write_text("\n".join(lines).replace('"no"', "no").replace('"1"', "1") + "\n")
        (out / "decoder.yml").write_text("models: [opus.npz]\nvocabs: [opus.vocab.yml, opus.vocab.yml]\n")
        found = Marian(out).parent(("pt", "en"))
        assert [found.target.pieces[index] for index in (45, 46, 47, 48)] == ["\x85", "1", "no", "~"]
        assert found.source.pieces[2:5] == tuple(moved[2:5]) and found.source == found.target
        kept = set(found.source.pieces)
        wanted = [piece if piece in kept else "<unk>" for piece in parent.source.encode_pieces("der Hund")]
        assert found.source.encode_pieces("der Hund") == wanted and "de" in wanted[1]
        assert [moved[index] for index in found.source.encode("der Hund")[:-1]] == wanted

    def test_two_vocabularies_of_different_sizes(self, tmp_path):
        """Padding has one id on both sides; ids of the larger vocabulary from there on move up."""
        small, large = (releases.sentencepiece_model(size) for size in (40, 49))
        (tmp_path / "srcvocab.spm").write_bytes(large)
        (tmp_path / "trgvocab.spm").write_bytes(small)
        sizes = [releases.num_pieces(each) for each in (large, small)]
        assert sizes[0] > sizes[1]
        model = releases.random_model(releases.options(tying="target and output"), *sizes)
        model.write_npz(tmp_path / "model.npz")
        parent = Marian(tmp_path).parent(("pt", "en"))
        place = sizes[1]
        assert parent.source.special == parent.target.special
        assert parent.source.pieces[place] == parent.target.pieces[place] == "<pad>"
        assert (len(parent.source), len(parent.target)) == (sizes[0] + 1, sizes[1] + 1)
        ids = [5, sizes[0] - 1, 7, 0]
        moved = [index + (index >= place) for index in ids]
        found = logits(parent, moved, PREVIOUS)[:, :-1].numpy()
        np.testing.assert_allclose(found, releases.logits(model, ids, PREVIOUS), rtol=0, atol=1e-5)
        parent.save(tmp_path / "parent")
        assert Parent.load(tmp_path / "parent").fingerprint() == parent.fingerprint()

    def test_options_beside_a_model_that_has_none(self, folder, parent, tmp_path):
        out = release(folder, {"vocab.pten.spm": None}, tmp_path)
        model = MarianModel.read(folder / "model.pten.npz")
        np.savez(out / "model.pten.npz", **model.tensors)
        with pytest.raises(ParentError, match="holds no options"):
            Marian(out).parent()
        (out / "model.npz.yml").write_text(json.dumps(model.configuration, indent=1).replace('"', ""))
        (out / "model.npz.yml").write_text(
            "".join(f"{key}: {json.dumps(value)}\n" for key, value in model.configuration.items())
        )
        assert Marian(out).parent().fingerprint() == parent.fingerprint()

    @pytest.mark.parametrize(
        ("names", "message"),
        [
            ({"model.pten.npz": None}, r"no SentencePiece model of the source .* there: none"),
            ({"vocab.pten.spm": None}, r"has 0 models .none."),
            ({"model.pten.npz": None, "vocab.pten.spm": "vocab.fsv"}, r"vocab.fsv is a factored vocabulary"),
            ({"model.pten.npz": None, "decoder.yml": "vocab.pten.spm"}, r"not a SentencePiece model"),
        ],
    )
    def test_files_that_are_missing_or_of_another_kind(self, folder, tmp_path, names, message):
        with pytest.raises(ParentError, match=message):
            Marian(release(folder, names, tmp_path)).parent(("pt", "en"))

    def test_sides_that_no_name_tells_are_asked_for(self, folder, parent, tmp_path):
        out = release(folder, {"model.pten.npz": None, "vocab.pten.spm": "vocab.en.spm"}, tmp_path)
        shutil.copy(folder / "vocab.pten.spm", out / "vocab.pt.spm")
        with pytest.raises(
            ParentError, match=r"no SentencePiece model of the source .*vocab.en.spm, vocab.pt.spm"
        ):
            Marian(out).parent()
        source, target = (VocabularyFiles(out / f"vocab.{language}.spm") for language in ("pt", "en"))
        assert Marian(out, source, target).parent().fingerprint() == parent.fingerprint()

    def test_languages_that_no_name_tells_are_asked_for(self, folder, tmp_path):
        out = release(folder, {"model.pten.npz": "best.npz", "vocab.pten.spm": "tied.spm"}, tmp_path)
        with pytest.raises(LanguagesNotNamed, match="do not say which languages"):
            Marian(out).parent()
        found = Marian(out.rename(tmp_path / "opus-mt-de-fr")).parent()
        assert (found.source_language, found.target_language) == ("de", "fr")

    def test_given_vocabularies(self, folder, parent, tmp_path):
        out = release(folder, {"model.pten.npz": None}, tmp_path)
        files = VocabularyFiles(folder / "vocab.pten.spm")
        assert Marian(out, files, files).parent().fingerprint() == parent.fingerprint()
        small = tmp_path / "small.spm"
        small.write_bytes(releases.sentencepiece_model(40))
        large = tmp_path / "large.spm"
        large.write_bytes(parents.vocabulary(70, parents.SPECIAL).model)
        with pytest.raises(
            ParentError, match=r"the encoder's table of embeddings has the shape .* 70 pieces"
        ):
            Marian(out, VocabularyFiles(large), VocabularyFiles(large)).parent()

    def test_what_a_release_is(self, tmp_path):
        assert is_release(tmp_path)
        for name in ("model.npz", "model.bin.gz", "opus.zip", "opus.tar.gz"):
            assert is_release(tmp_path / name)
        assert not is_release(tmp_path / "checkpoint_best.pt")


class TestRefusals:
    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"type": "s2s"}, "type is 's2s', expected 'transformer'"),
            ({"transformer-decoder-autoreg": "average-attention"}, "autoreg is 'average-attention', expected 'self-att"),
            ({"dec-cell": "gru"}, "dec-cell is 'gru', expected 'ssru'"),
            ({"transformer-ffn-activation": "tanh"}, "activation is 'tanh', expected relu, swish, gelu"),
            ({"transformer-ffn-activation": "gelu", "version": ""}, "depends on Marian's version"),
            ({"transformer-preprocess": "n"}, "are 'n' and 'an' apart from dropout"),
            ({"transformer-preprocess": "n", "transformer-postprocess": "da", "version": "v1.9.0"}, "queries of attention only"),
            ({"transformer-postprocess-top": "an"}, "top is 'an' apart from dropout"),
            ({"transformer-postprocess-emb": "nd"}, "normalises embeddings"),
            ({"transformer-train-position-embeddings": True}, "transformer-train-position-embeddings is True"),
            ({"transformer-tied-layers": [1, 1]}, "transformer-tied-layers is"),
            ({"lemma-dim-emb": 8}, "lemma-dim-emb is 8"),
            ({"dim-vocabs": [9, 9, 9]}, "it has 3 vocabularies"),
            ({"enc-depth": 3}, r"lacks 16 tensors .* encoder_l3_self_Wq"),
            ({"dec-depth": 2}, "tensors that this kind of model does not have: decoder_l3_context_Wk"),
            ({"dec-depth": 10**9}, r"dec-depth is 1000000000, expected a number from 1 to 1,000"),
            ({"transformer-dim-ffn": 10**6}, "size mismatch for model.encoder.layers.0.fc1"),
            ({"dim-emb": 10**6}, "dim-emb is 1,000,000, but the table of embeddings has rows of 16"),
            ({"transformer-heads": 5}, "no model can be made of the options"),
            ({"transformer-dim-ffn": 25}, "size mismatch for model.encoder.layers.0.fc1"),
        ],
    )  # fmt: skip
    def test_each_by_name(self, folder, tmp_path, changes, message):
        out = release(folder, {"vocab.pten.spm": None}, tmp_path)
        model = MarianModel.read(folder / "model.pten.npz")
        model.configuration |= changes
        model.write_npz(out / "model.pten.npz")
        with pytest.raises(ParentError, match=message):
            Marian(out).parent()

    def test_all_at_once(self, folder, tmp_path):
        out = release(folder, {"vocab.pten.spm": None}, tmp_path)
        model = MarianModel.read(folder / "model.pten.npz")
        model.configuration |= {"right-left": True, "ulr": True, "dec-cell": "gru"}
        model.write_npz(out / "model.pten.npz")
        with pytest.raises(ParentError, match=r"3 faults:\n  - dec-cell .*\n  - right-left .*\n  - ulr"):
            Marian(out).parent()
