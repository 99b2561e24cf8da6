"""Which tokenizers a merged checkpoint gets, and how special ids of two sides are brought together."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

import parents
from crosslate.errors import PackError
from crosslate.export.plain_tokenizers import PlainTokenizers
from crosslate.text.vocabularies import Frame, SpecialIds, Vocabulary

PAD_LAST = SpecialIds(eos=0, unk=1, pad=45)


def pad_last() -> Vocabulary:
    """Pieces in an order of their own with padding at the end, as in OPUS-MT's checkpoints."""
    own = parents.vocabulary(46, SpecialIds(eos=0, unk=1, pad=2))
    pieces = [piece for piece in own.pieces if piece != "<pad>"]
    return Vocabulary(own.model, [*pieces, "<pad>"], PAD_LAST)


def new() -> Vocabulary:
    return parents.vocabulary(40, SpecialIds(eos=0, unk=1, pad=2))


def child(source, target, *, kept=(), folder=None, model_type="marian", start=None):
    parent = SimpleNamespace(
        source=source if "source" in kept else None, target=target if "target" in kept else None,
        folder=folder, name="parents/p",
    )  # fmt: skip
    decoding = SimpleNamespace(decoder_start_token_id=target.special.pad if start is None else start)
    model = SimpleNamespace(config=SimpleNamespace(model_type=model_type), generation_config=decoding)
    return SimpleNamespace(parent=parent, model=model, source=source, target=target)


def test_padding_changes_places_where_it_is_the_last_id():
    found = PlainTokenizers.of(child(new(), pad_last(), kept=["target"]))
    assert found.is_single and found.kinds == ("marian", "marian")
    assert found.source.order is None
    order = found.target.order
    assert (order[2], order[45]) == (45, 2)
    assert [order[index] for index in range(46) if index not in (2, 45)] == [
        index for index in range(46) if index not in (2, 45)
    ]
    vocabulary = found.target.vocabulary
    assert vocabulary.special == SpecialIds(eos=0, unk=1, pad=2)
    assert vocabulary.pieces[2] == "<pad>" and vocabulary.pieces[45] == pad_last().pieces[2]
    text = parents.TEXT[0]
    assert [order[index] for index in vocabulary.encode(text)] == pad_last().encode(text)
    assert vocabulary.decode(vocabulary.encode(text)) == pad_last().decode(pad_last().encode(text))
    assert [found.target.new_id(old) for old in (0, 2, 45, 60)] == [0, 45, 2, 60]


def test_the_larger_side_is_reordered():
    found = PlainTokenizers.of(child(pad_last(), new()))
    assert found.target.order is None and found.source.order[2] == 45


def test_a_code_before_the_text_becomes_a_prefix():
    own = new()
    coded = Vocabulary(own.model, [*own.pieces, ">>eng<<"], own.special, Frame((40,), (0,)))
    found = PlainTokenizers.of(child(coded, new()))
    assert found.is_single and found.prefix == ">>eng<< "


@pytest.mark.parametrize(
    "frame", [Frame((5,), (0,)), Frame((), (0, 5)), Frame((), ()), Frame((), (0,), "translate: ")]
)
def test_a_frame_that_no_plain_tokenizer_has_is_refused(frame):
    """The side was changed in memory: the parent's own files do not express it either."""
    with pytest.raises(
        PackError,
        match=r"parents/p has no tokenizer files for transformers for its source vocabulary.*export",
    ):
        PlainTokenizers.of(child(new().framed(frame), new(), kept=["source"]))


def test_a_kept_side_keeps_the_parents_tokenizer(tmp_path):
    framed, in_folder = new().framed(Frame((5,), (0,))), {"folder": tmp_path}
    found = PlainTokenizers.of(child(framed, new(), kept=["source"], model_type="m2m_100", **in_folder))
    assert (found.kinds, found.source_folder, found.target_folder) == (("parent", "marian"), "", "target")
    # Only its own tokenizer hides the code that the decoder starts with.
    starting = child(new(), new(), kept=["target"], model_type="plbart", start=7, **in_folder)
    found = PlainTokenizers.of(starting)
    assert (found.kinds, found.source_folder, found.target_folder) == (("marian", "parent"), "", "target")


def test_a_family_that_takes_no_other_tokenizer_from_its_folder():
    found = PlainTokenizers.of(child(new(), new(), model_type="umt5"))
    assert (found.source_folder, found.target_folder) == ("source", "target")
