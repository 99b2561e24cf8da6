"""Less memory, the same gradients: layers computed twice, frozen matrices in bfloat16."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from accelerate import Accelerator
from torch import nn

import families
import parents
from crosslate.errors import OutOfMemory, TrainingError
from crosslate.training.gradients import PlainGradients
from crosslate.training.loss import TranslationLoss
from crosslate.training.memory import checkpointed, memory_errors, run_precision, spread_frozen
from toy_training import toy_batch

CPU = torch.device("cpu")


def gradients(model: nn.Module, *, is_bf16: bool) -> dict[str, torch.Tensor]:
    model.zero_grad(set_to_none=True)
    compute = PlainGradients(
        Accelerator(cpu=True), TranslationLoss(model, 0.1), is_bf16=is_bf16, is_checkpointed=True
    )
    compute(toy_batch(0, 1, 2, 3), 5, 0.25, True)
    return {name: each.grad.clone() for name, each in model.named_parameters() if each.grad is not None}


@pytest.mark.parametrize("is_bf16", [False, True])
@pytest.mark.parametrize("family", ["marian-separate", "mbart", "m2m100", "t5"])
def test_layers_are_computed_twice_with_the_same_dropout(family: str, is_bf16: bool):
    model = families.build(family, **({} if family == "t5" else {"dropout": 0.3})).train()
    layer = next(
        module for name, module in model.named_modules() if name.endswith("fc1") or name.endswith("wi")
    )
    calls: list[int] = []
    layer.register_forward_hook(lambda *_: calls.append(1))
    expected = gradients(model, is_bf16=is_bf16)
    assert len(calls) == 1
    with checkpointed(model):
        found = gradients(model, is_bf16=is_bf16)
    assert len(calls) == 3
    gradients(model, is_bf16=is_bf16)
    assert len(calls) == 4  # switched off again
    assert expected.keys() == found.keys() and len(found) > 20
    for name, gradient in expected.items():
        torch.testing.assert_close(found[name], gradient, rtol=1e-5, atol=1e-6)


def test_models_that_do_not_know_how():
    with pytest.raises(TrainingError, match="Linear does not support gradient checkpointing; turn it off"):
        checkpointed(nn.Linear(2, 2)).__enter__()


def test_precision_of_models_held_in_bfloat16():
    parent = parents.parent("mbart")
    for precision in ("fp32", "fp16", "bf16"):
        assert run_precision(parent.model, precision, CPU) == precision
    parent.lower({"xattn"})
    assert run_precision(parent.model, "auto", CPU) == run_precision(parent.model, "bf16", CPU) == "bf16"
    for precision in ("fp32", "fp16"):
        with pytest.raises(
            TrainingError, match=f"precision is {precision}, but frozen tensors are held in bfloat16"
        ):
            run_precision(parent.model, precision, CPU)


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB\nmore"),
        RuntimeError(
            "[enforce fail at alloc_cpu.cpp:117] DefaultCPUAllocator: can't allocate memory: you tried"
        ),
        RuntimeError("MPS backend out of memory (MPS allocated: 17 GB)"),
        MemoryError(),
    ],
)
def test_a_batch_that_does_not_fit_says_what_can_be_done(error):
    with (
        pytest.raises(
            OutOfMemory, match=r"batches of 4,096 tokens .*; train with smaller ones, .*bfloat16.*layer"
        ),
        memory_errors(4096, torch.device("cpu")),
    ):
        raise error


def test_other_errors_stay_what_they_are():
    with pytest.raises(RuntimeError, match="shapes cannot"), memory_errors(4096, torch.device("cpu")):
        raise RuntimeError("shapes cannot be multiplied")


def test_a_strategy_that_leaves_nothing_to_shard_is_refused():
    parent = parents.parent("marian-separate")
    child = parents.child(parent, "src+xattn+low-rank(enc,dec;rank=2)", source=43)
    two = SimpleNamespace(num_processes=2, device=CPU)
    with pytest.raises(
        TrainingError, match=r"the strategy changes all of them; choose .* such as src\+xattn"
    ):
        spread_frozen(child.model, two)
