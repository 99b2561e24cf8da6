"""Packs in fewer bytes, and packs of rivals: what is stored, what comes back, what is refused."""

import dataclasses
import functools

import pytest
import torch

import families
import parents
from crosslate.engines.conversion import export_ctranslate2
from crosslate.errors import EngineError, PackError, UsageError
from crosslate.models.methods.forms import LowRank, Scale
from crosslate.models.tensors import named_tensors
from crosslate.packs.compact import compressed, decoded, low_rank
from crosslate.packs.compose import apply_packs, pack_child, plug_back
from crosslate.packs.manifest import Manifest, TensorRecord
from crosslate.packs.pack import Pack, verify

FORMED = ("lora[xattn;rank=2]", "lora[attention;rank=2]", "ia3")
ADDING = ("adapters[width=4]", "prefix[length=3]")
KEYS = "model.decoder.layers.0.encoder_attn.k_proj.weight"
TABLE = "model.encoder.embed_tokens.weight"


@pytest.fixture(scope="module", autouse=True)
def _one_thread():
    with families.one_thread():
        yield


@functools.cache
def parent(family="marian-separate"):
    return parents.parent(family)


def trained_child(text, family="marian-separate", seed=0):
    origin = parent(family)
    new = {"src": {"source": 43}, "tgt": {"target": 45}}
    child = parents.shake(parents.child(origin, text, **new[text[:3]]), seed)
    child.model.requires_grad_(False)
    return child


def pack_of(text, seed=0):
    return pack_child(trained_child(text, seed=seed))


def logits_of(child):
    return parents.logits(child.model, parents.batch(child.source, child.target))


def saved(pack, folder):
    pack.save(folder)
    return Pack.load(folder)


def num_bytes(pack):
    return sum(tensor.nbytes for tensor in pack.tensors.values())


class TestRivals:
    @pytest.mark.parametrize("family", ["marian-separate", "marian-shared", "t5"])
    @pytest.mark.parametrize("rival", [*FORMED, *ADDING, "all"])
    @pytest.mark.parametrize("side", ["src", "tgt"])
    def test_a_fresh_child_gives_the_same_logits(self, family, rival, side, tmp_path):
        child = trained_child(f"{side}+{rival}", family)
        pack = saved(pack_child(child), tmp_path / "pack")
        applied = apply_packs(parent(family), [pack])
        assert torch.allclose(logits_of(applied), logits_of(child), atol=1e-5)
        assert pack.manifest.strategy == f"{side}+{rival}"
        assert pack.manifest.format_version == (1 if rival == "all" else 2)
        assert pack.manifest.added == {
            "adapters[width=4]": ("adapters(enc,dec;width=4)",),
            "prefix[length=3]": ("prefix(enc,dec,xattn;length=3)",),
        }.get(rival, ())
        assert not any(each.requires_grad for each in applied.model.parameters())

    def test_biases_are_plain_tensors(self, tmp_path):
        child = trained_child("src+bitfit")
        pack = saved(pack_child(child), tmp_path / "pack")
        assert pack.manifest.format_version == 1
        assert {name.rpartition(".")[2] for name in pack.tensors} == {"weight", "bias"}
        assert [name for name in pack.tensors if name.endswith("weight")] == [TABLE]
        assert torch.equal(logits_of(apply_packs(parent(), [pack])), logits_of(child))

    @pytest.mark.parametrize("rival", [*FORMED, *ADDING])
    def test_saving_again_gives_the_same_bytes(self, rival, tmp_path):
        pack = saved(pack_of(f"src+{rival}"), tmp_path / "one")
        pack.save(tmp_path / "other")
        for path in (tmp_path / "one").iterdir():
            assert path.read_bytes() == (tmp_path / "other" / path.name).read_bytes(), path.name

    @pytest.mark.parametrize("target", [*FORMED, *ADDING, "bitfit", "all"])
    @pytest.mark.parametrize("source", ["lora[xattn;rank=2]", "adapters[width=4]", "all"])
    def test_a_target_pack_gives_all_but_the_source_embeddings(self, source, target):
        packs = [pack_of(f"tgt+{target}", seed=1), pack_of(f"src+{source}", seed=2)]
        composed = apply_packs(parent(), packs)
        assert (composed.source_language, composed.target_language) == ("de", "es")
        tensors, alone = (
            dict(named_tensors(each.model)) for each in (composed, apply_packs(parent(), packs[:1]))
        )
        assert torch.equal(tensors[TABLE], packs[1].tensors[TABLE])
        for name in alone.keys() - {TABLE}:
            assert torch.equal(tensors[name], alone[name]), name
        assert tensors.keys() == alone.keys()
        assert logits_of(composed).isfinite().all()

    def test_plugging_back_keeps_the_body_with_what_was_added(self):
        for rival in (*ADDING, "ia3"):
            pack = pack_of(f"src+{rival}")
            tensors = dict(named_tensors(plug_back(parent(), pack).model))
            assert tensors[TABLE] is dict(named_tensors(parent().model))[TABLE]
            for name in pack.manifest.tensors.keys() - {TABLE}:
                if pack.manifest.tensors[name].form is None:
                    assert torch.equal(tensors[name], pack.tensors[name]), name

    @pytest.mark.parametrize("rival", ADDING)
    def test_export_is_refused_with_what_works(self, rival, tmp_path):
        child = apply_packs(parent(), [pack_of(f"src+{rival}")])
        with pytest.raises(EngineError, match="use the PyTorch engine for it, or train lora"):
            export_ctranslate2(child, tmp_path / "model")
        assert list(tmp_path.iterdir()) == []

    def test_parts_of_added_modules_that_lack_or_do_not_fit_are_all_named(self):
        pack = pack_of("src+adapters[width=4]")
        lacking, wrong = (f"model.encoder.layers.{at}.bottleneck.down.weight" for at in (0, 1))
        del pack.tensors[lacking]
        pack.tensors[wrong] = torch.zeros(5, 16)
        with pytest.raises(PackError) as refused:
            apply_packs(parent(), [pack])
        assert f"it lacks '{lacking}', which its adapters(enc,dec;width=4) needs" in str(refused.value)
        assert f"{wrong} is torch.float32 of shape [5, 16], expected torch.float32 of [4, 16]" in str(
            refused.value
        )


class TestLowRank:
    def test_a_delta_of_that_rank_comes_back_whole(self):
        torch.manual_seed(0)
        original = torch.randn(6, 4)
        delta = torch.outer(torch.arange(6.0), torch.tensor([1.0, 0, -1, 2]))
        stored = low_rank(original + delta, original, 1)
        assert stored.shape == (1, 10)
        assert torch.allclose(stored[:, :6].T @ stored[:, 6:], delta, atol=1e-4)

    def test_the_largest_changes_are_kept(self):
        original = torch.zeros(3, 3)
        stored = low_rank(torch.diag(torch.tensor([5.0, 3.0, 1.0])), original, 2)
        assert torch.allclose(
            LowRank((3, 3), 2).applied(original, stored),
            torch.diag(torch.tensor([5.0, 3.0, 0.0])), atol=1e-5,
        )  # fmt: skip

    def test_only_matrices_between_the_embeddings_are_cut(self, tmp_path):
        whole = pack_of("src+xattn")
        made = saved(compressed(whole, parent(), rank=2), tmp_path / "pack")
        forms = {name for name, record in made.manifest.tensors.items() if record.form}
        assert forms == {
            f"model.decoder.layers.{layer}.encoder_attn.{name}_proj.weight"
            for layer in (0, 1)
            for name in ("q", "k", "v", "out")
        }
        # 8 matrices of 16 x 16 became 2 x 32; nothing else changed.
        assert num_bytes(whole) - num_bytes(made) == 4 * 8 * (256 - 64)
        for name in whole.tensors.keys() - forms:
            assert torch.equal(made.tensors[name], whole.tensors[name])

    def test_more_rank_is_nearer_and_the_full_one_exact(self):
        child = trained_child("src+xattn")
        whole = pack_child(child)
        errors = []
        for rank in (1, 4, 7):
            applied = apply_packs(parent(), [compressed(whole, parent(), rank=rank)])
            errors.append(float((logits_of(applied) - logits_of(child)).abs().max()))
        assert errors[0] > errors[1] > errors[2] > 0
        # At rank 8 of 16 x 16 nothing is saved, so the matrix is stored whole.
        stays = compressed(whole, parent(), rank=8)
        assert num_bytes(stays) == num_bytes(whole)
        assert torch.equal(logits_of(apply_packs(parent(), [stays])), logits_of(child))

    def test_slices_of_heads_and_forms_stay(self):
        for text in ("src+xattn[heads=0:1]", "src+lora[rank=2]"):
            whole = pack_of(text)
            assert num_bytes(compressed(whole, parent(), rank=1)) == num_bytes(whole)


class TestFewerBits:
    def test_int8_by_hand(self):
        tensors = {"m": torch.tensor([[127, -64], [0, 0]], dtype=torch.int8), "s": torch.tensor([0.5, 3.0])}
        record = TensorRecord((2, 2), "int8", child_dtype="float32", scales="s")
        manifest = dataclasses.replace(pack_of("src").manifest, tensors={"m": record})
        assert decoded(tensors, manifest, "m").tolist() == [[63.5, -32.0], [0.0, 0.0]]

    @pytest.mark.parametrize(("dtype", "tolerance"), [("bfloat16", 2**-8), ("int8", 0.5 / 127)])
    def test_numbers_come_back_nearly(self, dtype, tolerance, tmp_path):
        whole = pack_of("src+xattn")
        whole.tensors[TABLE][3] = 0.0  # a row without a largest number
        made = saved(compressed(whole, dtype=dtype), tmp_path / "pack")
        for name, tensor in whole.tensors.items():
            found = decoded(made.tensors, made.manifest, name)
            assert found.dtype == torch.float32
            largest = (
                tensor.abs().amax(-1, keepdim=True) if tensor.dim() > 1 and dtype == "int8" else tensor.abs()
            )
            allowed = tolerance if tensor.dim() > 1 else 2**-8
            assert ((found - tensor).abs() <= allowed * largest + 1e-7).all(), name
        assert logits_of(apply_packs(parent(), [made])).isfinite().all()

    def test_how_many_bytes(self):
        whole = pack_of("src+xattn")
        numbers = sum(tensor.numel() for tensor in whole.tensors.values())
        matrices = [tensor for tensor in whole.tensors.values() if tensor.dim() == 2]
        in_matrices, rows = sum(each.numel() for each in matrices), sum(len(each) for each in matrices)
        assert num_bytes(compressed(whole, dtype="bfloat16")) == 2 * numbers
        made = compressed(whole, dtype="int8")
        assert num_bytes(made) == in_matrices + 4 * rows + 2 * (numbers - in_matrices)
        assert made.manifest.tensors[TABLE] == TensorRecord(
            (43, 16), "int8", child_dtype="float32", scales=f"{TABLE}.scales"
        )

    @pytest.mark.parametrize(
        "text", ["src+lora[rank=2]", "src+ia3", "src+adapters[width=4]", "tgt+xattn[heads=0:1]"]
    )
    @pytest.mark.parametrize("dtype", ["bfloat16", "int8"])
    def test_every_kind_of_pack_can_be_stored_so(self, text, dtype, tmp_path):
        child = trained_child(text)
        made = saved(compressed(pack_child(child), dtype=dtype), tmp_path / "pack")
        applied = logits_of(apply_packs(parent(), [made]))
        assert torch.allclose(applied, logits_of(child), atol=0.1)
        assert num_bytes(made) < 0.75 * num_bytes(pack_child(child))

    def test_both_together_and_twice(self, tmp_path):
        child = trained_child("src+xattn")
        whole = pack_child(child)
        once = saved(compressed(whole, parent(), rank=4, dtype="int8"), tmp_path / "once")
        assert once.manifest.tensors[KEYS] == TensorRecord(
            (4, 32), "int8", LowRank((16, 16), 4), "float32", f"{KEYS}.scales"
        )
        twice = compressed(once, dtype="bfloat16")
        assert twice.manifest.tensors[KEYS].form == LowRank((16, 16), 4)
        assert not twice.manifest.scale_names
        first, second = (logits_of(apply_packs(parent(), [each])) for each in (once, twice))
        assert torch.allclose(first, second, atol=0.1)

    def test_the_record_says_what_was_done_and_old_scores_go(self, tmp_path):
        from crosslate.packs.manifest import ScoreRecord

        whole = pack_of("src+xattn")
        whole.manifest = dataclasses.replace(
            whole.manifest, training={"updates": 7}, scores=(ScoreRecord("bleu", 30.0, "x", "test"),)
        )
        whole.save(tmp_path / "whole")
        made = saved(compressed(whole, parent(), rank=4), tmp_path / "pack")
        assert made.manifest.scores == ()
        assert made.manifest.training == {
            "updates": 7,
            "compressed": {"checksum": whole.manifest.checksum, "rank": 4, "dtype": None},
        }
        assert whole.manifest.format_version == 1 and verify(tmp_path / "pack").format_version == 2

    def test_what_cannot_be_asked(self):
        whole = pack_of("src+xattn")
        for options, message in (
            ({}, "neither a rank nor a type"),
            ({"rank": -1}, "rank is -1"),
            ({"dtype": "int4"}, "did you mean 'int8'"),
            ({"rank": 4}, "give the parent"),
        ):
            with pytest.raises(UsageError, match=message):
                compressed(whole, **options)
        with pytest.raises(PackError, match="was made for another parent"):
            compressed(whole, parent("marian-shared"), rank=4)


class TestFormat:
    def test_version_1_is_written_as_ever(self):
        text = pack_of("src+xattn").manifest.to_bytes().decode()
        assert '"format_version": 1' in text
        assert not any(f'"{key}"' in text for key in ("added", "child_dtype", "scales"))

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"form": LowRank((16, 16), 3)}, "its form needs [3, 32]"),
            ({"form": Scale((16, 16), 2)}, "a scale needs an axis"),
            ({"child_dtype": "int8"}, "child_dtype is 'int8'"),
            ({"dtype": "int8", "child_dtype": "float32"}, "by scales, which it lacks"),
            ({"scales": TABLE}, "scales belong to int8 tensors"),
            ({"dtype": "int8", "child_dtype": "float32", "scales": "nothing"}, "scales names 'nothing'"),
            ({"dtype": "int8", "child_dtype": "float32", "scales": TABLE}, "expected 2 float32 numbers"),
        ],
    )
    def test_records_that_contradict_themselves(self, changes, message):
        manifest = pack_of("src+lora[rank=2]").manifest
        record = dataclasses.replace(manifest.tensors[KEYS], **changes)
        made = dataclasses.replace(
            manifest, format_version=2, tensors={**manifest.tensors, KEYS: record},
            files=verify_files(),
        )  # fmt: skip
        with pytest.raises(PackError) as refused:
            Manifest.from_bytes(made.sealed().to_bytes())
        assert message in str(refused.value)

    @pytest.mark.parametrize(
        ("added", "message"),
        [
            ("adapters(enc;width=0)", "width is '0'"), ("magic(enc)", "unknown method 'magic'"),
            ("lora(enc;rank=2)", "which adds no modules"),
        ],
    )  # fmt: skip
    def test_added_modules_that_cannot_be(self, added, message):
        manifest = dataclasses.replace(
            pack_of("src").manifest, format_version=2, added=(added,), files=verify_files()
        )
        with pytest.raises(PackError, match=message):
            Manifest.from_bytes(manifest.sealed().to_bytes())

    def test_the_card_says_which_engine(self, tmp_path):
        for text, row in (("src+adapters[width=4]", True), ("src+xattn", False)):
            pack_of(text).save(tmp_path / text)
            card = (tmp_path / text / "README.md").read_text(encoding="utf-8")
            assert (
                "| Added | adapters(enc,dec;width=4); translates with the PyTorch engine only |" in card
            ) is row

    def test_version_1_has_no_forms(self):
        manifest = pack_of("src+lora[rank=2]").manifest
        manifest = dataclasses.replace(manifest, format_version=1, files=verify_files())
        with pytest.raises(PackError, match="format_version is 1, but frames"):
            Manifest.from_bytes(manifest.sealed().to_bytes())

    def test_a_form_of_another_shape_or_of_a_new_table_is_refused(self):
        pack = pack_of("src+lora[rank=2]")
        records = dict(pack.manifest.tensors)
        records[KEYS] = dataclasses.replace(records[KEYS], form=LowRank((8, 24), 2))
        records[TABLE] = TensorRecord((2, 59), "float32", form=LowRank((43, 16), 2))
        pack.manifest = dataclasses.replace(pack.manifest, tensors=records)
        with pytest.raises(PackError) as refused:
            apply_packs(parent(), [pack])
        assert f"{KEYS} is a form of a tensor of shape [8, 24], expected [16, 16]" in str(refused.value)
        assert f"{TABLE} is of a renewed side, so it cannot be a form" in str(refused.value)


def verify_files():
    from crosslate.packs.manifest import FileRecord

    return {name: FileRecord("0" * 64, 1) for name in ("weights.safetensors", "source.spm", "README.md")}
