"""Cross-attention of live models, its entropy and change, and word alignment worked out by hand."""

import dataclasses
from types import SimpleNamespace

import numpy
import pytest
import torch

import families
import parents
import tiny_models
import toy_corpora
from crosslate.errors import ParentError
from crosslate.evaluation import attention
from crosslate.evaluation.attention import (
    Word,
    align_words,
    alignment_layer,
    attend,
    entropies,
    head_changes,
    score_alignment,
    words_of,
)
from crosslate.models.anatomy.anatomy import Anatomy
from crosslate.models.sizes import Size
from crosslate.text.vocabularies import Frame

SIZE = Size(layers=2, width=32, heads=2, feed_forward=48)
PAIRS = list(toy_corpora.corpus("fr", "en", 12))


@pytest.fixture(scope="module")
def parent():
    return toy_corpora.parent(SIZE)


def test_every_step_looks_at_its_own_sentence(parent):
    before = (parent.fingerprint(), parent.model.config._attn_implementation, parent.model.training)
    found = attend(parent, parent.anatomy, PAIRS)
    assert (parent.fingerprint(), parent.model.config._attn_implementation, parent.model.training) == before
    assert [each.index for each in found] == list(range(12))
    for each, (source, target) in zip(found, PAIRS):
        assert each.source == (*parent.source.encode_pieces(source), "</s>")
        assert each.target == (*parent.target.encode_pieces(target), "</s>")
        assert each.weights.shape == (2, 2, len(each.target), len(each.source))
        numpy.testing.assert_allclose(each.weights.sum(axis=-1), 1, atol=1e-5)


def test_a_batch_gives_what_single_sentences_give(parent, monkeypatch):
    together = attend(parent, parent.anatomy, PAIRS)
    monkeypatch.setattr(attention, "BATCH_TOKENS", 1)
    single = attend(parent, parent.anatomy, PAIRS)
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


def test_empty_and_too_long_pairs_are_left_out(parent):
    long = " ".join(["chien"] * 60)
    found = attend(parent, parent.anatomy, [("", "a dog"), PAIRS[0], (long, "a dog"), ("un chien", long)])
    assert [each.index for each in found] == [1]


@pytest.mark.parametrize("family", ["bart", "t5", "m2m100", "bert2bert", "bert2gpt2", "prophetnet"])
def test_families_give_their_weights_or_are_refused(family):
    model = families.build(family)
    anatomy = Anatomy.of(model)
    stand_in = SimpleNamespace(model=model, source=_Vocabulary(41), target=_Vocabulary(37))
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

    size: int
    special = SimpleNamespace(pad=0, eos=2, bos=1, unk=3)
    frame = Frame(after=(2,))
    num_frame_ids = 1

    @property
    def marked_pieces(self):
        return [f"<{index}>" for index in range(self.size)]

    def encode_batch(self, texts):
        return [[*map(int, text.split()), 2] for text in texts]

    def __len__(self):
        return self.size


def test_heads_that_were_trained_have_moved_and_no_others(parent):
    child = parents.child(parent, "src+xattn[layers=1]", source=tiny_models.vocabulary("de"))
    assert {value for rows in head_changes(child, parent).values() for row in rows for value in row} == {0.0}
    weights = dict(child.model.named_parameters())
    with torch.no_grad():  # the second of two heads of width 16: its rows, and its columns of the output
        weights["model.decoder.layers.1.encoder_attn.k_proj.weight"][16:] *= 1.5
        weights["model.decoder.layers.1.encoder_attn.out_proj.weight"][:, 16:] *= 3
    moved = head_changes(child, parent)
    assert list(moved) == ["q", "k", "v", "o"]
    assert moved["k"] == [[0.0, 0.0], [0.0, 0.5]] and moved["o"] == [[0.0, 0.0], [0.0, 2.0]]
    assert moved["q"] == [[0.0, 0.0], [0.0, 0.0]]


def test_entropy_is_in_nats_and_zeros_do_not_count():
    weights = [[0.25, 0.25, 0.25, 0.25], [0.5, 0.5, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0]]
    assert entropies(numpy.array(weights, dtype=numpy.float32)) == pytest.approx([1.386294, 0.693147, 0.0])


@pytest.mark.parametrize(
    ("pieces", "expected"),
    [
        ("▁Ein ▁H und . </s>", [("Ein", (0,)), ("Hund", (1, 2)), (".", (3,))]),
        (
            "▁T - Shir t , ▁rot </s>",
            [("T", (0,)), ("-", (1,)), ("Shirt", (2, 3)), (",", (4,)), ("rot", (5,))],
        ),
        ("▁ Über </s>", [("Über", (0, 1))]),
        # Scripts without spaces.
        ("▁ 你好 世界 。 </s>", [("你好", (0, 1)), ("世界", (2,)), ("。", (3,))]),
        ("▁แม่ ดื่ มน ้ำ", [("แม่", (0,)), ("ดื่", (1,)), ("มน้ำ", (2, 3))]),
        ("▁i Phone 很 好 ▁用", [("iPhone", (0, 1)), ("很", (2,)), ("好", (3,)), ("用", (4,))]),
        ("</s>", []),
    ],
)
def test_pieces_become_words(pieces, expected):
    assert words_of(pieces.split(), {"</s>"}) == [Word(text, rows) for text, rows in expected]


def test_a_word_looks_with_the_mean_of_its_pieces_at_the_sum_of_anothers():
    source = words_of(["▁der", "▁H", "und", "</s>"], {"</s>"})
    target = words_of(["▁d", "og", "▁the", "</s>"], {"</s>"})
    weights = numpy.array(
        [
            [0.40, 0.15, 0.15, 0.30],  # d: the most to "der"
            [0.20, 0.35, 0.25, 0.20],  # og: 0.60 to "Hund"; both together 0.30 against 0.45
            [0.30, 0.10, 0.10, 0.50],  # the: the end of the sentence counts for no word
            [0.00, 0.00, 0.00, 1.00],
        ]
    )
    assert align_words(weights, target, source) == [(0, 1), (1, 0)]
    assert align_words(weights, target, []) == []


def test_only_what_the_dictionary_knows_is_scored():
    source = [Word("Der", (0,)), Word("Hund", (1,)), Word("schläft", (2,)), Word(".", (3,))]
    target = [Word("The", (0,)), Word("dog", (1,)), Word("sleeps", (2,)), Word("soundly", (3,))]
    dictionary = {"the": {"der", "die"}, "dog": {"hund"}, "cat": {"katze"}, "soundly": {"fest"}}
    links = [(0, 0), (1, 2), (2, 2), (3, 2)]
    found = score_alignment(links, target, source, dictionary)
    # sleeps is in no dictionary, and soundly has no translation in the sentence.
    assert found == (1, 2, 0.5)


def test_alignments_are_read_from_the_last_layer_but_one_unless_that_is_the_first():
    assert [alignment_layer(count) for count in (1, 2, 3, 6)] == [0, 1, 1, 4]
