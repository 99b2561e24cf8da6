"""What differs between two packs, with every number worked out by hand."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from crosslate.models.methods.forms import LowRank
from crosslate.packs.difference import ChangedFact, ChangedTensor, ComparedScore, pack_difference
from crosslate.packs.manifest import TensorRecord
from crosslate.packs.pack import Pack
from crosslate.text.vocabularies import SpecialIds
from parents import vocabulary as vocabulary_of


@pytest.fixture
def other(pack: Pack, folder: Path, tmp_path: Path) -> Pack:
    """The pack, to be changed and saved beside it."""
    return Pack.load(folder)


def saved(pack: Pack, tmp_path: Path) -> Pack:
    pack.save(tmp_path / "other")
    return pack


def test_a_pack_and_its_copy(pack, other):
    found = pack_difference(pack, other)
    assert found.is_identical and found.num_equal_tensors == 3
    assert not (found.facts or found.vocabularies or found.changed_tensors or found.data or found.relation)
    assert [each.is_comparable for each in found.scores] == [True]


def test_tensors_by_their_relative_norm(pack, other, tmp_path):
    other.tensors["scale"] = torch.tensor(2.0)  # from 2.5
    other.tensors["k.weight"] = pack.tensors["k.weight"].clone()
    other.tensors["k.weight"][0, 0] = 1.0  # from 0.5, of twelve of 0.5
    found = pack_difference(pack, saved(other, tmp_path))
    assert not found.is_identical and found.num_equal_tensors == 1
    changed = {each.name: each.relative_norm for each in found.changed_tensors}
    assert changed == {"scale": pytest.approx(0.2), "k.weight": pytest.approx(0.5 / (12 * 0.25) ** 0.5)}
    assert all(not each.reason for each in found.changed_tensors)


def test_tensors_that_only_one_has_or_that_cannot_be_subtracted(pack, other, tmp_path):
    del other.tensors["scale"]
    other.tensors["new"] = torch.ones(2)
    other.tensors["k.weight"] = torch.ones(2, 8 + 3)
    other.manifest = other.manifest.changed(
        tensors={"k.weight": TensorRecord(shape=(2, 11), dtype="float32", form=LowRank(shape=(8, 3), rank=2))}
    )
    found = pack_difference(pack, saved(other, tmp_path))
    assert (found.added_tensors, found.removed_tensors) == (["new"], ["scale"])
    assert found.changed_tensors == [ChangedTensor("k.weight", None, "stored as slices and as low-rank")]


def test_low_rank_deltas_are_compared_as_products(pack, other, tmp_path):
    """Factors that differ may have the same product."""
    left, right = torch.ones(1, 8), torch.tensor([[1.0, 2.0, 2.0]])
    for each, factors in ((pack, (left, right)), (other, (2 * left, right / 2))):
        each.tensors["k.weight"] = torch.cat(factors, 1)
        each.manifest = each.manifest.changed(
            tensors={
                "k.weight": TensorRecord(shape=(1, 11), dtype="float32", form=LowRank(shape=(8, 3), rank=1))
            }
        )
    assert pack_difference(pack, other).changed_tensors == []
    other.tensors["k.weight"] = torch.cat([3 * left, right], 1)
    (changed,) = pack_difference(pack, other).changed_tensors
    assert changed.relative_norm == pytest.approx(2.0)


def test_pieces_scores_data_and_the_relation(pack, other, tmp_path):
    other.vocabularies["source"] = bird = vocabulary_of(40, SpecialIds(eos=0, unk=1, pad=2))
    other.tensors["embed.weight"] = torch.zeros(40, 4)
    (score,) = pack.manifest.scores
    other.manifest = other.manifest.changed(
        name="later", source_vocabulary_size=40, special_ids={"source": bird.special}, start=pack.manifest.identity,
        scores=(score.changed(value=33.0, test_set="earlier test"), score.changed(test_set="news")),
        data={"train": {"origin": "news", "pairs": 5, "sha256": "1"}},
    )  # fmt: skip
    found = pack_difference(pack, saved(other, tmp_path))
    assert found.relation == "the second went on from the first"
    assert pack_difference(other, pack).relation == "the first went on from the second"
    (vocabulary,) = found.vocabularies
    assert (vocabulary.side, vocabulary.first_size, vocabulary.second_size) == ("source", 24, 40)
    ours, theirs = pack.vocabularies["source"].pieces, bird.pieces
    assert set(vocabulary.added) == set(theirs) - set(ours) != set()
    assert set(vocabulary.removed) == set(ours) - set(theirs)
    assert found.changed_tensors == [ChangedTensor("embed.weight", None, "shapes [24, 4] and [40, 4]")]
    assert found.scores == [
        ComparedScore("BLEU", "test", 31.25, 33.0, True), ComparedScore("BLEU", "news", None, 31.25, False),
    ]  # fmt: skip
    assert found.facts == [ChangedFact("name", "de-en", "later")]
    assert found.data == [ChangedFact("train", None, {"origin": "news", "pairs": 5})]
