"""Cross-attention of live models: batches and padding change nothing, unsuitable families are refused."""

import dataclasses

import numpy
import pytest
import torch

import families
import tiny_models
import toy_corpora
from crosslate.errors import ParentError
from crosslate.evaluation.sentence_attention import attend, head_changes
from crosslate.models.anatomy.anatomy import Anatomy
from crosslate.models.child import make_child
from crosslate.models.parent import Parent, Size
from crosslate.models.strategies import parse_strategy
from crosslate.text.vocabularies import Frame

SIZE = Size(layers=2, width=32, heads=2, feed_forward=48)
PAIRS = list(toy_corpora.corpus("fr", "en", 12))


@pytest.fixture(scope="module")
def parent():
    return Parent.create(
        tiny_models.vocabulary("fr"), tiny_models.vocabulary("en"), "fr", "en", SIZE,
        max_positions=tiny_models.MAX_TOKENS,
    )  # fmt: skip


def test_every_step_looks_at_its_own_sentence(parent):
    found = attend(parent, parent.anatomy, PAIRS)
    assert [each.index for each in found] == list(range(12))
    for each, (source, target) in zip(found, PAIRS):
        assert each.source == (*parent.source.encode_pieces(source), "</s>")
        assert each.target == (*parent.target.encode_pieces(target), "</s>")
        assert each.weights.shape == (2, 2, len(each.target), len(each.source))
        numpy.testing.assert_allclose(each.weights.sum(axis=-1), 1, atol=1e-5)


def test_a_batch_gives_what_single_sentences_give(parent):
    together = attend(parent, parent.anatomy, PAIRS)
    single = attend(parent, parent.anatomy, PAIRS, batch_tokens=1)
    for one, other in zip(together, single, strict=True):
        assert (one.source, one.target) == (other.source, other.target)
        numpy.testing.assert_allclose(one.weights, other.weights, atol=1e-5)


def test_a_step_has_read_only_what_stands_before_it(parent):
    """The row of a piece is the step that predicts it, so the piece itself cannot show in it."""
    one, other = attend(
        parent, parent.anatomy, [("un chien dort", "a dog sleeps"), ("un chien dort", "a dog eats")]
    )
    differ = next(at for at, (a, b) in enumerate(zip(one.target, other.target)) if a != b)
    assert numpy.array_equal(one.weights[:, :, : differ + 1], other.weights[:, :, : differ + 1])
    assert not numpy.allclose(one.weights[:, :, differ + 1], other.weights[:, :, differ + 1], atol=1e-6)


def test_the_model_stays_as_it_is(parent):
    before = (parent.fingerprint(), parent.model.config._attn_implementation, parent.model.training)
    attend(parent, parent.anatomy, PAIRS[:1])
    assert (parent.fingerprint(), parent.model.config._attn_implementation, parent.model.training) == before


def test_empty_and_too_long_pairs_are_left_out(parent):
    long = " ".join(["chien"] * 60)
    found = attend(parent, parent.anatomy, [("", "a dog"), PAIRS[0], (long, "a dog"), ("un chien", long)])
    assert [each.index for each in found] == [1]


@pytest.mark.parametrize("family", ["bart", "t5", "m2m100", "bert2bert", "bert2gpt2", "prophetnet"])
def test_families_give_their_weights_or_are_refused(family):
    model = families.build(family)
    anatomy = Anatomy.of(model)
    vocabularies = [dataclasses.replace(_Vocabulary(), size=size) for size in (41, 37)]
    stand_in = type("StandIn", (), {"model": model, "source": vocabularies[0], "target": vocabularies[1]})()
    if family == "prophetnet":
        with pytest.raises(ParentError, match="2 layers with 2 heads, found"):
            attend(stand_in, anatomy, [("5 6 7", "8 9")])
        return
    (found,) = attend(stand_in, anatomy, [("5 6 7", "8 9")])
    assert found.weights.shape == (2, 2, 3, 4)
    assert found.source == ("<5>", "<6>", "<7>", "<2>")


@dataclasses.dataclass
class _Vocabulary:
    """Numbers as text, for families whose random models have no SentencePiece model."""

    size: int = 0

    @property
    def pieces(self):
        return [f"<{index}>" for index in range(self.size)]

    @property
    def special(self):
        return type("Special", (), {"pad": 0, "eos": 2, "bos": 1, "unk": 3})()

    @property
    def marked_pieces(self):
        return self.pieces

    @property
    def frame(self):
        return Frame(after=(2,))

    num_frame_ids = 1

    def encode_batch(self, texts):
        return [[*map(int, text.split()), 2] for text in texts]

    def __len__(self):
        return self.size


def test_heads_that_were_trained_have_moved_and_no_others(parent):
    strategy = parse_strategy("src+xattn[layers=1]")
    child = make_child(parent, strategy, new_source=("de", tiny_models.vocabulary("de")))
    assert {value for rows in head_changes(child, parent).values() for row in rows for value in row} == {0.0}
    (name,) = [name for name in parent.anatomy.head_axis
               if parent.anatomy.layers[name] == 1 and parent.anatomy.projections[name] == "k"
               and name.endswith("weight")]  # fmt: skip
    weight = dict(child.model.named_parameters())[name]
    with torch.no_grad():
        weight[16:] *= 1.5  # the second of two heads of width 16
    moved = head_changes(child, parent)
    assert list(moved) == ["q", "k", "v", "o"]
    assert moved["k"] == [[0.0, 0.0], [0.0, 0.5]]
    assert moved["q"] == [[0.0, 0.0], [0.0, 0.0]]
