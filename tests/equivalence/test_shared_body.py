"""Texts of many packs in one batch: the translations of each pack alone, and the parent's tensors once."""

from __future__ import annotations

import random
import re
from types import SimpleNamespace

import pytest
import torch

import families
import parents
import tiny_models
from crosslate.engines import pytorch
from crosslate.engines.decoding import DecodingOptions
from crosslate.engines.pytorch import TorchEngine
from crosslate.engines.shared import SharedBody
from crosslate.models.parent import Parent
from crosslate.models.tensors import alias_model, set_tensor
from crosslate.packs.compose import apply_packs, pack_child

GREEDY = DecodingOptions(beam_size=1, max_new_tokens=12)
CROSS_ATTENTION = re.compile("encoder_attn|EncDecAttention")
BEAM = DecodingOptions(beam_size=4, max_new_tokens=12, n_best=3)


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    with families.one_thread():
        yield


@pytest.fixture(scope="module")
def world():
    """A parent and children of every kind: new source, new target, both composed, and more of the body."""
    vocabularies = {language: tiny_models.vocabulary(language) for language in tiny_models.WORDS}
    size = tiny_models.SIZE
    parent = Parent.create(vocabularies["fr"], vocabularies["en"], "fr", "en", size, max_positions=32, seed=1)
    enlarge(parent.model.parameters())

    def pack(strategy, **new):
        child = parents.child(parent, strategy, **new)
        for group in child.trained.values():
            enlarge(group.values())
        return pack_child(child)

    german = pack("src+xattn", source=vocabularies["de"])
    spanish = pack("tgt+xattn[k,v]", target=vocabularies["es"])
    again = pack("src+xattn", source=vocabularies["es"], seed=5)
    return {
        ("fr", "en"): parent,
        ("de", "en"): apply_packs(parent, [german]),
        ("fr", "es"): apply_packs(parent, [spanish]),
        ("de", "es"): apply_packs(parent, [german, spanish]),
        ("es", "en"): apply_packs(parent, [again]),
    }


def enlarge(parameters):
    """Untrained weights are so small that every text gives the same; larger ones tell texts apart."""
    with torch.no_grad():
        for parameter in parameters:
            if parameter.dim() > 1:
                parameter.mul_(3)


def texts(language, count, seed=0):
    chooser = random.Random(f"{language} {seed}")
    words = tiny_models.WORDS[language]
    return [" ".join(chooser.choices(words, k=chooser.randint(1, 7))) + "." for _ in range(count)]


@pytest.mark.parametrize("options", [GREEDY, BEAM], ids=["greedy", "beam"])
def test_together_as_alone(world, options):
    body = SharedBody(world[("fr", "en")])
    members = {pair: body.join(model) for pair, model in world.items()}
    assert all(members.values())
    items = [(pair, text) for pair in world for text in texts(pair[0], 7)]
    random.Random(1).shuffle(items)
    found = body.translate([(members[pair], text) for pair, text in items], options)
    for pair, model in world.items():
        own = [index for index, (other, _) in enumerate(items) if other == pair]
        expected = TorchEngine(model).translate([items[index][1] for index in own], options)
        assert [[each.text for each in found[index]] for index in own] == [
            [each.text for each in ranked] for ranked in expected
        ], pair
    assert len({ranked[0].text for ranked in found}) > 5


@pytest.mark.parametrize(
    "options",
    [GREEDY, DecodingOptions(beam_size=2, max_new_tokens=12, no_repeat_ngram=2, allow_unknown=True)],
)
def test_small_batches_blank_texts_and_a_repetition_guard(world, options, monkeypatch):
    monkeypatch.setattr(pytorch, "MAX_BATCH_TOKENS", 20)
    body = SharedBody(world[("fr", "en")])
    members = {pair: body.join(model) for pair, model in world.items()}
    items = [(pair, text) for pair in world for text in ["", *texts(pair[0], 3), "  "]]
    found = body.translate([(members[pair], text) for pair, text in items], options)
    for (pair, text), ranked in zip(items, found):
        assert ranked[0].text == TorchEngine(world[pair]).translate([text], options)[0][0].text


def test_no_tensor_is_copied_and_the_parent_stays_as_it_was(world):
    parent = world[("fr", "en")]
    before = parent.fingerprint()
    body = SharedBody(parent)
    for model in world.values():
        member = body.join(model)
        body.translate([(member, "chien")], GREEDY)
    own = {id(tensor) for model in world.values() for tensor in model.model.parameters()}
    mine = {id(tensor) for tensor in body._model.parameters()}
    assert mine <= own
    assert parent.fingerprint() == before
    assert TorchEngine(parent).translate(["chien"], GREEDY)[0][0].text is not None


def test_the_body_runs_once_for_all(world):
    body = SharedBody(world[("fr", "en")])
    members = [body.join(model) for model in world.values()]
    rows = []
    layer = body._model.get_encoder().layers[0].fc1
    layer.register_forward_hook(lambda module, inputs, output: rows.append(output.shape[0]))
    body.translate([(member, "a b") for member in members], GREEDY)
    assert rows == [len(members)]


def test_what_changes_the_whole_body_is_shared_too_or_refused_but_never_wrong(world):
    """``scratch`` renews every tensor: nothing is left to share, yet each row gets its own."""
    parent = world[("fr", "en")]
    child = parents.child(parent, "scratch", source=tiny_models.vocabulary("de"))
    body = SharedBody(parent)
    member = body.join(child)
    if member is not None:
        expected = TorchEngine(child).translate(texts("de", 3), GREEDY)
        found = body.translate([(member, text) for text in texts("de", 3)], GREEDY)
        assert [each[0].text for each in found] == [each[0].text for each in expected]


SHARING = (
    "marian-separate", "marian-shared", "bart", "mbart", "plbart", "mt5", "blenderbot", "m2m100", "t5", "pegasus",
)  # fmt: skip


@pytest.mark.parametrize("name", SHARING)
def test_families(name):
    """Whichever way a family calls its modules: a member that joins gives what its model gives alone."""
    tokens = torch.arange(3, 9).unsqueeze(0)
    model, other = families.build(name), families.build(name)
    with torch.no_grad():
        for path, parameter in other.named_parameters():
            if CROSS_ATTENTION.search(path):
                parameter.mul_(20)
    child = with_cross_attention_of(model, other)
    parent = SimpleNamespace(model=model, **SIDES)
    body = SharedBody(parent)
    member = body.join(SimpleNamespace(model=child, **SIDES))
    assert member is not None
    with torch.inference_mode():
        alone = child(input_ids=tokens, decoder_input_ids=tokens, use_cache=False).logits
        body._routes.runs = [(body._own, 1), (member, 1)]
        together = body._model(
            input_ids=tokens.repeat(2, 1), decoder_input_ids=tokens.repeat(2, 1), use_cache=False
        ).logits
        own = model(input_ids=tokens, decoder_input_ids=tokens, use_cache=False).logits
    assert torch.allclose(together[1:, :, : alone.shape[-1]], alone, atol=1e-5)
    assert torch.allclose(together[:1, :, : own.shape[-1]], own, atol=1e-5)
    assert not torch.allclose(alone, own, atol=1e-3)


@pytest.mark.parametrize("strategy", ["src+adapters", "src+prefix"])
def test_modules_that_the_parent_lacks_are_not_shared(strategy):
    """Nor while they are new, when an adapter changes nothing that a trial could see."""
    parent = parents.parent()
    made = parents.child(parent, strategy, source=44)
    for child in (made, parents.shake(made)):
        assert SharedBody(parent).join(apply_packs(parent, [pack_child(child)])) is None


def test_a_family_that_cannot_share_is_refused():
    """FSMT's states are (length, batch, width): rows are not where they are looked for."""
    model, other = families.build("fsmt"), families.build("fsmt", seed=1)
    body = SharedBody(SimpleNamespace(model=model, **SIDES))
    assert body.join(SimpleNamespace(model=with_cross_attention_of(model, other), **SIDES)) is None


def with_cross_attention_of(model, other):
    """An alias of a model in which the cross-attention is another's."""
    child = alias_model(model)
    names = [name for name, _ in other.named_parameters() if CROSS_ATTENTION.search(name)]
    assert names
    for name in names:
        set_tensor(child, [name], other.get_parameter(name))
    return child


class Sized:
    """As much of a vocabulary as joining looks at."""

    special = SimpleNamespace(eos=2, pad=0, bos=1, unk=3)

    def __len__(self):
        return 37


SIDES = {"source": Sized(), "target": Sized()}
