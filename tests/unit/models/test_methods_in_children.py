"""Methods on tiny models: trained parameters counted by hand, folding, packs, and what is refused."""

import sys

import pytest
import torch

import parents
from crosslate.errors import MissingExtra, StrategyError
from crosslate.models.anatomy.blocks import Blocks
from crosslate.models.child import plain_child
from crosslate.models.groups import BODY
from crosslate.models.methods.adapters import Adapters
from crosslate.models.methods.forms import LowRank, Scale
from crosslate.models.methods.registry import added_modules
from crosslate.models.plan import make_plan
from crosslate.models.strategies import parse_strategy
from crosslate.models.tensors import named_tensors
from crosslate.packs.compose import apply_packs, pack_child
from crosslate.packs.pack import Pack

FOLDED = (
    "lora[xattn;rank=2]", "lora[attention;rank=2]", "low-rank[rank=2]", "ia3", "xattn+lora(enc,dec;rank=2)",
    "xattn+low-rank(enc,dec;rank=2)", "xattn[heads=0:1]+ia3(enc)+lora(dec;rank=2)",
)  # fmt: skip
ADDING = ("adapters[width=4]", "prefix[length=3]")
MIXED = "lora(enc;rank=2)+ia3(xattn)+adapters(dec;width=4)"
METHODS = ("all", "bitfit", *FOLDED, *ADDING, MIXED, "prefix(enc;length=3)+bitfit(dec)")

# marian-separate: width 16, feed-forward 24, 2 layers a side, biases everywhere; 43 or 45 new pieces.
# A layer's self-attention has 4 x 16 biases, its norms 2 x 16, its feed-forward 24 + 16; cross-attention 5 x 16.
BITFIT = 4 * (4 * 16 + 2 * 16 + 24 + 16) + 2 * 5 * 16
# 6 attentions: 2 in the encoder, 2 in the decoder, 2 across.
TRAINED = {
    "bitfit": BITFIT,
    "lora[xattn;rank=2]": 2 * 4 * 2 * (16 + 16),
    "lora[attention;rank=2]": 6 * 4 * 2 * (16 + 16),
    "low-rank[rank=2]": 6 * 4 * 2 * (16 + 16) + 4 * 2 * 2 * (16 + 24),
    "ia3": 6 * 2 * 16 + 4 * 24,
    "adapters[width=4]": 4 * (16 + 16 + 16 * 4 + 4 + 4 * 16 + 16),
    "prefix[length=3]": 6 * 2 * 3 * 16,
    "xattn+lora(enc,dec;rank=2)": 2 * (4 * (16 * 16 + 16) + 2 * 16) + 4 * 4 * 2 * (16 + 16),
    "xattn+low-rank(enc,dec;rank=2)": (
        2 * (4 * (16 * 16 + 16) + 2 * 16) + 4 * 4 * 2 * (16 + 16) + 4 * 2 * 2 * (16 + 24)
    ),
    # One of two heads in layer 0: half of three matrices and their biases, and of the output's matrix.
    "xattn[heads=0:1]+ia3(enc)+lora(dec;rank=2)": (
        3 * 8 * 17 + 16 * 8 + 2 * (2 * 16 + 24) + 2 * 4 * 2 * (16 + 16)
    ),
    MIXED: 2 * 4 * 2 * (16 + 16) + 2 * 2 * 16 + 2 * (16 + 16 + 16 * 4 + 4 + 4 * 16 + 16),
    "prefix(enc;length=3)+bitfit(dec)": 2 * 2 * 3 * 16 + 2 * (4 * 16 + 2 * 16 + 24 + 16),
}
SIZES = {"src": 43, "tgt": 45}


def further(value):
    """A case that only the full product goes through."""
    return pytest.param(value, marks=pytest.mark.full)


def stirred(child, *groups):
    """Moves what is trained in some groups so far that it shows in the output."""
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        for group in groups:
            for tensor in child.trained.get(group, {}).values():
                tensor += torch.randn_like(tensor)
    child.model.eval()
    return child


def logits(child):
    return parents.logits(child.model, parents.batch(child.source, child.target))


class TestCounts:
    @pytest.mark.parametrize("side", ["src", further("tgt")])
    @pytest.mark.parametrize("text", METHODS)
    def test_what_is_trained_and_stored(self, side, text):
        child = parents.sized_child(parents.shared(), f"{side}+{text}")
        table, mine = SIZES[side] * 16, parents.trained(child)
        number = sum(each.numel() for each in mine.values())
        assert number == sum(each.num_trained for each in child.plan.account())
        assert text == "all" or number == table + TRAINED[text]
        wanting = {id(each) for each in child.model.parameters() if each.requires_grad}
        assert wanting == {id(each) for each in mine.values()}
        shapes = {name: tuple(each.shape) for name, each in child.changed_tensors().items()}
        assert shapes == {planned.name: planned.stored_shape for planned in child.plan.changed}
        told = {"adapters": "adapters", "prefix": "prefixes"}
        assert added_modules(child.model) == " and ".join(told[kind] for kind in told if kind in text)

    def test_everything_is_everything(self):
        parent = parents.shared()
        child = parents.sized_child(parent, "src+all")
        old, new = parent.num_parameters, sum(each.numel() for each in parents.trained(child).values())
        # All but the two tables of constant positions, and two pieces more.
        assert new == old - 2 * 64 * 16 + (43 - 41) * 16

    def test_what_is_stored(self):
        def stored(text):
            plan = parents.sized_child(parents.shared(), f"src+{text}").plan
            return plan.pack_bytes - 4 * 43 * 16

        assert stored("lora[xattn;rank=2]") == 4 * TRAINED["lora[xattn;rank=2]"]
        # The biases of keys and values go with their rows: 16 numbers more for each.
        assert stored("ia3") == 4 * (TRAINED["ia3"] + 6 * 2 * 16)
        assert stored("adapters[width=4]") == 4 * TRAINED["adapters[width=4]"]

    def test_fates_say_how(self):
        fates = {
            each.name: each.fate for each in parents.sized_child(parents.shared(), "src+ia3").plan.tensors
        }
        assert fates["model.encoder.layers.0.self_attn.k_proj.weight"] == "scaled"
        assert fates["model.encoder.layers.0.self_attn.k_proj.bias"] == "scaled alike"
        assert fates["model.encoder.layers.0.fc2.bias"] == "frozen"
        plan = parents.sized_child(parents.shared(), "src+lora[xattn;rank=2]").plan
        fates = {each.name: each.fate for each in plan.tensors}
        assert fates["model.decoder.layers.1.encoder_attn.q_proj.weight"] == "trained as a delta of rank 2"
        assert fates["model.decoder.layers.1.self_attn.q_proj.weight"] == "frozen"


class TestStart:
    @pytest.mark.parametrize("text", [*FOLDED, "adapters[width=4]"])
    def test_it_starts_as_embeddings_alone_do(self, text):
        parent = parents.shared()
        alone, child = parents.sized_child(parent, "src"), parents.sized_child(parent, f"src+{text}")
        assert torch.allclose(logits(child), logits(alone), atol=1e-6)

    def test_the_seed_decides_and_the_global_random_state_stays(self):
        torch.manual_seed(5)
        expected = torch.rand(1)
        torch.manual_seed(5)
        one, same, other = (
            parents.sized_child(parents.shared(), "src+lora", seed=seed).changed_tensors()
            for seed in (1, 1, 2)
        )
        assert torch.equal(torch.rand(1), expected)
        assert all(torch.equal(each, same[name]) for name, each in one.items())
        name = "model.decoder.layers.0.encoder_attn.q_proj.weight"
        assert not torch.equal(one[name], other[name])


class TestFolding:
    @pytest.mark.parametrize(
        "family", ["marian-separate", "t5", *map(further, ("marian-shared", "mbart", "m2m100"))]
    )
    @pytest.mark.parametrize("text", FOLDED)
    @pytest.mark.parametrize("side", ["src", further("tgt")])
    def test_folded_is_unfolded(self, family, text, side):
        child = parents.sized_child(parents.shared(family), f"{side}+{text}")
        before = logits(stirred(child, "src", "tgt"))
        live, plain = logits(stirred(child, "added")), plain_child(child)
        effect = (live - before).abs().max()
        assert effect > 1e-3
        assert (logits(plain) - live).abs().max() < 1e-3 * effect
        assert not [name for name, _ in plain.model.named_modules() if "lora" in name or "base_layer" in name]
        originals = dict(named_tensors(child.parent.model))
        frozen = [each.name for each in child.plan.tensors if not each.is_changed]
        assert all(dict(named_tensors(plain.model))[name] is originals[name] for name in frozen[:10])

    def test_a_folded_child_follows_training(self):
        child = parents.sized_child(parents.shared(), "src+lora")
        first = logits(plain_child(child))
        parents.shake(child)
        assert not torch.allclose(logits(plain_child(child)), first, atol=1e-3)
        table = "model.encoder.embed_tokens.weight"
        plain = dict(named_tensors(plain_child(child).model))[table]
        assert plain.data_ptr() == child.trained["src"][table].data_ptr()

    def test_nothing_to_fold_gives_the_same_child(self):
        for text in ("src+xattn", "src+bitfit", "src+adapters[width=4]"):
            child = parents.sized_child(parents.shared(), text)
            assert plain_child(child) is child

    def test_forms_by_hand(self):
        original = torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
        low = LowRank(shape=(2, 3), rank=1)
        # left (1, 2) and right (1, 0, -1)
        stored = torch.tensor([[1.0, 2.0, 1.0, 0.0, -1.0]])
        assert low.stored_shape == (1, 5)
        assert low.applied(original, stored).tolist() == [[2.0, 2.0, 2.0], [6.0, 5.0, 4.0]]
        rows, columns = Scale(shape=(2, 3), axis=0), Scale(shape=(2, 3), axis=1)
        assert (rows.stored_shape, columns.stored_shape) == ((2,), (3,))
        assert rows.applied(original, torch.tensor([2.0, 0.5])).tolist() == [[2, 4, 6], [2, 2.5, 3]]
        assert columns.applied(original, torch.tensor([1.0, 0.0, -1.0])).tolist() == [[1, 0, -3], [4, 0, -6]]
        assert rows.applied(original.half(), torch.tensor([2.0, 0.5])).dtype == torch.float16


class TestPacks:
    @pytest.mark.parametrize("text", METHODS)
    def test_saved_loaded_and_applied_it_is_the_child(self, text, tmp_path):
        child = parents.shake(parents.sized_child(parents.shared(), f"src+{text}"))
        pack_child(child).save(tmp_path / "pack")
        again = apply_packs(parents.shared(), [Pack.load(tmp_path / "pack")])
        plain = dict(named_tensors(plain_child(child).model))
        found = dict(named_tensors(again.model))
        assert found.keys() == plain.keys()
        assert all(torch.equal(each, plain[name]) for name, each in found.items())
        assert torch.allclose(logits(again), logits(child), atol=1e-4)


class TestAdded:
    def test_an_adapter_by_hand(self):
        layer = torch.nn.Linear(2, 2)
        layer.weight.data, layer.bias.data = torch.eye(2), torch.zeros(2)
        states = torch.tensor([[[1.0, 3.0]]])
        shapes = {"0.bottleneck.norm.weight": (2,), "0.bottleneck.down.weight": (1, 2)}
        added = Adapters(1).add(torch.nn.Sequential(layer), shapes)
        assert torch.equal(layer(states), states)
        with torch.no_grad():
            added["0.bottleneck.down.weight"].copy_(torch.tensor([[0.0, 2.0]]))
            added["0.bottleneck.down.bias"].fill_(-1.0)
            added["0.bottleneck.up.weight"].copy_(torch.tensor([[1.0], [10.0]]))
        # The norm of (1, 3) is (-1, 1); down gives 2 x 1 - 1 = 1; up gives (1, 10).
        assert torch.allclose(layer(states), torch.tensor([[[2.0, 13.0]]]), atol=1e-3)

    @pytest.mark.parametrize("family", ["marian-shared", further("mbart"), further("t5")])
    @pytest.mark.parametrize("text", ADDING)
    def test_generation_sees_what_training_sees(self, family, text):
        child = parents.sized_child(parents.shared(family), f"src+{text}")
        before = logits(stirred(child, "src"))
        assert not torch.allclose(logits(stirred(child, "added")), before, atol=1e-3)
        inputs = parents.batch(child.source, child.target)
        source = {name: inputs[name] for name in ("input_ids", "attention_mask")}
        with torch.no_grad():
            generated = child.model.generate(**source, num_beams=1, max_new_tokens=5, do_sample=False)
            again = child.model(**source, decoder_input_ids=generated[:, :-1], use_cache=False).logits
        chosen = again.argmax(-1)
        ends = generated[:, 1:] == child.model.generation_config.eos_token_id
        for row in range(2):
            stop = int(ends[row].int().argmax()) + 1 if ends[row].any() else generated.shape[1] - 1
            assert torch.equal(chosen[row, :stop], generated[row, 1 : stop + 1])

    @pytest.mark.parametrize("family", ["marian-separate", further("t5"), further("mbart")])
    def test_padding_is_unseen_beside_a_prefix(self, family):
        child = parents.shake(parents.sized_child(parents.shared(family), "tgt+prefix[length=3]"))
        assert parents.is_padding_unseen(child)

    def test_a_prefix_of_strong_keys_takes_over(self):
        """All weight goes to one prefix vector, so that every position of the encoder attends alike."""
        child = parents.sized_child(parents.shared(), "src+prefix[length=1]")
        module = child.model.get_submodule("model.encoder.layers.0.self_attn")
        seen = []
        module.out_proj.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
        with torch.no_grad():
            module.q_proj.weight.data = torch.zeros(16, 16)
            module.q_proj.bias.data = torch.ones(16)
            module.prefix_keys.fill_(1000.0)
            module.prefix_values.copy_(torch.arange(16.0))
        logits(child)
        assert torch.allclose(seen[0], torch.arange(16.0).expand_as(seen[0]))


class TestRefusals:
    def plan(self, family, text):
        parent = parents.shared(family)
        return make_plan(parent.model, parent.anatomy, parse_strategy(text), {"source": 43})

    @pytest.mark.parametrize(
        ("family", "text", "message"),
        [
            ("t5", "src+bitfit", "the layers of this model have none"),
            ("marian-separate", "src+lora[rank=17]", "has the shape [16, 16]; give a rank of at most 16"),
            ("fsmt", "src+prefix", "FSMTForConditionalGeneration has none; choose adapters"),
            ("led", "src+ia3", "has 0 self-attentions"),
            ("led", "src+lora[attention]", "expected one: choose a method that changes cross-attention only"),
            ("bert2gpt2", "src+lora", "cannot tell four linear projections"),
            ("nllb-moe", "src+ia3", "expected the one that ends its feed-forward part"),
        ],
    )
    def test_what_a_family_cannot_do(self, family, text, message):
        with pytest.raises(StrategyError) as refused:
            self.plan(family, text)
        assert message in str(refused.value)

    def test_cross_attention_alone_works_where_self_attention_is_another(self):
        embeddings = 43 * 16 + 64 * 16 + 2 * 16  # with positions and a norm
        assert self.plan("led", "src+lora[rank=2]").pack_bytes == 4 * (embeddings + 2 * 4 * 2 * 32)

    def test_without_peft(self, monkeypatch):
        monkeypatch.setitem(sys.modules, "peft", None)
        with pytest.raises(MissingExtra, match=r"pip install 'crosslate\[rivals\]'"):
            parents.sized_child(parents.shared(), "src+lora")
        parents.sized_child(parents.shared(), "src+adapters[width=4]")


@pytest.mark.parametrize(
    ("family", "encoder", "self_attention", "feed_forward"),
    [
        ("marian-shared", "model.encoder.layers.0", "model.encoder.layers.0.self_attn",
         "model.encoder.layers.0.fc2"),
        ("t5", "encoder.block.0", "encoder.block.0.layer.0.SelfAttention",
         "encoder.block.0.layer.1.DenseReluDense.wo"),
        ("bert2bert", "encoder.encoder.layer.0", "encoder.encoder.layer.0.attention",
         "encoder.encoder.layer.0.output.dense"),
    ],
)  # fmt: skip
def test_blocks_are_found_by_structure(family, encoder, self_attention, feed_forward):
    blocks = Blocks(parents.shared(family).model)
    assert list(blocks.layers.values()) == ["enc", "enc", "dec", "dec"]
    assert next(iter(blocks.layers)) == encoder
    attentions = blocks.attentions_of(BODY)
    assert [each.group for each in attentions] == ["xattn", "xattn", "enc", "enc", "dec", "dec"]
    assert attentions[2].path == self_attention
    assert next(iter(blocks.feed_forward_outputs(BODY))) == feed_forward
