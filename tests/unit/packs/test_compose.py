"""Packs on parents: saved, loaded in another process, composed, refused."""

import functools
import json
from pathlib import Path

import pytest
import torch

import families
import parents
from crosslate.errors import PackError, VocabularyError
from crosslate.models.groups import GROUPS
from crosslate.models.methods.forms import Slices
from crosslate.models.parent import Parent
from crosslate.models.strategies import STRATEGIES, parse_strategy
from crosslate.models.tensors import named_tensors
from crosslate.packs.compact import stored_as
from crosslate.packs.compose import apply_packs, exchanged, expanded, pack_child
from crosslate.packs.manifest import TensorRecord
from crosslate.packs.pack import Pack
from crosslate.text.vocabularies import SpecialIds

LIMITED = (
    "src+xattn[layers=1;k,v]",
    "tgt+xattn[heads=0:1;1:0-1]",
    "src+xattn[heads=1:0;o]",
    "embed+body[norm]",
)
SOURCE_TABLE = "model.encoder.embed_tokens.weight"


@pytest.fixture(scope="module", autouse=True)
def _one_thread():
    with families.one_thread():
        yield


@functools.cache
def shared_parent(family):
    """For tests that only read it."""
    return parents.parent(family)


def trained_child(parent, text, seed=0):
    strategy = parse_strategy(text)
    sides = ("source", "target") if strategy.renews is None else strategy.renews
    sizes = {"source": 43, "target": 45}
    child = parents.child(parent, text, **{side: sizes[side] for side in sides})
    parents.shake(child, seed)
    # PyTorch folds a product with a matrix that requires gradients in another way: FSMT then differs by 1e-6.
    child.model.requires_grad_(False)
    return child


def pack_of(parent, text, seed=0):
    return pack_child(trained_child(parent, text, seed))


def logits_of(child):
    return parents.logits(child.model, parents.batch(child.source, child.target))


@pytest.mark.parametrize(
    "family", ["marian-separate", "marian-shared", "mbart", "t5", "m2m100", "fsmt", "bert2bert"]
)
def test_a_pack_gives_the_childs_logits_saved_or_not(family, tmp_path):
    parent = again = shared_parent(family)
    texts = ("src+xattn", "tgt+body", "src+xattn[heads=0:1]", "embed+xattn")
    if family == "marian-shared":
        parent.save(tmp_path / "parent")
        again, texts = Parent.load(tmp_path / "parent"), (*STRATEGIES, *LIMITED)
    for number, text in enumerate(texts):
        child = trained_child(parent, text, seed=number)
        pack = pack_child(child)
        applied = apply_packs(parent, [pack])
        assert torch.equal(logits_of(applied), logits_of(child)), text
        assert applied.source == child.source and applied.target == child.target
        assert applied.model.config.to_dict() == child.model.config.to_dict()
        assert not any(parameter.requires_grad for parameter in applied.model.parameters())
        pack.save(tmp_path / "pack", replace=True)
        loaded = apply_packs(again, [Pack.load(tmp_path / "pack")])
        assert torch.equal(logits_of(loaded), logits_of(child)), text


class TestComposition:
    @pytest.mark.parametrize("family", ["marian-separate", "marian-shared", "mbart", "t5"])
    @pytest.mark.parametrize(
        ("source", "target"),
        [
            ("src+xattn", "tgt+xattn"),
            ("src+body", "tgt+xattn"),
            ("src+xattn", "tgt+body"),
            ("src+body", "tgt+body"),
        ],
    )
    def test_each_side_from_its_pack_and_changes_of_the_encoder_added(self, family, source, target):
        parent = shared_parent(family)
        packs = [pack_of(parent, source, seed=1), pack_of(parent, target, seed=2)]
        child = apply_packs(parent, packs)
        assert (child.source_language, child.target_language) == ("de", "es")
        assert (len(child.source), len(child.target)) == (43, 45)
        of_source, of_target, of_both, originals = (
            dict(named_tensors(each.model))
            for each in (apply_packs(parent, packs[:1]), apply_packs(parent, packs[1:]), child, parent)
        )
        kept = set()
        for name, tensor in of_both.items():
            group = parent.anatomy.groups[name]
            if group != "enc":
                one = of_source if group == "src" else of_target
                assert torch.equal(tensor, one[name]), name
            else:
                changes = of_source[name] + of_target[name] - 2 * originals[name]
                torch.testing.assert_close(tensor, originals[name] + changes)
            kept |= {group} if tensor is originals[name] else set()
        assert kept >= {
            group for group in ("enc", "dec") if "body" not in (source + target if group == "enc" else target)
        }
        other_way = apply_packs(parent, packs[::-1])
        assert torch.equal(logits_of(other_way), logits_of(child))
        assert logits_of(child).shape[-1] == 45

    @pytest.mark.parametrize(
        ("texts", "message"),
        [
            (
                ("src+xattn", "src"),
                "'de-en src' replaces source; expected one that replaces the source and one",
            ),
            (("tgt", "tgt"), "do not compose"),
            (("src", "embed"), "'fr-en embed' replaces neither side"),
            (("src+tgt+xattn", "tgt"), "replaces source and target"),
            (("src", "tgt", "tgt"), "do not compose"),
            ((), "no pack was given"),
        ],
    )
    def test_others_do_not_compose(self, texts, message):
        parent = shared_parent("marian-separate")
        with pytest.raises(PackError, match=message):
            apply_packs(parent, [pack_of(parent, text) for text in texts])


def aliases_of(child, name):
    tensors = dict(named_tensors(child.model))
    return {each for each, tensor in tensors.items() if tensor is tensors[name]}


@pytest.mark.parametrize("family", ["marian-separate", "marian-shared"])
def test_packs_cost_only_their_own_tensors(family):
    parent = parents.parent(family)
    alone = storages(parent.model)
    packs = [pack_of(parent, text) for text in ("src+xattn", "tgt", "embed+xattn")]
    children = [apply_packs(parent, [pack]) for pack in packs] + [apply_packs(parent, packs[:2])]
    together = storages(parent.model, *(child.model for child in children))
    own = sum(tensor.nbytes for pack in packs for tensor in pack.tensors.values())
    assert alone.items() <= together.items()
    assert sum(together.values()) == sum(alone.values()) + own


@pytest.mark.parametrize("text", ["src+xattn[heads=0:1]", "src+xattn+low-rank(enc,dec;rank=2)"])
def test_an_expanded_pack_makes_the_same_child_and_its_models_share_tensors(text):
    parent = parents.parent("marian-separate")
    pack = stored_as(pack_of(parent, text), "int8")
    whole = expanded(parent, pack)
    assert not any(whole.form(name) for name in whole.tensors)
    one, other = (apply_packs(parent, [whole]) for _ in range(2))
    assert torch.equal(logits_of(one), logits_of(apply_packs(parent, [pack])))
    assert storages(one.model) == storages(one.model, other.model)


def storages(*models):
    """Bytes by address of every storage that the models keep alive."""
    tensors = [tensor for model in models for tensor in (*model.parameters(), *model.buffers())]
    found = [tensor.untyped_storage() for tensor in tensors]
    return {storage.data_ptr(): storage.nbytes() for storage in found}


PROJECTION = "model.decoder.layers.0.encoder_attn.q_proj.weight"
TENSORS = [
    ({SOURCE_TABLE: None}, f"it lacks '{SOURCE_TABLE}', which a new source vocabulary"),
    ({SOURCE_TABLE: torch.zeros(44, 16)}, r"\[44, 16\], expected .* of \[43, 16\]"),
    ({SOURCE_TABLE: torch.zeros(43, 16).half()}, "is torch.float16 of shape"),
    ({"model.shared.weight": torch.zeros(1)}, "has a tensor 'model.shared.weight'"),
    (
        {"model.decoder.embed_tokens.weight": torch.zeros(37, 16)},
        "the parent's model has no tensor of that name",
    ),
    ({"lm_head.weight": torch.zeros(45, 16)}, r"expected .* of \[37, 16\]"),
    (
        {"model.encoder.embed_positions.weight": torch.zeros(64, 16)},
        "the parent's model has no tensor of that name",
    ),
    (
        {SOURCE_TABLE: None, "foreign": torch.zeros(1)},
        r"2 faults:\n  - it has a tensor 'foreign'.*\n  - it lacks",
    ),
]
FORMS = (
    Slices(shape=(24, 16), axis=0, ranges=((8, 16),)),
    Slices(shape=(16, 4), axis=1, ranges=((0, 2),)),
    Slices(shape=(16, 16), axis=0, ranges=((8, 15),)),
)


class TestRefusals:
    """Nothing of a refused pack reaches a model: errors come before any child exists."""

    @pytest.fixture
    def pack(self):
        return pack_of(shared_parent("marian-separate"), "src+xattn[heads=0:1]")

    @pytest.fixture(autouse=True)
    def _never_built(self, monkeypatch):
        monkeypatch.setattr("crosslate.packs.compose.graft", lambda *_: pytest.fail("a child was built"))

    def refused(self, pack, message, family="marian-separate"):
        with pytest.raises(PackError, match=message):
            apply_packs(shared_parent(family), [pack])

    def test_another_parent(self, pack):
        parent, other = shared_parent("marian-separate"), parents.parent("marian-separate")
        expected = pack.manifest.parent.fingerprint
        assert other.fingerprint() == expected
        with torch.no_grad():
            other.model.model.encoder.layers[0].fc1.bias[0] += 1e-3
        with pytest.raises(PackError, match=f"{other.fingerprint()}, but the pack expects {expected}"):
            apply_packs(other, [pack])
        other = Parent(parent.model, parents.vocabulary(40), parent.target, "fr", "en", name="other")
        with pytest.raises(PackError, match="its source vocabulary is "):
            apply_packs(other, [pack])

    @pytest.mark.parametrize(("changes", "message"), TENSORS)
    def test_tensors_that_do_not_fit(self, pack, changes, message):
        changed = pack.tensors | changes
        pack.tensors = {name: tensor for name, tensor in changed.items() if tensor is not None}
        self.refused(pack, message)

    @pytest.mark.parametrize("form", FORMS)
    def test_slices_of_something_else(self, pack, form):
        record = TensorRecord(shape=form.stored_shape, dtype="float32", form=form)
        pack.manifest = pack.manifest.changed(tensors=pack.manifest.tensors | {PROJECTION: record})
        self.refused(
            pack, f"the form of {PROJECTION} is for the shape|{PROJECTION} is torch.float32 of shape"
        )

    def test_a_missing_vocabulary(self, pack):
        pack.vocabularies.clear()
        self.refused(pack, r"has vocabularies for \[\], expected for the replaced sides \['source'\]")

    def test_a_constant_replaced(self):
        pack = pack_of(shared_parent("pegasus"), "src")
        pack.tensors["model.decoder.embed_positions.weight"] = torch.zeros(64, 16)
        self.refused(pack, "is a constant of the model, which packs may not replace", "pegasus")


def test_a_padding_id_that_the_family_cannot_take_is_refused():
    parent = shared_parent("m2m100")
    pack = pack_of(parent, "src")
    moved = SpecialIds(eos=2, unk=3, pad=9, bos=1)
    pack.vocabularies["source"] = parents.vocabulary(43, moved)
    with pytest.raises(VocabularyError, match="counts positions from 0"):
        apply_packs(parent, [pack])


def test_the_manifest_says_what_was_done(tmp_path):
    parent = shared_parent("marian-separate")
    child = trained_child(parent, "src+xattn[heads=0:1]")
    pack = pack_child(child, name="mine", training={"seed": 1}, data={"pairs": 2}, licence="CC0-1.0")
    pack.save(tmp_path / "pack")
    values = json.loads(Path(tmp_path / "pack" / "pack.json").read_text(encoding="utf-8"))
    assert values["strategy"] == "src+xattn[heads=0:1]" and values["renewed"] == ["source"]
    assert (values["source_language"], values["target_language"]) == ("de", "en")
    assert (values["source_vocabulary_size"], values["target_vocabulary_size"]) == (43, len(parent.target))
    assert values["parent"]["fingerprint"] == parent.fingerprint()
    assert values["tensors"]["model.decoder.layers.0.encoder_attn.out_proj.weight"] == {
        "shape": [16, 8],
        "dtype": "float32",
        "form": {"kind": "slices", "shape": [16, 16], "axis": 1, "ranges": [[8, 16]]},
    }
    assert (values["training"], values["data"], values["licence"]) == ({"seed": 1}, {"pairs": 2}, "CC0-1.0")


def test_a_pack_is_not_moved_by_further_training():
    parent = shared_parent("marian-separate")
    child = trained_child(parent, "src+xattn[heads=0:1]")
    pack = pack_child(child)
    before = {name: tensor.clone() for name, tensor in pack.tensors.items()}
    parents.shake(child, seed=5)
    assert all(torch.equal(tensor, before[name]) for name, tensor in pack.tensors.items())


def test_a_child_of_packs_is_no_pack():
    parent = shared_parent("marian-separate")
    child = apply_packs(parent, [pack_of(parent, "src")])
    assert child.changed_tensors() == {}
    with pytest.raises(PackError, match="cannot pack a child that was made from packs"):
        pack_child(child)


class TestExchanged:
    @pytest.fixture(scope="class")
    def packs(self):
        """A parent whose sides share a table, two packs that change the whole body, and one for both sides."""
        parent = shared_parent("marian-shared")
        found = {
            text: pack_of(parent, text, seed)
            for seed, text in enumerate(("src+body", "tgt+body", "src+tgt+all"))
        }
        return parent, *found.values()

    @pytest.mark.parametrize("chosen", [(0,), (1,), (2,), (0, 1)])
    def test_all_groups_of_one_child_are_that_child(self, packs, chosen):
        parent, *made = packs
        of_child = [made[index] for index in chosen]
        child, expected = exchanged(parent, dict.fromkeys(GROUPS, of_child)), apply_packs(parent, of_child)
        assert torch.equal(logits_of(child), logits_of(expected))
        assert (child.source_language, child.target_language) == (
            expected.source_language,
            expected.target_language,
        )

    def test_each_group_is_that_of_its_child(self, packs):
        parent, source, target, both = packs
        parts = {"src": [both], "enc": [source], "xattn": [target], "dec": [], "tgt": [target]}
        child = exchanged(parent, parts)
        tensors = dict(named_tensors(child.model))
        children = {group: apply_packs(parent, of) if of else parent for group, of in parts.items()}
        for name, group in parent.anatomy.groups.items():
            if group in ("enc", "xattn", "dec"):
                assert torch.equal(tensors[name], dict(named_tensors(children[group].model))[name]), name
        assert child.source.pieces == both.vocabularies["source"].pieces
        assert child.target.pieces == target.vocabularies["target"].pieces
        assert torch.equal(tensors[SOURCE_TABLE], both.tensors[SOURCE_TABLE])
        assert parents.logits(child.model, parents.batch(child.source, child.target)).isfinite().all()

    def test_nothing_exchanged_is_the_parent(self, packs):
        parent, *_ = packs
        assert torch.equal(logits_of(exchanged(parent, dict.fromkeys(GROUPS, ()))), logits_of(parent))
