"""Checkpoints of fairseq: the same numbers as fairseq's, the same ids, and nothing run that a file may hold."""

import json
import shutil

import pytest
import torch
import transformers
from torch.nn import functional

import fairseq_checkpoints as fairseq
import parents
from crosslate.engines.conversion import export_ctranslate2
from crosslate.errors import CrosslateError, ParentError
from crosslate.models.importers.fairseq import Fairseq, read_checkpoint
from crosslate.models.parent import RECORD, Parent
from crosslate.packs.compose import apply_packs, pack_child

SOURCE = torch.tensor([[5, 9, 17, 40, 2], [7, 8, 2, 1, 1]])
PREVIOUS = torch.tensor([[2, 6, 30, 11], [2, 44, 4, 5]])


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    return fairseq.write(tmp_path_factory.mktemp("fairseq"))


@pytest.fixture(scope="module")
def parent(paths):
    return imported(paths)


def imported(paths, **options):
    return Fairseq(**paths, **options).parent("fr", "en")


def altered(paths, folder, change):
    """Paths with a checkpoint that ``change`` was applied to."""
    checkpoint = torch.load(paths["checkpoint"], weights_only=False)
    change(checkpoint)
    torch.save(checkpoint, folder / "altered.pt")
    return paths | {"checkpoint": folder / "altered.pt"}


def assert_equal_after_saving(parent, paths, folder):
    """The parent, saved and loaded, computes what fairseq does in double precision."""
    parent.save(folder / "parent")
    again = Parent.load(folder / "parent")
    assert again.fingerprint() == parent.fingerprint()
    wanted = fairseq.logits(double(read_checkpoint(paths["checkpoint"])[0]), SOURCE, PREVIOUS)
    torch.testing.assert_close(logits(again.model.double(), torch.float64), wanted, rtol=0, atol=1e-10)


@torch.no_grad()
def logits(model, dtype=torch.float32):
    return model(
        input_ids=SOURCE, attention_mask=(SOURCE != 1).long(), decoder_input_ids=PREVIOUS, use_cache=False
    ).logits.to(dtype)


def double(tensors):
    return {name: tensor.double() for name, tensor in tensors.items()}


class TestEquality:
    @pytest.mark.parametrize("is_pre_norm", [True, False])
    @pytest.mark.parametrize(
        ("changes", "expected"),
        [
            ({}, {}),
            ({"no_scale_embedding": False}, {"scale": 4.0}),
            ({"activation_fn": "gelu"}, {"activation": functional.gelu}),
            ({"encoder_attention_heads": 2, "decoder_attention_heads": 2}, {"heads": 2}),
        ],
    )
    def test_logits_in_double_precision(self, tmp_path, is_pre_norm, changes, expected):
        paths = fairseq.write(tmp_path, is_pre_norm=is_pre_norm, **changes)
        parent = imported(paths)
        assert parent.model.config.model_type == ("mbart" if is_pre_norm else "bart")
        tensors = double(read_checkpoint(paths["checkpoint"])[0])
        wanted = fairseq.logits(tensors, SOURCE, PREVIOUS, **expected)
        found = logits(parent.model.double(), torch.float64)
        assert found.shape == wanted.shape == (2, 4, len(parent.target))
        torch.testing.assert_close(found, wanted, rtol=0, atol=1e-10)
        # What is expected is not so flat that anything would pass.
        assert (wanted - fairseq.logits(tensors, SOURCE.flip(1), PREVIOUS, **expected)).abs().max() > 0.1

    def test_an_output_layer_of_its_own(self, paths, tmp_path):
        def flip(checkpoint):
            output = "decoder.output_projection.weight"
            checkpoint["model"][output] = checkpoint["model"][output].flip(0)

        paths = altered(paths, tmp_path, flip)
        parent = imported(paths)
        assert not torch.equal(parent.model.lm_head.weight, parent.model.model.decoder.embed_tokens.weight)
        assert_equal_after_saving(parent, paths, tmp_path)

    def test_one_dictionary_and_one_table(self, paths, tmp_path):
        def share(checkpoint):
            target = checkpoint["model"]["decoder.embed_tokens.weight"]
            checkpoint["model"]["encoder.embed_tokens.weight"] = target

        paths = altered(paths, tmp_path, share)
        paths |= {"source_dictionary": paths["target_dictionary"], "source_model": paths["target_model"]}
        parent = imported(paths)
        assert parent.model.model.encoder.embed_tokens.weight is parent.model.lm_head.weight
        assert_equal_after_saving(parent, paths, tmp_path)

    def test_half_precision_is_widened(self, paths, tmp_path):
        def halve(checkpoint):
            checkpoint["model"] = {name: tensor.half() for name, tensor in checkpoint["model"].items()}

        paths = altered(paths, tmp_path, halve)
        fc1, stored = "decoder.layers.1.fc1.weight", read_checkpoint(paths["checkpoint"])[0]
        assert torch.equal(dict(imported(paths).model.model.named_parameters())[fc1], stored[fc1].float())


class TestVocabularies:
    def test_ids_are_the_dictionary_s(self, parent, paths):
        lines = paths["source_dictionary"].read_text(encoding="utf-8").splitlines()
        listed = [*fairseq.SPECIAL, *(line.split(" ")[0] for line in lines)]
        assert list(parent.source.pieces) == listed and len(parent.target) == 4 + 45 + 1
        ids = parent.source.encode("der Hund")
        assert ids[-1] == 2 and [listed[index] for index in ids[:-1]] == parent.source.encode_pieces(
            "der Hund"
        )
        assert parent.source.decode(ids) == "der Hund"
        # A character that the SentencePiece model does not know, but the dictionary does; one that neither does.
        assert parent.source.encode("ß")[-2:] == [listed.index("ß"), 2]
        assert parent.source.encode("ж")[-2:] == [3, 2]

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("▁der 12\n▁die\n", r"line 2: '▁die', expected a piece, a space and its count"),
            ("▁der 12\n▁die 3\n▁der 1\n", r"has the piece '▁der' twice"),
            ("<pad> 12\n", r"has the piece '<pad>' twice"),
            ("der@@ 3\nHund 1\ndie 2\n", r"of the 3 pieces .* only 0 are pieces of"),
        ],
    )
    def test_dictionaries_that_are_none(self, paths, tmp_path, text, message):
        (tmp_path / "dict.txt").write_text(text, encoding="utf-8")
        with pytest.raises(ParentError, match=message):
            imported(paths | {"source_dictionary": tmp_path / "dict.txt"})

    def test_dictionaries_exchanged(self, paths):
        exchanged = {
            "source_dictionary": paths["target_dictionary"],
            "target_dictionary": paths["source_dictionary"],
        }
        with pytest.raises(ParentError) as caught:
            imported(paths | exchanged)
        assert "its source table has 46 rows, the dictionary 50 pieces" in str(caught.value)
        assert "its target table has 50 rows, the dictionary 46 pieces" in str(caught.value)


class TestOnDisk:
    @pytest.fixture(scope="class")
    def folder(self, parent, tmp_path_factory):
        folder = tmp_path_factory.mktemp("imported") / "fr-en"
        imported_again = Parent(parent.model, parent.source, parent.target, "fr", "en", name="again")
        imported_again.save(folder, {"imported": {"kind": "fairseq"}})
        return folder

    def test_the_same_parent_comes_back(self, parent, folder):
        again = Parent.load(folder)
        assert again.fingerprint() == parent.fingerprint()
        assert (again.source.fingerprint, again.target.fingerprint) == (
            parent.source.fingerprint,
            parent.target.fingerprint,
        )
        assert torch.equal(logits(again.model), logits(parent.model))
        assert again.model.lm_head.weight is again.model.model.decoder.embed_tokens.weight
        record = json.loads((folder / RECORD).read_text())
        assert record["table_rows"] == {"source": 46, "target": 50}

    def test_saving_again_changes_no_file(self, folder, tmp_path):
        Parent.load(folder).save(tmp_path / "again", {"imported": {"kind": "fairseq"}})
        names = {path.name for path in folder.iterdir()}
        assert names == {path.name for path in (tmp_path / "again").iterdir()}
        for name in names:
            assert (folder / name).read_bytes() == (tmp_path / "again" / name).read_bytes(), name

    def test_plain_transformers_loads_it(self, parent, folder):
        model, info = transformers.AutoModelForSeq2SeqLM.from_pretrained(folder, output_loading_info=True)
        assert not any(info.values()), info
        found, wanted = logits(model), logits(parent.model)
        torch.testing.assert_close(found[..., : wanted.shape[-1]], wanted, rtol=0, atol=1e-6)
        tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
        for text in parents.TEXT:
            assert tokenizer(text)["input_ids"] == parent.source.encode(text)
            assert tokenizer(text_target=text)["input_ids"] == parent.target.encode(text)

    @pytest.mark.parametrize(
        "rows", [{"source": 46, "target": 51}, {"source": 0, "target": 50}, {"source": 46}, 46]
    )
    def test_a_damaged_record(self, folder, tmp_path, rows):
        shutil.copytree(folder, tmp_path / "parent")
        record = json.loads((folder / RECORD).read_text())
        (tmp_path / "parent" / RECORD).write_text(json.dumps(record | {"table_rows": rows}))
        with pytest.raises(ParentError, match=r"rows, but its tables have .*50.*; get the parent again"):
            Parent.load(tmp_path / "parent")

    def test_rows_that_stand_for_nothing_are_never_written(self, paths, tmp_path):
        """The larger table is the source's here, so the target's is padded."""
        sides = ("source", "target")
        exchanged = {
            f"{one}_{what}": paths[f"{other}_{what}"]
            for one, other in (sides, sides[::-1])
            for what in ("dictionary", "model")
        }
        altered_paths = altered(paths, tmp_path, lambda each: each.update(model=fairseq.tensors(50, 46)))
        imported(altered_paths | exchanged).save(tmp_path / "parent")
        model = transformers.AutoModelForSeq2SeqLM.from_pretrained(tmp_path / "parent")
        with torch.no_grad():
            found = model(input_ids=SOURCE, decoder_input_ids=PREVIOUS.clamp(max=45)).logits
        assert found.shape[-1] == 50 and found[..., :46].isfinite().all()
        assert (found[..., 46:] == -torch.inf).all()


def test_children_packs_and_ctranslate2(parent, tmp_path):
    before = parent.fingerprint()
    child = parents.shake(parents.child(parent, source=parents.vocabulary(41, parent.source.special)))
    again = apply_packs(parent, [pack_child(child)])
    inputs = parents.batch(child.source, child.target)
    assert torch.equal(parents.logits(child.model, inputs), parents.logits(again.model, inputs))
    assert parent.fingerprint() == before
    export_ctranslate2(parent, tmp_path / "model")  # compares log-probabilities itself


class TestSettings:
    @pytest.mark.parametrize("arguments", ["namespace", "configuration"])
    def test_from_the_checkpoint(self, tmp_path, arguments):
        paths = fairseq.write(tmp_path, arguments=arguments, activation_fn="gelu", dropout=0.25)
        config = imported(paths).model.config
        assert (config.encoder_attention_heads, config.activation_function) == (4, "gelu")
        assert (config.dropout, config.attention_dropout, config.scale_embedding) == (0.25, 0.1, False)
        assert (config.encoder_layers, config.d_model, config.decoder_ffn_dim) == (2, 16, 24)
        assert config.max_position_embeddings == 20

    def test_given_where_it_is_silent(self, tmp_path):
        paths = fairseq.write(tmp_path, arguments=None)
        with pytest.raises(
            ParentError, match=r"2 faults:(.|\n)*say heads.*give it(.|\n)*say scales_embeddings"
        ):
            imported(paths)
        parent = imported(paths, heads=4, scales_embeddings=False)
        wanted = fairseq.logits(double(read_checkpoint(paths["checkpoint"])[0]), SOURCE, PREVIOUS)
        torch.testing.assert_close(logits(parent.model.double(), torch.float64), wanted, rtol=0, atol=1e-10)

    def test_a_contradiction_is_refused(self, paths):
        with pytest.raises(ParentError, match="heads is given as 2, but the checkpoint says 4; leave it out"):
            imported(paths, heads=2)

    def test_heads_that_do_not_divide_the_width(self, tmp_path):
        with pytest.raises(ParentError, match="no model can be made of the checkpoint's numbers"):
            imported(fairseq.write(tmp_path, arguments=None), heads=3, scales_embeddings=True)

    def test_unknown_activations_are_refused(self, tmp_path):
        with pytest.raises(ParentError, match="the activation is 'swish', known are relu, gelu, tanh"):
            imported(fairseq.write(tmp_path, activation_fn="swish"))


class _Dangerous:
    """Writes a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (self.path, "w")


class TestRefusals:
    def test_code_in_a_checkpoint_is_not_run(self, paths, tmp_path):
        dangerous = _Dangerous(str(tmp_path / "written"))
        with pytest.raises(
            ParentError, match=r"holds \w*\.?open objects, and reading such may run code.*weights_only=False"
        ):
            imported(altered(paths, tmp_path, lambda checkpoint: checkpoint.update(cfg=dangerous)))
        assert not (tmp_path / "written").exists()

    @pytest.mark.parametrize("content", [b"", b"no checkpoint", b"PK\x03\x04 torn"])
    def test_damaged_files(self, paths, tmp_path, content):
        (tmp_path / "checkpoint.pt").write_bytes(content)
        with pytest.raises(ParentError, match=r"checkpoint.pt is not a checkpoint of PyTorch"):
            imported(paths | {"checkpoint": tmp_path / "checkpoint.pt"})

    def test_missing_files_are_reported_together(self, paths, tmp_path):
        missing = {name: tmp_path / name for name in ("checkpoint", "source_dictionary", "target_model")}
        with pytest.raises(ParentError, match="3 faults") as caught:
            imported(paths | missing)
        assert all(str(path) in str(caught.value) for path in missing.values())

    def test_a_file_of_tensors_alone(self, paths, tmp_path):
        torch.save({"weight": torch.zeros(2)}, tmp_path / "checkpoint.pt")
        with pytest.raises(ParentError, match='has no tensors under "model"'):
            imported(paths | {"checkpoint": tmp_path / "checkpoint.pt"})

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            (lambda t: t.pop("encoder.embed_positions.weight"), "its encoder has no learned positions"),
            (lambda t: t.pop("decoder.layernorm_embedding.weight"), "its decoder has no layer norm on embeddings"),
            (lambda t: t.pop("decoder.layer_norm.weight"), "ends with a layer norm, the other does not"),
            (lambda t: t.pop("decoder.layers.1.fc2.bias"), r"Missing key.*model.decoder.layers.1.fc2.bias"),
            (lambda t: t.update({"encoder.alpha": torch.ones(1)}), r"Unexpected key.*model.encoder.alpha"),
            (
                lambda t: t.update({"encoder.layers.0.self_attn.in_proj_weight": torch.ones(48, 16)}),
                "stored as before fairseq 0.9",
            ),
            (
                lambda t: t.update({"encoder.layers.1.fc2.weight": torch.ones(16, 23)}),
                r"layers.1.fc2.weight: .*\[16, 23\].*\[16, 24\]",
            ),
        ],
    )  # fmt: skip
    def test_other_architectures(self, paths, tmp_path, change, message):
        with pytest.raises(CrosslateError, match=message):
            imported(altered(paths, tmp_path, lambda checkpoint: change(checkpoint["model"])))
