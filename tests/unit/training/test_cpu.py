"""What is cheaper on CPU computes the same, and leaves the model as it was."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional

import families
from crosslate.training.cpu import SeededRandom, bf16_states, cheaper_on_cpu, eager_attention
from crosslate.training.loss import TranslationLoss
from toy_training import toy_batch


def test_eager_attention_lasts_as_long_as_it_is_wanted():
    model = families.build("marian-separate")
    model.set_attn_implementation("sdpa")
    with cheaper_on_cpu(model, is_bf16=False):
        assert model.config._attn_implementation == "eager"
        assert not any(module._forward_hooks for module in model.modules())  # states stay fp32
    assert model.config._attn_implementation == "sdpa"
    with eager_attention(nn.Linear(1, 1)):
        pass


def test_states_are_bf16_in_training_and_fp32_in_validation():
    model = families.build("marian-separate").train()
    with bf16_states(model):
        assert model.model.encoder.embed_tokens(torch.tensor([1])).dtype == torch.bfloat16
        model.eval()
        assert model.model.encoder.embed_tokens(torch.tensor([1])).dtype == torch.float32
    assert model.train().model.encoder.embed_tokens(torch.tensor([1])).dtype == torch.float32
    assert {each.dtype for each in model.parameters()} == {torch.float32}


@pytest.mark.parametrize("family", families.text_names())
def test_every_family_learns_the_same_in_bf16(family: str):
    model = families.build(family).train()
    batch = toy_batch(0, 1, 2, length=16, start=0)
    objective = TranslationLoss(model, 0.1)
    for module in model.modules():  # dropout and routing noise off, yet in training mode
        if isinstance(module, nn.Dropout):
            module.p = 0.0
        for name in ("dropout", "attention_dropout", "activation_dropout", "layerdrop", "jitter_noise"):
            if isinstance(vars(module).get(name), float):
                setattr(module, name, 0.0)
    exact = objective(batch)
    with cheaper_on_cpu(model, is_bf16=True), torch.autocast("cpu", torch.bfloat16):
        loss = objective(batch)
    torch.testing.assert_close(loss, exact, rtol=0.02, atol=0.0)
    loss.backward()
    assert all(each.grad.dtype == torch.float32 for each in model.parameters() if each.grad is not None)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_dropout_keeps_the_mean_and_its_gradient_is_the_mask(dtype: torch.dtype):
    states = torch.ones(400, 251, dtype=dtype, requires_grad=True)
    with SeededRandom(3):
        dropped = functional.dropout(states, 0.2)
    dropped.sum().backward()
    values = dropped.detach().unique()
    assert values.tolist() == [0.0, 1.25]
    assert torch.equal(states.grad, dropped.detach())
    # 100,400 draws: the standard deviation of the share is 0.0013.
    assert (dropped == 0).float().mean().item() == pytest.approx(0.2, abs=0.005)
    assert (dropped == 0).float().mean(0).std().item() == pytest.approx((0.2 * 0.8 / 400) ** 0.5, rel=0.2)


def test_masks_depend_on_the_seed_alone():
    states = torch.ones(64, 33)

    def dropped(seed: int, threads: int = 1) -> torch.Tensor:
        torch.set_num_threads(threads)
        with SeededRandom(seed):
            return torch.cat([functional.dropout(states, 0.5), nn.Dropout(0.5)(states)])

    first = dropped(1)
    assert torch.equal(first, dropped(1, threads=2))
    assert not torch.equal(first, dropped(2))
    assert not torch.equal(first[:64], first[64:])


def test_dropout_outside_training_and_at_its_limits():
    states = torch.ones(5, 7)
    with SeededRandom(1):
        assert torch.equal(functional.dropout(states, 0.5, training=False), states)
        assert torch.equal(functional.dropout(states, 0.0), states)
        assert not functional.dropout(states, 1.0).any()
        assert not functional.dropout(states, 1 - 2**-20).any()


def test_other_randomness_is_seeded_too_and_leaves_pytorchs_own_alone():
    before = torch.get_rng_state()

    def drawn(seed: int) -> torch.Tensor:
        with SeededRandom(seed):
            return torch.cat([torch.rand([3]), torch.empty(3).uniform_(), torch.zeros(3).normal_()])

    assert torch.equal(drawn(1), drawn(1))
    assert not torch.equal(drawn(1), drawn(2))
    assert torch.equal(torch.get_rng_state(), before)
