"""Plans: fates, exact counts by hand, the bytes of a real file, and the shares of the paper's Table 2.

The registry's Marian models have width 16, 2 + 2 layers, feed-forward 24, 41 source and 37 target rows:
attention 4 (16 x 16 + 16) = 1088, layer norm 32, feed-forward 16 x 24 + 24 + 24 x 16 + 16 = 808. So ``enc`` =
``dec`` = 2 (1088 + 808 + 2 x 32) = 3920 and ``xattn`` = 2 (1088 + 32) = 2240. Positions are constants.
"""

import functools
from dataclasses import astuple

import pytest

import families
import parents
from crosslate.errors import StrategyError
from crosslate.models.anatomy.anatomy import Anatomy
from crosslate.models.methods.forms import Slices
from crosslate.models.plan import make_plan
from crosslate.models.strategies import STRATEGIES, parse_strategy
from crosslate.models.tensors import named_tensors

FATES = {
    "trained", "trained in part", "trained from random values", "from random values, not trained", "zero", "frozen",
}  # fmt: skip


@functools.cache
def examined(family):
    model = families.build(family)
    return model, Anatomy.of(model)


def plan(strategy, family="marian-separate", **sizes):
    return make_plan(*examined(family), parse_strategy(strategy), sizes)


def counts(plan):
    """group: (elements, re-initialised, trained, stored)"""
    return {account.group: astuple(account)[1:] for account in plan.account()}


def same(number):
    return (number, number, number, number)


def kept(number):
    return (number, 0, 0, 0)


def tuned(number, part=None):
    return (number, 0, part or number, part or number)


SRC, TGT, ENC, DEC, XATTN = 41 * 16, 37 * 16, 3920, 3920, 2240
NEW_SRC, NEW_TGT = {"src": same(43 * 16)}, {"tgt": same(45 * 16)}
SEPARATE = {"src": kept(SRC), "tgt": kept(TGT), "enc": kept(ENC), "dec": kept(DEC), "xattn": kept(XATTN)}
# One table of 41 rows stands for both sides: it is counted once, in src, until a side is renewed.
SHARED = SEPARATE | {"tgt": kept(SRC)}
BODY = {"enc": tuned(ENC), "dec": tuned(DEC), "xattn": tuned(XATTN)}
FRESH_BODY = {"enc": same(ENC), "dec": same(DEC), "xattn": same(XATTN)}


@pytest.mark.parametrize(
    ("strategy", "expected"),
    [
        ("src", NEW_SRC),
        ("tgt", NEW_TGT),
        ("src+body", NEW_SRC | BODY),
        ("src+xattn", NEW_SRC | {"xattn": tuned(XATTN)}),
        ("tgt+randxattn", NEW_TGT | {"xattn": same(XATTN)}),
        ("embed", {"src": tuned(SRC), "tgt": tuned(TGT)}),
        ("embed+randxattn", {"src": tuned(SRC), "tgt": tuned(TGT), "xattn": same(XATTN)}),
        ("src+tgt+xattn", NEW_SRC | NEW_TGT | {"xattn": tuned(XATTN)}),
        ("scratch", NEW_SRC | NEW_TGT | FRESH_BODY),
        # Layer 1 only; keys and values 2 (16 x 16 + 16) in each of two layers; head 1 of layer 0: the half of
        # q, k, v with their biases and of o without its own.
        ("src+xattn[layers=1]", NEW_SRC | {"xattn": tuned(XATTN, 1120)}),
        ("src+xattn[k,v]", NEW_SRC | {"xattn": tuned(XATTN, 1088)}),
        ("src+xattn[norm]", NEW_SRC | {"xattn": tuned(XATTN, 64)}),
        ("src+xattn[heads=0:1]", NEW_SRC | {"xattn": tuned(XATTN, 4 * 128 + 3 * 8)}),
    ],
)
def test_counts_by_hand_with_two_vocabularies(strategy, expected):
    found, expected = sized_plan(strategy), SEPARATE | expected
    assert counts(found) == expected
    total, stored = (sum(group[place] for group in expected.values()) for place in (0, 3))
    assert found.share == pytest.approx(stored / total, abs=1e-12)


@pytest.mark.parametrize(
    ("strategy", "sizes", "expected"),
    [
        ("embed", {}, {"src": tuned(SRC), "tgt": kept(0)}),
        ("src+xattn", {"source": 43}, NEW_SRC | {"xattn": tuned(XATTN)}),
        ("tgt", {"target": 45}, NEW_TGT),
        ("scratch", {"target": 45}, {"src": same(SRC)} | NEW_TGT | FRESH_BODY),
    ],
)
def test_counts_by_hand_with_one_shared_vocabulary(strategy, sizes, expected):
    assert counts(plan(strategy, "marian-shared", **sizes)) == SHARED | expected


def test_bytes_by_hand():
    # The output bias (a buffer, one number per target piece) is stored where the target is new.
    assert plan("src+xattn", source=43).pack_bytes == 4 * (43 * 16 + XATTN)
    assert plan("tgt+xattn", target=45).pack_bytes == 4 * (45 * 16 + XATTN + 45)
    assert plan("src", source=43).model_bytes == 4 * (43 * 16 + TGT + ENC + DEC + XATTN + 37)
    assert plan("embed", "marian-shared").model_bytes == 4 * (SRC + ENC + DEC + XATTN + 41)


def planned(plan, name):
    (found,) = [tensor for tensor in plan.tensors if name in tensor.names]
    return found


def test_fates():
    found = plan("tgt+xattn[heads=1:0]", target=45)
    table = planned(found, "lm_head.weight")
    assert table is planned(found, "model.decoder.embed_tokens.weight")
    assert (table.fate, table.shape, table.group) == ("trained from random values", (45, 16), "tgt")
    bias = planned(found, "final_logits_bias")
    assert (bias.fate, bias.shape, bias.is_parameter) == ("zero", (1, 45), False)
    query = planned(found, "model.decoder.layers.1.encoder_attn.q_proj.weight")
    assert (query.fate, query.shape, query.stored_shape) == ("trained in part", (16, 16), (8, 16))
    assert query.form == Slices(shape=query.shape, axis=0, ranges=((0, 8),))
    output = planned(found, "model.decoder.layers.1.encoder_attn.out_proj.weight")
    assert output.form == Slices(shape=output.shape, axis=1, ranges=((0, 8),)) and output.stored_shape == (
        16,
        8,
    )
    for name in (
        "model.decoder.layers.1.encoder_attn.out_proj.bias",
        "model.decoder.layers.1.encoder_attn_layer_norm.weight",
        "model.decoder.layers.0.encoder_attn.q_proj.weight",
        "model.decoder.layers.1.self_attn.q_proj.weight",
        "model.encoder.embed_tokens.weight",
    ):
        assert planned(found, name).fate == "frozen" and planned(found, name).num_stored == 0
    assert planned(plan("tgt+body", target=45), "model.encoder.layers.1.fc1.weight").fate == "trained"
    assert planned(plan("scratch", source=43), "final_logits_bias").fate == "zero"
    assert planned(plan("src", source=43), "final_logits_bias").fate == "frozen"
    scratch = plan("scratch", "pegasus", source=43)
    assert planned(scratch, "model.encoder.embed_positions.weight").fate == "frozen"
    assert {tensor.fate for name in STRATEGIES for tensor in sized_plan(name).tensors} <= FATES


def sized_plan(text, family="marian-separate"):
    return plan(text, family, **parents.sizes(text))


@pytest.mark.parametrize("family", ["marian-separate", "marian-shared", "t5", "fsmt", "bert2gpt2", "pegasus"])
def test_a_plan_holds_every_tensor_once(family):
    anatomy = examined(family)[1]
    for name in STRATEGIES:
        tensors = sized_plan(name, family).tensors
        names = [each for tensor in tensors for each in tensor.names]
        assert len(names) == len(set(names))
        unsaved = {each for each in anatomy.groups if "embed_positions" in each}
        assert set(anatomy.groups) - unsaved <= set(names) <= set(anatomy.groups) | set(anatomy.aliases)
        assert [tensor.name for tensor in tensors] == sorted(tensor.name for tensor in tensors)


@pytest.mark.parametrize("family", ["marian-separate", "marian-shared"])
@pytest.mark.parametrize(
    "text", ["scratch", "src+tgt+xattn", "embed+randxattn", "tgt+xattn[heads=0:1;1:0]", "embed+body[norm]"]
)
def test_pack_bytes_are_those_of_the_file(family, text, tmp_path):
    from safetensors.torch import load_file, save_file

    child = parents.sized_child(parents.shared(family), text)
    path = tmp_path / "weights.safetensors"
    save_file(child.changed_tensors(), path)
    header_bytes = 8 + int.from_bytes(path.read_bytes()[:8], "little")
    assert path.stat().st_size - header_bytes == child.plan.pack_bytes
    assert {name: tuple(tensor.shape) for name, tensor in load_file(path).items()} == {
        tensor.name: tensor.stored_shape for tensor in child.plan.changed
    }
    saved = {id(t): t for name, t in named_tensors(child.model) if "embed_positions" not in name}
    whole = sum(t.numel() * t.element_size() for t in saved.values())
    trimmed = sum(4 * (t.num_elements - t.num_stored) for t in child.plan.tensors if t.form)
    assert child.plan.model_bytes == whole + trimmed  # a slice is all that a sliced tensor shows


def test_the_shares_of_the_papers_table_2():
    """The paper's Transformer base: 6 + 6 layers, 512, 8 heads, 2048; 1024 learned positions and a layer norm
    on the embeddings of each side, pre-norm. 32k pieces on the kept side; 16k for Romanian, 8k for the other
    five children. A share is the parameters stored over all parameters of the child, the target's input and
    output table counted once; the table gives the mean over the six children.
    """
    model = families.build(
        "mbart", vocab_size=32_000, d_model=512, encoder_layers=6, decoder_layers=6, encoder_attention_heads=8,
        decoder_attention_heads=8, encoder_ffn_dim=2048, decoder_ffn_dim=2048,
        max_position_embeddings=1022,  # the family adds two rows
    )  # fmt: skip
    anatomy = Anatomy.of(model)
    children = [("source", 16_000), *[("source", 8_000)] * 3, *[("target", 8_000)] * 2]
    attention = 4 * (512 * 512 + 512)
    feed_forward = 512 * 2048 + 2048 + 2048 * 512 + 512
    norm, positions = 2 * 512, 1024 * 512
    encoder = 6 * (attention + feed_forward + 2 * norm) + norm
    decoder = 6 * (attention + feed_forward + 2 * norm) + norm
    cross_attention = 6 * (attention + norm)
    for extra, stored_of_body, percent in (
        ("", 0, 8),
        ("+body", encoder + decoder + cross_attention, 75),
        ("+xattn", cross_attention, 17),
    ):
        shares = []
        for side, size in children:
            name = {"source": "src", "target": "tgt"}[side] + extra
            found = make_plan(model, anatomy, parse_strategy(name), {side: size})
            new, old = (rows * 512 + positions + norm for rows in (size, 32_000))
            total = new + old + encoder + decoder + cross_attention
            assert found.share == pytest.approx((new + stored_of_body) / total, abs=1e-12)
            shares.append(found.share)
        assert round(100 * sum(shares) / len(shares)) == percent


@pytest.mark.parametrize(
    ("strategy", "sizes", "message"),
    [
        ("src+xattn", {}, "replaces the source, but new vocabularies are given for neither side"),
        ("src", {"target": 45}, "replaces the source, but new vocabularies are given for the target"),
        ("embed", {"source": 43}, "replaces neither side, but new vocabularies are given for the source"),
        ("src+tgt+xattn", {"source": 43}, "replaces the source and the target, but .* for the source$"),
        ("src+xattn[layers=0-2]", {"source": 43}, "name layer 2; the decoder has the layers 0 to 1"),
        ("src+xattn[heads=2:0]", {"source": 43}, "name layer 2; the decoder has the layers 0 to 1"),
        ("src+xattn[auto=50%]", {"source": 43}, r"limits \[auto=50%\] choose heads only once"),
        ("src+xattn[heads=0:0-2]", {"source": 43}, "name head 2; a layer has the heads 0 to 1"),
    ],
)
def test_what_does_not_fit_the_model_is_refused(strategy, sizes, message):
    with pytest.raises(StrategyError, match=message):
        plan(strategy, **sizes)


def test_limits_a_family_cannot_tell_apart_are_refused():
    with pytest.raises(
        StrategyError, match="its projection is unknown in this model family; limit layers instead"
    ):
        plan("tgt+xattn[k]", "bert2gpt2", target=45)
    assert plan("tgt+xattn[layers=0]", "bert2gpt2", target=45).changed


@pytest.mark.parametrize("family", ["whisper", "speech2text", "moonshine", "trocr", "speech-encoder-decoder"])
def test_a_side_without_a_vocabulary_cannot_be_renewed(family):
    with pytest.raises(StrategyError, match="replaces the source, which has no vocabulary in this model"):
        plan("src+xattn", family, source=43)
    assert planned(plan("tgt+xattn", family, target=45), examined(family)[1].names("xattn")[0]).train
