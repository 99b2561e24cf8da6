"""The partition is total and disjoint, and follows from the structure alone."""

from __future__ import annotations

import functools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import families
from crosslate.models.anatomy.anatomy import Anatomy
from crosslate.models.groups import GROUPS

SEPARABLE = tuple(name for name in families.names() if name != "t5gemma2")


@pytest.fixture(scope="module", autouse=True)
def _one_thread():
    with families.one_thread():
        yield


@functools.cache
def _examined(family: str) -> tuple[nn.Module, Anatomy]:
    """A model and its anatomy, shared by the tests that only read them."""
    model = families.build(family)
    return model, Anatomy.of(model)


def _all_names(model: nn.Module) -> dict[str, torch.Tensor]:
    found = dict(model.named_parameters(remove_duplicate=False))
    for path, module in model.named_modules(remove_duplicate=False):
        for name, buffer in module.named_buffers(recurse=False):
            if name not in module._non_persistent_buffers_set:
                found[f"{path}.{name}" if path else name] = buffer
    return found


def _assert_partition(model: nn.Module, anatomy: Anatomy) -> None:
    tensors = _all_names(model)
    assert set(anatomy.groups) | set(anatomy.aliases) == set(tensors)
    assert not set(anatomy.groups) & set(anatomy.aliases)
    assert set(anatomy.groups.values()) <= set(GROUPS)
    by_group = [anatomy.names(group) for group in GROUPS]
    assert sum(map(len, by_group)) == len(set().union(*by_group)) == len(anatomy.groups)
    assert anatomy.parameters == {
        name for name, _ in model.named_parameters(remove_duplicate=False)
    } and anatomy.parameters <= set(tensors)
    assert sum(anatomy.counts(model).values()) == sum(parameter.numel() for parameter in model.parameters())
    sharing: dict[int, set[str]] = {}
    for name, tensor in tensors.items():
        sharing.setdefault(tensor.untyped_storage().data_ptr(), set()).add(name)
    assert sorted(map(set, anatomy.ties), key=sorted) == sorted(
        (names for names in sharing.values() if len(names) > 1), key=sorted
    )


@pytest.mark.parametrize("family", SEPARABLE)
def test_every_tensor_has_exactly_one_group(family):
    model, anatomy = _examined(family)
    _assert_partition(model, anatomy)
    assert all(anatomy.names(group) for group in GROUPS)


@pytest.mark.parametrize("family", SEPARABLE)
def test_the_source_reaches_the_logits_through_the_values_alone(family):
    """With the values of cross-attention at zero, no logit depends on the source any more."""
    model, anatomy = families.build(family), _examined(family)[1]
    values = [name for name, role in anatomy.projections.items() if role == "v"]
    if not values:  # keys and values in one matrix
        values = [name for name in anatomy.names("xattn") if ".c_attn." in name]
        assert family.startswith("bert2gpt2")
    tensors = dict(model.named_parameters())
    with torch.no_grad():
        before = _logit_change(model)
        for name in values:
            tensors[name].zero_()
        after = _logit_change(model)
    assert before > 0 and after == 0


def _logit_change(model: nn.Module) -> float:
    """Largest difference that another source makes to the logits."""
    from crosslate.models.anatomy.probe import _step_inputs

    inputs, reads_tokens = _step_inputs(model, model.get_encoder())
    name = next(iter(inputs))
    other = inputs | {name: inputs[name].roll(1) + 1 if reads_tokens else -inputs[name].flip(-1) * 0.5 + 0.1}
    return float((model(**inputs).logits - model(**other).logits).abs().max())


@settings(max_examples=15, deadline=None, derandomize=True)
@given(
    family=st.sampled_from(["marian-shared", "marian-separate", "mbart", "bart", "pegasus-x", "nllb-moe"]),
    layers=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    heads=st.sampled_from([1, 2, 4]),
    width=st.sampled_from([16, 24]),
    seed=st.integers(0, 5),
)
def test_any_size_has_a_partition(family, layers, heads, width, seed):
    model = families.build(
        family,
        seed=seed,
        encoder_layers=layers[0],
        decoder_layers=layers[1],
        encoder_attention_heads=heads,
        decoder_attention_heads=heads,
        d_model=width,
    )
    anatomy = Anatomy.of(model)
    _assert_partition(model, anatomy)
    assert anatomy.heads == heads
    assert set(anatomy.layers.values()) == set(range(layers[1]))


@pytest.mark.parametrize("family", ["marian-separate", "t5", "bert2gpt2"])
def test_the_partition_does_not_depend_on_the_weights(family):
    assert Anatomy.of(families.build(family, seed=1)) == Anatomy.of(families.build(family, seed=2))
