"""Pair packs: trained on what two packs compose, applied together with them, refused without them."""

from __future__ import annotations

import itertools

import pytest
import torch

import parents
from crosslate.errors import PackError, ParentError
from crosslate.models.tensors import named_tensors
from crosslate.packs.compact import compressed, stored_as
from crosslate.packs.compose import apply_packs, composed_parent, expanded, pack_child, plug_back
from crosslate.packs.pack import Pack

PAIR = "pair+xattn+low-rank(enc,dec;rank=2)"


def made(parent, text, folder, seed=0, **options):
    child = parents.shake(parents.sized_child(parent, text, seed=seed + 1), seed)
    child.model.requires_grad_(False)
    pack = pack_child(child, **options)
    pack.save(folder)
    return pack, child


def logits_of(child):
    return parents.logits(child.model, parents.batch(child.source, child.target))


@pytest.fixture
def three(tmp_path):
    """``three(family, text)`` is a parent, its source, target and pair pack, and the trained child."""

    def make(family="marian-separate", text=PAIR, source="src+body", target="tgt+body"):
        parent = parents.parent(family)
        one, _ = made(parent, source, tmp_path / "source", 1)
        other, _ = made(parent, target, tmp_path / "target", 2)
        pair, child = made(composed_parent(parent, [other, one]), text, tmp_path / "pair", 3)
        return parent, [one, other, pair], child

    return make


@pytest.mark.parametrize("family", ["marian-separate", "marian-shared", "mbart", "t5", "m2m100", "fsmt"])
def test_three_packs_make_the_trained_child_in_any_order(three, tmp_path, family):
    parent, packs, child = three(family)
    before = parent.fingerprint()
    manifest = packs[2].manifest
    assert manifest.parent == packs[0].manifest.parent
    assert [each.fingerprint for each in manifest.packs] == [each.manifest.checksum for each in packs[:2]]
    assert (manifest.renewed, manifest.source_language, manifest.target_language) == ((), "de", "es")
    groups = {parent.anatomy.groups[name] for name in packs[2].tensors}
    assert groups == {"enc", "dec", "xattn"}
    loaded = [Pack.load(tmp_path / name) for name in ("source", "target", "pair")]
    for order in itertools.permutations(loaded):
        applied = apply_packs(parent, order)
        assert torch.equal(logits_of(applied), logits_of(child))
        assert (applied.source_language, applied.target_language) == ("de", "es")
        assert applied.parent is parent and applied.source == child.source
    assert not torch.equal(logits_of(apply_packs(parent, loaded[:2])), logits_of(child))
    assert parent.fingerprint() == before


@pytest.mark.parametrize(
    "text", ["pair+body", "pair+xattn[heads=0:1]", "pair+xattn+lora(enc,dec;rank=2)", "embed+xattn",
             "pair+xattn+adapters(enc,dec;width=4)"],
)  # fmt: skip
@pytest.mark.parametrize("family", ["marian-separate", "marian-shared"])
def test_other_strategies(three, family, text):
    if "lora" in text:
        pytest.importorskip("peft")
    parent, packs, child = three(family, text)
    torch.testing.assert_close(logits_of(apply_packs(parent, packs)), logits_of(child), rtol=1e-5, atol=1e-5)


def test_a_composed_parents_fingerprint_is_derived_and_follows_its_tensors(three):
    parent, packs, _ = three()
    composed, again = composed_parent(parent, packs[:2]), composed_parent(parent, packs[1::-1])
    assert composed.fingerprint() == again.fingerprint() != parent.fingerprint()
    other = stored_as(packs[0], "int8")
    with pytest.raises(PackError, match="was not saved yet, so nothing can refer to it"):
        composed_parent(parent, [other, packs[1]])
    before = composed.fingerprint()
    name, tensor = next(named_tensors(composed.model))
    with torch.no_grad():
        tensor += 1
    assert composed.fingerprint() != before, name
    with pytest.raises(ParentError, match="merge them instead"):
        composed.save("anywhere")


def test_a_lowered_composition_keeps_its_fingerprint(three):
    parent, packs, _ = three()
    composed = composed_parent(parent, packs[:2])
    before = composed.fingerprint()
    composed.lower({"enc", "dec", "xattn"})
    assert composed.lowering and composed.fingerprint() == before
    assert parent.fingerprint() == parents.parent().fingerprint()  # which shares its memory
    with pytest.raises(ParentError, match="lower what is composed"):
        lowered = parents.parent()
        lowered.lower(())
        composed_parent(lowered, packs[:2])


def test_a_pair_pack_is_made_smaller_and_expanded_on_its_composition(three, tmp_path):
    parent, packs, child = three()
    composed = composed_parent(parent, packs[:2])
    whole = expanded(composed, packs[2])
    assert not any(whole.form(name) for name in whole.tensors)
    assert torch.equal(logits_of(apply_packs(parent, [*packs[:2], whole])), logits_of(child))
    assert torch.equal(logits_of(apply_packs(composed, [packs[2]])), logits_of(child))
    for smaller in (stored_as(packs[2], "bfloat16"), compressed(packs[2], composed, rank=8)):
        found = logits_of(apply_packs(parent, [*packs[:2], smaller]))
        torch.testing.assert_close(found, logits_of(child), rtol=0.1, atol=0.2)


class TestRefusals:
    def test_without_its_packs_or_beside_others(self, three, tmp_path):
        parent, (source, target, pair), _ = three()
        other, _ = made(parent, "src+body", tmp_path / "other", 4, name="other")
        needs = f"works only together with 'de-en src.body' .fingerprint {source.manifest.checksum}"
        for packs, seen in (
            ([pair], "given beside it: no other pack"),
            ([pair, source], f"given beside it: 'de-en src.body' .fingerprint {source.manifest.checksum}"),
            ([pair, other, target], f"given beside it: 'other' .fingerprint {other.manifest.checksum}"),
            ([pair, source, target, other], "given beside it: .* and 'other'"),
        ):
            with pytest.raises(PackError, match=f"{needs}.*{seen}"):
                apply_packs(parent, packs)
        with pytest.raises(PackError, match="are pair packs; expected one at most"):
            apply_packs(parent, [source, target, pair, pair])

    def test_on_another_composition(self, three, tmp_path):
        parent, (source, target, pair), _ = three()
        other, _ = made(parent, "src+body", tmp_path / "other", 4)
        composed = composed_parent(parent, [other, target])
        with pytest.raises(PackError, match=r"was made for 'de-en src.body'.*, not for what"):
            apply_packs(composed, [pair])
        with pytest.raises(PackError, match="was made for the parent 'parents/marian-separate', not for"):
            apply_packs(composed, [other])
        with pytest.raises(PackError, match="2 pair packs are given"):
            apply_packs(composed_parent(parent, [source, target]), [pair, pair])

    def test_what_cannot_be_started_from(self, three, tmp_path):
        parent, (source, target, pair), _ = three()
        for packs in ([source], [source, source], [source, target, pair], [pair, source]):
            with pytest.raises(PackError, match="expected two to start from"):
                composed_parent(parent, packs)
        adapters, _ = made(parent, "src+adapters", tmp_path / "adapters")
        with pytest.raises(PackError, match=r"adds modules .adapters"):
            composed_parent(parent, [adapters, target])

    def test_no_parents_pair_to_plug_back(self, three):
        parent, packs, _ = three()
        with pytest.raises(PackError, match="is a pair pack"):
            plug_back(parent, packs[2])
