"""Exports to Marian: what the files hold, that they translate as the child, and what is refused by name."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
import yaml

import parents
from crosslate.engines.decoding import DecodingOptions
from crosslate.engines.pytorch import TorchEngine
from crosslate.errors import Faults, PackError
from crosslate.export.formats.marian import MarianModelFolder
from crosslate.export.marian_folder import check_marian_folder, write_marian_folder
from crosslate.export.marian_model import marian_export
from crosslate.export.marian_vocabulary import MarianVocabulary, check_vocabulary
from crosslate.models.importers.marian import Marian
from crosslate.models.marian_files import MarianModel
from crosslate.text.segmenters import SentencePieceSegmenter
from crosslate.text.vocabularies import Frame, SpecialIds, Vocabulary
from marian_children import MARIAN_IDS, SIZES, child_of_marian, child_of_transformers

TEXTS = ["der Hund sieht die Katze", "ein Vogel singt ☃", "Wald und Wald"]
GREEDY = DecodingOptions(beam_size=1, max_new_tokens=12)


@pytest.fixture(scope="module")
def transformers_child():
    return child_of_transformers()


@pytest.fixture(scope="module")
def marian_child():
    return child_of_marian()


def translations(model):
    return [best.pieces for (best,) in TorchEngine(model).translate(TEXTS, GREEDY)]


def write(child, folder, precision="float32"):
    return MarianModelFolder().write(child, [], folder, precision)


@pytest.mark.parametrize(
    ("precision", "model", "options"),
    [("float32", "model.npz", "config.yml"), ("int8", "model.bin", "config.bergamot.yml")],
)
def test_the_files(marian_child, tmp_path, precision, model, options):
    note = write(marian_child, tmp_path / "out", precision)
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        model, options, "source.spm", "target.spm", "README.md",
    }  # fmt: skip
    written = yaml.safe_load((tmp_path / "out" / options).read_text())
    assert (written["models"], written["vocabs"]) == ([model], ["source.spm", "target.spm"])
    assert written["relative-paths"] is True and "another formula" not in note
    if precision == "int8":
        assert written["gemm-precision"] == "int8shiftAll" and "rounded to 8 bits" in note
    else:
        assert "translate 8 of 8 lines of random words as the packs do" in note
    readme = (tmp_path / "out" / "README.md").read_text()
    assert "German to English" in readme and options in readme


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"decoder_cell": "self-attention", "final_norm": True},
        {"normalize_before": True, "activation_function": "gelu"},
        {"tie_word_embeddings": False, "share_encoder_decoder_embeddings": False},
    ],
)
def test_a_child_of_an_imported_parent_is_the_same_when_read_back(tmp_path, changes):
    child = child_of_marian(**changes)
    write(child, tmp_path / "out")
    read = Marian(tmp_path / "out").parent(("de", "en"))
    assert translations(read) == translations(child)
    assert len(set(translations(child))) > 1


def test_a_child_of_transformers_is_the_same_but_for_positions(transformers_child, tmp_path):
    note = write(transformers_child, tmp_path / "out")
    assert "Marian computes positions by another formula" in note
    read = Marian(tmp_path / "out").parent(("de", "en"))
    live = marian_export(transformers_child).live
    assert translations(read) == translations(replace(transformers_child, model=live))
    table = read.model.get_encoder().embed_positions.weight
    # Of 32 waves, the last one has the length 10000 exactly.
    assert table[3, 31].item() == pytest.approx(math.sin(3 / 10000), abs=1e-7)
    theirs = transformers_child.model.get_encoder().embed_positions.weight
    assert theirs[3, 31].item() == pytest.approx(math.sin(3 * 10000 ** (-31 / 32)), abs=1e-7)


def test_a_decoder_that_starts_with_a_row_starts_with_zero(transformers_child):
    """Nothing else changes: with the child's own positions, all probabilities are the child's."""
    child = transformers_child
    start = child.model.generation_config.decoder_start_token_id
    assert child.model.get_decoder().embed_tokens.weight[start].norm() > 0.01
    live = marian_export(child).live
    inputs = {
        "input_ids": torch.tensor([[5, 6, 7, 2]]),
        "decoder_input_ids": torch.tensor([[start, 9, 10, 11]]),
    }
    assert live.get_decoder().embed_tokens.weight[start].norm() == 0
    with torch.inference_mode():
        for one, other in zip(
            (live.get_encoder(), live.get_decoder()), (child.model.get_encoder(), child.model.get_decoder())
        ):
            one.embed_positions.weight.data = other.embed_positions.weight.data
        found, expected = (each(**inputs).logits.log_softmax(-1) for each in (live, child.model))
    torch.testing.assert_close(found, expected, rtol=0, atol=2e-4)


def test_nothing_of_the_child_changes(transformers_child):
    before = {name: tensor.clone() for name, tensor in transformers_child.model.state_dict().items()}
    marian_export(transformers_child)
    for name, tensor in transformers_child.model.state_dict().items():
        assert torch.equal(tensor, before[name]), name


def test_what_an_eight_bit_model_holds(marian_child, tmp_path):
    export = marian_export(marian_child, "int8")
    write_marian_folder(export, tmp_path, "int8")
    read = MarianModel.read(tmp_path / "model.bin")
    assert read.configuration["dim-vocabs"] == [49, 64]  # without padding; 59 pieces filled up to eights
    assert read.configuration["tied-embeddings"] and not read.configuration["tied-embeddings-all"]
    assert read.configuration["transformer-decoder-autoreg"] == "rnn"
    wanted = export.model.tensors["decoder_l2_rnn_W"]
    step = np.abs(wanted).max() / 127
    error = np.abs(read.tensors["decoder_l2_rnn_W"] - wanted).max()
    assert step / 20 < error <= step * 0.51
    bias = read.tensors["decoder_ff_logit_out_b"][0]
    assert (bias[59:] == -1e4).all() and (np.abs(bias[:59]) < 100).all()
    target = SentencePieceSegmenter((tmp_path / "target.spm").read_bytes()).pieces
    assert len(target) == 64 and target[59:] == tuple(f"<padding {number}>" for number in range(5))


def test_arrays_are_row_major(marian_child, tmp_path):
    """Marian refuses others."""
    write_marian_folder(marian_export(marian_child), tmp_path, "float32")
    with np.load(tmp_path / "model.npz") as arrays:
        assert all(arrays[name].flags.c_contiguous for name in arrays)


def test_sides_with_one_table_share_it():
    parent = child_of_marian(share_encoder_decoder_embeddings=True).parent
    tensors = marian_export(parent).model
    assert "Wemb" in tensors.tensors and "encoder_Wemb" not in tensors.tensors
    assert tensors.configuration["tied-embeddings-all"] is True


def test_files_that_say_something_else_are_refused(marian_child, tmp_path):
    export = marian_export(marian_child)
    write_marian_folder(export, tmp_path, "float32")
    assert check_marian_folder(tmp_path, marian_child, export, "float32").startswith("checked")
    changed = MarianModel.read(tmp_path / "model.npz")
    changed.tensors["encoder_l1_ffn_W2"] = 1.5 * changed.tensors["encoder_l1_ffn_W2"]
    changed.write_npz(tmp_path / "model.npz")
    with pytest.raises(PackError, match=r"(?s)encoder_l1_ffn_W2 is not read back.*logits differ by"):
        check_marian_folder(tmp_path, marian_child, export, "float32")
    export.model.write_npz(tmp_path / "model.npz")
    (eos, unk, pad, *others), plain = parents.vocabulary(50, MARIAN_IDS).pieces, marian_child.source
    moved = Vocabulary(plain.model, [eos, unk, pad, *reversed(others)], MARIAN_IDS)
    (tmp_path / "source.spm").write_bytes(MarianVocabulary.of(moved).model)
    with pytest.raises(PackError, match=r"is cut into other pieces"):
        check_marian_folder(tmp_path, marian_child, export, "float32")


@pytest.mark.parametrize(
    ("changes", "precision", "reason"),
    [
        ({"activation_function": "tanh"}, "float32", "activation is 'tanh', expected one of relu, swish, silu, gelu"),
        ({"activation_function": "gelu"}, "int8", "activation is 'gelu', expected one of .* in int8"),
        ({"scale_embedding": False}, "float32", "does not scale embeddings"),
        ({"decoder_ffn_dim": 32}, "float32", "ffn_dim is 64 in the encoder but 32 in the decoder"),
        ({"d_model": 32}, "int8", "d_model is 32, but 8-bit matrices need a multiple of 64; export it in float32"),
    ],
)  # fmt: skip
def test_a_configuration_that_marian_lacks(tmp_path, changes, precision, reason):
    child = child_of_transformers(**changes)
    with pytest.raises(PackError, match=f"cannot export this model to Marian.*{reason}"):
        write(child, tmp_path / "out", precision)
    assert list(tmp_path.iterdir()) == []


def test_an_old_engine_normalises_otherwise():
    with pytest.raises(PackError, match="layer norms stand before the sublayers"):
        marian_export(child_of_marian(normalize_before=True), "int8")


def test_another_family_is_refused(tmp_path):
    parent = parents.parent("bart")
    with pytest.raises(PackError, match="its type is 'bart', expected a parent imported from Marian or"):
        write(parents.child(parent, source=50), tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_added_modules_and_forced_pieces_are_refused(tmp_path):
    parent = parents.parent("marian-separate", **SIZES)
    child = parents.child(parent, "src+adapters(enc,dec)", source=50)
    child.model.generation_config.forced_bos_token_id = 5
    with pytest.raises(PackError, match=r"(?s)2 faults.*has adapters.*every translation begins with"):
        write(child, tmp_path / "out")


def test_ids_are_rows_whatever_they_were():
    child = parents.vocabulary(70)  # padding 0, beginning 1, end 2, unknown 3
    made = MarianVocabulary.of(child, 8)
    processor = SentencePieceSegmenter(made.model).processor
    assert (processor.eos_id(), processor.unk_id(), processor.bos_id(), processor.pad_id()) == (0, 1, -1, -1)
    assert made.pieces[:2] == ("</s>", "<unk>") and len(made.pieces) == len(made.rows) == 72
    assert made.rows[:3] == (2, 3, 4) and made.num_known == 68
    for text in (*TEXTS, "</s> <unk> <padding 1>"):
        ids = processor.EncodeAsIds(text)
        assert [*(made.rows[row] for row in ids), 2] == child.encode(text)
        assert made.pieces[0] not in processor.EncodeAsPieces(text)


def test_pieces_of_another_model_and_pieces_without_a_row():
    plain = parents.vocabulary(70, MARIAN_IDS)
    without = "▁Hund"
    pieces = [piece for piece in plain.pieces if piece != without]
    mapped = Vocabulary(
        plain.model, [*reversed(pieces[3:]), "日", "▁Xylophon", *pieces[:3]], SpecialIds(68, 69, 70)
    )
    made = MarianVocabulary.of(mapped)
    assert (
        made.pieces[-1] == without and made.rows[-1] == 69 and made.pieces.index("▁Xylophon") < made.num_known
    )
    processor = SentencePieceSegmenter(made.model).processor
    for text in (*TEXTS, "日 Xylophon", "Hund日"):
        assert [*(made.rows[row] for row in processor.EncodeAsIds(text)), 68] == mapped.encode(text)
    assert processor.DecodePieces(["▁Xylophon", "日"]) == "Xylophon日"


def test_what_marian_does_not_put_around_a_sentence():
    plain = parents.vocabulary(70)
    faults = Faults("no")
    check_vocabulary("source", plain, faults)
    assert not faults
    framed = plain.framed(Frame((5,), (2, 6), "translate: "))
    check_vocabulary("source", framed, faults)
    assert len(faults.messages) == 2
    assert "the prefix 'translate: '" in faults.messages[0]
    assert "before and </s>" in faults.messages[1]
