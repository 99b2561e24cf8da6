"""Packs in fewer bytes, and packs of every method: what is stored, what comes back, what is refused."""

import functools

import pytest
import torch

import families
import parents
from crosslate.engines.conversion import export_ctranslate2
from crosslate.errors import EngineError, PackError, UsageError
from crosslate.models.methods.forms import LowRank
from crosslate.models.tensors import named_tensors
from crosslate.packs.compact import compressed, low_rank
from crosslate.packs.compose import apply_packs, pack_child, plug_back
from crosslate.packs.manifest import Calibration, Curve, ScoreRecord, TensorRecord
from crosslate.packs.pack import Pack

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
    new = {"src": {"source": 43}, "tgt": {"target": 45}}
    child = parents.shake(parents.child(parent(family), text, **new[text[:3]]), seed)
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


class TestMethods:
    @pytest.mark.parametrize("method", [*FORMED, *ADDING, "bitfit"])
    def test_a_saved_pack_gives_the_same_logits_and_again_the_same_bytes(self, method, tmp_path):
        child = trained_child(f"src+{method}")
        pack = saved(pack_child(child), tmp_path / "pack")
        assert torch.allclose(logits_of(apply_packs(parent(), [pack])), logits_of(child), atol=1e-5)
        assert pack.manifest.strategy == f"src+{method}"
        pack.save(tmp_path / "again")
        for path in (tmp_path / "pack").iterdir():
            assert path.read_bytes() == (tmp_path / "again" / path.name).read_bytes(), path.name

    @pytest.mark.full
    @pytest.mark.parametrize("family", ["marian-shared", "t5"])
    @pytest.mark.parametrize("method", [*FORMED, *ADDING, "all"])
    @pytest.mark.parametrize("side", ["src", "tgt"])
    def test_every_family_and_side(self, family, method, side, tmp_path):
        child = trained_child(f"{side}+{method}", family)
        applied = apply_packs(parent(family), [saved(pack_child(child), tmp_path / "pack")])
        assert torch.allclose(logits_of(applied), logits_of(child), atol=1e-5)
        assert not any(each.requires_grad for each in applied.model.parameters())

    def test_added_modules_are_named(self, tmp_path):
        for text, added in (
            ("src+adapters[width=4]", ("adapters(enc,dec;width=4)",)),
            ("tgt+prefix[length=3]", ("prefix(enc,dec,xattn;length=3)",)),
            ("src+ia3", ()),
        ):
            pack = pack_of(text)
            pack.save(tmp_path / "pack", replace=True)
            assert pack.manifest.added == added
            rows = [
                f"| Added | {each}; translates with the PyTorch and ONNX engines only |" for each in added
            ]
            card = (tmp_path / "pack" / "README.md").read_text(encoding="utf-8")
            assert [line for line in card.splitlines() if "| Added |" in line] == rows

    @pytest.mark.parametrize(
        ("source", "target"),
        [
            ("lora[xattn;rank=2]", "prefix[length=3]"),
            ("adapters[width=4]", "ia3"),
            ("all", "adapters[width=4]"),
            ("xattn[k,v]", "xattn[heads=0:1]"),
            ("low-rank[rank=2]", "low-rank[rank=3]"),
            ("adapters[width=4]", "adapters[width=3]"),
        ],
    )
    def test_each_side_from_its_pack_and_changes_of_the_encoder_added(self, source, target):
        packs = [pack_of(f"tgt+{target}", seed=1), pack_of(f"src+{source}", seed=2)]
        composed = apply_packs(parent(), packs)
        of_target, of_source, of_both, originals = (
            dict(named_tensors(each.model))
            for each in (
                apply_packs(parent(), packs[:1]),
                apply_packs(parent(), packs[1:]),
                composed,
                parent(),
            )
        )
        assert (composed.source_language, composed.target_language) == ("de", "es")
        assert of_both.keys() >= of_target.keys() | {name for name in of_source if "encoder." in name[:15]}
        for name, tensor in of_both.items():
            if not name.startswith("model.encoder."):
                assert torch.equal(tensor, of_target[name]), name
            elif name == TABLE or name not in originals:  # an adapter that both have is the source pack's
                assert torch.equal(tensor, of_source.get(name, of_target.get(name))), name
            else:
                changes = of_source[name] + of_target[name] - 2 * originals[name]
                torch.testing.assert_close(tensor, originals[name] + changes)
        assert logits_of(composed).isfinite().all()

    def test_plugging_back_keeps_the_body_with_what_was_added(self):
        for method in (*ADDING, "ia3"):
            pack = pack_of(f"src+{method}")
            tensors = dict(named_tensors(plug_back(parent(), pack).model))
            assert tensors[TABLE] is dict(named_tensors(parent().model))[TABLE]
            for name in pack.tensors.keys() - {TABLE}:
                assert pack.form(name) or torch.equal(tensors[name], pack.tensors[name]), name

    def test_export_is_refused_with_what_works(self, tmp_path):
        for method in ADDING:
            child = apply_packs(parent(), [pack_of(f"src+{method}")])
            with pytest.raises(EngineError, match="use the PyTorch engine, or train lora"):
                export_ctranslate2(child, tmp_path / "model")
            assert list(tmp_path.iterdir()) == []

    def test_parts_of_added_modules_that_lack_or_do_not_fit_are_all_named(self):
        pack = pack_of("src+adapters[width=4]")
        lacking, wrong = (f"model.encoder.layers.{at}.bottleneck.down.weight" for at in (0, 1))
        del pack.tensors[lacking]
        pack.tensors[wrong] = torch.zeros(5, 16)
        with pytest.raises(PackError) as refused:
            apply_packs(parent(), [pack])
        assert f"it lacks '{lacking}', which adapters(enc,dec;width=4) need" in str(refused.value)
        assert f"{wrong} is torch.float32 of shape [5, 16], expected torch.float32 of [4, 16]" in str(
            refused.value
        )

    def test_a_form_of_another_shape_or_of_a_new_table_is_refused(self):
        pack = pack_of("src+lora[rank=2]")
        records = dict(pack.manifest.tensors)
        records[KEYS] = records[KEYS].changed(form=LowRank(shape=(8, 24), rank=2))
        records[TABLE] = TensorRecord(shape=(2, 59), dtype="float32", form=LowRank(shape=(43, 16), rank=2))
        pack.tensors[TABLE] = torch.zeros(2, 59)
        pack.manifest = pack.manifest.changed(tensors=records)
        with pytest.raises(PackError) as refused:
            apply_packs(parent(), [pack])
        assert f"the form of {KEYS} is for the shape [8, 24], expected [16, 16]" in str(refused.value)
        assert f"{TABLE} belongs to a replaced side, so its form must be slices or none" in str(refused.value)


class TestLowRank:
    def test_the_largest_changes_are_kept(self):
        original = torch.zeros(3, 4)
        stored = low_rank(torch.eye(3, 4) * torch.tensor([[5.0], [3.0], [1.0]]), original, 2)
        assert stored.shape == (2, 7)
        kept = torch.eye(3, 4) * torch.tensor([[5.0], [3.0], [0.0]])
        assert torch.allclose(LowRank(shape=(3, 4), rank=2).applied(original, stored), kept, atol=1e-5)

    def test_only_matrices_between_the_embeddings_are_cut(self, tmp_path):
        whole = pack_of("src+xattn")
        made = saved(compressed(whole, parent(), rank=2), tmp_path / "pack")
        formed = {name for name in made.tensors if made.form(name)}
        assert formed == {
            f"model.decoder.layers.{layer}.encoder_attn.{name}_proj.weight"
            for layer in (0, 1)
            for name in ("q", "k", "v", "out")
        }
        # 8 matrices of 16 x 16 became 2 x 32; nothing else changed.
        assert num_bytes(whole) - num_bytes(made) == 4 * 8 * (256 - 64)
        for name in whole.tensors.keys() - formed:
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
        records = {
            "m": TensorRecord(shape=(2, 2), dtype="int8", child_dtype="float32", scales="s"),
            "s": TensorRecord(shape=(2,), dtype="float32"),
        }
        pack = Pack(pack_of("src").manifest.changed(tensors=records), tensors)
        assert pack.decoded("m").tolist() == [[63.5, -32.0], [0.0, 0.0]]

    @pytest.mark.parametrize(("dtype", "tolerance"), [("bfloat16", 2**-8), ("int8", 0.5 / 127)])
    def test_numbers_come_back_nearly(self, dtype, tolerance, tmp_path):
        whole = pack_of("src+xattn")
        whole.tensors[TABLE][3] = 0.0  # a row without a largest number
        made = saved(compressed(whole, dtype=dtype), tmp_path / "pack")
        for name, tensor in whole.tensors.items():
            found, is_scaled = made.decoded(name), tensor.dim() > 1 and dtype == "int8"
            largest = tensor.abs().amax(-1, keepdim=True) if is_scaled else tensor.abs()
            allowed = tolerance if tensor.dim() > 1 else 2**-8
            assert found.dtype == torch.float32
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
            shape=(43, 16), dtype="int8", child_dtype="float32", scales=f"{TABLE}.scales"
        )

    @pytest.mark.parametrize("text", ["src+lora[rank=2]", "src+adapters[width=4]", "tgt+xattn[heads=0:1]"])
    def test_every_kind_of_pack_can_be_stored_so(self, text, tmp_path):
        child = trained_child(text)
        made = saved(compressed(pack_child(child), dtype="int8"), tmp_path / "pack")
        assert torch.allclose(logits_of(apply_packs(parent(), [made])), logits_of(child), atol=0.1)
        assert num_bytes(made) < 0.75 * num_bytes(pack_child(child))

    def test_both_together_and_twice(self, tmp_path):
        whole = pack_of("src+xattn")
        once = saved(compressed(whole, parent(), rank=4, dtype="int8"), tmp_path / "once")
        assert once.manifest.tensors[KEYS] == TensorRecord(
            shape=(4, 32), dtype="int8", form=LowRank(shape=(16, 16), rank=4), child_dtype="float32",
            scales=f"{KEYS}.scales",
        )  # fmt: skip
        twice = compressed(once, dtype="bfloat16")
        assert twice.form(KEYS) == LowRank(shape=(16, 16), rank=4) and not twice.manifest.scale_names
        first, second = (logits_of(apply_packs(parent(), [each])) for each in (once, twice))
        assert torch.allclose(first, second, atol=0.1)

    def test_the_record_says_what_was_done_and_old_scores_go(self, tmp_path):
        score = ScoreRecord(metric="bleu", value=30.0, signature="x", test_set="test")
        whole = pack_of("src+xattn")
        curve = Curve(intercept=0.0, slope=1.0, doubtful=0.5)
        measured = Calibration(sentence=curve, word=curve, sentences=60, spearman=0.4, signature="x")
        whole.manifest = whole.manifest.changed(
            training={"updates": 7}, scores=(score,), calibration=measured
        )
        whole.save(tmp_path / "whole")
        made = saved(compressed(whole, parent(), rank=4), tmp_path / "pack")
        assert made.manifest.scores == () and made.manifest.calibration is None
        assert made.manifest.training == {
            "updates": 7,
            "compressed": {"checksum": whole.manifest.checksum, "rank": 4, "dtype": None},
        }

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
