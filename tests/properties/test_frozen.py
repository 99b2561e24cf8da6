"""Freezing is real: after optimiser steps with weight decay, frozen tensors are bit-equal and trained ones moved."""

from __future__ import annotations

import pytest
import torch

import families
import parents
from crosslate.models.strategies import STRATEGIES
from crosslate.models.tensors import named_tensors

LIMITED = (
    "src+xattn[layers=1]", "tgt+xattn[k,v]", "src+xattn[norm]", "tgt+xattn[layers=0;q,o]", "src+xattn[heads=0:1]",
    "src+tgt+xattn[heads=0:0;1:0-1]", "embed+xattn[heads=1:1;q,k]", "src+body[heads=0:1;o]",
)  # fmt: skip
BY_METHODS = (
    "bitfit", "lora[attention;rank=2]", "ia3", "adapters[width=4]", "prefix[length=3]", "xattn+lora(enc,dec;rank=2)",
    "xattn[heads=0:1]+ia3(enc)+lora(dec;rank=2)", "lora(enc;rank=2)+ia3(xattn)+adapters(dec;width=4)",
    "prefix(enc;length=3)+bitfit(dec)",
)  # fmt: skip
CASES = [
    (family, text) for family in ("marian-separate", "marian-shared") for text in (*STRATEGIES, *LIMITED)
]
CASES += [("marian-separate", f"tgt+{text}") for text in BY_METHODS]


@pytest.fixture(scope="module", autouse=True)
def _one_thread():
    with families.one_thread():
        yield


def everything(model):
    """Parameters, persistent buffers and the others, under all their names."""
    return dict(named_tensors(model)) | dict(model.named_buffers())


def train(child, num_updates=3):
    optimiser = torch.optim.AdamW(parents.trained(child).values(), lr=1e-2, weight_decay=0.1)
    child.model.train()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        for update in range(num_updates):
            inputs = parents.batch(child.source, child.target, seed=update)
            labels = torch.cat([inputs["decoder_input_ids"][:, 1:], torch.full((2, 1), 2)], dim=1)
            logits = child.model(**inputs, use_cache=False).logits
            loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), labels.flatten())
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
    return optimiser


@pytest.mark.parametrize(("family", "text"), CASES)
def test_only_what_is_trained_moves(family, text):
    origin = parents.shared(family)
    fingerprint, attention = origin.fingerprint(), origin.model.config._attn_implementation
    child = parents.sized_child(origin, text)
    trained = parents.trained(child)
    by_id = {id(tensor) for tensor in trained.values()}
    frozen = {name: t for name, t in everything(child.model).items() if id(t) not in by_id}
    before = {name: tensor.detach().clone() for name, tensor in frozen.items()}
    started = {name: tensor.detach().clone() for name, tensor in trained.items()}

    optimiser = train(child)

    after = everything(child.model)
    for name, tensor in frozen.items():
        assert after[name] is tensor, name
        assert torch.equal(tensor, before[name]), name
        assert tensor.grad is None, name
    parents_own = everything(origin.model)
    fresh_constants = {name for each in child.plan.changed if not each.is_parameter for name in each.names}
    for name, tensor in frozen.items():
        plain = name.replace(".base_layer", "")  # PEFT's layers hold the parent's
        if name not in fresh_constants and "parametrizations" not in name:
            assert tensor is parents_own[plain], name
    for name, tensor in trained.items():
        assert not torch.equal(tensor, started[name]), name
        assert tensor.grad is not None, name
        assert tensor.isfinite().all(), name
    assert {id(tensor) for tensor in child.model.parameters() if tensor.grad is not None} == by_id
    assert {id(tensor) for tensor in optimiser.state} == by_id
    state = [value for values in optimiser.state.values() for value in values.values() if value.dim()]
    num_trained = sum(account.num_trained for account in child.plan.account())
    assert sum(value.numel() for value in state) == 2 * num_trained
    assert (origin.fingerprint(), origin.model.config._attn_implementation) == (fingerprint, attention)


@pytest.mark.parametrize("family", ["marian-separate", "marian-shared", "mbart", "t5"])
def test_only_the_chosen_heads_move(family):
    """Two heads of width 8: head 1 of layer 0 is rows 8-15 of q, k and v, and columns 8-15 of o."""
    origin = parents.shared(family)
    child = parents.sized_child(origin, "src+xattn[heads=0:1]")
    before = {name: tensor.detach().clone() for name, tensor in everything(origin.model).items()}
    train(child)
    roles, layers = origin.anatomy.projections, origin.anatomy.layers
    seen = set()
    for name in origin.anatomy.names("xattn"):
        path, _, leaf = name.rpartition(".")
        now, then = getattr(child.model.get_submodule(path), leaf), before[name]
        role = roles[name]
        if layers[name] == 1 or role == "norm" or (role == "o" and leaf == "bias"):
            assert torch.equal(now, then), name
            continue
        seen.add(role)
        now, then = (now.T, then.T) if role == "o" else (now, then)
        assert torch.equal(now[:8], then[:8]), name
        assert (now[8:] != then[8:]).all(), name
    assert seen == {"q", "k", "v", "o"}
