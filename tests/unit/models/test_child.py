"""Children: frozen tensors are the parent's own, fresh ones are fresh, and the parent never notices."""

import pytest
import torch
from torch.nn.utils import parametrize

import families
import parents
from crosslate.errors import ParentError, StrategyError, UsageError, VocabularyError
from crosslate.models.parent import Parent
from crosslate.models.strategies import STRATEGIES
from crosslate.models.tensors import alias_model, named_tensors
from crosslate.models.vocabularies.new_language import NewSide
from crosslate.text.vocabularies import SpecialIds

TEXT_FAMILIES = tuple(name for name in families.text_names() if name != "t5gemma2")
COUNTS_FROM_PADDING = {
    "m2m100", "nllb-moe", "seamless-m4t", "seamless-m4t-v2", "fsmt", "roberta2roberta", "prophetnet",
}  # fmt: skip
"""Families whose positions are numbered from the padding id, read off their code."""
SAVED_WITH_ONE_TABLE = {
    "plbart", "mvp", "led", "blenderbot-small", "blenderbot", "pegasus", "bigbird-pegasus", "m2m100", "pegasus-x",
    "nllb-moe", "prophetnet", "t5", "t5-v1.1", "mt5", "umt5", "longt5-local", "longt5-global", "switch", "seamless-m4t",
    "seamless-m4t-v2",
}  # fmt: skip
"""Families whose files in transformers have one table for both sides."""
ROUTED = {"nllb-moe", "switch"}
"""Experts with a capacity: what one sentence gets depends on the others."""


def changed_names(child):
    return {name for planned in child.plan.changed for name in planned.names}


def assert_frozen_are_the_parents(child):
    parent, changed = dict(named_tensors(child.parent.model)), changed_names(child)
    for name, tensor in named_tensors(child.model):
        if name not in changed and ".parametrizations." not in name:
            assert tensor is parent[name], name
    fresh = {id(tensor) for name, tensor in named_tensors(child.model) if name in changed}
    assert not fresh & {id(tensor) for tensor in parent.values()}
    constants = dict(child.parent.model.named_buffers())
    for name, buffer in child.model.named_buffers():
        if name in constants and name not in changed:
            assert buffer is constants[name], name


class TestEveryFamily:
    @pytest.mark.parametrize("family", TEXT_FAMILIES)
    def test_it_is_saved_as_a_parent_of_its_own(self, family, tmp_path):
        """Both vocabularies as they are, also where their special ids differ, and the same tensors."""
        child = parents.shake(parents.sized_child(parents.shared(family), "tgt+xattn"))
        if family in SAVED_WITH_ONE_TABLE:
            with pytest.raises(ParentError, match="with two embedding tables as a parent"):
                child.as_parent("child").save(tmp_path / "parent")
            return
        child.as_parent("child").save(tmp_path / "parent")
        found = Parent.load(tmp_path / "parent")
        assert (found.source_language, found.target_language) == ("fr", "es")
        assert (found.source, found.target) == (child.source, child.target)
        inputs = parents.batch(child.source, child.target)
        torch.testing.assert_close(parents.logits(found.model, inputs), parents.logits(child.model, inputs))
        start = child.model.generation_config.decoder_start_token_id
        assert found.model.generation_config.decoder_start_token_id == start
        again = parents.sized_child(found, "src+xattn")
        assert parents.logits(again.model, parents.batch(again.source, again.target)).isfinite().all()

    @pytest.mark.parametrize("text", ["src+xattn", "tgt+xattn", "src+tgt+xattn"])
    @pytest.mark.parametrize("family", TEXT_FAMILIES)
    def test_each_side_can_be_renewed(self, family, text):
        parent = parents.shared(family)
        fingerprint, config = parent.fingerprint(), parent.model.config.to_dict()
        inputs_of_parent = parents.batch(parent.source, parent.target)
        before = parents.logits(parent.model, inputs_of_parent)

        child = parents.sized_child(parent, text)
        model = child.model.eval()
        assert_frozen_are_the_parents(child)
        gone = ("shared", "prophetnet.word_embeddings")
        assert not any(path.endswith(gone) for path, _ in model.named_modules())
        inputs = parents.batch(child.source, child.target)
        logits = parents.logits(model, inputs)
        assert logits.shape == (2, 5, target_rows(child))
        assert logits.isfinite().all()
        labels = inputs["decoder_input_ids"]
        assert model(**inputs, labels=labels).loss.isfinite()
        for num_beams in (1, 3) if text == "src+tgt+xattn" else (1,):
            generated = model.generate(
                **{name: inputs[name] for name in ("input_ids", "attention_mask")},
                num_beams=num_beams,
                max_new_tokens=3,
                do_sample=False,
            )
            assert generated.shape[0] == 2 and 0 <= generated.min() <= generated.max() < target_rows(child)
        assert family in ROUTED or parents.is_padding_unseen(child)

        assert parent.fingerprint() == fingerprint
        assert parent.model.config.to_dict() == config
        assert torch.equal(parents.logits(parent.model, inputs_of_parent), before)

    @pytest.mark.parametrize(
        "family", sorted(COUNTS_FROM_PADDING | {"marian-shared", "mbart", "t5", "led", "bert2bert"})
    )
    def test_another_padding_id_works_or_is_refused(self, family):
        parent = parents.shared(family)
        ids = parent.source.special
        moved = SpecialIds(eos=ids.eos, unk=7, pad=9, bos=ids.bos)
        if family in COUNTS_FROM_PADDING:
            with pytest.raises(
                VocabularyError, match=rf"has the padding id 9, .* counts positions from {ids.pad}; make a"
            ):
                parents.sized_child(parent, "src+xattn", special=moved)
            return
        child = parents.sized_child(parent, "src+tgt+xattn", special=moved)
        assert (parents.batch(child.source, child.target)["input_ids"][1, -2:] == 9).all()
        assert family in ROUTED or parents.is_padding_unseen(child)
        assert child.model.config.pad_token_id == child.model.generation_config.pad_token_id == 9


def target_rows(child):
    tensors = dict(named_tensors(child.model))
    (rows,) = {
        tensors[name].shape[axis]
        for name, (side, axis) in child.parent.anatomy.vocabulary.items()
        if side == "target"
    }
    return rows


class TestAliases:
    @pytest.mark.parametrize("family", ["marian-separate", "marian-shared", "mbart", "t5", "bert2gpt2"])
    def test_writing_through_the_parent_is_read_in_the_child(self, family):
        parent = parents.parent(family)
        child = parents.sized_child(parent, "src+xattn")
        name = parent.anatomy.names("enc")[0]
        original = dict(named_tensors(parent.model))[name]
        inputs = parents.batch(child.source, child.target)
        before = parents.logits(child.model, inputs)
        saved = original.clone()
        with torch.no_grad():
            original += 1
        assert torch.equal(dict(named_tensors(child.model))[name], saved + 1)
        assert not torch.equal(parents.logits(child.model, inputs), before)
        with torch.no_grad():
            original.copy_(saved)
        assert torch.equal(parents.logits(child.model, inputs), before)

    def test_a_sliced_tensor_lies_over_the_parents(self):
        parent = parents.parent()
        child = parents.sized_child(parent, "src+xattn[heads=0:1]")
        path = "model.decoder.layers.0.encoder_attn.q_proj"
        module, original = child.model.get_submodule(path), parent.model.get_submodule(path).weight
        assert parametrize.is_parametrized(module, "weight")
        assert module.parametrizations.weight[0].base is original
        assert torch.equal(module.weight, original)
        part = child.trained["xattn"][f"{path}.weight"]
        with torch.no_grad():
            part += 1
        assert torch.equal(module.weight[:8], original[:8])
        assert torch.equal(module.weight[8:], original[8:] + 1)

    def test_a_renewed_source_does_not_touch_the_target_of_a_shared_table(self):
        parent = parents.parent("marian-shared")
        child = parents.sized_child(parent, "src")
        table = parent.model.model.shared.weight
        assert child.model.model.decoder.embed_tokens.weight is table
        assert child.model.lm_head.weight is table
        assert child.model.model.encoder.embed_tokens.weight.shape == (43, 16)
        assert not hasattr(child.model.model, "shared")
        assert parent.model.model.encoder.embed_tokens.weight is table

    def test_the_alias_stays_where_no_side_is_new(self):
        child = parents.sized_child(parents.parent("marian-shared"), "embed")
        table = child.trained["src"]["lm_head.weight"]
        for path in ("model.shared", "model.encoder.embed_tokens", "model.decoder.embed_tokens", "lm_head"):
            assert child.model.get_submodule(path).weight is table

    def test_an_alias_model_shares_all_and_owns_its_modules(self):
        model = families.build("m2m100")
        alias = alias_model(model)
        for mine, theirs in (
            (alias.named_parameters(), model.named_parameters()),
            (alias.named_buffers(), model.named_buffers()),
        ):
            theirs = dict(theirs)
            assert all(tensor is theirs[name] for name, tensor in mine)
        assert not {id(module) for module in alias.modules()} & {id(module) for module in model.modules()}
        assert alias.config is not model.config and alias.model.config is alias.config


class TestInitialisation:
    FAMILIES = ("marian-separate", "marian-shared", "mbart", "t5", "fsmt")

    @pytest.mark.parametrize("family", FAMILIES)
    @pytest.mark.parametrize("text", ["src+randxattn", "tgt+randxattn", "scratch"])
    def test_what_starts_anew_is_finite_and_other_and_nothing_else_moves(self, family, text):
        parent = parents.shared(family)
        originals = dict(named_tensors(parent.model))
        before = {name: tensor.clone() for name, tensor in originals.items()}
        child = parents.sized_child(parent, text)
        tensors = dict(named_tensors(child.model))
        for planned in child.plan.tensors:
            for name in planned.names:
                tensor = tensors[name]
                assert tensor.isfinite().all(), name
                assert tuple(tensor.shape) == planned.shape
                if planned.reinitialise:
                    # Biases and norms of a shaken parent are not constant; fresh ones may be.
                    assert tensor.shape != before[name].shape or not torch.equal(tensor, before[name]), name
                elif planned.train:
                    assert torch.equal(tensor, before[name]) and tensor is not originals[name]
        assert all(torch.equal(tensor, before[name]) for name, tensor in originals.items())

    @pytest.mark.parametrize("family", ["marian-separate", "mbart", "t5"])
    def test_the_seed_decides_and_the_global_random_state_stays(self, family):
        parent, before = parents.shared(family), torch.random.get_rng_state()
        one, same, other = (
            parents.sized_child(parent, "src+randxattn", seed=seed).changed_tensors() for seed in (5, 5, 6)
        )
        assert torch.equal(torch.random.get_rng_state(), before)
        assert one.keys() == same.keys() == other.keys()
        assert all(torch.equal(one[name], same[name]) for name in one)
        matrices = [name for name in one if one[name].dim() == 2]
        assert matrices and not any(torch.equal(one[name], other[name]) for name in matrices)

    @pytest.mark.parametrize(("family", "text"), [("marian-shared", "scratch"), ("bart", "src+tgt+xattn")])
    def test_tables_have_the_deviation_of_their_width(self, family, text):
        parent = parents.parent(family, d_model=128)
        special = SpecialIds(eos=2, unk=3, pad=5, bos=1)
        child = parents.sized_child(parent, text, special=special)
        for stack in (child.model.get_encoder(), child.model.get_decoder()):
            table = stack.embed_tokens.weight
            assert table[5].eq(0).all() and stack.embed_tokens.padding_idx == 5
            rows = table[[row for row in range(len(table)) if row != 5]]
            assert rows.std().item() == pytest.approx(128**-0.5, rel=0.05)
            assert rows.mean().item() == pytest.approx(0, abs=0.005)

    def test_scratch_starts_a_kept_side_anew_as_well(self):
        parent = parents.parent(d_model=128)
        with torch.no_grad():
            parent.model.final_logits_bias += 1
        child = parents.child(parent, "scratch", source=43)
        table = child.model.lm_head.weight
        assert table.shape == (37, 128) and table[0].eq(0).all()
        assert table[1:].std().item() == pytest.approx(128**-0.5, rel=0.05)
        assert child.model.final_logits_bias.eq(0).all() and parent.model.final_logits_bias.ne(0).all()

    def test_norms_are_ones_and_biases_zeros(self):
        child = parents.sized_child(parents.shared("mbart"), "src+randxattn")
        layer = child.model.model.decoder.layers[1]
        assert layer.encoder_attn_layer_norm.weight.eq(1).all()
        assert layer.encoder_attn.k_proj.bias.eq(0).all()
        assert child.model.model.encoder.layernorm_embedding.weight.eq(1).all()
        assert not layer.self_attn_layer_norm.weight.eq(1).all()  # the parent's


class TestDescription:
    def test_languages_and_vocabularies(self):
        parent = parents.shared("marian-separate")
        new = parents.vocabulary(45)
        child = parents.child(parent, "tgt", target=NewSide("pt_BR", new))
        assert (child.source_language, child.target_language) == ("fr", "pt-BR")
        assert child.source is parent.source and child.target is new
        kept = parents.child(parent, "embed", languages={"source": "de"})
        assert (kept.source_language, kept.target_language) == ("de", "en")
        with pytest.raises(UsageError, match="'deutsch' is not a language code"):
            parents.child(parent, "tgt", target=NewSide("deutsch", new))

    def test_scratch_must_know_what_is_new(self):
        with pytest.raises(StrategyError, match="scratch needs a new side"):
            parents.child(parents.shared("marian-separate"), "scratch")

    @pytest.mark.parametrize("text", STRATEGIES)
    def test_what_is_trained_is_what_the_plan_trains(self, text):
        child = parents.sized_child(parents.shared("marian-shared"), text)
        trained = parents.trained(child)
        assert set(trained) == {planned.name for planned in child.plan.tensors if planned.train}
        assert set(child.trained) == {planned.group for planned in child.plan.tensors if planned.train}
        assert all(isinstance(tensor, torch.nn.Parameter) for tensor in trained.values())
        wanting = {id(tensor) for tensor in child.model.parameters() if tensor.requires_grad}
        assert wanting == {id(tensor) for tensor in trained.values()}
        assert set(child.changed_tensors()) == {planned.name for planned in child.plan.changed}
